/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Log lines, read back from a file that stands for stderr. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

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
    base_log_set_context(NULL);
    log_info("without");
}

static void
test_context(void)
{
    init_plain();
    g_autofree char *text = captured(write_context);
    assert_matches(" info prog task=ab12 vm=demo: within\\n.* info prog: without\\n$", text);
}

static void
test_journal(void)
{
    g_setenv("JOURNAL_STREAM", "8:1", TRUE);
    base_log_init("prog", LOG_LEVEL_INFO);
    g_unsetenv("JOURNAL_STREAM");
    g_autofree char *text = captured(write_levels);
    g_assert_cmpstr(text, ==, "<6>info prog: shown 1\n<3>error prog: shown 2\n");
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
    g_test_add_func("/base/log/journal-gets-priority-and-no-time", test_journal);
    g_test_add_func("/base/log/a-message-is-one-bounded-line", test_one_line);
    g_test_add_func("/base/log/threads-do-not-mix-lines", test_threads);
    g_test_add_func("/base/log/level-names-are-known", test_level_names);
    return g_test_run();
}
