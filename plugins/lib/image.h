/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disk images: what a header says, and the work that qemu-img does for us.
 *
 * Headers are read here because a scan looks at every image and a process each would be too slow. Nothing is
 * guessed: the caller says which format a file has. */
#pragma once

#include <glib.h>

typedef enum ImageFormat { IMAGE_FORMAT_QCOW2, IMAGE_FORMAT_RAW, IMAGE_FORMAT_N } ImageFormat;

/** image_format_name: as QEMU calls it; also the suffix of file names. */
const char *image_format_name(ImageFormat format);

#define IMAGE_MAX_BYTES  (G_GUINT64_CONSTANT(64) << 40)
#define IMAGE_UNIT_BYTES (G_GUINT64_CONSTANT(1) << 20)

typedef struct ImageInfo {
    ImageFormat format;
    guint64 virtual_size;
    guint64 allocated; /* bytes on disk */
    char *backing;     /* backing file as the header names it; NULL for none */
    gboolean has_data; /* may hold clusters of its own; TRUE for raw */
    gboolean
        is_plain; /* needs nothing but itself and its backing file: no external data file, no encryption */
} ImageInfo;

void image_info_clear(ImageInfo *info);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ImageInfo, image_info_clear)

/**
 * image_read:
 * @error: (out): DRIVER_ERROR_VDI_MISSING, DRIVER_ERROR_VDI_LOAD (not of this format, damaged, cannot be
 * read)
 *
 * Source: QEMU docs, interop/qcow2, "Header".
 */
gboolean image_read(const char *path, ImageFormat format, ImageInfo *ret_info, GError **error);

/**
 * image_round_size:
 *
 * Rounds up to a whole IMAGE_UNIT_BYTES. Fault: DRIVER_ERROR_VDI_SIZE for 0 and over IMAGE_MAX_BYTES.
 */
gboolean image_round_size(guint64 size_bytes, guint64 *ret_size_bytes, GError **error);

/* The following work in @directory on file names in it. Errors: BASE_ERROR_*; driver_fault_from() tells a
 * full disk. What a failed one made is removed. */

/* An image being made. qemu-img takes as long as all else that a driver does, so that is done meanwhile. */
typedef struct ImageJob ImageJob;

/** image_create: begins to make a sparse qcow2 image. */
ImageJob *image_create(const char *directory, const char *name, guint64 size_bytes);

/** image_create_overlay: the same, reading what it does not hold from @backing, which need not exist yet. */
ImageJob *image_create_overlay(const char *directory, const char *name, const char *backing,
                               ImageFormat backing_format, guint64 size_bytes);

/** image_job_finish: waits; the image is on disk when it returns TRUE. Frees @job. */
gboolean image_job_finish(ImageJob *job, GError **error);

/** image_resize: a failed one leaves the image as it was. */
gboolean image_resize(const char *directory, const char *name, ImageFormat format, guint64 size_bytes,
                      GError **error);

/** image_copy_small: a byte for byte copy, on disk when it returns; for overlays just made. */
gboolean image_copy_small(const char *directory, const char *from, const char *to, GError **error);
