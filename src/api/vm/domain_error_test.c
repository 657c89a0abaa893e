/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every exception of the domain service has its error of the API, with as many parameters as that takes. */
#include "api/vm/domain_error.h"

#include "api/services.h"

#include <string.h>

static void
every_exception_has_a_row(void)
{
    g_assert_cmpuint(domain_error_n_rows, ==, domain_error_n_infos);
    for (gsize i = 0; i < domain_error_n_rows; i++) {
        g_test_message("%s", domain_error_infos[i].name);
        g_assert_nonnull(domain_error_rows[i].params);
    }
}

static void
every_row_fits_its_error(void)
{
    for (gsize i = 0; i < domain_error_n_rows; i++) {
        const DomainErrorRow *row = &domain_error_rows[i];
        if (row->code == NULL)
            continue;
        const ApiErrorInfo *info = api_error_info(row->code);
        g_test_message("%s", row->code);
        g_assert_nonnull(info);
        g_assert_cmpuint(strlen(row->params), ==, g_strv_length((char **)info->params));
    }
}

static void
every_row_names_arguments_that_exist(void)
{
    for (gsize i = 0; i < domain_error_n_rows; i++)
        for (const char *letter = domain_error_rows[i].params; *letter != '\0'; letter++)
            if (g_ascii_isdigit(*letter))
                g_assert_cmpuint((guint)(*letter - '0'), <,
                                 g_strv_length((char **)domain_error_infos[i].args));
}

static void
assert_params(const GError *error, const char *expected)
{
    g_autofree char *params = g_strjoinv("|", (char **)api_error_params(error));

    g_assert_cmpstr(params, ==, expected);
}

static void
power_states_are_in_the_apis_order_and_case(void)
{
    g_autoptr(GError) error = NULL;

    domain_error_bad_power_state(&error, DOMAIN_POWER_STATE_RUNNING, DOMAIN_POWER_STATE_HALTED);
    g_assert_false(api_error_from_domain(&error, "OpaqueRef:vm"));
    g_assert_cmpstr(api_error_code(error), ==, "VM_BAD_POWER_STATE");
    assert_params(error, "OpaqueRef:vm|halted|running");
}

static void
storage_errors_keep_their_code(void)
{
    static const char *const params[] = {"sr", "vdi", NULL};
    g_autoptr(GError) error = NULL;

    domain_error_storage_backend_error(&error, "VDI_IN_USE", params);
    g_assert_false(api_error_from_domain(&error, "OpaqueRef:vm"));
    g_assert_cmpstr(api_error_code(error), ==, "VDI_IN_USE");
    assert_params(error, "sr|vdi");
}

static void
foreign_exceptions_become_internal_errors(void)
{
    static const char *const args[] = {"a", NULL};
    g_autoptr(GError) error = NULL;

    domain_error_set(&error, "Of_another_make", args);
    g_assert_false(api_error_from_domain(&error, NULL));
    g_assert_cmpstr(api_error_code(error), ==, "INTERNAL_ERROR");
}

static void
other_errors_pass(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(api_error_from_domain(&error, NULL));
    g_assert_no_error(error);
    g_set_error_literal(&error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled");
    g_assert_false(api_error_from_domain(&error, NULL));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    model_init();
    g_test_add_func("/api/vm/domain-error/every-exception-has-a-row", every_exception_has_a_row);
    g_test_add_func("/api/vm/domain-error/every-row-fits-its-error", every_row_fits_its_error);
    g_test_add_func("/api/vm/domain-error/every-row-names-arguments-that-exist",
                    every_row_names_arguments_that_exist);
    g_test_add_func("/api/vm/domain-error/power-states-are-in-the-apis-order-and-case",
                    power_states_are_in_the_apis_order_and_case);
    g_test_add_func("/api/vm/domain-error/storage-errors-keep-their-code", storage_errors_keep_their_code);
    g_test_add_func("/api/vm/domain-error/foreign-exceptions-become-internal-errors",
                    foreign_exceptions_become_internal_errors);
    g_test_add_func("/api/vm/domain-error/other-errors-pass", other_errors_pass);
    return g_test_run();
}
