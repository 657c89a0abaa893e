/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options of xe, from the command line, XE_EXTRA_ARGS and ~/.xe. Source: protocol notes 7.2. */
#include "cli/client/options.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

#define PASSWORD_FILE_MAX_BYTES 65536

typedef gboolean (*OptionSetter)(XeOptions *options, const char *value, GError **error);

/* One option under its two names: a switch of the command line, a key of "key=value" words. */
typedef struct Option {
    const char *word;     /* "-s"; NULL: none */
    const char *alias;    /* another spelling; NULL: none */
    const char *key;      /* "server"; NULL: none */
    gboolean takes_value; /* as a switch: the next word */
    OptionSetter set;     /* value "true" for switches without one */
} Option;

static gboolean
replace(char **text, const char *value)
{
    g_free(*text);
    *text = g_strdup(value);
    return TRUE;
}

static gboolean
parse_truth(const char *value, gboolean *ret_truth, GError **error)
{
    static const char *const yes[] = {"true", "t", "yes", "y", "1", NULL};
    static const char *const no[] = {"false", "f", "no", "n", "0", NULL};
    g_autofree char *lower = g_ascii_strdown(value, -1);

    if (!g_strv_contains(yes, lower) && !g_strv_contains(no, lower))
        return base_error_set(error, BASE_ERROR_INVALID, "'%s' is neither true nor false", value);
    *ret_truth = g_strv_contains(yes, lower);
    return TRUE;
}

static gboolean
set_server(XeOptions *options, const char *value, GError **error)
{
    return replace(&options->server, value);
}

static gboolean
set_port(XeOptions *options, const char *value, GError **error)
{
    gint64 port = 0;
    if (!base_int_parse(value, &port) || port < 1 || port > G_MAXUINT16)
        return base_error_set(error, BASE_ERROR_INVALID, "Port number must be an integer (1-65535), not '%s'",
                              value);
    options->port = (guint16)port;
    return TRUE;
}

static gboolean
set_socket(XeOptions *options, const char *value, GError **error)
{
    return replace(&options->socket_path, value);
}

static gboolean
set_user(XeOptions *options, const char *value, GError **error)
{
    return replace(&options->user, value);
}

static gboolean
set_password(XeOptions *options, const char *value, GError **error)
{
    return replace(&options->password, value);
}

/* Line 1 is the user, line 2 the password. */
static gboolean
set_password_file(XeOptions *options, const char *value, GError **error)
{
    g_autofree char *text = NULL;
    gsize length = 0;
    if (!base_file_read(value, PASSWORD_FILE_MAX_BYTES, &text, &length, error))
        return FALSE;

    g_auto(GStrv) lines = g_strsplit(text, "\n", 3);
    if (g_strv_length(lines) < 2)
        return base_error_set(error, BASE_ERROR_INVALID, "%s: needs two lines, user and password", value);
    replace(&options->user, g_strchomp(lines[0]));
    g_strdelimit(lines[1], "\r", '\0');
    return replace(&options->password, lines[1]);
}

static gboolean
set_plain(XeOptions *options, const char *value, GError **error)
{
    return parse_truth(value, &options->is_plain, error);
}

static gboolean
set_debug(XeOptions *options, const char *value, GError **error)
{
    return parse_truth(value, &options->shows_debug, error);
}

static gboolean
set_debug_on_failure(XeOptions *options, const char *value, GError **error)
{
    return parse_truth(value, &options->shows_debug_on_failure, error);
}

static gboolean
set_traceparent(XeOptions *options, const char *value, GError **error)
{
    if (strpbrk(value, "\r\n") != NULL)
        return base_error_set(error, BASE_ERROR_INVALID, "a traceparent has no line breaks");
    return replace(&options->traceparent, value);
}

static gboolean
set_usage(XeOptions *options, const char *value, GError **error)
{
    options->wants_usage = TRUE;
    return TRUE;
}

static gboolean
set_version(XeOptions *options, const char *value, GError **error)
{
    options->wants_version = TRUE;
    return TRUE;
}

/* clang-format off */
static const Option options_table[] = {
    {"-s",              "-h",     "server",       TRUE,  set_server          },
    {"-p",              NULL,     "port",         TRUE,  set_port            },
    {"-u",              NULL,     "username",     TRUE,  set_user            },
    {"-pw",             NULL,     "password",     TRUE,  set_password        },
    {"-pwf",            NULL,     "passwordfile", TRUE,  set_password_file   },
    {"--socket",        NULL,     "socket",       TRUE,  set_socket          },
    {"--nossl",         NULL,     "nossl",        FALSE, set_plain           },
    {"--debug",         NULL,     "debug",        FALSE, set_debug           },
    {"--debug-on-fail", NULL,     "debugonfail",  FALSE, set_debug_on_failure},
    {"--traceparent",   NULL,     "traceparent",  TRUE,  set_traceparent     },
    {"-help",           "--help", NULL,           FALSE, set_usage           },
    {"-version",        NULL,     NULL,           FALSE, set_version         },
};
/* clang-format on */

const char *
xe_options_usage(void)
{
    return "Usage: xe [-s server] [-p port] ([-u user] [-pw password] | [-pwf file]) [options] command "
           "[key=value ...]\n"
           "\n"
           "  -s, -h SERVER          host to talk to; without it the management socket of this machine\n"
           "  -p PORT                its port (443, or 80 with --nossl)\n"
           "  -u USER -pw PASSWORD   who you are; on this machine's socket the system knows already\n"
           "  -pwf FILE              both from a file: first line user, second line password\n"
           "  --socket PATH          management socket to use (or set XYLEM_SOCKET)\n"
           "  --nossl                no encryption\n"
           "  --debug                say what is going on\n"
           "  --debug-on-fail        say it afterwards, if the command fails\n"
           "  --traceparent VALUE    trace context to send along\n"
           "  -version               print the protocol version\n"
           "\n"
           "Defaults may stand in ~/.xe (lines key=value) and in XE_EXTRA_ARGS (comma-separated).\n"
           "A full list of commands: 'xe help --all'. One command: 'xe help <command>'.\n";
}

void
xe_options_clear(XeOptions *options)
{
    g_clear_pointer(&options->server, g_free);
    g_clear_pointer(&options->socket_path, g_free);
    g_clear_pointer(&options->user, g_free);
    g_clear_pointer(&options->password, g_free);
    g_clear_pointer(&options->traceparent, g_free);
    g_clear_pointer(&options->arguments, g_ptr_array_unref);
}

GStrv
xe_split_extra(const char *text)
{
    g_autoptr(GStrvBuilder) words = g_strv_builder_new();
    g_autoptr(GString) word = g_string_new(NULL);

    for (const char *next = text; *next != '\0'; next++) {
        if (*next == '\\' && next[1] != '\0') {
            g_string_append_c(word, *++next);
        } else if (*next == ',') {
            g_strv_builder_add(words, word->str);
            g_string_truncate(word, 0);
        } else {
            g_string_append_c(word, *next);
        }
    }
    if (word->len > 0)
        g_strv_builder_add(words, word->str);
    return g_strv_builder_end(words);
}

static const Option *
find_by_word(const char *word)
{
    for (gsize i = 0; i < G_N_ELEMENTS(options_table); i++) {
        if (g_strcmp0(word, options_table[i].word) == 0 || g_strcmp0(word, options_table[i].alias) == 0)
            return &options_table[i];
    }
    return NULL;
}

static const Option *
find_by_key(const char *word, const char *equals)
{
    for (gsize i = 0; i < G_N_ELEMENTS(options_table); i++) {
        const char *key = options_table[i].key;
        if (key != NULL && strlen(key) == (gsize)(equals - word) && g_str_has_prefix(word, key))
            return &options_table[i];
    }
    return NULL;
}

/* Takes the options out of @words and puts what is left at the end of @rest. */
static gboolean
take_options(const char *const *words, XeOptions *options, GPtrArray *rest, GError **error)
{
    for (const char *const *word = words; *word != NULL; word++) {
        const Option *option = find_by_word(*word);
        if (option != NULL && option->takes_value && word[1] == NULL)
            return base_error_set(error, BASE_ERROR_INVALID, "option %s needs a value", *word);
        if (option != NULL) {
            const char *value = option->takes_value ? *++word : "true";
            if (!option->set(options, value, error))
                return FALSE;
            continue;
        }
        const char *equals = strchr(*word, '=');
        option = equals == NULL ? NULL : find_by_key(*word, equals);
        if (option == NULL)
            g_ptr_array_add(rest, g_strdup(*word));
        else if (!option->set(options, equals + 1, error))
            return FALSE;
    }
    return TRUE;
}

/* Lines "key=value"; a line that is none voids the file. */
static GStrv
file_words(const char *text)
{
    g_autoptr(GStrvBuilder) words = g_strv_builder_new();
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        g_strstrip(*line);
        if (**line == '\0')
            continue;
        if (strchr(*line, '=') == NULL)
            return g_new0(char *, 1);
        g_strv_builder_add(words, *line);
    }
    return g_strv_builder_end(words);
}

static void
append_all(GPtrArray *list, GPtrArray *more)
{
    g_ptr_array_extend_and_steal(list, more);
}

gboolean
xe_options_parse(const char *const *words, const XeSources *sources, XeOptions *ret_options, GError **error)
{
    g_auto(XeOptions) options = {
        .server = g_strdup(XE_DEFAULT_SERVER),
        .user = g_strdup("root"),
        .password = g_strdup("null"),
        .arguments = g_ptr_array_new_with_free_func(g_free),
    };
    g_auto(GStrv) from_file = file_words(sources->file_text == NULL ? "" : sources->file_text);
    g_auto(GStrv) from_extra = xe_split_extra(sources->extra == NULL ? "" : sources->extra);
    g_autoptr(GPtrArray) file_rest = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) extra_rest = g_ptr_array_new_with_free_func(g_free);

    if (!take_options((const char *const *)from_file, &options, file_rest, error) ||
        !take_options((const char *const *)from_extra, &options, extra_rest, error) ||
        !take_options(words, &options, options.arguments, error))
        return FALSE;

    if (options.socket_path == NULL && options.port == 0 && sources->socket != NULL &&
        *sources->socket != '\0')
        options.socket_path = g_strdup(sources->socket);
    if (options.arguments->len == 0 && !options.wants_version)
        options.wants_usage = TRUE;
    append_all(options.arguments, g_steal_pointer(&extra_rest));
    append_all(options.arguments, g_steal_pointer(&file_rest));
    for (guint i = 0; i < options.arguments->len; i++) {
        /* Words travel one a line. */
        if (strpbrk(g_ptr_array_index(options.arguments, i), "\r\n") != NULL)
            return base_error_set(error, BASE_ERROR_INVALID, "an argument may not have a line break in it");
    }
    *ret_options = options;
    options = (XeOptions){0};
    return TRUE;
}
