/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Child processes. The children are this program again: "process_test child <name> <argument>". */
#include "base/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

/* --- The children's side --- */

static int
child_cat(const char *argument)
{
    char buffer[4096];
    ssize_t got;

    while ((got = read(STDIN_FILENO, buffer, sizeof(buffer))) > 0)
        g_assert_true(base_fd_write_all(STDOUT_FILENO, buffer, (gsize)got, NULL));
    fputs("done", stderr);
    return 0;
}

static int
child_exit(const char *argument)
{
    fputs("first line\nsecond line\n", stderr);
    return atoi(argument);
}

static int
child_die(const char *argument)
{
    signal(atoi(argument), SIG_DFL);
    raise(atoi(argument));
    return 0;
}

static int
child_environment(const char *argument)
{
    printf("%s|%s", g_getenv(argument) != NULL ? g_getenv(argument) : "(none)", g_getenv("PATH"));
    return 0;
}

static int
child_directory(const char *argument)
{
    g_autofree char *directory = g_get_current_dir();

    fputs(directory, stdout);
    return 0;
}

static int
child_descriptors(const char *argument)
{
    for (int fd = 0; fd < 1024; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            printf("%d ", fd);
    }
    return 0;
}

static int
child_signals(const char *argument)
{
    struct sigaction action;
    sigset_t blocked;

    sigaction(SIGPIPE, NULL, &action);
    sigprocmask(SIG_SETMASK, NULL, &blocked);
    printf("%s %s %s", action.sa_handler == SIG_DFL ? "default" : "ignored",
           sigismember(&blocked, SIGUSR1) ? "blocked" : "open", getpgrp() == getpid() ? "leader" : "member");
    return 0;
}

static int
child_flood(const char *argument)
{
    int fd = atoi(argument);

    while (base_fd_write_all(fd, "0123456789abcdef", 16, NULL))
        continue;
    return 1;
}

static int
child_hang(const char *argument)
{
    fputs("about to hang\n", stderr);
    while (pause() < 0)
        continue;
    return 1;
}

/* Leaves SIGTERM unheeded, and a child of its own; both hold the FIFO named @argument open, with a byte in
 * it. */
static int
child_hang_stubbornly(const char *argument)
{
    signal(SIGTERM, SIG_IGN);
    int fifo = open(argument, O_WRONLY);
    if (fifo < 0 || fork() < 0 || !base_fd_write_all(fifo, "x", 1, NULL))
        return 1;
    return child_hang(argument);
}

/* Ends, while a child of its own keeps stdout and stderr open until the FIFO named @argument gives it an end.
 */
static int
child_leave_behind(const char *argument)
{
    fputs("ended", stdout);
    fflush(stdout);
    if (fork() == 0) {
        char byte;
        int fd = open(argument, O_RDONLY);
        _exit(read(fd, &byte, 1) == 0 ? 0 : 1);
    }
    return 0;
}

/* Says who it is, then waits for a line on the FIFO named @argument. */
static int
child_detached(const char *argument)
{
    char line[32] = "";

    printf("session leader: %d\n", getsid(0) == getpid());
    child_signals(argument);
    printf("\n");
    child_descriptors(argument);
    printf("\n");
    fflush(stdout);
    FILE *fifo = fopen(argument, "r");
    if (fifo == NULL || fgets(line, sizeof(line), fifo) == NULL)
        return 1;
    printf("heard %s", line);
    return 0;
}

static int
child_detacher(const char *argument)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *log_path = g_strconcat(argument, ".log", NULL);
    const char *const argv[] = {"/proc/self/exe", "child", "detached", argument, NULL};
    pid_t pid;

    if (!base_process_detach(argv, log_path, NULL, 0, &pid, &error))
        return 1;
    return child_hang(argument);
}

static const struct {
    const char *name;
    int (*run)(const char *argument);
} children[] = {
    {"cat", child_cat},
    {"exit", child_exit},
    {"die", child_die},
    {"environment", child_environment},
    {"directory", child_directory},
    {"descriptors", child_descriptors},
    {"signals", child_signals},
    {"flood", child_flood},
    {"hang", child_hang},
    {"hang-stubbornly", child_hang_stubbornly},
    {"leave-behind", child_leave_behind},
    {"detached", child_detached},
    {"detacher", child_detacher},
};

static int
run_child(const char *name, const char *argument)
{
    for (gsize i = 0; i < G_N_ELEMENTS(children); i++) {
        if (strcmp(name, children[i].name) == 0)
            return children[i].run(argument);
    }
    return 99;
}

/* --- The tests' side --- */

#define CHILD(name, argument) ((const char *const[]){"/proc/self/exe", "child", name, argument, NULL})

typedef struct Fixture {
    char *folder;
    char *fifo;
    char *log;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer data)
{
    fixture->folder = g_dir_make_tmp("process-test-XXXXXX", NULL);
    g_assert_nonnull(fixture->folder);
    fixture->fifo = g_build_filename(fixture->folder, "fifo", NULL);
    fixture->log = g_strconcat(fixture->fifo, ".log", NULL);
    g_assert_cmpint(mkfifo(fixture->fifo, 0600), ==, 0);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    g_unlink(fixture->fifo);
    g_unlink(fixture->log);
    g_assert_cmpint(g_rmdir(fixture->folder), ==, 0);
    g_free(fixture->log);
    g_free(fixture->fifo);
    g_free(fixture->folder);
}

static void
assert_output(const ProcessSpec *spec, const char *wanted)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *output = NULL;

    g_assert_true(base_process_try(spec, &output, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(output, ==, wanted);
}

static void
assert_error(const ProcessSpec *spec, BaseError code)
{
    g_autoptr(GError) error = NULL;
    ProcessResult result = {.exit_status = -5};

    g_assert_false(base_process_run(spec, &result, &error));
    g_assert_error(error, BASE_ERROR, (int)code);
    g_assert_cmpint(result.exit_status, ==, -5);
    g_assert_null(result.output);
}

static void
test_input_and_output(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *input = g_strnfill(400000, 'x'); /* more than any pipe holds */
    g_auto(ProcessResult) result = {0};
    ProcessSpec spec = {.argv = CHILD("cat", ""), .input = input};

    g_assert_true(base_process_run(&spec, &result, &error));
    g_assert_no_error(error);
    g_assert_cmpint(result.exit_status, ==, 0);
    g_assert_cmpuint(result.output_length, ==, 400000);
    g_assert_cmpstr(result.output, ==, input);
    g_assert_cmpstr(result.errors, ==, "done");
    g_assert_cmpuint(result.errors_length, ==, 4);

    spec.input = NULL;
    assert_output(&spec, "");
    spec.input = "";
    assert_output(&spec, "");
}

static void
test_status(void)
{
    static const struct {
        const char *name;
        const char *argument;
        int status;
    } cases[] = {
        {"exit", "0", 0}, {"exit", "1", 1}, {"exit", "255", 255}, {"die", "9", 137}, {"die", "15", 143}};

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(ProcessResult) result = {0};
        ProcessSpec spec = {.argv = CHILD(cases[i].name, cases[i].argument)};
        g_assert_true(base_process_run(&spec, &result, &error));
        g_assert_no_error(error);
        g_assert_cmpint(result.exit_status, ==, cases[i].status);
    }
}

static void
test_try(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *output = NULL;
    ProcessSpec spec = {.argv = CHILD("exit", "3")};

    g_assert_false(base_process_try(&spec, &output, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_FAILED);
    g_assert_cmpstr(error->message, ==, "'/proc/self/exe' ended with status 3: first line second line");
    g_assert_null(output);
    g_clear_error(&error);

    spec.argv = CHILD("exit", "0");
    g_assert_true(base_process_try(&spec, NULL, &error));
    g_assert_no_error(error);
}

static void
test_not_found(void)
{
    ProcessSpec in_path = {.argv = (const char *const[]){"no-such-program-anywhere", NULL}};
    ProcessSpec absolute = {.argv = (const char *const[]){"/no/such/program", NULL}};
    ProcessSpec no_program = {.argv = (const char *const[]){"/dev/null", NULL}};
    ProcessSpec no_directory = {.argv = CHILD("cat", ""), .directory = "/no/such/folder"};

    assert_error(&in_path, BASE_ERROR_NOT_FOUND);
    assert_error(&absolute, BASE_ERROR_NOT_FOUND);
    assert_error(&no_program, BASE_ERROR_IO);
    assert_error(&no_directory, BASE_ERROR_IO);
}

static void
test_surroundings(Fixture *fixture, gconstpointer data)
{
    ProcessSpec environment = {.argv = CHILD("environment", "XYLEM_TEST")};
    ProcessSpec directory = {.argv = CHILD("directory", ""), .directory = fixture->folder};
    g_autofree char *without = g_strdup_printf("(none)|%s", g_getenv("PATH"));
    g_autofree char *with = g_strdup_printf("a=b|%s", g_getenv("PATH"));

    assert_output(&environment, without);
    environment.environment = (const char *const[]){"XYLEM_TEST=a=b", NULL};
    assert_output(&environment, with);
    g_assert_null(g_getenv("XYLEM_TEST"));
    assert_output(&directory, fixture->folder);
}

static void
test_inherits_nothing(void)
{
    ProcessSpec descriptors = {.argv = CHILD("descriptors", "")};
    ProcessSpec signals = {.argv = CHILD("signals", "")};
    auto_fd leaked = open("/dev/null", O_RDONLY); /* not close-on-exec */
    sigset_t set, before;

    g_assert_cmpint(leaked, >, 2);
    assert_output(&descriptors, "0 1 2 ");

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, &before);
    signal(SIGPIPE, SIG_IGN);
    assert_output(&signals, "default open leader");
    signal(SIGPIPE, SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void
test_time_out(void)
{
    g_autoptr(GError) error = NULL;
    ProcessResult result = {0};
    ProcessSpec spec = {.argv = CHILD("hang", ""), .timeout_ms = 300};

    g_assert_false(base_process_run(&spec, &result, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_TIMED_OUT);
    g_assert_null(result.output);
}

/* The text needs the child to have come so far: it does, as the time-out begins anew until it has. */
static void
test_time_out_text(void)
{
    for (guint timeout_ms = 200;; timeout_ms *= 2) {
        g_autoptr(GError) error = NULL;
        ProcessResult result = {0};
        ProcessSpec spec = {.argv = CHILD("hang", ""), .timeout_ms = timeout_ms};

        g_assert_false(base_process_run(&spec, &result, &error));
        if (strstr(error->message, "about to hang") != NULL)
            return;
        g_assert_cmpuint(timeout_ms, <, 60000);
    }
}

static void
wait_for_hang_up(int fd)
{
    struct pollfd wait = {.fd = fd};

    while (poll(&wait, 1, -1) <= 0 || (wait.revents & POLLHUP) == 0)
        continue;
}

/* The child must have come to hold the FIFO: the time grows until it had enough of it. */
static void
test_time_out_kills_group(Fixture *fixture, gconstpointer data)
{
    auto_fd fifo = open(fixture->fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    char byte = '\0';

    g_assert_cmpint(fifo, >=, 0);
    for (guint timeout_ms = 200; byte == '\0'; timeout_ms *= 2) {
        ProcessSpec spec = {.argv = CHILD("hang-stubbornly", fixture->fifo), .timeout_ms = timeout_ms};
        g_assert_cmpuint(timeout_ms, <, 60000);
        assert_error(&spec, BASE_ERROR_TIMED_OUT);
        if (read(fifo, &byte, 1) == 1)
            wait_for_hang_up(fifo); /* ends only when both holders are gone */
    }
}

static void
test_too_large(void)
{
    ProcessSpec output = {.argv = CHILD("flood", "1"), .output_max_bytes = 100000};
    ProcessSpec errors = {.argv = CHILD("flood", "2"), .output_max_bytes = 100000};
    ProcessSpec by_default = {.argv = CHILD("flood", "1")};
    ProcessSpec exact = {.argv = CHILD("cat", ""), .input = "12345", .output_max_bytes = 5};
    ProcessSpec one_over = {.argv = CHILD("cat", ""), .input = "123456", .output_max_bytes = 5};

    assert_error(&output, BASE_ERROR_TOO_LARGE);
    assert_error(&errors, BASE_ERROR_TOO_LARGE);
    assert_error(&by_default, BASE_ERROR_TOO_LARGE);
    assert_output(&exact, "12345");
    assert_error(&one_over, BASE_ERROR_TOO_LARGE);
}

typedef struct Canceller {
    GCancellable *cancellable;
    const char *fifo;
    int flags; /* how to open it */
    int fd;
} Canceller;

static gpointer
cancel_when_begun(gpointer data)
{
    Canceller *canceller = data;

    canceller->fd =
        open(canceller->fifo, canceller->flags | O_CLOEXEC); /* returns once the other end is open too */
    g_cancellable_cancel(canceller->cancellable);
    return NULL;
}

/* Runs @name, which opens the FIFO, is cancelled then, and must be gone. Returns our end of the FIFO. */
static int
run_until_begun(const Fixture *fixture, const char *name, int flags)
{
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    Canceller canceller = {cancellable, fixture->fifo, flags, -1};
    GThread *thread = g_thread_new("canceller", cancel_when_begun, &canceller);
    ProcessSpec spec = {.argv = CHILD(name, fixture->fifo), .cancellable = cancellable};

    assert_error(&spec, BASE_ERROR_CANCELLED);
    g_thread_join(thread);
    g_assert_cmpint(canceller.fd, >=, 0);
    return canceller.fd;
}

static void
test_cancel(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GCancellable) cancelled = g_cancellable_new();
    ProcessSpec spec = {.argv = CHILD("cat", ""), .cancellable = cancelled};
    auto_fd fifo = run_until_begun(fixture, "hang-stubbornly", O_RDONLY);

    wait_for_hang_up(fifo);
    g_cancellable_cancel(cancelled);
    assert_error(&spec, BASE_ERROR_CANCELLED); /* not even begun */
}

static void
test_left_behind(Fixture *fixture, gconstpointer data)
{
    ProcessSpec spec = {.argv = CHILD("leave-behind", fixture->fifo)};

    assert_output(&spec, "ended");
    auto_fd release =
        open(fixture->fifo, O_WRONLY | O_CLOEXEC); /* and closing it lets the one left behind go */
    g_assert_cmpint(release, >=, 0);
}

static gpointer
run_often(gpointer data)
{
    for (int i = 0; i < 20; i++) {
        ProcessSpec spec = {.argv = CHILD("cat", ""), .input = data};
        assert_output(&spec, data);
    }
    return NULL;
}

static void
test_threads(void)
{
    GThread *threads[4];

    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("runner", run_often, (gpointer) "some input");
    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
}

/* --- Detaching --- */

/* Lets the detached child end, waits until it is gone, and returns what it wrote. */
static char *
finish_detached(Fixture *fixture, int pidfd)
{
    FILE *fifo = fopen(fixture->fifo, "w");
    char *text = NULL;

    g_assert_nonnull(fifo);
    fputs("hello\n", fifo);
    fclose(fifo);
    struct pollfd wait = {.fd = pidfd, .events = POLLIN};
    while (poll(&wait, 1, -1) != 1)
        continue;
    g_assert_true(g_file_get_contents(fixture->log, &text, NULL, NULL));
    return text;
}

static void
test_detach(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    auto_fd inherited = open("/dev/null", O_RDONLY | O_CLOEXEC);
    auto_fd leaked = open("/dev/null", O_RDONLY);
    struct stat info;
    pid_t pid = 0;

    signal(SIGPIPE, SIG_IGN);
    g_assert_true(
        base_process_detach(CHILD("detached", fixture->fifo), fixture->log, &inherited, 1, &pid, &error));
    signal(SIGPIPE, SIG_DFL);
    g_assert_no_error(error);
    g_assert_cmpint(pid, >, 0);
    g_assert_cmpint(waitpid(pid, NULL, WNOHANG), ==, -1); /* no child of ours ... */
    g_assert_cmpint(waitpid(-1, NULL, WNOHANG), ==, -1);  /* ... and nothing of the way there left either */
    g_assert_cmpint(leaked, !=, inherited);

    auto_fd pidfd = pidfd_open(pid, 0);
    g_assert_cmpint(pidfd, >=, 0);
    g_autofree char *text = finish_detached(fixture, pidfd);
    g_autofree char *wanted =
        g_strdup_printf("session leader: 0\ndefault open member\n0 1 2 %d \nheard hello\n", inherited);
    g_assert_cmpstr(text, ==, wanted);
    g_assert_cmpint(stat(fixture->log, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 0777, ==, 0600);
}

static void
test_detach_outlives(Fixture *fixture, gconstpointer data)
{
    g_autofree char *text = NULL;
    auto_fd fifo =
        run_until_begun(fixture, "detacher", O_WRONLY); /* its starter and all its group are killed */

    g_assert_true(base_fd_write_all(fifo, "hello\n", 6, NULL));
    struct pollfd wait = {.fd = fifo};
    while (poll(&wait, 1, -1) <= 0 || (wait.revents & POLLERR) == 0)
        continue; /* the other end closes when it has ended */
    g_assert_true(g_file_get_contents(fixture->log, &text, NULL, NULL));
    g_assert_true(g_str_has_suffix(text, "heard hello\n"));
}

static void
test_detach_failure(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *no_folder = g_build_filename(fixture->folder, "no", "log", NULL);
    g_autofree char *script = g_build_filename(fixture->folder, "script", NULL);
    const char *const missing[] = {"no-such-program-anywhere", NULL};
    const char *const broken[] = {script, NULL};
    int low = 1, closed = 1000;
    pid_t pid = -7;

    g_assert_false(base_process_detach(missing, fixture->log, NULL, 0, &pid, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_false(base_process_detach(CHILD("exit", "0"), no_folder, NULL, 0, &pid, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_IO);
    g_clear_error(&error);
    g_assert_false(base_process_detach(CHILD("exit", "0"), fixture->log, &low, 1, &pid, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_false(base_process_detach(CHILD("exit", "0"), fixture->log, &closed, 1, &pid, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_IO);
    g_clear_error(&error);

    /* Found and executable, but exec refuses it. */
    g_assert_true(g_file_set_contents(script, "\x01\x02", -1, NULL));
    g_assert_cmpint(chmod(script, 0700), ==, 0);
    g_assert_false(base_process_detach(broken, fixture->log, NULL, 0, &pid, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_IO);
    g_unlink(script);
    g_assert_cmpint(pid, ==, -7);
    g_assert_cmpint(waitpid(-1, NULL, WNOHANG), ==, -1);
}

#define ADD(name, test) g_test_add("/base/process/" name, Fixture, NULL, set_up, test, tear_down)

int
main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "child") == 0)
        return run_child(argv[2], argv[3]);

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/process/input-and-output-pass-whole", test_input_and_output);
    g_test_add_func("/base/process/status-tells-exit-from-signal", test_status);
    g_test_add_func("/base/process/try-fails-with-the-end-of-stderr", test_try);
    g_test_add_func("/base/process/missing-program-is-not-found", test_not_found);
    ADD("environment-is-added-and-directory-entered", test_surroundings);
    g_test_add_func("/base/process/child-inherits-no-descriptors-and-signals", test_inherits_nothing);
    g_test_add_func("/base/process/time-out-ends-the-child", test_time_out);
    g_test_add_func("/base/process/time-out-tells-what-stderr-said", test_time_out_text);
    ADD("time-out-kills-the-whole-group", test_time_out_kills_group);
    g_test_add_func("/base/process/output-is-bounded", test_too_large);
    ADD("cancelling-kills-the-whole-group", test_cancel);
    ADD("descendant-with-our-pipes-does-not-hold-us", test_left_behind);
    g_test_add_func("/base/process/runs-from-several-threads", test_threads);
    ADD("detached-is-nobodys-child", test_detach);
    ADD("detached-outlives-its-starters-group", test_detach_outlives);
    ADD("detach-reports-what-exec-said", test_detach_failure);
    return g_test_run();
}
