/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Steps of the plans that move a guest's state, for the table of plans. Those that undo are fine whatever the
 * step has come to, also in a service that was started since. */
#pragma once

#include "domain/plan.h"

/** domain_stream_progress: DomainStream.progress of an operation: how far its step is; ends the transfer when
 * the guest has ended meanwhile. */
gboolean domain_stream_progress(gpointer operation, double fraction, GError **error);

/** domain_undo_hold: a guest that was running runs again, whatever was being done with its state. */
gboolean domain_undo_hold(DomainOperation *operation, GError **error);

/* suspend.c */
DomainStepResult domain_step_attach_image(DomainOperation *operation, GError **error);
gboolean domain_undo_attach_image(DomainOperation *operation, GError **error);
DomainStepResult domain_step_hold(DomainOperation *operation, GError **error);
DomainStepResult domain_step_save(DomainOperation *operation, GError **error);
gboolean domain_undo_save(DomainOperation *operation, GError **error);
DomainStepResult domain_step_record(DomainOperation *operation, GError **error);
gboolean domain_undo_record(DomainOperation *operation, GError **error);
DomainStepResult domain_step_create_resumed(DomainOperation *operation, GError **error);
DomainStepResult domain_step_read_image(DomainOperation *operation, GError **error);
DomainStepResult domain_step_restore(DomainOperation *operation, GError **error);
DomainStepResult domain_step_forget_record(DomainOperation *operation, GError **error);
gboolean domain_undo_forget_record(DomainOperation *operation, GError **error);
DomainStepResult domain_step_detach_image(DomainOperation *operation, GError **error);
