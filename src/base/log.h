/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Log lines on stderr: time, level, fields, message; one line each, safe from any thread.
 * Under systemd (JOURNAL_STREAM set) the time is left out and a <N> priority put in front. */
#pragma once

#include <glib.h>

typedef enum LogLevel { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR } LogLevel;

/** base_log_init: @program stands in each line; lines below @level are dropped. Call once, before threads
 * start. */
void base_log_init(const char *program, LogLevel level);

/** base_log_level_from_name: "debug", "info", "warning" or "error"; FALSE on any other. */
gboolean base_log_level_from_name(const char *name, LogLevel *ret_level);

/** base_log_set_level: from any thread. */
void base_log_set_level(LogLevel level);

/**
 * base_log_set_context:
 * @context: (nullable): e.g. "task=ab12 vm=demo"; copied, put into every line of this thread until set again.
 * Never a secret.
 */
void base_log_set_context(const char *context);

/** base_log: one line; control bytes in it become spaces. Keeps errno, so "%m" works. Use the macros below.
 */
void base_log(LogLevel level, const char *format, ...) G_GNUC_PRINTF(2, 3);

#define log_debug(...)   base_log(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...)    base_log(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warning(...) base_log(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(...)   base_log(LOG_LEVEL_ERROR, __VA_ARGS__)
