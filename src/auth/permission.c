/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Roles against messages and keys of maps. The tables stand in the model. */
#include "auth/permission.h"

#include "model/errors.h"
#include <string.h>

/* ---- Names ---- */

static char *
key_name(const ModelMessage *message, const char *key)
{
    return g_strdup_printf("%s/key:%s", message->name, key);
}

static const ModelField *
field_of(const ModelMessage *message)
{
    return message->field >= 0 ? &model_classes[message->class_id].fields[message->field] : NULL;
}

/* Source: protocol notes and the reference: keys are guarded in the messages that name one */
static gboolean
names_key(const ModelMessage *message)
{
    const ModelField *field = field_of(message);
    return (message->kind == MESSAGE_ADDER || message->kind == MESSAGE_REMOVER) && field->key_roles != NULL;
}

void
permission_each(PermissionVisit visit, gpointer data)
{
    for (gsize i = 0; i < model_n_messages; i++) {
        const ModelMessage *message = &model_messages[i];
        if (message->is_internal)
            continue;
        visit(data, message->name, message->least_role);
        if (!names_key(message))
            continue;
        for (const ModelKeyRole *guard = field_of(message)->key_roles; guard->key != NULL; guard++) {
            g_autofree char *name = key_name(message, guard->key);
            visit(data, name, guard->least_role);
        }
    }
    for (gsize i = 0; i < model_n_permissions; i++)
        visit(data, model_permissions[i].name, model_permissions[i].least_role);
}

typedef struct Listing {
    Value *names;
    ModelRole role;
} Listing;

static void
list_name(gpointer data, const char *name, ModelRole least)
{
    const Listing *listing = data;
    if (listing->role > least)
        return;
    g_autofree char *permission = g_ascii_strdown(name, -1);
    value_array_add(listing->names, value_string(permission));
}

Value *
permission_names(ModelRole role)
{
    Listing listing = {value_array_new(model_n_messages), role};
    permission_each(list_name, &listing);
    return listing.names;
}

/* ---- Refusals ---- */

/* The roles that would do, for people. */
static char *
roles_text(ModelRole least)
{
    GString *text = g_string_new(NULL);
    for (int role = 0; role <= (int)least && role < ROLE_N; role++)
        g_string_append_printf(text, "%s%s", role > 0 ? ", " : "", model_role_names[role]);
    return g_string_free(text, FALSE);
}

static gboolean
refuse(const char *name, ModelRole least, gboolean is_in_roles, GError **error)
{
    g_autofree char *permission = g_ascii_strdown(name, -1);
    g_autofree char *roles = is_in_roles ? roles_text(least) : g_strdup("");
    g_autofree char *text =
        g_strdup_printf("No permission in user session. (Roles with this permission: %s)", roles);
    return api_error_rbac_permission_denied(error, permission, text);
}

gboolean
permission_check_role(const Session *session, const char *permission, ModelRole least, GError **error)
{
    if (session->is_local_superuser || session->role <= least)
        return TRUE;
    return refuse(permission, least, TRUE, error);
}

/* ---- Keys of maps ---- */

static gboolean
key_matches(const char *pattern, const char *key)
{
    gsize length = strlen(pattern);
    if (pattern[length - 1] == '*')
        return strncmp(pattern, key, length - 1) == 0;
    return strcmp(pattern, key) == 0;
}

static const ModelKeyRole *
guard_of(const ModelField *field, const char *key)
{
    for (const ModelKeyRole *guard = field->key_roles; guard != NULL && guard->key != NULL; guard++) {
        if (key_matches(guard->key, key))
            return guard;
    }
    return NULL;
}

static gboolean
refuse_key(const ModelMessage *message, const ModelKeyRole *guard, GError **error)
{
    g_autofree char *name = key_name(message, guard->key);
    return refuse(name, guard->least_role, TRUE, error);
}

/* The message that a key of @field is guarded in. */
static const ModelMessage *
adder_of(int class_id, const ModelField *field)
{
    g_autofree char *name = g_strdup_printf("%s.add_to_%s", model_classes[class_id].name, field->name);
    return model_message_by_name(name);
}

/* A whole map at once must not get around its guarded keys: those beyond the session's role stay as they
 * are. */
static gboolean
check_map(const Session *session, int class_id, const ModelField *field, const Value *now, const Value *then,
          GError **error)
{
    for (gsize i = 0; then != NULL && i < value_size(then); i++) {
        const char *key = value_map_key(then, i);
        const ModelKeyRole *guard = guard_of(field, key);
        const Value *other = now != NULL ? value_map_get(now, key) : NULL;
        if (guard == NULL || session->role <= guard->least_role)
            continue;
        if (other == NULL || !value_equal(other, value_map_value(then, i)))
            return refuse_key(adder_of(class_id, field), guard, error);
    }
    return TRUE;
}

static gboolean
check_setter(Db *db, const Session *session, const ModelMessage *message, Value *const *params,
             GError **error)
{
    const ModelField *field = field_of(message);
    if (field->key_roles == NULL)
        return TRUE;
    g_autoptr(DbRow) row = db_get(db, message->class_id, value_get_string(params[0]));
    const Value *now = row != NULL ? row->fields[message->field] : NULL;
    return check_map(session, message->class_id, field, now, params[1], error) &&
           check_map(session, message->class_id, field, params[1], now, error);
}

static gboolean
check_record(const Session *session, const ModelMessage *message, const Value *record, GError **error)
{
    const ModelClass *model_class = &model_classes[message->class_id];
    for (gsize i = 0; i < model_class->n_fields; i++) {
        const ModelField *field = &model_class->fields[i];
        const Value *map = field->key_roles != NULL ? value_map_get(record, field->name) : NULL;
        if (map != NULL && value_kind(map) == VALUE_MAP &&
            !check_map(session, message->class_id, field, NULL, map, error))
            return FALSE;
    }
    return TRUE;
}

/* Beyond the message itself. */
static gboolean
check_values(Db *db, const Session *session, const ModelMessage *message, Value *const *params,
             GError **error)
{
    if (message->kind == MESSAGE_SETTER)
        return check_setter(db, session, message, params, error);
    if (message->kind == MESSAGE_CREATE)
        return check_record(session, message, params[0], error);
    return TRUE;
}

gboolean
permission_check(Db *db, const Session *session, const ModelMessage *message, Value *const *params,
                 GError **error)
{
    if (session->is_local_superuser)
        return TRUE;
    if (message->is_internal)
        return refuse(message->name, ROLE_POOL_ADMIN, FALSE, error);
    const ModelKeyRole *guard =
        names_key(message) ? guard_of(field_of(message), value_get_string(params[1])) : NULL;
    if (guard != NULL)
        return session->role <= guard->least_role || refuse_key(message, guard, error);
    if (session->role > message->least_role)
        return refuse(message->name, message->least_role, TRUE, error);
    return check_values(db, session, message, params, error);
}
