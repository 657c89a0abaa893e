/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The call log: one JSON object a line, and no secret in it. */
#include "storage/call_log.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "storage/test_plugin.h"
#include "value/json.h"

typedef struct Fixture {
    TestPlugins plugins;
    char *path;
    StorageCallLog *log;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    test_plugins_init(&fixture->plugins);
    fixture->path = g_build_filename(fixture->plugins.root, "log", NULL);
    fixture->log = storage_call_log_open(fixture->path, &error);
    g_assert_no_error(error);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    storage_call_log_free(fixture->log);
    g_free(fixture->path);
    test_plugins_clear(&fixture->plugins);
}

static char *
log_text(Fixture *fixture)
{
    char *text = NULL;
    g_assert_true(g_file_get_contents(fixture->path, &text, NULL, NULL));
    return text;
}

static void
test_line_has_all_members(Fixture *fixture, gconstpointer data)
{
    const char *args[] = {"true", NULL};
    StorageCall call = test_call("file");
    StorageRequest request = {.operation = STORAGE_OPERATION_VDI_ATTACH, .call = &call, .args = args};
    storage_call_log_write(fixture->log, &request, NULL, 12500);

    g_autofree char *text = log_text(fixture);
    g_assert_cmpint(text[strlen(text) - 1], ==, '\n');
    g_autoptr(Value) line = json_read(text, strlen(text), NULL);
    g_assert_nonnull(line);
    g_assert_cmpstr(value_map_get_string(line, "type", NULL), ==, "file");
    g_assert_cmpstr(value_map_get_string(line, "sr", NULL), ==, TEST_SR_UUID);
    g_assert_cmpstr(value_map_get_string(line, "vdi", NULL), ==, TEST_VDI_UUID);
    g_assert_cmpstr(value_map_get_string(line, "call", NULL), ==, "vdi_attach");
    g_assert_cmpstr(value_map_get_string(line, "result", NULL), ==, "success");
    g_assert_cmpfloat(value_get_float(value_map_get(line, "duration_ms")), ==, 12.5);
    g_assert_nonnull(value_map_get(line, "time"));
    g_assert_null(value_map_get(line, "detail"));
}

static void
test_secrets_are_masked_everywhere(Fixture *fixture, gconstpointer data)
{
    g_autoptr(Value) device_config = value_map_new(4);
    value_map_set(device_config, "target", value_string("10.0.0.1"));
    value_map_set(device_config, "chappassword", value_string("hunter2"));
    value_map_set(device_config, "API_Secret", value_string("s3cret"));
    StorageCall call = test_call("iscsi");
    call.device_config = device_config;
    call.session_ref = "OpaqueRef:the-session";
    StorageRequest request = {.operation = STORAGE_OPERATION_SR_ATTACH, .call = &call};

    const char *params[] = {"", "login with hunter2 failed", "s3cret OpaqueRef:the-session", NULL};
    g_autoptr(GError) error = NULL;
    storage_error_set(&error, STORAGE_ERROR_BACKEND_FAULT, "SR_BACKEND_FAILURE_68", params);
    storage_call_log_write(fixture->log, &request, error, 1);

    g_autofree char *text = log_text(fixture);
    g_assert_null(strstr(text, "hunter2"));
    g_assert_null(strstr(text, "s3cret"));
    g_assert_null(strstr(text, "the-session"));
    g_assert_nonnull(strstr(text, "10.0.0.1"));
    g_assert_nonnull(strstr(text, "SR_BACKEND_FAILURE_68"));
    g_assert_nonnull(strstr(text, "login with *** failed"));
}

static void
test_file_is_private_and_appended_to(Fixture *fixture, gconstpointer data)
{
    StorageCall call = test_call("file");
    StorageRequest request = {.operation = STORAGE_OPERATION_SR_SCAN, .call = &call};
    storage_call_log_write(fixture->log, &request, NULL, 1);
    storage_call_log_free(fixture->log);
    fixture->log = storage_call_log_open(fixture->path, NULL);
    storage_call_log_write(fixture->log, &request, NULL, 1);

    g_autofree char *text = log_text(fixture);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 3);
    GStatBuf status;
    g_assert_cmpint(g_stat(fixture->path, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 0777, ==, 0600);
}

static void
test_secret_keys(void)
{
    const char *const secret[] = {"password", "chappassword", "Password", "password_secret", "client_secret"};
    const char *const open[] = {"location", "chapuser", "target", "port"};
    for (gsize i = 0; i < G_N_ELEMENTS(secret); i++)
        g_assert_true(storage_key_is_secret(secret[i]));
    for (gsize i = 0; i < G_N_ELEMENTS(open); i++)
        g_assert_false(storage_key_is_secret(open[i]));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/storage/call_log/line-has-all-members", Fixture, NULL, set_up, test_line_has_all_members,
               tear_down);
    g_test_add("/storage/call_log/secrets-are-masked-everywhere", Fixture, NULL, set_up,
               test_secrets_are_masked_everywhere, tear_down);
    g_test_add("/storage/call_log/file-is-private-and-appended-to", Fixture, NULL, set_up,
               test_file_is_private_and_appended_to, tear_down);
    g_test_add_func("/storage/call_log/secret-keys-are-known-in-any-case", test_secret_keys);
    return g_test_run();
}
