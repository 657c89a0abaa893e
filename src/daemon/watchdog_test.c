/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signs of life, received as systemd would. */
#include "daemon/watchdog.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/unix_socket.h"

#define PERIOD_US "3000" /* a tick each millisecond */

typedef struct Manager {
    char *folder;
    char *path;
    int fd;
    guint n_probes;
    void (*alive)(gpointer data); /* of the last probe */
    gpointer alive_data;
    gboolean is_dead; /* probes are not answered */
} Manager;

static void
manager_start(Manager *manager)
{
    manager->folder = g_dir_make_tmp("watchdog-XXXXXX", NULL);
    manager->path = g_build_filename(manager->folder, "notify", NULL);
    manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    g_assert_cmpint(base_unix_bind(manager->fd, manager->path), ==, 0);
    setenv("NOTIFY_SOCKET", manager->path, TRUE);
    setenv("WATCHDOG_USEC", PERIOD_US, TRUE);
}

static void
manager_end(Manager *manager)
{
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    base_fd_clear(&manager->fd);
    unlink(manager->path);
    rmdir(manager->folder);
    g_free(manager->path);
    g_free(manager->folder);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Manager, manager_end)

static void
probe(gpointer data, void (*alive)(gpointer), gpointer alive_data)
{
    Manager *manager = data;
    manager->n_probes++;
    manager->alive = alive;
    manager->alive_data = alive_data;
    if (!manager->is_dead)
        alive(alive_data);
}

/* Signs that have arrived. */
static guint
count_signs(const Manager *manager)
{
    guint count = 0;
    char text[64] = "";
    while (recv(manager->fd, text, sizeof text - 1, 0) > 0) {
        g_assert_cmpstr(text, ==, "WATCHDOG=1");
        count++;
        memset(text, 0, sizeof text);
    }
    return count;
}

static void
test_lives(void)
{
    g_auto(Manager) manager = {0};
    manager_start(&manager);
    Watchdog *watchdog = watchdog_start("the part", probe, &manager);
    g_assert_nonnull(watchdog);
    while (manager.n_probes < 3)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpuint(count_signs(&manager), ==, 3);
    watchdog_stop(watchdog);
}

static gboolean
count_turn(gpointer data)
{
    return ++*(guint *)data < 20;
}

/* While the part is silent there is no sign, however long the loop turns. */
static void
test_dies_and_lives_again(void)
{
    g_auto(Manager) manager = {.is_dead = TRUE};
    guint turns = 0;
    manager_start(&manager);
    Watchdog *watchdog = watchdog_start("the part", probe, &manager);
    g_timeout_add(2, count_turn, &turns);
    while (turns < 20)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpuint(manager.n_probes, ==, 1);
    g_assert_cmpuint(count_signs(&manager), ==, 1);

    manager.is_dead = FALSE;
    manager.alive(manager.alive_data);
    while (manager.n_probes < 3)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpuint(count_signs(&manager), ==, 2);
    watchdog_stop(watchdog);
}

static void
test_late_answer(void)
{
    g_auto(Manager) manager = {.is_dead = TRUE};
    manager_start(&manager);
    Watchdog *watchdog = watchdog_start("the part", probe, &manager);
    while (manager.n_probes < 1)
        g_main_context_iteration(NULL, TRUE);
    watchdog_stop(watchdog);
    manager.alive(manager.alive_data);
}

static void
test_nobody_watches(void)
{
    unsetenv("WATCHDOG_USEC");
    g_assert_null(watchdog_start("the part", probe, NULL));
    watchdog_stop(NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/daemon/watchdog/gives-signs-while-the-part-answers", test_lives);
    g_test_add_func("/daemon/watchdog/gives-none-while-the-part-is-silent", test_dies_and_lives_again);
    g_test_add_func("/daemon/watchdog/answer-after-the-end-is-fine", test_late_answer);
    g_test_add_func("/daemon/watchdog/without-a-manager-there-is-none", test_nobody_watches);
    return g_test_run();
}
