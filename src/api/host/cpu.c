/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processors, from /proc/cpuinfo. */
#include "api/host/internal.h"

#include "base/file.h"
#include "base/text.h"
#include <string.h>

#define CPUINFO_MAX (4 * 1024 * 1024)

/* One processor's lines as a map: "vendor_id" -> "GenuineIntel". */
static GHashTable *
parse_block(const char *block)
{
    GHashTable *keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_auto(GStrv) lines = g_strsplit(block, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        char *colon = strchr(*line, ':');
        if (colon == NULL)
            continue;
        *colon = '\0';
        g_hash_table_insert(keys, g_strdup(g_strstrip(*line)), g_strdup(g_strstrip(colon + 1)));
    }
    return keys;
}

static const char *
text_of(GHashTable *keys, const char *key)
{
    const char *text = g_hash_table_lookup(keys, key);
    return text != NULL ? text : "";
}

static gint64
number_of(GHashTable *keys, const char *key)
{
    return g_ascii_strtoll(text_of(keys, key), NULL, 10);
}

static GPtrArray *
read_processors(void)
{
    GPtrArray *processors = g_ptr_array_new_with_free_func((GDestroyNotify)g_hash_table_unref);
    g_autofree char *text = NULL;
    if (!base_file_read("/proc/cpuinfo", CPUINFO_MAX, &text, NULL, NULL))
        return processors;
    g_auto(GStrv) blocks = g_strsplit(text, "\n\n", -1);
    for (char **block = blocks; *block != NULL; block++)
        if (strstr(*block, "processor") != NULL)
            g_ptr_array_add(processors, parse_block(*block));
    return processors;
}

static guint
count_sockets(GPtrArray *processors)
{
    g_autoptr(GHashTable) sockets = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < processors->len; i++)
        g_hash_table_add(sockets, (gpointer)text_of(g_ptr_array_index(processors, i), "physical id"));
    return MAX(g_hash_table_size(sockets), 1);
}

static Value *
cpu_info(GPtrArray *processors)
{
    static const char *const copied[][2] = {{"vendor", "vendor_id"},     {"speed", "cpu MHz"},
                                            {"modelname", "model name"}, {"family", "cpu family"},
                                            {"model", "model"},          {"stepping", "stepping"},
                                            {"flags", "flags"}};
    Value *info = value_map_new(16);
    GHashTable *first = g_ptr_array_index(processors, 0);
    value_map_set(info, "cpu_count", value_string_printf("%u", processors->len));
    value_map_set(info, "socket_count", value_string_printf("%u", count_sockets(processors)));
    value_map_set(info, "threads_per_core", value_string("1"));
    value_map_set(info, "nr_nodes", value_string("1"));
    for (gsize i = 0; i < G_N_ELEMENTS(copied); i++)
        value_map_set(info, copied[i][0], value_string(text_of(first, copied[i][1])));
    return info;
}

static void
write_cpu(DbTxn *txn, const char *host, const char *ref, GHashTable *keys)
{
    db_txn_set_string(txn, CLASS_HOST_CPU, ref, HOST_CPU_HOST, host);
    db_txn_set_int(txn, CLASS_HOST_CPU, ref, HOST_CPU_NUMBER, number_of(keys, "processor"));
    db_txn_set_string(txn, CLASS_HOST_CPU, ref, HOST_CPU_VENDOR, text_of(keys, "vendor_id"));
    db_txn_set_int(txn, CLASS_HOST_CPU, ref, HOST_CPU_SPEED, number_of(keys, "cpu MHz"));
    db_txn_set_string(txn, CLASS_HOST_CPU, ref, HOST_CPU_MODELNAME, text_of(keys, "model name"));
    db_txn_set_int(txn, CLASS_HOST_CPU, ref, HOST_CPU_FAMILY, number_of(keys, "cpu family"));
    db_txn_set_int(txn, CLASS_HOST_CPU, ref, HOST_CPU_MODEL, number_of(keys, "model"));
    db_txn_set_string(txn, CLASS_HOST_CPU, ref, HOST_CPU_STEPPING, text_of(keys, "stepping"));
    db_txn_set_string(txn, CLASS_HOST_CPU, ref, HOST_CPU_FLAGS, text_of(keys, "flags"));
}

void
host_write_cpus(ApiServices *services, DbTxn *txn, const char *host)
{
    g_autoptr(GPtrArray) processors = read_processors();
    g_autoptr(GPtrArray) rows = db_referrers(services->db, CLASS_HOST_CPU, HOST_CPU_HOST, host);
    if (processors->len > 0)
        db_txn_set(txn, CLASS_HOST, host, HOST_CPU_INFO, cpu_info(processors));
    for (guint i = 0; i < processors->len; i++) {
        DbRow *known = i < rows->len ? g_ptr_array_index(rows, i) : NULL;
        const char *ref = known != NULL ? known->ref : db_txn_insert(txn, CLASS_HOST_CPU, NULL);
        write_cpu(txn, host, ref, g_ptr_array_index(processors, i));
    }
    for (guint i = processors->len; i < rows->len; i++)
        db_txn_delete(txn, CLASS_HOST_CPU, ((DbRow *)g_ptr_array_index(rows, i))->ref);
}
