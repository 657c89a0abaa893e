/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The shape of the tables made from model/cli.toml: classes with their fields, and commands. */
#pragma once

#include "db/db.h"
#include "model/model.h"

typedef struct CliCall CliCall;

/* What runs a command. FALSE: @error says what to report. */
typedef gboolean (*CliHandler)(CliCall *call, GError **error);

/* Makes the value of a field no table describes. (transfer full); never NULL. */
typedef char *(*CliSpecial)(CliCall *call, DbRow *row);

typedef enum CliKind { CLI_KIND_STRING, CLI_KIND_SET, CLI_KIND_MAP } CliKind;

enum {
    CLI_FIELD_HIDDEN = 1 << 0,    /* only when asked for by name */
    CLI_FIELD_EXPENSIVE = 1 << 1, /* left out of lists */
    CLI_FIELD_FOLDED = 1 << 2,    /* compared in any case */
    CLI_FIELD_SIZE = 1 << 3,      /* takes sizes with suffix */
    CLI_FIELD_VALUES = 1 << 4,    /* of a map, the values alone */
    CLI_FIELD_SETTABLE = 1 << 5,  /* a set that may also be set whole, comma-separated */
    CLI_FIELD_WRITABLE = 1 << 6,  /* of a class the server lacks: could be set if it had it */
};

/* One field under its command-line name. Paths are field indices of the model, ended by -1; the first is of
 * the object's class, each next one of the class the one before refers to. Messages are indices into
 * model_messages, or -1. */
typedef struct CliField {
    const char *name;  /* "name-label" */
    const char *label; /* as it prints: "name-label ( RW)" */
    CliKind kind;
    guint flags;
    ModelRole role;          /* the least that may read it */
    const int *path;         /* where the value is; of a data source, the object that has it */
    const char *template;    /* text with {} for each of parts */
    const char *source;      /* name of a data source with {} for each of parts */
    const int *const *parts; /* NULL-terminated */
    double scale;            /* what a data source's value is divided by */
    CliSpecial special;
    int call;              /* message whose result is the value */
    int setter;            /* sets the whole */
    int adder;             /* adds a member, or a key and its value */
    int remover;           /* takes one away */
    int put;               /* sets one key of a map */
    int whole;             /* sets the whole map */
    const char *separator; /* NULL: "; " */
    const char *missing;   /* when a reference leads nowhere; NULL: CLI_MISSING */
    const char *blank;     /* for an empty text; NULL: as it is */
} CliField;

#define CLI_MISSING "<not in database>"

typedef struct CliClass {
    const char *name;   /* "vm" */
    const char *plural; /* "vms", for help */
    int class_id;       /* -1: the server lacks it, */
    const char *lacks;  /* under this name of the API; otherwise NULL */
    ModelRole role;     /* the least that may read its records */
    const CliField *fields;
    gsize n_fields;
    const char *const *filters; /* field, value, field, value, ... NULL; or NULL */
    int only; /* a set of the model: X-list shows only objects where it is not empty; -1: all */
    const char *const *columns; /* NULL: all */
    gboolean is_standard;
} CliClass;

extern const CliClass cli_classes[];
extern const gsize cli_n_classes;

/* How people read and write a member of an enum, where that is not the wire's spelling. In order of
 * enumeration and member. */
typedef struct CliSpelling {
    const char *enumeration;
    const char *member;
    const char *text;
} CliSpelling;

extern const CliSpelling cli_spellings[]; /* and an empty row */
extern const gsize cli_n_spellings;

typedef enum CliArgumentKind {
    CLI_ARGUMENT_PLAIN,    /* the value of a key, read by the parameter's type */
    CLI_ARGUMENT_SELECTED, /* the selected object */
    CLI_ARGUMENT_CONSTANT, /* always the fallback */
    CLI_ARGUMENT_PREFIX,   /* a map of key:k=v, or a set of key:k */
    CLI_ARGUMENT_SIZE,     /* a number with size suffix */
    CLI_ARGUMENT_NAMED,    /* an object by uuid, name or host name */
    CLI_ARGUMENT_FILE,     /* content of a file of the user */
    CLI_ARGUMENT_ENCODED,  /* the same in base64 */
    CLI_ARGUMENT_BASENAME, /* its name without folders */
    CLI_ARGUMENT_SNAPSHOT, /* a VM that is a snapshot; key "snapshot-uuid" does too */
    CLI_ARGUMENT_TEMPLATE, /* a VM that is a template */
    CLI_ARGUMENT_ENTRY,    /* a map with the key and its value; empty when it is not given */
} CliArgumentKind;

/* Where one parameter of a message comes from. */
typedef struct CliArgument {
    CliArgumentKind kind;
    const char *key;
    const char *fallback; /* NULL: none; "@master", "@pool", "@null", "@default-sr": these objects */
} CliArgument;

typedef struct CliRecordField {
    int field; /* of the class the record is of */
    CliArgument argument;
} CliRecordField;

/* A message and its parameters. */
typedef struct CliMessage {
    int message;
    const CliArgument *arguments;
    gsize n_arguments;
    const CliRecordField *record; /* instead of arguments: the one parameter is a record */
    gsize n_record;
} CliMessage;

/* Instead of a command's message, when a key says so. */
typedef struct CliAlternative {
    const char *key;
    gboolean if_true; /* only when its value is true; otherwise whenever it is given */
    CliMessage message;
} CliAlternative;

/* A call on the object a command made, when the key is given. */
typedef struct CliThen {
    const char *key;
    int message;
} CliThen;

enum {
    CLI_FLAG_STANDARD = 1 << 0, /* in the short help */
    CLI_FLAG_HIDDEN = 1 << 1,
    CLI_FLAG_NEVERFORWARD = 1 << 2,
    CLI_FLAG_LOCAL_SESSION = 1 << 3,
    CLI_FLAG_USES_CLIENT_STREAM = 1 << 4,
    CLI_FLAG_VM_SELECTORS = 1 << 5,
    CLI_FLAG_HOST_SELECTORS = 1 << 6,
    CLI_FLAG_SR_SELECTORS = 1 << 7,
    CLI_FLAG_DEPRECATED = 1 << 8,
    CLI_FLAG_ALLOW_TEMPLATES = 1 << 9,
    CLI_FLAG_ALLOW_CONTROL_DOMAINS = 1 << 10,
    CLI_FLAG_SINGLE = 1 << 11, /* never several objects */
    CLI_FLAG_NEEDS_FORCE = 1 << 12,
    CLI_FLAG_REPORTS_HOSTS = 1 << 13, /* says of each host why it will not do */
    CLI_FLAG_MANY = 1 << 14,          /* several objects without --multiple too */
};

typedef enum CliPrint {
    CLI_PRINT_NONE,
    CLI_PRINT_UUID,    /* of the objects the result refers to */
    CLI_PRINT_VALUE,   /* the result; of a set each member */
    CLI_PRINT_TEXT,    /* the result, not with --minimal */
    CLI_PRINT_TABLE,   /* a map as one record */
    CLI_PRINT_RECORDS, /* a set of structs as records */
    CLI_PRINT_FIELD,   /* a field of the object the result refers to */
} CliPrint;

/* One command of model/cli.toml. */
typedef struct CliRow {
    const char *name;
    const char *const *required; /* NULL: none */
    const char *const *optional; /* NULL: none */
    guint flags;
    const char *help;
    CliHandler handler; /* or: */
    const char *lacks;  /* the message of the API it would be, which this server does not have; or: */
    const CliMessage *message;
    const CliAlternative *alternatives;
    gsize n_alternatives;
    const CliThen *then;
    gsize n_then;
    const char *const *one_of;      /* exactly one of these keys; NULL: no such rule */
    const char *const *warn;        /* said before asking for a yes; NULL: does not ask */
    const char *const *unsupported; /* keys that others take and this server cannot honour; NULL: none */
    const char *const *heading;     /* first line of a table: two texts; NULL: none */
    const char *const *keys;        /* of a table, only these; NULL: all */
    CliPrint print;
    int print_field;
} CliRow;

extern const CliRow cli_rows[]; /* in order of name */
extern const gsize cli_n_rows;
