/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one engine behind the generated types: it walks a type's description to read it from a value, write it,
 * copy it and free it.
 *
 * On the wire: a struct is a map; a variant without payload is its constructor's name, with payload the array
 * [name, payload]; no option is a member left out (nil is accepted, and used where nothing can be left out);
 * list(tuple(string,string)) is a map; any other tuple is an array. */
#pragma once

#include "value/value.h"

typedef enum DomainKind {
    DOMAIN_KIND_STRING,  /* char *, owned */
    DOMAIN_KIND_INT64,   /* gint64 */
    DOMAIN_KIND_FLOAT,   /* double */
    DOMAIN_KIND_BOOL,    /* gboolean */
    DOMAIN_KIND_STRINGS, /* char **, NULL-terminated */
    DOMAIN_KIND_MAP,     /* Value *: a map of strings */
    DOMAIN_KIND_ENUM,    /* a C enum; members are its names */
    DOMAIN_KIND_STRUCT,  /* members at their offsets */
    DOMAIN_KIND_VARIANT, /* a DomainTag first; the payload at the member's offset */
    DOMAIN_KIND_TUPLE,   /* as a struct, without names on the wire */
    DOMAIN_KIND_LIST,    /* a DomainList */
    DOMAIN_KIND_OPTION,  /* a pointer to the element, or for strings the string itself */
} DomainKind;

typedef struct DomainType DomainType;

typedef struct DomainMember {
    const char *name;
    const DomainType *type; /* NULL: a constructor without payload */
    gsize offset;
    gboolean is_optional;  /* absent means zero, empty or none */
    gboolean is_unprinted; /* was added to what the interface document prints: does not travel over D-Bus */
} DomainMember;

struct DomainType {
    DomainKind kind;
    const char *name;      /* as in the model: "Vm.t" */
    const char *signature; /* on D-Bus: one type */
    gsize size;
    const DomainType *element; /* LIST, OPTION */
    const DomainMember *members;
    gsize n_members;
};

/* What every generated list looks like; the items' type differs. */
typedef struct DomainList {
    gpointer items;
    gsize n;
} DomainList;

/**
 * domain_type_read:
 * @ret: (out): memory of @type->size; written only on success; to be freed with domain_type_clear()
 *
 * Ints and floats may come as text, as the XML codec leaves them. Unknown members of a map are passed over.
 * Errors: BASE_ERROR_INVALID, naming the member: "Vm.t: ty: HVM: video: ...".
 */
gboolean domain_type_read(const DomainType *type, Value *value, gpointer ret, GError **error);

/** domain_type_write: (transfer full) */
Value *domain_type_write(const DomainType *type, gconstpointer data);

/** domain_type_clear: frees what @data holds and sets it to zero. Twice is harmless. */
void domain_type_clear(const DomainType *type, gpointer data);

/** domain_type_copy: makes @ret a deep copy of @data. */
void domain_type_copy(const DomainType *type, gconstpointer data, gpointer ret);

extern const DomainType domain_type_string;
extern const DomainType domain_type_int64;
extern const DomainType domain_type_float;
extern const DomainType domain_type_bool;
extern const DomainType domain_type_string_list;
extern const DomainType domain_type_string_map;

/* Every type of the model that is no primitive, for tests that walk them. Generated. */
extern const DomainType *const domain_types[];
extern const gsize domain_n_types;
