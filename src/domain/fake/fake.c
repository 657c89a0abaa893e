/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests and datapaths in two hash tables, and a counter that makes any call fail. */
#include "domain/fake/fake.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"

#define MAX_LOG_BYTES (1024 * 1024)

typedef struct FakeGuest {
    gint64 domid;
    DomainGuestStatus status;
    gint64 n_vcpus;
    gboolean awaits_state;
    gint64 memory; /* what a state carries: a number of the guest's own */
} FakeGuest;

typedef struct FakeBackend {
    DomainBackend base;
    DomainStorage storage;
    GMutex lock;
    GCond changed;
    GHashTable *guests;    /* id to FakeGuest */
    GHashTable *datapaths; /* dp to NULL (attached) or "" (activated) */
    GString *log;
    guint fail_in; /* calls until one fails; 0: none does */
    gboolean has_failed;
    gboolean is_blocked;
} FakeBackend;

static FakeBackend *
fake_of(gpointer backend)
{
    return backend;
}

/* Under the lock: notes the call, and fails it if it is its turn. */
static gboolean
count_locked(FakeBackend *fake, const char *call, const char *object, GError **error)
{
    if (fake->log->len < MAX_LOG_BYTES)
        g_string_append_printf(fake->log, "%s %s\n", call, object);
    if (fake->fail_in == 0 || --fake->fail_in > 0)
        return TRUE;
    fake->has_failed = TRUE;
    return base_error_set(error, BASE_ERROR_FAILED, "injected failure of %s %s", call, object);
}

static gboolean
count(FakeBackend *fake, const char *call, const DomainGuest *guest, GError **error)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&fake->lock);
    return count_locked(fake, call, guest->id, error);
}

/* ---- Guests */

static gboolean
fake_create(DomainBackend *backend, DomainGuest *guest, GCancellable *cancellable, GError **error)
{
    return count(fake_of(backend), "create", guest, error);
}

static gboolean
fake_build(DomainBackend *backend, DomainGuest *guest, GCancellable *cancellable, GError **error)
{
    return count(fake_of(backend), "build", guest, error);
}

static gboolean
has_platform(const DomainStoreConfig *config, const char *key, const char *text)
{
    Value *platform = config->vm.platformdata;
    return platform != NULL && strcmp(value_map_get_string(platform, key, ""), text) == 0;
}

static void
tell_memory(DomainBackend *backend, const DomainGuest *guest, gint64 bytes)
{
    const DomainGuestInfo info = {.memory_actual = bytes};
    backend->tell(backend->notify_data, guest->id, guest->run->domid, &info);
}

static gboolean
fake_start(DomainBackend *backend, DomainGuest *guest, GCancellable *cancellable, GError **error)
{
    FakeBackend *fake = fake_of(backend);
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&fake->lock);
    if (!count_locked(fake, "start", guest->id, error))
        return FALSE;
    if (g_hash_table_contains(fake->guests, guest->id))
        return base_error_set(error, BASE_ERROR_FAILED, "%s is there already", guest->id);
    FakeGuest *made = g_new0(FakeGuest, 1);
    made->domid = guest->run->domid;
    made->status = DOMAIN_GUEST_STATUS_PAUSED;
    made->n_vcpus = guest->run->vcpu_target;
    made->awaits_state = guest->is_incoming;
    made->memory = g_random_int();
    g_hash_table_insert(fake->guests, g_strdup(guest->id), made);
    g_free(guest->run->machine);
    guest->run->machine = g_strdup("fake");
    tell_memory(backend, guest, guest->config->vm.memory_static_max);
    return TRUE;
}

static gboolean
set_status(DomainBackend *backend, const char *call, DomainGuest *guest, DomainGuestStatus status,
           GError **error)
{
    FakeBackend *fake = fake_of(backend);
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&fake->lock);
    if (!count_locked(fake, call, guest->id, error))
        return FALSE;
    FakeGuest *found = g_hash_table_lookup(fake->guests, guest->id);
    if (found == NULL)
        return base_error_set(error, BASE_ERROR_FAILED, "%s is not there", guest->id);
    if (found->awaits_state)
        return base_error_set(error, BASE_ERROR_FAILED, "%s has no state yet", guest->id);
    found->status = status;
    return TRUE;
}

static gboolean
fake_pause(DomainBackend *backend, DomainGuest *guest, GCancellable *cancellable, GError **error)
{
    return set_status(backend, "pause", guest, DOMAIN_GUEST_STATUS_PAUSED, error);
}

static gboolean
fake_unpause(DomainBackend *backend, DomainGuest *guest, GCancellable *cancellable, GError **error)
{
    return set_status(backend, "unpause", guest, DOMAIN_GUEST_STATUS_RUNNING, error);
}

static gboolean
fake_ask_shutdown(DomainBackend *backend, DomainGuest *guest, guint attempt, GError **error)
{
    if (!count(fake_of(backend), "ask-shutdown", guest, error))
        return FALSE;
    if (!has_platform(guest->config, "fake-shutdown", "ignore") &&
        !has_platform(guest->config, "fake-shutdown", "stall"))
        domain_fake_act(backend, guest->id, DOMAIN_GUEST_POWERED_OFF, 0);
    return TRUE;
}

static gboolean
fake_has_acknowledged(DomainBackend *backend, DomainGuest *guest)
{
    return !has_platform(guest->config, "fake-shutdown", "ignore");
}

/* A guest with a driver for its balloon, which moves at once. */
static gboolean
fake_set_memory(DomainBackend *backend, DomainGuest *guest, gint64 bytes, GError **error)
{
    if (!count(fake_of(backend), "set-memory", guest, error))
        return FALSE;
    tell_memory(backend, guest, bytes);
    return TRUE;
}

static gboolean
fake_set_vcpus(DomainBackend *backend, DomainGuest *guest, gint64 n, gboolean is_first,
               GCancellable *cancellable, gboolean *ret_is_done, GError **error)
{
    FakeBackend *fake = fake_of(backend);
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&fake->lock);
    if (!count_locked(fake, "set-vcpus", guest->id, error))
        return FALSE;
    FakeGuest *found = g_hash_table_lookup(fake->guests, guest->id);
    if (found == NULL)
        return base_error_set(error, BASE_ERROR_FAILED, "%s is not there", guest->id);
    gboolean keeps = has_platform(guest->config, "fake-unplug", "ignore");
    if (n > found->n_vcpus || !keeps)
        found->n_vcpus = n;
    *ret_is_done = found->n_vcpus == n;
    return TRUE;
}

static gboolean
fake_set_shadow_multiplier(DomainBackend *backend, DomainGuest *guest, double multiplier, GError **error)
{
    return count(fake_of(backend), "set-shadow", guest, error);
}

static gboolean
fake_dump_core(DomainBackend *backend, DomainGuest *guest, int fd, GError **error)
{
    static const char text[] = "a fake guest's memory\n";
    return base_fd_write_all(fd, text, strlen(text), error) &&
           count(fake_of(backend), "dump-core", guest, error);
}

static gboolean
fake_stop(DomainBackend *backend, DomainGuest *guest, GError **error)
{
    FakeBackend *fake = fake_of(backend);
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&fake->lock);
    if (!count_locked(fake, "stop", guest->id, error))
        return FALSE;
    g_hash_table_remove(fake->guests, guest->id);
    return TRUE;
}

static gboolean
fake_adopt(DomainBackend *backend, DomainGuest *guest, DomainGuestStatus *ret_status, GError **error)
{
    FakeBackend *fake = fake_of(backend);
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&fake->lock);
    if (!count_locked(fake, "adopt", guest->id, error))
        return FALSE;
    const FakeGuest *found = g_hash_table_lookup(fake->guests, guest->id);
    *ret_status = found == NULL ? DOMAIN_GUEST_STATUS_DEAD : found->status;
    if (found != NULL)
        tell_memory(backend, guest, guest->run->memory_target);
    return TRUE;
}

static void
fake_release(DomainBackend *backend, DomainGuest *guest)
{
}

static void
fake_consoles(DomainBackend *backend, const DomainGuest *guest, DomainVmConsoleList *ret_consoles)
{
    ret_consoles->items = g_new0(DomainVmConsole, 1);
    ret_consoles->items[0] = (DomainVmConsole){DOMAIN_VM_CONSOLE_PROTOCOL_VT100, 0, NULL};
    ret_consoles->n = 1;
}

static const struct ActRow {
    DomainGuestStatus status;
    gboolean is_gone;
} act_rows[] = {
    [DOMAIN_GUEST_POWERED_OFF] = {DOMAIN_GUEST_STATUS_POWERED_OFF, FALSE},
    [DOMAIN_GUEST_RESET] = {DOMAIN_GUEST_STATUS_POWERED_OFF, FALSE},
    [DOMAIN_GUEST_CRASHED] = {DOMAIN_GUEST_STATUS_CRASHED, FALSE},
    [DOMAIN_GUEST_GONE] = {DOMAIN_GUEST_STATUS_DEAD, TRUE},
    [DOMAIN_GUEST_CLOCK_SET] = {DOMAIN_GUEST_STATUS_RUNNING, FALSE},
};

gboolean
domain_fake_act(DomainBackend *backend, const char *id, DomainGuestEvent event, gint64 number)
{
    FakeBackend *fake = fake_of(backend);
    g_mutex_lock(&fake->lock);
    FakeGuest *found = g_hash_table_lookup(fake->guests, id);
    gboolean is_there = found != NULL;
    gint64 domid = is_there ? found->domid : 0;
    if (is_there)
        found->status = act_rows[event].status;
    if (act_rows[event].is_gone)
        g_hash_table_remove(fake->guests, id);
    g_mutex_unlock(&fake->lock);
    if (is_there && backend->notify != NULL)
        backend->notify(backend->notify_data, id, domid, event, number);
    return is_there;
}

/* ---- States: one line of text */

#define STATE_PREFIX "state of a fake guest: "
#define STATE_MAX    64

static void
wake(GCancellable *cancellable, gpointer data)
{
    FakeBackend *fake = data;
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&fake->lock);
    g_cond_broadcast(&fake->changed);
}

static gboolean
wait_unblocked(FakeBackend *fake, GCancellable *cancellable, GError **error)
{
    gulong handler =
        cancellable == NULL ? 0 : g_cancellable_connect(cancellable, G_CALLBACK(wake), fake, NULL);
    g_mutex_lock(&fake->lock);
    while (fake->is_blocked && !g_cancellable_is_cancelled(cancellable))
        g_cond_wait(&fake->changed, &fake->lock);
    g_mutex_unlock(&fake->lock);
    if (handler != 0)
        g_cancellable_disconnect(cancellable, handler);
    if (g_cancellable_is_cancelled(cancellable))
        return base_error_set(error, BASE_ERROR_CANCELLED, "cancelled");
    return TRUE;
}

/* Under the lock. */
static FakeGuest *
find_locked(FakeBackend *fake, const char *call, const DomainGuest *guest, GError **error)
{
    if (!count_locked(fake, call, guest->id, error))
        return NULL;
    FakeGuest *found = g_hash_table_lookup(fake->guests, guest->id);
    if (found == NULL)
        base_error_set(error, BASE_ERROR_FAILED, "%s is not there", guest->id);
    return found;
}

static gboolean
fake_save(DomainBackend *backend, DomainGuest *guest, const DomainStream *stream, GError **error)
{
    FakeBackend *fake = fake_of(backend);
    if ((stream->progress != NULL && !stream->progress(stream->data, 0.5, error)) ||
        !wait_unblocked(fake, stream->cancellable, error))
        return FALSE;
    g_mutex_lock(&fake->lock);
    FakeGuest *found = find_locked(fake, "save", guest, error);
    gint64 memory = found == NULL ? 0 : found->memory;
    if (found != NULL)
        found->status = DOMAIN_GUEST_STATUS_PAUSED;
    g_mutex_unlock(&fake->lock);
    g_autofree char *text = g_strdup_printf(STATE_PREFIX "%" G_GINT64_FORMAT "\n", memory);
    return found != NULL && base_fd_write_all(stream->fd, text, strlen(text), error);
}

static gboolean
fake_abort_save(DomainBackend *backend, DomainGuest *guest, GError **error)
{
    return count(fake_of(backend), "abort-save", guest, error);
}

/* Byte by byte: nothing behind the line is ours. */
static gboolean
read_state(int fd, gint64 *ret_memory, GError **error)
{
    char text[STATE_MAX] = "";
    gsize length = 0;
    while (length + 1 < sizeof text && read(fd, text + length, 1) == 1 && text[length] != '\n')
        length++;
    text[length] = '\0';
    if (!g_str_has_prefix(text, STATE_PREFIX) || !base_int_parse(text + strlen(STATE_PREFIX), ret_memory))
        return base_error_set(error, BASE_ERROR_INVALID, "no state of a fake guest");
    return TRUE;
}

static gboolean
fake_restore(DomainBackend *backend, DomainGuest *guest, const DomainStream *stream, GError **error)
{
    FakeBackend *fake = fake_of(backend);
    gint64 memory = 0;
    if (!wait_unblocked(fake, stream->cancellable, error) || !read_state(stream->fd, &memory, error))
        return FALSE;
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&fake->lock);
    FakeGuest *found = find_locked(fake, "restore", guest, error);
    if (found == NULL)
        return FALSE;
    found->memory = memory;
    found->awaits_state = FALSE;
    return TRUE;
}

static gboolean
fake_announce(DomainBackend *backend, DomainGuest *guest, GError **error)
{
    return count(fake_of(backend), "announce", guest, error);
}

/* ---- Storage */

static gboolean
storage_attach(gpointer data, const char *dp, const char *sr, const char *vdi, gboolean is_writable,
               GCancellable *cancellable, char **ret_path, char **ret_format, GError **error)
{
    FakeBackend *fake = fake_of(data);
    if (!wait_unblocked(fake, cancellable, error))
        return FALSE;
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&fake->lock);
    if (!count_locked(fake, "attach", dp, error))
        return FALSE;
    if (g_hash_table_contains(fake->datapaths, dp))
        return base_error_set(error, BASE_ERROR_FAILED, "%s is attached already", dp);
    g_hash_table_insert(fake->datapaths, g_strdup(dp), NULL);
    *ret_path = g_strdup_printf("/fake/%s/%s", sr, vdi);
    *ret_format = g_strdup("raw");
    return TRUE;
}

static gboolean
storage_activate(gpointer data, const char *dp, const char *sr, const char *vdi, GCancellable *cancellable,
                 GError **error)
{
    FakeBackend *fake = fake_of(data);
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&fake->lock);
    if (!count_locked(fake, "activate", dp, error))
        return FALSE;
    if (!g_hash_table_contains(fake->datapaths, dp))
        return base_error_set(error, BASE_ERROR_FAILED, "%s is not attached", dp);
    g_hash_table_insert(fake->datapaths, g_strdup(dp), (gpointer) "");
    return TRUE;
}

static gboolean
storage_deactivate(gpointer data, const char *dp, const char *sr, const char *vdi, GError **error)
{
    FakeBackend *fake = fake_of(data);
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&fake->lock);
    if (!count_locked(fake, "deactivate", dp, error))
        return FALSE;
    if (g_hash_table_contains(fake->datapaths, dp))
        g_hash_table_insert(fake->datapaths, g_strdup(dp), NULL);
    return TRUE;
}

static gboolean
storage_detach(gpointer data, const char *dp, const char *sr, const char *vdi, GError **error)
{
    FakeBackend *fake = fake_of(data);
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&fake->lock);
    if (!count_locked(fake, "detach", dp, error))
        return FALSE;
    if (g_hash_table_lookup(fake->datapaths, dp) != NULL)
        return base_error_set(error, BASE_ERROR_FAILED, "%s is still active", dp);
    g_hash_table_remove(fake->datapaths, dp);
    return TRUE;
}

/* ---- The back end itself */

static void
fake_free(DomainBackend *backend)
{
    FakeBackend *fake = fake_of(backend);
    g_hash_table_unref(fake->guests);
    g_hash_table_unref(fake->datapaths);
    g_string_free(fake->log, TRUE);
    g_mutex_clear(&fake->lock);
    g_cond_clear(&fake->changed);
    g_free(fake);
}

static void
fake_describe(DomainBackend *backend, DomainHostHypervisor *ret_hypervisor)
{
    ret_hypervisor->acceleration = g_strdup("none");
}

static const DomainBackendClass fake_class = {
    .name = "fake",
    .free = fake_free,
    .describe = fake_describe,
    .create = fake_create,
    .build = fake_build,
    .start = fake_start,
    .pause = fake_pause,
    .unpause = fake_unpause,
    .ask_shutdown = fake_ask_shutdown,
    .has_acknowledged = fake_has_acknowledged,
    .save = fake_save,
    .abort_save = fake_abort_save,
    .restore = fake_restore,
    .announce = fake_announce,
    .set_vcpus = fake_set_vcpus,
    .set_memory = fake_set_memory,
    .set_shadow_multiplier = fake_set_shadow_multiplier,
    .dump_core = fake_dump_core,
    .stop = fake_stop,
    .adopt = fake_adopt,
    .release = fake_release,
    .consoles = fake_consoles,
};

DomainBackend *
domain_fake_new(void)
{
    FakeBackend *fake = g_new0(FakeBackend, 1);
    fake->base.class = &fake_class;
    fake->storage =
        (DomainStorage){fake, storage_attach, storage_activate, storage_deactivate, storage_detach};
    g_mutex_init(&fake->lock);
    g_cond_init(&fake->changed);
    fake->guests = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    fake->datapaths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    fake->log = g_string_new(NULL);
    return &fake->base;
}

const DomainStorage *
domain_fake_storage(DomainBackend *backend)
{
    return &fake_of(backend)->storage;
}

void
domain_fake_fail_at(DomainBackend *backend, guint n)
{
    FakeBackend *fake = fake_of(backend);
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&fake->lock);
    fake->fail_in = n;
    fake->has_failed = FALSE;
}

gboolean
domain_fake_has_failed(DomainBackend *backend)
{
    FakeBackend *fake = fake_of(backend);
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&fake->lock);
    return fake->has_failed;
}

void
domain_fake_block(DomainBackend *backend, gboolean is_blocked)
{
    FakeBackend *fake = fake_of(backend);
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&fake->lock);
    fake->is_blocked = is_blocked;
    g_cond_broadcast(&fake->changed);
}

guint
domain_fake_n_guests(DomainBackend *backend)
{
    FakeBackend *fake = fake_of(backend);
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&fake->lock);
    return g_hash_table_size(fake->guests);
}

guint
domain_fake_n_ended(DomainBackend *backend)
{
    FakeBackend *fake = fake_of(backend);
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&fake->lock);
    guint n = 0;
    GHashTableIter iter;
    gpointer guest;
    for (g_hash_table_iter_init(&iter, fake->guests); g_hash_table_iter_next(&iter, NULL, &guest);) {
        DomainGuestStatus status = ((const FakeGuest *)guest)->status;
        n += status == DOMAIN_GUEST_STATUS_POWERED_OFF || status == DOMAIN_GUEST_STATUS_CRASHED;
    }
    return n;
}

guint
domain_fake_n_attached(DomainBackend *backend)
{
    FakeBackend *fake = fake_of(backend);
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&fake->lock);
    return g_hash_table_size(fake->datapaths);
}

gint64
domain_fake_memory(DomainBackend *backend, const char *id)
{
    FakeBackend *fake = fake_of(backend);
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&fake->lock);
    const FakeGuest *found = g_hash_table_lookup(fake->guests, id);
    return found == NULL ? -1 : found->memory;
}

char *
domain_fake_log(DomainBackend *backend)
{
    FakeBackend *fake = fake_of(backend);
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&fake->lock);
    return g_strdup(fake->log->str);
}
