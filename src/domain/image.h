/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A suspend image: a file, block device or raw volume with a header of ours, what is known of the VM, and the
 * guest's state as the back end writes it.
 *
 *   0     magic "XYLEMSAV", version, flags, sizes, digest of the description (all numbers little-endian)
 *   4096  the description: Store.image in JSON
 *   ...   the state, at the next multiple of 4096
 *
 * A flag in the header says that all the rest is there; it is written last. */
#pragma once

#include "domain/types.h"

/* More than any description needs. */
#define DOMAIN_IMAGE_MAX_DESCRIPTION_BYTES (16 * 1024 * 1024)

/**
 * domain_image_open:
 * @is_writable: for a new image: a missing file is made, the old content of a file goes
 *
 * A descriptor of the caller, or -1. Errors: BASE_ERROR_INVALID (neither a file nor a block device),
 * _NOT_FOUND, _IO.
 */
int domain_image_open(const char *path, gboolean is_writable, GError **error);

/** domain_image_begin: writes all but the state, as not complete, and moves @fd to the state's place. */
gboolean domain_image_begin(int fd, const DomainStoreImage *image, GError **error);

/** domain_image_end: @fd is behind the state's last byte: the image is complete, and durable, when this
 * returns. @path is what was opened. */
gboolean domain_image_end(int fd, const char *path, GError **error);

/** domain_image_discard: gives the space of an image that was not completed back, if it is in a file. */
void domain_image_discard(int fd);

/**
 * domain_image_read:
 *
 * Checks the image and moves @fd to the state's place. Errors: BASE_ERROR_INVALID (no suspend image, not
 * complete, cut off, of a later version), _TOO_LARGE, _IO.
 */
gboolean domain_image_read(int fd, DomainStoreImage *ret_image, GError **error);
