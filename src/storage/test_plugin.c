/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plugins made by tests. */
#include "storage/test_plugin.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define INFO                                                                                                 \
    "<struct><member><name>name</name><value>Fake</value></member>"                                          \
    "<member><name>description</name><value>for tests</value></member>"                                      \
    "<member><name>vendor</name><value>Xylem</value></member>"                                               \
    "<member><name>copyright</name><value>none</value></member>"                                             \
    "<member><name>driver_version</name><value>1.0</value></member>"                                         \
    "<member><name>required_api_version</name><value>1.1</value></member>"                                   \
    "<member><name>capabilities</name><value><array><data><value>SR_PROBE</value><value>SR_UPDATE</value>"   \
    "<value>VDI_CREATE</value><value>VDI_DELETE</value><value>VDI_ATTACH</value><value>VDI_DETACH</value>"   \
    "<value>VDI_ACTIVATE</value><value>VDI_DEACTIVATE</value><value>VDI_SNAPSHOT</value><value>VDI_RESIZE</" \
    "value>"                                                                                                 \
    "<value>VDI_RESET_ON_BOOT/2</value><value>ATOMIC_PAUSE</value></data></array></value></member>"          \
    "<member><name>configuration</name><value><array><data><value><struct>"                                  \
    "<member><name>key</name><value>place</value></member>"                                                  \
    "<member><name>description</name><value>where</value></member>"                                          \
    "</struct></value></data></array></value></member></struct>"

/* $0 is <root>/sm/<name>. */
static const char script_head[] =
    "#!/bin/sh\n"
    "root=${0%/*}/..\n"
    "call=${1#*<methodName>}; call=${call%%</methodName>*}\n"
    "reply() { printf '<?xml "
    "version=\"1.0\"?><methodResponse><params><param><value>%s</value></param></params>"
    "</methodResponse>' \"$1\"; }\n"
    "nil() { reply '<nil/>'; }\n"
    "fault() { printf '<?xml "
    "version=\"1.0\"?><methodResponse><fault><value><struct><member><name>faultCode</name><value>"
    "<int>%s</int></value></member><member><name>faultString</name><value>%s</value></member></struct></"
    "value></fault>"
    "</methodResponse>' \"$1\" \"$2\"; }\n"
    "if [ \"$call\" = sr_get_driver_info ]; then reply '" INFO "'; exit 0; fi\n"
    "echo \"$call\" >> \"$root/calls\"\n";

void
test_plugins_init(TestPlugins *plugins)
{
    plugins->root = g_dir_make_tmp("xylem-storage-XXXXXX", NULL);
    g_assert_nonnull(plugins->root);
    plugins->plugin_directory = g_build_filename(plugins->root, "sm", NULL);
    plugins->state_directory = g_build_filename(plugins->root, "state", NULL);
    g_assert_cmpint(g_mkdir(plugins->plugin_directory, 0700), ==, 0);
    g_assert_cmpint(g_mkdir(plugins->state_directory, 0700), ==, 0);
}

static void
remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    for (const char *name = dir == NULL ? NULL : g_dir_read_name(dir); name != NULL;
         name = g_dir_read_name(dir)) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        if (g_file_test(child, G_FILE_TEST_IS_DIR) && !g_file_test(child, G_FILE_TEST_IS_SYMLINK))
            remove_tree(child);
        else
            g_unlink(child);
    }
    g_rmdir(path);
}

void
test_plugins_clear(TestPlugins *plugins)
{
    remove_tree(plugins->root);
    g_free(plugins->root);
    g_free(plugins->plugin_directory);
    g_free(plugins->state_directory);
}

char *
test_plugins_path(const TestPlugins *plugins, const char *name)
{
    return g_build_filename(plugins->plugin_directory, name, NULL);
}

void
test_plugins_write_raw(const TestPlugins *plugins, const char *name, const char *text, int mode)
{
    g_autofree char *path = test_plugins_path(plugins, name);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_assert_cmpint(g_chmod(path, mode), ==, 0);
}

void
test_plugins_write(const TestPlugins *plugins, const char *name, const char *body)
{
    g_autofree char *text = g_strconcat(script_head, body, "\n", NULL);
    test_plugins_write_raw(plugins, name, text, 0700);
}

char *
test_plugins_calls(const TestPlugins *plugins)
{
    g_autofree char *path = g_build_filename(plugins->root, "calls", NULL);
    char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return g_strdup("");
    g_unlink(path);
    return g_strdelimit(text, "\n", ' ');
}

Storage *
test_plugins_storage(const TestPlugins *plugins)
{
    g_autoptr(GError) error = NULL;
    const char *directories[] = {plugins->plugin_directory, NULL};
    Storage *storage = storage_new(directories, plugins->state_directory, &error);
    g_assert_no_error(error);
    return storage;
}

StorageCall
test_call(const char *sr_type)
{
    return (StorageCall){
        .host_ref = "OpaqueRef:host",
        .session_ref = "OpaqueRef:session",
        .sr_ref = "OpaqueRef:sr",
        .sr_uuid = TEST_SR_UUID,
        .sr_type = sr_type,
        .is_sr_master = TRUE,
        .vdi_ref = "OpaqueRef:vdi",
        .vdi_uuid = TEST_VDI_UUID,
        .vdi_location = "there",
    };
}

void
test_assert_error(GError **error, StorageError code, const char *wire_code, const char *params)
{
    g_assert_error(*error, STORAGE_ERROR, (int)code);
    g_assert_cmpstr(storage_error_code(*error), ==, wire_code);
    g_autofree char *joined = g_strjoinv("|", (char **)storage_error_params(*error));
    if (params != NULL)
        g_assert_cmpstr(joined, ==, params);
    g_clear_error(error);
}
