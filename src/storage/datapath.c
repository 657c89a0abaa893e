/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keeps uses of disks in memory and in files. The rules of who may attach what are in vdi_attach.c. */
#include "storage/datapath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "storage/result.h"
#include "value/json.h"

#define FILE_MAX_BYTES (1024 * 1024)
#define FILE_SUFFIX    ".json"
#define BOOT_ID_PATH   "/proc/sys/kernel/random/boot_id"

struct StorageDatapaths {
    GMutex mutex; /* guards the table, and the entries against readers of the list */
    char *directory;
    char *boot_id;
    GHashTable *vdis; /* "<sr>_<vdi>" -> StorageDatapathVdi */
};

static void
use_free(gpointer data)
{
    StorageDatapathUse *use = data;
    g_free(use->dp);
    g_free(use);
}

static void
vdi_free(gpointer data)
{
    StorageDatapathVdi *vdi = data;
    g_free(vdi->sr_uuid);
    g_free(vdi->vdi_uuid);
    storage_attachment_free(vdi->attachment);
    g_ptr_array_unref(vdi->uses);
    g_free(vdi);
}

static StorageDatapathVdi *
vdi_new(const char *sr_uuid, const char *vdi_uuid)
{
    StorageDatapathVdi *vdi = g_new0(StorageDatapathVdi, 1);
    vdi->sr_uuid = g_strdup(sr_uuid);
    vdi->vdi_uuid = g_strdup(vdi_uuid);
    vdi->uses = g_ptr_array_new_with_free_func(use_free);
    return vdi;
}

static char *
key_of(const char *sr_uuid, const char *vdi_uuid)
{
    return g_strconcat(sr_uuid, "_", vdi_uuid, NULL);
}

static char *
path_of(const StorageDatapaths *datapaths, const StorageDatapathVdi *vdi)
{
    return g_strconcat(datapaths->directory, "/", vdi->sr_uuid, "_", vdi->vdi_uuid, FILE_SUFFIX, NULL);
}

static StorageDatapathUse *
use_add(StorageDatapathVdi *vdi, const char *dp, gboolean is_writable)
{
    StorageDatapathUse *use = g_new0(StorageDatapathUse, 1);
    use->dp = g_strdup(dp);
    use->is_writable = is_writable;
    g_ptr_array_add(vdi->uses, use);
    return use;
}

/* ---- Files ---- */

static gboolean
get_flag(const Value *map, const char *key)
{
    const Value *item = value_map_get(map, key);
    return item != NULL && value_kind(item) == VALUE_BOOL && value_get_bool(item);
}

static Value *
uses_to_value(const GPtrArray *uses)
{
    Value *list = value_array_new(uses->len);
    for (guint i = 0; i < uses->len; i++) {
        const StorageDatapathUse *use = uses->pdata[i];
        Value *item = value_map_new(4);
        value_map_set(item, "dp", value_string(use->dp));
        value_map_set(item, "writable", value_bool(use->is_writable));
        value_map_set(item, "activated", value_bool(use->is_activated));
        value_map_set(item, "pending", value_bool(use->is_pending));
        value_array_add(list, item);
    }
    return list;
}

static Value *
vdi_to_value(const StorageDatapaths *datapaths, const StorageDatapathVdi *vdi)
{
    Value *value = value_map_new(6);
    value_map_set(value, "boot", value_string(datapaths->boot_id));
    value_map_set(value, "sr", value_string(vdi->sr_uuid));
    value_map_set(value, "vdi", value_string(vdi->vdi_uuid));
    value_map_set(value, "uses", uses_to_value(vdi->uses));
    if (vdi->attachment != NULL) {
        value_map_set(value, "attachment", storage_attachment_to_value(vdi->attachment));
        value_map_set(value, "writable", value_bool(vdi->attachment->is_writable));
    }
    return value;
}

static void
read_uses(StorageDatapathVdi *vdi, const Value *list)
{
    for (gsize i = 0; list != NULL && value_kind(list) == VALUE_ARRAY && i < value_size(list); i++) {
        const Value *item = value_array_get(list, i);
        const char *dp = value_kind(item) == VALUE_MAP ? value_map_get_string(item, "dp", NULL) : NULL;
        if (dp == NULL)
            continue;
        StorageDatapathUse *use = use_add(vdi, dp, get_flag(item, "writable"));
        use->is_activated = get_flag(item, "activated");
        use->is_pending = get_flag(item, "pending");
        use->is_left = TRUE;
    }
}

/* NULL: not of this boot, or torn by a power loss, which is the same. */
static StorageDatapathVdi *
vdi_from_value(const StorageDatapaths *datapaths, const Value *value)
{
    if (value_kind(value) != VALUE_MAP ||
        !g_str_equal(value_map_get_string(value, "boot", ""), datapaths->boot_id))
        return NULL;

    StorageDatapathVdi *vdi =
        vdi_new(value_map_get_string(value, "sr", ""), value_map_get_string(value, "vdi", ""));
    vdi->is_restored = TRUE;
    read_uses(vdi, value_map_get(value, "uses"));
    const Value *attachment = value_map_get(value, "attachment");
    if (attachment != NULL)
        vdi->attachment = storage_result_attachment(attachment, get_flag(value, "writable"), NULL);
    return vdi;
}

/* In one step, so that a kill leaves the old or the new; see the head of datapath.h for why nothing is
 * synced. */
static gboolean
replace_file(const char *path, const GString *text, GError **error)
{
    g_autofree char *temporary = g_strconcat(path, ".new", NULL);
    auto_fd fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return base_error_errno(error, errno, "create '%s'", temporary);
    if (!base_fd_write_all(fd, text->str, text->len, error))
        return FALSE;
    if (rename(temporary, path) < 0)
        return base_error_errno(error, errno, "rename to '%s'", path);
    return TRUE;
}

static void
restore_file(StorageDatapaths *datapaths, const char *name)
{
    g_autofree char *path = g_build_filename(datapaths->directory, name, NULL);
    g_autofree char *text = NULL;
    gsize length = 0;
    StorageDatapathVdi *vdi = NULL;

    if (g_str_has_suffix(name, FILE_SUFFIX) && base_file_read(path, FILE_MAX_BYTES, &text, &length, NULL)) {
        g_autoptr(Value) value = json_read(text, length, NULL);
        vdi = value == NULL ? NULL : vdi_from_value(datapaths, value);
    }
    if (vdi == NULL) {
        log_info("storage: '%s' is of an earlier boot and is removed", path);
        unlink(path);
        return;
    }
    g_hash_table_insert(datapaths->vdis, key_of(vdi->sr_uuid, vdi->vdi_uuid), vdi);
}

static gboolean
restore(StorageDatapaths *datapaths, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(datapaths->directory, 0, error);
    if (dir == NULL)
        return FALSE;
    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir))
        restore_file(datapaths, name);
    return TRUE;
}

StorageDatapaths *
storage_datapaths_open(const char *directory, GError **error)
{
    g_autoptr(StorageDatapaths) datapaths = g_new0(StorageDatapaths, 1);
    g_mutex_init(&datapaths->mutex);
    datapaths->directory = g_strdup(directory);
    datapaths->vdis = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, vdi_free);

    if (!base_file_read(BOOT_ID_PATH, 4096, &datapaths->boot_id, NULL, error))
        return NULL;
    g_strstrip(datapaths->boot_id);
    if (!base_dir_make(directory, 0700, error) || !restore(datapaths, error))
        return NULL;
    return g_steal_pointer(&datapaths);
}

void
storage_datapaths_free(StorageDatapaths *datapaths)
{
    if (datapaths == NULL)
        return;
    g_hash_table_unref(datapaths->vdis);
    g_free(datapaths->directory);
    g_free(datapaths->boot_id);
    g_mutex_clear(&datapaths->mutex);
    g_free(datapaths);
}

/* ---- Entries ---- */

StorageDatapathVdi *
storage_datapaths_acquire(StorageDatapaths *datapaths, const char *sr_uuid, const char *vdi_uuid)
{
    char *key = key_of(sr_uuid, vdi_uuid);

    g_mutex_lock(&datapaths->mutex);
    StorageDatapathVdi *vdi = g_hash_table_lookup(datapaths->vdis, key);
    if (vdi == NULL) {
        vdi = vdi_new(sr_uuid, vdi_uuid);
        g_hash_table_insert(datapaths->vdis, g_steal_pointer(&key), vdi);
    }
    g_mutex_unlock(&datapaths->mutex);
    g_free(key);
    return vdi;
}

void
storage_datapaths_release(StorageDatapaths *datapaths, StorageDatapathVdi *vdi)
{
    if (vdi->uses->len > 0)
        return;
    g_autofree char *key = key_of(vdi->sr_uuid, vdi->vdi_uuid);
    g_mutex_lock(&datapaths->mutex);
    g_hash_table_remove(datapaths->vdis, key);
    g_mutex_unlock(&datapaths->mutex);
}

StorageDatapathUse *
storage_datapaths_use(const StorageDatapathVdi *vdi, const char *dp)
{
    for (guint i = 0; i < vdi->uses->len; i++) {
        StorageDatapathUse *use = vdi->uses->pdata[i];
        if (g_str_equal(use->dp, dp))
            return use;
    }
    return NULL;
}

StorageDatapathUse *
storage_datapaths_add(StorageDatapaths *datapaths, StorageDatapathVdi *vdi, const char *dp,
                      gboolean is_writable)
{
    g_mutex_lock(&datapaths->mutex);
    StorageDatapathUse *use = use_add(vdi, dp, is_writable);
    use->is_pending = TRUE;
    g_mutex_unlock(&datapaths->mutex);
    return use;
}

void
storage_datapaths_mark(StorageDatapaths *datapaths, StorageDatapathUse *use, gboolean is_pending,
                       gboolean is_activated)
{
    g_mutex_lock(&datapaths->mutex);
    use->is_pending = is_pending;
    use->is_activated = is_activated;
    g_mutex_unlock(&datapaths->mutex);
}

void
storage_datapaths_take_up(StorageDatapaths *datapaths, StorageDatapathUse *use)
{
    g_mutex_lock(&datapaths->mutex);
    use->is_left = FALSE;
    g_mutex_unlock(&datapaths->mutex);
}

void
storage_datapaths_remove(StorageDatapaths *datapaths, StorageDatapathVdi *vdi, const char *dp)
{
    StorageDatapathUse *use = storage_datapaths_use(vdi, dp);
    if (use == NULL)
        return;
    g_mutex_lock(&datapaths->mutex);
    g_ptr_array_remove(vdi->uses, use);
    g_mutex_unlock(&datapaths->mutex);
}

gboolean
storage_datapaths_save(StorageDatapaths *datapaths, StorageDatapathVdi *vdi, GError **error)
{
    g_autofree char *path = path_of(datapaths, vdi);

    if (vdi->uses->len > 0) {
        g_autoptr(Value) value = vdi_to_value(datapaths, vdi);
        g_autoptr(GString) text = g_string_new(NULL);
        json_write_value(text, value);
        return replace_file(path, text, error);
    }

    return base_file_remove(path, error);
}

guint
storage_datapaths_count_vdi(StorageDatapaths *datapaths, const char *sr_uuid, const char *vdi_uuid)
{
    g_autofree char *key = key_of(sr_uuid, vdi_uuid);

    g_mutex_lock(&datapaths->mutex);
    const StorageDatapathVdi *vdi = g_hash_table_lookup(datapaths->vdis, key);
    guint count = vdi == NULL ? 0 : vdi->uses->len;
    g_mutex_unlock(&datapaths->mutex);
    return count;
}

guint
storage_datapaths_count_sr(StorageDatapaths *datapaths, const char *sr_uuid)
{
    GHashTableIter iter;
    gpointer data;
    guint count = 0;

    g_mutex_lock(&datapaths->mutex);
    g_hash_table_iter_init(&iter, datapaths->vdis);
    while (g_hash_table_iter_next(&iter, NULL, &data)) {
        const StorageDatapathVdi *vdi = data;
        if (g_str_equal(vdi->sr_uuid, sr_uuid))
            count += vdi->uses->len;
    }
    g_mutex_unlock(&datapaths->mutex);
    return count;
}

/* ---- The list ---- */

static void
datapath_free(gpointer data)
{
    StorageDatapath *datapath = data;
    g_free(datapath->dp);
    g_free(datapath->sr_uuid);
    g_free(datapath->vdi_uuid);
    g_free(datapath);
}

static int
compare_datapaths(gconstpointer a, gconstpointer b)
{
    const StorageDatapath *one = *(StorageDatapath *const *)a;
    const StorageDatapath *other = *(StorageDatapath *const *)b;
    int order = strcmp(one->sr_uuid, other->sr_uuid);
    if (order == 0)
        order = strcmp(one->vdi_uuid, other->vdi_uuid);
    return order != 0 ? order : strcmp(one->dp, other->dp);
}

static void
list_uses(const StorageDatapathVdi *vdi, GPtrArray *list)
{
    for (guint i = 0; i < vdi->uses->len; i++) {
        const StorageDatapathUse *use = vdi->uses->pdata[i];
        StorageDatapath *datapath = g_new0(StorageDatapath, 1);
        datapath->dp = g_strdup(use->dp);
        datapath->sr_uuid = g_strdup(vdi->sr_uuid);
        datapath->vdi_uuid = g_strdup(vdi->vdi_uuid);
        datapath->is_writable = use->is_writable;
        datapath->is_activated = use->is_activated;
        datapath->is_pending = use->is_pending;
        datapath->is_left = use->is_left;
        g_ptr_array_add(list, datapath);
    }
}

GPtrArray *
storage_datapaths_list(StorageDatapaths *datapaths, const char *sr_uuid)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(datapath_free);
    GHashTableIter iter;
    gpointer data;

    g_mutex_lock(&datapaths->mutex);
    g_hash_table_iter_init(&iter, datapaths->vdis);
    while (g_hash_table_iter_next(&iter, NULL, &data)) {
        const StorageDatapathVdi *vdi = data;
        if (sr_uuid == NULL || g_str_equal(vdi->sr_uuid, sr_uuid))
            list_uses(vdi, list);
    }
    g_mutex_unlock(&datapaths->mutex);
    g_ptr_array_sort(list, compare_datapaths);
    return list;
}
