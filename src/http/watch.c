/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tells when the peer of a parked connection goes away: MHD does not look at suspended connections, so a
 * thread with an epoll set of its own does, for those who asked. */
#include "http/internal.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"

typedef struct WatchEntry {
    guint64 id;
    void (*function)(gpointer data);
    gpointer data;
    GDestroyNotify destroy;
} WatchEntry;

struct HttpWatch {
    int epoll_fd;
    int stop_fd; /* an eventfd; readable once the thread shall end. Its id is 0 */
    GThread *thread;
    GMutex lock;         /* guards what follows */
    GHashTable *entries; /* id -> WatchEntry; owned */
    guint64 last_id;
};

static void
watch_entry_free(gpointer data)
{
    WatchEntry *entry = data;
    if (entry->destroy != NULL)
        entry->destroy(entry->data);
    g_free(entry);
}

static WatchEntry *
steal_entry(HttpWatch *watch, guint64 id)
{
    gpointer entry = NULL;
    g_mutex_lock(&watch->lock);
    g_hash_table_steal_extended(watch->entries, &id, NULL, &entry);
    g_mutex_unlock(&watch->lock);
    return entry;
}

static gpointer
watch_thread(gpointer data)
{
    HttpWatch *watch = data;
    for (;;) {
        struct epoll_event events[64];
        int n = epoll_wait(watch->epoll_fd, events, G_N_ELEMENTS(events), -1);
        if (n < 0 && errno != EINTR) {
            log_error("http: waiting for closed connections: %s", g_strerror(errno));
            return NULL;
        }
        for (int i = 0; i < n; i++) {
            if (events[i].data.u64 == 0)
                return NULL;
            /* Removed meanwhile: the event was already on its way. */
            WatchEntry *entry = steal_entry(watch, events[i].data.u64);
            if (entry == NULL)
                continue;
            entry->function(entry->data);
            watch_entry_free(entry);
        }
    }
}

HttpWatch *
http_watch_new(void)
{
    HttpWatch *watch = g_new0(HttpWatch, 1);
    watch->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    watch->stop_fd = eventfd(0, EFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0};
    if (watch->epoll_fd < 0 || watch->stop_fd < 0 ||
        epoll_ctl(watch->epoll_fd, EPOLL_CTL_ADD, watch->stop_fd, &event) < 0)
        log_error("http: cannot watch for closed connections: %s", g_strerror(errno));
    g_mutex_init(&watch->lock);
    watch->entries = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, watch_entry_free);
    watch->thread = g_thread_new("http-watch", watch_thread, watch);
    return watch;
}

void
http_watch_free(HttpWatch *watch)
{
    if (watch == NULL)
        return;
    guint64 one = 1;
    if (write(watch->stop_fd, &one, sizeof(one)) < 0)
        log_error("http: cannot stop the watcher: %s", g_strerror(errno));
    g_thread_join(watch->thread);
    g_hash_table_unref(watch->entries);
    base_fd_clear(&watch->epoll_fd);
    base_fd_clear(&watch->stop_fd);
    g_mutex_clear(&watch->lock);
    g_free(watch);
}

guint64
http_watch_add(HttpWatch *watch, int fd, void (*function)(gpointer data), gpointer data,
               GDestroyNotify destroy)
{
    WatchEntry *entry = g_new0(WatchEntry, 1);
    entry->function = function;
    entry->data = data;
    entry->destroy = destroy;

    g_mutex_lock(&watch->lock);
    guint64 id = entry->id = ++watch->last_id;
    g_hash_table_insert(watch->entries, &entry->id, entry);
    g_mutex_unlock(&watch->lock);

    /* Hang-up and error are always reported; one-shot, or a closed socket would be reported until it is
     * removed. */
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.u64 = id};
    if (epoll_ctl(watch->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        log_warning("http: cannot watch a connection: %s", g_strerror(errno));
    return id;
}

void
http_watch_remove(HttpWatch *watch, guint64 id, int fd)
{
    epoll_ctl(watch->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    WatchEntry *entry = steal_entry(watch, id);
    if (entry != NULL)
        watch_entry_free(entry);
}
