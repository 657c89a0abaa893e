/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* db_check() finds what the model does not allow, and nothing else. */
#include "db/db.h"

#include "db/test_model.h"
#include <sqlite3.h>
#include <string.h>

static void
collect(gpointer data, const char *line)
{
    g_ptr_array_add(data, g_strdup(line));
}

static void
edit(const char *path, const char *sql)
{
    sqlite3 *handle = NULL;

    g_assert_cmpint(sqlite3_open(path, &handle), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(handle, sql, NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(handle);
}

typedef struct CheckCase {
    const char *name, *sql, *words;
} CheckCase;

static const CheckCase cases[] = {
    {"nothing-to-say", "SELECT 1", NULL},
    {"unknown-enum-member", "UPDATE VM SET power_state = 'Flying' WHERE name_label = 'a'",
     "power_state: \"Flying\" is no vm_power_state"},
    {"unknown-member-in-set", "UPDATE VM SET devices = '[\"disk\",\"tape\"]' WHERE name_label = 'a'",
     "devices: "},
    {"lost-ref", "UPDATE VBD SET VM = 'OpaqueRef:none'",
     "VM: names the VM OpaqueRef:none, which does not exist"},
    {"lost-ref-in-set", "UPDATE VM SET friends = '[\"OpaqueRef:none\"]' WHERE name_label = 'a'",
     "friends: names the VM OpaqueRef:none"},
    {"lost-ref-in-map", "UPDATE VM SET blobs = '{\"x\":\"OpaqueRef:none\"}' WHERE name_label = 'a'",
     "blobs: names the VDI OpaqueRef:none"},
    {"lost-ref-as-key", "UPDATE VM SET costs = '{\"OpaqueRef:none\":1}' WHERE name_label = 'a'",
     "costs: names the host OpaqueRef:none"},
    {"uuid-twice", "UPDATE VM SET uuid = 'same'", "uuid: OpaqueRef:"},
};

static void
test_case(gconstpointer data)
{
    const CheckCase *check_case = data;
    char *dir = test_dir_new();
    g_autofree char *path = g_build_filename(dir, "db", NULL);
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;
    Db *db = test_db_file(dir);
    g_autofree char *a = test_insert(db, CLASS_VM, "a");
    test_make(db, CLASS_VM, "b");
    g_autofree char *vbd = test_insert(db, CLASS_VBD, NULL);

    test_set(db, CLASS_VBD, vbd, VBD_VM, value_string(a));
    g_assert_cmpuint(db_check(db, collect, lines), ==, 0);
    db_close(db);
    edit(path, check_case->sql);
    db = db_open(db_store_sqlite_open(path, TRUE, &error), &error);
    g_assert_no_error(error);
    g_assert_cmpuint(db_check(db, collect, lines), ==, check_case->words != NULL ? 1 : 0);
    g_assert_cmpuint(lines->len, ==, check_case->words != NULL ? 1 : 0);
    if (check_case->words != NULL)
        g_assert_nonnull(strstr(lines->pdata[0], check_case->words));
    db_close(db);
    test_dir_free(dir);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/db/check/%s", cases[i].name);
        g_test_add_data_func(path, &cases[i], test_case);
    }
    return g_test_run();
}
