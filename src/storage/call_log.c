/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes the call log. Lines are made outside the lock and written with one write(), so they never mix. */
#include "storage/call_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "value/json.h"

/* Over this the file becomes <path>.1 and a new one is begun, so at most twice this is used. */
#define LOG_MAX_BYTES (32 * 1024 * 1024)

/* How much of a failure's text is kept in a line. */
#define DETAIL_MAX_BYTES 2048

#define MASK "***"

struct StorageCallLog {
    GMutex mutex; /* guards fd */
    char *path;
    int fd;
};

static int
open_log(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

StorageCallLog *
storage_call_log_open(const char *path, GError **error)
{
    int fd = open_log(path);
    if (fd < 0) {
        base_error_errno(error, errno, "open '%s'", path);
        return NULL;
    }
    StorageCallLog *log = g_new0(StorageCallLog, 1);
    g_mutex_init(&log->mutex);
    log->path = g_strdup(path);
    log->fd = fd;
    return log;
}

void
storage_call_log_free(StorageCallLog *log)
{
    if (log == NULL)
        return;
    base_fd_clear(&log->fd);
    g_free(log->path);
    g_mutex_clear(&log->mutex);
    g_free(log);
}

gboolean
storage_key_is_secret(const char *key)
{
    static const char *const words[] = {"password", "passwd", "secret", "chap_pass", "credential", NULL};
    g_autofree char *lower = g_ascii_strdown(key, -1);

    for (const char *const *word = words; *word != NULL; word++) {
        if (strstr(lower, *word) != NULL)
            return TRUE;
    }
    return FALSE;
}

static void
mask_one(GString *text, const char *secret)
{
    /* One-letter "secrets" would only make the text unreadable. */
    if (secret != NULL && strlen(secret) > 1)
        g_string_replace(text, secret, MASK, 0);
}

static void
mask_secrets_of(GString *text, const Value *map)
{
    for (gsize i = 0; map != NULL && i < value_size(map); i++) {
        const Value *item = value_map_value(map, i);
        if (storage_key_is_secret(value_map_key(map, i)) && value_kind(item) == VALUE_STRING)
            mask_one(text, value_get_string(item));
    }
}

/* What a plugin said may repeat what it was told. */
static char *
masked(const char *raw, const StorageCall *call)
{
    g_autoptr(GString) text = g_string_new(raw);
    mask_secrets_of(text, call->device_config);
    mask_secrets_of(text, call->sm_config);
    mask_one(text, call->session_ref);
    if (text->len > DETAIL_MAX_BYTES)
        g_string_truncate(text, DETAIL_MAX_BYTES);
    return g_utf8_make_valid(text->str, -1);
}

static Value *
masked_map(const Value *map)
{
    Value *copy = value_map_new(8);
    for (gsize i = 0; map != NULL && i < value_size(map); i++) {
        const char *key = value_map_key(map, i);
        gboolean is_secret = storage_key_is_secret(key);
        value_map_set(copy, key, is_secret ? value_string(MASK) : value_ref(value_map_value(map, i)));
    }
    return copy;
}

static void
set_text(Value *line, const char *key, const char *text)
{
    value_map_set(line, key, value_string(text != NULL ? text : ""));
}

/* The text of a failure: the parameters of the storage error in one line. */
static char *
detail_of(const GError *failure, const StorageCall *call)
{
    g_autofree char *joined = g_strjoinv(" | ", (char **)storage_error_params(failure));
    return masked(joined, call);
}

static Value *
make_line(const StorageRequest *request, const GError *failure, gint64 duration_us)
{
    const StorageCall *call = request->call;
    const StorageOperationInfo *info = storage_request_info(request);
    gint64 now_us = base_now_us();
    g_autofree char *seconds = base_time_to_wire(now_us / G_USEC_PER_SEC);
    Value *line = value_map_new(12);

    set_text(line, "time", seconds);
    value_map_set(line, "time_us", value_int(now_us));
    set_text(line, "type", call->sr_type);
    set_text(line, "sr", info->object == STORAGE_OBJECT_NONE ? "" : call->sr_uuid);
    set_text(line, "vdi", info->object == STORAGE_OBJECT_VDI ? call->vdi_uuid : "");
    set_text(line, "call", info->name);
    value_map_set(line, "args", value_array_of_strings(request->args));
    value_map_set(line, "device_config", masked_map(call->device_config));
    set_text(line, "result", failure == NULL ? "success" : storage_error_code(failure));
    if (failure != NULL) {
        g_autofree char *detail = detail_of(failure, call);
        set_text(line, "detail", detail);
    }
    value_map_set(line, "duration_ms", value_float((double)duration_us / 1000.0));
    return line;
}

/* Begins a new file when this one is full. The mutex is held. */
static void
rotate_if_full(StorageCallLog *log)
{
    struct stat status;
    if (fstat(log->fd, &status) < 0 || status.st_size < LOG_MAX_BYTES)
        return;

    g_autofree char *older = g_strconcat(log->path, ".1", NULL);
    if (rename(log->path, older) < 0)
        return;
    int fd = open_log(log->path);
    if (fd < 0)
        return; /* goes on in the renamed file */
    base_fd_clear(&log->fd);
    log->fd = fd;
}

void
storage_call_log_write(StorageCallLog *log, const StorageRequest *request, const GError *failure,
                       gint64 duration_us)
{
    g_autoptr(Value) line = make_line(request, failure, duration_us);
    g_autoptr(GString) text = g_string_new(NULL);
    json_write_value(text, line);
    g_string_append_c(text, '\n');

    g_mutex_lock(&log->mutex);
    rotate_if_full(log);
    base_fd_write_all(log->fd, text->str, text->len, NULL);
    g_mutex_unlock(&log->mutex);
}
