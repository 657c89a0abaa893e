/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads and writes activation marks: {"<host_ref>": {"boot": "<boot id>", "writable": true}, ...}. */
#include "lib/folder/active.h"

#include "base/error.h"
#include "base/file.h"
#include "lib/driver.h"
#include "value/json.h"

#define MARKS_MAX_BYTES (1024 * 1024)
#define BOOT_ID_PATH    "/proc/sys/kernel/random/boot_id"

static char *
boot_id(void)
{
    char *text = NULL;
    if (!base_file_read(BOOT_ID_PATH, 4096, &text, NULL, NULL))
        return g_strdup("");
    return g_strstrip(text);
}

static gboolean
is_writable_mark(const Value *mark)
{
    const Value *writable = value_kind(mark) == VALUE_MAP ? value_map_get(mark, "writable") : NULL;
    /* What cannot be read counts as writing: that refuses, which is the safe side. */
    return writable == NULL || value_kind(writable) != VALUE_BOOL || value_get_bool(writable);
}

static gboolean
is_stale(const Value *mark, const char *boot)
{
    return value_kind(mark) == VALUE_MAP && !g_str_equal(value_map_get_string(mark, "boot", ""), boot);
}

/* The marks that count, by host; those of @host from before its reboot are left out. (transfer full) */
static Value *
read_marks(const FolderStore *store, const char *uuid, const char *host, GError **error)
{
    g_autofree char *path = folder_store_path(store, uuid, "active");
    g_autofree char *text = NULL;
    g_autoptr(GError) failure = NULL;
    gsize length = 0;

    if (!base_file_read(path, MARKS_MAX_BYTES, &text, &length, &failure)) {
        if (g_error_matches(failure, BASE_ERROR, BASE_ERROR_NOT_FOUND))
            return value_map_empty();
        g_propagate_error(error, g_steal_pointer(&failure));
        driver_fault_from(error, DRIVER_ERROR_VDI_UNAVAILABLE);
        return NULL;
    }
    if (length == 0) /* what a power failure left of a mark that was not on disk yet */
        return value_map_empty();
    g_autoptr(Value) marks = json_read(text, length, NULL);
    if (marks == NULL || value_kind(marks) != VALUE_MAP) {
        driver_fault(error, DRIVER_ERROR_VDI_IN_USE,
                     "'%s' cannot be read; remove it if no host uses the disk", path);
        return NULL;
    }

    g_autofree char *boot = boot_id();
    const Value *own = value_map_get(marks, host);
    return own != NULL && is_stale(own, boot) ? value_map_without(marks, host) : g_steal_pointer(&marks);
}

static gboolean
write_marks(const FolderStore *store, const char *uuid, const Value *marks, GError **error)
{
    g_autofree char *path = folder_store_path(store, uuid, "active");
    g_autoptr(GString) text = g_string_new(NULL);
    json_write_value(text, marks);

    gboolean is_done = value_size(marks) == 0
                           ? base_file_remove(path, error)
                           : base_file_write_unsynced(path, text->str, text->len, 0644, error);
    return is_done || driver_fault_from(error, DRIVER_ERROR_VDI_UNAVAILABLE);
}

/* A host other than @host whose mark forbids another reader, or another writer; NULL if there is none. */
static const char *
find_opponent(const Value *marks, const char *host, gboolean is_writable)
{
    for (gsize i = 0; i < value_size(marks); i++) {
        const char *other = value_map_key(marks, i);
        if (!g_str_equal(other, host) && (is_writable || is_writable_mark(value_map_value(marks, i))))
            return other;
    }
    return NULL;
}

gboolean
folder_active_set(const FolderStore *store, const char *uuid, const char *host, gboolean is_writable,
                  gboolean is_sharable, GError **error)
{
    g_autoptr(Value) marks = read_marks(store, uuid, host, error);
    if (marks == NULL)
        return FALSE;

    const char *opponent = is_sharable ? NULL : find_opponent(marks, host, is_writable);
    if (opponent != NULL)
        return driver_fault(error, DRIVER_ERROR_VDI_IN_USE, "%s is activated on %s", uuid, opponent);
    const Value *own = value_map_get(marks, host);
    if (own != NULL && (is_writable_mark(own) || !is_writable))
        return TRUE;

    g_autofree char *boot = boot_id();
    Value *mark = value_map_new(2);
    value_map_set(mark, "boot", value_string(boot));
    value_map_set(mark, "writable", value_bool(is_writable));
    g_autoptr(Value) changed = value_map_with(marks, host, mark);
    return write_marks(store, uuid, changed, error);
}

gboolean
folder_active_clear(const FolderStore *store, const char *uuid, const char *host, GError **error)
{
    g_autoptr(Value) marks = read_marks(store, uuid, host, error);
    if (marks == NULL)
        return FALSE;
    g_autoptr(Value) changed = value_map_without(marks, host);
    return write_marks(store, uuid, changed, error);
}

gboolean
folder_active_check(const FolderStore *store, const char *uuid, const char *host, gboolean readers_too,
                    GError **error)
{
    g_autoptr(Value) marks = read_marks(store, uuid, host, error);
    if (marks == NULL)
        return FALSE;
    for (gsize i = 0; i < value_size(marks); i++) {
        if (readers_too || is_writable_mark(value_map_value(marks, i)))
            return driver_fault(error, DRIVER_ERROR_VDI_IN_USE, "%s is activated on %s", uuid,
                                value_map_key(marks, i));
    }
    return TRUE;
}

gboolean
folder_active_is_set(const FolderStore *store, const char *uuid, const char *host)
{
    g_autoptr(Value) marks = read_marks(store, uuid, host, NULL);
    return marks != NULL && value_map_get(marks, host) != NULL;
}
