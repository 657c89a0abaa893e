/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XML-RPC as XenAPI's clients and storage plugins speak it. Reading is libxml2 SAX without entities; writing
 * is direct. */
#pragma once

#include "value/value.h"

/* Bounds on what is read; over them: BASE_ERROR_TOO_LARGE. */
#define XMLRPC_MAX_DEPTH  64
#define XMLRPC_MAX_VALUES 1000000

typedef struct XmlrpcCall {
    char *method;
    Value *params; /* array */
} XmlrpcCall;

void xmlrpc_call_clear(XmlrpcCall *call);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(XmlrpcCall, xmlrpc_call_clear)

/**
 * xmlrpc_read_call:
 *
 * Reads a methodCall. Strings, ints without tag and refs become VALUE_STRING; int, i4, i8 VALUE_INT; base64
 * is refused. A dateTime that is no date becomes VALUE_STRING, for type_coerce() to refuse by name. DTDs,
 * entities other than the five predefined and character references, and processing instructions are refused.
 * Errors: BASE_ERROR_INVALID, BASE_ERROR_TOO_LARGE.
 */
gboolean xmlrpc_read_call(const char *text, gsize length, XmlrpcCall *ret_call, GError **error);

/* A fault in a methodResponse. */
#define XMLRPC_FAULT (xmlrpc_fault_quark())
GQuark xmlrpc_fault_quark(void); /* GError.code is faultCode, GError.message is faultString */

/** xmlrpc_read_reply: the value of a methodResponse. Errors: XMLRPC_FAULT (the peer's), BASE_ERROR_INVALID,
 * _TOO_LARGE. */
Value *xmlrpc_read_reply(const char *text, gsize length, GError **error);

/** xmlrpc_read_value: one bare <value> element, as tasks keep their result. */
Value *xmlrpc_read_value(const char *text, gsize length, GError **error);

/** xmlrpc_write_value: "<value>..</value>" in the exact forms of protocol notes 1.1, no white space. */
void xmlrpc_write_value(GString *out, const Value *value);

/** xmlrpc_write_text: character data escaped; control bytes but tab, LF, CR dropped. */
void xmlrpc_write_text(GString *out, const char *text, gsize length);

/** xmlrpc_write_call: a whole methodCall; @params is an array. */
void xmlrpc_write_call(GString *out, const char *method, const Value *params);

/* Reply envelopes. Between _begin and _end the caller writes exactly one value. */
void xmlrpc_write_success_begin(GString *out); /* struct with Status=Success and Value */
void xmlrpc_write_success_end(GString *out);
void xmlrpc_write_failure(GString *out, const char *code,
                          const char *const *params); /* struct with Status=Failure, ErrorDescription */
void xmlrpc_write_bare_begin(
    GString *out); /* methodResponse around a bare value: system.listMethods, storage plugins */
void xmlrpc_write_bare_end(GString *out);
void xmlrpc_write_fault(GString *out, int code, const char *text);
