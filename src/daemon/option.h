/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options of a daemon as one table: each row is a switch of the command line and a key of the configuration
 * file, with its check, its default and its documentation. What --help, --print-config and the manual say is
 * made from it. */
#pragma once

#include <glib.h>
#include <stdio.h>

typedef enum OptionKind {
    OPTION_TEXT,   /* char * */
    OPTION_PATH,   /* char *, in the encoding of file names */
    OPTION_NUMBER, /* int, from min to max */
    OPTION_CHOICE, /* char *, one of choices */
    OPTION_LIST,   /* char **, of paths; may be repeated */
    OPTION_ACTION, /* gboolean: done instead of serving; of the command line only */
} OptionKind;

typedef struct Option {
    const char *name; /* "log-level": --log-level, and the key */
    OptionKind kind;
    gsize offset;         /* where its value goes */
    const char *argument; /* "PATH"; NULL for actions */
    const char *fallback; /* the default as text; NULL: none, or what doc says */
    const char
        *installed; /* what the configuration file of an installation says instead; NULL: the default */
    int min, max;
    const char *choices;       /* "pam|password" */
    gboolean is_live;          /* read again on SIGHUP; the others take a restart */
    gboolean is_for_line_only; /* no key */
    const char *doc;           /* whole sentences */
} Option;

typedef struct OptionTable {
    const char *program;
    const char *summary;
    const Option *options; /* one is named "config" */
    gsize n_options;
} OptionTable;

#define OPTION_FILE_MAX_BYTES (64 * 1024)

/**
 * option_read:
 * @target: the struct the table's offsets are of; all zero
 * @argv: NULL-terminated, with the program's name; left as it is
 *
 * Fills @target: from the defaults, over them the file that --config names, over that the command line. After
 * a failure too the caller calls option_clear(). Prints and ends the program for --help. Errors:
 * G_OPTION_ERROR; BASE_ERROR_INVALID with the switch, or with file and line; BASE_ERROR_IO, _NOT_FOUND,
 * _TOO_LARGE of the file.
 */
gboolean option_read(const OptionTable *table, gpointer target, const char *const *argv, GError **error);
/** option_clear: frees what option_read() has filled in. */
void option_clear(const OptionTable *table, gpointer target);

/**
 * option_differs:
 *
 * Whether @option's value in @one is not the one in @other. Both as option_read() leaves them.
 */
gboolean option_differs(const Option *option, gconstpointer one, gconstpointer other);

/** option_print_config: a configuration file with every key, its documentation and its default. */
void option_print_config(const OptionTable *table, FILE *out);
