/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Log lines, read back from a file that stands for stderr. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log_journal.h"
#include "base/unix_socket.h"

/* Runs @write_lines with stderr going to a file and returns what was written. */
static char *
captured(void (*write_lines)(void))
{
    char path[] = "/tmp/log-test-XXXXXX";
    auto_fd file = mkostemp(path, O_APPEND | O_CLOEXEC);
    auto_fd before = dup(STDERR_FILENO);
    char *text = NULL;

    g_assert_cmpint(file, >=, 0);
    dup2(file, STDERR_FILENO);
    write_lines();
    dup2(before, STDERR_FILENO);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    unlink(path);
    return text;
}

static void
init_plain(void)
{
    g_unsetenv("JOURNAL_STREAM");
    base_log_init("prog", LOG_LEVEL_INFO);
}

static void
assert_matches(const char *pattern, const char *text)
{
    if (!g_regex_match_simple(pattern, text, 0, 0))
        g_error("'%s' does not match %s", text, pattern);
}

#define TIME "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z"

static void
write_levels(void)
{
    log_debug("hidden");
    log_info("shown %d", 1);
    base_log_set_level(LOG_LEVEL_ERROR);
    log_warning("hidden");
    log_error("shown %d", 2);
}

static void
test_levels(void)
{
    init_plain();
    g_autofree char *text = captured(write_levels);
    assert_matches("^" TIME " info prog: shown 1\\n" TIME " error prog: shown 2\\n$", text);
}

static void
write_context(void)
{
    base_log_set_context("task=ab12 vm=demo");
    log_info("within");
    g_autofree char *context = base_log_context();
    base_log_set_context(NULL);
    log_info("without");
    g_assert_cmpstr(context, ==, "task=ab12 vm=demo");
    g_assert_null(base_log_context());
}

static void
test_context(void)
{
    init_plain();
    g_autofree char *text = captured(write_context);
    assert_matches(" info prog task=ab12 vm=demo: within\\n.* info prog: without\\n$", text);
}

/* As under systemd: JOURNAL_STREAM names the file that stderr is; but no journal listens. */
static void
write_below_journal(void)
{
    struct stat status;
    g_assert_cmpint(fstat(STDERR_FILENO, &status), ==, 0);
    g_autofree char *stream = g_strdup_printf("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT,
                                              (guint64)status.st_dev, (guint64)status.st_ino);
    g_setenv("JOURNAL_STREAM", stream, TRUE);
    g_assert_true(log_journal_is_stderr());
    base_log_init("prog", LOG_LEVEL_INFO);
    write_levels();
}

static void
test_journal(void)
{
    if (access(LOG_JOURNAL_SOCKET, F_OK) == 0) {
        g_test_skip("this machine has a journal, which would take the entries");
        return;
    }
    g_autofree char *text = captured(write_below_journal);
    g_unsetenv("JOURNAL_STREAM");
    g_assert_cmpstr(text, ==, "<6>info prog: shown 1\n<3>error prog: shown 2\n");
}

static void
test_other_stream(void)
{
    g_setenv("JOURNAL_STREAM", "8:1", TRUE);
    g_assert_false(log_journal_is_stderr());
    g_unsetenv("JOURNAL_STREAM");
    g_assert_false(log_journal_is_stderr());
}

/* A socket that stands for the journal's. */
static void
test_journal_fields(void)
{
    g_autofree char *folder = g_dir_make_tmp("log-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "socket", NULL);
    auto_fd journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(log_journal_open(path), ==, -1);
    g_assert_cmpint(base_unix_bind(journal, path), ==, 0);
    auto_fd fd = log_journal_open(path);
    g_assert_cmpint(fd, >=, 0);

    char entry[1024] = "";
    g_assert_true(log_journal_send(fd, '4', "prog", "task=ab12 VM.start vm-uuid=x=y =z", "a message"));
    g_assert_cmpint(recv(journal, entry, sizeof entry - 1, 0), >, 0);
    g_assert_cmpstr(
        entry, ==,
        "PRIORITY=4\nSYSLOG_IDENTIFIER=prog\nMESSAGE=a message\nXYLEM_TASK=ab12\nXYLEM_VM_UUID=x=y\n");
    base_fd_clear(&journal);
    g_assert_false(log_journal_send(fd, '4', "prog", NULL, "nobody listens"));
    unlink(path);
    rmdir(folder);
}

static void
test_secret_name(void)
{
    g_autofree char *one = base_log_secret_name("OpaqueRef:1");
    g_autofree char *again = base_log_secret_name("OpaqueRef:1");
    g_autofree char *two = base_log_secret_name("OpaqueRef:2");
    g_assert_cmpstr(one, ==, again);
    g_assert_cmpstr(one, !=, two);
    g_assert_cmpuint(strlen(one), ==, 12);
}

static void
write_hostile(void)
{
    g_autofree char *huge = g_strnfill(100000, 'x');

    errno = ENOENT;
    log_info("a\nb\r\x1b[2J%s", "c\td");
    g_assert_cmpint(errno, ==, ENOENT);
    log_info("%s", huge);
}

static void
test_one_line(void)
{
    init_plain();
    g_autofree char *text = captured(write_hostile);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 3);
    assert_matches(": a b  \\[2Jc d$", lines[0]);
    g_assert_cmpuint(strlen(lines[1]), <, 10000);
    g_assert_cmpstr(lines[2], ==, "");
}

static gpointer
write_many(gpointer data)
{
    base_log_set_context(data);
    for (int i = 0; i < 200; i++)
        log_info("%s %s", (const char *)data, "the rest of a line that is long enough to be torn");
    return NULL;
}

static void
write_from_threads(void)
{
    GThread *one = g_thread_new("one", write_many, (gpointer) "n=1");
    GThread *two = g_thread_new("two", write_many, (gpointer) "n=2");

    g_thread_join(one);
    g_thread_join(two);
}

static void
test_threads(void)
{
    init_plain();
    g_autofree char *text = captured(write_from_threads);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 401);
    for (guint i = 0; i < 400; i++)
        assert_matches("^" TIME " info prog (n=[12]): \\1 the rest of a line that is long enough to be torn$",
                       lines[i]);
}

static void
test_level_names(void)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    LogLevel level;

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_assert_true(base_log_level_from_name(names[i], &level));
        g_assert_cmpstr(base_log_level_name(level), ==, names[i]);
        g_assert_cmpint(level, ==, (int)i);
    }
    g_assert_false(base_log_level_from_name("loud", &level));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/log/lines-below-the-level-are-dropped", test_levels);
    g_test_add_func("/base/log/context-stands-in-each-line", test_context);
    g_test_add_func("/base/log/below-a-journal-that-is-deaf-lines-have-priority-and-no-time", test_journal);
    g_test_add_func("/base/log/other-streams-are-no-journal", test_other_stream);
    g_test_add_func("/base/log/context-becomes-fields-of-the-journal", test_journal_fields);
    g_test_add_func("/base/log/secrets-have-short-names", test_secret_name);
    g_test_add_func("/base/log/a-message-is-one-bounded-line", test_one_line);
    g_test_add_func("/base/log/threads-do-not-mix-lines", test_threads);
    g_test_add_func("/base/log/level-names-are-known", test_level_names);
    return g_test_run();
}
