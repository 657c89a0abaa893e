/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What drivers answer: disks, sizes, lists of SRs. The names are those of the storage document's tables 1.1
 * and 1.2. */
#pragma once

#include "value/value.h"

/* A disk in a result. Texts are borrowed. */
typedef struct DriverVdi {
    const char *uuid;
    const char *location; /* NULL: the uuid is */
    guint64 virtual_size;
    guint64 physical_utilisation;
    const char *name_label;
    const char *name_description;
    const char *type;
    gboolean is_read_only;
    gboolean is_sharable;
    gboolean is_hidden;
    gboolean is_a_snapshot;
    const char *snapshot_of;   /* uuid or "" */
    const char *snapshot_time; /* wire form */
    const char *parent;        /* uuid or "" */
    const Value *sm_config;    /* (nullable) map of strings */
} DriverVdi;

/** driver_vdi_value: (transfer full) */
Value *driver_vdi_value(const DriverVdi *vdi);

/** driver_attachment_value: what vdi_attach answers: a path on this host and the format QEMU opens it with,
 * which is never guessed. (transfer full) */
Value *driver_attachment_value(const char *path, const char *format);

typedef struct DriverSizes {
    guint64 physical_size;
    guint64 physical_utilisation;
    guint64 virtual_allocation;
} DriverSizes;

/** driver_sizes_value: a map to which a scan adds "vdis". (transfer full) */
Value *driver_sizes_value(const DriverSizes *sizes);

/** driver_content_type: "<sr><type>qcow2</type></sr>" (transfer full) */
Value *driver_content_type(const char *type);

/* An SR that a probe found. */
typedef struct DriverFoundSr {
    char *uuid;
    char *location; /* what device_config must say to get it; NULL: what the probe was asked with */
} DriverFoundSr;
void driver_found_sr_free(gpointer data);

/** driver_sr_list: "<SRlist><SR><UUID>..</UUID><location>..</location></SR></SRlist>". @found: DriverFoundSr.
 * (transfer full) */
Value *driver_sr_list(const GPtrArray *found);
