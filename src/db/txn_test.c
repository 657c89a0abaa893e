/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What each step of a transaction does and refuses, and that a refused one leaves no trace. */
#include "db/db.h"

#include "db/test_model.h"
#include "model/api_error.h"

/* A database with one VM, VBD, VDI, SR and host. */
typedef struct Fixture {
    Db *db;
    DbTxn *txn;
    char *vm, *vbd, *vdi, *sr, *host;
} Fixture;

static void
fixture_set_up(Fixture *fixture, gconstpointer data)
{
    fixture->db = test_db_memory();
    fixture->vm = test_insert(fixture->db, CLASS_VM, "vm");
    fixture->vbd = test_insert(fixture->db, CLASS_VBD, NULL);
    fixture->vdi = test_insert(fixture->db, CLASS_VDI, "vdi");
    fixture->sr = test_insert(fixture->db, CLASS_SR, "sr");
    fixture->host = test_insert(fixture->db, CLASS_HOST, "host");
    fixture->txn = db_txn_new(fixture->db, NULL);
}

static void
fixture_tear_down(Fixture *fixture, gconstpointer data)
{
    db_txn_free(fixture->txn);
    db_close(fixture->db);
    g_free(fixture->vm);
    g_free(fixture->vbd);
    g_free(fixture->vdi);
    g_free(fixture->sr);
    g_free(fixture->host);
}

static void
commit(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;

    db_txn_commit(fixture->txn, NULL, &error);
    g_assert_no_error(error);
}

/* The transaction must fail, and nothing may have changed. */
static GError *
refuse(Fixture *fixture)
{
    guint64 before = db_generation(fixture->db);
    GError *error = NULL;

    g_assert_false(db_txn_commit(fixture->txn, NULL, &error));
    g_assert_nonnull(error);
    g_assert_cmpuint(db_generation(fixture->db), ==, before);
    return error;
}

static Value *
field_now(Fixture *fixture, int class_id, const char *ref, int field)
{
    g_autoptr(DbRow) row = db_get(fixture->db, class_id, ref);

    g_assert_nonnull(row);
    return db_row_get(fixture->db, row, field);
}

static void
assert_string_now(Fixture *fixture, int class_id, const char *ref, int field, const char *expected)
{
    g_autoptr(Value) value = field_now(fixture, class_id, ref, field);

    g_assert_cmpstr(value_get_string(value), ==, expected);
}

/* -- Fields
 * ---------------------------------------------------------------------------------------------------------
 */

static void
test_all_changes_share_one_generation(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    guint64 generation = 0;

    g_autofree char *other = g_strdup(db_txn_insert(fixture->txn, CLASS_VM, "OpaqueRef:mine"));
    db_txn_set_string(fixture->txn, CLASS_VM, other, VM_NAME_LABEL, "b");
    db_txn_set_bool(fixture->txn, CLASS_VM, fixture->vm, VM_IS_TEMPLATE, TRUE);
    g_assert_true(db_txn_commit(fixture->txn, &generation, &error));
    g_autoptr(DbRow) a = db_get(fixture->db, CLASS_VM, fixture->vm);
    g_autoptr(DbRow) b = db_get(fixture->db, CLASS_VM, "OpaqueRef:mine");
    g_assert_cmpuint(a->changed, ==, generation);
    g_assert_cmpuint(b->changed, ==, generation);
    g_assert_cmpuint(b->created, ==, generation);
    g_assert_cmpuint(db_generation(fixture->db), ==, generation);
    g_assert_true(db_row_bool(a, VM_IS_TEMPLATE));
}

static void
test_equal_value_changes_nothing(Fixture *fixture, gconstpointer data)
{
    guint64 before = db_generation(fixture->db);
    g_autoptr(DbRow) old = db_get(fixture->db, CLASS_VM, fixture->vm);

    db_txn_set_string(fixture->txn, CLASS_VM, fixture->vm, VM_NAME_LABEL, "vm");
    db_txn_map_remove(fixture->txn, CLASS_VM, fixture->vm, VM_OTHER_CONFIG, "absent");
    db_txn_set_remove(fixture->txn, CLASS_VM, fixture->vm, VM_TAGS, "absent");
    commit(fixture);
    g_autoptr(DbRow) new = db_get(fixture->db, CLASS_VM, fixture->vm);
    g_assert_true(old == new);
    g_assert_cmpuint(db_generation(fixture->db), ==, before);
}

static void
test_empty_ref_is_null(Fixture *fixture, gconstpointer data)
{
    db_txn_set_string(fixture->txn, CLASS_VM, fixture->vm, VM_RESIDENT_ON, fixture->host);
    db_txn_set_string(fixture->txn, CLASS_VM, fixture->vm, VM_RESIDENT_ON, "");
    commit(fixture);
    assert_string_now(fixture, CLASS_VM, fixture->vm, VM_RESIDENT_ON, "OpaqueRef:NULL");
}

static void
test_sets_of_enums_and_refs_are_unique(Fixture *fixture, gconstpointer data)
{
    const char *const devices[] = {"cd", "disk", "cd", NULL};
    const char *const tags[] = {"x", "x", NULL};

    db_txn_set(fixture->txn, CLASS_VM, fixture->vm, VM_DEVICES, value_array_of_strings(devices));
    db_txn_set(fixture->txn, CLASS_VM, fixture->vm, VM_TAGS, value_array_of_strings(tags));
    commit(fixture);
    test_assert_refs(field_now(fixture, CLASS_VM, fixture->vm, VM_DEVICES), "cd", "disk", NULL);
    test_assert_refs(field_now(fixture, CLASS_VM, fixture->vm, VM_TAGS), "x", "x", NULL);
}

static void
test_set_members_come_and_go(Fixture *fixture, gconstpointer data)
{
    db_txn_set_add(fixture->txn, CLASS_VM, fixture->vm, VM_TAGS, value_string("a"));
    db_txn_set_add(fixture->txn, CLASS_VM, fixture->vm, VM_TAGS, value_string("b"));
    db_txn_set_add(fixture->txn, CLASS_VM, fixture->vm, VM_TAGS, value_string("a"));
    db_txn_set_add(fixture->txn, CLASS_VM, fixture->vm, VM_TAGS, value_string("c"));
    db_txn_set_remove(fixture->txn, CLASS_VM, fixture->vm, VM_TAGS, "b");
    commit(fixture);
    test_assert_refs(field_now(fixture, CLASS_VM, fixture->vm, VM_TAGS), "a", "c", NULL);
}

static void
test_map_entries_come_and_go(Fixture *fixture, gconstpointer data)
{
    db_txn_map_add(fixture->txn, CLASS_VM, fixture->vm, VM_OTHER_CONFIG, "a", value_string("1"));
    db_txn_map_put(fixture->txn, CLASS_VM, fixture->vm, VM_OTHER_CONFIG, "a", value_string("2"));
    db_txn_map_put(fixture->txn, CLASS_VM, fixture->vm, VM_OTHER_CONFIG, "b", value_string("3"));
    db_txn_map_remove(fixture->txn, CLASS_VM, fixture->vm, VM_OTHER_CONFIG, "b");
    commit(fixture);
    g_autoptr(Value) map = field_now(fixture, CLASS_VM, fixture->vm, VM_OTHER_CONFIG);
    g_assert_cmpuint(value_size(map), ==, 1);
    g_assert_cmpstr(value_map_get_string(map, "a", NULL), ==, "2");
}

static void
test_map_add_refuses_a_known_key(Fixture *fixture, gconstpointer data)
{
    db_txn_set_string(fixture->txn, CLASS_VM, fixture->vm, VM_NAME_LABEL, "not kept");
    db_txn_map_add(fixture->txn, CLASS_VM, fixture->vm, VM_OTHER_CONFIG, "k", value_string("1"));
    db_txn_map_add(fixture->txn, CLASS_VM, fixture->vm, VM_OTHER_CONFIG, "k", value_string("1"));
    g_autoptr(GError) error = refuse(fixture);
    test_assert_api_error(&error, "MAP_DUPLICATE_KEY", "VM", "other_config", fixture->vm, "k", NULL);
    assert_string_now(fixture, CLASS_VM, fixture->vm, VM_NAME_LABEL, "vm");
}

static void
test_touch_makes_a_version(Fixture *fixture, gconstpointer data)
{
    g_autoptr(DbRow) old = db_get(fixture->db, CLASS_VM, fixture->vm);

    db_txn_touch(fixture->txn, CLASS_VM, fixture->vm);
    commit(fixture);
    g_autoptr(DbRow) new = db_get(fixture->db, CLASS_VM, fixture->vm);
    g_assert_cmpuint(new->changed, >, old->changed);
}

/* -- Refusals -- */

typedef void (*RecordStep)(DbTxn *txn, const char *ref);

static void
step_set(DbTxn *txn, const char *ref)
{
    db_txn_set_int(txn, CLASS_VM, ref, VM_MEMORY, 1);
}

static void
step_map_put(DbTxn *txn, const char *ref)
{
    db_txn_map_put(txn, CLASS_VM, ref, VM_OTHER_CONFIG, "k", value_string("v"));
}

static void
step_map_remove(DbTxn *txn, const char *ref)
{
    db_txn_map_remove(txn, CLASS_VM, ref, VM_OTHER_CONFIG, "k");
}

static void
step_set_add(DbTxn *txn, const char *ref)
{
    db_txn_set_add(txn, CLASS_VM, ref, VM_TAGS, value_string("v"));
}

static void
step_set_remove(DbTxn *txn, const char *ref)
{
    db_txn_set_remove(txn, CLASS_VM, ref, VM_TAGS, "v");
}

static void
step_touch(DbTxn *txn, const char *ref)
{
    db_txn_touch(txn, CLASS_VM, ref);
}

static void
step_delete(DbTxn *txn, const char *ref)
{
    db_txn_delete(txn, CLASS_VM, ref);
}

static void
test_every_step_needs_its_row(Fixture *fixture, gconstpointer data)
{
    static const RecordStep steps[] = {step_set,        step_map_put, step_map_remove, step_set_add,
                                       step_set_remove, step_touch,   step_delete};

    for (gsize i = 0; i < G_N_ELEMENTS(steps); i++) {
        g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
        g_autoptr(GError) error = NULL;
        db_txn_set_string(txn, CLASS_VM, fixture->vm, VM_NAME_LABEL, "not kept");
        steps[i](txn, "OpaqueRef:none");
        g_assert_false(db_txn_commit(txn, NULL, &error));
        test_assert_api_error(&error, "HANDLE_INVALID", "VM", "OpaqueRef:none", NULL);
    }
    assert_string_now(fixture, CLASS_VM, fixture->vm, VM_NAME_LABEL, "vm");
}

static void
step_wrong_kind(DbTxn *txn, const char *ref)
{
    db_txn_set_string(txn, CLASS_VM, ref, VM_MEMORY, "12");
}

static void
step_wrong_member(DbTxn *txn, const char *ref)
{
    db_txn_set_add(txn, CLASS_VM, ref, VM_TAGS, value_int(1));
}

static void
step_wrong_entry(DbTxn *txn, const char *ref)
{
    db_txn_map_put(txn, CLASS_VM, ref, VM_OTHER_CONFIG, "k", value_int(1));
}

static void
step_map_of_set(DbTxn *txn, const char *ref)
{
    db_txn_map_put(txn, CLASS_VM, ref, VM_TAGS, "k", value_string("v"));
}

static void
step_set_of_map(DbTxn *txn, const char *ref)
{
    db_txn_set_add(txn, CLASS_VM, ref, VM_OTHER_CONFIG, value_string("v"));
}

static void
step_derived(DbTxn *txn, const char *ref)
{
    db_txn_set(txn, CLASS_VM, ref, VM_VBDS, value_array_empty());
}

static void
step_no_field(DbTxn *txn, const char *ref)
{
    db_txn_set_int(txn, CLASS_VM, ref, VM_N, 1);
}

static void
step_known_ref(DbTxn *txn, const char *ref)
{
    db_txn_insert(txn, CLASS_VM, ref);
}

static void
test_our_own_mistakes_are_internal_errors(Fixture *fixture, gconstpointer data)
{
    static const RecordStep steps[] = {step_wrong_kind, step_wrong_member, step_wrong_entry, step_map_of_set,
                                       step_set_of_map, step_derived,      step_no_field,    step_known_ref};

    for (gsize i = 0; i < G_N_ELEMENTS(steps); i++) {
        g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
        g_autoptr(GError) error = NULL;
        steps[i](txn, fixture->vm);
        g_assert_false(db_txn_commit(txn, NULL, &error));
        g_assert_true(api_error_is(error, "INTERNAL_ERROR"));
    }
}

static void
test_uuid_is_unique(Fixture *fixture, gconstpointer data)
{
    g_autoptr(Value) uuid = field_now(fixture, CLASS_VM, fixture->vm, VM_UUID);
    g_autofree char *other = test_insert(fixture->db, CLASS_VM, "other");

    db_txn_set(fixture->txn, CLASS_VM, other, VM_UUID, value_ref(uuid));
    g_autoptr(GError) error = refuse(fixture);
    test_assert_api_error(&error, "UUID_INVALID", "VM", value_get_string(uuid), NULL);
}

static void
test_uuid_is_free_after_its_row(Fixture *fixture, gconstpointer data)
{
    g_autoptr(Value) uuid = field_now(fixture, CLASS_VM, fixture->vm, VM_UUID);

    db_txn_delete(fixture->txn, CLASS_VM, fixture->vm);
    g_autofree char *ref = g_strdup(db_txn_insert(fixture->txn, CLASS_VM, NULL));
    db_txn_set(fixture->txn, CLASS_VM, ref, VM_UUID, value_ref(uuid));
    commit(fixture);
    g_autoptr(DbRow) row = db_get_by_uuid(fixture->db, CLASS_VM, value_get_string(uuid));
    g_assert_cmpstr(row->ref, ==, ref);
}

static void
test_refs_must_lead_somewhere(Fixture *fixture, gconstpointer data)
{
    db_txn_set_string(fixture->txn, CLASS_VBD, fixture->vbd, VBD_VM, "OpaqueRef:none");
    g_autoptr(GError) error = refuse(fixture);
    test_assert_api_error(&error, "HANDLE_INVALID", "VM", "OpaqueRef:none", NULL);
}

static void
test_refs_in_containers_must_lead_somewhere(Fixture *fixture, gconstpointer data)
{
    static const struct {
        int field;
        gboolean is_map;
        const char *key, *class_name;
    } cases[] = {{VM_FRIENDS, FALSE, NULL, "VM"},
                 {VM_BLOBS, TRUE, "x", "VDI"},
                 {VM_COSTS, TRUE, "OpaqueRef:none", "host"}};

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
        g_autoptr(GError) error = NULL;
        Value *value = cases[i].field == VM_COSTS ? value_int(3) : value_string("OpaqueRef:none");
        if (cases[i].is_map)
            db_txn_map_put(txn, CLASS_VM, fixture->vm, cases[i].field, cases[i].key, value);
        else
            db_txn_set_add(txn, CLASS_VM, fixture->vm, cases[i].field, value);
        g_assert_false(db_txn_commit(txn, NULL, &error));
        test_assert_api_error(&error, "HANDLE_INVALID", cases[i].class_name, "OpaqueRef:none", NULL);
    }
}

static void
test_order_inside_a_transaction_is_free(Fixture *fixture, gconstpointer data)
{
    db_txn_set_string(fixture->txn, CLASS_VBD, fixture->vbd, VBD_VM, "OpaqueRef:later");
    db_txn_insert(fixture->txn, CLASS_VM, "OpaqueRef:later");
    commit(fixture);
    test_assert_refs(field_now(fixture, CLASS_VM, "OpaqueRef:later", VM_VBDS), fixture->vbd, NULL);
}

static void
test_ref_to_a_row_deleted_before_is_refused(Fixture *fixture, gconstpointer data)
{
    db_txn_delete(fixture->txn, CLASS_VM, fixture->vm);
    db_txn_set_string(fixture->txn, CLASS_VBD, fixture->vbd, VBD_VM, fixture->vm);
    g_autoptr(GError) error = refuse(fixture);
    test_assert_api_error(&error, "HANDLE_INVALID", "VM", fixture->vm, NULL);
}

/* -- Deletion -- */

static void
test_delete_cascades_to_parts(Fixture *fixture, gconstpointer data)
{
    test_set(fixture->db, CLASS_VBD, fixture->vbd, VBD_VM, value_string(fixture->vm));
    test_set(fixture->db, CLASS_VBD, fixture->vbd, VBD_VDI, value_string(fixture->vdi));
    db_txn_delete(fixture->txn, CLASS_VM, fixture->vm);
    commit(fixture);
    g_assert_null(db_get(fixture->db, CLASS_VBD, fixture->vbd));
    test_assert_refs(field_now(fixture, CLASS_VDI, fixture->vdi, VDI_VBDS), NULL);
}

static void
test_delete_nulls_refs(Fixture *fixture, gconstpointer data)
{
    test_set(fixture->db, CLASS_VBD, fixture->vbd, VBD_VDI, value_string(fixture->vdi));
    test_set(fixture->db, CLASS_VM, fixture->vm, VM_RESIDENT_ON, value_string(fixture->host));
    Value *costs = value_map_new(1);
    value_map_set(costs, fixture->host, value_int(3));
    test_set(fixture->db, CLASS_VM, fixture->vm, VM_COSTS, costs);
    db_txn_delete(fixture->txn, CLASS_VDI, fixture->vdi);
    db_txn_delete(fixture->txn, CLASS_HOST, fixture->host);
    commit(fixture);
    assert_string_now(fixture, CLASS_VBD, fixture->vbd, VBD_VDI, "OpaqueRef:NULL");
    assert_string_now(fixture, CLASS_VM, fixture->vm, VM_RESIDENT_ON, "OpaqueRef:NULL");
    g_autoptr(Value) after = field_now(fixture, CLASS_VM, fixture->vm, VM_COSTS);
    g_assert_cmpuint(value_size(after), ==, 0);
}

static void
test_delete_is_refused_while_named(Fixture *fixture, gconstpointer data)
{
    test_set(fixture->db, CLASS_VDI, fixture->vdi, VDI_SR, value_string(fixture->sr));
    db_txn_delete(fixture->txn, CLASS_SR, fixture->sr);
    g_autoptr(GError) error = refuse(fixture);
    g_assert_true(api_error_is(error, "OPERATION_NOT_ALLOWED"));
    g_assert_nonnull(strstr(api_error_params(error)[0], fixture->vdi));
    test_assert_refs(field_now(fixture, CLASS_SR, fixture->sr, SR_VDIS), fixture->vdi, NULL);
}

static void
test_refusal_looks_at_the_end_of_the_transaction(Fixture *fixture, gconstpointer data)
{
    test_set(fixture->db, CLASS_VDI, fixture->vdi, VDI_SR, value_string(fixture->sr));
    db_txn_delete(fixture->txn, CLASS_SR, fixture->sr);
    db_txn_delete(fixture->txn, CLASS_VDI, fixture->vdi);
    commit(fixture);
    g_assert_null(db_get(fixture->db, CLASS_SR, fixture->sr));
}

static void
test_rows_that_name_themselves_can_go(Fixture *fixture, gconstpointer data)
{
    g_autofree char *other = test_insert(fixture->db, CLASS_VM, "other");
    const char *const both[] = {fixture->vm, other, NULL};

    test_set(fixture->db, CLASS_VM, fixture->vm, VM_FRIENDS, value_array_of_strings(both));
    test_set(fixture->db, CLASS_VM, other, VM_FRIENDS, value_array_of_strings(both));
    db_txn_delete(fixture->txn, CLASS_VM, fixture->vm);
    commit(fixture);
    test_assert_refs(field_now(fixture, CLASS_VM, other, VM_FRIENDS), other, NULL);
    test_delete(fixture->db, CLASS_VM, other);
}

static void
test_insert_and_delete_leave_nothing(Fixture *fixture, gconstpointer data)
{
    gsize before = db_count(fixture->db, CLASS_VM);

    db_txn_insert(fixture->txn, CLASS_VM, "OpaqueRef:brief");
    db_txn_set_string(fixture->txn, CLASS_VM, "OpaqueRef:brief", VM_RESIDENT_ON, fixture->host);
    db_txn_delete(fixture->txn, CLASS_VM, "OpaqueRef:brief");
    commit(fixture);
    g_assert_cmpuint(db_count(fixture->db, CLASS_VM), ==, before);
    test_assert_refs(field_now(fixture, CLASS_HOST, fixture->host, HOST_RESIDENT_VMS), NULL);
}

static void
test_delete_and_insert_again(Fixture *fixture, gconstpointer data)
{
    test_set(fixture->db, CLASS_VBD, fixture->vbd, VBD_VDI, value_string(fixture->vdi));
    db_txn_delete(fixture->txn, CLASS_VDI, fixture->vdi);
    db_txn_insert(fixture->txn, CLASS_VDI, fixture->vdi);
    db_txn_set_string(fixture->txn, CLASS_VDI, fixture->vdi, VDI_NAME_LABEL, "again");
    commit(fixture);
    assert_string_now(fixture, CLASS_VDI, fixture->vdi, VDI_NAME_LABEL, "again");
    assert_string_now(fixture, CLASS_VBD, fixture->vbd, VBD_VDI, "OpaqueRef:NULL");
    g_autoptr(GPtrArray) old = db_get_by_name(fixture->db, CLASS_VDI, "vdi");
    g_assert_cmpuint(old->len, ==, 0);
    test_delete(fixture->db, CLASS_VDI, fixture->vdi);
}

/* -- Steps that look -- */

static gboolean
count_and_name(DbTxn *txn, gpointer data, GError **error)
{
    const char *host = data;
    g_autoptr(DbRow) row = db_txn_read(txn, CLASS_HOST, host);
    g_autoptr(GPtrArray) vms = db_txn_referrers(txn, CLASS_VM, VM_RESIDENT_ON, host);
    g_autofree char *name = g_strdup_printf("%s has %u", db_row_string(row, HOST_NAME_LABEL), vms->len);

    db_txn_set_string(txn, CLASS_HOST, host, HOST_NAME_LABEL, name);
    return TRUE;
}

static void
test_step_sees_what_came_before(Fixture *fixture, gconstpointer data)
{
    test_set(fixture->db, CLASS_VM, fixture->vm, VM_RESIDENT_ON, value_string(fixture->host));
    g_autofree char *new = g_strdup(db_txn_insert(fixture->txn, CLASS_VM, NULL));
    g_autofree char *gone = g_strdup(db_txn_insert(fixture->txn, CLASS_VM, NULL));
    db_txn_set_string(fixture->txn, CLASS_VM, new, VM_RESIDENT_ON, fixture->host);
    db_txn_set_string(fixture->txn, CLASS_VM, gone, VM_RESIDENT_ON, fixture->host);
    db_txn_delete(fixture->txn, CLASS_VM, gone);
    db_txn_set_string(fixture->txn, CLASS_HOST, fixture->host, HOST_NAME_LABEL, "h");
    db_txn_step(fixture->txn, count_and_name, g_strdup(fixture->host), g_free);
    db_txn_set_string(fixture->txn, CLASS_VM, new, VM_RESIDENT_ON, "");
    db_txn_step(fixture->txn, count_and_name, g_strdup(fixture->host), g_free);
    commit(fixture);
    assert_string_now(fixture, CLASS_HOST, fixture->host, HOST_NAME_LABEL, "h has 2 has 1");
}

static gboolean
refuse_step(DbTxn *txn, gpointer data, GError **error)
{
    const char *params[] = {"no", NULL};

    db_txn_insert(txn, CLASS_VM, NULL);
    return data != NULL ? api_error_set(error, "OPERATION_NOT_ALLOWED", params) : FALSE;
}

static void
test_step_can_refuse(Fixture *fixture, gconstpointer data)
{
    gsize before = db_count(fixture->db, CLASS_VM);

    db_txn_insert(fixture->txn, CLASS_VM, NULL);
    db_txn_step(fixture->txn, refuse_step, fixture, NULL);
    g_autoptr(GError) error = refuse(fixture);
    test_assert_api_error(&error, "OPERATION_NOT_ALLOWED", "no", NULL);
    g_assert_cmpuint(db_count(fixture->db, CLASS_VM), ==, before);
}

static void
test_step_must_say_why(Fixture *fixture, gconstpointer data)
{
    db_txn_step(fixture->txn, refuse_step, NULL, NULL);
    g_autoptr(GError) error = refuse(fixture);
    g_assert_true(api_error_is(error, "INTERNAL_ERROR"));
}

static gboolean
keep_version(DbTxn *txn, gpointer data, GError **error)
{
    DbRow **ret_row = data;

    g_clear_pointer(ret_row, db_row_unref);
    *ret_row = db_txn_read(txn, CLASS_VM, "OpaqueRef:kept");
    db_txn_set_string(txn, CLASS_VM, "OpaqueRef:kept", VM_NAME_LABEL, "later");
    return TRUE;
}

static void
test_version_read_by_a_step_never_changes(Fixture *fixture, gconstpointer data)
{
    g_autoptr(DbRow) row = NULL;

    db_txn_insert(fixture->txn, CLASS_VM, "OpaqueRef:kept");
    db_txn_set_string(fixture->txn, CLASS_VM, "OpaqueRef:kept", VM_NAME_LABEL, "early");
    db_txn_step(fixture->txn, keep_version, &row, NULL);
    commit(fixture);
    g_assert_cmpstr(db_row_string(row, VM_NAME_LABEL), ==, "early");
    assert_string_now(fixture, CLASS_VM, "OpaqueRef:kept", VM_NAME_LABEL, "later");
}

static gboolean
nest(DbTxn *txn, gpointer data, GError **error)
{
    int *depth = data;

    if (++*depth < 5)
        db_txn_step(txn, nest, depth, NULL);
    else
        db_txn_insert(txn, CLASS_VM, "OpaqueRef:deep");
    return TRUE;
}

static void
test_steps_may_record_steps(Fixture *fixture, gconstpointer data)
{
    int depth = 0;

    db_txn_step(fixture->txn, nest, &depth, NULL);
    db_txn_set_string(fixture->txn, CLASS_VM, "OpaqueRef:deep", VM_NAME_LABEL, "found");
    commit(fixture);
    assert_string_now(fixture, CLASS_VM, "OpaqueRef:deep", VM_NAME_LABEL, "found");
}

static void
count_free(gpointer data)
{
    (*(int *)data)++;
}

static void
test_uncommitted_transaction_does_nothing(Fixture *fixture, gconstpointer data)
{
    g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
    int n_freed = 0;

    db_txn_insert(txn, CLASS_VM, "OpaqueRef:never");
    db_txn_set(txn, CLASS_VM, "OpaqueRef:never", VM_TAGS, value_array_new(1));
    db_txn_step(txn, refuse_step, &n_freed, count_free);
    g_clear_pointer(&txn, db_txn_free);
    g_assert_cmpint(n_freed, ==, 1);
    g_assert_null(db_get(fixture->db, CLASS_VM, "OpaqueRef:never"));
}

#define ADD(name, function)                                                                                  \
    g_test_add("/db/txn/" name, Fixture, NULL, fixture_set_up, function, fixture_tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("all-changes-share-one-generation", test_all_changes_share_one_generation);
    ADD("equal-value-changes-nothing", test_equal_value_changes_nothing);
    ADD("empty-ref-is-null", test_empty_ref_is_null);
    ADD("sets-of-enums-and-refs-are-unique", test_sets_of_enums_and_refs_are_unique);
    ADD("set-members-come-and-go", test_set_members_come_and_go);
    ADD("map-entries-come-and-go", test_map_entries_come_and_go);
    ADD("map-add-refuses-a-known-key", test_map_add_refuses_a_known_key);
    ADD("touch-makes-a-version", test_touch_makes_a_version);
    ADD("every-step-needs-its-row", test_every_step_needs_its_row);
    ADD("our-own-mistakes-are-internal-errors", test_our_own_mistakes_are_internal_errors);
    ADD("uuid-is-unique", test_uuid_is_unique);
    ADD("uuid-is-free-after-its-row", test_uuid_is_free_after_its_row);
    ADD("refs-must-lead-somewhere", test_refs_must_lead_somewhere);
    ADD("refs-in-containers-must-lead-somewhere", test_refs_in_containers_must_lead_somewhere);
    ADD("order-inside-a-transaction-is-free", test_order_inside_a_transaction_is_free);
    ADD("ref-to-a-row-deleted-before-is-refused", test_ref_to_a_row_deleted_before_is_refused);
    ADD("delete-cascades-to-parts", test_delete_cascades_to_parts);
    ADD("delete-nulls-refs", test_delete_nulls_refs);
    ADD("delete-is-refused-while-named", test_delete_is_refused_while_named);
    ADD("refusal-looks-at-the-end-of-the-transaction", test_refusal_looks_at_the_end_of_the_transaction);
    ADD("rows-that-name-themselves-can-go", test_rows_that_name_themselves_can_go);
    ADD("insert-and-delete-leave-nothing", test_insert_and_delete_leave_nothing);
    ADD("delete-and-insert-again", test_delete_and_insert_again);
    ADD("step-sees-what-came-before", test_step_sees_what_came_before);
    ADD("step-can-refuse", test_step_can_refuse);
    ADD("step-must-say-why", test_step_must_say_why);
    ADD("version-read-by-a-step-never-changes", test_version_read_by_a_step_never_changes);
    ADD("steps-may-record-steps", test_steps_may_record_steps);
    ADD("uncommitted-transaction-does-nothing", test_uncommitted_transaction_does_nothing);
    return g_test_run();
}
