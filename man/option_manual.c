/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prints a manual page with its lists of options filled in. In the page, a line
 *
 *     .\" options PROGRAM
 *     .\" keys PROGRAM
 *
 * stands for PROGRAM's switches, or its keys of the configuration file, each with its documentation. For the
 * build only; not installed. */
#include <stdio.h>
#include <string.h>

#include "daemon/domain_options.h"
#include "daemon/options.h"

static const OptionTable *const tables[] = {&xylemd_options, &xenopsd_options};

/* mdoc takes a full stop or a hyphen of the text for its own in some places. */
static void
print_text(const char *text)
{
    for (const char *next = text; *next != '\0'; next++) {
        if (*next == '-' || *next == '\\')
            fputs(*next == '-' ? "\\-" : "\\e", stdout);
        else
            putchar(*next);
        if (*next == '.' && next[1] == ' ') { /* each sentence on a line of its own */
            putchar('\n');
            next++;
        }
    }
    putchar('\n');
}

static void
print_rules(const Option *option)
{
    if (option->kind == OPTION_CHOICE) {
        g_auto(GStrv) choices = g_strsplit(option->choices, "|", -1);
        g_autofree char *list = g_strjoinv(", ", choices);
        printf("One of %s.\n", list);
    }
    if (option->kind == OPTION_NUMBER) {
        g_autofree char *range = g_strdup_printf("A number from %d to %d.", option->min, option->max);
        print_text(range);
    }
    if (option->kind == OPTION_LIST)
        puts("May be given several times.");
    if (option->fallback != NULL) {
        g_autofree char *fallback = g_strdup_printf("The default is %s.", option->fallback);
        print_text(fallback);
    }
}

static void
print_switch(const Option *option)
{
    g_autofree char *name = g_strdup_printf("-%s", option->name);
    printf(".It Fl ");
    for (const char *next = name; *next != '\0'; next++)
        fputs(*next == '-' ? "\\-" : (char[]){*next, '\0'}, stdout);
    printf(option->argument == NULL ? "\n" : " Ar %s\n", option->argument);
    print_text(option->doc);
    print_rules(option);
}

static void
print_key(const Option *option)
{
    printf(".It Ic %s No = Ar %s\n", option->name, option->argument);
    print_text(option->doc);
    print_rules(option);
    if (option->is_live)
        puts("Read again on\n.Dv SIGHUP .");
    else
        puts("Takes a restart.");
}

static gboolean
print_list(const char *kind, const char *program)
{
    gboolean is_keys = strcmp(kind, "keys") == 0;
    for (gsize i = 0; i < G_N_ELEMENTS(tables); i++) {
        if (strcmp(tables[i]->program, program) != 0)
            continue;
        puts(".Bl -tag -width Ds");
        for (gsize row = 0; row < tables[i]->n_options; row++) {
            const Option *option = &tables[i]->options[row];
            gboolean is_key = option->kind != OPTION_ACTION && !option->is_for_line_only;
            if (!is_keys)
                print_switch(option);
            else if (is_key)
                print_key(option);
        }
        puts(".El");
        return TRUE;
    }
    fprintf(stderr, "there are no options of '%s'\n", program);
    return FALSE;
}

static gboolean
print_line(const char *line)
{
    char kind[16] = "", program[16] = "";
    if (sscanf(line, ".\\\" %15s %15s", kind, program) == 2 &&
        (strcmp(kind, "options") == 0 || strcmp(kind, "keys") == 0))
        return print_list(kind, program);
    puts(line);
    return TRUE;
}

int
main(int argc, char **argv)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    if (argc != 2 || !g_file_get_contents(argv[1], &text, NULL, &error)) {
        fprintf(stderr, "%s\n", error == NULL ? "usage: option_manual PAGE" : error->message);
        return 1;
    }
    g_auto(GStrv) lines = g_strsplit(g_strchomp(text), "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        if (!print_line(*line))
            return 1;
    }
    return 0;
}
