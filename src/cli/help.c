/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xe help. Source: protocol notes 7.4. */
#include <string.h>

#include "cli/command.h"
#include "cli/handlers.h"
#include "cli/print.h"

#define LINE_WIDTH 74
#define INDENT     "    "

/* Groups of the full list; a command belongs to the first whose start it has. */
static const struct Group {
    const char *title;
    const char *start;
} groups[] = {{"Host commands:", "host-"}, {"VM commands:", "vm-"}, {"Other commands:", ""}};

static gsize
group_of(const char *name)
{
    for (gsize i = 0; i + 1 < G_N_ELEMENTS(groups); i++) {
        if (g_str_has_prefix(name, groups[i].start))
            return i;
    }
    return G_N_ELEMENTS(groups) - 1;
}

static gboolean
is_listed(const CliCommand *command, gboolean lists_all)
{
    if ((command->flags & CLI_FLAG_HIDDEN) != 0)
        return FALSE;
    return lists_all || (command->flags & CLI_FLAG_STANDARD) != 0;
}

/* Names with commas, wrapped. */
static void
append_name(GString *out, gsize *line_start, const char *name)
{
    if (out->len - *line_start > strlen(INDENT))
        g_string_append(out, ", ");
    if (out->len - *line_start + strlen(name) > LINE_WIDTH && out->len - *line_start > strlen(INDENT)) {
        g_string_append(out, "\n" INDENT);
        *line_start = out->len - strlen(INDENT);
    }
    g_string_append(out, name);
}

static void
print_group(CliCall *call, gboolean lists_all, gssize group)
{
    g_autoptr(GString) out = g_string_new(INDENT);
    gsize line_start = 0;
    GPtrArray *all = cli_commands();
    for (guint i = 0; i < all->len; i++) {
        const CliCommand *command = all->pdata[i];
        if (is_listed(command, lists_all) && (group < 0 || group_of(command->name) == (gsize)group))
            append_name(out, &line_start, command->name);
    }
    cli_print_text(call, "%s\n", out->str);
}

static void
print_overview(CliCall *call, gboolean lists_all)
{
    cli_print_text(call, "Usage: xe <command> [-s server] [-u user] [-pw password] [-p port] [--minimal] "
                         "[key=value ...]\n");
    cli_print_text(call, "What a command takes: xe help <command>");
    if (!lists_all) {
        cli_print_text(call, "All commands: xe help --all\n");
        cli_print_text(call, "Common commands:\n");
        print_group(call, FALSE, -1);
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(groups); i++) {
        cli_print_text(call, "\n%s\n", groups[i].title);
        print_group(call, TRUE, (gssize)i);
    }
}

static void
print_names(CliCall *call, gboolean lists_all)
{
    GPtrArray *all = cli_commands();
    for (guint i = 0; i < all->len; i++) {
        const CliCommand *command = all->pdata[i];
        if (is_listed(command, lists_all))
            cli_print_line(call, command->name);
    }
}

static char *
optional_words(const CliCommand *command)
{
    g_autoptr(GStrvBuilder) words = g_strv_builder_new();
    g_strv_builder_addv(words, (const char **)command->optional);
    if ((command->flags & CLI_FLAG_VM_SELECTORS) != 0)
        g_strv_builder_add(words, "<vm-selectors>");
    if ((command->flags & CLI_FLAG_HOST_SELECTORS) != 0)
        g_strv_builder_add(words, "<host-selectors>");
    if ((command->flags & CLI_FLAG_SR_SELECTORS) != 0)
        g_strv_builder_add(words, "<sr-selectors>");
    g_auto(GStrv) all = g_strv_builder_end(words);
    return g_strjoinv(", ", all);
}

static gboolean
print_command(CliCall *call, const char *name, GError **error)
{
    const CliCommand *command = cli_command_find(name);
    if (command == NULL)
        return cli_error_failed(error, "There is no command '%s'; xe help --all lists them", name);

    g_autofree char *required = g_strjoinv(", ", command->required);
    g_autofree char *optional = optional_words(command);
    /* Completion scripts look for these labels. */
    CliCell cells[] = {
        {"command name        ", command->name},
        {"reqd params     ", required},
        {"optional params ", optional},
        {"description     ", command->help},
    };
    cli_print_record(call, cells, G_N_ELEMENTS(cells));
    return TRUE;
}

gboolean
cli_help(CliCall *call, GError **error)
{
    gboolean has_topic = FALSE;
    for (guint i = 0; i < call->arguments->words->len; i++) {
        const CliWord *word = &g_array_index(call->arguments->words, CliWord, i);
        if (*word->value != '\0')
            continue; /* an option; topics are words without value */
        has_topic = TRUE;
        if (!print_command(call, word->key, error))
            return FALSE;
    }
    if (has_topic)
        return TRUE;

    gboolean lists_all = FALSE;
    if (!cli_get_truth(call, "all", FALSE, &lists_all, error))
        return FALSE;
    if (call->is_minimal)
        print_names(call, lists_all);
    else
        print_overview(call, lists_all);
    return TRUE;
}
