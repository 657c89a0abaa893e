/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GET /: files of the web directory, for whoever asks. Nothing outside of it is served, and nothing whose
 * name begins with a dot. */
#include "api/http/entry.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define INDEX "index.html"

/* By the end of the name; the first is for the rest. */
/* clang-format off */
static const struct {
    const char *ending;
    const char *content_type;
} types[] = {
    {"",             "application/octet-stream"},
    {".html",        "text/html; charset=utf-8"},
    {".htm",         "text/html; charset=utf-8"},
    {".css",         "text/css; charset=utf-8"},
    {".js",          "text/javascript; charset=utf-8"},
    {".mjs",         "text/javascript; charset=utf-8"},
    {".txt",         "text/plain; charset=utf-8"},
    {".json",        "application/json"},
    {".map",         "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".xml",         "text/xml"},
    {".svg",         "image/svg+xml"},
    {".png",         "image/png"},
    {".jpg",         "image/jpeg"},
    {".jpeg",        "image/jpeg"},
    {".gif",         "image/gif"},
    {".webp",        "image/webp"},
    {".ico",         "image/vnd.microsoft.icon"},
    {".woff",        "font/woff"},
    {".woff2",       "font/woff2"},
    {".ttf",         "font/ttf"},
    {".wasm",        "application/wasm"},
    {".pdf",         "application/pdf"},
    {".zip",         "application/zip"},
    {".gz",          "application/gzip"},
    {".iso",         "application/x-iso9660-image"},
};
/* clang-format on */

static const char *
type_of(const char *path)
{
    gsize length = strlen(path);
    for (gsize i = 1; i < G_N_ELEMENTS(types); i++) {
        gsize ending = strlen(types[i].ending);
        if (length >= ending && g_ascii_strcasecmp(path + length - ending, types[i].ending) == 0)
            return types[i].content_type;
    }
    return types[0].content_type;
}

/* "/a/b%20c" below @root, name by name; NULL if one of them is not to be served. */
static char *
join(const char *root, const char *target)
{
    g_autofree char *decoded = g_uri_unescape_string(target, NULL);
    if (decoded == NULL || !g_utf8_validate(decoded, -1, NULL))
        return NULL;
    g_auto(GStrv) names = g_strsplit(decoded, "/", 0);
    g_autoptr(GString) path = g_string_new(root);
    for (char **name = names; *name != NULL; name++) {
        if (**name == '\0')
            continue;
        if (**name == '.' || !base_path_is_safe_name(*name))
            return NULL;
        g_string_append_printf(path, "/%s", *name);
    }
    return g_string_free(g_steal_pointer(&path), FALSE);
}

/* The file meant, with links followed; NULL unless it is below @root. */
static char *
resolve(const char *root, const char *target)
{
    g_autofree char *joined = join(root, target);
    if (joined == NULL)
        return NULL;
    g_autofree char *file =
        g_file_test(joined, G_FILE_TEST_IS_DIR) ? g_build_filename(joined, INDEX, NULL) : g_strdup(joined);
    g_autofree char *real_root = realpath(root, NULL);
    char *real = real_root != NULL ? realpath(file, NULL) : NULL;
    if (real == NULL)
        return NULL;
    gsize length = strlen(real_root);
    if (strncmp(real, real_root, length) == 0 && real[length] == '/')
        return real;
    free(real);
    return NULL;
}

gboolean
http_get_root(HttpCall *call, Value **ret_result, GError **error)
{
    const char *target = http_request_path(call->request);
    char *path = call->web_directory != NULL ? resolve(call->web_directory, target) : NULL;
    gboolean is_there = path != NULL ? http_call_reply_file(call, path, type_of(path), error)
                                     : http_call_refuse(call, 404, error, "there is nothing at this path");
    free(path); /* realpath()'s */
    return is_there;
}
