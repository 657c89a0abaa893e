/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CONNECT and GET /console: finds the socket of a running VM's VNC or serial line and passes bytes both ways.
 *
 * Each console has a thread of its own: it waits for logins, for the domain service, and then for the two
 * peers. */
#include "api/vm/console.h"
#include "api/http/login.h"
#include "api/services.h"
#include "api/vm/websocket.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/unix_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONSOLES_MAX 256 /* open at once */
#define ACTION       "connect_console"

/* How many threads there are. */
static GMutex count_lock;
static GCond count_changed;
static guint n_consoles;

static gboolean
enter(void)
{
    g_mutex_lock(&count_lock);
    gboolean has_room = n_consoles < CONSOLES_MAX;
    n_consoles += has_room ? 1 : 0;
    g_mutex_unlock(&count_lock);
    return has_room;
}

static void
leave(void)
{
    g_mutex_lock(&count_lock);
    n_consoles--;
    g_cond_broadcast(&count_changed);
    g_mutex_unlock(&count_lock);
}

void
vm_console_wait(void)
{
    g_mutex_lock(&count_lock);
    while (n_consoles > 0)
        g_cond_wait(&count_changed, &count_lock);
    g_mutex_unlock(&count_lock);
}

/* One console being opened. */
typedef struct Visit {
    HttpRequest *request;
    const ApiServices *services;
} Visit;

/* What to answer when a console cannot be opened. */
typedef struct Refusal {
    guint status;
    char *text;
} Refusal;

static gboolean
refuse(Refusal *refusal, guint status, const char *text)
{
    refusal->status = status;
    refusal->text = g_strdup(text);
    return FALSE;
}

/* ---- Which console ---- */

/* (transfer full) (nullable) */
static DbRow *
find_row(const Visit *visit, int class_id)
{
    const char *ref = http_request_param(visit->request, "ref");
    const char *uuid = http_request_param(visit->request, "uuid");

    if (ref != NULL)
        return db_get(visit->services->db, class_id, ref);
    return uuid != NULL ? db_get_by_uuid(visit->services->db, class_id, uuid) : NULL;
}

/* The VM and the protocol; a VM by itself means its graphical console. Source: protocol notes 4.1 */
static gboolean
find_target(const Visit *visit, DbRow **ret_vm, DomainVmConsoleProtocol *ret_protocol, Refusal *refusal)
{
    g_autoptr(DbRow) console = find_row(visit, CLASS_CONSOLE);
    DbRow *vm = console != NULL ? db_get(visit->services->db, CLASS_VM, db_row_string(console, CONSOLE_VM))
                                : find_row(visit, CLASS_VM);
    if (vm == NULL)
        return refuse(refusal, 404, "there is no such console");

    gboolean is_text = console != NULL && g_str_equal(db_row_string(console, CONSOLE_PROTOCOL), "vt100");
    *ret_protocol = is_text ? DOMAIN_VM_CONSOLE_PROTOCOL_VT100 : DOMAIN_VM_CONSOLE_PROTOCOL_RFB;
    *ret_vm = vm;
    return TRUE;
}

static gboolean
connect_unix(const char *path, int *ret_fd, GError **error)
{
    auto_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return base_error_errno(error, errno, "make a socket");
    if (base_unix_connect(fd, path) < 0)
        return base_error_errno(error, errno, "connect to '%s'", path);
    *ret_fd = base_fd_steal(&fd);
    return TRUE;
}

static const char *
find_socket(const DomainVmState *state, DomainVmConsoleProtocol protocol)
{
    for (gsize i = 0; i < state->consoles.n; i++)
        if (state->consoles.items[i].protocol == protocol && state->consoles.items[i].path != NULL)
            return state->consoles.items[i].path;
    return NULL;
}

static gboolean
connect_console(const Visit *visit, const DbRow *vm, DomainVmConsoleProtocol protocol, int *ret_fd,
                Refusal *refusal)
{
    const DomainContext context = {.dbg = "console"};
    g_autoptr(GError) failure = NULL;
    g_auto(DomainVmEntry) entry = {0};
    if (!domain_client_vm_stat(visit->services->domains, &context, db_row_string(vm, VM_UUID), &entry,
                               &failure))
        return refuse(refusal, 500, "the VM has no domain on this host");
    if (entry.state.power_state != DOMAIN_POWER_STATE_RUNNING &&
        entry.state.power_state != DOMAIN_POWER_STATE_PAUSED)
        return refuse(refusal, 500, "the VM is not running");

    const char *path = find_socket(&entry.state, protocol);
    if (path == NULL)
        return refuse(refusal, 404, "the VM has no console of this kind");
    if (connect_unix(path, ret_fd, &failure))
        return TRUE;
    log_warning("console of VM %s: %s", db_row_string(vm, VM_UUID), failure->message);
    return refuse(refusal, 404, "the VM's console does not answer");
}

/* ---- The bytes ---- */

/* The key of a client that asks for a websocket; NULL if it does not. Source: protocol notes 4.1 */
static const char *
websocket_key(HttpRequest *request)
{
    const char *upgrade = http_request_header(request, "upgrade");

    if (upgrade == NULL || g_ascii_strcasecmp(upgrade, "websocket") != 0)
        return NULL;
    return http_request_header(request, "sec-websocket-key");
}

static char *
reply_head(const char *key)
{
    if (key == NULL)
        return g_strdup("HTTP/1.1 200 OK\r\nConnection: close\r\nCache-Control: no-cache, no-store\r\n\r\n");
    g_autofree char *accept = websocket_accept_key(key);
    return g_strdup_printf("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: binary\r\n\r\n",
                           accept);
}

static void
pump(const Visit *visit, int fd)
{
    const char *key = websocket_key(visit->request);
    g_autofree char *head = reply_head(key);
    g_autoptr(HttpStream) stream = http_take_over(visit->request);

    if (stream == NULL || !http_stream_write_all(stream, head, strlen(head), NULL))
        return;
    if (key != NULL)
        websocket_pump(stream, fd);
    else
        http_stream_pump(stream, fd, NULL);
}

static void
serve(const Visit *visit)
{
    auto_fd fd = -1;
    g_autoptr(DbRow) vm = NULL;
    DomainVmConsoleProtocol protocol;
    Refusal refusal = {0};
    g_auto(HttpLogin) login = {0};

    if (!http_login(visit->services, visit->request, "console", &login, NULL)) {
        http_login_refuse(visit->request, ACTION);
        return;
    }
    gboolean is_found = find_target(visit, &vm, &protocol, &refusal);
    ModelRole needed = is_found && db_row_bool(vm, VM_IS_CONTROL_DOMAIN) ? ROLE_POOL_ADMIN : ROLE_VM_OPERATOR;
    if (!http_login_require(&login, ACTION, needed, NULL))
        http_request_reply_error(visit->request, 403, "your role may not open this console");
    else if (is_found && connect_console(visit, vm, protocol, &fd, &refusal))
        pump(visit, fd);
    else
        http_request_reply_error(visit->request, refusal.status, refusal.text);
    g_free(refusal.text);
}

static gpointer
visit_thread(gpointer data)
{
    Visit *visit = data;

    serve(visit);
    http_request_unref(visit->request);
    g_free(visit);
    leave();
    return NULL;
}

void
api_console_handler(HttpRequest *request, gpointer data)
{
    if (!enter()) {
        http_request_reply_error(request, 503, "too many consoles are open");
        return;
    }
    Visit *visit = g_new(Visit, 1);
    *visit = (Visit){.request = http_request_ref(request), .services = data};
    g_autoptr(GThread) thread = g_thread_new("console", visit_thread, visit);
}
