/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GET /system-status and /host_logs_download: a bug report, and the part of it that is logs. Source: protocol
 * notes 4 */
#include "api/http/entry.h"
#include "api/http/report.h"

#include <string.h>

#include "base/text.h"

/* The first is what clients get that do not say. Source: API reference, xe host-get-system-status */
static const struct Output {
    const char *name;
    BundleFormat format;
} outputs[] = {
    {"tar.bz2", BUNDLE_TAR_BZIP2},
    {"tar", BUNDLE_TAR},
    {"zip", BUNDLE_ZIP},
};

static const struct Output *
find_output(const char *name)
{
    if (name == NULL || *name == '\0')
        return &outputs[0];
    for (gsize i = 0; i < G_N_ELEMENTS(outputs); i++)
        if (g_str_equal(outputs[i].name, name))
            return &outputs[i];
    return NULL;
}

/* "<kind>-<time>-<host>" */
static char *
bundle_name(const ApiServices *services, const char *kind)
{
    g_autoptr(DbRow) host = db_get(services->db, CLASS_HOST, services->host_ref);
    g_autofree char *name = g_strdup(host != NULL ? db_row_string(host, HOST_HOSTNAME) : "host");
    g_autofree char *now = base_time_to_wire(base_now_us() / G_USEC_PER_SEC);
    g_strcanon(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-", '_');
    g_strdelimit(now, ":", '-');
    return g_strdup_printf("%s-%s-%s", kind, now, name);
}

static Bundle *
begin(HttpCall *call, const char *kind, const struct Output *output, GError **error)
{
    g_autofree char *folder = bundle_name(call->services, kind);
    g_autofree char *file = g_strdup_printf("%s.%s", folder, output->name);
    HttpStream *stream = http_call_stream(call, "application/data", file, error);
    return stream != NULL ? bundle_new(stream, output->format, folder, error) : NULL;
}

/* *@ret_keys: NULL for all. */
static gboolean
read_entries(HttpCall *call, char ***ret_keys, GError **error)
{
    const char *text = http_request_param(call->request, "entries");
    if (text == NULL || *text == '\0')
        return TRUE;
    g_auto(GStrv) keys = g_strsplit(text, ",", 0);
    for (char **key = keys; *key != NULL; key++)
        if (!report_is_entry(*key))
            return http_call_refuse(call, 400, error, "there is no such entry in a system status");
    *ret_keys = g_steal_pointer(&keys);
    return TRUE;
}

gboolean
http_get_system_status(HttpCall *call, Value **ret_result, GError **error)
{
    const struct Output *output = find_output(http_request_param(call->request, "output"));
    g_auto(GStrv) keys = NULL;
    if (http_request_param(call->request, "list") != NULL) {
        g_autofree char *xml = report_capabilities();
        http_call_reply(call, "text/xml", g_string_new(xml));
        return TRUE;
    }
    if (output == NULL)
        return http_call_refuse(call, 400, error, "output is tar, tar.bz2 or zip");
    if (!read_entries(call, &keys, error))
        return FALSE;
    g_autoptr(Bundle) bundle = begin(call, "system_status", output, error);
    return bundle != NULL &&
           report_write(call->services, bundle, (const char *const *)keys, call->cancellable, error) &&
           bundle_end(bundle, error);
}

gboolean
http_get_logs(HttpCall *call, Value **ret_result, GError **error)
{
    static const struct Output output = {"tar.gz", BUNDLE_TAR_GZIP};
    g_autoptr(Bundle) bundle = begin(call, "logs", &output, error);
    return bundle != NULL && report_write_logs(call->services, bundle, call->cancellable, error) &&
           bundle_end(bundle, error);
}

gboolean
api_host__get_system_status_capabilities(ApiCall *call, const HostGetSystemStatusCapabilitiesArgs *args,
                                         Value **ret_value, GError **error)
{
    g_autoptr(DbRow) row = db_require(call->db, CLASS_HOST, args->host.id, error);
    if (row == NULL)
        return FALSE;
    g_autofree char *xml = report_capabilities();
    *ret_value = value_string(xml);
    return TRUE;
}
