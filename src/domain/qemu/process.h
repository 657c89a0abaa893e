/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The operating system's side of one QEMU: its sockets, and its process by a descriptor that cannot be
 * mistaken for another's. */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

/** qemu_socket_listen: a listening Unix socket at @path, in place of what was there. -1 on failure. */
int qemu_socket_listen(const char *path, GError **error);

/** qemu_socket_connect: at once, also when the QEMU that has the listening end is not up yet. -1 on failure.
 */
int qemu_socket_connect(const char *path, GError **error);

/** qemu_process_start_ticks: when @pid started, in the kernel's ticks since boot; 0 when there is no such
 * process. */
gint64 qemu_process_start_ticks(pid_t pid);

/** qemu_process_open: a pidfd of @pid if it is still the one that started at @start_ticks; -1 when it is
 * gone. */
int qemu_process_open(pid_t pid, gint64 start_ticks);

/**
 * qemu_process_end:
 * @pidfd: from qemu_process_open()
 *
 * Asks it to quit, which closes its images properly; after a second kills it. Errors: BASE_ERROR_TIMED_OUT
 * when even that does not end it.
 */
gboolean qemu_process_end(int pidfd, GError **error);

/** qemu_process_await: whether the process ended within @timeout_ms. */
gboolean qemu_process_await(int pidfd, int timeout_ms);

/** qemu_process_log_tail: the end of a log file, for an error's text. */
char *qemu_process_log_tail(const char *path);
