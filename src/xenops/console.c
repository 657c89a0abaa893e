/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xenops console: the user's terminal and a VM's, until Ctrl-] or the VM's end. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/raw_mode.h"
#include "base/unix_socket.h"
#include "xenops/command.h"

#define END_KEY      0x1d /* Ctrl-] */
#define BUFFER_BYTES 4096

/* The socket of the first terminal. The caller frees it. */
static char *
find_terminal(Xenops *xenops, const char *id, GError **error)
{
    g_auto(DomainVmEntry) entry = {0};
    if (!domain_client_vm_stat(xenops->client, &xenops->context, id, &entry, error))
        return NULL;
    for (gsize i = 0; i < entry.state.consoles.n; i++) {
        const DomainVmConsole *console = &entry.state.consoles.items[i];
        if (console->protocol == DOMAIN_VM_CONSOLE_PROTOCOL_VT100 && console->path != NULL)
            return g_strdup(console->path);
    }
    base_error_set(error, BASE_ERROR_NOT_FOUND, "VM %s has no terminal: it is %s", id,
                   domain_power_state_name(entry.state.power_state));
    return NULL;
}

static int
connect_to(const char *path, GError **error)
{
    auto_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || base_unix_connect(fd, path) < 0) {
        base_error_errno(error, errno, "connect to '%s'", path);
        return -1;
    }
    return base_fd_steal(&fd);
}

/* What the user has typed; *@ret_is_over at the end key, or the end of what is typed. */
static gboolean
pass_keys(int console, gboolean *ret_is_over, GError **error)
{
    char buffer[BUFFER_BYTES];
    ssize_t n = read(STDIN_FILENO, buffer, sizeof buffer);
    const char *end = n <= 0 ? buffer : memchr(buffer, END_KEY, (gsize)n);
    *ret_is_over = end != NULL;
    return base_fd_write_all(console, buffer, end != NULL ? (gsize)(end - buffer) : (gsize)n, error);
}

/* What the VM says; *@ret_is_over when it has ended. */
static gboolean
pass_output(int console, gboolean *ret_is_over, GError **error)
{
    char buffer[BUFFER_BYTES];
    ssize_t n = read(console, buffer, sizeof buffer);
    *ret_is_over = n <= 0;
    return n <= 0 || base_fd_write_all(STDOUT_FILENO, buffer, (gsize)n, error);
}

static gboolean
pass(int console, GCancellable *cancellable, GError **error)
{
    struct pollfd waits[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                             {.fd = console, .events = POLLIN},
                             {.fd = g_cancellable_get_fd(cancellable), .events = POLLIN}};
    for (gboolean is_over = FALSE; !is_over;) {
        if (poll(waits, G_N_ELEMENTS(waits), -1) < 0 && errno != EINTR)
            return base_error_errno(error, errno, "wait for the console");
        if (g_cancellable_is_cancelled(cancellable))
            return TRUE;
        if (waits[1].revents != 0 && !pass_output(console, &is_over, error))
            return FALSE;
        if (!is_over && waits[0].revents != 0 && !pass_keys(console, &is_over, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
xenops_run_console(Xenops *xenops, GError **error)
{
    g_autofree char *id = xenops_find_vm(xenops, xenops->args[0], error);
    g_autofree char *path = id == NULL ? NULL : find_terminal(xenops, id, error);
    auto_fd console = path == NULL ? -1 : connect_to(path, error);
    if (console < 0)
        return FALSE;
    if (!xenops->options->is_quiet && isatty(STDERR_FILENO))
        fprintf(stderr, "%s: Ctrl-] leaves\n", id);
    g_autoptr(RawMode) raw G_GNUC_UNUSED = base_raw_mode_enter(STDIN_FILENO);
    return pass(console, xenops->context.cancellable, error);
}
