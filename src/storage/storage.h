/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The storage service: finds plugins, calls them in the order the storage document prescribes, and keeps who
 * uses which disk.
 *
 * It knows nothing of the object database: every call brings what a plugin must be told in a StorageCall, and
 * gives back what the caller should write down. Functions block (a plugin is a program that runs) and may be
 * called from any thread. */
#pragma once

#include <gio/gio.h>

#include "storage/error.h"
#include "storage/plugin.h"

typedef struct Storage Storage;

typedef struct StorageOptions {
    const char *const *plugin_directories; /* NULL-terminated; the first that has a type wins */
    const char *state_directory;           /* made if missing; datapaths and the call log live there */
    const char *host_ref;                  /* (nullable) for sr_get_driver_info */
    const char *call_log; /* (nullable) file for the call log; default: <state_directory>/storage-calls.log */
    guint call_timeout_ms;  /* 0 for the default, one hour: real drivers format disks */
    guint info_timeout_ms;  /* 0 for the default, 10 s: sr_get_driver_info */
    gsize output_max_bytes; /* 0 for the default, 64 MiB */
} StorageOptions;

/**
 * storage_new_with_options:
 * @error: (out): STORAGE_ERROR_STATE
 *
 * Reads the state left by an earlier run and finds the plugins. Broken plugins are no error: they are left
 * out and told in the log.
 */
Storage *storage_new_with_options(const StorageOptions *options, GError **error);

/** storage_new: storage_new_with_options() with defaults. */
Storage *storage_new(const char *const *plugin_directories, const char *state_directory, GError **error);
void storage_free(Storage *storage); /* no call may be running */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Storage, storage_free)

/* ---- Plugins ---- */

/* A program that was found but cannot be used. */
typedef struct StorageBrokenPlugin {
    char *driver_filename;
    char *reason;
} StorageBrokenPlugin;

/** storage_rescan_plugins: looks again; types that vanished are gone, running calls are not disturbed. */
void storage_rescan_plugins(Storage *storage);
/** storage_set_plugin_directories: for the next storage_rescan_plugins(). */
void storage_set_plugin_directories(Storage *storage, const char *const *directories);

/** storage_plugins: StoragePlugin, sorted by type. (transfer full) */
GPtrArray *storage_plugins(Storage *storage);

/** storage_broken_plugins: StorageBrokenPlugin of the last scan. (transfer full) */
GPtrArray *storage_broken_plugins(Storage *storage);

/** storage_find_plugin: @type in any case; NULL if there is none. (transfer full) */
StoragePlugin *storage_find_plugin(Storage *storage, const char *type);

/* ---- Calls ---- */

/* What every call tells the plugin; all borrowed for the time of the call. NULL texts and maps are left out
 * of the request. */
typedef struct StorageCall {
    const char *host_ref;
    const char *session_ref; /* a session the plugin may use; never logged */
    const char *sr_ref;
    const char *sr_uuid;
    const char *sr_type;        /* chooses the plugin */
    const Value *device_config; /* map of strings: PBD.device_config; SRmaster is added here */
    gboolean is_sr_master;      /* scan, create, delete, snapshot, clone and resize are refused without */
    const char *vdi_ref;
    const char *vdi_uuid;
    const char *vdi_location;
    const char *vdi_on_boot;    /* (nullable) "persist" or "reset" */
    gboolean vdi_allow_caching; /* */
    const char *new_uuid;   /* (nullable) create, snapshot and clone: what the new disk's uuid is to be, for
                               plugins that let themselves be told */
    const Value *sm_config; /* map of strings: VDI.sm_config on create and introduce, the sm_config argument
                               on probe */
    const char *subtask_of; /* (nullable) task reference */
    GCancellable *cancellable; /* (nullable) a running plugin is killed when it triggers */
} StorageCall;

/* Sizes of an SR in bytes. */
typedef struct StorageSizes {
    gboolean
        is_reported; /* FALSE: the plugin wrote them through its session, or does not tell; the rest is 0 */
    guint64 physical_size;
    guint64 physical_utilisation;
    guint64 virtual_allocation;
} StorageSizes;

/* A disk, as a plugin reports it. */
typedef struct StorageVdi {
    char *uuid;
    char *location;
    gboolean is_complete; /* FALSE: only uuid and location were told; the plugin wrote the row itself
                             (VDI.db_introduce) */
    guint64 virtual_size;
    guint64 physical_utilisation;
    char *name_label;
    char *name_description;
    char *type; /* member of vdi_type: "user", "system"... */
    gboolean is_read_only;
    gboolean is_sharable;
    gboolean is_managed;
    gboolean is_a_snapshot;
    char *snapshot_of;    /* uuid, or "" */
    gint64 snapshot_time; /* seconds since 1970; 0 when it is none */
    char *parent;         /* uuid of the disk its content depends on, or "" */
    Value *sm_config;     /* map of strings */
} StorageVdi;
void storage_vdi_free(StorageVdi *vdi); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StorageVdi, storage_vdi_free)

typedef struct StorageScan {
    gboolean is_reported; /* FALSE: the plugin brought the database up to date itself; the list is empty and
                             means nothing */
    StorageSizes sizes;
    GPtrArray *vdis; /* StorageVdi */
} StorageScan;
void storage_scan_free(StorageScan *scan); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StorageScan, storage_scan_free)

/* Errors of all below: STORAGE_ERROR_UNKNOWN_DRIVER, _NOT_SUPPORTED, _BACKEND_*, _CANCELLED, _NOT_MASTER and
 * those a fault maps to. Those on SRs hold the SR alone; see "storage/lock.h". */
gboolean storage_sr_create(Storage *storage, const StorageCall *call, guint64 size_bytes, GError **error);
gboolean storage_sr_delete(Storage *storage, const StorageCall *call, GError **error);
gboolean storage_sr_attach(Storage *storage, const StorageCall *call, GError **error);

/** storage_sr_detach: STORAGE_ERROR_SR_IN_USE while a datapath is attached. */
gboolean storage_sr_detach(Storage *storage, const StorageCall *call, GError **error);
StorageScan *storage_sr_scan(Storage *storage, const StorageCall *call, GError **error);

/** storage_sr_probe: the plugin's XML document as it came; needs no sr_ref and sr_uuid. The caller frees it.
 */
char *storage_sr_probe(Storage *storage, const StorageCall *call, GError **error);
gboolean storage_sr_update(Storage *storage, const StorageCall *call, StorageSizes *ret_sizes,
                           GError **error);

/** storage_sr_content_type: the text of <sr><type>, e.g. "qcow2", "vhd", "phy". The caller frees it. */
char *storage_sr_content_type(Storage *storage, const StorageCall *call, GError **error);

typedef struct StorageVdiSpec {
    guint64 size_bytes;
    const char *name_label;       /* NULL is "" for all texts here */
    const char *name_description; /* */
    const char *type;             /* member of vdi_type; NULL is "user" */
    const char *metadata_of_pool; /* ref */
    gboolean is_a_snapshot;
    const char *snapshot_time; /* wire form */
    const char *snapshot_of;   /* ref */
    gboolean is_read_only;
    gboolean is_sharable;
} StorageVdiSpec;

/** storage_vdi_create: vdi_* of @call are not used. The plugin rounds the size up and reports what it made.
 * (transfer full) */
StorageVdi *storage_vdi_create(Storage *storage, const StorageCall *call, const StorageVdiSpec *spec,
                               GError **error);

/** storage_vdi_introduce: @call->vdi_location names it, @new_uuid is the uuid wanted. (transfer full) */
StorageVdi *storage_vdi_introduce(Storage *storage, const StorageCall *call, const char *new_uuid,
                                  GError **error);

/** storage_vdi_delete: STORAGE_ERROR_VDI_IN_USE while a datapath is attached. */
gboolean storage_vdi_delete(Storage *storage, const StorageCall *call, GError **error);

/** storage_vdi_snapshot: @driver_params: (nullable): map of strings. (transfer full) */
StorageVdi *storage_vdi_snapshot(Storage *storage, const StorageCall *call, const Value *driver_params,
                                 GError **error);
StorageVdi *storage_vdi_clone(Storage *storage, const StorageCall *call, const Value *driver_params,
                              GError **error);

/** storage_vdi_resize: grows it while no datapath is attached, else STORAGE_ERROR_VDI_IN_USE. (transfer full)
 */
StorageVdi *storage_vdi_resize(Storage *storage, const StorageCall *call, guint64 size_bytes, GError **error);

/** storage_vdi_update: tells the plugin that name or flags of the VDI changed. NULL texts stay as they are.
 */
gboolean storage_vdi_update(Storage *storage, const StorageCall *call, const char *name_label,
                            const char *name_description, GError **error);

/* ---- Datapaths: who uses which disk on this host ----
 *
 *   (none) ──attach──► attached ──activate──► activated        one such state per datapath (dp) and VDI;
 *      ◄───detach───       ◄────deactivate───                  the plugin sees only the first and the last of
 * them
 *
 * A dp is any text that names the user: "vbd/<vm uuid>/xvda", "task/<uuid>". All four calls are idempotent
 * per dp. The state is on disk before the plugin is called and after it answered, so it holds across a
 * restart of this process; it is dropped when the host has rebooted. */

/* How to reach an attached disk. */
typedef struct StorageAttachment {
    char *path;   /* file or device; "" when there is only an NBD address */
    char *nbd;    /* "nbd:unix:...:exportname=...", or "" */
    char *format; /* "qcow2", "vhd" or "raw": what QEMU must read @path as */
    gboolean is_writable;
    gboolean o_direct;    /* */
    Value *xenstore_data; /* map of strings */
} StorageAttachment;
void storage_attachment_free(StorageAttachment *attachment); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StorageAttachment, storage_attachment_free)

/**
 * storage_vdi_attach:
 * @is_writable: FALSE for a reader: any number of them; a writer must be alone unless @is_sharable
 * @error: (out): STORAGE_ERROR_VDI_IN_USE beside the common ones
 *
 * Attaching again answers what the first time did; asking for more than then is refused. (transfer full)
 */
StorageAttachment *storage_vdi_attach(Storage *storage, const StorageCall *call, const char *dp,
                                      gboolean is_writable, gboolean is_sharable, GError **error);

/** storage_vdi_activate: before any data is read or written. Errors: STORAGE_ERROR_DATAPATH if @dp has not
 * attached it. */
gboolean storage_vdi_activate(Storage *storage, const StorageCall *call, const char *dp, GError **error);

/** storage_vdi_deactivate: after the last access; fine if @dp has not activated it. */
gboolean storage_vdi_deactivate(Storage *storage, const StorageCall *call, const char *dp, GError **error);

/** storage_vdi_detach: deactivates first if need be; fine if @dp has not attached it. */
gboolean storage_vdi_detach(Storage *storage, const StorageCall *call, const char *dp, GError **error);

/**
 * storage_vdi_detach_left:
 *
 * Detaches for a user that is known to be gone: only what an earlier process left, so that a user who comes
 * back meanwhile, under the same name, keeps what he has attached. Fine if there is nothing.
 */
gboolean storage_vdi_detach_left(Storage *storage, const StorageCall *call, const char *dp, GError **error);

/* One user of one disk. */
typedef struct StorageDatapath {
    char *dp;
    char *sr_uuid;
    char *vdi_uuid;
    gboolean is_writable;
    gboolean is_activated;
    gboolean is_pending; /* this process or an earlier one ended in the middle of a plugin call: detach it */
    gboolean is_left;    /* by an earlier process, and its user has not shown up in this one */
} StorageDatapath;

/** storage_datapaths: StorageDatapath of one SR, or of all for NULL, sorted; what to clean up after a
 * restart. (transfer full) */
GPtrArray *storage_datapaths(Storage *storage, const char *sr_uuid);
