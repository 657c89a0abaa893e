/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plugging an SR into this host, for PBD.plug and for those that plug as a part of something larger. */
#pragma once

#include "api/storage/context.h"

/** pbd_plug: attaches the SR and scans it; fine if it is attached already. */
gboolean pbd_plug(ApiServices *services, Task *task, const DbActor *actor, const char *sr_ref,
                  GError **error);

/** pbd_attach_again: for a PBD that shows that it is plugged: makes that true, or shows that it is not. */
gboolean pbd_attach_again(ApiServices *services, StorageContext *context, GError **error);

/** pbd_unplug: detaches the SR; fine if it is not attached. Errors: SR_DEVICE_IN_USE and the plugin's. */
gboolean pbd_unplug(ApiServices *services, Task *task, const DbActor *actor, const char *sr_ref,
                    GError **error);
