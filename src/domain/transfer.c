/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Transfers: made by the method that asks for one, freed with the operation. */
#include "domain/transfer.h"

#include "base/fd.h"

DomainTransfer *
domain_transfer_new(void)
{
    DomainTransfer *transfer = g_new0(DomainTransfer, 1);
    transfer->image_fd = -1;
    return transfer;
}

void
domain_transfer_free(DomainTransfer *transfer)
{
    if (transfer == NULL)
        return;
    domain_disk_clear(&transfer->disk);
    base_fd_clear(&transfer->image_fd);
    g_free(transfer->image_id);
    g_free(transfer);
}
