/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Types of the API, and the one function that turns what came over the wire into a value of that type. */
#pragma once

#include "value/value.h"

typedef enum TypeKind {
    TYPE_VOID,
    TYPE_STRING,
    TYPE_INT,
    TYPE_FLOAT,
    TYPE_BOOL,
    TYPE_DATETIME,
    TYPE_REF,
    TYPE_ENUM,
    TYPE_SET,
    TYPE_MAP,
    TYPE_RECORD, /* a struct of all fields of a class; checked by the object database, here only that it is a
                    map */
} TypeKind;

/* Names of an enum's members in wire spelling; the index is the C constant. */
typedef struct TypeEnum {
    const char *name;
    const char *const *members; /* NULL-terminated */
} TypeEnum;

typedef struct Type {
    TypeKind kind;
    const char *name;            /* as the API reference prints it: "set(VM ref)" */
    const struct Type *key;      /* MAP */
    const struct Type *element;  /* SET, MAP */
    const TypeEnum *enumeration; /* ENUM */
    int class_id;                /* REF, RECORD: index into the model's classes; else -1 */
} Type;

#define TYPE_ERROR (type_error_quark())
typedef enum TypeError {
    TYPE_ERROR_WRONG,    /* not of this type at all: text says what was expected and found; rpc makes it
                            INTERNAL_ERROR */
    TYPE_ERROR_VALUE,    /* an unknown enum member or a bad date: rpc makes it INVALID_VALUE [name, text]; the
                            message is the offending text */
    TYPE_ERROR_NOT_UTF8, /* the message is a printable form of the text */
} TypeError;
GQuark type_error_quark(void);

/**
 * type_coerce:
 * @value: as a codec read it
 *
 * Returns @value itself or its canonical form for @type (transfer full): an int from a string of digits, a
 * float from an int or string, a datetime from a string, an enum's member in the model's spelling (any case
 * is read), elements of sets and maps likewise; a set's duplicates are kept once. Int map keys are checked to
 * be ints and kept as text.
 *
 * Refs: any string; "" is read as OpaqueRef:NULL, and what is no ref will not be found.
 *
 * Errors: TYPE_ERROR.
 *
 * Source: protocol notes 1.1.
 */
Value *type_coerce(const Type *type, Value *value, GError **error);

/** type_default: what a field of this type holds when nothing says otherwise: "", 0, 0.0, FALSE, epoch,
 * OpaqueRef:NULL, first member, empty. (transfer full) */
Value *type_default(const Type *type);

/** type_enum_index: the member's index or -1. */
int type_enum_index(const TypeEnum *enumeration, const char *member);
