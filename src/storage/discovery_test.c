/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which programs become plugins, and what is known of them. */
#include "storage/storage.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "storage/test_plugin.h"

static char *
types_of(Storage *storage)
{
    g_autoptr(GPtrArray) plugins = storage_plugins(storage);
    g_autoptr(GString) types = g_string_new(NULL);
    for (guint i = 0; i < plugins->len; i++) {
        const StoragePlugin *plugin = plugins->pdata[i];
        g_string_append_printf(types, "%s ", plugin->type);
    }
    return g_string_free(g_steal_pointer(&types), FALSE);
}

static void
assert_types(Storage *storage, const char *expected)
{
    g_autofree char *types = types_of(storage);
    g_assert_cmpstr(types, ==, expected);
}

static void
test_finds_by_name_and_mode(void)
{
    TestPlugins plugins;
    test_plugins_init(&plugins);
    test_plugins_write(&plugins, "NFSSR", "nil");
    g_autofree char *one = test_plugins_path(&plugins, "NFSSR");
    test_plugins_write(&plugins, "DummySR", "nil");
    test_plugins_write(&plugins, "OtherSR.py", "nil");
    g_autofree char *three = test_plugins_path(&plugins, "OtherSR.py");
    test_plugins_write(&plugins, "SR", "nil");
    test_plugins_write_raw(&plugins, "PlainSR", "no program", 0600);
    g_autofree char *folder = g_build_filename(plugins.plugin_directory, "FolderSR", NULL);
    g_autofree char *link = g_build_filename(plugins.plugin_directory, "LinkedSR", NULL);
    g_assert_cmpint(g_mkdir(folder, 0700), ==, 0);
    g_assert_cmpint(symlink(three, link), ==, 0);

    g_autoptr(Storage) storage = test_plugins_storage(&plugins);
    assert_types(storage, "dummy linked nfs ");
    g_autoptr(StoragePlugin) plugin = storage_find_plugin(storage, "NFS");
    g_assert_nonnull(plugin);
    g_assert_cmpstr(plugin->driver_filename, ==, one);
    test_plugins_clear(&plugins);
}

static void
test_reads_the_description(void)
{
    TestPlugins plugins;
    test_plugins_init(&plugins);
    test_plugins_write(&plugins, "FakeSR", "nil");
    g_autoptr(Storage) storage = test_plugins_storage(&plugins);
    g_autoptr(StoragePlugin) plugin = storage_find_plugin(storage, "fake");

    g_assert_cmpstr(plugin->name, ==, "Fake");
    g_assert_cmpstr(plugin->description, ==, "for tests");
    g_assert_cmpstr(plugin->vendor, ==, "Xylem");
    g_assert_cmpstr(plugin->driver_version, ==, "1.0");
    g_assert_cmpstr(plugin->required_api_version, ==, "1.1");
    g_assert_cmpstr(value_map_get_string(plugin->configuration, "place", NULL), ==, "where");
    g_assert_true(storage_plugin_has(plugin, "VDI_CREATE"));
    g_assert_cmpint(value_get_int(value_map_get(plugin->features, "VDI_CREATE")), ==, 1);
    g_assert_cmpint(value_get_int(value_map_get(plugin->features, "VDI_RESET_ON_BOOT")), ==, 2);
    g_assert_false(storage_plugin_has(plugin, "ATOMIC_PAUSE"));
    g_assert_cmpuint(value_size(plugin->capabilities), ==, value_size(plugin->features));
    test_plugins_clear(&plugins);
}

/* What hangs is waited for in vain, so the limit is short at first: it grows until @type has had enough time.
 */
static Storage *
storage_once_it_answers(TestPlugins *plugins, const char *type)
{
    const char *directories[] = {plugins->plugin_directory, NULL};
    for (guint timeout_ms = 300;; timeout_ms *= 2) {
        StorageOptions options = {
            .plugin_directories = directories,
            .state_directory = plugins->state_directory,
            .info_timeout_ms = timeout_ms,
        };
        g_autoptr(Storage) storage = storage_new_with_options(&options, NULL);
        g_autoptr(StoragePlugin) plugin = storage_find_plugin(storage, type);
        if (plugin != NULL)
            return g_steal_pointer(&storage);
        g_assert_cmpuint(timeout_ms, <, 60000);
    }
}

static void
test_broken_ones_are_left_out(void)
{
    TestPlugins plugins;
    test_plugins_init(&plugins);
    test_plugins_write(&plugins, "GoodSR", "nil");
    test_plugins_write_raw(&plugins, "FailsSR", "#!/bin/sh\nexit 1\n", 0700);
    test_plugins_write_raw(&plugins, "GarbageSR", "#!/bin/sh\necho x\n", 0700);
    test_plugins_write_raw(&plugins, "HangsSR", "#!/bin/sh\nexec sleep 1000\n", 0700);
    test_plugins_write_raw(&plugins, "NoneSR", "#!/nonexistent\n", 0700);
    test_plugins_write_raw(
        &plugins, "NilSR",
        "#!/bin/sh\necho "
        "'<methodResponse><params><param><value><nil/></value></param></params></methodResponse>'\n",
        0700);

    g_autoptr(Storage) storage = storage_once_it_answers(&plugins, "good");
    assert_types(storage, "good ");
    g_autoptr(GPtrArray) broken = storage_broken_plugins(storage);
    g_assert_cmpuint(broken->len, ==, 5);
    for (guint i = 0; i < broken->len; i++) {
        const StorageBrokenPlugin *plugin = broken->pdata[i];
        g_assert_cmpstr(plugin->reason, !=, "");
    }
    test_plugins_clear(&plugins);
}

static void
test_rescan_follows_changes(void)
{
    TestPlugins plugins;
    test_plugins_init(&plugins);
    test_plugins_write(&plugins, "OneSR", "nil");
    g_autofree char *one = test_plugins_path(&plugins, "OneSR");
    g_autoptr(Storage) storage = test_plugins_storage(&plugins);
    g_autoptr(StoragePlugin) kept = storage_find_plugin(storage, "one");
    assert_types(storage, "one ");

    g_unlink(one);
    test_plugins_write(&plugins, "TwoSR", "nil");
    storage_rescan_plugins(storage);
    assert_types(storage, "two ");
    g_assert_cmpstr(kept->type, ==, "one");
    test_plugins_clear(&plugins);
}

static void
test_first_directory_wins(void)
{
    TestPlugins mine, theirs;
    test_plugins_init(&mine);
    test_plugins_init(&theirs);
    test_plugins_write(&mine, "FakeSR", "nil");
    g_autofree char *first = test_plugins_path(&mine, "FakeSR");
    test_plugins_write(&theirs, "FakeSR", "nil");
    test_plugins_write(&theirs, "OtherSR", "nil");

    const char *directories[] = {"/nonexistent", mine.plugin_directory, theirs.plugin_directory, NULL};
    g_autoptr(Storage) storage = storage_new(directories, mine.state_directory, NULL);
    assert_types(storage, "fake other ");
    g_autoptr(StoragePlugin) plugin = storage_find_plugin(storage, "fake");
    g_assert_cmpstr(plugin->driver_filename, ==, first);
    test_plugins_clear(&mine);
    test_plugins_clear(&theirs);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/storage/discovery/finds-executables-ending-in-SR", test_finds_by_name_and_mode);
    g_test_add_func("/storage/discovery/reads-the-description", test_reads_the_description);
    g_test_add_func("/storage/discovery/broken-ones-are-left-out", test_broken_ones_are_left_out);
    g_test_add_func("/storage/discovery/rescan-follows-changes", test_rescan_follows_changes);
    g_test_add_func("/storage/discovery/first-directory-wins", test_first_directory_wins);
    return g_test_run();
}
