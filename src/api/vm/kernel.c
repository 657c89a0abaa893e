/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which files of this host a VM may boot as its kernel. */
#include "api/vm/kernel.h"

#include "api/services.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static gboolean
is_below(const char *path, const char *directory)
{
    gsize length = strlen(directory);

    return length > 1 && g_str_has_prefix(path, directory) && path[length] == '/';
}

/* @path as it is written, without following links: good enough to tell a missing file from a forbidden one.
 */
static gboolean
is_written_below(const char *path, const char *directory)
{
    g_autofree char *plain_path = g_canonicalize_filename(path, "/");
    g_autofree char *plain_directory = directory == NULL ? NULL : g_canonicalize_filename(directory, "/");

    return plain_directory != NULL && is_below(plain_path, plain_directory);
}

static gboolean
is_really_below(const char *real_path, const char *directory)
{
    g_autofree char *real_directory = NULL;
    if (directory == NULL)
        return FALSE;
    char *resolved = realpath(directory, NULL); /* from malloc, not from GLib */
    real_directory = g_strdup(resolved);
    free(resolved);
    return real_directory != NULL && is_below(real_path, real_directory);
}

static gboolean
is_allowed(const ApiServices *services, const char *path,
           gboolean (*is_inside)(const char *path, const char *directory))
{
    g_autofree char *kernels = services->state_directory == NULL
                                   ? NULL
                                   : g_build_filename(services->state_directory, "kernels", NULL);
    const char *const directories[] = {api_setting(&services->guest_directory),
                                       api_setting(&services->iso_directory), kernels,
                                       VM_INSTALLER_DIRECTORY};

    for (gsize i = 0; i < G_N_ELEMENTS(directories); i++)
        if (is_inside(path, directories[i]))
            return TRUE;
    return FALSE;
}

static gboolean
set_missing(const ApiServices *services, const DbRow *vm, const char *field, const char *path, int errnum,
            GError **error)
{
    gboolean is_installer = is_written_below(path, VM_INSTALLER_DIRECTORY);
    g_autofree char *text =
        g_strdup_printf("%s '%s': %s%s", field, path, g_strerror(errnum),
                        is_installer ? "; Debian's package debian-installer-12-netboot-amd64 has it" : "");

    if (!is_allowed(services, path, is_written_below))
        return api_error_invalid_value(error, field, path);
    return api_error_bootloader_failed(error, vm->ref, text);
}

gboolean
vm_kernel_check(const ApiServices *services, const DbRow *vm, const char *field, const char *path,
                GError **error)
{
    if (!g_path_is_absolute(path))
        return api_error_invalid_value(error, field, path);
    char *resolved = realpath(path, NULL);
    if (resolved == NULL)
        return set_missing(services, vm, field, path, errno, error);

    gboolean is_fine =
        is_allowed(services, resolved, is_really_below) && g_file_test(resolved, G_FILE_TEST_IS_REGULAR);
    free(resolved);
    return is_fine || api_error_invalid_value(error, field, path);
}
