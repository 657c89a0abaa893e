/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parts of the console handler that its test looks at. */
#pragma once

#include <glib.h>

/** vm_console_parse_basic: user and password of an Authorization header; FALSE if @header (nullable) is none
 * of kind Basic. The caller frees both. */
gboolean vm_console_parse_basic(const char *header, char **ret_user, char **ret_password);
