/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Suspend to an image and resume from it.
 *
 *   suspend   attach-image  hold  save  record | stop  detach-disks  destroy
 *   resume    create  attach-image  read-image  build  attach-disks  device-model  restore | forget-record
 *             unpause  detach-image
 *
 * The bar is where there is no way back. Until the record (suspended.json) is durable the guest is there and
 * only held; from then on the VM is Suspended, whatever becomes of its domain. Resuming, the record goes
 * before the guest's first instruction: from that one on its disks and the image do not belong together any
 * more. */
#include "domain/stream_steps.h"

#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "domain/disks.h"
#include "domain/image.h"
#include "domain/step.h"
#include "domain/transfer.h"

/* A device that no VBD can be: their names have no full stop. */
#define IMAGE_DEVICE "suspend.image"

/* ---- The guest */

gboolean
domain_stream_progress(gpointer operation, double fraction, GError **error)
{
    domain_operation_progress(operation, fraction);
    if (domain_machine_ended(((DomainOperation *)operation)->machine) != DOMAIN_GUEST_EVENT_NONE)
        return base_error_set(error, BASE_ERROR_FAILED, "the guest has ended meanwhile");
    return TRUE;
}

/* Only held, not Paused: what clients see changes once, when the VM is Suspended. */
DomainStepResult
domain_step_hold(DomainOperation *operation, GError **error)
{
    DomainBackend *backend = backend_of(operation);
    return result_of(backend->class->pause(backend, operation->machine->guest,
                                           domain_operation_cancellable(operation), error));
}

gboolean
domain_undo_hold(DomainOperation *operation, GError **error)
{
    DomainBackend *backend = backend_of(operation);
    DomainGuest *guest = operation->machine->guest;
    if (guest == NULL || guest->run->power_state != DOMAIN_POWER_STATE_RUNNING)
        return TRUE;
    return backend->class->abort_save(backend, guest, error) &&
           backend->class->unpause(backend, guest, NULL, error);
}

/* ---- The image's disk */

static gboolean
fill_image(const char *vm, const DomainDisk *disk, gboolean is_writable, DomainStoreDisk *ret, GError **error)
{
    ret->id = g_strconcat(vm, "." IMAGE_DEVICE, NULL);
    ret->device = g_strdup(IMAGE_DEVICE);
    ret->is_writable = is_writable;
    if (disk->tag == DOMAIN_DISK_VDI)
        return domain_disk_split_vdi(disk->vdi, &ret->sr, &ret->vdi, error);
    if (disk->local == NULL || disk->local[0] != '/')
        return base_error_set(error, BASE_ERROR_INVALID, "'%s' is not an absolute path",
                              disk->local == NULL ? "" : disk->local);
    ret->path = g_strdup(disk->local);
    ret->format = g_strdup("raw");
    return TRUE;
}

static gboolean
attach_image(DomainOperation *operation, gboolean is_writable, GError **error)
{
    DomainMachine *machine = operation->machine;
    DomainStoreDisk *image = g_new0(DomainStoreDisk, 1);
    machine->guest->run->image = image;
    if (!fill_image(machine->id, &operation->args.transfer->disk, is_writable, image, error))
        return FALSE;
    if (image->sr != NULL && !domain_disk_attach(operation, image, error))
        return FALSE;
    /* The state is written as it comes; only a raw volume holds it at the place we say. */
    return g_strcmp0(image->format, "raw") == 0 || domain_error_not_supported(error);
}

DomainStepResult
domain_step_attach_image(DomainOperation *operation, GError **error)
{
    gboolean is_writable = operation->machine->guest->run->stage == DOMAIN_STORE_STAGE_MODELLED;
    if (attach_image(operation, is_writable, error))
        return DOMAIN_STEP_DONE;
    g_prefix_error(error, "suspend image: ");
    return DOMAIN_STEP_FAILED;
}

DomainStepResult
domain_step_detach_image(DomainOperation *operation, GError **error)
{
    DomainMachine *machine = operation->machine;
    if (machine->guest == NULL || machine->guest->run->image == NULL)
        return DOMAIN_STEP_DONE;
    if (operation->args.transfer != NULL)
        base_fd_clear(&operation->args.transfer->image_fd);
    DomainStoreRun *run = machine->guest->run;
    if (run->image->is_attached && !domain_disk_detach(operation, run->image, error)) {
        g_prefix_error(error, "suspend image: ");
        return DOMAIN_STEP_FAILED;
    }
    domain_store_disk_clear(run->image);
    g_clear_pointer(&run->image, g_free);
    return result_of(domain_machine_publish(machine, error));
}

/* As with the guest's disks: what is still attached is in the log, and attaching it again succeeds. */
gboolean
domain_undo_attach_image(DomainOperation *operation, GError **error)
{
    g_autoptr(GError) reason = NULL;
    if (domain_step_detach_image(operation, &reason) == DOMAIN_STEP_DONE)
        return TRUE;
    log_warning("given up on: %s", reason->message);
    DomainStoreRun *run = operation->machine->guest->run;
    domain_store_disk_clear(run->image);
    g_clear_pointer(&run->image, g_free);
    return domain_machine_publish(operation->machine, error);
}

/* ---- Saving */

/* What goes before the state. Members are borrowed. */
static DomainStoreImage
describe(const DomainGuest *guest, const char *id)
{
    DomainStoreImage image = {.id = (char *)id, .config = *guest->config, .run = *guest->run};
    image.config.machine = guest->run->machine;
    image.run.image = NULL;
    image.run.pid = image.run.pid_start = 0;
    return image;
}

static gboolean
save(DomainOperation *operation, DomainTransfer *transfer, GError **error)
{
    DomainBackend *backend = backend_of(operation);
    DomainGuest *guest = operation->machine->guest;
    DomainStoreImage image = describe(guest, transfer->image_id);
    DomainStream stream = {.fd = transfer->image_fd,
                           .progress = domain_stream_progress,
                           .data = operation,
                           .cancellable = domain_operation_cancellable(operation)};
    return domain_image_begin(transfer->image_fd, &image, error) &&
           backend->class->save(backend, guest, &stream, error) &&
           domain_image_end(transfer->image_fd, guest->run->image->path, error);
}

DomainStepResult
domain_step_save(DomainOperation *operation, GError **error)
{
    DomainTransfer *transfer = operation->args.transfer;
    transfer->image_id = base_uuid_new();
    transfer->image_fd = domain_image_open(operation->machine->guest->run->image->path, TRUE, error);
    return result_of(transfer->image_fd >= 0 && save(operation, transfer, error));
}

gboolean
domain_undo_save(DomainOperation *operation, GError **error)
{
    if (operation->args.transfer != NULL)
        domain_image_discard(operation->args.transfer->image_fd);
    return TRUE;
}

DomainStepResult
domain_step_record(DomainOperation *operation, GError **error)
{
    DomainMachine *machine = operation->machine;
    DomainTransfer *transfer = operation->args.transfer;
    DomainStoreSuspended *suspended = g_new0(DomainStoreSuspended, 1);
    suspended->image = g_strdup(transfer->image_id);
    domain_disk_copy(&transfer->disk, &suspended->disk);
    suspended->start_time = machine->guest->run->start_time;
    suspended->rtc_timeoffset = g_strdup(machine->guest->run->rtc_timeoffset);
    domain_machine_set_suspended(machine, suspended);
    return result_of(domain_store_save_suspended(machine->service->store, machine->id, suspended, error));
}

gboolean
domain_undo_record(DomainOperation *operation, GError **error)
{
    DomainMachine *machine = operation->machine;
    if (!domain_store_save_suspended(machine->service->store, machine->id, NULL, error))
        return FALSE;
    domain_machine_set_suspended(machine, NULL);
    return TRUE;
}

/* ---- Resuming */

/* A domain with a number and nothing else; the image tells the rest. */
DomainStepResult
domain_step_create_resumed(DomainOperation *operation, GError **error)
{
    DomainMachine *machine = operation->machine;
    DomainBackend *backend = backend_of(operation);
    gint64 domid = 0;
    if (!domain_store_next_domid(machine->service->store, &domid, error))
        return DOMAIN_STEP_FAILED;
    DomainStoreRun *run = g_new0(DomainStoreRun, 1);
    run->domid = domid;
    run->power_state = DOMAIN_POWER_STATE_PAUSED;
    run->rtc_timeoffset = g_strdup(machine->suspended->rtc_timeoffset);
    run->start_time = machine->suspended->start_time;
    domain_machine_take_guest(machine, run);
    machine->guest->is_incoming = TRUE;
    if (!domain_machine_publish(machine, error))
        return DOMAIN_STEP_FAILED;
    return result_of(
        backend->class->create(backend, machine->guest, domain_operation_cancellable(operation), error));
}

static gboolean
check_image(const DomainMachine *machine, const DomainStoreImage *image, GError **error)
{
    if (strcmp(image->config.vm.id, machine->id) != 0)
        return base_error_set(error, BASE_ERROR_INVALID, "the suspend image is VM %s's", image->config.vm.id);
    if (strcmp(image->id, machine->suspended->image) != 0)
        return base_error_set(error, BASE_ERROR_INVALID, "the suspend image is not the one of this suspend");
    return TRUE;
}

/* The domain is to be again what it was, under its new number. */
DomainStepResult
domain_step_read_image(DomainOperation *operation, GError **error)
{
    DomainMachine *machine = operation->machine;
    DomainTransfer *transfer = operation->args.transfer;
    g_auto(DomainStoreImage) image = {0};
    transfer->image_fd = domain_image_open(machine->guest->run->image->path, FALSE, error);
    if (transfer->image_fd < 0 || !domain_image_read(transfer->image_fd, &image, error) ||
        !check_image(machine, &image, error))
        return DOMAIN_STEP_FAILED;
    domain_machine_reshape_guest(machine, &image.config, &image.run);
    return result_of(domain_machine_publish(machine, error));
}

DomainStepResult
domain_step_restore(DomainOperation *operation, GError **error)
{
    DomainBackend *backend = backend_of(operation);
    DomainStream stream = {.fd = operation->args.transfer->image_fd,
                           .progress = domain_stream_progress,
                           .data = operation,
                           .cancellable = domain_operation_cancellable(operation)};
    return result_of(backend->class->restore(backend, operation->machine->guest, &stream, error));
}

/* Not of a guest that was lost meanwhile: it can be resumed again. */
DomainStepResult
domain_step_forget_record(DomainOperation *operation, GError **error)
{
    return result_of(operation->machine->guest == NULL || domain_undo_record(operation, error));
}

gboolean
domain_undo_forget_record(DomainOperation *operation, GError **error)
{
    DomainMachine *machine = operation->machine;
    return machine->suspended == NULL ||
           domain_store_save_suspended(machine->service->store, machine->id, machine->suspended, error);
}
