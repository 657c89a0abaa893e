/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Expressions: what they match, and what is refused. */
#include "rpc/where.h"

#include "model/api_error.h"
#include "model/classes.h"

typedef struct Fixture {
    Db *db;
    DbRow *vm;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    fixture->db = db_open(db_store_sqlite_open(NULL, FALSE, &error), &error);
    g_assert_no_error(error);
    g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
    const char *ref = db_txn_insert(txn, CLASS_VM, NULL);
    db_txn_set_string(txn, CLASS_VM, ref, VM_NAME_LABEL, "web");
    db_txn_set_int(txn, CLASS_VM, ref, VM_VCPUS_MAX, 4);
    db_txn_set_bool(txn, CLASS_VM, ref, VM_IS_A_TEMPLATE, TRUE);
    db_txn_map_put(txn, CLASS_VM, ref, VM_OTHER_CONFIG, "owner", value_string("o'hara"));
    g_autofree char *kept = g_strdup(ref);
    g_assert_true(db_txn_commit(txn, NULL, &error));
    fixture->vm = db_get(fixture->db, CLASS_VM, kept);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    db_row_unref(fixture->vm);
    db_close(fixture->db);
}

static const struct MatchCase {
    const char *text;
    gboolean matches;
} match_cases[] = {
    {"true", TRUE},
    {"false", FALSE},
    {"not false", TRUE},
    {"field \"name__label\" = \"web\"", TRUE},
    {"field \"name_label\"=\"web\"", TRUE},
    {"\"web\" = field \"name__label\"", TRUE},
    {"field \"name__label\" = \"Web\"", FALSE},
    {"field \"VCPUs__max\" = \"4\"", TRUE},
    {"field \"is_a_template\" = \"true\"", TRUE},
    {"field \"other_config\" = \"(('owner' 'o\\'hara'))\"", TRUE},
    {"field \"tags\" = \"()\"", TRUE},
    {"true or true and false", FALSE}, /* left to right, alike */
    {"true or (true and false)", TRUE},
    {"not (field \"name__label\" = \"web\" and true)", FALSE},
    {"not true or true", TRUE},
};

static void
test_matches(Fixture *fixture, gconstpointer data)
{
    for (gsize i = 0; i < G_N_ELEMENTS(match_cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Where) where = where_parse(&model_classes[CLASS_VM], match_cases[i].text, &error);
        g_assert_no_error(error);
        if (where_matches(where, fixture->db, fixture->vm) != match_cases[i].matches)
            g_error("%s", match_cases[i].text);
    }
}

static void
test_refused(Fixture *fixture, gconstpointer data)
{
    static const char *const texts[] = {"",          "tru",     "truex",       "field \"nosuch\" = \"x\"",
                                        "\"a\"",     "\"a\" =", "\"a\" = \"b", "(true",
                                        "true true", "not",     "true and",    "field name = \"x\""};
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(where_parse(&model_classes[CLASS_VM], texts[i], &error));
        g_assert_true(api_error_is(error, "INVALID_VALUE"));
        g_assert_cmpstr(api_error_params(error)[0], ==, texts[i]);
    }
}

static void
test_depth(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (int i = 0; i < 100000; i++)
        g_string_append(text, i % 2 == 0 ? "(" : "not ");
    g_autoptr(GError) error = NULL;
    g_assert_null(where_parse(&model_classes[CLASS_VM], text->str, &error));
    g_assert_true(api_error_is(error, "INVALID_VALUE"));
}

/* Rows of terms within rows of terms: the tree is as deep as all of them together. */
static void
test_length(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (int i = 0; i < 10; i++)
        g_string_append_c(text, '(');
    g_string_append(text, "true");
    for (int i = 0; i < 10; i++) {
        for (int k = 0; k < 500; k++)
            g_string_append(text, " and true");
        g_string_append_c(text, ')');
    }
    g_autoptr(GError) error = NULL;
    g_assert_null(where_parse(&model_classes[CLASS_VM], text->str, &error));
    g_assert_true(api_error_is(error, "INVALID_VALUE"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    model_init();
    g_test_add("/rpc/where/matches-what-it-says", Fixture, NULL, set_up, test_matches, tear_down);
    g_test_add("/rpc/where/refuses-what-it-cannot-read", Fixture, NULL, set_up, test_refused, tear_down);
    g_test_add("/rpc/where/refuses-deep-nesting", Fixture, NULL, set_up, test_depth, tear_down);
    g_test_add("/rpc/where/refuses-too-many-terms", Fixture, NULL, set_up, test_length, tear_down);
    return g_test_run();
}
