/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an operation that moves a guest's state carries with it. */
#pragma once

#include "domain/types.h"

typedef struct DomainTransfer {
    DomainDisk disk; /* suspend and resume: where the image is */
    int image_fd;    /* the same, open; -1 */
    char *image_id;
} DomainTransfer;

DomainTransfer *domain_transfer_new(void);
void domain_transfer_free(DomainTransfer *transfer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainTransfer, domain_transfer_free)
