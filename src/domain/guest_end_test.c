/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is left when a guest has ended by itself: the state its actions ask for, an image of its memory, its
 * clock's offset; and of transient VMs nothing. Over the fake back end. */
#include "domain/plan.h"

#include <glib/gstdio.h>
#include <string.h>

#include "domain/test_kit.h"

static const DomainContext no_context = {0};

static char *
core_path(const Kit *kit)
{
    return g_build_filename(kit->dir, "cores", "vm.core", NULL);
}

static gboolean
has_core(const Kit *kit)
{
    g_autofree char *path = core_path(kit);
    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static Kit *
kit_with_guest(const char *members)
{
    Kit *kit = kit_new();
    g_autoptr(GError) error = NULL;
    kit_add_vm(kit, "vm", members);
    g_assert_true(domain_client_vm_start(kit->client, &no_context, "vm", FALSE, &error));
    domain_clock_advance(kit->clock, 60 * G_USEC_PER_SEC); /* it has lived long enough to be started again */
    return kit;
}

static gint64
domid_of(Kit *kit)
{
    g_auto(DomainVmEntry) entry = {0};
    g_assert_true(domain_client_vm_stat(kit->client, NULL, "vm", &entry, NULL));
    return entry.state.power_state == DOMAIN_POWER_STATE_RUNNING ? entry.state.domids.items[0] : 0;
}

static gboolean
is_registered(Kit *kit)
{
    g_autoptr(Value) list = kit_must(kit, "Vm.list", "[\"test\"]");
    return value_size(list) > 0;
}

/* The guest ends; returns once what follows is over: a restarted service waits for that. */
static void
end_guest(Kit *kit, DomainGuestEvent event)
{
    gint64 last = 0, before = domid_of(kit);
    g_assert_true(domain_fake_act(kit->backend, "vm", event, 0));
    while (is_registered(kit) && domid_of(kit) == before) {
        g_auto(DomainUpdatesDelta) delta = {0};
        g_assert_true(domain_client_updates_get(kit->client, NULL, last, -1, &delta, NULL));
        last = delta.next;
    }
    kit_restart(kit);
}

typedef struct EndCase {
    const char *name;
    DomainGuestEvent event;
    const char *members; /* of the VM */
    gint64 domid;        /* afterwards; 0: Halted; -1: forgotten */
    gboolean has_core;
} EndCase;

#define ON(what, actions) ", \"on_" what "\": [" actions "]"
#define TRANSIENT         ", \"transient\": true"
#define ALL_START         ON("crash", "\"Start\"") ON("reboot", "\"Start\"") ON("shutdown", "\"Start\"")

/* clang-format off */
static const EndCase cases[] = {
    {"crash-with-an-image",               DOMAIN_GUEST_CRASHED,     ON("crash", "\"Coredump\", \"Shutdown\""), 0,  TRUE },
    {"crash-with-an-image-alone",         DOMAIN_GUEST_CRASHED,     ON("crash", "\"Coredump\""),               0,  TRUE },
    {"crash-with-an-image-and-a-start",   DOMAIN_GUEST_CRASHED,     ON("crash", "\"Coredump\", \"Start\""),    2,  TRUE },
    {"crash-with-a-start-and-an-image",   DOMAIN_GUEST_CRASHED,     ON("crash", "\"Start\", \"Coredump\""),    2,  TRUE },
    {"crash-without-actions",             DOMAIN_GUEST_CRASHED,     ON("crash", ""),                           0,  FALSE},
    {"shutdown-with-an-image",            DOMAIN_GUEST_POWERED_OFF, ON("shutdown", "\"Coredump\""),            0,  TRUE },
    {"reboot-with-an-image",              DOMAIN_GUEST_RESET,       ON("reboot", "\"Coredump\", \"Start\""),   2,  TRUE },
    {"a-lost-process-leaves-no-image",    DOMAIN_GUEST_GONE,        ON("crash", "\"Coredump\", \"Start\""),    2,  FALSE},
    {"actions-of-other-ends-do-not-count",DOMAIN_GUEST_RESET,       ON("crash", "\"Start\"") ON("shutdown", "\"Start\""), 0, FALSE},
    {"transient-shuts-down",              DOMAIN_GUEST_POWERED_OFF, TRANSIENT,                                 -1, FALSE},
    {"transient-reboots",                 DOMAIN_GUEST_RESET,       TRANSIENT ALL_START,                       2,  FALSE},
    {"transient-reboots-to-an-end",       DOMAIN_GUEST_RESET,       TRANSIENT,                                 -1, FALSE},
    {"transient-crashes-with-an-image",   DOMAIN_GUEST_CRASHED,     TRANSIENT ON("crash", "\"Coredump\""),     -1, TRUE },
    {"transient-is-lost",                 DOMAIN_GUEST_GONE,        TRANSIENT,                                 -1, FALSE},
};
/* clang-format on */

static void
test_end(gconstpointer data)
{
    const EndCase *row = data;
    g_autoptr(Kit) kit = kit_with_guest(row->members);
    end_guest(kit, row->event);
    g_assert_cmpint(is_registered(kit), ==, row->domid >= 0);
    if (row->domid >= 0) {
        g_assert_cmpint(domid_of(kit), ==, row->domid);
        kit_assert_consistent(kit, "vm");
    }
    g_assert_cmpint(has_core(kit), ==, row->has_core);
}

/* Only the latest is kept, only whole ones, and none of a VM that was removed. */
static void
test_cores(void)
{
    g_autoptr(Kit) kit = kit_with_guest(ON("crash", "\"Coredump\""));
    g_autoptr(GError) error = NULL;
    g_autofree char *path = core_path(kit);
    g_autofree char *part = g_build_filename(kit->dir, "cores", "vm.part", NULL);
    g_autofree char *dir = g_path_get_dirname(path);
    g_assert_cmpint(g_mkdir(dir, 0700), ==, 0);
    g_assert_true(g_file_set_contents(path, "of an earlier crash", -1, NULL));
    domain_fake_fail_at(kit->backend, 1); /* writing the image */
    end_guest(kit, DOMAIN_GUEST_CRASHED);
    g_autofree char *kept = NULL;
    g_assert_true(g_file_get_contents(path, &kept, NULL, NULL));
    g_assert_cmpstr(kept, ==, "of an earlier crash");
    g_assert_false(g_file_test(part, G_FILE_TEST_EXISTS));

    g_assert_true(domain_client_vm_start(kit->client, &no_context, "vm", FALSE, &error));
    end_guest(kit, DOMAIN_GUEST_CRASHED);
    g_autofree char *written = NULL;
    g_assert_true(g_file_get_contents(path, &written, NULL, NULL));
    g_assert_cmpstr(written, ==, "a fake guest's memory\n");
    value_unref(kit_must(kit, "Vm.remove", "[\"test\", \"vm\"]"));
    g_assert_false(has_core(kit));
}

/* ---- The clock */

static char *
offset_of(Kit *kit)
{
    g_auto(DomainVmEntry) entry = {0};
    g_assert_true(domain_client_vm_stat(kit->client, NULL, "vm", &entry, NULL));
    return g_strdup(entry.state.rtc_timeoffset);
}

static void
assert_offset(Kit *kit, const char *text)
{
    g_autofree char *offset = offset_of(kit);
    g_assert_cmpstr(offset, ==, text);
}

/* The guest says how far its clock is from where it started. */
static void
set_clock(Kit *kit, gint64 moved_s)
{
    g_assert_true(domain_fake_act(kit->backend, "vm", DOMAIN_GUEST_CLOCK_SET, moved_s));
    kit_restart(kit);
}

typedef struct ClockCase {
    const char *name;
    const char *members;
} ClockCase;

static const ClockCase clocks[] = {
    {"of-a-vm-with-firmware", ", \"ty\": [\"HVM\", {\"timeoffset\": \"100\"}]"},
    {"of-a-vm-with-a-kernel", ", \"ty\": [\"PV\", {\"boot\": [\"Direct\", {\"kernel\": \"/k\"}]}],"
                              "\"platformdata\": {\"timeoffset\": \"100\"}"},
};

static void
test_clock(gconstpointer data)
{
    const ClockCase *row = data;
    g_autoptr(Kit) kit = kit_with_guest(row->members);
    g_autoptr(GError) error = NULL;
    assert_offset(kit, "100");
    set_clock(kit, 3600);
    assert_offset(kit, "3700");
    set_clock(kit, 60); /* again from where it started, not from where it was */
    assert_offset(kit, "160");
    g_assert_true(domain_client_vm_reboot(kit->client, &no_context, "vm", -1, &error));
    assert_offset(kit, "160");
    set_clock(kit, -200);
    assert_offset(kit, "-40");
    g_assert_true(domain_client_vm_shutdown(kit->client, &no_context, "vm", -1, &error));
    kit_restart(kit);
    assert_offset(kit, "-40");
    g_assert_true(domain_client_vm_start(kit->client, &no_context, "vm", FALSE, &error));
    set_clock(kit, G_MAXINT64); /* no clock goes there */
    assert_offset(kit, "-40");
}

#define ADD_ALL(prefix, rows, function)                                                                      \
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {                                                         \
        g_autofree char *path = g_strdup_printf(prefix "%s", (rows)[i].name);                                \
        g_test_add_data_func(path, &(rows)[i], function);                                                    \
    }

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD_ALL("/domain/guest-end/", cases, test_end)
    g_test_add_func("/domain/guest-end/one-whole-image-is-kept", test_cores);
    ADD_ALL("/domain/guest-end/clock-is-kept/", clocks, test_clock)
    return g_test_run();
}
