/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parts of the console handler that others look at. */
#pragma once

/** vm_console_wait: until no thread serves a console any more. The HTTP server must have ended their
 * connections. */
void vm_console_wait(void);
