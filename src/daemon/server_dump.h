/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The management server's part of a debug dump. */
#pragma once

#include "api/services.h"

/** server_dump_services: appends objects, tasks and sessions. References of sessions, which are secrets, are
 * left out. From any thread. */
void server_dump_services(const ApiServices *services, GString *out);
