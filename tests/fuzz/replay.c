/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs a target without libFuzzer: over each file of the folders given, and over a fixed number of changes to
 * it, the same ones each time. */
#include "fuzz.h"

#include <string.h>

#define CHANGES  64 /* of each file */
#define SEED_MAX (1024 * 1024)
#define LARGE    (64 * 1024) /* such files are run as they are */
#define COPY_MAX 8

typedef struct Seed {
    guint8 *bytes;
    gsize size;
} Seed;

static void
seed_free(gpointer data)
{
    Seed *seed = data;
    g_free(seed->bytes);
    g_free(seed);
}

/* A buffer of its own for each run, so that a sanitizer sees what reads past its end. */
static void
run(const guint8 *bytes, gsize size)
{
    g_autofree guint8 *copy = g_malloc(MAX(size, 1)); /* never NULL, as libFuzzer has it */
    if (size > 0)
        memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
}

static void
run_shortened(const Seed *seed, GRand *random)
{
    run(seed->bytes, (gsize)g_rand_int_range(random, 0, (gint32)seed->size));
}

static void
run_with_a_byte_changed(const Seed *seed, GRand *random)
{
    g_autofree guint8 *copy = g_memdup2(seed->bytes, seed->size);
    copy[g_rand_int_range(random, 0, (gint32)seed->size)] = (guint8)g_rand_int_range(random, 0, 256);
    run(copy, seed->size);
}

/* Some bytes once more, elsewhere. */
static void
run_with_a_copy(const Seed *seed, GRand *random)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    gsize from = (gsize)g_rand_int_range(random, 0, (gint32)seed->size);
    gsize to = (gsize)g_rand_int_range(random, 0, (gint32)seed->size);
    gsize wanted = (gsize)g_rand_int_range(random, 1, COPY_MAX + 1);
    gsize length = MIN(wanted, seed->size - from);
    g_byte_array_append(bytes, seed->bytes, (guint)to);
    g_byte_array_append(bytes, seed->bytes + from, (guint)length);
    g_byte_array_append(bytes, seed->bytes + to, (guint)(seed->size - to));
    run(bytes->data, bytes->len);
}

static void
test_seed(gconstpointer data)
{
    static void (*const changes[])(const Seed *, GRand *) = {run_shortened, run_with_a_byte_changed,
                                                             run_with_a_copy};
    const Seed *seed = data;
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    run(seed->bytes, seed->size);
    for (guint i = 0; i < CHANGES && seed->size > 0 && seed->size < LARGE; i++)
        changes[i % G_N_ELEMENTS(changes)](seed, random);
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *
list_folder(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) folder = g_dir_open(path, 0, &error);
    g_assert_no_error(error);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    const char *name;
    while ((name = g_dir_read_name(folder)) != NULL)
        g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_names);
    return names;
}

/* A test for each file of @path; its last part is the target's name. */
static void
add_folder(const char *path)
{
    g_autoptr(GPtrArray) names = list_folder(path);
    g_autofree char *target = g_path_get_basename(path);
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        g_autofree char *file = g_build_filename(path, name, NULL);
        g_autofree char *test = g_strdup_printf("/fuzz/%s/%s", target, name);
        g_autoptr(GError) error = NULL;
        Seed *seed = g_new0(Seed, 1);
        g_file_get_contents(file, (char **)&seed->bytes, &seed->size, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(seed->size, <=, SEED_MAX);
        g_test_add_data_func_full(test, seed, test_seed, seed_free);
    }
}

int
main(int argc, char **argv)
{
    LLVMFuzzerInitialize(&argc, &argv);
    g_test_init(&argc, &argv, NULL);
    for (int i = 1; i < argc; i++)
        add_folder(argv[i]);
    return g_test_run();
}
