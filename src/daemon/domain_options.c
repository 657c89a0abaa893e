/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xenopsd's options. */
#include "daemon/domain_options.h"

#define AT(field) G_STRUCT_OFFSET(XenopsdOptions, field)

/* clang-format off */
static const Option options_table[] = {
    {"config", OPTION_PATH, AT(config_path), "FILE", .is_for_line_only = TRUE,
     .doc = "Configuration file to read; none without this option."},
    {"state", OPTION_PATH, AT(state_directory), "DIR", "/var/lib/xylem/xenopsd",
     .doc = "Where guests and what is known of their domains are kept, one folder each."},
    {"socket", OPTION_PATH, AT(socket_path), "PATH", "/run/xylem/xenopsd.sock",
     .doc = "Unix socket to serve."},
    {"dbus", OPTION_TEXT, AT(dbus), "BUS", "none", .installed = "system",
     .doc = "Message bus to serve too: system, session, or the address of a bus; none for no bus."},
    {"dbus-name", OPTION_TEXT, AT(dbus_name), "NAME", "org.xylem.Xenops1",
     .doc = "Name to take on that bus."},
    {"storage-socket", OPTION_PATH, AT(storage_socket_path), "PATH", .installed = "/run/xylem/storage.sock",
     .doc = "Unix socket of xylemd that disks are attached through; without it only disks given as paths work."},
    {"backend", OPTION_CHOICE, AT(backend), "NAME", "qemu", .choices = "qemu|fake",
     .doc = "What guests are: QEMU processes, or records in memory for tests."},
    {"accel", OPTION_CHOICE, AT(accel), "NAME", "auto", .choices = "auto|kvm|tcg",
     .doc = "How QEMU runs guests; auto measures whether the machine's KVM is of use."},
    {"qemu", OPTION_PATH, AT(qemu), "PROGRAM", "qemu-system-x86_64",
     .doc = "QEMU to run."},
    {"log-level", OPTION_CHOICE, AT(log_level), "LEVEL", "info", .choices = "debug|info|warning|error", .is_live = TRUE,
     .doc = "The least serious lines that are logged. SIGUSR1 lowers it one step, SIGUSR2 brings this back."},
    {"print-config", OPTION_ACTION, AT(print_config),
     .doc = "Print a configuration file with every key and its default, end."},
    {"version", OPTION_ACTION, AT(show_version),
     .doc = "Print the version, end."},
};
/* clang-format on */

const OptionTable xenopsd_options = {
    "xenopsd", "The domain service: keeps guests' configurations and runs their domains.", options_table,
    G_N_ELEMENTS(options_table)};

gboolean
domain_options_read(XenopsdOptions *options, const char *const *argv, GError **error)
{
    *options = (XenopsdOptions){0};
    return option_read(&xenopsd_options, options, argv, error);
}

void
domain_options_clear(XenopsdOptions *options)
{
    option_clear(&xenopsd_options, options);
}
