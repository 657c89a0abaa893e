/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Block nodes. Pure: no file is looked at. */
#include "domain/qemu/block.h"

#include <string.h>

char *
qemu_block_node_name(const DomainStoreDisk *disk)
{
    return g_strconcat("disk-", disk->device, NULL);
}

gboolean
qemu_block_has_medium(const DomainStoreDisk *disk)
{
    return disk->path != NULL || disk->vdi != NULL;
}

/* What both nodes of a disk say. */
static Value *
new_node(const DomainStoreDisk *disk, const char *driver)
{
    Value *node = value_map_new(8);
    value_map_set(node, "driver", value_string(driver));
    value_map_set(node, "read-only", value_bool(!disk->is_writable));
    if (disk->is_writable)
        value_map_set(node, "discard", value_string("unmap"));
    return node;
}

/* The format is ours to say, never QEMU's to guess. Backing files are followed only where the storage service
 * made the image. */
Value *
qemu_block_node(const DomainStoreDisk *disk, gboolean is_block_device)
{
    g_autofree char *name = qemu_block_node_name(disk);
    Value *file = new_node(disk, is_block_device ? "host_device" : "file");
    value_map_set(file, "filename", value_string(disk->path));
    Value *node = new_node(disk, disk->format);
    value_map_set(node, "node-name", value_string(name));
    if (strcmp(disk->format, "qcow2") == 0 && disk->sr == NULL)
        value_map_set(node, "backing", value_nil());
    value_map_set(node, "file", file);
    return node;
}
