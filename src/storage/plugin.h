/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a storage plugin says of itself, and the list of those that were found. */
#pragma once

#include "value/value.h"

/* One usable plugin. Immutable and reference-counted. */
typedef struct StoragePlugin {
    char *type;            /* as in SR.type: the file's name without "SR", in lower case */
    char *driver_filename; /* full path of the program */
    char *name;
    char *description;
    char *vendor;
    char *copyright;
    char *driver_version;
    char *required_api_version;
    Value
        *capabilities; /* array of strings without their "/n", in the plugin's order; unknown ones left out */
    Value *features;   /* map: capability -> int version (1 when it came without "/n") */
    Value *configuration; /* map: device_config key -> description */
    Value *image_formats; /* array of strings; empty when not told */
} StoragePlugin;

StoragePlugin *storage_plugin_ref(StoragePlugin *plugin);
void storage_plugin_unref(StoragePlugin *plugin); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoragePlugin, storage_plugin_unref)

/** storage_plugin_has: whether it lists @capability, in any version. */
gboolean storage_plugin_has(const StoragePlugin *plugin, const char *capability);
