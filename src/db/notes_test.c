/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Notes of what was shown: what is believed of a file that was left behind. */
#include "db/notes.h"

#include "db/test_model.h"
#include <string.h>

static char *
read_file(const char *path)
{
    char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

static void
assert_notes(const char *path, guint64 generation, const char *const *keys, guint n_keys)
{
    g_autoptr(GHashTable) found = db_notes_read(path, generation);

    g_assert_nonnull(found);
    g_assert_cmpuint(g_hash_table_size(found), ==, n_keys);
    for (guint i = 0; i < n_keys; i++)
        g_assert_true(g_hash_table_contains(found, keys[i]));
}

static void
test_what_was_flushed_is_read(void)
{
    static const char *const keys[] = {"VM OpaqueRef:1", "host OpaqueRef:2"};
    char *dir = test_dir_new();
    g_autofree char *path = g_build_filename(dir, "notes", NULL);
    DbNotes *notes = db_notes_new(path, 7);

    assert_notes(path, 7, keys, 0);
    db_notes_add(notes, "VM", "OpaqueRef:1");
    assert_notes(path, 7, keys, 0);
    db_notes_flush(notes);
    db_notes_add(notes, "host", "OpaqueRef:2");
    db_notes_flush(notes);
    assert_notes(path, 9, keys, 2);
    db_notes_free(notes, FALSE);
    assert_notes(path, 9, keys, 2);
    db_notes_free(db_notes_new(path, 8), TRUE);
    g_assert_null(db_notes_read(path, 9)); /* settled: nothing is left */
    test_dir_free(dir);
}

static void
test_foreign_files_are_not_believed(void)
{
    static const char *const texts[] = {"", "\n", "xylem-shown\n",
                                        "xylem-shown another-boot 1\nVM OpaqueRef:1\n", "nonsense"};
    char *dir = test_dir_new();
    g_autofree char *path = g_build_filename(dir, "notes", NULL);

    g_assert_null(db_notes_read(path, 9));
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_assert_true(g_file_set_contents(path, texts[i], -1, NULL));
        g_assert_null(db_notes_read(path, 9));
    }
    db_notes_free(db_notes_new(path, 10), FALSE);
    g_assert_null(db_notes_read(path, 9)); /* of a database that went on further than this one */
    test_dir_free(dir);
}

static void
test_a_torn_line_is_left_out(void)
{
    static const char *const keys[] = {"VM OpaqueRef:1"};
    char *dir = test_dir_new();
    g_autofree char *path = g_build_filename(dir, "notes", NULL);
    DbNotes *notes = db_notes_new(path, 7);

    db_notes_add(notes, "VM", "OpaqueRef:1");
    db_notes_add(notes, "VM", "OpaqueRef:2");
    db_notes_flush(notes);
    db_notes_free(notes, FALSE);
    g_autofree char *text = read_file(path);
    g_assert_true(g_file_set_contents(path, text, (gssize)strlen(text) - 1, NULL));
    assert_notes(path, 7, keys, 1);
    test_dir_free(dir);
}

static void
test_rewriting_drops_what_is_not_added(void)
{
    static const char *const keys[] = {"VM OpaqueRef:last"};
    char *dir = test_dir_new();
    g_autofree char *path = g_build_filename(dir, "notes", NULL);
    DbNotes *notes = db_notes_new(path, 7);

    for (int i = 0; !db_notes_is_long(notes); i++) {
        g_autofree char *ref = g_strdup_printf("OpaqueRef:%d", i);
        db_notes_add(notes, "VM", ref);
        if (i % 1000 == 0)
            db_notes_flush(notes);
    }
    db_notes_rewrite_begin(notes);
    db_notes_add(notes, "VM", "OpaqueRef:last");
    db_notes_rewrite_end(notes);
    assert_notes(path, 7, keys, 1);
    g_assert_false(db_notes_is_long(notes));
    db_notes_free(notes, TRUE);
    test_dir_free(dir);
}

static void
test_who_cannot_write_leaves_nothing_to_believe(void)
{
    char *dir = test_dir_new();
    g_autofree char *path = g_build_filename(dir, "no-such-folder", "notes", NULL);

    DbNotes *notes = db_notes_new(path, 7);
    db_notes_add(notes, "VM", "OpaqueRef:1");
    db_notes_flush(notes);
    g_assert_null(db_notes_read(path, 9));
    db_notes_free(notes, TRUE);
    test_dir_free(dir);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/db/notes/what-was-flushed-is-read", test_what_was_flushed_is_read);
    g_test_add_func("/db/notes/foreign-files-are-not-believed", test_foreign_files_are_not_believed);
    g_test_add_func("/db/notes/a-torn-line-is-left-out", test_a_torn_line_is_left_out);
    g_test_add_func("/db/notes/rewriting-drops-what-is-not-added", test_rewriting_drops_what_is_not_added);
    g_test_add_func("/db/notes/who-cannot-write-leaves-nothing-to-believe",
                    test_who_cannot_write_leaves_nothing_to_believe);
    return g_test_run();
}
