/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz target: expressions of get_all_where, read for several classes and evaluated on rows. */
#include "fuzz.h"

#include "model/classes.h"
#include "rpc/where.h"

static const struct Subject {
    int class_id;
    const char *ref;
} subjects[] = {{CLASS_VM, FUZZ_VM}, {CLASS_HOST, FUZZ_HOST}, {CLASS_TASK, FUZZ_TASK}};

int
LLVMFuzzerInitialize(int *count, char ***words)
{
    fuzz_init();
    return 0;
}

/* An expression and its denial differ, and an expression is itself in parentheses. */
static void
check_logic(const struct Subject *subject, const char *text, gboolean truth, Db *db, const DbRow *row)
{
    g_autofree char *denied = g_strdup_printf("not (%s)", text);
    g_autoptr(Where) where = where_parse(&model_classes[subject->class_id], denied, NULL);
    if (where != NULL) /* may be one level too deep */
        g_assert_cmpint(where_matches(where, db, row), ==, !truth);
}

static void
check(FuzzWorld *world, const struct Subject *subject, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Where) where = where_parse(&model_classes[subject->class_id], text, &error);
    g_assert_true((where == NULL) == (error != NULL));
    if (where == NULL)
        return;
    g_autoptr(DbRow) row = db_get(world->cli->db, subject->class_id, subject->ref);
    gboolean truth = where_matches(where, world->cli->db, row);
    g_assert_true(truth == TRUE || truth == FALSE);
    check_logic(subject, text, truth, world->cli->db, row);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    FuzzWorld *world = fuzz_world();
    g_autofree char *text = fuzz_text(data, size);
    if (!g_utf8_validate(text, -1, NULL))
        return 0; /* refused where calls are read */
    for (gsize i = 0; i < G_N_ELEMENTS(subjects); i++)
        check(world, &subjects[i], text);
    return 0;
}
