/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Places of disks and network interfaces: numbers as clients give them, names as guests know them, and which
 * are free. */
#include "api/vm/device.h"

#include "base/text.h"
#include "model/classes.h"

#include <string.h>

static gboolean
parse_number(const char *text, guint maximum, guint *ret_number)
{
    gint64 number;
    if (!g_ascii_isdigit(text[0]) || !base_int_parse(text, &number) || number > maximum)
        return FALSE;
    *ret_number = (guint)number;
    return TRUE;
}

/* "a" is 0, "z" 25, "aa" 26; a partition's digits may follow. */
static gboolean
parse_letters(const char *text, guint *ret_number)
{
    guint number = 0;
    gsize n_letters = strspn(text, "abcdefghijklmnopqrstuvwxyz");

    if (n_letters == 0 || n_letters > 2)
        return FALSE;
    for (gsize i = 0; i < n_letters; i++)
        number = number * 26 + (guint)(text[i] - 'a') + 1;
    if (strspn(text + n_letters, "0123456789") != strlen(text + n_letters))
        return FALSE;
    *ret_number = number - 1;
    return number - 1 <= VM_VBD_POSITION_MAX;
}

gboolean
vm_vbd_position(const char *userdevice, guint *ret_position)
{
    static const char *const prefixes[] = {"xvd", "hd", "sd"};
    guint position;

    if (parse_number(userdevice, VM_VBD_POSITION_MAX, ret_position))
        return TRUE;
    for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (!g_str_has_prefix(userdevice, prefixes[i]))
            continue;
        if (!parse_letters(userdevice + strlen(prefixes[i]), &position))
            return FALSE;
        *ret_position = position;
        return TRUE;
    }
    return FALSE;
}

char *
vm_vbd_device_name(guint position)
{
    if (position < 26)
        return g_strdup_printf("xvd%c", (char)('a' + position));
    return g_strdup_printf("xvd%c%c", (char)('a' + position / 26 - 1), (char)('a' + position % 26));
}

gboolean
vm_vif_position(const char *device, guint *ret_position)
{
    return parse_number(device, VM_VIF_POSITION_MAX, ret_position);
}

static gboolean
row_position(const DbRow *row, guint *ret_position)
{
    if (model_class_id(row->model_class) == CLASS_VBD)
        return vm_vbd_position(db_row_string(row, VBD_USERDEVICE), ret_position);
    return vm_vif_position(db_row_string(row, VIF_DEVICE), ret_position);
}

gboolean *
vm_taken_positions(GPtrArray *devices, const char *except)
{
    gboolean *taken = g_new0(gboolean, MAX(VM_VBD_POSITION_MAX, VM_VIF_POSITION_MAX) + 1);

    for (guint i = 0; i < devices->len; i++) {
        const DbRow *row = g_ptr_array_index(devices, i);
        guint position;
        if (except != NULL && g_str_equal(row->ref, except))
            continue;
        if (row_position(row, &position))
            taken[position] = TRUE;
    }
    return taken;
}

int
vm_first_free_position(const gboolean *taken, guint n)
{
    for (guint i = 0; i < n; i++)
        if (!taken[i])
            return (int)i;
    return -1;
}
