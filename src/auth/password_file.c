/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The generated root password of a server that runs as an ordinary user. */
#include "auth/password.h"

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "model/api_error.h"
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

/* Takes as long for a wrong password as for the right one of the same length. */
static gboolean
equal_in_constant_time(const char *a, const char *b)
{
    gsize length = strlen(a);
    if (strlen(b) != length)
        return FALSE;
    guint8 difference = 0;
    for (gsize i = 0; i < length; i++)
        difference |= (guint8)(a[i] ^ b[i]);
    return difference == 0;
}

gboolean
password_file_check(gpointer path, const char *user, const char *password, GError **error)
{
    g_autofree char *text = NULL;
    if (!base_file_read(path, PASSWORD_FILE_MAX, &text, NULL, error))
        return FALSE;
    g_strchomp(text);
    if (g_str_equal(user, "root") && *text != '\0' && equal_in_constant_time(text, password))
        return TRUE;
    return password_refuse(user, error);
}
