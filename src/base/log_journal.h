/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Entries with fields for systemd's journal, in its own protocol. For base/log only. */
#pragma once

#include <glib.h>

#define LOG_JOURNAL_SOCKET "/run/systemd/journal/socket"

/** log_journal_is_stderr: whether JOURNAL_STREAM names what stderr is. */
gboolean log_journal_is_stderr(void);

/** log_journal_open: a descriptor for log_journal_send(), or -1. */
int log_journal_open(const char *socket_path);

/**
 * log_journal_send:
 * @context: (nullable): words "key=value"; others are left out
 *
 * None of the texts has line feeds in it. FALSE: the journal has not taken it.
 */
gboolean log_journal_send(int fd, char priority, const char *program, const char *context,
                          const char *message);
