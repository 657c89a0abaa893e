/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GET and PUT /blob: the data of a blob. Source: protocol notes 4 */
#include "api/http/blob.h"
#include "api/http/entry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

#define BLOB_MAX_BYTES ((gint64)4 * 1024 * 1024 * 1024)
#define BUFFER_BYTES   (64 * 1024)

/* (transfer full) (nullable) */
static DbRow *
find_blob(const HttpCall *call)
{
    const char *ref = http_request_param(call->request, "ref");
    const char *uuid = http_request_param(call->request, "uuid");
    if (ref != NULL)
        return db_get(call->services->db, CLASS_BLOB, ref);
    return uuid != NULL ? db_get_by_uuid(call->services->db, CLASS_BLOB, uuid) : NULL;
}

static DbRow *
require_blob(HttpCall *call, GError **error)
{
    DbRow *row = find_blob(call);
    gboolean is_named =
        http_request_param(call->request, "ref") != NULL || http_request_param(call->request, "uuid") != NULL;
    if (row == NULL)
        http_call_refuse(call, is_named ? 404 : 400, error,
                         is_named ? "there is no such blob" : "name a blob by ref or uuid");
    return row;
}

gboolean
http_blob_is_public(const HttpCall *call)
{
    g_autoptr(DbRow) row = find_blob(call);
    return row != NULL && db_row_bool(row, BLOB_PUBLIC);
}

gboolean
http_get_blob(HttpCall *call, Value **ret_result, GError **error)
{
    g_autoptr(DbRow) row = require_blob(call, error);
    if (row == NULL)
        return FALSE;
    g_autofree char *path = blob_path(call->services, db_row_string(row, BLOB_UUID));
    return http_call_reply_file(call, path, db_row_string(row, BLOB_MIME_TYPE), error);
}

static gboolean
copy_to_file(HttpCall *call, HttpStream *stream, int fd, gint64 length, GError **error)
{
    g_autofree char *buffer = g_malloc(BUFFER_BYTES);
    for (gint64 done = 0; done < length;) {
        gsize wanted = (gsize)MIN(length - done, BUFFER_BYTES);
        gssize n = http_stream_read_block(stream, buffer, wanted, error);
        if (n < 0)
            return FALSE;
        if (n == 0)
            return base_error_set(error, BASE_ERROR_IO, "the upload ended early");
        if (!base_fd_write_all(fd, buffer, (gsize)n, error))
            return FALSE;
        done += n;
        task_set_progress(call->task, (double)done / (double)length);
    }
    return TRUE;
}

static gboolean
make_durable(int fd, const char *part, const char *path, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    if (fsync(fd) < 0)
        return base_error_errno(error, errno, "sync '%s'", part);
    if (rename(part, path) < 0)
        return base_error_errno(error, errno, "rename '%s'", part);
    return base_dir_sync(folder, error);
}

/* The whole upload into a file beside @path, then into its place. */
static gboolean
receive(HttpCall *call, const char *path, gint64 length, GError **error)
{
    g_autofree char *part = g_strdup_printf("%s.%s", path, task_ref(call->task) + strlen("OpaqueRef:"));
    auto_fd fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return base_error_errno(error, errno, "create '%s'", part);
    HttpStream *stream = http_call_stream(call, "application/octet-stream", NULL, error);
    if (stream != NULL && copy_to_file(call, stream, fd, length, error) &&
        make_durable(fd, part, path, error))
        return TRUE;
    unlink(part);
    return FALSE;
}

static gboolean
note_update(HttpCall *call, const char *blob, gint64 length, GError **error)
{
    g_autoptr(DbTxn) txn = db_txn_new(call->services->db, &call->actor);
    db_txn_set_int(txn, CLASS_BLOB, blob, BLOB_SIZE, length);
    db_txn_set(txn, CLASS_BLOB, blob, BLOB_LAST_UPDATED, value_datetime(base_now_us() / G_USEC_PER_SEC));
    return db_txn_commit(txn, NULL, error);
}

/* Source: protocol notes 4: clients send an empty PUT first, to find out where to send the real one */
static gboolean
is_probe(const HttpCall *call, gint64 length)
{
    return length == 0 && http_request_param(call->request, "task_id") == NULL;
}

gboolean
http_put_blob(HttpCall *call, Value **ret_result, GError **error)
{
    gint64 length = http_call_content_length(call);
    g_autoptr(DbRow) row = require_blob(call, error);
    if (row == NULL)
        return FALSE;
    if (length < 0)
        return http_call_refuse(call, 411, error, "the upload's Content-Length is missing");
    if (length > BLOB_MAX_BYTES)
        return http_call_refuse(call, 413, error, "the upload is too long for a blob");
    if (is_probe(call, length))
        return http_call_stream(call, "application/octet-stream", NULL, error) != NULL;
    g_autofree char *path = blob_path(call->services, db_row_string(row, BLOB_UUID));
    return receive(call, path, length, error) && note_update(call, row->ref, length, error);
}
