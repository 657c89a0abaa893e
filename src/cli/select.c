/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds the objects a command is about. */
#include "cli/select.h"

#include <string.h>

#include "cli/print.h"
#include "cli/report.h"
#include "model/classes.h"

/* clang-format off */
static const struct Selector {
    guint flag;
    const char *name;   /* the word, and the class's name on the command line */
    const char *plural; /* in messages */
} selectors[] = {
    {CLI_FLAG_VM_SELECTORS,   "vm",   "VMs"  },
    {CLI_FLAG_HOST_SELECTORS, "host", "hosts"},
    {CLI_FLAG_SR_SELECTORS,   "sr",   "SRs"  },
};
/* clang-format on */

static const struct Selector *
find_selector(guint flags)
{
    for (gsize i = 0; i < G_N_ELEMENTS(selectors); i++) {
        if ((flags & selectors[i].flag) != 0)
            return &selectors[i];
    }
    g_assert_not_reached(); /* a row without selectors has nothing to select: our own mistake */
}

/* "vif:" of a command's own keys takes all words that start so. */
static gboolean
is_own_key(const char *const *keys, const char *word)
{
    for (; keys != NULL && *keys != NULL; keys++) {
        gsize length = strlen(*keys);
        gboolean is_prefix = length > 0 && (*keys)[length - 1] == ':';
        if (is_prefix ? strncmp(word, *keys, length - 1) == 0 && strchr(":-", word[length - 1]) != NULL
                      : strcmp(word, *keys) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean
is_for_selecting(CliCall *call, const struct Selector *selector, const char *word)
{
    return strcmp(word, selector->name) != 0 && strcmp(word, "params") != 0 &&
           !cli_arguments_is_general(word) && !is_own_key(call->row->required, word) &&
           !is_own_key(call->row->optional, word);
}

static gboolean
gather_filters(CliCall *call, const struct Selector *selector, GArray *filters, GError **error)
{
    const CliClass *cli_class = cli_class_by_name(selector->name);
    for (guint i = 0; i < call->arguments->words->len; i++) {
        const CliWord *word = &g_array_index(call->arguments->words, CliWord, i);
        CliFilter filter = {0};
        if (!is_for_selecting(call, selector, word->key))
            continue;
        if (!cli_filter_parse(cli_class, word->key, word->value, &filter, error))
            return FALSE;
        g_array_append_val(filters, filter);
    }
    return TRUE;
}

/* Rows named by vm=, host=, sr=. */
static GPtrArray *
rows_by_name(CliCall *call, const CliClass *cli_class, const char *name)
{
    GPtrArray *rows = db_get_by_name(call->db, cli_class->class_id, name);
    DbRow *by_uuid = db_get_by_uuid(call->db, cli_class->class_id, name);
    if (by_uuid != NULL)
        g_ptr_array_add(rows, by_uuid);
    if (rows->len == 0 && cli_class->class_id == CLASS_HOST) {
        DbRow *host = cli_row_by_name(call, CLASS_HOST, name, NULL);
        if (host != NULL)
            g_ptr_array_add(rows, host);
    }
    return rows;
}

/* Templates and control domains are not meant unless the command is for them too. */
static gboolean
is_meant(CliCall *call, const DbRow *row)
{
    if (row->model_class != &model_classes[CLASS_VM])
        return TRUE;
    guint flags = call->row->flags;
    return ((flags & CLI_FLAG_ALLOW_TEMPLATES) != 0 || !db_row_bool(row, VM_IS_A_TEMPLATE)) &&
           ((flags & CLI_FLAG_ALLOW_CONTROL_DOMAINS) != 0 || !db_row_bool(row, VM_IS_CONTROL_DOMAIN));
}

static gboolean
matches_all(CliCall *call, GArray *filters, DbRow *row)
{
    for (guint i = 0; i < filters->len; i++) {
        if (!cli_filter_matches(call, &g_array_index(filters, CliFilter, i), row))
            return FALSE;
    }
    return is_meant(call, row);
}

static gboolean
check_count(CliCall *call, const struct Selector *selector, guint count, GError **error)
{
    gboolean is_multiple = FALSE;
    if (!cli_get_truth(call, "multiple", FALSE, &is_multiple, error))
        return FALSE;
    if (count == 0)
        return cli_error_failed(error, "No matching %s found", selector->plural);
    if (count > 1 && (call->row->flags & CLI_FLAG_SINGLE) != 0)
        return cli_error_failed(error, "Several matching %s found: this command takes one at a time",
                                selector->plural);
    if (count > 1 && !is_multiple && (call->row->flags & CLI_FLAG_MANY) == 0)
        return cli_error_failed(error,
                                "Several matching %s found: --multiple is required to act on all of them",
                                selector->plural);
    return TRUE;
}

GPtrArray *
cli_select(CliCall *call, GError **error)
{
    const struct Selector *selector = find_selector(call->row->flags);
    const CliClass *cli_class = cli_class_by_name(selector->name);
    const char *name = cli_get(call, selector->name);
    /* Commands that take host= as a parameter of their own do not select by it. */
    if (is_own_key(call->row->required, selector->name) || is_own_key(call->row->optional, selector->name))
        name = NULL;

    g_autoptr(GArray) filters = g_array_new(FALSE, FALSE, sizeof(CliFilter));
    if (!cli_check_role(call, cli_class->role, cli_class->name, error) ||
        !gather_filters(call, selector, filters, error))
        return NULL;
    const CliFilter *all = (const CliFilter *)(gpointer)filters->data;
    g_autoptr(GPtrArray) rows = name != NULL ? rows_by_name(call, cli_class, name)
                                             : cli_rows_matching(call, cli_class, all, filters->len);

    g_autoptr(GPtrArray) selected = g_ptr_array_new_with_free_func((GDestroyNotify)db_row_unref);
    for (guint i = 0; i < rows->len; i++) {
        if (name != NULL ? matches_all(call, filters, rows->pdata[i]) : is_meant(call, rows->pdata[i]))
            g_ptr_array_add(selected, db_row_ref(rows->pdata[i]));
    }
    return check_count(call, selector, selected->len, error) ? g_steal_pointer(&selected) : NULL;
}

gboolean
cli_for_each(CliCall *call, GPtrArray *rows, CliOperation operation, gpointer data, GError **error)
{
    if (rows->len == 1)
        return operation(call, rows->pdata[0], data, error);

    gboolean is_done = TRUE;
    for (guint i = 0; i < rows->len; i++) {
        g_autoptr(GError) problem = NULL;
        if (operation(call, rows->pdata[i], data, &problem))
            continue;
        if (g_error_matches(problem, CLI_ERROR, CLI_ERROR_GONE)) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return FALSE;
        }
        g_autofree char *text = cli_describe(call, problem);
        cli_print_always(call, "operation failed on %s: %s", cli_row_uuid(rows->pdata[i]), text);
        is_done = FALSE;
    }
    return is_done || cli_error_said(error);
}

gboolean
cli_for_selected(CliCall *call, CliOperation operation, gpointer data, GError **error)
{
    g_autoptr(GPtrArray) rows = cli_select(call, error);
    return rows != NULL && cli_for_each(call, rows, operation, data, error);
}
