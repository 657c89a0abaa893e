/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Objects, tasks and sessions, counted. */
#include "daemon/server_dump.h"

#include <string.h>

#include "model/classes.h"

#define TASKS_SHOWN 200 /* pending ones, oldest first */

static void
dump_objects(Db *db, GString *out)
{
    g_string_append_printf(out, "database: generation %" G_GUINT64_FORMAT "\n", db_generation(db));
    for (gsize i = 0; i < model_n_classes; i++) {
        gsize count = model_classes[i].has_rows ? db_count(db, (int)i) : 0;
        if (count > 0)
            g_string_append_printf(out, "  %-24s %" G_GSIZE_FORMAT "\n", model_classes[i].name, count);
    }
}

static void
count_text(GHashTable *counts, const char *text)
{
    gsize count = GPOINTER_TO_SIZE(g_hash_table_lookup(counts, text)) + 1;
    g_hash_table_insert(counts, g_strdup(text), GSIZE_TO_POINTER(count));
}

static int
compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

static void
print_counts(GString *out, GHashTable *counts)
{
    g_autoptr(GList) keys = g_list_sort(g_hash_table_get_keys(counts), compare_texts);
    for (GList *key = keys; key != NULL; key = key->next)
        g_string_append_printf(out, "  %-24s %" G_GSIZE_FORMAT "\n", (const char *)key->data,
                               GPOINTER_TO_SIZE(g_hash_table_lookup(counts, key->data)));
}

/* How many rows have each value of a field of text. */
static void
dump_counts(Db *db, int class_id, int field, const char *title, GString *out)
{
    g_autoptr(GPtrArray) rows = db_get_all(db, class_id);
    g_autoptr(GHashTable) counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < rows->len; i++)
        count_text(counts, db_row_string(rows->pdata[i], field));
    g_string_append_printf(out, "%s: %u\n", title, rows->len);
    print_counts(out, counts);
}

static void
dump_pending(Db *db, GString *out)
{
    g_autoptr(GPtrArray) rows = db_get_all(db, CLASS_TASK);
    guint shown = 0;
    for (guint i = 0; i < rows->len && shown < TASKS_SHOWN; i++) {
        const DbRow *row = rows->pdata[i];
        const char *status = db_row_string(row, TASK_STATUS);
        if (strcmp(status, "pending") != 0 && strcmp(status, "cancelling") != 0)
            continue;
        g_string_append_printf(out, "  %s %s %3.0f %% since %s: %s\n", db_row_string(row, TASK_UUID), status,
                               db_row_float(row, TASK_PROGRESS) * 100, db_row_string(row, TASK_CREATED),
                               db_row_string(row, TASK_NAME_LABEL));
        shown++;
    }
}

void
server_dump_services(const ApiServices *services, GString *out)
{
    dump_objects(services->db, out);
    dump_counts(services->db, CLASS_SESSION, SESSION_ORIGINATOR, "sessions, by originator", out);
    dump_counts(services->db, CLASS_TASK, TASK_STATUS, "tasks, by status", out);
    dump_pending(services->db, out);
}
