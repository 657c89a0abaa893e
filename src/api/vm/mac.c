/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MAC addresses of virtual network interfaces. */
#include "api/vm/mac.h"

#include "base/text.h"

#include <string.h>

#define MAC_BYTES 6

gboolean
vm_mac_is_valid(const char *mac)
{
    guint sum = 0;

    if (strlen(mac) != MAC_BYTES * 3 - 1)
        return FALSE;
    for (gsize i = 0; mac[i] != '\0'; i++) {
        if (i % 3 == 2 ? mac[i] != ':' : !g_ascii_isxdigit(mac[i]))
            return FALSE;
        if (i % 3 != 2)
            sum += (guint)g_ascii_xdigit_value(mac[i]);
    }
    gboolean is_group = (g_ascii_xdigit_value(mac[1]) & 1) != 0; /* many stations, or all */
    return sum > 0 && !is_group;
}

char *
vm_mac_generate(const char *seed, const char *device)
{
    g_autofree char *random = *seed != '\0' ? NULL : base_random_text(16);
    g_autofree char *text = g_strdup_printf("%s-%s", random != NULL ? random : seed, device);
    guint8 bytes[64];
    gsize length = sizeof bytes;
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);

    g_checksum_update(checksum, (const guchar *)text, -1);
    g_checksum_get_digest(checksum, bytes, &length);
    bytes[0] = (guint8)((bytes[0] & 0xfc) | 0x02); /* one station, locally administered */
    return g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4],
                           bytes[5]);
}
