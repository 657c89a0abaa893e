/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Socket and timer of an agent. What is said is agent_talk.c's. */
#include "domain/qemu/agent.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/unix_socket.h"
#include "domain/qemu/agent_talk.h"

#define ROUND_INTERVAL_S 15
/* Read of one guest between two rounds; an honest one sends a few kB. */
#define BUDGET_BYTES (2 * AGENT_MESSAGE_MAX_BYTES)

struct QemuAgent {
    GMainContext *context;
    char *socket_path;
    QemuAgentTold told;
    gpointer owner;
    GSource *round; /* fires for ever; made to fire at once when there is something to do */
    GMutex lock;    /* of what follows */
    AgentTalk *talk;
    int fd; /* -1: not connected */
    GSource *input;
    gsize budget_bytes;
    gboolean is_open;
    gboolean is_ended;
};

/* ---- "locked": under the lock */

static void
hang_up_locked(QemuAgent *agent)
{
    if (agent->input != NULL)
        g_source_destroy(agent->input);
    g_clear_pointer(&agent->input, g_source_unref);
    base_fd_clear(&agent->fd);
    agent_talk_reset(agent->talk);
}

/* A message goes out whole or the connection is of no use: it is far smaller than a socket's buffer. */
static void
send_next_locked(QemuAgent *agent)
{
    g_autoptr(GString) out = g_string_new(NULL);
    if (agent->fd < 0)
        return;
    agent_talk_next(agent->talk, out);
    if (out->len == 0)
        return;
    ssize_t sent = send(agent->fd, out->str, out->len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent != (ssize_t)out->len)
        hang_up_locked(agent);
}

static gboolean readable(int fd, GIOCondition condition, gpointer data);

static void
connect_locked(QemuAgent *agent)
{
    if (agent->fd >= 0)
        return;
    auto_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || base_unix_connect(fd, agent->socket_path) < 0)
        return; /* the next round tries again */
    agent->fd = base_fd_steal(&fd);
    agent->input = g_unix_fd_source_new(agent->fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
    g_source_set_callback(agent->input, G_SOURCE_FUNC(readable), agent, NULL);
    g_source_attach(agent->input, agent->context);
}

/* ---- On the loop's thread */

/* Takes what there is; the info if it is another afterwards (transfer full). */
static Value *
take_locked(QemuAgent *agent)
{
    char buffer[16384];
    Value *before = agent_talk_info(agent->talk);
    ssize_t got = recv(agent->fd, buffer, MIN(sizeof buffer, agent->budget_bytes), MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return NULL;
    if (got <= 0 || !agent_talk_take(agent->talk, buffer, (gsize)got)) {
        hang_up_locked(agent);
        return NULL;
    }
    agent->budget_bytes -= (gsize)got;
    if (agent->budget_bytes == 0) {
        log_warning("the guest's agent says too much: left alone for a while");
        hang_up_locked(agent);
        return NULL;
    }
    send_next_locked(agent);
    Value *info = agent_talk_info(agent->talk);
    return info == before ? NULL : value_ref(info);
}

static gboolean
readable(int fd, GIOCondition condition, gpointer data)
{
    QemuAgent *agent = data;
    g_mutex_lock(&agent->lock);
    /* It may have been hung up by another thread just now. */
    g_autoptr(Value) info = agent->fd == fd ? take_locked(agent) : NULL;
    gboolean goes_on = agent->fd == fd;
    g_mutex_unlock(&agent->lock);
    if (info != NULL)
        agent->told(agent->owner, info);
    return goes_on ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static gboolean
begin_round(gpointer data)
{
    QemuAgent *agent = data;
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&agent->lock);
    agent->budget_bytes = BUDGET_BYTES;
    if (!agent->is_open || agent->is_ended)
        return G_SOURCE_CONTINUE;
    connect_locked(agent);
    if (!agent_talk_begin(agent->talk)) {
        /* What was asked a whole round ago is not answered. */
        hang_up_locked(agent);
        connect_locked(agent);
        agent_talk_begin(agent->talk);
    }
    send_next_locked(agent);
    return G_SOURCE_CONTINUE;
}

/* ---- Life */

QemuAgent *
qemu_agent_new(const QemuAgentSpec *spec)
{
    QemuAgent *agent = g_new0(QemuAgent, 1);
    agent->context = g_main_context_ref(spec->context);
    agent->socket_path = g_strdup(spec->socket_path);
    agent->told = spec->told;
    agent->owner = spec->owner;
    agent->talk = agent_talk_new(spec->vifs, spec->vm);
    agent->fd = -1;
    g_mutex_init(&agent->lock);
    agent->round = g_timeout_source_new_seconds(ROUND_INTERVAL_S);
    g_source_set_callback(agent->round, begin_round, agent, NULL);
    g_source_attach(agent->round, agent->context);
    return agent;
}

void
qemu_agent_free(QemuAgent *agent)
{
    if (agent == NULL)
        return;
    g_mutex_lock(&agent->lock);
    agent->is_ended = TRUE;
    hang_up_locked(agent);
    g_mutex_unlock(&agent->lock);
    /* Once the loop has come to this, it is in no callback of ours. */
    loop_end_source(agent->context, agent->round);
    agent_talk_free(agent->talk);
    g_mutex_clear(&agent->lock);
    g_main_context_unref(agent->context);
    g_free(agent->socket_path);
    g_free(agent);
}

/* ---- From any thread */

static void
fire_locked(QemuAgent *agent)
{
    g_source_set_ready_time(agent->round, 0);
}

void
qemu_agent_set_open(QemuAgent *agent, gboolean is_open)
{
    g_mutex_lock(&agent->lock);
    agent->is_open = is_open;
    if (is_open)
        fire_locked(agent);
    else
        hang_up_locked(agent);
    g_mutex_unlock(&agent->lock);
    if (!is_open)
        agent->told(agent->owner, NULL);
}

gboolean
qemu_agent_ask_shutdown(QemuAgent *agent)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&agent->lock);
    if (!agent->is_open)
        return FALSE;
    connect_locked(agent);
    agent_talk_want_shutdown(agent->talk);
    send_next_locked(agent);
    return agent->fd >= 0;
}

gboolean
qemu_agent_has_acknowledged(QemuAgent *agent)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&agent->lock);
    return agent_talk_has_acknowledged(agent->talk);
}

void
qemu_agent_use_vcpus(QemuAgent *agent)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&agent->lock);
    agent_talk_want_vcpus(agent->talk);
    send_next_locked(agent);
}
