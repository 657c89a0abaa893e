/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets, pidfds and logs of QEMU processes. */
#include "domain/qemu/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/unix_socket.h"

#define QUIT_MS       1000
#define KILL_MS       10000
#define LOG_TAIL      600
#define MAX_LOG_BYTES (16 * 1024 * 1024)

int
qemu_socket_listen(const char *path, GError **error)
{
    if (!base_file_remove(path, error))
        return -1;
    auto_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || base_unix_bind(fd, path) < 0 || listen(fd, 8) < 0) {
        base_error_errno(error, errno, "listen at '%s'", path);
        return -1;
    }
    return base_fd_steal(&fd);
}

int
qemu_socket_connect(const char *path, GError **error)
{
    auto_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || base_unix_connect(fd, path) < 0) {
        base_error_errno(error, errno, "connect to '%s'", path);
        return -1;
    }
    return base_fd_steal(&fd);
}

/* Source: proc(5), /proc/pid/stat: field 22; the second, in brackets, may hold anything. */
gint64
qemu_process_start_ticks(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    g_autofree char *text = NULL;
    if (!base_file_read(path, 4096, &text, NULL, NULL))
        return 0;
    const char *rest = strrchr(text, ')');
    if (rest == NULL)
        return 0;
    g_auto(GStrv) fields = g_strsplit(rest + 1, " ", -1); /* fields[0] is empty, fields[1] is field 3 */
    return g_strv_length(fields) > 20 ? g_ascii_strtoll(fields[20], NULL, 10) : 0;
}

int
qemu_process_open(pid_t pid, gint64 start_ticks)
{
    if (pid <= 0)
        return -1;
    auto_fd fd = (int)syscall(SYS_pidfd_open, pid, 0);
    /* Looked at after opening: from now on the number cannot become another process's. */
    if (fd < 0 || qemu_process_start_ticks(pid) != start_ticks || qemu_process_await(fd, 0))
        return -1;
    return base_fd_steal(&fd);
}

gboolean
qemu_process_await(int pidfd, int timeout_ms)
{
    struct pollfd wait = {.fd = pidfd, .events = POLLIN};
    int n;
    while ((n = poll(&wait, 1, timeout_ms)) < 0 && errno == EINTR)
        continue;
    return n == 1;
}

static void
send_signal(int pidfd, int number)
{
    syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0); /* fails only if it has ended */
}

gboolean
qemu_process_end(int pidfd, GError **error)
{
    send_signal(pidfd, SIGTERM);
    if (qemu_process_await(pidfd, QUIT_MS))
        return TRUE;
    send_signal(pidfd, SIGKILL);
    if (qemu_process_await(pidfd, KILL_MS))
        return TRUE;
    return base_error_set(error, BASE_ERROR_TIMED_OUT, "QEMU does not end, even when killed");
}

char *
qemu_process_log_tail(const char *path)
{
    g_autofree char *text = NULL;
    gsize length = 0;
    if (!base_file_read(path, MAX_LOG_BYTES, &text, &length, NULL))
        return g_strdup("");
    char *tail = length > LOG_TAIL ? text + length - LOG_TAIL : text;
    return g_utf8_make_valid(g_strstrip(tail), -1);
}
