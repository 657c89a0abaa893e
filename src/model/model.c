/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Look-ups over the generated tables, and the values that their defaults stand for. */
#include "model/model.h"

#include "value/json.h"
#include <string.h>

static GHashTable *classes_by_name;
static GHashTable *classes_by_event_name;
static GHashTable *messages_by_name; /* "VM.start" and "VM_start" */

/* A default in the model that does not fit its type is a mistake of ours: the generator has checked it. */
static Value *
default_value(const Type *type, const char *json)
{
    if (json == NULL)
        return type_default(type);
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) read = json_read(json, strlen(json), &error);
    Value *value = read != NULL ? type_coerce(type, read, &error) : NULL;
    if (value == NULL)
        g_error("default %s of type %s: %s", json, type->name, error->message);
    return value;
}

static void
init_class(ModelClass *model_class)
{
    for (gsize i = 0; i < model_class->n_fields; i++) {
        ModelField *field = &model_class->fields[i];
        field->default_value = default_value(field->type, field->default_json);
    }
    g_hash_table_insert(classes_by_name, (gpointer)model_class->name, model_class);
    g_hash_table_insert(classes_by_event_name, (gpointer)model_class->event_name, model_class);
}

static void
init_message(ModelMessage *message)
{
    for (gsize i = 0; i < message->n_params; i++) {
        ModelParam *param = &message->params[i];
        if (param->default_json != NULL)
            param->default_value = default_value(param->type, param->default_json);
    }
    g_hash_table_insert(messages_by_name, g_strdup(message->name), message);
    char *alias = g_strdup(message->name);
    *strchr(alias, '.') = '_';
    g_hash_table_insert(messages_by_name, alias, message);
}

void
model_init(void)
{
    static gsize once = 0;
    if (!g_once_init_enter(&once))
        return;
    classes_by_name = g_hash_table_new(g_str_hash, g_str_equal);
    classes_by_event_name = g_hash_table_new(g_str_hash, g_str_equal);
    messages_by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (gsize i = 0; i < model_n_classes; i++)
        init_class(&model_classes[i]);
    for (gsize i = 0; i < model_n_messages; i++)
        init_message(&model_messages[i]);
    g_once_init_leave(&once, 1);
}

const ModelClass *
model_class_by_name(const char *name)
{
    return g_hash_table_lookup(classes_by_name, name);
}

const ModelClass *
model_class_by_event_name(const char *name)
{
    g_autofree char *lower = g_ascii_strdown(name, -1);
    return g_hash_table_lookup(classes_by_event_name, lower);
}

const ModelMessage *
model_message_by_name(const char *name)
{
    return g_hash_table_lookup(messages_by_name, name);
}

int
model_field_by_name(const ModelClass *model_class, const char *name)
{
    for (gsize i = 0; i < model_class->n_fields; i++)
        if (strcmp(model_class->fields[i].name, name) == 0)
            return (int)i;
    return -1;
}

int
model_class_id(const ModelClass *model_class)
{
    return (int)(model_class - model_classes);
}

int
model_message_id(const ModelMessage *message)
{
    return (int)(message - model_messages);
}
