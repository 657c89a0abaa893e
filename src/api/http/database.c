/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GET /pool/xmldbdump. The document: manifest, then a table per class, a row per object, an attribute per
 * field. Source: the peer's database/db_xml.ml and xml_spaces.ml */
#include "api/http/database.h"

#include <string.h>

#include "api/http/entry.h"
#include "rpc/where.h"

/* What readers of the peer's format look at first: the schema of release 6.2. */
#define SCHEMA_MAJOR "5"
#define SCHEMA_MINOR "66"

#define FLUSH_BYTES (64 * 1024)
#define REMOVED     "REMOVED"

typedef struct Dump {
    Db *db;
    GString *text;
    HttpStream *stream; /* (nullable) where @text goes whenever there is enough of it */
    gboolean is_for_others;
} Dump;

static gboolean
flush(Dump *dump, gsize keep, GError **error)
{
    if (dump->stream == NULL || dump->text->len <= keep)
        return TRUE;
    if (!http_stream_write_all(dump->stream, dump->text->str, dump->text->len, error))
        return FALSE;
    g_string_truncate(dump->text, 0);
    return TRUE;
}

/* White space would be changed by whoever reads an attribute, so it is spelled with percent signs. */
static void
append_attribute(GString *out, const char *name, const char *value)
{
    g_string_append_printf(out, " %s=\"", name);
    for (const char *at = value; *at != '\0'; at++) {
        static const char special[] = " \t\n\r%<>&\"";
        static const char *const spellings[] = {"%.",   "%t",   "%n",    "%r",    "%%",
                                                "&lt;", "&gt;", "&amp;", "&quot;"};
        const char *found = strchr(special, *at);
        if (found != NULL)
            g_string_append(out, spellings[found - special]);
        else
            g_string_append_c(out, *at);
    }
    g_string_append_c(out, '"');
}

static gboolean
names_a_secret(const char *key)
{
    g_autofree char *lower = g_ascii_strdown(key, -1);
    return strstr(lower, "password") != NULL || strstr(lower, "secret") != NULL;
}

/* (transfer full): @value without what is nobody else's affair. */
static Value *
without_secrets(const ModelClass *model_class, const ModelField *field, Value *value)
{
    if (model_class_id(model_class) == CLASS_SECRET && g_str_equal(field->name, "value")) {
        value_unref(value);
        return value_string(REMOVED);
    }
    if (value_kind(value) != VALUE_MAP || field->type->element->kind != TYPE_STRING)
        return value;
    Value *kept = value_map_new(value_size(value));
    for (gsize i = 0; i < value_size(value); i++) {
        const char *key = value_map_key(value, i);
        value_map_set(kept, key,
                      names_a_secret(key) ? value_string(REMOVED) : value_ref(value_map_value(value, i)));
    }
    value_unref(value);
    return kept;
}

static void
append_field(Dump *dump, const DbRow *row, int field, GString *scratch)
{
    const ModelClass *model_class = row->model_class;
    Value *value = db_row_get(dump->db, row, field);
    if (dump->is_for_others)
        value = without_secrets(model_class, &model_class->fields[field], value);
    g_autofree char *name = where_field_name(model_class, field);
    g_string_truncate(scratch, 0);
    where_append_value(scratch, value);
    append_attribute(dump->text, name, scratch->str);
    value_unref(value);
}

static void
append_row(Dump *dump, const DbRow *row, GString *scratch)
{
    g_string_append(dump->text, "<row");
    append_attribute(dump->text, "ref", row->ref);
    g_string_append_printf(dump->text, " __ctime=\"%" G_GUINT64_FORMAT "\" __mtime=\"%" G_GUINT64_FORMAT "\"",
                           row->created, row->changed);
    append_attribute(dump->text, "_ref", row->ref);
    for (gsize i = 0; i < row->model_class->n_fields; i++)
        append_field(dump, row, (int)i, scratch);
    g_string_append(dump->text, "/>");
}

/* Every row of one moment, by class. (transfer full) */
static GPtrArray **
rows_by_class(const DbDelta *delta)
{
    GPtrArray **rows = g_new0(GPtrArray *, model_n_classes);
    for (gsize i = 0; i < model_n_classes; i++)
        rows[i] = g_ptr_array_new();
    for (gsize i = 0; i < delta->n_changes; i++) {
        const DbDeltaChange *change = &delta->changes[i];
        if (change->row != NULL && !change->row->is_volatile && model_classes[change->class_id].is_persistent)
            g_ptr_array_add(rows[change->class_id], change->row);
    }
    return rows;
}

static gboolean
write_table(Dump *dump, const ModelClass *model_class, const GPtrArray *rows, GError **error)
{
    g_autoptr(GString) scratch = g_string_new(NULL);
    g_string_append_printf(dump->text, "<table name=\"%s\">", model_class->name);
    for (guint i = 0; i < rows->len; i++) {
        append_row(dump, g_ptr_array_index(rows, i), scratch);
        if (!flush(dump, FLUSH_BYTES, error))
            return FALSE;
    }
    g_string_append(dump->text, "</table>");
    return TRUE;
}

static void
write_manifest(Dump *dump, guint64 generation)
{
    g_string_append_printf(dump->text,
                           "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<database><manifest>"
                           "<pair key=\"schema_major_vsn\" value=\"" SCHEMA_MAJOR "\"/>"
                           "<pair key=\"schema_minor_vsn\" value=\"" SCHEMA_MINOR "\"/>"
                           "<pair key=\"generation_count\" value=\"%" G_GUINT64_FORMAT "\"/></manifest>",
                           generation);
}

static gboolean
write_all(Dump *dump, GError **error)
{
    g_autofree DbInterest *interests = g_new0(DbInterest, model_n_classes);
    for (gsize i = 0; i < model_n_classes; i++)
        interests[i].class_id = (int)i;
    g_autoptr(DbDelta) delta = db_delta_new(dump->db, 0, interests, model_n_classes);
    GPtrArray **rows = rows_by_class(delta);
    write_manifest(dump, delta->generation);
    gboolean is_written = TRUE;
    for (gsize i = 0; i < model_n_classes; i++) {
        is_written = is_written &&
                     (!model_classes[i].has_rows || write_table(dump, &model_classes[i], rows[i], error));
        g_ptr_array_unref(rows[i]);
    }
    g_free(rows);
    g_string_append(dump->text, "</database>\n");
    return is_written && flush(dump, 0, error);
}

GString *
database_dump(Db *db, gboolean is_for_others)
{
    Dump dump = {.db = db, .text = g_string_new(NULL), .is_for_others = is_for_others};
    write_all(&dump, NULL); /* cannot fail without a stream */
    return dump.text;
}

gboolean
database_dump_to(Db *db, HttpStream *stream, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    Dump dump = {.db = db, .text = text, .stream = stream};
    return write_all(&dump, error);
}

gboolean
http_get_database(HttpCall *call, Value **ret_result, GError **error)
{
    HttpStream *stream = http_call_stream(call, "text/xml", "xapi-db.xml", error);
    return stream != NULL && database_dump_to(call->services->db, stream, error);
}
