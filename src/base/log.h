/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Log lines on stderr: time, level, context, message; one line each, safe from any thread.
 * Where stderr is the journal's stream (JOURNAL_STREAM), entries go to the journal itself instead, with the
 * words of the context as fields: "task=ab12" is XYLEM_TASK=ab12. If the journal does not take them, they go
 * to stderr with a <N> priority and without the time. */
#pragma once

#include <glib.h>

typedef enum LogLevel { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR } LogLevel;

/** base_log_init: @program stands in each line; lines below @level are dropped. Call once, before threads
 * start. */
void base_log_init(const char *program, LogLevel level);

/** base_log_level_from_name: "debug", "info", "warning" or "error"; FALSE on any other. */
gboolean base_log_level_from_name(const char *name, LogLevel *ret_level);

/** base_log_level_name: "debug" ... */
const char *base_log_level_name(LogLevel level);

/** base_log_set_level: from any thread. */
void base_log_set_level(LogLevel level);
/** base_log_get_level: the one set last. From any thread. */
LogLevel base_log_get_level(void);

/**
 * base_log_set_context:
 * @context: (nullable): words "key=value" with a blank between, e.g. "task=ab12 vm=demo"; copied, put into
 * every line of this thread until set again. Never a secret.
 */
void base_log_set_context(const char *context);
/** base_log_context: (nullable): what this thread has set; a copy, to set again after work within work. */
char *base_log_context(void);

/** base_log_secret_name: a short name of @secret (a session's reference) for logs, the same each time, from
 * which the secret cannot be had. The caller frees it. */
char *base_log_secret_name(const char *secret);

/** base_log: one line; control bytes in it become spaces. Keeps errno, so "%m" works. Use the macros below.
 */
void base_log(LogLevel level, const char *format, ...) G_GNUC_PRINTF(2, 3);

#define log_debug(...)   base_log(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...)    base_log(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warning(...) base_log(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(...)   base_log(LOG_LEVEL_ERROR, __VA_ARGS__)
