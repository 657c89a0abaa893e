/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes results. Numbers are strings of digits on the wire, flags the words true and false, as drivers have
 * always sent them. */
#include "lib/report.h"

#include <string.h>

#include "value/xmlrpc.h"

static void
set_text(Value *map, const char *key, const char *text)
{
    value_map_set(map, key, value_string(text != NULL ? text : ""));
}

static void
set_size(Value *map, const char *key, guint64 bytes)
{
    value_map_set(map, key, value_string_printf("%" G_GUINT64_FORMAT, bytes));
}

static void
set_flag(Value *map, const char *key, gboolean truth)
{
    set_text(map, key, truth ? "true" : "false");
}

Value *
driver_vdi_value(const DriverVdi *vdi)
{
    Value *value = value_map_new(16);
    set_text(value, "uuid", vdi->uuid);
    set_text(value, "location", vdi->location != NULL ? vdi->location : vdi->uuid);
    set_size(value, "size", vdi->virtual_size);
    set_size(value, "utilisation", vdi->physical_utilisation);
    set_text(value, "label", vdi->name_label);
    set_text(value, "description", vdi->name_description);
    set_text(value, "type", vdi->type);
    set_flag(value, "read_only", vdi->is_read_only);
    set_flag(value, "shareable", vdi->is_sharable);
    set_flag(value, "hidden", vdi->is_hidden);
    set_flag(value, "is_a_snapshot", vdi->is_a_snapshot);
    set_text(value, "snapshot_of", vdi->snapshot_of);
    set_text(value, "snapshot_time", vdi->snapshot_time);
    set_text(value, "parent", vdi->parent);
    if (vdi->sm_config != NULL)
        value_map_set(value, "sm_config", value_ref((Value *)vdi->sm_config));
    return value;
}

Value *
driver_attachment_value(const char *path, const char *format)
{
    Value *xenstore_data = value_map_new(1);
    set_text(xenstore_data, "image-format", format);

    Value *value = value_map_new(4);
    set_text(value, "params", path);
    set_text(value, "params_nbd", "");
    value_map_set(value, "o_direct", value_bool(FALSE));
    value_map_set(value, "xenstore_data", xenstore_data);
    return value;
}

Value *
driver_sizes_value(const DriverSizes *sizes)
{
    Value *value = value_map_new(4);
    set_size(value, "physical_size", sizes->physical_size);
    set_size(value, "physical_utilization", sizes->physical_utilisation);
    set_size(value, "virtual_allocation", sizes->virtual_allocation);
    return value;
}

Value *
driver_content_type(const char *type)
{
    return value_string_printf("<?xml version=\"1.0\" ?><sr><type>%s</type></sr>", type);
}

void
driver_found_sr_free(gpointer data)
{
    DriverFoundSr *found = data;
    g_free(found->uuid);
    g_free(found->location);
    g_free(found);
}

static void
add_element(GString *out, const char *name, const char *text)
{
    g_string_append_printf(out, "<%s>", name);
    xmlrpc_write_text(out, text, strlen(text));
    g_string_append_printf(out, "</%s>", name);
}

Value *
driver_sr_list(const GPtrArray *found)
{
    g_autoptr(GString) out = g_string_new("<?xml version=\"1.0\" ?><SRlist>");
    for (guint i = 0; i < found->len; i++) {
        const DriverFoundSr *sr = found->pdata[i];
        g_string_append(out, "<SR>");
        add_element(out, "UUID", sr->uuid);
        if (sr->location != NULL)
            add_element(out, "location", sr->location);
        g_string_append(out, "</SR>");
    }
    g_string_append(out, "</SRlist>");
    return value_string(out->str);
}
