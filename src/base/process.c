/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs a child to its end with bounds on time and output. Children that outlive us are in process_detach.c.
 *
 * posix_spawn() is used because it neither copies our page tables nor runs our code in the child. The end of
 * the child (a pidfd), its output and the caller's cancellable are waited for together, in one poll(). */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

#define OUTPUT_DEFAULT_BYTES (1024 * 1024)
#define KILL_DELAY_US        (1 * G_USEC_PER_SEC) /* between SIGTERM and SIGKILL */
#define ERROR_TAIL_BYTES     1024                 /* how much of stderr goes into an error's text */

extern char **environ;

/* Only weakly wanted, so that a program that gives no cancellable is not linked with GIO: a storage plugin
 * runs for one call, and loading GIO would take as long as the call. Who has a cancellable has GIO. */
#pragma weak g_cancellable_is_cancelled
#pragma weak g_cancellable_get_fd
#pragma weak g_cancellable_release_fd

typedef struct Capture {
    int fd; /* our end of the pipe; -1 once it is at its end */
    GString *text;
} Capture;

/*  RUNNING ──► ENDED                                  (by itself)
 *     └─────► TERMINATING ──► KILLING ──► ENDED       (time-out, too large, cancelled) */
typedef enum RunState { RUN_RUNNING, RUN_TERMINATING, RUN_KILLING, RUN_ENDED } RunState;

typedef struct Run {
    const ProcessSpec *spec;
    gsize output_max_bytes;
    pid_t pid; /* also the group's id */
    int pidfd;
    Capture output, errors;
    int cancel_fd;      /* -1 without a cancellable */
    gint64 deadline_us; /* monotonic; of the time-out, then of the next signal; -1 for none */
    RunState state;
    BaseError reason; /* why it is being ended; BASE_ERROR_FAILED, which is 0, while it is not */
} Run;

static void
run_clear(Run *run)
{
    base_fd_clear(&run->pidfd);
    base_fd_clear(&run->output.fd);
    base_fd_clear(&run->errors.fd);
    if (run->cancel_fd >= 0)
        g_cancellable_release_fd(run->spec->cancellable);
    if (run->output.text != NULL)
        g_string_free(run->output.text, TRUE);
    if (run->errors.text != NULL)
        g_string_free(run->errors.text, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Run, run_clear)

void
process_result_clear(ProcessResult *result)
{
    g_clear_pointer(&result->output, g_free);
    g_clear_pointer(&result->errors, g_free);
    result->output_length = result->errors_length = 0;
}

/* Input is put into a memory file rather than a pipe: no writing while we wait, and no SIGPIPE when it is not
 * read. */
static gboolean
open_input(const char *input, int *ret_fd, GError **error)
{
    auto_fd fd = input == NULL ? open("/dev/null", O_RDONLY | O_CLOEXEC) : memfd_create("stdin", MFD_CLOEXEC);
    if (fd < 0)
        return base_error_set(error, BASE_ERROR_IO, "open standard input: %s", g_strerror(errno));
    if (input != NULL) {
        if (!base_fd_write_all(fd, input, strlen(input), error))
            return FALSE;
        if (lseek(fd, 0, SEEK_SET) < 0)
            return base_error_errno(error, errno, "rewind standard input");
    }
    if (!base_fd_move_above_stdio(&fd, error))
        return FALSE;
    *ret_fd = base_fd_steal(&fd);
    return TRUE;
}

static gboolean
open_capture(Capture *capture, int *ret_child_end, GError **error)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return base_error_errno(error, errno, "make a pipe");
    capture->fd = ends[0];
    auto_fd child_end = ends[1];
    if (!base_fd_move_above_stdio(&child_end, error))
        return FALSE;
    if (fcntl(capture->fd, F_SETFL, O_NONBLOCK) < 0)
        return base_error_errno(error, errno, "make a pipe not block");
    capture->text = g_string_new(NULL);
    *ret_child_end = base_fd_steal(&child_end);
    return TRUE;
}

static char **
merge_environment(const char *const *additions)
{
    char **merged = g_get_environ();

    for (; *additions != NULL; additions++) {
        const char *equals = strchr(*additions, '=');
        if (equals == NULL)
            continue;
        g_autofree char *name = g_strndup(*additions, (gsize)(equals - *additions));
        merged = g_environ_setenv(merged, name, equals + 1, TRUE);
    }
    return merged;
}

static int
fill_file_actions(posix_spawn_file_actions_t *actions, const char *directory, const int stdio[3])
{
    int failed = 0;

    for (int i = 0; i < 3 && failed == 0; i++)
        failed = posix_spawn_file_actions_adddup2(actions, stdio[i], i);
    if (failed == 0)
        failed = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
    if (failed == 0 && directory != NULL)
        failed = posix_spawn_file_actions_addchdir_np(actions, directory);
    return failed;
}

/* A group of its own, no blocked signals, none ignored (we may ignore SIGPIPE; the child must not). */
static int
fill_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    int failed = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                          POSIX_SPAWN_SETSIGDEF);
    if (failed == 0)
        failed = posix_spawnattr_setpgroup(attributes, 0);
    if (failed == 0)
        failed = posix_spawnattr_setsigmask(attributes, &none);
    if (failed == 0)
        failed = posix_spawnattr_setsigdefault(attributes, &all);
    return failed;
}

/* Returns an errno, as posix_spawn() does. */
static int
spawn(const ProcessSpec *spec, const int stdio[3], pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    g_auto(GStrv) environment = spec->environment != NULL ? merge_environment(spec->environment) : NULL;

    int failed = posix_spawn_file_actions_init(&actions);
    if (failed != 0)
        return failed;
    failed = posix_spawnattr_init(&attributes);
    if (failed == 0) {
        failed = fill_file_actions(&actions, spec->directory, stdio);
        if (failed == 0)
            failed = fill_attributes(&attributes);
        if (failed == 0)
            failed = posix_spawnp(ret_pid, spec->argv[0], &actions, &attributes, (char *const *)spec->argv,
                                  environment != NULL ? environment : environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

static gboolean
start(Run *run, GError **error)
{
    const ProcessSpec *spec = run->spec;
    auto_fd input = -1;
    auto_fd output = -1;
    auto_fd errors = -1;

    if (!open_input(spec->input, &input, error) || !open_capture(&run->output, &output, error) ||
        !open_capture(&run->errors, &errors, error))
        return FALSE;

    int failed = spawn(spec, (int[3]){input, output, errors}, &run->pid);
    if (failed != 0 && spec->directory != NULL && !g_file_test(spec->directory, G_FILE_TEST_IS_DIR))
        return base_error_set(error, BASE_ERROR_IO, "run '%s': cannot enter '%s'", spec->argv[0],
                              spec->directory);
    if (failed != 0)
        return base_error_errno(error, failed, "run '%s'", spec->argv[0]);

    run->pidfd = pidfd_open(run->pid, 0);
    if (run->pidfd < 0) {
        int errnum = errno;
        kill(-run->pid, SIGKILL);
        waitpid(run->pid, NULL, 0);
        return base_error_set(error, BASE_ERROR_IO, "watch '%s': %s", spec->argv[0], g_strerror(errnum));
    }
    return TRUE;
}

static void
begin_ending(Run *run, BaseError reason)
{
    if (run->state != RUN_RUNNING)
        return;
    run->reason = reason;
    run->state = RUN_TERMINATING;
    run->deadline_us = g_get_monotonic_time() + KILL_DELAY_US;
    kill(-run->pid, SIGTERM);
}

static void
deadline_passed(Run *run)
{
    if (run->state == RUN_RUNNING) {
        begin_ending(run, BASE_ERROR_TIMED_OUT);
    } else {
        run->state = RUN_KILLING;
        run->deadline_us = -1;
        kill(-run->pid, SIGKILL);
    }
}

/* Reads all there is now. Once the child is being ended, bytes over the bound are read and dropped. */
static void
drain(Run *run, Capture *capture)
{
    char buffer[16384];

    while (capture->fd >= 0) {
        ssize_t got = read(capture->fd, buffer, sizeof(buffer));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            base_fd_clear(&capture->fd);
            return;
        }
        gsize room = run->output_max_bytes - capture->text->len;
        g_string_append_len(capture->text, buffer, (gssize)MIN((gsize)got, room));
        if ((gsize)got > room) {
            begin_ending(run, BASE_ERROR_TOO_LARGE);
            return; /* back to poll(): a child that writes without end must not keep us from seeing the
                       deadline */
        }
    }
}

static int
poll_timeout_ms(const Run *run)
{
    if (run->deadline_us < 0)
        return -1;
    gint64 left_us = run->deadline_us - g_get_monotonic_time();
    return left_us <= 0 ? 0 : (int)MIN((left_us + 999) / 1000, G_MAXINT);
}

/* Waits for one thing to happen and handles it. A descendant that holds our pipes open does not keep us
 * waiting: the end of the child itself is what counts. */
static void
step(Run *run)
{
    struct pollfd wait[] = {
        {.fd = run->pidfd, .events = POLLIN},
        {.fd = run->output.fd, .events = POLLIN},
        {.fd = run->errors.fd, .events = POLLIN},
        {.fd = run->state == RUN_RUNNING ? run->cancel_fd : -1, .events = POLLIN},
    };

    int ready = poll(wait, G_N_ELEMENTS(wait), poll_timeout_ms(run));
    if (ready < 0)
        return; /* EINTR */
    if (run->deadline_us >= 0 && g_get_monotonic_time() >= run->deadline_us && wait[0].revents == 0)
        deadline_passed(run);
    if (wait[3].revents != 0)
        begin_ending(run, BASE_ERROR_CANCELLED);
    if (wait[1].revents != 0 || wait[0].revents != 0)
        drain(run, &run->output);
    if (wait[2].revents != 0 || wait[0].revents != 0)
        drain(run, &run->errors);
    if (wait[0].revents != 0) {
        /* The dead child still holds the group's id, so this cannot meet a stranger. */
        if (run->state != RUN_RUNNING)
            kill(-run->pid, SIGKILL);
        run->state = RUN_ENDED;
    }
}

/* The end of @text as valid UTF-8 in one line, behind ": " unless empty. */
static char *
tail_of(const char *text, gsize length)
{
    gsize skip = length > ERROR_TAIL_BYTES ? length - ERROR_TAIL_BYTES : 0;
    g_autofree char *tail = g_utf8_make_valid(text + skip, (gssize)(length - skip));

    g_strstrip(tail);
    g_strdelimit(tail, "\r\n", ' ');
    return g_strconcat(*tail != '\0' ? ": " : "", tail, NULL);
}

static gboolean
set_reason(const Run *run, GError **error)
{
    const char *program = run->spec->argv[0];

    if (run->reason == BASE_ERROR_CANCELLED)
        return base_error_set(error, BASE_ERROR_CANCELLED, "'%s' was cancelled", program);
    if (run->reason == BASE_ERROR_TOO_LARGE)
        return base_error_set(error, BASE_ERROR_TOO_LARGE, "'%s' wrote more than %" G_GSIZE_FORMAT " bytes",
                              program, run->output_max_bytes);
    g_autofree char *tail = tail_of(run->errors.text->str, run->errors.text->len);
    return base_error_set(error, BASE_ERROR_TIMED_OUT, "'%s' did not end within %u ms%s", program,
                          run->spec->timeout_ms, tail);
}

static gboolean
reap(Run *run, int *ret_exit_status, GError **error)
{
    int status;

    while (waitpid(run->pid, &status, 0) < 0) {
        if (errno != EINTR)
            return base_error_set(error, BASE_ERROR_IO, "wait for '%s': %s", run->spec->argv[0],
                                  g_strerror(errno));
    }
    *ret_exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return TRUE;
}

static void
capture_steal(Capture *capture, char **ret_text, gsize *ret_length)
{
    *ret_length = capture->text->len;
    *ret_text = g_string_free(g_steal_pointer(&capture->text), FALSE);
}

gboolean
base_process_run(const ProcessSpec *spec, ProcessResult *ret_result, GError **error)
{
    g_auto(Run) run = {
        .spec = spec, .pidfd = -1, .output.fd = -1, .errors.fd = -1, .cancel_fd = -1, .deadline_us = -1};
    int exit_status = 0;

    if (spec->cancellable != NULL) {
        if (g_cancellable_is_cancelled(spec->cancellable))
            return base_error_set(error, BASE_ERROR_CANCELLED, "'%s' was cancelled", spec->argv[0]);
        run.cancel_fd = g_cancellable_get_fd(spec->cancellable);
        if (run.cancel_fd < 0)
            return base_error_set(error, BASE_ERROR_IO, "run '%s': too many open files", spec->argv[0]);
    }
    run.output_max_bytes = spec->output_max_bytes != 0 ? spec->output_max_bytes : OUTPUT_DEFAULT_BYTES;
    if (!start(&run, error))
        return FALSE;
    if (spec->timeout_ms != 0)
        run.deadline_us = g_get_monotonic_time() + (gint64)spec->timeout_ms * 1000;

    while (run.state != RUN_ENDED)
        step(&run);
    if (!reap(&run, &exit_status, error))
        return FALSE;
    if (run.reason != BASE_ERROR_FAILED)
        return set_reason(&run, error);

    ret_result->exit_status = exit_status;
    capture_steal(&run.output, &ret_result->output, &ret_result->output_length);
    capture_steal(&run.errors, &ret_result->errors, &ret_result->errors_length);
    return TRUE;
}

gboolean
base_process_try(const ProcessSpec *spec, char **ret_output, GError **error)
{
    g_auto(ProcessResult) result = {0};

    if (!base_process_run(spec, &result, error))
        return FALSE;
    if (result.exit_status != 0) {
        g_autofree char *tail = tail_of(result.errors, result.errors_length);
        return base_error_set(error, BASE_ERROR_FAILED, "'%s' ended with status %d%s", spec->argv[0],
                              result.exit_status, tail);
    }
    if (ret_output != NULL)
        *ret_output = g_steal_pointer(&result.output);
    return TRUE;
}
