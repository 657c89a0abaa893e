/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ways to check a name and password, and to change it: AuthCheck and AuthChange functions. */
#pragma once

#include "auth/session.h"

/** password_refuse: SESSION_AUTHENTICATION_FAILED [@user, text]. Returns FALSE. Source: protocol notes 1.5;
 * the reference lists no parameters. */
gboolean password_refuse(const char *user, GError **error);

/**
 * password_file_ensure:
 * @path: one line with root's password, mode 0600; made with a random one if absent
 *
 * Errors: BASE_ERROR.
 */
gboolean password_file_ensure(const char *path, GError **error);

/** password_file_check: an AuthCheck: user "root" and the content of the file that @path (a const char *)
 * names, read at each check. */
gboolean password_file_check(gpointer path, const char *user, const char *password, GError **error);

/** password_file_change: an AuthChange: root's only; the file's owner needs no old password. The new one is
 * one line of printable text. */
gboolean password_file_change(gpointer path, const char *user, const char *old_password,
                              const char *new_password, GError **error);

/** password_pam_change: an AuthChange: by the rules of the PAM service, which may ask for the old password
 * unless the server runs as root. */
gboolean password_pam_change(gpointer service, const char *user, const char *old_password,
                             const char *new_password, GError **error);

/** password_pam_check: an AuthCheck: the PAM service that @service (a const char *) names; accounts that are
 * locked or expired are refused too. */
gboolean password_pam_check(gpointer service, const char *user, const char *password, GError **error);
