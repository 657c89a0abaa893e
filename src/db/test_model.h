/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A small model of our own for the tests of database and events: it defines model_classes, so a test program
 * has it instead of the product's. Also helpers to open databases and make rows in one line. */
#pragma once

#include "db/db.h"

/* clang-format off */
enum { CLASS_VM, CLASS_VBD, CLASS_VDI, CLASS_SR, CLASS_HOST, CLASS_TASK, CLASS_SESSION, CLASS_EVENT, CLASS_MESSAGE, CLASS_SECRET, CLASS_N };
enum { VM_UUID, VM_NAME_LABEL, VM_MEMORY, VM_WEIGHT, VM_IS_TEMPLATE, VM_POWER_STATE, VM_START_TIME, VM_OTHER_CONFIG, VM_TAGS,
       VM_RESIDENT_ON, VM_FRIENDS, VM_BLOBS, VM_COSTS, VM_DEVICES, VM_ALLOWED_OPERATIONS, VM_CURRENT_OPERATIONS, VM_VBDS, VM_N };
enum { VBD_UUID, VBD_VM, VBD_VDI, VBD_USERDEVICE, VBD_N };
enum { VDI_UUID, VDI_NAME_LABEL, VDI_SR, VDI_SIZE, VDI_VBDS, VDI_N };
enum { SR_UUID, SR_NAME_LABEL, SR_VDIS, SR_N };
enum { HOST_UUID, HOST_NAME_LABEL, HOST_RESIDENT_VMS, HOST_N };
enum { TASK_UUID, TASK_NAME_LABEL, TASK_PROGRESS, TASK_SUBTASK_OF, TASK_SUBTASKS, TASK_N };
enum { SESSION_UUID, SESSION_N };
enum { MESSAGE_UUID, MESSAGE_NAME, MESSAGE_N };
enum { SECRET_UUID, SECRET_VALUE, SECRET_N };
/* clang-format on */

/** test_dir_new: an empty folder; test_dir_free removes it with what is in it. */
char *test_dir_new(void);
void test_dir_free(char *path);

/** test_db_memory: an empty database in memory. test_db_file: of "db" in @dir. */
Db *test_db_memory(void);
Db *test_db_file(const char *dir);
/** test_db_failing: in memory, over test_store_failing(). */
struct TestFaults;
Db *test_db_failing(struct TestFaults *faults);

/** test_dump: every row with all its fields, as text to compare. The caller frees it. */
char *test_dump(Db *db);

/** test_insert: one row with @name as its name_label, if the class has one. Returns the ref: the caller's. */
char *test_insert(Db *db, int class_id, const char *name);
/** test_make: the same, for rows that only have to be there. */
void test_make(Db *db, int class_id, const char *name);
/** test_set: one field in one transaction, which must succeed. Takes over @value. Returns the generation. */
guint64 test_set(Db *db, int class_id, const char *ref, int field, Value *value);
guint64 test_delete(Db *db, int class_id, const char *ref);

/** test_assert_refs: that @value is an array of exactly these refs in this order; the list ends with NULL.
 * Takes over @value. */
void test_assert_refs(Value *value, ...) G_GNUC_NULL_TERMINATED;
/** test_assert_api_error: that *@error is this API error with exactly these parameters; clears it. */
void test_assert_api_error(GError **error, const char *code, ...) G_GNUC_NULL_TERMINATED;

/** test_store_failing: (transfer full): @inner, but the apply()s and reserve()s with these numbers (from 1,
 * counted together) fail; 0 for none. */
typedef struct TestFaults {
    guint n_calls;
    guint fail_from, fail_to;
    gboolean is_poisoned; /* fails any batch with a row whose name_label is "poison" */
} TestFaults;
DbStore *test_store_failing(DbStore *inner, TestFaults *faults);
