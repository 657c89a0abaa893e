/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the user wants of xe: where to connect and as whom, and the words that go to the server. */
#pragma once

#include <glib.h>

#define XE_DEFAULT_SERVER "127.0.0.1"

typedef struct XeOptions {
    char *server;
    guint16 port;      /* 0: not given */
    char *socket_path; /* NULL: not given */
    char *user;
    char *password;
    gboolean is_plain; /* --nossl */
    gboolean shows_debug;
    gboolean shows_debug_on_failure;
    char *traceparent; /* NULL: none */
    gboolean wants_usage;
    gboolean wants_version;
    GPtrArray *arguments; /* (element-type utf8): command first */
} XeOptions;

void xe_options_clear(XeOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(XeOptions, xe_options_clear)

/* Where words come from besides the command line; NULL: nowhere. */
typedef struct XeSources {
    const char *file_text; /* content of ~/.xe */
    const char *extra;     /* XE_EXTRA_ARGS */
    const char *socket;    /* XYLEM_SOCKET */
} XeSources;

/**
 * xe_options_parse:
 * @words: NULL-terminated, without the program's name
 *
 * The command line wins over XE_EXTRA_ARGS, that over the file. Words that are no option go to the server in
 * this order: those of the command line, of XE_EXTRA_ARGS, of the file. Errors: BASE_ERROR_INVALID (an option
 * without its value, a bad number), and those of reading a password file.
 */
gboolean xe_options_parse(const char *const *words, const XeSources *sources, XeOptions *ret_options,
                          GError **error);

/** xe_split_extra: the words of XE_EXTRA_ARGS: separated by commas, a backslash keeps what follows it. */
GStrv xe_split_extra(const char *text);

/** xe_options_usage: what "xe --help" prints. */
const char *xe_options_usage(void);
