/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starts programs that are nobody's child: a new session, adopted by init.
 *
 *   we ──fork──► middle ──fork──► grandchild ──exec──► the program
 *                  └ reports the pid, exits (so init adopts the grandchild)
 *
 * Both write reports into one close-on-exec pipe: the middle the pid, either of them an errno. Its end
 * without an errno means that exec succeeded. We may have threads, so after fork only async-signal-safe
 * functions are called: all memory, paths and descriptors are prepared before. */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

extern char **environ;

typedef struct Report {
    pid_t pid;  /* of the grandchild, or 0 */
    int errnum; /* of a failure, or 0 */
} Report;

typedef struct Launch {
    const char *program; /* with its path */
    const char *const *argv;
    const int *inherited_fds;
    gsize n_inherited_fds;
    int null_fd;
    int log_fd;
    int report_fd;
} Launch;

/* Reports are far below PIPE_BUF, so each is one undivided write. */
static void
send_report(int fd, Report report)
{
    while (write(fd, &report, sizeof(report)) < 0 && errno == EINTR)
        continue;
}

static void
reset_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        sigaction(number, &action,
                  NULL); /* refused for SIGKILL, SIGSTOP and the C library's own: nothing to reset */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Leaves 0, 1, 2 and the inherited descriptors open across exec. */
static gboolean
arrange_descriptors(const Launch *launch)
{
    if (dup2(launch->null_fd, STDIN_FILENO) < 0 || dup2(launch->log_fd, STDOUT_FILENO) < 0 ||
        dup2(launch->log_fd, STDERR_FILENO) < 0)
        return FALSE;
    if (close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
        return FALSE;
    for (gsize i = 0; i < launch->n_inherited_fds; i++) {
        if (fcntl(launch->inherited_fds[i], F_SETFD, 0) < 0)
            return FALSE;
    }
    return TRUE;
}

G_NORETURN static void
run_grandchild(const Launch *launch)
{
    reset_signals();
    if (arrange_descriptors(launch))
        execve(launch->program, (char *const *)launch->argv, environ);
    send_report(launch->report_fd, (Report){.errnum = errno});
    _exit(127);
}

G_NORETURN static void
run_middle(const Launch *launch)
{
    setsid();
    pid_t pid = _Fork();
    if (pid == 0)
        run_grandchild(launch);
    send_report(launch->report_fd, pid < 0 ? (Report){.errnum = errno} : (Report){.pid = pid});
    _exit(0);
}

/* With all signals blocked, so that no handler of ours runs in a child that shares our descriptors. */
static pid_t
fork_middle(const Launch *launch)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = _Fork();
    if (pid == 0)
        run_middle(launch);
    int saved_errno = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved_errno;
    return pid;
}

static gboolean
read_reports(int fd, const char *program, pid_t *ret_pid, GError **error)
{
    Report report;
    pid_t pid = 0;
    int errnum = 0;

    for (;;) {
        ssize_t got = read(fd, &report, sizeof(report));
        if (got < 0 && errno == EINTR)
            continue;
        if (got != sizeof(report))
            break;
        if (report.pid != 0)
            pid = report.pid;
        if (report.errnum != 0)
            errnum = report.errnum;
    }
    if (errnum != 0)
        return base_error_errno(error, errnum, "run '%s'", program);
    if (pid == 0)
        return base_error_set(error, BASE_ERROR_IO, "run '%s': its starter died", program);
    *ret_pid = pid;
    return TRUE;
}

gboolean
base_process_detach(const char *const *argv, const char *log_path, const int *inherited_fds,
                    gsize n_inherited_fds, pid_t *ret_pid, GError **error)
{
    int report_ends[2];

    for (gsize i = 0; i < n_inherited_fds; i++) {
        if (inherited_fds[i] <= STDERR_FILENO)
            return base_error_set(error, BASE_ERROR_INVALID, "descriptor %d cannot be inherited",
                                  inherited_fds[i]);
    }
    g_autofree char *program = g_find_program_in_path(argv[0]);
    if (program == NULL)
        return base_error_set(error, BASE_ERROR_NOT_FOUND, "run '%s': no such program", argv[0]);
    auto_fd null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0)
        return base_error_errno(error, errno, "open '/dev/null'");
    auto_fd log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0)
        return base_error_set(error, BASE_ERROR_IO, "open '%s': %s", log_path, g_strerror(errno));
    if (pipe2(report_ends, O_CLOEXEC) < 0)
        return base_error_errno(error, errno, "make a pipe");
    auto_fd report_in = report_ends[0];
    auto_fd report_out = report_ends[1];
    if (!base_fd_move_above_stdio(&null_fd, error) || !base_fd_move_above_stdio(&log_fd, error) ||
        !base_fd_move_above_stdio(&report_out, error))
        return FALSE;

    Launch launch = {program, argv, inherited_fds, n_inherited_fds, null_fd, log_fd, report_out};
    pid_t middle = fork_middle(&launch);
    if (middle < 0)
        return base_error_errno(error, errno, "fork for '%s'", argv[0]);
    base_fd_clear(&report_out);
    gboolean started = read_reports(report_in, argv[0], ret_pid, error);
    while (waitpid(middle, NULL, 0) < 0 && errno == EINTR)
        continue;
    return started;
}
