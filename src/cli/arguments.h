/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The words of a command as the client sent them: the command's name, then keys with values. Source: protocol
 * notes 7.1 and 7.3. */
#pragma once

#include <glib.h>

#include "value/value.h"

typedef struct CliWord {
    char *key;
    char *value;
} CliWord;

typedef struct CliArguments {
    char *session_ref; /* a session of somebody else's, instead of logging in; NULL: none */
    char *command;
    GArray *words; /* (element-type CliWord): in order; a key may come more than once */
} CliArguments;

void cli_arguments_free(CliArguments *arguments);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CliArguments, cli_arguments_free)

/**
 * cli_arguments_parse:
 * @body: the request's body: words separated by line feeds
 *
 * Reads "key=value", "--word" (true), and the switches -u -pw -s -h -p with the word after them. After "help"
 * plain words are kept as keys without value. Errors: CLI_ERROR_USAGE.
 */
CliArguments *cli_arguments_parse(const char *body, gsize length, GError **error);

/** cli_arguments_get: the first value of @key, or NULL. */
const char *cli_arguments_get(const CliArguments *arguments, const char *key);

/**
 * cli_arguments_prefixed:
 * @prefix: "device-config"
 *
 * (transfer full): a map of what stands behind the prefix in "device-config:key=value" and, as older scripts
 * write, "device-config-key=value".
 */
Value *cli_arguments_prefixed(const CliArguments *arguments, const char *prefix);

/** cli_arguments_is_general: keys every command takes and none passes on: username, minimal, force... */
gboolean cli_arguments_is_general(const char *key);

/** cli_truth_parse: true, t, yes, y, 1, false, f, no, n, 0 in any case. FALSE on anything else. */
gboolean cli_truth_parse(const char *text, gboolean *ret_truth);
