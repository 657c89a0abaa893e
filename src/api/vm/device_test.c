/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Places of devices and MAC addresses. */
#include "api/vm/device.h"

#include "api/vm/mac.h"

#include <string.h>

static const struct PositionCase {
    const char *userdevice;
    int position; /* -1: refused */
} position_cases[] = {
    {"0", 0},
    {"15", 15},
    {"255", 255},
    {"256", -1},
    {"-1", -1},
    {"+1", -1},
    {"", -1},
    {" 1", -1},
    {"1a", -1},
    {"xvda", 0},
    {"xvdb1", 1},
    {"hdd", 3},
    {"sdz", 25},
    {"xvdaa", 26},
    {"xvdiv", 255},
    {"xvdiw", -1},
    {"xvdzz", -1},
    {"xvdaaa", -1},
    {"xvd", -1},
    {"xvda1x", -1},
    {"autodetect", -1},
    {"vda", -1},
    {"99999999999999999999", -1},
};

static void
userdevices_are_places_or_refused(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(position_cases); i++) {
        const struct PositionCase *row = &position_cases[i];
        guint position = 0;
        g_test_message("'%s'", row->userdevice);
        gboolean is_place = vm_vbd_position(row->userdevice, &position);
        g_assert_cmpint(is_place ? (int)position : -1, ==, row->position);
    }
}

static void
names_lead_back_to_their_place(void)
{
    for (guint position = 0; position <= VM_VBD_POSITION_MAX; position++) {
        g_autofree char *name = vm_vbd_device_name(position);
        guint back = 0;
        g_assert_true(vm_vbd_position(name, &back));
        g_assert_cmpuint(back, ==, position);
    }
}

static void
first_free_place_is_found(void)
{
    const gboolean taken[4] = {TRUE, TRUE, FALSE, TRUE};

    g_assert_cmpint(vm_first_free_position(taken, 4), ==, 2);
    g_assert_cmpint(vm_first_free_position(taken, 2), ==, -1);
}

static void
made_macs_are_valid_and_repeatable(void)
{
    g_autofree char *first = vm_mac_generate("seed", "0");
    g_autofree char *again = vm_mac_generate("seed", "0");
    g_autofree char *other = vm_mac_generate("seed", "1");
    g_autofree char *random = vm_mac_generate("", "0");
    g_autofree char *other_random = vm_mac_generate("", "0");

    g_assert_true(vm_mac_is_valid(first));
    g_assert_true(vm_mac_is_valid(random));
    g_assert_cmpstr(first, ==, again);
    g_assert_cmpstr(first, !=, other);
    g_assert_cmpstr(random, !=, other_random);
}

static void
macs_of_one_station_are_valid(void)
{
    static const char *const bad[] = {"",
                                      "02:00:00:00:00",
                                      "02:00:00:00:00:0g",
                                      "01:00:00:00:00:01",
                                      "ff:ff:ff:ff:ff:ff",
                                      "00:00:00:00:00:00",
                                      "02-00-00-00-00-01",
                                      "02:00:00:00:00:01:02",
                                      "020000000001"};

    g_assert_true(vm_mac_is_valid("02:AB:cd:00:00:01"));
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_test_message("'%s'", bad[i]);
        g_assert_false(vm_mac_is_valid(bad[i]));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/api/vm/device/userdevices-are-places-or-refused", userdevices_are_places_or_refused);
    g_test_add_func("/api/vm/device/names-lead-back-to-their-place", names_lead_back_to_their_place);
    g_test_add_func("/api/vm/device/first-free-place-is-found", first_free_place_is_found);
    g_test_add_func("/api/vm/mac/made-macs-are-valid-and-repeatable", made_macs_are_valid_and_repeatable);
    g_test_add_func("/api/vm/mac/macs-of-one-station-are-valid", macs_of_one_station_are_valid);
    return g_test_run();
}
