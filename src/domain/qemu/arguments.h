/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A QEMU's command line, from a VM's configuration. Pure: no file is looked at, so that every line can be
 * compared with a golden one. */
#pragma once

#include "domain/types.h"

typedef struct QemuSpec {
    const char *binary;
    const DomainStoreConfig *config;
    const DomainStoreRun *run; /* machine, accel, vcpu_target, disks, attached or not, nics */
    const char *run_dir;
    int run_dir_fd; /* the same, open: QEMU makes the VNC socket itself, and its path may be too long for one
                     */
    int qmp_fd;     /* listening Unix sockets */
    int serial_fd;
    int agent_fd;
    const int *tap_fds;   /* per nic; -1: user networking */
    gboolean is_incoming; /* wait for a state instead of booting */
    gint64 now_s;         /* seconds since 1970: the guest's clock starts here plus its offset */
} QemuSpec;

/* The agent's channel: what its character device and its port are called. */
#define QEMU_AGENT_CHANNEL "agent"

/* How often the guest's driver writes down how its memory is used, and how often that is read. */
#define QEMU_STATS_INTERVAL_S 15

/* Root ports kept free for devices that are plugged in later. */
#define QEMU_SPARE_PORTS 4

/** qemu_arguments: NULL-terminated, with the binary first. The configuration has been checked. Before it
 * makes its machine, this QEMU waits for the nodes of the disks and x-exit-preconfig. */
char **qemu_arguments(const QemuSpec *spec);

/** qemu_has_graphics: whether the VM has a graphics card, and so a VNC console. */
gboolean qemu_has_graphics(const DomainVmT *vm);

/** qemu_has_bootable_device: whether the firmware finds anything in the boot order; TRUE with a kernel of its
 * own. */
gboolean qemu_has_bootable_device(const DomainStoreConfig *config);
