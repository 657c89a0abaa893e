/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One QEMU per VM: starting, driving, ending and taking up again. The command line is arguments.c's, the wire
 * qmp.c's. */
#include "domain/qemu/qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/process.h"
#include "domain/disks.h"
#include "domain/qemu/arguments.h"
#include "domain/qemu/block.h"
#include "domain/qemu/guest.h"
#include "domain/qemu/memory.h"
#include "domain/qemu/process.h"
#include "domain/qemu/stream.h"
#include "domain/qemu/tap.h"
#include "domain/qemu/vcpus.h"
#include "domain/qemu/version.h"

#define START_TIMEOUT_MS   30000 /* a loaded host; a healthy one needs 50 */
#define COMMAND_TIMEOUT_MS 10000
#define ADOPT_TIMEOUT_MS   5000
/* A guest may write to its serial line as much as it likes, and make QEMU complain; the logs keep this much
 * and then begin anew. */
#define LOG_MAX_BYTES (8 * 1024 * 1024)
#define LOG_CHECK_S   20

#define DUMP_TIMEOUT_MS (10 * 60 * 1000)

/* ---- Events */

static const struct ShutdownRow {
    const char *reason;
    DomainGuestEvent event;
} shutdown_rows[] = {
    {"guest-shutdown", DOMAIN_GUEST_POWERED_OFF},
    {"guest-reset", DOMAIN_GUEST_RESET},
    {"guest-panic", DOMAIN_GUEST_CRASHED},
};

static DomainGuestEvent
event_of_shutdown(Value *data)
{
    const char *reason = data == NULL ? "" : value_map_get_string(data, "reason", "");
    for (gsize i = 0; i < G_N_ELEMENTS(shutdown_rows); i++) {
        if (strcmp(shutdown_rows[i].reason, reason) == 0)
            return shutdown_rows[i].event;
    }
    return DOMAIN_GUEST_EVENT_NONE; /* our own doing */
}

static gint64
member_int(Value *data, const char *key)
{
    Value *value = data == NULL ? NULL : value_map_get(data, key);
    return value != NULL && value_kind(value) == VALUE_INT ? value_get_int(value) : 0;
}

static gboolean
member_bool(Value *data, const char *key)
{
    Value *value = data == NULL ? NULL : value_map_get(data, key);
    return value != NULL && value_kind(value) == VALUE_BOOL && value_get_bool(value);
}

static void
channel_changed(QemuGuest *guest, Value *data)
{
    const char *id = data == NULL ? "" : value_map_get_string(data, "id", "");
    if (strcmp(id, QEMU_AGENT_CHANNEL) == 0)
        qemu_agent_set_open(guest->agent, member_bool(data, "open"));
}

static void
qmp_event(gpointer owner, const char *name, Value *data)
{
    QemuGuest *guest = owner;
    DomainBackend *backend = &guest->backend->base;
    DomainGuestEvent event = DOMAIN_GUEST_EVENT_NONE;
    gint64 number = 0;
    if (name == NULL) {
        event = DOMAIN_GUEST_GONE;
        qemu_stream_event(guest, NULL);
    } else if (strcmp(name, "MIGRATION") == 0 && data != NULL) {
        qemu_stream_event(guest, data);
    } else if (strcmp(name, "BALLOON_CHANGE") == 0) {
        qemu_memory_event(guest, member_int(data, "actual"));
    } else if (strcmp(name, "VSERPORT_CHANGE") == 0) {
        channel_changed(guest, data);
    } else if (strcmp(name, "ACPI_DEVICE_OST") == 0) {
        qemu_vcpus_event(guest, data);
        event = DOMAIN_GUEST_STIRRED;
    } else if (strcmp(name, "DEVICE_DELETED") == 0) {
        event = DOMAIN_GUEST_STIRRED;
    } else if (strcmp(name, "SHUTDOWN") == 0) {
        event = event_of_shutdown(data);
    } else if (strcmp(name, "GUEST_PANICKED") == 0) {
        event = DOMAIN_GUEST_CRASHED;
    } else if (strcmp(name, "RTC_CHANGE") == 0) {
        event = DOMAIN_GUEST_CLOCK_SET;
        number = member_int(data, "offset");
    }
    if (event != DOMAIN_GUEST_EVENT_NONE)
        backend->notify(backend->notify_data, guest->id, guest->domid, event, number);
}

/* ---- Logs */

#define SERIAL_LOG "serial.log"
#define QEMU_LOG   "qemu.log"

static void
bound_log(const char *run_dir, const char *name)
{
    g_autofree char *path = g_build_filename(run_dir, name, NULL);
    struct stat status;
    /* QEMU appends, so it goes on at the new end. */
    if (stat(path, &status) == 0 && status.st_size > LOG_MAX_BYTES && truncate(path, 0) < 0)
        log_warning("truncate '%s': %s", path, g_strerror(errno));
}

static gboolean
bound_logs(gpointer run_dir)
{
    bound_log(run_dir, SERIAL_LOG);
    bound_log(run_dir, QEMU_LOG);
    return G_SOURCE_CONTINUE;
}

static void
watch_logs(QemuGuest *data, const DomainGuest *guest)
{
    data->log_check = g_timeout_source_new_seconds(LOG_CHECK_S);
    g_source_set_callback(data->log_check, bound_logs, g_strdup(guest->run_dir), g_free);
    g_source_attach(data->log_check, data->backend->context);
}

static void
unwatch_logs(QemuGuest *data)
{
    if (data->log_check == NULL)
        return;
    g_source_destroy(data->log_check);
    g_clear_pointer(&data->log_check, g_source_unref);
}

/* ---- Making */

QemuGuest *
qemu_guest_data(DomainBackend *backend, DomainGuest *guest)
{
    QemuGuest *data = guest->data;
    if (data != NULL)
        return data;
    data = g_new0(QemuGuest, 1);
    data->backend = qemu_of(backend);
    data->id = g_strdup(guest->id);
    data->domid = guest->run->domid;
    data->pidfd = -1;
    g_mutex_init(&data->lock);
    g_cond_init(&data->changed);
    g_mutex_init(&data->info_lock);
    guest->data = data;
    watch_logs(data, guest);
    return data;
}

static gboolean
qemu_create(DomainBackend *backend, DomainGuest *guest, GCancellable *cancellable, GError **error)
{
    qemu_guest_data(backend, guest);
    return qemu_memory_check(guest->run->memory_target, error);
}

static gboolean
check_readable(const char *what, const char *path, GError **error)
{
    if (path == NULL || access(path, R_OK) == 0)
        return TRUE;
    return base_error_errno(error, errno, "%s '%s'", what, path);
}

static gboolean
check_networks(const DomainStoreConfig *config, GError **error)
{
    for (gsize i = 0; i < config->vifs.n; i++) {
        if (config->vifs.items[i].backend.tag == DOMAIN_NETWORK_T_REMOTE)
            return domain_error_not_supported(error);
    }
    return TRUE;
}

static gboolean
check_boot(const DomainStoreConfig *config, GError **error)
{
    static const char *const no_bootloader[] = {"bootloaders are not run here: give kernel and ramdisk",
                                                NULL};
    const DomainVmBuilderInfo *ty = &config->vm.ty;
    if (!qemu_has_bootable_device(config))
        return domain_error_no_bootable_device(error);
    if (ty->tag == DOMAIN_VM_BUILDER_INFO_HVM)
        return TRUE;
    if (ty->pv.boot.tag == DOMAIN_VM_PV_BOOT_INDIRECT)
        return domain_error_bootloader_error(error, ty->pv.boot.indirect.bootloader, no_bootloader);
    return check_readable("kernel", ty->pv.boot.direct.kernel, error) &&
           check_readable("ramdisk", ty->pv.boot.direct.ramdisk, error);
}

/* ---- The process: descriptors first */

typedef struct Launch {
    GArray *fds; /* int; inherited by QEMU and closed here afterwards */
    int run_dir_fd;
    int qmp_fd;
    int serial_fd;
    int agent_fd;
    int *tap_fds;
} Launch;

static void
launch_clear(Launch *launch)
{
    for (guint i = 0; launch->fds != NULL && i < launch->fds->len; i++)
        close(g_array_index(launch->fds, int, i));
    g_clear_pointer(&launch->fds, g_array_unref);
    g_clear_pointer(&launch->tap_fds, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Launch, launch_clear)

static gboolean
listen_in(Launch *launch, const DomainGuest *guest, const char *name, int *ret_fd, GError **error)
{
    g_autofree char *path = g_build_filename(guest->run_dir, name, NULL);
    *ret_fd = qemu_socket_listen(path, error);
    if (*ret_fd < 0)
        return FALSE;
    g_array_append_val(launch->fds, *ret_fd);
    return TRUE;
}

static gboolean
open_run_dir(Launch *launch, const DomainGuest *guest, GError **error)
{
    launch->run_dir_fd = open(guest->run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (launch->run_dir_fd < 0)
        return base_error_errno(error, errno, "open '%s'", guest->run_dir);
    g_array_append_val(launch->fds, launch->run_dir_fd);
    return TRUE;
}

/* "vif<domid>.<device>", as far as it fits. */
static char *
tap_name(const DomainGuest *guest, const char *device)
{
    char *name = g_strdup_printf("vif%" G_GINT64_FORMAT ".%s", guest->run->domid, device);
    if (strlen(name) > 15)
        name[15] = '\0';
    return name;
}

static gboolean
open_taps(Launch *launch, DomainGuest *guest, GError **error)
{
    DomainStoreNicList *nics = &guest->run->nics;
    launch->tap_fds = g_new(int, nics->n + 1);
    for (gsize i = 0; i < nics->n; i++) {
        const DomainVifT *vif = &guest->config->vifs.items[i];
        launch->tap_fds[i] = -1;
        g_clear_pointer(&nics->items[i].device, g_free);
        if (!tap_is_possible(vif->backend.local))
            continue; /* user networking: a laptop, or a test */
        g_autofree char *name = tap_name(guest, domain_device_of(vif->id, guest->id));
        if (!tap_open(name, vif->backend.local, vif->mtu, &launch->tap_fds[i], error))
            return FALSE;
        g_array_append_val(launch->fds, launch->tap_fds[i]);
        nics->items[i].device = g_steal_pointer(&name);
    }
    return TRUE;
}

static gboolean
prepare(Launch *launch, DomainGuest *guest, GError **error)
{
    launch->fds = g_array_new(FALSE, FALSE, sizeof(int));
    return open_run_dir(launch, guest, error) &&
           listen_in(launch, guest, "qmp.sock", &launch->qmp_fd, error) &&
           listen_in(launch, guest, "serial.sock", &launch->serial_fd, error) &&
           listen_in(launch, guest, "agent.sock", &launch->agent_fd, error) &&
           open_taps(launch, guest, error);
}

static gboolean
spawn(QemuBackend *backend, DomainGuest *guest, const Launch *launch, GError **error)
{
    QemuSpec spec = {.binary = backend->binary,
                     .config = guest->config,
                     .run = guest->run,
                     .run_dir = guest->run_dir,
                     .run_dir_fd = launch->run_dir_fd,
                     .qmp_fd = launch->qmp_fd,
                     .serial_fd = launch->serial_fd,
                     .agent_fd = launch->agent_fd,
                     .tap_fds = launch->tap_fds,
                     .is_incoming = guest->is_incoming,
                     .now_s = g_get_real_time() / G_USEC_PER_SEC};
    g_auto(GStrv) args = qemu_arguments(&spec);
    g_autofree char *line = g_strjoinv(" ", args);
    g_autofree char *log = g_build_filename(guest->run_dir, QEMU_LOG, NULL);
    pid_t pid = 0;
    log_debug("%s", line);
    if (!base_process_detach((const char *const *)args, log, (const int *)(gpointer)launch->fds->data,
                             launch->fds->len, &pid, error))
        return FALSE;
    guest->run->pid = pid;
    guest->run->pid_start = qemu_process_start_ticks(pid);
    ((QemuGuest *)guest->data)->pidfd = qemu_process_open(pid, guest->run->pid_start);
    return TRUE;
}

static void
agent_told(gpointer owner, Value *info)
{
    qemu_guest_tell_agent(owner, info);
}

static QemuAgent *
new_agent(const DomainGuest *guest)
{
    QemuGuest *data = guest->data;
    g_autofree char *path = g_build_filename(guest->run_dir, "agent.sock", NULL);
    const QemuAgentSpec spec = {.context = data->backend->context,
                                .socket_path = path,
                                .vifs = &guest->config->vifs,
                                .vm = guest->config->vm.id,
                                .told = agent_told,
                                .owner = data};
    return qemu_agent_new(&spec);
}

static void
disconnect_qmp(QemuGuest *data)
{
    qemu_memory_unwatch(data);
    g_clear_pointer(&data->qmp, qmp_free);
}

static gboolean
connect_qmp(DomainGuest *guest, GError **error)
{
    QemuGuest *data = guest->data;
    g_autofree char *path = g_build_filename(guest->run_dir, "qmp.sock", NULL);
    int fd = qemu_socket_connect(path, error);
    if (fd < 0)
        return FALSE;
    data->is_gone = FALSE;
    if (data->agent == NULL)
        data->agent = new_agent(guest);
    data->qmp = qmp_new(data->backend->context, fd, qmp_event, data);
    qemu_memory_watch(data);
    return TRUE;
}

static gboolean
launch_process(DomainGuest *guest, GError **error)
{
    g_auto(Launch) launch = {0};
    QemuBackend *qemu = ((QemuGuest *)guest->data)->backend;
    const char *machine = guest->config->machine == NULL ? qemu->machine : guest->config->machine;
    g_free(guest->run->machine);
    guest->run->machine = g_strdup(machine);
    g_free(guest->run->accel);
    guest->run->accel = g_strdup(qemu->accel);
    if (!prepare(&launch, guest, error) || !spawn(qemu, guest, &launch, error) || !guest->save(guest, error))
        return FALSE;
    /* Our copies of the listening ends go first: if QEMU dies, the connection must break. */
    gboolean is_connected = connect_qmp(guest, error);
    launch_clear(&launch);
    return is_connected;
}

/* The process needs half of its start for itself; meanwhile the disks are attached. */
static gboolean
qemu_build(DomainBackend *backend, DomainGuest *guest, GCancellable *cancellable, GError **error)
{
    qemu_guest_data(backend, guest);
    return check_networks(guest->config, error) && check_boot(guest->config, error) &&
           launch_process(guest, error);
}

/* ---- The machine, once the disks are attached: their nodes, then all that uses them */

/* A connection that could not be made when the guest was taken up is tried again. */
gboolean
qemu_guest_connect(DomainGuest *guest, GCancellable *cancellable, GError **error)
{
    QemuGuest *data = guest->data;
    if (data->qmp != NULL)
        return TRUE;
    if (connect_qmp(guest, error) && qmp_negotiate(data->qmp, ADOPT_TIMEOUT_MS, cancellable, error))
        return TRUE;
    disconnect_qmp(data);
    return FALSE;
}

gboolean
qemu_guest_execute(DomainGuest *guest, const char *command, Value *args, guint timeout_ms,
                   GCancellable *cancellable, Value **ret, GError **error)
{
    g_autoptr(Value) owned = args;
    if (!qemu_guest_connect(guest, cancellable, error))
        return FALSE;
    QemuGuest *data = guest->data;
    return qmp_execute(data->qmp, command, g_steal_pointer(&owned), timeout_ms, cancellable, ret, error);
}

/* Its log says why it would not start, or what it choked on. */
void
qemu_guest_explain(const DomainGuest *guest, GError **error)
{
    if (error == NULL || !g_error_matches(*error, BASE_ERROR, BASE_ERROR_IO))
        return;
    g_autofree char *path = g_build_filename(guest->run_dir, QEMU_LOG, NULL);
    g_autofree char *tail = qemu_process_log_tail(path);
    if (*tail == '\0')
        return;
    g_clear_error(error);
    base_error_set(error, BASE_ERROR_FAILED, "%s", tail);
}

static GPtrArray *
make_nodes(const DomainStoreDiskList *disks, GError **error)
{
    g_autoptr(GPtrArray) nodes = g_ptr_array_new_with_free_func((GDestroyNotify)value_unref);
    for (gsize i = 0; i < disks->n; i++) {
        const DomainStoreDisk *disk = &disks->items[i];
        struct stat status;
        if (disk->path == NULL)
            continue;
        if (stat(disk->path, &status) < 0) {
            base_error_errno(error, errno, "disk %s: '%s'", disk->id, disk->path);
            return NULL;
        }
        g_ptr_array_add(nodes, qemu_block_node(disk, S_ISBLK(status.st_mode)));
    }
    return g_steal_pointer(&nodes);
}

static gboolean
make_machine(DomainGuest *guest, GPtrArray *nodes, GCancellable *cancellable, GError **error)
{
    const QemuGuest *data = guest->data;
    if (!qmp_negotiate(data->qmp, START_TIMEOUT_MS, cancellable, error))
        return FALSE;
    for (guint i = 0; i < nodes->len; i++) {
        Value *node = g_steal_pointer(&nodes->pdata[i]);
        if (!qemu_guest_execute(guest, "blockdev-add", node, START_TIMEOUT_MS, cancellable, NULL, error))
            return FALSE;
    }
    return qemu_guest_execute(guest, "x-exit-preconfig", NULL, START_TIMEOUT_MS, cancellable, NULL, error);
}

static gboolean
qemu_start(DomainBackend *backend, DomainGuest *guest, GCancellable *cancellable, GError **error)
{
    const QemuGuest *data = qemu_guest_data(backend, guest);
    g_autoptr(GPtrArray) nodes = make_nodes(&guest->run->disks, error);
    if (nodes == NULL)
        return FALSE;
    /* The process of an earlier try may have been ended; one of an earlier service is not connected yet. */
    gboolean is_there =
        guest->run->pid == 0 ? launch_process(guest, error) : data->qmp != NULL || connect_qmp(guest, error);
    if (is_there && make_machine(guest, nodes, cancellable, error)) {
        if (!guest->is_incoming)
            qemu_memory_begin(guest);
        return TRUE;
    }
    qemu_guest_explain(guest, error);
    return FALSE;
}

/* ---- Driving */

static gboolean
qemu_pause(DomainBackend *backend, DomainGuest *guest, GCancellable *cancellable, GError **error)
{
    return qemu_guest_execute(guest, "stop", NULL, COMMAND_TIMEOUT_MS, cancellable, NULL, error);
}

static gboolean
qemu_unpause(DomainBackend *backend, DomainGuest *guest, GCancellable *cancellable, GError **error)
{
    return qemu_guest_execute(guest, "cont", NULL, COMMAND_TIMEOUT_MS, cancellable, NULL, error);
}

/* The agent first: it is sure to be heard, and says so. Then the power button, whose reader we do not know.
 */
static gboolean
qemu_ask_shutdown(DomainBackend *backend, DomainGuest *guest, guint attempt, GError **error)
{
    const QemuGuest *data = guest->data;
    if (attempt == 0 && data->agent != NULL && qemu_agent_ask_shutdown(data->agent))
        return TRUE;
    return qemu_guest_execute(guest, "system_powerdown", NULL, COMMAND_TIMEOUT_MS, NULL, NULL, error);
}

static gboolean
qemu_has_acknowledged(DomainBackend *backend, DomainGuest *guest)
{
    const QemuGuest *data = guest->data;
    return data->agent != NULL && qemu_agent_has_acknowledged(data->agent);
}

static gboolean
qemu_set_vcpus(DomainBackend *backend, DomainGuest *guest, gint64 n, gboolean is_first,
               GCancellable *cancellable, gboolean *ret_is_done, GError **error)
{
    const QemuGuest *data = guest->data;
    if (!qemu_vcpus_set(guest, n, is_first, cancellable, ret_is_done, error))
        return FALSE;
    if (*ret_is_done && data->agent != NULL)
        qemu_agent_use_vcpus(data->agent);
    return TRUE;
}

static gboolean
qemu_set_memory(DomainBackend *backend, DomainGuest *guest, gint64 bytes, GError **error)
{
    return qemu_memory_set(guest, bytes, error);
}

/* The file is opened by us: QEMU could not reach it. */
static gboolean
qemu_dump_core(DomainBackend *backend, DomainGuest *guest, int fd, GError **error)
{
    const QemuGuest *data = guest->data;
    if (!qemu_guest_connect(guest, NULL, error) ||
        !qmp_pass_fd(data->qmp, "core", fd, COMMAND_TIMEOUT_MS, NULL, error))
        return FALSE;
    Value *args = value_map_new(2);
    value_map_set(args, "paging", value_bool(FALSE));
    value_map_set(args, "protocol", value_string("fd:core"));
    return qemu_guest_execute(guest, "dump-guest-memory", args, DUMP_TIMEOUT_MS, NULL, NULL, error);
}

/* ---- Ending */

/* A service before us may have died between starting the process and writing its number down: its socket
 * finds it. It is over when the connection breaks. */
static gboolean
end_unknown(DomainGuest *guest, GError **error)
{
    QemuGuest *data = guest->data;
    g_autoptr(GError) reason = NULL;
    if (data->qmp == NULL && !connect_qmp(guest, NULL))
        return TRUE; /* nobody there */
    gboolean is_there = qmp_negotiate(data->qmp, ADOPT_TIMEOUT_MS, NULL, &reason) &&
                        qmp_execute(data->qmp, "quit", NULL, ADOPT_TIMEOUT_MS, NULL, NULL, &reason) &&
                        qmp_await_end(data->qmp, ADOPT_TIMEOUT_MS, &reason);
    gboolean has_ended = is_there || g_error_matches(reason, BASE_ERROR, BASE_ERROR_IO);
    disconnect_qmp(data);
    if (has_ended)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&reason));
    return FALSE;
}

static gboolean
qemu_stop(DomainBackend *backend, DomainGuest *guest, GError **error)
{
    QemuGuest *data = qemu_guest_data(backend, guest);
    if (guest->run->pid == 0)
        return end_unknown(guest, error);
    if (data->pidfd < 0)
        data->pidfd = qemu_process_open((pid_t)guest->run->pid, guest->run->pid_start);
    if (data->pidfd >= 0 && !qemu_process_end(data->pidfd, error))
        return FALSE;
    disconnect_qmp(data);
    base_fd_clear(&data->pidfd);
    return TRUE;
}

static void
qemu_release(DomainBackend *backend, DomainGuest *guest)
{
    QemuGuest *data = g_steal_pointer(&guest->data);
    if (data == NULL)
        return;
    unwatch_logs(data);
    disconnect_qmp(data);
    qemu_agent_free(data->agent);
    qemu_memory_clear(data);
    base_fd_clear(&data->pidfd);
    qemu_guest_clear_info(data);
    g_mutex_clear(&data->lock);
    g_cond_clear(&data->changed);
    g_mutex_clear(&data->info_lock);
    g_free(data->id);
    g_free(data);
}

/* ---- Taking up again */

static const struct StatusRow {
    const char *name; /* of QEMU's run state */
    DomainGuestStatus status;
} status_rows[] = {
    {"running", DOMAIN_GUEST_STATUS_RUNNING},
    {"shutdown", DOMAIN_GUEST_STATUS_POWERED_OFF},
    {"guest-panicked", DOMAIN_GUEST_STATUS_CRASHED},
};

static DomainGuestStatus
status_of(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(status_rows); i++) {
        if (strcmp(status_rows[i].name, name) == 0)
            return status_rows[i].status;
    }
    return DOMAIN_GUEST_STATUS_PAUSED;
}

/* Whether somebody in the guest has the agent's channel open; from now on events tell. */
static gboolean
find_agent(DomainGuest *guest, GError **error)
{
    const QemuGuest *data = guest->data;
    g_autoptr(Value) reply = NULL;
    if (!qemu_guest_execute(guest, "query-chardev", NULL, ADOPT_TIMEOUT_MS, NULL, &reply, error))
        return FALSE;
    for (gsize i = 0; value_kind(reply) == VALUE_ARRAY && i < value_size(reply); i++) {
        Value *row = value_array_get(reply, i);
        if (value_kind(row) == VALUE_MAP && member_bool(row, "frontend-open") &&
            strcmp(value_map_get_string(row, "label", ""), QEMU_AGENT_CHANNEL) == 0)
            qemu_agent_set_open(data->agent, TRUE);
    }
    return TRUE;
}

static gboolean
qemu_adopt(DomainBackend *backend, DomainGuest *guest, DomainGuestStatus *ret_status, GError **error)
{
    QemuGuest *data = qemu_guest_data(backend, guest);
    g_autoptr(Value) reply = NULL;
    data->pidfd = qemu_process_open((pid_t)guest->run->pid, guest->run->pid_start);
    if (data->pidfd < 0) {
        *ret_status = DOMAIN_GUEST_STATUS_DEAD;
        return TRUE;
    }
    if (!qemu_guest_execute(guest, "query-status", NULL, ADOPT_TIMEOUT_MS, NULL, &reply, error))
        return FALSE;
    gboolean is_map = value_kind(reply) == VALUE_MAP;
    *ret_status = status_of(is_map ? value_map_get_string(reply, "status", "") : "");
    /* The service before us may have died before it asked for this. */
    return qemu_memory_set(guest, guest->run->memory_target, error) && find_agent(guest, error);
}

static void
qemu_consoles(DomainBackend *backend, const DomainGuest *guest, DomainVmConsoleList *ret_consoles)
{
    gboolean has_graphics = qemu_has_graphics(&guest->config->vm);
    ret_consoles->items = g_new0(DomainVmConsole, 2);
    if (has_graphics)
        ret_consoles->items[ret_consoles->n++] = (DomainVmConsole){
            DOMAIN_VM_CONSOLE_PROTOCOL_RFB, 0, g_build_filename(guest->run_dir, "vnc.sock", NULL)};
    ret_consoles->items[ret_consoles->n++] = (DomainVmConsole){
        DOMAIN_VM_CONSOLE_PROTOCOL_VT100, 0, g_build_filename(guest->run_dir, "serial.sock", NULL)};
}

/* ---- The back end itself */

static void
qemu_free(DomainBackend *backend)
{
    QemuBackend *qemu = qemu_of(backend);
    g_free(qemu->binary);
    g_free(qemu->accel);
    g_free(qemu->machine);
    g_main_context_unref(qemu->context);
    g_free(qemu);
}

static void
qemu_describe(DomainBackend *backend, DomainHostHypervisor *ret_hypervisor)
{
    ret_hypervisor->version = qemu_version(qemu_of(backend)->binary);
    ret_hypervisor->acceleration = g_strdup(qemu_of(backend)->accel);
}

static const DomainBackendClass qemu_class = {
    .name = "qemu",
    .free = qemu_free,
    .describe = qemu_describe,
    .create = qemu_create,
    .build = qemu_build,
    .start = qemu_start,
    .pause = qemu_pause,
    .unpause = qemu_unpause,
    .ask_shutdown = qemu_ask_shutdown,
    .has_acknowledged = qemu_has_acknowledged,
    .save = qemu_save,
    .abort_save = qemu_abort_save,
    .restore = qemu_restore,
    .announce = qemu_announce,
    .set_vcpus = qemu_set_vcpus,
    .set_memory = qemu_set_memory,
    .dump_core = qemu_dump_core,
    .stop = qemu_stop,
    .adopt = qemu_adopt,
    .release = qemu_release,
    .consoles = qemu_consoles,
};

/* From "q35   Standard PC (Q35 + ICH9, 2009) (alias of pc-q35-7.2)". */
static char *
find_machine(const char *text)
{
    g_autoptr(GRegex) regex =
        g_regex_new("^q35\\s.*\\(alias of (pc-q35-[0-9.]+)\\)", G_REGEX_MULTILINE, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    return g_regex_match(regex, text, 0, &match) ? g_match_info_fetch(match, 1) : NULL;
}

DomainBackend *
qemu_backend_new(const QemuBackendSpec *spec, GError **error)
{
    const char *const argv[] = {spec->binary, "-machine", "help", NULL};
    ProcessSpec process = {.argv = argv, .timeout_ms = 20000, .output_max_bytes = 1024 * 1024};
    g_autofree char *machines = NULL;
    if (!base_process_try(&process, &machines, error))
        return NULL;
    g_autofree char *machine = find_machine(machines);
    if (machine == NULL) {
        base_error_set(error, BASE_ERROR_NOT_FOUND, "'%s' has no Q35 machine", spec->binary);
        return NULL;
    }
    QemuBackend *backend = g_new0(QemuBackend, 1);
    backend->base.class = &qemu_class;
    backend->binary = g_strdup(spec->binary);
    backend->accel = g_strdup(spec->accel);
    backend->machine = g_steal_pointer(&machine);
    backend->context = g_main_context_ref(spec->context);
    return &backend->base;
}
