/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What QEMU is told of a disk's content: the argument of its blockdev-add. */
#pragma once

#include "domain/types.h"
#include "value/value.h"

/**
 * qemu_block_node:
 * @disk: attached: with its path and format
 * @is_block_device: what is at its path
 *
 * (transfer full) A node named as its drive (qemu_block_node_name()), with its file as a node of its own
 * below.
 */
Value *qemu_block_node(const DomainStoreDisk *disk, gboolean is_block_device);

/** qemu_block_node_name: (transfer full) "disk-xvda" */
char *qemu_block_node_name(const DomainStoreDisk *disk);

/** qemu_block_has_medium: FALSE for an empty CD drive. A disk of the storage service has one before it is
 * attached. */
gboolean qemu_block_has_medium(const DomainStoreDisk *disk);
