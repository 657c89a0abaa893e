/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The generated root password of a server that runs as an ordinary user. */
#include "auth/password.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "model/errors.h"
#include <string.h>

#define PASSWORD_FILE_MAX 4096

gboolean
password_refuse(const char *user, GError **error)
{
    return api_error_set(error, "SESSION_AUTHENTICATION_FAILED",
                         (const char *const[]){user, "wrong user name or password", NULL});
}

gboolean
password_file_ensure(const char *path, GError **error)
{
    if (g_file_test(path, G_FILE_TEST_EXISTS))
        return TRUE;
    g_autofree char *password = base_random_text(12);
    g_autofree char *line = g_strconcat(password, "\n", NULL);
    return base_file_write(path, line, strlen(line), 0600, error);
}

gboolean
password_file_check(gpointer path, const char *user, const char *password, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) unreadable = NULL;
    if (!base_file_read(path, PASSWORD_FILE_MAX, &text, NULL, &unreadable)) {
        log_error("nobody can log in with a password: %s", unreadable->message); /* no client's business */
        return password_refuse(user, error);
    }
    g_strchomp(text);
    if (g_str_equal(user, "root") && *text != '\0' && base_secret_equals(text, password))
        return TRUE;
    return password_refuse(user, error);
}

/* What password_file_check() would read back as it was given. */
static gboolean
check_new(const char *password, GError **error)
{
    gsize length = strlen(password);
    if (length == 0)
        return api_error_change_password_rejected(error, "the new password is empty");
    if (length >= PASSWORD_FILE_MAX)
        return api_error_change_password_rejected(error, "the new password is too long");
    if (g_ascii_isspace(password[length - 1]))
        return api_error_change_password_rejected(error, "the new password ends with a blank");
    for (gsize i = 0; i < length; i++) {
        if ((guchar)password[i] < 0x20)
            return api_error_change_password_rejected(error, "the new password has control characters");
    }
    return TRUE;
}

gboolean
password_file_change(gpointer path, const char *user, const char *old_password, const char *new_password,
                     GError **error)
{
    g_autoptr(GError) unwritable = NULL;
    if (!g_str_equal(user, "root"))
        return api_error_change_password_rejected(error, "there is no account but root's");
    if (!check_new(new_password, error))
        return FALSE;
    g_autofree char *line = g_strconcat(new_password, "\n", NULL);
    if (base_file_write(path, line, strlen(line), 0600, &unwritable))
        return TRUE;
    log_error("the password stays as it is: %s", unwritable->message);
    return api_error_change_password_rejected(error, "the new password could not be kept");
}
