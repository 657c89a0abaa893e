/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The API's model as tables: classes, fields, messages, roles. The tables themselves are generated from
 * model/ by gen/; constants for them are in the generated "model/classes.h" (CLASS_VM, VM_POWER_STATE, ...),
 * "model/enums.h" and "model/messages.h". */
#pragma once

#include "value/type.h"
#include "value/value.h"

/* From most to least privileged: a holder of one may do all that the later ones may. */
typedef enum ModelRole {
    ROLE_POOL_ADMIN,
    ROLE_POOL_OPERATOR,
    ROLE_VM_POWER_ADMIN,
    ROLE_VM_ADMIN,
    ROLE_VM_OPERATOR,
    ROLE_READ_ONLY,
    ROLE_N,
} ModelRole;

typedef enum FieldQualifier {
    FIELD_RW,    /* set by clients at any time */
    FIELD_ROINS, /* given at creation, then fixed */
    FIELD_RORUN, /* written by the server alone */
} FieldQualifier;

/* What happens to a ref field when the object it names is deleted. */
typedef enum FieldOnDelete {
    ON_DELETE_NULL,    /* becomes OpaqueRef:NULL; members of sets and map values go away */
    ON_DELETE_CASCADE, /* the row holding the field is deleted too: parts of a whole, VBD.VM */
    ON_DELETE_REFUSE,  /* the deletion fails: VDI.SR */
} FieldOnDelete;

/* A key of a map field that another role than the field's may write. */
typedef struct ModelKeyRole {
    const char *key; /* a '*' at its end stands for anything; NULL ends a list */
    ModelRole least_role;
} ModelKeyRole;

/* A permission that belongs to no message. */
typedef struct ModelPermission {
    const char *name; /* "task.destroy/any" */
    ModelRole least_role;
} ModelPermission;

typedef struct ModelField {
    const char *name; /* wire name: "name_label" */
    const Type *type;
    FieldQualifier qualifier;
    gboolean is_persistent; /* kept over a restart */
    gboolean is_derived;    /* reverse side of a relation: read from the index, never stored */
    gboolean is_optional;   /* create() may leave it out */
    int peer_class;         /* derived fields: the class whose rows point here, and their field; else -1 */
    int peer_field;
    FieldOnDelete on_delete; /* for refs that are not derived */
    const char *default_json;
    Value *default_value; /* made from default_json by model_init(); immortal */
    const char *doc;
    const ModelKeyRole *key_roles; /* NULL: none */
} ModelField;

typedef enum MessageKind {
    MESSAGE_CUSTOM,
    MESSAGE_GETTER,
    MESSAGE_SETTER,
    MESSAGE_ADDER,   /* add_to_X of a map, add_X of a set */
    MESSAGE_REMOVER, /* remove_from_X, remove_X */
    MESSAGE_GET_BY_UUID,
    MESSAGE_GET_BY_NAME_LABEL,
    MESSAGE_GET_RECORD,
    MESSAGE_GET_ALL,
    MESSAGE_GET_ALL_RECORDS,
    MESSAGE_GET_ALL_WHERE,         /* newer: expression */
    MESSAGE_GET_ALL_RECORDS_WHERE, /* newer: expression */
    MESSAGE_CREATE,
    MESSAGE_DESTROY,
} MessageKind;

typedef struct ModelParam {
    const char *name;
    const Type *type;
    const char *default_json; /* NULL: must be given. Only trailing parameters have one */
    Value *default_value;
} ModelParam;

/* An object that a message acts on: its current_operations show @operation while the message runs. */
typedef struct ModelMark {
    int param;             /* index of the parameter with the object */
    int relation;          /* field of the parameter's class whose refs are marked instead ("VBDs"), or -1 */
    int class_id;          /* class of what is marked */
    const char *operation; /* member of that class's operations enum */
} ModelMark;

typedef enum ModelRunsOn {
    RUNS_ON_ANY,
    RUNS_ON_RESIDENT,
    RUNS_ON_CHOSEN,
    RUNS_ON_NAMED,
    RUNS_ON_SR,
    RUNS_ON_ALL
} ModelRunsOn;

/* What the engine does around a message that acts on objects. */
typedef struct ModelEngine {
    const char *const *from_states; /* NULL: any. VM power states, or "plugged"/"unplugged" of VBD, VIF, PBD;
                                       of the first mark's object */
    const ModelMark *marks;
    gsize n_marks;
    const char *const *
        conflicts; /* operations of the first mark's object that must not be in progress; NULL: none may be */
    ModelRunsOn runs_on;
    gboolean allows_template;
    gboolean allows_control_domain;
} ModelEngine;

typedef struct ModelMessage {
    const char *name; /* "VM.start" */
    int class_id;
    MessageKind kind;
    int field; /* getter, setter, adder, remover; else -1 */
    ModelParam *params;
    gsize n_params;
    gsize n_required; /* leading parameters without default */
    const Type *result;
    gboolean needs_session;
    gboolean has_async;
    gboolean is_handled;  /* has a function of its own in src/api (or will: model/pending.txt) */
    gboolean is_pending;  /* stands in model/pending.txt: answers NOT_IMPLEMENTED */
    gboolean is_internal; /* in no role: for local superusers, as storage plugins' sessions are */
    gboolean is_newer;    /* not in the 2.0 reference */
    ModelRole least_role;
    const ModelEngine *engine; /* NULL: none */
    const char *doc;
} ModelMessage;

typedef struct ModelClass {
    const char *name;       /* "VM" */
    const char *event_name; /* lower case: "vm" */
    gboolean is_persistent; /* rows are kept over a restart */
    gboolean has_rows;      /* auth, event, data_source have none */
    gboolean has_events;
    ModelField *fields;
    gsize n_fields;
    int uuid_field, name_label_field; /* -1: none */
    int allowed_operations_field, current_operations_field;
    const TypeEnum *operations; /* of allowed_operations; NULL: none */
    const char *doc;
} ModelClass;

/* Generated tables; the index is the CLASS_* or MESSAGE_* constant. */
extern ModelClass model_classes[];
extern const gsize model_n_classes;
extern ModelMessage model_messages[];
extern const gsize model_n_messages;
extern const char *const model_role_names[ROLE_N]; /* "pool-admin", ... */
extern const char *const model_role_docs[ROLE_N];
extern const ModelPermission model_permissions[]; /* those that belong to no message */
extern const gsize model_n_permissions;

/** model_init: makes default values and look-up tables. Call once before all else; again is harmless. */
void model_init(void);

/** model_class_by_name: exact spelling ("VM"); NULL if unknown. */
const ModelClass *model_class_by_name(const char *name);
/** model_class_by_event_name: any case ("vm", "VM"). */
const ModelClass *model_class_by_event_name(const char *name);
/** model_message_by_name: "VM.start" or "VM_start". */
const ModelMessage *model_message_by_name(const char *name);
/** model_field_by_name: index into @model_class's fields, or -1. */
int model_field_by_name(const ModelClass *model_class, const char *name);
int model_class_id(const ModelClass *model_class);
int model_message_id(const ModelMessage *message);
