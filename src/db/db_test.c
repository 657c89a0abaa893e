/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading rows, their indexes and records. */
#include "db/db.h"

#include "db/test_model.h"
#include "model/api_error.h"

static void
test_insert_has_defaults(void)
{
    g_autoptr(Db) db = test_db_memory();
    g_autofree char *ref = test_insert(db, CLASS_VM, "one");
    g_autoptr(DbRow) row = db_get(db, CLASS_VM, ref);

    g_assert_nonnull(row);
    g_assert_cmpstr(row->ref, ==, ref);
    g_assert_true(g_str_has_prefix(ref, "OpaqueRef:"));
    g_assert_cmpuint(row->created, ==, row->changed);
    g_assert_cmpuint(row->created, ==, db_generation(db));
    g_assert_false(row->is_volatile);
    g_assert_cmpuint(strlen(db_row_string(row, VM_UUID)), ==, 36);
    g_assert_cmpstr(db_row_string(row, VM_NAME_LABEL), ==, "one");
    g_assert_cmpint(db_row_int(row, VM_MEMORY), ==, 256);
    g_assert_false(db_row_bool(row, VM_IS_TEMPLATE));
    g_assert_cmpfloat(db_row_float(row, VM_WEIGHT), ==, 0.0);
    g_assert_cmpstr(db_row_string(row, VM_POWER_STATE), ==, "Halted");
    g_assert_cmpstr(db_row_string(row, VM_RESIDENT_ON), ==, "OpaqueRef:NULL");
    g_assert_cmpstr(db_row_map_string(row, VM_OTHER_CONFIG, "x", "none"), ==, "none");
}

static void
test_found_by_uuid_and_name(void)
{
    g_autoptr(Db) db = test_db_memory();
    g_autofree char *a = test_insert(db, CLASS_VM, "twin");
    g_autofree char *b = test_insert(db, CLASS_VM, "twin");
    g_autoptr(DbRow) row = db_get(db, CLASS_VM, b);
    g_autoptr(DbRow) by_uuid = db_get_by_uuid(db, CLASS_VM, db_row_string(row, VM_UUID));
    g_autoptr(GPtrArray) twins = db_get_by_name(db, CLASS_VM, "twin");

    g_assert_true(by_uuid == row);
    g_assert_cmpuint(twins->len, ==, 2);
    g_assert_cmpstr(((DbRow *)twins->pdata[0])->ref, ==, a);
    g_assert_cmpstr(((DbRow *)twins->pdata[1])->ref, ==, b);

    test_set(db, CLASS_VM, a, VM_NAME_LABEL, value_string("single"));
    test_delete(db, CLASS_VM, b);
    g_autoptr(GPtrArray) none = db_get_by_name(db, CLASS_VM, "twin");
    g_autoptr(GPtrArray) single = db_get_by_name(db, CLASS_VM, "single");
    g_assert_cmpuint(none->len, ==, 0);
    g_assert_cmpuint(single->len, ==, 1);
    g_assert_null(db_get_by_uuid(db, CLASS_VM, db_row_string(row, VM_UUID)));
    g_assert_null(db_get(db, CLASS_VM, b));
}

static void
test_require_names_the_class(void)
{
    g_autoptr(Db) db = test_db_memory();
    g_autoptr(GError) error = NULL;

    g_assert_null(db_require(db, CLASS_VM, "OpaqueRef:no", &error));
    test_assert_api_error(&error, "HANDLE_INVALID", "VM", "OpaqueRef:no", NULL);
}

static void
test_get_all_is_in_order_of_creation(void)
{
    g_autoptr(Db) db = test_db_memory();
    g_autoptr(DbTxn) txn = db_txn_new(db, NULL);
    g_autoptr(GPtrArray) refs = g_ptr_array_new();
    g_autoptr(GError) error = NULL;

    for (int i = 0; i < 100; i++)
        g_ptr_array_add(refs, (gpointer)db_txn_insert(txn, CLASS_VM, NULL));
    for (guint i = 100; i-- > 0;)
        db_txn_set_int(txn, CLASS_VM, refs->pdata[i], VM_MEMORY, i);
    db_txn_commit(txn, NULL, &error);
    g_assert_no_error(error);
    test_set(db, CLASS_VM, refs->pdata[3], VM_MEMORY, value_int(1000));

    g_autoptr(GPtrArray) rows = db_get_all(db, CLASS_VM);
    g_assert_cmpuint(rows->len, ==, 100);
    g_assert_cmpuint(db_count(db, CLASS_VM), ==, 100);
    for (guint i = 0; i < 100; i++)
        g_assert_cmpstr(((DbRow *)rows->pdata[i])->ref, ==, refs->pdata[i]);
}

static void
test_rows_never_change(void)
{
    g_autoptr(Db) db = test_db_memory();
    g_autofree char *ref = test_insert(db, CLASS_VM, "before");
    g_autoptr(DbRow) old = db_get(db, CLASS_VM, ref);

    guint64 generation = test_set(db, CLASS_VM, ref, VM_NAME_LABEL, value_string("after"));
    g_autoptr(DbRow) new = db_get(db, CLASS_VM, ref);
    g_assert_cmpstr(db_row_string(old, VM_NAME_LABEL), ==, "before");
    g_assert_cmpstr(db_row_string(new, VM_NAME_LABEL), ==, "after");
    g_assert_cmpuint(new->changed, ==, generation);
    g_assert_cmpuint(new->created, ==, old->created);
    g_assert_cmpuint(generation, >, old->changed);
}

static void
test_derived_fields_follow_the_other_side(void)
{
    g_autoptr(Db) db = test_db_memory();
    g_autofree char *vm = test_insert(db, CLASS_VM, "vm");
    g_autofree char *a = test_insert(db, CLASS_VBD, NULL);
    g_autofree char *b = test_insert(db, CLASS_VBD, NULL);
    g_autoptr(DbRow) before = db_get(db, CLASS_VM, vm);

    test_assert_refs(db_row_get(db, before, VM_VBDS), NULL);
    test_set(db, CLASS_VBD, b, VBD_VM, value_string(vm));
    guint64 generation = test_set(db, CLASS_VBD, a, VBD_VM, value_string(vm));
    g_autoptr(DbRow) after = db_get(db, CLASS_VM, vm);
    g_assert_cmpuint(after->changed, ==, generation);
    g_assert_true(after != before);
    test_assert_refs(db_row_get(db, after, VM_VBDS), a, b, NULL);

    g_autoptr(GPtrArray) referrers = db_referrers(db, CLASS_VBD, VBD_VM, vm);
    g_assert_cmpuint(referrers->len, ==, 2);
    g_assert_cmpstr(((DbRow *)referrers->pdata[0])->ref, ==, a);

    test_delete(db, CLASS_VBD, a);
    g_autoptr(DbRow) last = db_get(db, CLASS_VM, vm);
    test_assert_refs(db_row_get(db, last, VM_VBDS), b, NULL);
}

static void
test_sets_and_maps_of_refs_have_referrers(void)
{
    g_autoptr(Db) db = test_db_memory();
    g_autofree char *a = test_insert(db, CLASS_VM, "a");
    g_autofree char *b = test_insert(db, CLASS_VM, "b");
    g_autofree char *vdi = test_insert(db, CLASS_VDI, "d");
    const char *const friends[] = {b, a, b, NULL};
    g_autoptr(Value) blobs = value_map_new(2);

    value_map_set(blobs, "x", value_string(vdi));
    value_map_set(blobs, "y", value_string(vdi));
    test_set(db, CLASS_VM, a, VM_FRIENDS, value_array_of_strings(friends));
    test_set(db, CLASS_VM, a, VM_BLOBS, value_ref(blobs));
    g_autoptr(DbRow) row = db_get(db, CLASS_VM, a);
    test_assert_refs(db_row_get(db, row, VM_FRIENDS), b, a, NULL);
    g_autoptr(GPtrArray) of_vdi = db_referrers(db, CLASS_VM, VM_BLOBS, vdi);
    g_assert_cmpuint(of_vdi->len, ==, 1);

    test_delete(db, CLASS_VM, b);
    test_delete(db, CLASS_VDI, vdi);
    g_autoptr(DbRow) after = db_get(db, CLASS_VM, a);
    test_assert_refs(db_row_get(db, after, VM_FRIENDS), a, NULL);
    g_assert_cmpuint(value_size(after->fields[VM_BLOBS]), ==, 0);
}

static void
test_records_are_encoded_once_per_version(void)
{
    g_autoptr(Db) db = test_db_memory();
    g_autofree char *vm = test_insert(db, CLASS_VM, "enc");
    g_autofree char *vbd = test_insert(db, CLASS_VBD, NULL);
    g_autoptr(DbRow) row = db_get(db, CLASS_VM, vm);
    g_autoptr(GString) first = g_string_new(NULL);
    g_autoptr(GString) second = g_string_new("");
    g_autoptr(GString) json = g_string_new(NULL);
    g_autoptr(GString) linked = g_string_new(NULL);

    db_row_write_record(db, row, DB_ENCODING_XMLRPC, first);
    db_row_write_record(db, row, DB_ENCODING_XMLRPC, second);
    g_assert_cmpstr(first->str, ==, second->str);
    g_assert_true(g_str_has_prefix(first->str, "<value><struct><member><name>uuid</name><value>"));
    db_row_write_record(db, row, DB_ENCODING_JSON, json);
    g_assert_true(g_str_has_prefix(json->str, "{\"uuid\":\""));
    g_assert_null(strstr(json->str, vbd));

    test_set(db, CLASS_VBD, vbd, VBD_VM, value_string(vm));
    g_autoptr(DbRow) next = db_get(db, CLASS_VM, vm);
    db_row_write_record(db, next, DB_ENCODING_JSON, linked);
    g_assert_nonnull(strstr(linked->str, vbd));
}

static void
test_record_has_all_fields(void)
{
    g_autoptr(Db) db = test_db_memory();
    g_autofree char *vm = test_insert(db, CLASS_VM, "rec");
    g_autoptr(DbRow) row = db_get(db, CLASS_VM, vm);
    g_autoptr(Value) record = db_row_record(db, row);

    g_assert_cmpuint(value_size(record), ==, VM_N);
    g_assert_cmpstr(value_map_get_string(record, "name_label", NULL), ==, "rec");
    g_assert_cmpint(value_kind(value_map_get(record, "VBDs")), ==, VALUE_ARRAY);
}

static Value *
power_state_as_operations(Db *db, const DbRow *row)
{
    const char *const operations[] = {db_row_string(row, VM_POWER_STATE), NULL};

    return value_array_of_strings(operations);
}

static void
test_allowed_operations_are_computed(void)
{
    g_autoptr(Db) db = test_db_memory();
    g_autofree char *vm = test_insert(db, CLASS_VM, "a");

    db_set_allowed_operations(db, power_state_as_operations);
    test_set(db, CLASS_VM, vm, VM_POWER_STATE, value_string("Running"));
    g_autoptr(DbRow) row = db_get(db, CLASS_VM, vm);
    g_autoptr(Value) record = db_row_record(db, row);
    test_assert_refs(db_row_get(db, row, VM_ALLOWED_OPERATIONS), "Running", NULL);
    test_assert_refs(value_ref(value_map_get(record, "allowed_operations")), "Running", NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/db/insert-has-defaults", test_insert_has_defaults);
    g_test_add_func("/db/found-by-uuid-and-name", test_found_by_uuid_and_name);
    g_test_add_func("/db/require-names-the-class", test_require_names_the_class);
    g_test_add_func("/db/get-all-is-in-order-of-creation", test_get_all_is_in_order_of_creation);
    g_test_add_func("/db/rows-never-change", test_rows_never_change);
    g_test_add_func("/db/derived-fields-follow-the-other-side", test_derived_fields_follow_the_other_side);
    g_test_add_func("/db/sets-and-maps-of-refs-have-referrers", test_sets_and_maps_of_refs_have_referrers);
    g_test_add_func("/db/records-are-encoded-once-per-version", test_records_are_encoded_once_per_version);
    g_test_add_func("/db/record-has-all-fields", test_record_has_all_fields);
    g_test_add_func("/db/allowed-operations-are-computed", test_allowed_operations_are_computed);
    return g_test_run();
}
