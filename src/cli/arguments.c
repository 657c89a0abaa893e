/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads the words of a command. */
#include "cli/arguments.h"

#include <string.h>

#include "cli/error.h"

/* Switches that older clients pass on, and the keys they mean. */
static const char *const switches[][2] = {
    {"-u", "username"}, {"-pw", "password"}, {"-s", "server"}, {"-h", "server"}, {"-p", "port"},
};

static void
clear_word(gpointer data)
{
    CliWord *word = data;
    g_free(word->key);
    g_free(word->value);
}

void
cli_arguments_free(CliArguments *arguments)
{
    if (arguments == NULL)
        return;
    g_free(arguments->session_ref);
    g_free(arguments->command);
    g_array_unref(arguments->words);
    g_free(arguments);
}

static void
add_word(CliArguments *arguments, char *key, const char *value)
{
    CliWord word = {key, g_strdup(value)};
    g_array_append_val(arguments->words, word);
}

static const char *
switch_key(const char *text)
{
    for (gsize i = 0; i < G_N_ELEMENTS(switches); i++) {
        if (strcmp(switches[i][0], text) == 0)
            return switches[i][1];
    }
    return NULL;
}

/* Takes one word, or two; *@line is left on the last one taken. */
static gboolean
take_word(CliArguments *arguments, char ***line, GError **error)
{
    const char *text = **line;
    const char *equals = strchr(text, '=');
    if (g_str_has_prefix(text, "--") && equals == NULL) {
        add_word(arguments, g_strdup(text + 2), "true");
        return TRUE;
    }
    if (text[0] == '-' && equals == NULL) {
        const char *key = switch_key(text);
        if (key == NULL)
            return cli_error_usage(error, "Syntax error: Unknown switch %s", text);
        if ((*line)[1] == NULL)
            return cli_error_usage(error, "Syntax error: Switch %s needs a value", text);
        (*line)++;
        add_word(arguments, g_strdup(key), **line);
        return TRUE;
    }
    if (equals != NULL)
        add_word(arguments, g_strndup(text, (gsize)(equals - text)), equals + 1);
    else if (strcmp(arguments->command, "help") == 0)
        add_word(arguments, g_strdup(text), "");
    else
        return cli_error_usage(error, "Syntax error: '%s' is not of the form key=value", text);
    return TRUE;
}

static char **
split_lines(const char *body, gsize length)
{
    g_autofree char *text = g_strndup(body, length);
    char **lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        gsize end = strlen(*line);
        if (end > 0 && (*line)[end - 1] == '\r')
            (*line)[end - 1] = '\0';
    }
    return lines;
}

CliArguments *
cli_arguments_parse(const char *body, gsize length, GError **error)
{
    g_autoptr(CliArguments) arguments = g_new0(CliArguments, 1);
    arguments->words = g_array_new(FALSE, FALSE, sizeof(CliWord));
    g_array_set_clear_func(arguments->words, clear_word);

    g_auto(GStrv) lines = split_lines(body, length);
    char **line = lines;
    if (*line != NULL && g_str_has_prefix(*line, "session_id="))
        arguments->session_ref = g_strdup(*line++ + strlen("session_id="));
    if (*line == NULL || **line == '\0' || strchr(*line, '=') != NULL) {
        cli_error_usage(error, "Syntax error: command name is missing");
        return NULL;
    }
    arguments->command = g_strdup(*line++);
    for (; *line != NULL; line++) {
        if (**line != '\0' && !take_word(arguments, &line, error))
            return NULL;
    }
    return g_steal_pointer(&arguments);
}

const char *
cli_arguments_get(const CliArguments *arguments, const char *key)
{
    for (guint i = 0; i < arguments->words->len; i++) {
        const CliWord *word = &g_array_index(arguments->words, CliWord, i);
        if (strcmp(word->key, key) == 0)
            return word->value;
    }
    return NULL;
}

Value *
cli_arguments_prefixed(const CliArguments *arguments, const char *prefix)
{
    gsize length = strlen(prefix);
    Value *map = value_map_new(0);
    for (guint i = 0; i < arguments->words->len; i++) {
        const CliWord *word = &g_array_index(arguments->words, CliWord, i);
        if (g_str_has_prefix(word->key, prefix) && strchr(":-", word->key[length]) != NULL &&
            strlen(word->key) > length + 1)
            value_map_set(map, word->key + length + 1, value_string(word->value));
    }
    return map;
}

gboolean
cli_arguments_is_general(const char *key)
{
    static const char *const general[] = {"server", "password", "port", "username", "minimal",
                                          "force",  "multiple", "all",  "trace",    "message-priority",
                                          NULL};
    return g_strv_contains(general, key) || g_str_has_prefix(key, "database:");
}

gboolean
cli_truth_parse(const char *text, gboolean *ret_truth)
{
    static const char *const yes[] = {"true", "t", "yes", "y", "1", NULL};
    static const char *const no[] = {"false", "f", "no", "n", "0", NULL};
    g_autofree char *lower = g_ascii_strdown(text, -1);
    gboolean is_yes = g_strv_contains(yes, lower);

    if (!is_yes && !g_strv_contains(no, lower))
        return FALSE;
    *ret_truth = is_yes;
    return TRUE;
}
