/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of the state directory, all JSON by way of the generated types. */
#include "domain/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "value/json.h"

#define MAX_FILE_BYTES (16 * 1024 * 1024)
#define MAX_ID_BYTES   64

/* serial.log outlives the domain: it says why the guest went. */
static const char *const keep_nothing[] = {NULL};
static const char *const keep_log[] = {"serial.log", NULL};
static const char *const keep_log_and_journal[] = {"serial.log", "journal", NULL};

struct DomainStore {
    char *dir;
    char *vms_dir;
    int lock_fd;
    GMutex lock; /* of last_domid */
    gint64 last_domid;
};

static gboolean
take_lock(DomainStore *store, GError **error)
{
    g_autofree char *path = g_build_filename(store->dir, "lock", NULL);
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_fd < 0)
        return base_error_errno(error, errno, "state directory '%s': open lock", store->dir);
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return TRUE;
    if (errno == EWOULDBLOCK)
        return base_error_set(error, BASE_ERROR_IO, "state directory '%s' is used by another service",
                              store->dir);
    return base_error_errno(error, errno, "state directory '%s': lock", store->dir);
}

static gboolean
load_last_domid(DomainStore *store, GError **error)
{
    g_autofree char *path = g_build_filename(store->dir, "last_domid", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) reason = NULL;
    if (!base_file_read(path, 64, &text, NULL, &reason)) {
        if (g_error_matches(reason, BASE_ERROR, BASE_ERROR_NOT_FOUND))
            return TRUE;
        g_propagate_error(error, g_steal_pointer(&reason));
        return FALSE;
    }
    if (!base_int_parse(g_strstrip(text), &store->last_domid) || store->last_domid < 0)
        return base_error_set(error, BASE_ERROR_INVALID, "'%s' holds no number", path);
    return TRUE;
}

DomainStore *
domain_store_open(const char *dir, GError **error)
{
    g_autofree char *absolute = g_canonicalize_filename(dir, NULL);
    g_autoptr(DomainStore) store = g_new0(DomainStore, 1);
    store->lock_fd = -1;
    g_mutex_init(&store->lock);
    store->dir = g_steal_pointer(&absolute);
    store->vms_dir = g_build_filename(store->dir, "vms", NULL);
    if (!base_dir_make(store->vms_dir, 0700, error) || !take_lock(store, error) ||
        !load_last_domid(store, error))
        return NULL;
    return g_steal_pointer(&store);
}

void
domain_store_free(DomainStore *store)
{
    if (store == NULL)
        return;
    base_fd_clear(&store->lock_fd);
    g_mutex_clear(&store->lock);
    g_free(store->dir);
    g_free(store->vms_dir);
    g_free(store);
}

gboolean
domain_store_check_id(DomainStore *store, const char *id, GError **error)
{
    if (!base_path_is_safe_name(id) || strlen(id) > MAX_ID_BYTES || strchr(id, ',') != NULL)
        return base_error_set(error, BASE_ERROR_INVALID, "'%s' cannot be the id of a VM", id);
    return TRUE;
}

char **
domain_store_list(DomainStore *store, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(store->vms_dir, 0, error);
    if (dir == NULL)
        return NULL;
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *config = g_build_filename(store->vms_dir, name, "config.json", NULL);
        if (g_file_test(config, G_FILE_TEST_IS_REGULAR)) /* else an add or remove that was cut off */
            g_ptr_array_add(ids, g_strdup(name));
    }
    g_ptr_array_add(ids, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&ids), FALSE);
}

/* ---- Writing and reading one file */

static char *
vm_path(DomainStore *store, const char *id, const char *name)
{
    return g_build_filename(store->vms_dir, id, name, NULL);
}

static gboolean
save(DomainStore *store, const char *id, const char *name, const DomainType *type, gconstpointer data,
     gboolean is_durable, GError **error)
{
    g_autofree char *path = vm_path(store, id, name);
    g_autoptr(Value) value = domain_type_write(type, data);
    g_autoptr(GString) text = g_string_new(NULL);
    json_write_value(text, value);
    g_string_append_c(text, '\n');
    return is_durable ? base_file_write(path, text->str, text->len, 0600, error)
                      : base_file_write_unsynced(path, text->str, text->len, 0600, error);
}

static gboolean
load(DomainStore *store, const char *id, const char *name, const DomainType *type, gpointer ret,
     GError **error)
{
    g_autofree char *path = vm_path(store, id, name);
    g_autofree char *text = NULL;
    gsize length = 0;
    if (!base_file_read(path, MAX_FILE_BYTES, &text, &length, error))
        return FALSE;
    g_autoptr(Value) value = json_read(text, length, error);
    if (value == NULL || !domain_type_read(type, value, ret, error)) {
        g_prefix_error(error, "%s: ", path);
        return FALSE;
    }
    return TRUE;
}

/* What a power failure may leave of a file that was replaced but not forced to the disk. What it told of has
 * ended with the host. */
static gboolean
is_empty(DomainStore *store, const char *id, const char *name)
{
    g_autofree char *path = vm_path(store, id, name);
    struct stat status;
    return stat(path, &status) == 0 && status.st_size == 0;
}

/* Allocates *@ret only if the file is there. */
static gboolean
load_if_any(DomainStore *store, const char *id, const char *name, const DomainType *type, gpointer *ret,
            GError **error)
{
    g_autofree gpointer data = g_malloc0(type->size);
    g_autoptr(GError) reason = NULL;
    *ret = NULL;
    if (is_empty(store, id, name))
        return TRUE;
    if (load(store, id, name, type, data, &reason)) {
        *ret = g_steal_pointer(&data);
        return TRUE;
    }
    if (g_error_matches(reason, BASE_ERROR, BASE_ERROR_NOT_FOUND))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&reason));
    return FALSE;
}

/* ---- Configurations */

gboolean
domain_store_next_domid(DomainStore *store, gint64 *ret_domid, GError **error)
{
    g_autofree char *path = g_build_filename(store->dir, "last_domid", NULL);
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&store->lock);
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT "\n", store->last_domid + 1);
    if (!base_file_write_unsynced(path, text, strlen(text), 0600, error))
        return FALSE;
    *ret_domid = ++store->last_domid;
    return TRUE;
}

gboolean
domain_store_save_config(DomainStore *store, const DomainStoreConfig *config, GError **error)
{
    g_autofree char *dir = g_build_filename(store->vms_dir, config->vm.id, NULL);
    gboolean is_new = !g_file_test(dir, G_FILE_TEST_IS_DIR);
    if (!base_dir_make(dir, 0700, error))
        return FALSE;
    if (!save(store, config->vm.id, "config.json", &domain_type_store_config, config, TRUE, error))
        return FALSE;
    return !is_new || base_dir_sync(store->vms_dir, error);
}

gboolean
domain_store_load_config(DomainStore *store, const char *id, DomainStoreConfig *ret_config, GError **error)
{
    return load(store, id, "config.json", &domain_type_store_config, ret_config, error);
}

static gboolean
remove_files(const char *dir_path, const char *const *kept, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(dir_path, 0, NULL);
    if (dir == NULL)
        return TRUE;
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *path = g_build_filename(dir_path, name, NULL);
        if (g_strv_contains(kept, name) || g_file_test(path, G_FILE_TEST_IS_DIR))
            continue;
        if (!base_file_remove(path, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
remove_dir(const char *path, GError **error)
{
    if (!remove_files(path, keep_nothing, error))
        return FALSE;
    if (rmdir(path) < 0 && errno != ENOENT)
        return base_error_errno(error, errno, "remove '%s'", path);
    return TRUE;
}

gboolean
domain_store_remove(DomainStore *store, const char *id, GError **error)
{
    g_autofree char *dir = g_build_filename(store->vms_dir, id, NULL);
    g_autofree char *config = vm_path(store, id, "config.json");
    g_autofree char *run_dir = domain_store_run_dir(store, id);
    /* Without its configuration the VM is no more, whatever else is left. */
    if (!base_file_remove(config, error) || !base_dir_sync(dir, error))
        return FALSE;
    return remove_dir(run_dir, error) && remove_dir(dir, error) && base_dir_sync(store->vms_dir, error);
}

/* ---- Suspended */

gboolean
domain_store_save_suspended(DomainStore *store, const char *id, const DomainStoreSuspended *suspended,
                            GError **error)
{
    g_autofree char *dir = g_build_filename(store->vms_dir, id, NULL);
    g_autofree char *path = vm_path(store, id, "suspended.json");
    if (suspended == NULL)
        return base_file_remove(path, error) && base_dir_sync(dir, error);
    return save(store, id, "suspended.json", &domain_type_store_suspended, suspended, TRUE, error);
}

gboolean
domain_store_load_suspended(DomainStore *store, const char *id, DomainStoreSuspended **ret_suspended,
                            GError **error)
{
    return load_if_any(store, id, "suspended.json", &domain_type_store_suspended, (gpointer *)ret_suspended,
                       error);
}

/* ---- The run directory */

char *
domain_store_run_dir(DomainStore *store, const char *id)
{
    return vm_path(store, id, "run");
}

gboolean
domain_store_make_run_dir(DomainStore *store, const char *id, GError **error)
{
    g_autofree char *dir = domain_store_run_dir(store, id);
    return base_dir_make(dir, 0700, error) && remove_files(dir, keep_log, error);
}

gboolean
domain_store_clear_run_dir(DomainStore *store, const char *id, GError **error)
{
    g_autofree char *dir = domain_store_run_dir(store, id);
    return remove_files(dir, keep_log_and_journal, error);
}

gboolean
domain_store_save_run(DomainStore *store, const char *id, const DomainStoreRun *run, GError **error)
{
    return save(store, id, "run/state.json", &domain_type_store_run, run, FALSE, error);
}

gboolean
domain_store_load_run(DomainStore *store, const char *id, DomainStoreRun **ret_run, GError **error)
{
    return load_if_any(store, id, "run/state.json", &domain_type_store_run, (gpointer *)ret_run, error);
}

gboolean
domain_store_save_journal(DomainStore *store, const char *id, const DomainStoreJournal *journal,
                          GError **error)
{
    g_autofree char *path = vm_path(store, id, "run/journal");
    if (journal == NULL)
        return base_file_remove(path, error);
    return save(store, id, "run/journal", &domain_type_store_journal, journal, FALSE, error);
}

gboolean
domain_store_load_journal(DomainStore *store, const char *id, DomainStoreJournal **ret_journal,
                          GError **error)
{
    return load_if_any(store, id, "run/journal", &domain_type_store_journal, (gpointer *)ret_journal, error);
}

/* ---- Images of guests that have crashed */

static char *
core_path(DomainStore *store, const char *id, const char *ending)
{
    g_autofree char *name = g_strconcat(id, ending, NULL);
    return g_build_filename(store->dir, "cores", name, NULL);
}

int
domain_store_begin_core(DomainStore *store, const char *id, GError **error)
{
    g_autofree char *dir = g_build_filename(store->dir, "cores", NULL);
    g_autofree char *path = core_path(store, id, ".part");
    if (!base_dir_make(dir, 0700, error) || !base_file_remove(path, error))
        return -1;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        base_error_errno(error, errno, "make '%s'", path);
    return fd;
}

gboolean
domain_store_end_core(DomainStore *store, const char *id, gboolean is_whole, GError **error)
{
    g_autofree char *part = core_path(store, id, ".part");
    g_autofree char *path = core_path(store, id, ".core");
    if (!is_whole)
        return base_file_remove(part, error);
    if (rename(part, path) < 0)
        return base_error_errno(error, errno, "rename '%s'", part);
    return TRUE;
}

gboolean
domain_store_remove_core(DomainStore *store, const char *id, GError **error)
{
    g_autofree char *path = core_path(store, id, ".core");
    return base_file_remove(path, error);
}
