/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parts of the console handler that others look at. */
#pragma once

#include <glib.h>

/** vm_console_parse_basic: user and password of an Authorization header; FALSE if @header (nullable) is none
 * of kind Basic. The caller frees both. */
gboolean vm_console_parse_basic(const char *header, char **ret_user, char **ret_password);

/** vm_console_wait: until no thread serves a console any more. The HTTP server must have ended their
 * connections. */
void vm_console_wait(void);
