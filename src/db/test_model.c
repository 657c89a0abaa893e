/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See test_model.h. */
#include "db/test_model.h"

#include "base/error.h"
#include "model/api_error.h"
#include <glib/gstdio.h>
#include <string.h>

static const char *const power_states[] = {"Halted", "Paused", "Running", NULL};
static const TypeEnum power_state = {"vm_power_state", power_states};
static const char *const device_kinds[] = {"disk", "cd", NULL};
static const TypeEnum device_kind = {"device_kind", device_kinds};

/* clang-format off */
static const Type type_string   = {TYPE_STRING,   "string", NULL, NULL, NULL, -1};
static const Type type_int      = {TYPE_INT,      "int", NULL, NULL, NULL, -1};
static const Type type_float    = {TYPE_FLOAT,    "float", NULL, NULL, NULL, -1};
static const Type type_bool     = {TYPE_BOOL,     "bool", NULL, NULL, NULL, -1};
static const Type type_datetime = {TYPE_DATETIME, "datetime", NULL, NULL, NULL, -1};
static const Type type_state    = {TYPE_ENUM,     "enum vm_power_state", NULL, NULL, &power_state, -1};
static const Type type_device   = {TYPE_ENUM,     "enum device_kind", NULL, NULL, &device_kind, -1};
static const Type type_vm       = {TYPE_REF,      "VM ref", NULL, NULL, NULL, CLASS_VM};
static const Type type_vbd      = {TYPE_REF,      "VBD ref", NULL, NULL, NULL, CLASS_VBD};
static const Type type_vdi      = {TYPE_REF,      "VDI ref", NULL, NULL, NULL, CLASS_VDI};
static const Type type_sr       = {TYPE_REF,      "SR ref", NULL, NULL, NULL, CLASS_SR};
static const Type type_host     = {TYPE_REF,      "host ref", NULL, NULL, NULL, CLASS_HOST};
static const Type type_task     = {TYPE_REF,      "task ref", NULL, NULL, NULL, CLASS_TASK};
static const Type type_vms      = {TYPE_SET,      "set(VM ref)", NULL, &type_vm, NULL, -1};
static const Type type_vbds     = {TYPE_SET,      "set(VBD ref)", NULL, &type_vbd, NULL, -1};
static const Type type_vdis     = {TYPE_SET,      "set(VDI ref)", NULL, &type_vdi, NULL, -1};
static const Type type_tasks    = {TYPE_SET,      "set(task ref)", NULL, &type_task, NULL, -1};
static const Type type_strings  = {TYPE_SET,      "set(string)", NULL, &type_string, NULL, -1};
static const Type type_devices  = {TYPE_SET,      "set(enum device_kind)", NULL, &type_device, NULL, -1};
static const Type type_config   = {TYPE_MAP,      "map(string,string)", &type_string, &type_string, NULL, -1};
static const Type type_blobs    = {TYPE_MAP,      "map(string,VDI ref)", &type_string, &type_vdi, NULL, -1};
static const Type type_costs    = {TYPE_MAP,      "map(host ref,int)", &type_host, &type_int, NULL, -1};

#define KEPT(name_, type_, ...)    {.name = name_, .type = type_, .is_persistent = TRUE, .peer_class = -1, .peer_field = -1, __VA_ARGS__}
#define PASSING(name_, type_, ...) {.name = name_, .type = type_, .peer_class = -1, .peer_field = -1, __VA_ARGS__}
#define DERIVED(name_, type_, class_, field_) {.name = name_, .type = type_, .is_derived = TRUE, .peer_class = class_, .peer_field = field_}

static ModelField vm_fields[] = {
    [VM_UUID]               = KEPT("uuid", &type_string),
    [VM_NAME_LABEL]         = KEPT("name_label", &type_string),
    [VM_MEMORY]             = KEPT("memory", &type_int, .default_json = "256"),
    [VM_WEIGHT]             = KEPT("weight", &type_float),
    [VM_IS_TEMPLATE]        = KEPT("is_template", &type_bool),
    [VM_POWER_STATE]        = KEPT("power_state", &type_state),
    [VM_START_TIME]         = KEPT("start_time", &type_datetime),
    [VM_OTHER_CONFIG]       = KEPT("other_config", &type_config),
    [VM_TAGS]               = KEPT("tags", &type_strings),
    [VM_RESIDENT_ON]        = KEPT("resident_on", &type_host),
    [VM_FRIENDS]            = KEPT("friends", &type_vms),
    [VM_BLOBS]              = KEPT("blobs", &type_blobs),
    [VM_COSTS]              = KEPT("costs", &type_costs),
    [VM_DEVICES]            = KEPT("devices", &type_devices),
    [VM_ALLOWED_OPERATIONS] = PASSING("allowed_operations", &type_strings),
    [VM_CURRENT_OPERATIONS] = PASSING("current_operations", &type_config),
    [VM_VBDS]               = DERIVED("VBDs", &type_vbds, CLASS_VBD, VBD_VM),
};
static ModelField vbd_fields[] = {
    [VBD_UUID]       = KEPT("uuid", &type_string),
    [VBD_VM]         = KEPT("VM", &type_vm, .on_delete = ON_DELETE_CASCADE),
    [VBD_VDI]        = KEPT("VDI", &type_vdi, .on_delete = ON_DELETE_NULL),
    [VBD_USERDEVICE] = KEPT("userdevice", &type_string),
};
static ModelField vdi_fields[] = {
    [VDI_UUID]       = KEPT("uuid", &type_string),
    [VDI_NAME_LABEL] = KEPT("name_label", &type_string),
    [VDI_SR]         = KEPT("SR", &type_sr, .on_delete = ON_DELETE_REFUSE),
    [VDI_SIZE]       = KEPT("virtual_size", &type_int),
    [VDI_VBDS]       = DERIVED("VBDs", &type_vbds, CLASS_VBD, VBD_VDI),
};
static ModelField sr_fields[] = {
    [SR_UUID]       = KEPT("uuid", &type_string),
    [SR_NAME_LABEL] = KEPT("name_label", &type_string),
    [SR_VDIS]       = DERIVED("VDIs", &type_vdis, CLASS_VDI, VDI_SR),
};
static ModelField host_fields[] = {
    [HOST_UUID]         = KEPT("uuid", &type_string),
    [HOST_NAME_LABEL]   = KEPT("name_label", &type_string),
    [HOST_RESIDENT_VMS] = DERIVED("resident_VMs", &type_vms, CLASS_VM, VM_RESIDENT_ON),
};
static ModelField task_fields[] = {
    [TASK_UUID]       = KEPT("uuid", &type_string),
    [TASK_NAME_LABEL] = KEPT("name_label", &type_string),
    [TASK_PROGRESS]   = PASSING("progress", &type_float),
    [TASK_SUBTASK_OF] = KEPT("subtask_of", &type_task),
    [TASK_SUBTASKS]   = DERIVED("subtasks", &type_tasks, CLASS_TASK, TASK_SUBTASK_OF),
};
static ModelField session_fields[] = {
    [SESSION_UUID] = PASSING("uuid", &type_string),
};
static ModelField message_fields[] = {
    [MESSAGE_UUID] = KEPT("uuid", &type_string),
    [MESSAGE_NAME] = KEPT("name", &type_string),
};
static ModelField secret_fields[] = {
    [SECRET_UUID]  = KEPT("uuid", &type_string),
    [SECRET_VALUE] = KEPT("value", &type_string),
};

#define CLASS(name_, event_name_, fields_, n_, name_field_, ...)                                                          \
    {.name = name_, .event_name = event_name_, .fields = fields_, .n_fields = n_, .uuid_field = 0,                        \
     .name_label_field = name_field_, .current_operations_field = -1, __VA_ARGS__}

ModelClass model_classes[] = {
    [CLASS_VM]      = CLASS("VM", "vm", vm_fields, VM_N, VM_NAME_LABEL, .is_persistent = TRUE, .has_rows = TRUE, .has_events = TRUE,
                            .allowed_operations_field = VM_ALLOWED_OPERATIONS),
    [CLASS_VBD]     = CLASS("VBD", "vbd", vbd_fields, VBD_N, -1, .is_persistent = TRUE, .has_rows = TRUE, .has_events = TRUE, .allowed_operations_field = -1),
    [CLASS_VDI]     = CLASS("VDI", "vdi", vdi_fields, VDI_N, VDI_NAME_LABEL, .is_persistent = TRUE, .has_rows = TRUE, .has_events = TRUE, .allowed_operations_field = -1),
    [CLASS_SR]      = CLASS("SR", "sr", sr_fields, SR_N, SR_NAME_LABEL, .is_persistent = TRUE, .has_rows = TRUE, .has_events = TRUE, .allowed_operations_field = -1),
    [CLASS_HOST]    = CLASS("host", "host", host_fields, HOST_N, HOST_NAME_LABEL, .is_persistent = TRUE, .has_rows = TRUE, .has_events = TRUE, .allowed_operations_field = -1),
    [CLASS_TASK]    = CLASS("task", "task", task_fields, TASK_N, TASK_NAME_LABEL, .is_persistent = TRUE, .has_rows = TRUE, .has_events = TRUE, .allowed_operations_field = -1),
    [CLASS_SESSION] = CLASS("session", "session", session_fields, SESSION_N, -1, .has_rows = TRUE, .allowed_operations_field = -1),
    [CLASS_EVENT]   = {.name = "event", .event_name = "event", .uuid_field = -1, .name_label_field = -1, .allowed_operations_field = -1, .current_operations_field = -1},
    [CLASS_MESSAGE] = CLASS("message", "message", message_fields, MESSAGE_N, -1, .is_persistent = TRUE, .has_rows = TRUE, .has_events = TRUE, .allowed_operations_field = -1),
    [CLASS_SECRET]  = CLASS("secret", "secret", secret_fields, SECRET_N, -1, .is_persistent = TRUE, .has_rows = TRUE, .allowed_operations_field = -1),
};
/* clang-format on */
const gsize model_n_classes = CLASS_N;
ModelMessage model_messages[1];
const gsize model_n_messages = 0;

/* -- Folders and databases -- */

char *
test_dir_new(void)
{
    g_autoptr(GError) error = NULL;
    char *path = g_dir_make_tmp("xylem-db-XXXXXX", &error);

    g_assert_no_error(error);
    return path;
}

void
test_dir_free(char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);

    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        g_assert_cmpint(g_remove(file), ==, 0);
    }
    g_assert_cmpint(g_rmdir(path), ==, 0);
    g_free(path);
}

static Db *
open_db(const char *path)
{
    g_autoptr(GError) error = NULL;
    DbStore *store = db_store_sqlite_open(path, FALSE, &error);

    g_assert_no_error(error);
    Db *db = db_open(store, &error);
    g_assert_no_error(error);
    return db;
}

Db *
test_db_memory(void)
{
    return open_db(NULL);
}

Db *
test_db_file(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "db", NULL);

    return open_db(path);
}

Db *
test_db_failing(TestFaults *faults)
{
    g_autoptr(GError) error = NULL;
    DbStore *store = db_store_sqlite_open(NULL, FALSE, &error);

    g_assert_no_error(error);
    Db *db = db_open(test_store_failing(store, faults), &error);
    g_assert_no_error(error);
    return db;
}

char *
test_dump(Db *db)
{
    GString *dump = g_string_new(NULL);

    for (gsize i = 0; i < model_n_classes; i++) {
        g_autoptr(GPtrArray) rows = db_get_all(db, (int)i);
        for (guint j = 0; j < rows->len; j++) {
            DbRow *row = rows->pdata[j];
            g_string_append_printf(dump, "%s %s ", model_classes[i].name, row->ref);
            db_row_write_record(db, row, DB_ENCODING_JSON, dump);
            g_string_append_c(dump, '\n');
        }
    }
    return g_string_free(dump, FALSE);
}

static guint64
commit(DbTxn *txn)
{
    g_autoptr(GError) error = NULL;
    guint64 generation = 0;

    db_txn_commit(txn, &generation, &error);
    g_assert_no_error(error);
    return generation;
}

char *
test_insert(Db *db, int class_id, const char *name)
{
    g_autoptr(DbTxn) txn = db_txn_new(db, NULL);
    char *ref = g_strdup(db_txn_insert(txn, class_id, NULL));

    if (name != NULL)
        db_txn_set_string(txn, class_id, ref, model_classes[class_id].name_label_field, name);
    commit(txn);
    return ref;
}

void
test_make(Db *db, int class_id, const char *name)
{
    g_free(test_insert(db, class_id, name));
}

guint64
test_set(Db *db, int class_id, const char *ref, int field, Value *value)
{
    g_autoptr(DbTxn) txn = db_txn_new(db, NULL);

    db_txn_set(txn, class_id, ref, field, value);
    return commit(txn);
}

guint64
test_delete(Db *db, int class_id, const char *ref)
{
    g_autoptr(DbTxn) txn = db_txn_new(db, NULL);

    db_txn_delete(txn, class_id, ref);
    return commit(txn);
}

/* -- Assertions -- */

void
test_assert_refs(Value *value, ...)
{
    va_list refs;
    gsize n = 0;

    g_assert_cmpint(value_kind(value), ==, VALUE_ARRAY);
    va_start(refs, value);
    for (const char *ref; (ref = va_arg(refs, const char *)) != NULL; n++) {
        g_assert_cmpuint(n, <, value_size(value));
        g_assert_cmpstr(value_get_string(value_array_get(value, n)), ==, ref);
    }
    va_end(refs);
    g_assert_cmpuint(value_size(value), ==, n);
    value_unref(value);
}

void
test_assert_api_error(GError **error, const char *code, ...)
{
    va_list expected;

    g_assert_nonnull(*error);
    g_assert_cmpuint((*error)->domain, ==, API_ERROR);
    g_assert_cmpstr(api_error_code(*error), ==, code);
    const char *const *params = api_error_params(*error);
    va_start(expected, code);
    for (const char *param; (param = va_arg(expected, const char *)) != NULL; params++)
        g_assert_cmpstr(*params, ==, param);
    va_end(expected);
    g_assert_null(*params);
    g_clear_error(error);
}

/* -- A store that fails -- */

typedef struct FailingStore {
    DbStore store; /* first */
    DbStore *inner;
    TestFaults *faults;
} FailingStore;

static gboolean
is_poison(const StoreChange *change)
{
    int field = model_classes[change->class_id].name_label_field;

    return change->fields != NULL && field >= 0 &&
           strcmp(value_get_string(change->fields[field]), "poison") == 0;
}

static gboolean
inject_fault(FailingStore *failing, const StoreChange *changes, gsize n_changes, GError **error)
{
    TestFaults *faults = failing->faults;

    faults->n_calls++;
    if (faults->fail_from > 0 && faults->n_calls >= faults->fail_from && faults->n_calls <= faults->fail_to)
        return base_error_set(error, BASE_ERROR_IO, "injected");
    for (gsize i = 0; faults->is_poisoned && i < n_changes; i++)
        if (is_poison(&changes[i]))
            return base_error_set(error, BASE_ERROR_IO, "poisoned");
    return TRUE;
}

static gboolean
failing_read_all(DbStore *store, StoreRowVisit row, StoreDeletionVisit deletion, gpointer data,
                 StoreState *ret_state, GError **error)
{
    DbStore *inner = ((FailingStore *)store)->inner;

    return inner->vtable->read_all(inner, row, deletion, data, ret_state, error);
}

static gboolean
failing_apply(DbStore *store, guint64 generation, const StoreChange *changes, gsize n_changes, GError **error)
{
    FailingStore *failing = (FailingStore *)store;

    return inject_fault(failing, changes, n_changes, error) &&
           failing->inner->vtable->apply(failing->inner, generation, changes, n_changes, error);
}

static gboolean
failing_reserve(DbStore *store, guint64 generation, GError **error)
{
    FailingStore *failing = (FailingStore *)store;

    return inject_fault(failing, NULL, 0, error) &&
           failing->inner->vtable->reserve(failing->inner, generation, error);
}

static void
failing_close(DbStore *store, guint64 generation)
{
    DbStore *inner = ((FailingStore *)store)->inner;

    inner->vtable->close(inner, generation);
    g_free(store);
}

static const DbStoreVtable failing_vtable = {failing_read_all, failing_apply, failing_reserve, failing_close};

DbStore *
test_store_failing(DbStore *inner, TestFaults *faults)
{
    FailingStore *failing = g_new(FailingStore, 1);

    *failing = (FailingStore){{&failing_vtable, FALSE}, inner, faults};
    return &failing->store;
}
