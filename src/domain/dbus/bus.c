/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The connection to the bus, and each call's way in and out.
 *
 *   taken (thread of the loop) ──► domain_service_call() ──► answered (any thread, now or later) */
#include "domain/dbus/bus.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/loop.h"
#include "domain/dbus/introspection.h"
#include "domain/dbus/variant.h"
#include "domain/error.h"
#include "domain/task.h"

#define CALL_MAX_BYTES (16 * 1024 * 1024) /* as of a call by XML-RPC */
#define CALLS_MAX      4096               /* at the same time: most of them wait */

/* A system bus cuts off who sends more than 32 MiB. Marshalled for D-Bus a body is at most eight times as
 * large as the variant that holds it, so only large ones have to be measured. */
#define REPLY_MAX_BYTES     (31 * 1024 * 1024)
#define REPLY_MEASURE_BYTES (REPLY_MAX_BYTES / 8)

#define RETRY_MS 2000

/* Source: D-Bus specification, RequestName. */
#define DO_NOT_QUEUE  4
#define PRIMARY_OWNER 1

struct DomainBus {
    gatomicrefcount refs; /* ours, and one per call that is not answered */
    gint n_calls;         /* atomic */
    DomainService *service;
    char *where;
    char *name;
    Loop *loop;
    GDBusNodeInfo *node;
    /* On the loop's thread */
    GDBusConnection *connection; /* NULL: lost */
    GSource *retry;              /* (nullable) */
};

typedef struct Call {
    DomainBus *bus;
    const DomainMethod *method;
    GDBusMethodInvocation *invocation; /* owned; answering it takes it */
} Call;

static void
bus_unref(DomainBus *bus)
{
    if (!g_atomic_ref_count_dec(&bus->refs))
        return;
    g_clear_pointer(&bus->node, g_dbus_node_info_unref);
    g_free(bus->where);
    g_free(bus->name);
    g_free(bus);
}

/* ---- Answers */

static void
answer_exception(GDBusMethodInvocation *invocation, const GError *error)
{
    g_autofree char *name = g_strdup_printf("%s.Error.%s", domain_dbus_name, domain_error_name(error));
    g_autofree char *unknown = g_strdup_printf("%s.Error.Internal_error", domain_dbus_name);
    g_autofree char *text = domain_task_error_text(error);
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    /* Another service's exception may be called anything. */
    g_dbus_method_invocation_return_dbus_error(invocation, g_dbus_is_error_name(name) ? name : unknown,
                                               valid);
}

/* Whether a bus takes the body of a reply. */
static gboolean
is_sendable(GDBusMethodInvocation *invocation, GVariant *body)
{
    if (g_variant_get_size(body) <= REPLY_MEASURE_BYTES)
        return TRUE;
    g_autoptr(GDBusMessage) message =
        g_dbus_message_new_method_reply(g_dbus_method_invocation_get_message(invocation));
    gsize size = 0;
    g_dbus_message_set_body(message, body);
    g_autofree guchar *bytes = g_dbus_message_to_blob(message, &size, G_DBUS_CAPABILITY_FLAGS_NONE, NULL);
    return bytes != NULL && size <= REPLY_MAX_BYTES;
}

static void
answer_result(const DomainMethod *method, GDBusMethodInvocation *invocation, Value *result)
{
    g_autoptr(GVariant) value =
        method->result == NULL ? NULL : domain_variant_from_value(method->result, result);
    g_autoptr(GVariant) body = g_variant_ref_sink(g_variant_new_tuple(&value, value == NULL ? 0 : 1));
    if (is_sendable(invocation, body))
        g_dbus_method_invocation_return_value(invocation, body);
    else
        g_dbus_method_invocation_return_error(invocation, G_DBUS_ERROR, G_DBUS_ERROR_LIMITS_EXCEEDED,
                                              "%s: the answer is too large for a bus", method->name);
}

static void
answered(gpointer data, Value *result, const GError *error)
{
    g_autofree Call *call = data;
    g_atomic_int_add(&call->bus->n_calls, -1); /* who has an answer may call again */
    if (error != NULL)
        answer_exception(call->invocation, error);
    else
        answer_result(call->method, call->invocation, result);
    bus_unref(call->bus);
}

/* ---- Calls */

static gboolean
check_bounds(DomainBus *bus, GVariant *parameters, GError **error)
{
    if (g_variant_get_size(parameters) > CALL_MAX_BYTES)
        return base_error_set(error, BASE_ERROR_TOO_LARGE, "more than %d bytes", CALL_MAX_BYTES);
    if (g_atomic_int_get(&bus->n_calls) >= CALLS_MAX)
        return base_error_set(error, BASE_ERROR_TOO_LARGE, "more than %d calls at a time", CALLS_MAX);
    return TRUE;
}

static Value *
read_args(DomainBus *bus, const DomainMethod *method, GVariant *parameters, GError **error)
{
    if (!check_bounds(bus, parameters, error))
        return NULL;
    Value *args = domain_variant_to_value(method->args, parameters, error);
    if (args == NULL)
        return NULL;
    Value *params = value_array_new(1);
    value_array_add(params, args);
    return params;
}

static void
refuse(GDBusMethodInvocation *invocation, const GError *error)
{
    if (g_error_matches(error, BASE_ERROR, BASE_ERROR_TOO_LARGE)) {
        g_dbus_method_invocation_return_error_literal(invocation, G_DBUS_ERROR, G_DBUS_ERROR_LIMITS_EXCEEDED,
                                                      error->message);
        return;
    }
    g_autoptr(GError) exception = g_error_copy(error);
    domain_error_from(&exception);
    answer_exception(invocation, exception);
}

static void
method_called(GDBusConnection *connection, const char *sender, const char *path, const char *interface,
              const char *member, GVariant *parameters, GDBusMethodInvocation *invocation, gpointer data)
{
    DomainBus *bus = data;
    g_autofree char *name = g_strdup_printf("%s.%s", interface + strlen(domain_dbus_name) + 1, member);
    const DomainMethod *method = domain_method_find(name);
    g_assert(method != NULL); /* GDBus lets nothing through that the introspection data does not have */
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) params = read_args(bus, method, parameters, &error);
    if (params == NULL) {
        refuse(invocation, error);
        return;
    }
    Call *call = g_new(Call, 1);
    *call = (Call){bus, method, invocation};
    g_atomic_ref_count_inc(&bus->refs);
    g_atomic_int_inc(&bus->n_calls);
    domain_service_call(bus->service, name, params, answered, call);
}

/* ---- The connection; on the loop's thread */

static GDBusConnection *
connect_to(const char *where, GError **error)
{
    GBusType type = strcmp(where, "system") == 0    ? G_BUS_TYPE_SYSTEM
                    : strcmp(where, "session") == 0 ? G_BUS_TYPE_SESSION
                                                    : G_BUS_TYPE_NONE;
    g_autofree char *address =
        type == G_BUS_TYPE_NONE ? g_strdup(where) : g_dbus_address_get_for_bus_sync(type, NULL, error);
    if (address == NULL)
        return NULL;
    /* Not the shared connection of g_bus_get(): it ends the process when the bus goes away. */
    return g_dbus_connection_new_for_address_sync(address,
                                                  G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                                      G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                                  NULL, NULL, error);
}

static gboolean
register_interfaces(DomainBus *bus, GDBusConnection *connection, GError **error)
{
    static const GDBusInterfaceVTable table = {.method_call = method_called};
    for (GDBusInterfaceInfo **interface = bus->node->interfaces; *interface != NULL; interface++) {
        if (g_dbus_connection_register_object(connection, domain_dbus_path, *interface, &table, bus, NULL,
                                              error) == 0)
            return FALSE;
    }
    return TRUE;
}

/* After the interfaces, so that nobody finds the name without them. */
static gboolean
take_name(DomainBus *bus, GDBusConnection *connection, GError **error)
{
    guint32 result = 0;
    g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
        connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
        g_variant_new("(su)", bus->name, DO_NOT_QUEUE), G_VARIANT_TYPE("(u)"), G_DBUS_CALL_FLAGS_NONE, -1,
        NULL, error);
    if (reply == NULL)
        return FALSE;
    g_variant_get(reply, "(u)", &result);
    if (result != PRIMARY_OWNER)
        return base_error_set(error, BASE_ERROR_IO, "another service has the name %s", bus->name);
    return TRUE;
}

static void bus_closed(GDBusConnection *connection, gboolean is_remote, GError *reason, gpointer data);

static gboolean
go_on_bus(DomainBus *bus, GError **error)
{
    g_autoptr(GDBusConnection) connection = connect_to(bus->where, error);
    if (connection == NULL)
        return FALSE;
    if (!register_interfaces(bus, connection, error) || !take_name(bus, connection, error)) {
        g_dbus_connection_close_sync(connection, NULL, NULL);
        return FALSE;
    }
    g_signal_connect(connection, "closed", G_CALLBACK(bus_closed), bus);
    bus->connection = g_steal_pointer(&connection);
    return TRUE;
}

static void
schedule_retry(DomainBus *bus, GSourceFunc retry)
{
    g_clear_pointer(&bus->retry, g_source_unref);
    bus->retry = loop_timer(bus->loop, RETRY_MS, retry, bus);
}

static gboolean
try_again(gpointer data)
{
    DomainBus *bus = data;
    g_autoptr(GError) error = NULL;
    if (go_on_bus(bus, &error)) {
        log_info("on the bus again as %s", bus->name);
    } else {
        log_debug("bus '%s': %s", bus->where, error->message);
        schedule_retry(bus, try_again);
    }
    return G_SOURCE_REMOVE;
}

static void
bus_closed(GDBusConnection *connection, gboolean is_remote, GError *reason, gpointer data)
{
    DomainBus *bus = data;
    log_warning("the bus '%s' is gone; waiting for it", bus->where);
    g_clear_object(&bus->connection);
    schedule_retry(bus, try_again);
}

static void
leave_bus(gpointer data)
{
    DomainBus *bus = data;
    if (bus->retry != NULL)
        g_source_destroy(bus->retry);
    g_clear_pointer(&bus->retry, g_source_unref);
    if (bus->connection == NULL)
        return;
    g_signal_handlers_disconnect_by_data(bus->connection, bus);
    g_dbus_connection_flush_sync(bus->connection, NULL, NULL);
    g_dbus_connection_close_sync(bus->connection, NULL, NULL);
    g_clear_object(&bus->connection);
}

/* ---- Life */

typedef struct Start {
    DomainBus *bus;
    GMutex lock;
    GCond changed;
    gboolean is_done;
    GError *error;
} Start;

static void
start_on_loop(gpointer data)
{
    Start *start = data;
    GError *error = NULL;
    go_on_bus(start->bus, &error);
    g_mutex_lock(&start->lock);
    start->is_done = TRUE;
    start->error = error;
    g_cond_signal(&start->changed);
    g_mutex_unlock(&start->lock);
}

/* Goes onto the bus on the loop's thread, where calls are then taken. */
static gboolean
start(DomainBus *bus, GError **error)
{
    Start start = {.bus = bus};
    g_mutex_init(&start.lock);
    g_cond_init(&start.changed);
    loop_call(bus->loop, start_on_loop, &start);
    g_mutex_lock(&start.lock);
    while (!start.is_done)
        g_cond_wait(&start.changed, &start.lock);
    g_mutex_unlock(&start.lock);
    g_mutex_clear(&start.lock);
    g_cond_clear(&start.changed);
    g_autoptr(GError) reason = start.error;
    return reason == NULL ||
           base_error_set(error, BASE_ERROR_IO, "bus '%s': %s", bus->where, reason->message);
}

DomainBus *
domain_bus_new(DomainService *service, const char *where, const char *name, GError **error)
{
    if (!g_dbus_is_name(name) || g_dbus_is_unique_name(name)) {
        base_error_set(error, BASE_ERROR_INVALID, "'%s' cannot be a name on a bus", name);
        return NULL;
    }
    g_autoptr(DomainBus) bus = g_new0(DomainBus, 1);
    g_atomic_ref_count_init(&bus->refs);
    bus->service = service;
    bus->where = g_strdup(where);
    bus->name = g_strdup(name);
    bus->node = g_dbus_node_info_new_for_xml(domain_dbus_introspection, NULL);
    g_assert(bus->node != NULL);
    bus->loop = loop_new("bus");
    return start(bus, error) ? g_steal_pointer(&bus) : NULL;
}

void
domain_bus_free(DomainBus *bus)
{
    if (bus == NULL)
        return;
    loop_call(bus->loop, leave_bus, bus);
    loop_free(bus->loop);
    bus_unref(bus);
}
