/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads what plugins answer. Numbers come as strings from most of them, as <int> from some. */
#include "storage/result.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

void
storage_vdi_free(StorageVdi *vdi)
{
    if (vdi == NULL)
        return;
    g_free(vdi->uuid);
    g_free(vdi->location);
    g_free(vdi->name_label);
    g_free(vdi->name_description);
    g_free(vdi->type);
    g_free(vdi->snapshot_of);
    g_free(vdi->parent);
    value_unref(vdi->sm_config);
    g_free(vdi);
}

void
storage_scan_free(StorageScan *scan)
{
    if (scan == NULL)
        return;
    g_ptr_array_unref(scan->vdis);
    g_free(scan);
}

void
storage_attachment_free(StorageAttachment *attachment)
{
    if (attachment == NULL)
        return;
    g_free(attachment->path);
    g_free(attachment->nbd);
    g_free(attachment->format);
    value_unref(attachment->xenstore_data);
    g_free(attachment);
}

StorageAttachment *
storage_attachment_copy(const StorageAttachment *attachment)
{
    StorageAttachment *copy = g_new0(StorageAttachment, 1);
    copy->path = g_strdup(attachment->path);
    copy->nbd = g_strdup(attachment->nbd);
    copy->format = g_strdup(attachment->format);
    copy->is_writable = attachment->is_writable;
    copy->o_direct = attachment->o_direct;
    copy->xenstore_data = value_ref(attachment->xenstore_data);
    return copy;
}

/* ---- Members ---- */

static gboolean
is_nil(const Value *value)
{
    return value_kind(value) == VALUE_NIL ||
           (value_kind(value) == VALUE_STRING && value_get_string_length(value) == 0);
}

/* An absent member leaves @ret_size as it is. */
static gboolean
read_size(const Value *map, const char *key, guint64 *ret_size, GError **error)
{
    const Value *item = value_map_get(map, key);
    gint64 number = -1;

    if (item == NULL)
        return TRUE;
    if (value_kind(item) == VALUE_INT)
        number = value_get_int(item);
    else if (value_kind(item) == VALUE_STRING && !base_int_parse(value_get_string(item), &number))
        number = -1;
    if (number < 0)
        return base_error_set(error, BASE_ERROR_INVALID, "member '%s' is no size", key);
    *ret_size = (guint64)number;
    return TRUE;
}

static gboolean
read_flag(const Value *map, const char *key, gboolean fallback)
{
    const Value *item = value_map_get(map, key);
    if (item == NULL)
        return fallback;
    if (value_kind(item) == VALUE_BOOL)
        return value_get_bool(item);
    if (value_kind(item) == VALUE_STRING)
        return g_ascii_strcasecmp(value_get_string(item), "true") == 0 ||
               g_str_equal(value_get_string(item), "1");
    return fallback;
}

static char *
read_text(const Value *map, const char *key, const char *fallback)
{
    return g_strdup(value_map_get_string(map, key, fallback));
}

/* The string members of a struct; others are left out, as such maps hold strings only. */
static Value *
read_string_map(const Value *map, const char *key)
{
    const Value *item = value_map_get(map, key);
    if (item == NULL || value_kind(item) != VALUE_MAP)
        return value_map_empty();

    Value *strings = value_map_new(value_size(item));
    for (gsize i = 0; i < value_size(item); i++) {
        Value *member = value_map_value(item, i);
        if (value_kind(member) == VALUE_STRING)
            value_map_set(strings, value_map_key(item, i), value_ref(member));
    }
    return strings;
}

/* A date of the epoch means none. */
static gint64
read_time(const Value *map, const char *key)
{
    const Value *item = value_map_get(map, key);
    gint64 seconds = 0;
    if (item == NULL || (value_kind(item) != VALUE_STRING && value_kind(item) != VALUE_DATETIME))
        return 0;
    return base_time_from_wire(value_get_string(item), &seconds, NULL) ? seconds : 0;
}

/* ---- Results ---- */

StorageVdi *
storage_result_vdi(const Value *value, GError **error)
{
    if (value_kind(value) != VALUE_MAP) {
        base_error_set(error, BASE_ERROR_INVALID, "the disk is no struct");
        return NULL;
    }
    const char *uuid = value_map_get_string(value, "uuid", NULL);
    const char *location = value_map_get_string(value, "location", NULL);
    if (uuid == NULL || !base_uuid_is_valid(uuid) || location == NULL || *location == '\0') {
        base_error_set(error, BASE_ERROR_INVALID, "the disk has no uuid or no location");
        return NULL;
    }

    g_autoptr(StorageVdi) vdi = g_new0(StorageVdi, 1);
    vdi->uuid = g_strdup(uuid);
    vdi->location = g_strdup(location);
    vdi->is_complete = value_map_get(value, "size") != NULL;
    if (!read_size(value, "size", &vdi->virtual_size, error) ||
        !read_size(value, "utilisation", &vdi->physical_utilisation, error))
        return NULL;
    vdi->name_label = read_text(value, "label", "");
    vdi->name_description = read_text(value, "description", "");
    vdi->type = read_text(value, "type", "user");
    vdi->is_read_only = read_flag(value, "read_only", FALSE);
    vdi->is_sharable = read_flag(value, "shareable", FALSE);
    vdi->is_managed = !read_flag(value, "hidden", FALSE);
    vdi->is_a_snapshot = read_flag(value, "is_a_snapshot", FALSE);
    vdi->snapshot_of = read_text(value, "snapshot_of", "");
    vdi->snapshot_time = read_time(value, "snapshot_time");
    vdi->parent = read_text(value, "parent", "");
    vdi->sm_config = read_string_map(value, "sm_config");
    return g_steal_pointer(&vdi);
}

gboolean
storage_result_sizes(const Value *value, StorageSizes *ret_sizes, GError **error)
{
    StorageSizes sizes = {0};

    if (value_kind(value) == VALUE_MAP) {
        sizes.is_reported = value_map_get(value, "physical_size") != NULL;
        if (!read_size(value, "physical_size", &sizes.physical_size, error) ||
            !read_size(value, "physical_utilization", &sizes.physical_utilisation, error) ||
            !read_size(value, "virtual_allocation", &sizes.virtual_allocation, error))
            return FALSE;
    } else if (!is_nil(value)) {
        return base_error_set(error, BASE_ERROR_INVALID, "the sizes are no struct");
    }
    *ret_sizes = sizes;
    return TRUE;
}

static gboolean
read_vdis(const Value *list, GPtrArray *vdis, GError **error)
{
    for (gsize i = 0; i < value_size(list); i++) {
        StorageVdi *vdi = storage_result_vdi(value_array_get(list, i), error);
        if (vdi == NULL)
            return FALSE;
        g_ptr_array_add(vdis, vdi);
    }
    return TRUE;
}

StorageScan *
storage_result_scan(const Value *value, GError **error)
{
    g_autoptr(StorageScan) scan = g_new0(StorageScan, 1);
    scan->vdis = g_ptr_array_new_with_free_func((GDestroyNotify)storage_vdi_free);
    if (!storage_result_sizes(value, &scan->sizes, error))
        return NULL;

    const Value *list = value_kind(value) == VALUE_MAP ? value_map_get(value, "vdis") : NULL;
    if (list == NULL)
        return g_steal_pointer(&scan);
    if (value_kind(list) != VALUE_ARRAY) {
        base_error_set(error, BASE_ERROR_INVALID, "the disks are no array");
        return NULL;
    }
    scan->is_reported = TRUE;
    return read_vdis(list, scan->vdis, error) ? g_steal_pointer(&scan) : NULL;
}

/* What QEMU must read the path as. A driver that does not say hands out devices: raw; never guessed from
 * content. */
static char *
format_of(const Value *xenstore_data)
{
    return g_strdup(value_map_get_string(xenstore_data, "image-format", "raw"));
}

StorageAttachment *
storage_result_attachment(const Value *value, gboolean is_writable, GError **error)
{
    g_autoptr(StorageAttachment) attachment = g_new0(StorageAttachment, 1);
    attachment->is_writable = is_writable;
    attachment->o_direct = TRUE;

    if (value_kind(value) == VALUE_STRING) {
        attachment->path = g_strdup(value_get_string(value));
        attachment->nbd = g_strdup("");
        attachment->xenstore_data = value_map_empty();
    } else if (value_kind(value) == VALUE_MAP) {
        attachment->path = read_text(value, "params", "");
        attachment->nbd = read_text(value, "params_nbd", "");
        attachment->o_direct = read_flag(value, "o_direct", TRUE);
        attachment->xenstore_data = read_string_map(value, "xenstore_data");
    } else {
        base_error_set(error, BASE_ERROR_INVALID, "the attachment is neither path nor struct");
        return NULL;
    }
    if (*attachment->path == '\0' && *attachment->nbd == '\0') {
        base_error_set(error, BASE_ERROR_INVALID, "the attachment names no path");
        return NULL;
    }
    attachment->format = format_of(attachment->xenstore_data);
    return g_steal_pointer(&attachment);
}

Value *
storage_attachment_to_value(const StorageAttachment *attachment)
{
    Value *value = value_map_new(4);
    value_map_set(value, "params", value_string(attachment->path));
    value_map_set(value, "params_nbd", value_string(attachment->nbd));
    value_map_set(value, "o_direct", value_bool(attachment->o_direct));
    value_map_set(value, "xenstore_data", value_ref(attachment->xenstore_data));
    return value;
}

char *
storage_result_string(const Value *value, GError **error)
{
    if (value_kind(value) == VALUE_STRING)
        return g_strdup(value_get_string(value));
    base_error_set(error, BASE_ERROR_INVALID, "the answer is no string");
    return NULL;
}

char *
storage_result_content_type(const Value *value, GError **error)
{
    g_autofree char *text = storage_result_string(value, error);
    if (text == NULL)
        return NULL;

    const char *start = strstr(text, "<type>");
    const char *end = start == NULL ? NULL : strstr(start, "</type>");
    if (end == NULL) {
        base_error_set(error, BASE_ERROR_INVALID, "the content type has no <type>");
        return NULL;
    }
    start += strlen("<type>");
    g_autofree char *type = g_strstrip(g_strndup(start, (gsize)(end - start)));

    /* The document prints the type in quotes; drivers do so or not. */
    gsize length = strlen(type);
    if (length >= 2 && type[0] == '"' && type[length - 1] == '"')
        return g_strndup(type + 1, length - 2);
    return g_steal_pointer(&type);
}
