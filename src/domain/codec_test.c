/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Forms on the wire, and complaints about wrong ones. */
#include <string.h>

#include "base/error.h"
#include "domain/types.h"
#include "value/json.h"

static Value *
from_json(const char *text)
{
    g_autoptr(GError) error = NULL;
    Value *value = json_read(text, strlen(text), &error);
    g_assert_no_error(error);
    return value;
}

static char *
to_json(const Value *value)
{
    GString *text = g_string_new(NULL);
    json_write_value(text, value);
    return g_string_free(text, FALSE);
}

/* ---- Forms */

typedef struct FormCase {
    const char *name;
    const DomainType *type;
    const char *read;    /* JSON */
    const char *written; /* JSON; NULL: the same */
} FormCase;

static const FormCase forms[] = {
    {"a-variant-without-payload-is-its-name", &domain_type_power_state, "\"Running\"", NULL},
    {"a-variant-without-payload-may-come-in-a-list", &domain_type_power_state, "[\"Paused\"]", "\"Paused\""},
    {"a-variant-with-payload-is-a-pair", &domain_type_disk, "[\"VDI\",\"sr/vdi\"]", NULL},
    {"variants-nest", &domain_type_vbd_qos, "[\"Ionice\",[\"RealTime\",[\"Other\",3]]]", NULL},
    {"a-unit-inside-a-payload-is-its-name", &domain_type_vbd_qos, "[\"Ionice\",\"Idle\"]", NULL},
    {"an-option-of-none-is-left-out", &domain_type_vm_pv_direct_boot, "{\"kernel\":\"/k\",\"cmdline\":\"\"}",
     NULL},
    {"an-option-may-be-nil", &domain_type_vm_pv_direct_boot,
     "{\"kernel\":\"/k\",\"cmdline\":\"\",\"ramdisk\":null}", "{\"kernel\":\"/k\",\"cmdline\":\"\"}"},
    {"an-option-of-some-is-its-value", &domain_type_vm_pv_direct_boot,
     "{\"kernel\":\"/k\",\"cmdline\":\"\",\"ramdisk\":\"/r\"}", NULL},
    {"an-optional-member-becomes-empty", &domain_type_vm_pv_direct_boot, "{\"kernel\":\"/k\"}",
     "{\"kernel\":\"/k\",\"cmdline\":\"\"}"},
    {"an-int-may-be-text", &domain_type_vm_weight_and_cap, "{\"weight\":\"256\",\"cap\":\"-1\"}",
     "{\"weight\":256,\"cap\":-1}"},
    {"lists-nest", &domain_type_vm_scheduler_params, "{\"affinity\":[[0,1],[],[2]]}", NULL},
    {"a-list-of-pairs-is-a-map", &domain_type_string_map, "[[\"a\",\"1\"],[\"b\",\"2\"]]",
     "{\"a\":\"1\",\"b\":\"2\"}"},
    {"other-tuples-are-lists", &domain_type_task_event, "[\"t\",null]", NULL},
    {"unknown-members-are-passed-over", &domain_type_pci_state, "{\"plugged\":true,\"later\":1}",
     "{\"plugged\":true}"},
};

static void
test_form(gconstpointer data)
{
    const FormCase *row = data;
    g_autoptr(Value) value = from_json(row->read);
    g_autofree gpointer memory = g_malloc0(row->type->size);
    g_autoptr(GError) error = NULL;
    domain_type_read(row->type, value, memory, &error);
    g_assert_no_error(error);
    g_autoptr(Value) written = domain_type_write(row->type, memory);
    g_autofree char *text = to_json(written);
    g_assert_cmpstr(text, ==, row->written == NULL ? row->read : row->written);
    domain_type_clear(row->type, memory);
    domain_type_clear(row->type, memory); /* twice is harmless */
}

/* ---- Complaints */

typedef struct ComplaintCase {
    const char *name;
    const DomainType *type;
    const char *read;
    const char *complaint;
} ComplaintCase;

static const ComplaintCase complaints[] = {
    {"a-constructor-is-unknown", &domain_type_power_state, "\"Flying\"",
     "power_state: power_state has no 'Flying'"},
    {"a-payload-is-missing", &domain_type_disk, "\"VDI\"", "disk: 'VDI' of disk carries string"},
    {"a-payload-is-too-much", &domain_type_power_state, "[\"Running\",\"x\"]",
     "power_state: 'Running' of power_state carries nothing"},
    {"a-member-is-missing", &domain_type_vif_rate, "{\"kbytes_per_sec\":1}",
     "Vif.rate: timeslice_us is missing"},
    {"a-member-is-of-another-kind", &domain_type_vif_rate, "{\"kbytes_per_sec\":1,\"timeslice_us\":\"x\"}",
     "Vif.rate: timeslice_us: expected int64, found a string"},
    {"the-path-is-named", &domain_type_vbd_qos, "[\"Ionice\",[\"RealTime\",7]]",
     "Vbd.qos: Ionice: RealTime: expected Vbd.qos_class, found an int"},
    {"a-list-item-is-wrong", &domain_type_vm_scheduler_params, "{\"affinity\":[[0],[true]]}",
     "Vm.scheduler_params: affinity: 1: 0: expected int64, found a bool"},
    {"a-tuple-is-too-short", &domain_type_task_event, "[\"t\"]",
     "tuple(Task.id,option(Task.t)): expected tuple(Task.id,option(Task.t)), found a list"},
    {"a-map-holds-no-text", &domain_type_string_map, "{\"a\":[]}",
     "list(tuple(string,string)): a: expected string, found a list"},
};

static void
test_complaint(gconstpointer data)
{
    const ComplaintCase *row = data;
    g_autoptr(Value) value = from_json(row->read);
    g_autofree gpointer memory = g_malloc0(row->type->size);
    g_autoptr(GError) error = NULL;
    g_assert_false(domain_type_read(row->type, value, memory, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_INVALID);
    g_assert_cmpstr(error->message, ==, row->complaint);
}

/* ---- Exceptions */

static void
test_setters(void)
{
    static const char *const output[] = {"one", "two", NULL};
    g_autoptr(GError) state = NULL;
    g_autoptr(GError) loader = NULL;
    g_assert_false(
        domain_error_bad_power_state(&state, DOMAIN_POWER_STATE_HALTED, DOMAIN_POWER_STATE_RUNNING));
    g_assert_error(state, DOMAIN_ERROR, DOMAIN_ERROR_BAD_POWER_STATE);
    g_assert_cmpstr(state->message, ==, "Bad_power_state(Halted, Running)");
    g_assert_false(domain_error_bootloader_error(&loader, "pygrub", output));
    g_assert_cmpstr(domain_error_name(loader), ==, "Bootloader_error");
    g_assert_cmpuint(g_strv_length((char **)domain_error_args(loader)), ==, 3);
    g_assert_cmpstr(domain_error_args(loader)[2], ==, "two");
}

static void
test_error_table(void)
{
    for (gsize i = 0; i < domain_error_n_infos; i++) {
        g_autoptr(GError) error = NULL;
        domain_error_set(&error, domain_error_infos[i].name, NULL);
        g_assert_cmpint(error->code, ==, (int)i);
        g_assert_true(domain_error_is(error, domain_error_infos[i].name));
    }
    g_autoptr(GError) foreign = NULL;
    domain_error_set(&foreign, "Something_new", NULL);
    g_assert_cmpint(foreign->code, ==, DOMAIN_ERROR_FOREIGN);
}

static void
test_other_errors(void)
{
    g_autoptr(GError) error = NULL;
    base_error_set(&error, BASE_ERROR_IO, "disk on fire");
    domain_error_from(&error);
    g_assert_true(domain_error_is(error, "Internal_error"));
    g_assert_cmpstr(domain_error_args(error)[0], ==, "disk on fire");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(forms); i++) {
        g_autofree char *path = g_strdup_printf("/domain/codec/%s", forms[i].name);
        g_test_add_data_func(path, &forms[i], test_form);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(complaints); i++) {
        g_autofree char *path = g_strdup_printf("/domain/codec/complains-when-%s", complaints[i].name);
        g_test_add_data_func(path, &complaints[i], test_complaint);
    }
    g_test_add_func("/domain/error/setters-carry-their-arguments", test_setters);
    g_test_add_func("/domain/error/every-exception-has-its-code", test_error_table);
    g_test_add_func("/domain/error/other-errors-become-internal", test_other_errors);
    return g_test_run();
}
