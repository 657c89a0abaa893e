/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A VM's record as text and back. */
#include "api/vm/boot_record.h"

#include "model/classes.h"

#include <string.h>

static Db *
open_db(void)
{
    g_autoptr(GError) error = NULL;
    Db *db = db_open(db_store_sqlite_open(NULL, FALSE, &error), &error);

    g_assert_no_error(error);
    return db;
}

static char *
add_vm(Db *db)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DbTxn) txn = db_txn_new(db, NULL);
    char *vm = g_strdup(db_txn_insert(txn, CLASS_VM, NULL));

    db_txn_set_string(txn, CLASS_VM, vm, VM_NAME_LABEL, "web \"1\"");
    db_txn_set_int(txn, CLASS_VM, vm, VM_MEMORY_STATIC_MAX, G_MAXINT64);
    db_txn_set(txn, CLASS_VM, vm, VM_SNAPSHOT_TIME, value_datetime(1700000000));
    db_txn_set(txn, CLASS_VM, vm, VM_HVM_SHADOW_MULTIPLIER, value_float(1.0));
    db_txn_map_put(txn, CLASS_VM, vm, VM_PLATFORM, "acpi", value_string("1"));
    db_txn_set_add(txn, CLASS_VM, vm, VM_TAGS, value_string("blue"));
    db_txn_commit(txn, NULL, &error);
    g_assert_no_error(error);
    return vm;
}

static void
record_comes_back_as_it_was(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Db) db = open_db();
    g_autofree char *ref = add_vm(db);
    g_autoptr(DbRow) vm = db_get(db, CLASS_VM, ref);

    g_autofree char *text = vm_boot_record_encode(db, vm);
    g_autoptr(Value) decoded = vm_boot_record_decode(text, &error);
    g_assert_no_error(error);
    g_autoptr(Value) record = db_row_record(db, vm);
    for (gsize i = 0; i < value_size(record); i++) {
        g_test_message("%s", value_map_key(record, i));
        g_assert_true(
            value_equal(value_map_value(record, i), value_map_get(decoded, value_map_key(record, i))));
    }
    g_assert_cmpuint(value_size(decoded), ==, value_size(record));
}

static void
what_is_missing_or_wrong_gets_its_default(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) decoded = vm_boot_record_decode(
        "{\"name_label\": \"web\", \"power_state\": \"Dancing\", \"unknown\": 1}", &error);

    g_assert_no_error(error);
    g_assert_cmpstr(value_map_get_string(decoded, "name_label", NULL), ==, "web");
    g_assert_cmpstr(value_map_get_string(decoded, "power_state", NULL), ==, "Halted");
    g_assert_cmpstr(value_map_get_string(decoded, "resident_on", NULL), ==, "OpaqueRef:NULL");
    g_assert_null(value_map_get(decoded, "unknown"));
}

static void
broken_text_is_refused(void)
{
    static const char *const texts[] = {"", "{", "[]", "7"};

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(vm_boot_record_decode(texts[i], &error));
        g_assert_nonnull(error);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    model_init();
    g_test_add_func("/api/vm/boot-record/record-comes-back-as-it-was", record_comes_back_as_it_was);
    g_test_add_func("/api/vm/boot-record/what-is-missing-or-wrong-gets-its-default",
                    what_is_missing_or_wrong_gets_its_default);
    g_test_add_func("/api/vm/boot-record/broken-text-is-refused", broken_text_is_refused);
    return g_test_run();
}
