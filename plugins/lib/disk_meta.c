/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads and writes sidecars. They are JSON so that an administrator can read them. */
#include "lib/disk_meta.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "value/json.h"

#define META_MAX_BYTES (1024 * 1024)
#define NO_TIME        "19700101T00:00:00Z"

/* clang-format off */
/* The members of the file that are texts and those that are flags. */
static const struct TextMember {
    const char *key;
    gsize offset;
    const char *fallback;
} text_members[] = {
    {"name_label",       G_STRUCT_OFFSET(DiskMeta, name_label),       ""     },
    {"name_description", G_STRUCT_OFFSET(DiskMeta, name_description), ""     },
    {"type",             G_STRUCT_OFFSET(DiskMeta, type),             "user" },
    {"snapshot_of",      G_STRUCT_OFFSET(DiskMeta, snapshot_of),      ""     },
    {"snapshot_time",    G_STRUCT_OFFSET(DiskMeta, snapshot_time),    NO_TIME},
};
static const struct FlagMember {
    const char *key;
    gsize offset;
} flag_members[] = {
    {"read_only",     G_STRUCT_OFFSET(DiskMeta, is_read_only) },
    {"sharable",      G_STRUCT_OFFSET(DiskMeta, is_sharable)  },
    {"is_a_snapshot", G_STRUCT_OFFSET(DiskMeta, is_a_snapshot)},
    {"hidden",        G_STRUCT_OFFSET(DiskMeta, is_hidden)    },
};
/* clang-format on */

static char **
text_of(const DiskMeta *meta, const struct TextMember *member)
{
    return (char **)G_STRUCT_MEMBER_P(meta, member->offset);
}

static gboolean *
flag_of(const DiskMeta *meta, const struct FlagMember *member)
{
    return (gboolean *)G_STRUCT_MEMBER_P(meta, member->offset);
}

void
disk_meta_init(DiskMeta *meta)
{
    *meta = (DiskMeta){.sm_config = value_map_empty()};
    for (gsize i = 0; i < G_N_ELEMENTS(text_members); i++)
        *text_of(meta, &text_members[i]) = g_strdup(text_members[i].fallback);
}

void
disk_meta_init_base(DiskMeta *meta)
{
    disk_meta_init(meta);
    meta->is_hidden = TRUE;
    meta->is_read_only = TRUE;
}

void
disk_meta_clear(DiskMeta *meta)
{
    for (gsize i = 0; i < G_N_ELEMENTS(text_members); i++)
        g_clear_pointer(text_of(meta, &text_members[i]), g_free);
    g_clear_pointer(&meta->sm_config, value_unref);
}

void
disk_meta_copy(const DiskMeta *meta, DiskMeta *ret_meta)
{
    *ret_meta = *meta;
    for (gsize i = 0; i < G_N_ELEMENTS(text_members); i++)
        *text_of(ret_meta, &text_members[i]) = g_strdup(*text_of(meta, &text_members[i]));
    ret_meta->sm_config = value_ref(meta->sm_config);
}

static Value *
string_map_or_empty(const Value *map)
{
    if (map == NULL || value_kind(map) != VALUE_MAP)
        return value_map_empty();
    for (gsize i = 0; i < value_size(map); i++) {
        if (value_kind(value_map_value(map, i)) != VALUE_STRING)
            return value_map_empty();
    }
    return value_ref((Value *)map);
}

static void
meta_from_value(const Value *value, DiskMeta *meta)
{
    *meta = (DiskMeta){0};
    for (gsize i = 0; i < G_N_ELEMENTS(text_members); i++) {
        const struct TextMember *member = &text_members[i];
        *text_of(meta, member) = g_strdup(value_map_get_string(value, member->key, member->fallback));
    }
    for (gsize i = 0; i < G_N_ELEMENTS(flag_members); i++) {
        const Value *item = value_map_get(value, flag_members[i].key);
        *flag_of(meta, &flag_members[i]) =
            item != NULL && value_kind(item) == VALUE_BOOL && value_get_bool(item);
    }
    meta->sm_config = string_map_or_empty(value_map_get(value, "sm_config"));
}

gboolean
disk_meta_read(const char *path, DiskMeta *ret_meta, GError **error)
{
    g_autofree char *text = NULL;
    gsize length = 0;
    if (!base_file_read(path, META_MAX_BYTES, &text, &length, error))
        return FALSE;

    g_autoptr(Value) value = json_read(text, length, error);
    if (value == NULL) {
        g_prefix_error(error, "'%s': ", path);
        return FALSE;
    }
    if (value_kind(value) != VALUE_MAP)
        return base_error_set(error, BASE_ERROR_INVALID, "'%s' is no object", path);
    meta_from_value(value, ret_meta);
    return TRUE;
}

/* The text of a sidecar; freed by the caller. */
static GString *
meta_to_text(const DiskMeta *meta)
{
    g_autoptr(Value) value = value_map_new(10);
    for (gsize i = 0; i < G_N_ELEMENTS(text_members); i++)
        value_map_set(value, text_members[i].key, value_string(*text_of(meta, &text_members[i])));
    for (gsize i = 0; i < G_N_ELEMENTS(flag_members); i++)
        value_map_set(value, flag_members[i].key, value_bool(*flag_of(meta, &flag_members[i])));
    value_map_set(value, "sm_config", value_ref(meta->sm_config));

    GString *text = g_string_new(NULL);
    json_write_value(text, value);
    g_string_append_c(text, '\n');
    return text;
}

gboolean
disk_meta_write(const char *path, const DiskMeta *meta, GError **error)
{
    g_autoptr(GString) text = meta_to_text(meta);
    return base_file_write(path, text->str, text->len, 0644, error);
}

static gboolean
write_and_sync(const char *path, const GString *text, GError **error)
{
    auto_fd fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return base_error_errno(error, errno, "create '%s'", path);
    if (!base_fd_write_all(fd, text->str, text->len, error))
        return FALSE;
    if (fdatasync(fd) < 0)
        return base_error_errno(error, errno, "sync '%s'", path);
    return TRUE;
}

gboolean
disk_meta_prepare(const char *path, const DiskMeta *meta, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *temporary = g_strconcat(folder, "/.write-", name, NULL);
    g_autoptr(GString) text = meta_to_text(meta);

    gboolean is_done = write_and_sync(temporary, text, error);
    if (is_done && rename(temporary, path) < 0)
        is_done = base_error_errno(error, errno, "rename to '%s'", path);
    if (!is_done)
        unlink(temporary);
    return is_done;
}
