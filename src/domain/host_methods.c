/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Query.* and Host.*: what the service and its host are. */
#include <string.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "base/text.h"
#include "domain/methods.h"
#include "domain/service_internal.h"

#define PROC_FILE_MAX_BYTES (16 * 1024 * 1024) /* cpuinfo of some thousand processors */

/* ---- Query */

static char **
features(DomainService *service)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_strv_builder_add(builder, service->backend->class->name);
    for (gsize i = 0; i < domain_n_methods; i++) {
        if (domain_methods[i].call != NULL || domain_methods[i].wait != NULL)
            g_strv_builder_add(builder, domain_methods[i].name);
    }
    return g_strv_builder_end(builder);
}

gboolean
domain_query__query(DomainService *service, const DomainQueryQueryArgs *args, DomainQueryInfo *ret_info,
                    GError **error)
{
    *ret_info = (DomainQueryInfo){.name = g_strdup("xenopsd"),
                                  .vendor = g_strdup("Xylem"),
                                  .version = g_strdup(XYLEM_VERSION),
                                  .features = features(service),
                                  .instance_id = g_strdup(service->instance_id)};
    return TRUE;
}

/* ---- Host */

/* The value of the first line "key : value", with blanks taken off; "" when there is none. */
static char *
first_value(const char *text, const char *key)
{
    g_autofree char *pattern = g_strdup_printf("^%s\\s*:\\s*(.*)$", key);
    g_autoptr(GRegex) regex = g_regex_new(pattern, G_REGEX_MULTILINE, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    if (!g_regex_match(regex, text, 0, &match))
        return g_strdup("");
    return g_strstrip(g_match_info_fetch(match, 1));
}

static gint64
count_sockets(const char *cpuinfo)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (const char *at = cpuinfo; (at = strstr(at, "physical id")) != NULL; at++)
        g_hash_table_add(seen, first_value(at, "physical id"));
    return MAX(g_hash_table_size(seen), 1);
}

static void
fill_cpu(DomainHostCpu *ret)
{
    g_autofree char *text = NULL;
    if (!base_file_read("/proc/cpuinfo", PROC_FILE_MAX_BYTES, &text, NULL, NULL))
        text = g_strdup("");
    g_autofree char *mhz = first_value(text, "cpu MHz");
    g_autofree char *flags = first_value(text, "flags");
    ret->count = g_get_num_processors();
    ret->sockets = count_sockets(text);
    ret->vendor = first_value(text, "vendor_id");
    ret->model_name = first_value(text, "model name");
    base_float_parse(mhz, &ret->mhz);
    ret->flags = g_strsplit(flags, " ", -1);
}

static gint64
memory_bytes(const char *meminfo, const char *key)
{
    g_autofree char *kib = first_value(meminfo, key);
    return g_ascii_strtoll(kib, NULL, 10) * 1024;
}

static void
fill_memory(DomainHostT *ret)
{
    g_autofree char *text = NULL;
    if (!base_file_read("/proc/meminfo", PROC_FILE_MAX_BYTES, &text, NULL, NULL))
        return;
    ret->memory_total = memory_bytes(text, "MemTotal");
    ret->memory_free = memory_bytes(text, "MemAvailable");
}

static gboolean
has_iommu(void)
{
    g_autoptr(GDir) groups = g_dir_open("/sys/kernel/iommu_groups", 0, NULL);
    return groups != NULL && g_dir_read_name(groups) != NULL;
}

gboolean
domain_host__stat(DomainService *service, const DomainHostStatArgs *args, DomainHostT *ret_host,
                  GError **error)
{
    struct utsname system = {0};
    uname(&system);
    fill_cpu(&ret_host->cpu);
    fill_memory(ret_host);
    ret_host->kernel = g_strdup(system.release);
    ret_host->has_iommu = has_iommu();
    ret_host->hypervisor.name = g_strdup(service->backend->class->name);
    service->backend->class->describe(service->backend, &ret_host->hypervisor);
    return TRUE;
}
