/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The keys are those that agents of Xen guests write; the toolstack makes VM_guest_metrics of them.
 *
 * Source: QEMU guest agent protocol reference; keys: XenAPI's own agents, "attr/", "data/", "control/". */
#include "domain/qemu/agent_info.h"

#include <string.h>

#include "domain/disks.h"

#define MAX_TEXT_CHARS 256
#define MAX_INTERFACES 64
#define MAX_ADDRESSES  16 /* of one interface and family */
#define MAX_VOLUMES    64

/* ---- Reading */

static const char *
member_text(Value *map, const char *key)
{
    return map != NULL && value_kind(map) == VALUE_MAP ? value_map_get_string(map, key, "") : "";
}

static Value *
member_list(Value *map, const char *key)
{
    Value *list = map != NULL && value_kind(map) == VALUE_MAP ? value_map_get(map, key) : NULL;
    return list != NULL && value_kind(list) == VALUE_ARRAY ? list : value_array_empty();
}

/* One line of plain text: it goes into logs, XML and people's terminals. */
static char *
clean(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    GString *kept = g_string_new(NULL);
    glong n = 0;
    for (const char *at = valid; *at != '\0' && n < MAX_TEXT_CHARS; at = g_utf8_next_char(at)) {
        gunichar letter = g_utf8_get_char(at);
        if (!g_unichar_isprint(letter))
            continue;
        g_string_append_unichar(kept, letter);
        n++;
    }
    return g_string_free(kept, FALSE);
}

static void
put(Value *info, const char *key, const char *text)
{
    g_autofree char *kept = clean(text);
    if (*kept != '\0')
        value_map_set(info, key, value_string(kept));
}

/* ---- guest-info */

gboolean
agent_info_has_command(Value *answer, const char *command)
{
    Value *commands = member_list(answer, "supported_commands");
    for (gsize i = 0; i < value_size(commands); i++) {
        Value *row = value_array_get(commands, i);
        if (strcmp(member_text(row, "name"), command) != 0)
            continue;
        Value *enabled = value_map_get(row, "enabled");
        return enabled == NULL || value_kind(enabled) != VALUE_BOOL || value_get_bool(enabled);
    }
    return FALSE;
}

static const struct FeatureRow {
    const char *command;
    const char *key;
} feature_rows[] = {
    {"guest-shutdown", "control/feature-shutdown"},
    {"guest-shutdown", "control/feature-reboot"},
    {"guest-set-vcpus", "control/feature-vcpu-hotplug"},
};

void
agent_info_from_info(Value *answer, Value *info)
{
    static const char *const keys[] = {"attr/PVAddons/MajorVersion", "attr/PVAddons/MinorVersion",
                                       "attr/PVAddons/MicroVersion"};
    g_auto(GStrv) parts = g_strsplit(member_text(answer, "version"), ".", 4);
    guint n_parts = g_strv_length(parts);
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
        put(info, keys[i], i < n_parts ? parts[i] : "0");
    put(info, "attr/PVAddons/Installed", "1");
    for (gsize i = 0; i < G_N_ELEMENTS(feature_rows); i++) {
        if (agent_info_has_command(answer, feature_rows[i].command))
            put(info, feature_rows[i].key, "1");
    }
}

/* ---- guest-get-osinfo */

void
agent_info_from_os(Value *answer, Value *info)
{
    const char *name = member_text(answer, "pretty-name");
    g_auto(GStrv) version = g_strsplit(member_text(answer, "version-id"), ".", 3);
    put(info, "data/os_name", *name == '\0' ? member_text(answer, "name") : name);
    put(info, "data/os_distro", member_text(answer, "id"));
    put(info, "data/os_uname", member_text(answer, "kernel-release"));
    if (version[0] != NULL) {
        put(info, "data/os_majorver", version[0]);
        put(info, "data/os_minorver", version[1] == NULL ? "0" : version[1]);
    }
}

/* ---- guest-network-get-interfaces */

static const char *
device_of_mac(const DomainVifTList *vifs, const char *vm, const char *mac)
{
    for (gsize i = 0; i < vifs->n; i++) {
        if (g_ascii_strcasecmp(vifs->items[i].mac, mac) == 0)
            return domain_device_of(vifs->items[i].id, vm);
    }
    return NULL;
}

static void
put_address(Value *address, const char *device, guint *n_v4, guint *n_v6, Value *info)
{
    gboolean is_v6 = strcmp(member_text(address, "ip-address-type"), "ipv6") == 0;
    const char *text = member_text(address, "ip-address");
    guint *n = is_v6 ? n_v6 : n_v4;
    if (*text == '\0' || *n >= MAX_ADDRESSES)
        return;
    g_autofree char *key = g_strdup_printf("attr/vif/%s/ipv%c/%u", device, is_v6 ? '6' : '4', *n);
    g_autofree char *first = g_strdup_printf("attr/eth%s/ip", device); /* what older clients look for */
    put(info, key, text);
    if (!is_v6 && *n == 0)
        put(info, first, text);
    (*n)++;
}

void
agent_info_from_network(Value *answer, const DomainVifTList *vifs, const char *vm, Value *info)
{
    if (value_kind(answer) != VALUE_ARRAY)
        return;
    for (gsize i = 0; i < value_size(answer) && i < MAX_INTERFACES; i++) {
        Value *row = value_array_get(answer, i);
        const char *device = device_of_mac(vifs, vm, member_text(row, "hardware-address"));
        Value *addresses = member_list(row, "ip-addresses");
        guint n_v4 = 0, n_v6 = 0;
        for (gsize j = 0; device != NULL && j < value_size(addresses); j++)
            put_address(value_array_get(addresses, j), device, &n_v4, &n_v6, info);
    }
}

/* ---- guest-get-fsinfo */

static void
put_volume(Value *volume, guint number, Value *info)
{
    static const struct {
        const char *member;
        const char *key;
    } rows[] = {{"name", "name"}, {"mountpoint", "mount_points/0"}, {"type", "filesystem"}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *key = g_strdup_printf("data/volumes/%u/%s", number, rows[i].key);
        put(info, key, member_text(volume, rows[i].member));
    }
    Value *total = value_map_get(volume, "total-bytes");
    Value *used = value_map_get(volume, "used-bytes");
    if (total == NULL || used == NULL || value_kind(total) != VALUE_INT || value_kind(used) != VALUE_INT)
        return;
    gint64 size = value_get_int(total), taken = value_get_int(used);
    if (size < 0 || taken < 0 || taken > size)
        return;
    g_autofree char *size_key = g_strdup_printf("data/volumes/%u/size", number);
    g_autofree char *free_key = g_strdup_printf("data/volumes/%u/free", number);
    value_map_set(info, size_key, value_string_printf("%" G_GINT64_FORMAT, size));
    value_map_set(info, free_key, value_string_printf("%" G_GINT64_FORMAT, size - taken));
}

void
agent_info_from_disks(Value *answer, Value *info)
{
    if (value_kind(answer) != VALUE_ARRAY)
        return;
    for (gsize i = 0; i < value_size(answer) && i < MAX_VOLUMES; i++) {
        if (value_kind(value_array_get(answer, i)) == VALUE_MAP)
            put_volume(value_array_get(answer, i), (guint)i, info);
    }
}
