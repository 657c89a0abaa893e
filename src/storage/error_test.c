/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Storage errors keep their code and parameters through copies. */
#include "storage/error.h"

static void
test_carries_code_and_params(void)
{
    const char *params[] = {"OpaqueRef:sr", "OpaqueRef:vdi", NULL};
    g_autoptr(GError) error = NULL;
    g_assert_false(storage_error_set(&error, STORAGE_ERROR_VDI_MISSING, "VDI_MISSING", params));

    g_autoptr(GError) copy = g_error_copy(error);
    g_clear_error(&error);
    g_assert_error(copy, STORAGE_ERROR, STORAGE_ERROR_VDI_MISSING);
    g_assert_cmpstr(copy->message, ==, "VDI_MISSING(OpaqueRef:sr, OpaqueRef:vdi)");
    g_assert_cmpstr(storage_error_code(copy), ==, "VDI_MISSING");
    g_assert_cmpstr(storage_error_params(copy)[1], ==, "OpaqueRef:vdi");
    g_assert_null(storage_error_params(copy)[2]);
}

static void
test_tolerates_no_place(void)
{
    const char *params[] = {NULL};
    g_assert_false(storage_error_set(NULL, STORAGE_ERROR_NOT_EMPTY, "SR_NOT_EMPTY", params));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/storage/error/copy-keeps-code-and-params", test_carries_code_and_params);
    g_test_add_func("/storage/error/set-without-place-is-fine", test_tolerates_no_place);
    return g_test_run();
}
