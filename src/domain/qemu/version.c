/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks the binary each time: it may be upgraded while we run. */
#include "domain/qemu/version.h"

#include <string.h>

#include "base/process.h"

#define TIMEOUT_MS 10000

char *
qemu_version(const char *binary)
{
    static const char mark[] = " version ";
    const char *const argv[] = {binary, "--version", NULL};
    ProcessSpec process = {.argv = argv, .timeout_ms = TIMEOUT_MS};
    g_autofree char *output = NULL;
    if (!base_process_try(&process, &output, NULL))
        return g_strdup("");
    const char *found = strstr(output, mark);
    if (found == NULL)
        return g_strdup("");
    found += strlen(mark);
    return g_strndup(found, strspn(found, "0123456789."));
}
