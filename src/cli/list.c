/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists objects of a class, in one pass over its rows. Source: protocol notes 7.3. */
#include "cli/list.h"

#include <string.h>

#include "cli/database.h"
#include "cli/print.h"

#define EXPENSIVE "<expensive field>"

static gboolean
is_asked(const char *const *names, const char *name)
{
    return names == NULL || g_strv_contains(names, name);
}

/* (element-type CliField): the fields to print, in the class's order. */
static GPtrArray *
choose_fields(const CliClass *cli_class, const char *asked, const char *const *columns)
{
    g_auto(GStrv) words = asked == NULL || strcmp(asked, "all") == 0 ? NULL : g_strsplit(asked, ",", -1);
    const char *const *names = asked == NULL ? columns : (const char *const *)words;
    GPtrArray *fields = g_ptr_array_new();
    for (gsize i = 0; i < cli_class->n_fields; i++) {
        const CliField *field = &cli_class->fields[i];
        if ((field->flags & CLI_FIELD_HIDDEN) == 0 && is_asked(names, field->name))
            g_ptr_array_add(fields, (gpointer)field);
    }
    return fields;
}

static gboolean
check_fields(CliCall *call, GPtrArray *fields, GError **error)
{
    for (guint i = 0; i < fields->len; i++) {
        const CliField *field = fields->pdata[i];
        if (!cli_check_role(call, field->role, field->name, error))
            return FALSE;
    }
    return TRUE;
}

static void
print_row(CliCall *call, GPtrArray *fields, DbRow *row, gboolean shows_expensive)
{
    g_autofree CliCell *cells = g_new0(CliCell, fields->len);
    g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < fields->len; i++) {
        const CliField *field = fields->pdata[i];
        /* Of a record --minimal shows the first value alone. */
        gboolean is_shown = !call->is_minimal || i == 0;
        gboolean is_left_out = (field->flags & CLI_FIELD_EXPENSIVE) != 0 && !shows_expensive;
        g_ptr_array_add(values, !is_shown     ? NULL
                                : is_left_out ? g_strdup(EXPENSIVE)
                                              : cli_field_text(call, field, row));
        cells[i] = (CliCell){field->label, values->pdata[i]};
    }
    cli_print_record(call, cells, fields->len);
}

gboolean
cli_list_rows(CliCall *call, const CliClass *cli_class, GPtrArray *rows, const char *asked,
              const char *const *columns, gboolean shows_expensive, GError **error)
{
    g_autoptr(GPtrArray) fields = choose_fields(cli_class, asked, columns);
    if (!cli_check_role(call, cli_class->role, cli_class->name, error) || !check_fields(call, fields, error))
        return FALSE;
    for (guint i = 0; i < rows->len && !g_cancellable_is_cancelled(call->cancellable); i++)
        print_row(call, fields, rows->pdata[i], shows_expensive);
    return TRUE;
}

static gboolean
add_filter(CliCall *call, const CliClass *cli_class, const char *word, const char *value, GArray *filters,
           GError **error)
{
    CliFilter filter = {0};
    if (!cli_filter_parse(cli_class, word, value, &filter, error) ||
        !cli_check_role(call, filter.field->role, filter.field->name, error))
        return FALSE;
    g_array_append_val(filters, filter);
    return TRUE;
}

/* Some objects of a class are not for people: those whose set of the class's choice is empty. */
static GPtrArray *
drop_inner_rows(CliCall *call, const CliClass *cli_class, GPtrArray *rows)
{
    GPtrArray *shown = g_ptr_array_new_with_free_func((GDestroyNotify)db_row_unref);
    for (guint i = 0; i < rows->len; i++) {
        g_autoptr(Value) set =
            cli_class->only < 0 ? NULL : db_row_get(call->db, rows->pdata[i], cli_class->only);
        if (set == NULL || value_size(set) > 0)
            g_ptr_array_add(shown, db_row_ref(rows->pdata[i]));
    }
    return shown;
}

gboolean
cli_list_run(CliCall *call, const CliClass *cli_class, GError **error)
{
    g_autoptr(GArray) filters = g_array_new(FALSE, FALSE, sizeof(CliFilter));
    if (!cli_database_check(call, error))
        return FALSE;
    for (const char *const *pair = cli_class->filters; pair != NULL && *pair != NULL; pair += 2) {
        if (!add_filter(call, cli_class, pair[0], pair[1], filters, error))
            return FALSE;
    }
    for (guint i = 0; i < call->arguments->words->len; i++) {
        const CliWord *word = &g_array_index(call->arguments->words, CliWord, i);
        if (strcmp(word->key, "params") == 0 || cli_arguments_is_general(word->key))
            continue;
        if (!add_filter(call, cli_class, word->key, word->value, filters, error))
            return FALSE;
    }
    gboolean shows_all = FALSE;
    if (!cli_get_truth(call, "all", FALSE, &shows_all, error))
        return FALSE;
    const CliFilter *all = filters->len > 0 ? &g_array_index(filters, CliFilter, 0) : NULL;
    g_autoptr(GPtrArray) rows = cli_rows_matching(call, cli_class, all, shows_all ? 0 : filters->len);
    g_autoptr(GPtrArray) shown = drop_inner_rows(call, cli_class, rows);
    return cli_list_rows(call, cli_class, shown, cli_get(call, "params"), cli_class->columns, FALSE, error);
}
