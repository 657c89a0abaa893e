/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a line of the audit log says. Which parameters it names is the reference's rule: names and
 * descriptions, a few more of some calls, and objects by name, uuid and reference. Nothing else: it may be a
 * secret. */
#include "auth/audit.h"

#include "auth/audit_file.h"
#include "base/text.h"
#include "model/api_error.h"
#include "model/classes.h"
#include <string.h>
#include <unistd.h>

#define TEXT_MAX_BYTES 1024 /* of one parameter */

struct AuditTrail {
    AuditFile *file;
};

struct AuditCall {
    AuditTrail *audit;
    GString *head;   /* up to the verdict */
    char *action;    /* "'API' 'VM.start'" */
    GString *params; /* "(('vm' 'name' 'uuid' 'ref') ..)" */
};

/* ---- Which calls ---- */

/* Source: the reference: its logins are told by lines of their own, and waiting for events is no act */
static const char *const untold[] = {"session.logout",
                                     "session.local_logout",
                                     "session.login_with_password",
                                     "session.slave_local_login_with_password",
                                     "event.from",
                                     "event.next",
                                     "host.tickle_heartbeat"};

static gboolean
is_told(const ModelMessage *message)
{
    for (gsize i = 0; i < G_N_ELEMENTS(untold); i++) {
        if (g_str_equal(message->name, untold[i]))
            return FALSE;
    }
    return strstr(message->name, ".get") == NULL;
}

gboolean
audit_trail_covers(const ModelMessage *message)
{
    static gsize once = 0;
    static gboolean *covers;
    if (g_once_init_enter(&once)) {
        covers = g_new0(gboolean, model_n_messages);
        for (gsize i = 0; i < model_n_messages; i++)
            covers[i] = is_told(&model_messages[i]);
        g_once_init_leave(&once, 1);
    }
    return covers[model_message_id(message)];
}

/* ---- Which parameters ---- */

/* Source: the reference: told of every call */
static const char *const told_names[] = {"name",    "label", "description", "name_label", "name_description",
                                         "new_name"};

/* Source: the reference: told of these calls; "create" means the fields of the record */
static const struct ToldParam {
    const char *action, *param;
} told_params[] = {
    {"VM.create", "is_a_template"},
    {"VM.create", "memory_target"},
    {"VM.create", "memory_static_max"},
    {"VM.create", "memory_dynamic_max"},
    {"VM.create", "memory_dynamic_min"},
    {"VM.create", "memory_static_min"},
    {"VM.create", "ha_always_run"},
    {"VM.create", "ha_restart_priority"},
    {"VM.start", "start_paused"},
    {"VM.start", "force"},
    {"VM.start_on", "start_paused"},
    {"VM.start_on", "force"},
    {"VM.migrate", "live"},
    {"host.create", "hostname"},
    {"host.create", "address"},
    {"host.create", "external_auth_type"},
    {"host.create", "external_auth_service_name"},
    {"host.create", "edition"},
    {"host.enable_external_auth", "service_name"},
    {"host.enable_external_auth", "auth_type"},
    {"message.create", "body"},
    {"pool.create_VLAN", "device"},
    {"pool.create_VLAN", "VLAN"},
    {"pool.enable_external_auth", "service_name"},
    {"pool.enable_external_auth", "auth_type"},
    {"pool.join", "master_address"},
    {"pool.join_force", "master_address"},
    {"subject.create", "subject_identifier"},
};

static gboolean
is_told_param(const ModelMessage *message, const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(told_names); i++) {
        if (g_str_equal(told_names[i], name))
            return TRUE;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(told_params); i++) {
        if (g_str_equal(told_params[i].action, message->name) && g_str_equal(told_params[i].param, name))
            return TRUE;
    }
    return FALSE;
}

/* ---- Text ---- */

/* 'text', with what would end it escaped and no end of line. Too long ones are cut at a character. */
static void
append_quoted(GString *out, const char *text)
{
    const char *end = text + strnlen(text, TEXT_MAX_BYTES);
    while (*end != '\0' && end > text && ((guchar)*end & 0xc0) == 0x80)
        end--;
    g_string_append_c(out, '\'');
    for (const char *at = text; at < end; at++) {
        if (*at == '\'' || *at == '\\')
            g_string_append_c(out, '\\');
        g_string_append_c(out, (guchar)*at < 0x20 || *at == 0x7f ? ' ' : *at);
    }
    g_string_append_c(out, '\'');
}

static void
append_param(GString *out, const char *name, const char *value, const char *uuid, const char *ref)
{
    const char *const parts[] = {name, value, uuid, ref};
    g_string_append(out, out->str[out->len - 1] == '(' ? "(" : " (");
    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (i > 0)
            g_string_append_c(out, ' ');
        append_quoted(out, parts[i]);
    }
    g_string_append_c(out, ')');
}

/* A session's reference is a secret; this is what stands for it. Source: the reference */
static char *
track_id(const char *session_ref)
{
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_MD5, session_ref, -1);
    return g_strconcat("trackid=", digest, NULL);
}

static const char *
row_text(const DbRow *row, int field)
{
    return field >= 0 && !row->model_class->fields[field].is_derived ? db_row_string(row, field) : "";
}

static const char *
row_name(const DbRow *row)
{
    if (row->model_class == &model_classes[CLASS_SUBJECT])
        return db_row_map_string(row, SUBJECT_OTHER_CONFIG, "subject-name", "");
    return row_text(row, row->model_class->name_label_field);
}

/* ---- Parameters ---- */

static void
append_object(GString *out, Db *db, const char *name, int class_id, const char *ref)
{
    g_autoptr(DbRow) session = db_get(db, CLASS_SESSION, ref);
    g_autofree char *track = session != NULL ? track_id(ref) : NULL;
    g_autoptr(DbRow) row = db_get(db, class_id, ref);
    if (row != NULL)
        append_param(out, name, row_name(row), row_text(row, row->model_class->uuid_field),
                     track != NULL ? track : ref);
    else if (track != NULL || g_str_has_prefix(ref, "OpaqueRef:"))
        append_param(out, name, "", "", track != NULL ? track : ref);
}

static void
append_scalar(GString *out, const char *name, const Value *value)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    switch (value_kind(value)) {
    case VALUE_STRING:
    case VALUE_DATETIME:
        append_param(out, name, value_get_string(value), "", "");
        break;
    case VALUE_INT:
    case VALUE_COUNT:
        g_snprintf(number, sizeof number, "%" G_GINT64_FORMAT, value_get_int(value));
        append_param(out, name, number, "", "");
        break;
    case VALUE_BOOL:
        append_param(out, name, value_get_bool(value) ? "true" : "false", "", "");
        break;
    case VALUE_FLOAT:
        append_param(out, name, g_ascii_dtostr(number, sizeof number, value_get_float(value)), "", "");
        break;
    default:
        break;
    }
}

static void
append_value(GString *out, Db *db, const ModelMessage *message, const char *name, const Type *type,
             const Value *value)
{
    if (type->kind == TYPE_REF && value_kind(value) == VALUE_STRING)
        append_object(out, db, name, type->class_id, value_get_string(value));
    else if (is_told_param(message, name))
        append_scalar(out, name, value);
}

static void
append_record(GString *out, Db *db, const ModelMessage *message, const Value *record)
{
    const ModelClass *model_class = &model_classes[message->class_id];
    for (gsize i = 0; i < model_class->n_fields; i++) {
        const ModelField *field = &model_class->fields[i];
        const Value *value = value_map_get(record, field->name);
        if (value != NULL)
            append_value(out, db, message, field->name, field->type, value);
    }
    const Value *config = message->class_id == CLASS_SUBJECT ? value_map_get(record, "other_config") : NULL;
    if (config != NULL && value_kind(config) == VALUE_MAP)
        append_param(out, "subject-name", value_map_get_string(config, "subject-name", ""), "", "");
}

/* Which disk goes with the device. Source: the reference */
static void
append_vbd_disk(GString *out, Db *db, const char *vbd)
{
    g_autoptr(DbRow) row = db_get(db, CLASS_VBD, vbd);
    if (row != NULL)
        append_object(out, db, "VDI", CLASS_VDI, db_row_string(row, VBD_VDI));
}

static GString *
params_text(Db *db, const ModelMessage *message, Value *const *params)
{
    GString *out = g_string_new("(");
    for (gsize i = 0; i < message->n_params; i++) {
        const ModelParam *param = &message->params[i];
        if (param->type->kind == TYPE_RECORD && value_kind(params[i]) == VALUE_MAP)
            append_record(out, db, message, params[i]);
        else
            append_value(out, db, message, param->name, param->type, params[i]);
    }
    if (message->class_id == CLASS_VBD && message->kind == MESSAGE_DESTROY)
        append_vbd_disk(out, db, value_get_string(params[0]));
    g_string_append_c(out, ')');
    return out;
}

/* ---- Lines ---- */

/* Wall clock with milliseconds, as the reference writes it. */
static void
append_time(GString *out)
{
    gint64 now_us = base_now_us();
    g_autofree char *wire = base_time_to_wire(now_us / G_USEC_PER_SEC);
    wire[strlen(wire) - 1] = '\0'; /* Z comes behind the fraction */
    g_string_append_printf(out, "%s.%03dZ", wire, (int)(now_us % G_USEC_PER_SEC / 1000));
}

/* '|' and ']' end parts of the head. */
static void
append_head_text(GString *out, const char *text)
{
    for (gsize i = 0; text != NULL && text[i] != '\0' && i < 200; i++)
        g_string_append_c(out, (guchar)text[i] < 0x20 || strchr("|]", text[i]) != NULL ? ' ' : text[i]);
}

static GString *
head_text(const AuditOrigin *origin)
{
    GString *out = g_string_new("[");
    append_time(out);
    g_string_append_printf(out, "|info|%s|%d ", g_get_host_name(), (int)gettid());
    append_head_text(out, origin != NULL ? origin->peer : NULL);
    g_string_append_c(out, '|');
    append_head_text(out, origin != NULL ? origin->task : NULL);
    g_string_append(out, "|audit] (");
    return out;
}

static void
append_who(GString *out, const Session *session)
{
    g_autofree char *track = track_id(session->ref);
    append_quoted(out, track);
    g_string_append_c(out, ' ');
    append_quoted(out, session->is_local             ? "LOCAL_SESSION"
                       : session->is_local_superuser ? "LOCAL_SUPERUSER"
                                                     : session->user_sid);
    g_string_append_c(out, ' ');
    append_quoted(out, session->user_name);
}

/* Takes over @call. */
static void
tell(AuditCall *call, const char *verdict, const char *outcome)
{
    GString *line = call->head;
    g_string_append_printf(line, " '%s' '%s' %s %s)\n", verdict, outcome, call->action, call->params->str);
    audit_file_add(call->audit->file, g_string_free(line, FALSE));
    g_string_free(call->params, TRUE);
    g_free(call->action);
    g_free(call);
}

static AuditCall *
call_new(AuditTrail *audit, const Session *session, const char *kind, const char *action, GString *params,
         const AuditOrigin *origin)
{
    AuditCall *call = g_new(AuditCall, 1);
    *call = (AuditCall){.audit = audit,
                        .head = head_text(origin),
                        .action = g_strdup_printf("'%s' '%s'", kind, action),
                        .params = params};
    append_who(call->head, session);
    return call;
}

AuditCall *
audit_call_begin(AuditTrail *audit, Db *db, const Session *session, const ModelMessage *message,
                 Value *const *params, const AuditOrigin *origin)
{
    if (audit == NULL || session == NULL)
        return NULL;
    return call_new(audit, session, "API", message->name, params_text(db, message, params), origin);
}

/* Parameters of errors are left out: they may repeat what the client sent. */
static char *
outcome_text(const GError *error)
{
    if (error == NULL)
        return g_strdup("OK");
    return g_strconcat("ERROR:", error->domain == API_ERROR ? api_error_code(error) : "INTERNAL_ERROR", NULL);
}

void
audit_call_end(AuditCall *call, const GError *error)
{
    if (call == NULL)
        return;
    g_autofree char *outcome = outcome_text(error);
    tell(call, "ALLOWED", outcome);
}

void
audit_call_unanswered(AuditCall *call)
{
    if (call != NULL)
        tell(call, "ALLOWED", "ERROR:INTERNAL_ERROR");
}

void
audit_call_denied(AuditCall *call)
{
    if (call != NULL)
        tell(call, "DENIED", "");
}

void
audit_trail_http(AuditTrail *audit, const Session *session, const char *action, gboolean is_allowed,
                 const AuditOrigin *origin, const GError *error)
{
    if (audit == NULL)
        return;
    AuditCall *call = call_new(audit, session, "HTTP", action, g_string_new("()"), origin);
    if (is_allowed)
        audit_call_end(call, error);
    else
        audit_call_denied(call);
}

void
audit_trail_session(AuditTrail *audit, const Session *session, const char *action)
{
    if (audit == NULL)
        return;
    GString *params = g_string_new("(");
    if (g_str_equal(action, "session.create"))
        append_param(params, "uname", session->user_name, "", "");
    append_param(params, "originator", session->originator, "", "");
    g_string_append_c(params, ')');
    audit_call_end(call_new(audit, session, "API", action, params, NULL), NULL);
}

void
audit_trail_refused_login(AuditTrail *audit, const char *user, const char *originator)
{
    if (audit == NULL)
        return;
    GString *line = head_text(NULL);
    g_string_append(line, "'' '' ");
    append_quoted(line, user);
    g_string_append(line, " 'DENIED' '' 'API' 'session.create' (");
    append_param(line, "uname", user, "", "");
    append_param(line, "originator", originator, "", "");
    g_string_append(line, "))\n");
    audit_file_add(audit->file, g_string_free(line, FALSE));
}

/* ---- The log ---- */

AuditTrail *
audit_trail_open(const char *path, gsize max_bytes, guint n_kept, GError **error)
{
    AuditFile *file = audit_file_open(path, max_bytes, n_kept, error);
    if (file == NULL)
        return NULL;
    AuditTrail *audit = g_new(AuditTrail, 1);
    audit->file = file;
    return audit;
}

void
audit_trail_free(AuditTrail *audit)
{
    if (audit == NULL)
        return;
    audit_file_free(audit->file);
    g_free(audit);
}

void
audit_trail_flush(AuditTrail *audit)
{
    audit_file_flush(audit->file);
}
