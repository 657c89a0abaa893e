/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The QMP client. One line is one JSON object: the greeting, a reply with our id, or an event. */
#include "domain/qemu/qmp.h"

#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "value/json.h"

/* A guest cannot make QEMU say much, but a QEMU taken over by its guest could. */
#define MAX_LINE_BYTES (16 * 1024 * 1024)

/* A socket whose peer does not read for this long is as good as closed. */
#define WRITE_TIMEOUT_MS 10000

struct Qmp {
    int fd;
    GMainContext *context;
    GSource *source;
    QmpEvent event;
    gpointer owner;
    GString *input; /* loop's thread only */
    GMutex write_lock;
    GMutex lock; /* of what follows */
    GCond changed;
    GHashTable *replies; /* id to Value of those that wait; NULL value: none yet */
    gint64 last_id;
    gint64 request_id; /* of qmp_request(); 0: none is out */
    QmpAnswer answer;  /* to it */
    gboolean is_greeted;
    gboolean is_closed;
};

/* ---- Reading, on the loop's thread */

/* The answer to qmp_request(), if @number is its; NULL otherwise. */
static QmpAnswer
claim_request(Qmp *qmp, gint64 number)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&qmp->lock);
    if (number == 0 || number != qmp->request_id)
        return NULL;
    qmp->request_id = 0;
    return qmp->answer;
}

static void
take_reply(Qmp *qmp, Value *message)
{
    Value *id = value_map_get(message, "id");
    gint64 number = id != NULL && value_kind(id) == VALUE_INT ? value_get_int(id) : 0;
    QmpAnswer answer = claim_request(qmp, number);
    if (answer != NULL) {
        answer(qmp->owner, value_map_get(message, "return"));
        return;
    }
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&qmp->lock);
    if (!g_hash_table_contains(qmp->replies, &number))
        return;
    g_hash_table_insert(qmp->replies, g_memdup2(&number, sizeof number), value_ref(message));
    g_cond_broadcast(&qmp->changed);
}

static void
take_message(Qmp *qmp, Value *message)
{
    Value *event = value_map_get(message, "event");
    if (event != NULL && value_kind(event) == VALUE_STRING) {
        Value *data = value_map_get(message, "data");
        gboolean is_map = data != NULL && value_kind(data) == VALUE_MAP;
        qmp->event(qmp->owner, value_get_string(event), is_map ? data : NULL);
        return;
    }
    if (value_map_get(message, "QMP") == NULL) {
        take_reply(qmp, message);
        return;
    }
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&qmp->lock);
    qmp->is_greeted = TRUE;
    g_cond_broadcast(&qmp->changed);
}

static gboolean
take_lines(Qmp *qmp)
{
    gsize begin = 0;
    for (char *end; (end = memchr(qmp->input->str + begin, '\n', qmp->input->len - begin)) != NULL;) {
        gsize length = (gsize)(end - qmp->input->str) - begin;
        g_autoptr(GError) error = NULL;
        g_autoptr(Value) message = json_read_lax(qmp->input->str + begin, length, &error);
        if (message == NULL || value_kind(message) != VALUE_MAP) {
            log_warning("QMP: not understood: %s", error == NULL ? "no object" : error->message);
            return FALSE;
        }
        take_message(qmp, message);
        begin += length + 1;
    }
    g_string_erase(qmp->input, 0, (gssize)begin);
    return qmp->input->len < MAX_LINE_BYTES;
}

static void
close_down(Qmp *qmp)
{
    g_mutex_lock(&qmp->lock);
    qmp->is_closed = TRUE;
    g_cond_broadcast(&qmp->changed);
    g_mutex_unlock(&qmp->lock);
    qmp->event(qmp->owner, NULL, NULL);
}

static gboolean
readable(int fd, GIOCondition condition, gpointer data)
{
    Qmp *qmp = data;
    char buffer[65536];
    ssize_t got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return G_SOURCE_CONTINUE;
    if (got > 0) {
        g_string_append_len(qmp->input, buffer, got);
        if (take_lines(qmp))
            return G_SOURCE_CONTINUE;
    }
    close_down(qmp);
    return G_SOURCE_REMOVE;
}

Qmp *
qmp_new(GMainContext *context, int fd, QmpEvent event, gpointer owner)
{
    Qmp *qmp = g_new0(Qmp, 1);
    qmp->fd = fd;
    qmp->context = g_main_context_ref(context);
    qmp->event = event;
    qmp->owner = owner;
    qmp->input = g_string_new(NULL);
    g_mutex_init(&qmp->write_lock);
    g_mutex_init(&qmp->lock);
    g_cond_init(&qmp->changed);
    qmp->replies = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, (GDestroyNotify)value_unref);
    qmp->source = g_unix_fd_source_new(fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
    g_source_set_callback(qmp->source, G_SOURCE_FUNC(readable), qmp, NULL);
    g_source_attach(qmp->source, context);
    return qmp;
}

/* ---- Ending */

void
qmp_free(Qmp *qmp)
{
    if (qmp == NULL)
        return;
    loop_end_source(qmp->context, qmp->source);
    base_fd_clear(&qmp->fd);
    g_main_context_unref(qmp->context);
    g_string_free(qmp->input, TRUE);
    g_hash_table_unref(qmp->replies);
    g_mutex_clear(&qmp->write_lock);
    g_mutex_clear(&qmp->lock);
    g_cond_clear(&qmp->changed);
    g_free(qmp);
}

/* ---- Waiting */

typedef gboolean (*QmpCondition)(Qmp *qmp, gint64 id);

static gboolean
has_greeting(Qmp *qmp, gint64 id)
{
    return qmp->is_greeted;
}

static gboolean
has_ended(Qmp *qmp, gint64 id)
{
    return qmp->is_closed;
}

static gboolean
has_reply(Qmp *qmp, gint64 id)
{
    return g_hash_table_lookup(qmp->replies, &id) != NULL;
}

static void
wake_waiters(GCancellable *cancellable, gpointer data)
{
    Qmp *qmp = data;
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&qmp->lock);
    g_cond_broadcast(&qmp->changed);
}

/* Under the lock. */
static gboolean
wait_locked(Qmp *qmp, QmpCondition condition, gint64 id, gint64 until_us, GCancellable *cancellable,
            GError **error)
{
    while (!condition(qmp, id)) {
        if (qmp->is_closed)
            return base_error_set(error, BASE_ERROR_IO, "QEMU has closed its control connection");
        if (cancellable != NULL && g_cancellable_is_cancelled(cancellable))
            return base_error_set(error, BASE_ERROR_CANCELLED, "cancelled");
        if (!g_cond_wait_until(&qmp->changed, &qmp->lock, until_us) && !condition(qmp, id))
            return base_error_set(error, BASE_ERROR_TIMED_OUT, "QEMU does not answer");
    }
    return TRUE;
}

static gboolean
wait_for(Qmp *qmp, QmpCondition condition, gint64 id, guint timeout_ms, GCancellable *cancellable,
         GError **error)
{
    gint64 until_us = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
    gulong handler =
        cancellable == NULL ? 0 : g_cancellable_connect(cancellable, G_CALLBACK(wake_waiters), qmp, NULL);
    g_mutex_lock(&qmp->lock);
    gboolean is_met = wait_locked(qmp, condition, id, until_us, cancellable, error);
    g_mutex_unlock(&qmp->lock);
    if (handler != 0)
        g_cancellable_disconnect(cancellable, handler);
    return is_met;
}

/* ---- Writing */

/* As send(); a descriptor other than -1 goes with the first byte. */
static ssize_t
send_some(int socket_fd, const char *data, gsize length, int fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec piece = {(char *)data, length};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        *header = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    return sendmsg(socket_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* @fd: -1 for none */
static gboolean
write_all(Qmp *qmp, const char *data, gsize length, int fd, GError **error)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&qmp->write_lock);
    while (length > 0) {
        ssize_t sent = send_some(qmp->fd, data, length, fd);
        if (sent > 0) {
            fd = -1;
            data += sent;
            length -= (gsize)sent;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return base_error_errno(error, errno, "write to QEMU's control connection");
        struct pollfd wait = {.fd = qmp->fd, .events = POLLOUT};
        if (poll(&wait, 1, WRITE_TIMEOUT_MS) == 0)
            return base_error_set(error, BASE_ERROR_TIMED_OUT, "QEMU does not read its control connection");
    }
    return TRUE;
}

static GString *
command_line(const char *command, Value *args, gint64 id)
{
    g_autoptr(Value) message = value_map_new(3);
    value_map_set(message, "execute", value_string(command));
    if (args != NULL)
        value_map_set(message, "arguments", value_ref(args));
    value_map_set(message, "id", value_int(id));
    GString *line = g_string_new(NULL);
    json_write_value(line, message);
    return g_string_append_c(line, '\n');
}

static gboolean
send_command(Qmp *qmp, const char *command, Value *args, int fd, gint64 id, GError **error)
{
    g_autoptr(GString) line = command_line(command, args, id);
    return write_all(qmp, line->str, line->len, fd, error);
}

static gint64
reserve_id(Qmp *qmp)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&qmp->lock);
    gint64 id = ++qmp->last_id;
    g_hash_table_insert(qmp->replies, g_memdup2(&id, sizeof id), NULL);
    return id;
}

static Value *
take_waited(Qmp *qmp, gint64 id)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&qmp->lock);
    Value *reply = g_hash_table_lookup(qmp->replies, &id);
    if (reply != NULL)
        value_ref(reply);
    g_hash_table_remove(qmp->replies, &id);
    return reply;
}

static gboolean
read_reply(const char *command, Value *reply, Value **ret, GError **error)
{
    Value *failure = value_map_get(reply, "error");
    if (failure != NULL) {
        const char *text =
            value_kind(failure) == VALUE_MAP ? value_map_get_string(failure, "desc", "?") : "?";
        return base_error_set(error, BASE_ERROR_FAILED, "QEMU refuses %s: %s", command, text);
    }
    Value *result = value_map_get(reply, "return");
    if (ret != NULL)
        *ret = result == NULL ? value_nil() : value_ref(result);
    return TRUE;
}

gboolean
qmp_negotiate(Qmp *qmp, guint timeout_ms, GCancellable *cancellable, GError **error)
{
    return wait_for(qmp, has_greeting, 0, timeout_ms, cancellable, error) &&
           qmp_execute(qmp, "qmp_capabilities", NULL, timeout_ms, cancellable, NULL, error);
}

/* @args: (transfer none); @fd: -1 for none */
static gboolean
execute(Qmp *qmp, const char *command, Value *args, int fd, guint timeout_ms, GCancellable *cancellable,
        Value **ret, GError **error)
{
    gint64 id = reserve_id(qmp);
    gboolean is_answered = send_command(qmp, command, args, fd, id, error) &&
                           wait_for(qmp, has_reply, id, timeout_ms, cancellable, error);
    g_autoptr(Value) reply = take_waited(qmp, id);
    if (!is_answered) {
        g_prefix_error(error, "%s: ", command);
        return FALSE;
    }
    return read_reply(command, reply, ret, error);
}

gboolean
qmp_execute(Qmp *qmp, const char *command, Value *args, guint timeout_ms, GCancellable *cancellable,
            Value **ret, GError **error)
{
    g_autoptr(Value) owned = args;
    return execute(qmp, command, owned, -1, timeout_ms, cancellable, ret, error);
}

gboolean
qmp_pass_fd(Qmp *qmp, const char *name, int fd, guint timeout_ms, GCancellable *cancellable, GError **error)
{
    g_autoptr(Value) args = value_map_new(1);
    value_map_set(args, "fdname", value_string(name));
    return execute(qmp, "getfd", args, fd, timeout_ms, cancellable, NULL, error);
}

/* ---- Requests that nobody waits for */

/* 0 while one is out. */
static gint64
reserve_request(Qmp *qmp, QmpAnswer answer)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&qmp->lock);
    if (qmp->request_id != 0 || qmp->is_closed)
        return 0;
    qmp->request_id = ++qmp->last_id;
    qmp->answer = answer;
    return qmp->request_id;
}

/* Whole, at once, or not at all: a socket takes a line this short in one piece or has no room. */
static gboolean
send_at_once(Qmp *qmp, const GString *line)
{
    if (!g_mutex_trylock(&qmp->write_lock))
        return FALSE;
    ssize_t sent = send_some(qmp->fd, line->str, line->len, -1);
    g_mutex_unlock(&qmp->write_lock);
    return sent == (ssize_t)line->len;
}

gboolean
qmp_request(Qmp *qmp, const char *command, Value *args, QmpAnswer answer)
{
    g_autoptr(Value) owned = args;
    gint64 id = reserve_request(qmp, answer);
    if (id == 0)
        return FALSE;
    g_autoptr(GString) line = command_line(command, owned, id);
    if (send_at_once(qmp, line))
        return TRUE;
    claim_request(qmp, id);
    return FALSE;
}

gboolean
qmp_await_end(Qmp *qmp, guint timeout_ms, GError **error)
{
    return wait_for(qmp, has_ended, 0, timeout_ms, NULL, error);
}
