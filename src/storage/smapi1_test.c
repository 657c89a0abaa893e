/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What goes to plugins, byte for byte (golden/), and what becomes of plugins that misbehave.
 * UPDATE_GOLDEN=1 in the environment writes the golden files anew. */
#include "storage/smapi1.h"

#include <string.h>

#include "storage/test_plugin.h"

/* ---- Golden requests ---- */

typedef struct GoldenCase {
    const char *name;
    StorageOperation operation;
    const char *const *args;
    const char *new_uuid;
    const char *vdi_type;
} GoldenCase;

static const char *const size_arg[] = {"10737418240", NULL};
static const char *const writable_arg[] = {"true", NULL};
static const char *const create_args[] = {
    "10737418240", "disk <1>", "a & b", "", "false", "19700101T00:00:00Z", "", "false", NULL,
};

/* clang-format off */
static const GoldenCase golden_cases[] = {
    {"sr_get_driver_info", STORAGE_OPERATION_SR_GET_DRIVER_INFO, NULL,         NULL,          NULL    },
    {"sr_probe",           STORAGE_OPERATION_SR_PROBE,           NULL,         NULL,          NULL    },
    {"sr_create",          STORAGE_OPERATION_SR_CREATE,          size_arg,     NULL,          NULL    },
    {"sr_delete",          STORAGE_OPERATION_SR_DELETE,          NULL,         NULL,          NULL    },
    {"sr_attach",          STORAGE_OPERATION_SR_ATTACH,          NULL,         NULL,          NULL    },
    {"sr_detach",          STORAGE_OPERATION_SR_DETACH,          NULL,         NULL,          NULL    },
    {"sr_scan",            STORAGE_OPERATION_SR_SCAN,            NULL,         NULL,          NULL    },
    {"sr_update",          STORAGE_OPERATION_SR_UPDATE,          NULL,         NULL,          NULL    },
    {"sr_content_type",    STORAGE_OPERATION_SR_CONTENT_TYPE,    NULL,         NULL,          NULL    },
    {"vdi_create",         STORAGE_OPERATION_VDI_CREATE,         create_args,  NULL,          "user"  },
    {"vdi_introduce",      STORAGE_OPERATION_VDI_INTRODUCE,      NULL,         TEST_VDI_UUID, NULL    },
    {"vdi_delete",         STORAGE_OPERATION_VDI_DELETE,         NULL,         NULL,          NULL    },
    {"vdi_attach",         STORAGE_OPERATION_VDI_ATTACH,         writable_arg, NULL,          NULL    },
    {"vdi_detach",         STORAGE_OPERATION_VDI_DETACH,         NULL,         NULL,          NULL    },
    {"vdi_activate",       STORAGE_OPERATION_VDI_ACTIVATE,       writable_arg, NULL,          NULL    },
    {"vdi_deactivate",     STORAGE_OPERATION_VDI_DEACTIVATE,     NULL,         NULL,          NULL    },
    {"vdi_snapshot",       STORAGE_OPERATION_VDI_SNAPSHOT,       NULL,         NULL,          NULL    },
    {"vdi_clone",          STORAGE_OPERATION_VDI_CLONE,          NULL,         NULL,          NULL    },
    {"vdi_resize",         STORAGE_OPERATION_VDI_RESIZE,         size_arg,     NULL,          NULL    },
    {"vdi_update",         STORAGE_OPERATION_VDI_UPDATE,         NULL,         NULL,          NULL    },
};
/* clang-format on */
G_STATIC_ASSERT(G_N_ELEMENTS(golden_cases) == STORAGE_OPERATION_N);

static Value *
one_member(const char *key, const char *text)
{
    Value *map = value_map_new(1);
    value_map_set(map, key, value_string(text));
    return map;
}

static void
test_golden(gconstpointer data)
{
    const GoldenCase *row = data;
    g_autoptr(Value) device_config = one_member("location", "/srv/disks");
    g_autoptr(Value) sm_config = one_member("hint", "fast");
    g_autoptr(Value) driver_params = one_member("epoch", "7");
    StorageCall call = test_call("fake");
    call.device_config = row->operation == STORAGE_OPERATION_SR_GET_DRIVER_INFO ? NULL : device_config;
    call.sm_config = sm_config;
    call.subtask_of = "OpaqueRef:task";
    StorageRequest request = {
        .operation = row->operation,
        .call = &call,
        .args = row->args,
        .new_uuid = row->new_uuid,
        .vdi_type = row->vdi_type,
        .driver_params = driver_params,
    };

    g_autofree char *file = g_strconcat(row->name, ".xml", NULL);
    g_autofree char *path = g_build_filename(g_getenv("GOLDEN_DIR"), file, NULL);
    g_autofree char *text = storage_smapi1_encode(&request);
    g_autofree char *line = g_strconcat(text, "\n", NULL);
    if (g_getenv("UPDATE_GOLDEN") != NULL)
        g_assert_true(g_file_set_contents(path, line, -1, NULL));

    g_autofree char *expected = NULL;
    g_assert_true(g_file_get_contents(path, &expected, NULL, NULL));
    g_assert_cmpstr(line, ==, expected);
}

/* ---- Misbehaving plugins ---- */

typedef struct BadCase {
    const char *name;
    const char *body; /* of the script, for any call */
    StorageError code;
    const char *wire_code;
    const char *params; /* NULL: not compared as a whole */
} BadCase;

/* clang-format off */
static const BadCase bad_cases[] = {
    {"fault-is-backend-failure-with-its-number", "echo why >&2; fault 47 'not there'",
     STORAGE_ERROR_BACKEND_FAULT,    "SR_BACKEND_FAILURE_47", "|not there|why\n"},
    {"fault-1200-has-its-number",                "fault 1200 text",
     STORAGE_ERROR_BACKEND_FAULT,    "SR_BACKEND_FAILURE_1200", "|text|"},
    {"fault-38-is-not-supported",                "fault 38 x",
     STORAGE_ERROR_NOT_SUPPORTED,    "SR_OPERATION_NOT_SUPPORTED", "OpaqueRef:sr"},
    {"fault-39-is-not-empty",                    "fault 39 x",
     STORAGE_ERROR_NOT_EMPTY,        "SR_NOT_EMPTY", ""},
    {"fault-16-is-sr-in-use",                    "fault 16 x",
     STORAGE_ERROR_SR_IN_USE,        "SR_DEVICE_IN_USE", ""},
    {"fault-24-is-vdi-in-use",                   "fault 24 x",
     STORAGE_ERROR_VDI_IN_USE,       "VDI_IN_USE", "OpaqueRef:vdi|destroy"},
    {"fault-144-is-vdi-missing",                 "fault 144 x",
     STORAGE_ERROR_VDI_MISSING,      "VDI_MISSING", "OpaqueRef:sr|OpaqueRef:vdi"},
    {"non-zero-exit",                            "echo out; echo err >&2; exit 3",
     STORAGE_ERROR_BACKEND_EXIT,     "SR_BACKEND_FAILURE", "non-zero exit|out\n|err\n"},
    {"crash",                                    "echo err >&2; kill -SEGV $$",
     STORAGE_ERROR_BACKEND_EXIT,     "SR_BACKEND_FAILURE", "non-zero exit||err\n"},
    {"exit-without-a-word",                      "exit 0",
     STORAGE_ERROR_BACKEND_REPLY,    "SR_BACKEND_FAILURE", NULL},
    {"garbage",                                  "echo '<<< not xml'",
     STORAGE_ERROR_BACKEND_REPLY,    "SR_BACKEND_FAILURE", NULL},
    {"half-a-reply",                             "nil | head -c 40",
     STORAGE_ERROR_BACKEND_REPLY,    "SR_BACKEND_FAILURE", NULL},
    {"traceback-instead-of-reply",               "echo 'Traceback (most recent call last):'",
     STORAGE_ERROR_BACKEND_REPLY,    "SR_BACKEND_FAILURE", NULL},
    {"not-utf8",                                 "printf '\\377\\376'; printf '\\377' >&2; exit 1",
     STORAGE_ERROR_BACKEND_EXIT,     "SR_BACKEND_FAILURE", "non-zero exit|\357\277\275\357\277\275|\357\277\275"},
    {"too-much-output",                          "yes",
     STORAGE_ERROR_BACKEND_FAILED,   "SR_BACKEND_FAILURE", NULL},
    {"too-much-stderr",                          "yes >&2",
     STORAGE_ERROR_BACKEND_FAILED,   "SR_BACKEND_FAILURE", NULL},
};
/* clang-format on */

static Value *
run_script(const char *body, guint timeout_ms, GCancellable *cancellable, GError **error)
{
    TestPlugins plugins;
    test_plugins_init(&plugins);
    test_plugins_write(&plugins, "BadSR", body);
    g_autofree char *path = test_plugins_path(&plugins, "BadSR");

    StorageCall call = test_call("bad");
    call.cancellable = cancellable;
    call.subtask_of = "OpaqueRef:task";
    StorageRequest request = {.operation = STORAGE_OPERATION_VDI_DELETE, .call = &call};
    StorageLimits limits = {.timeout_ms = timeout_ms, .output_max_bytes = 100000};
    Value *reply = storage_smapi1_call(path, &request, &limits, error);
    test_plugins_clear(&plugins);
    return reply;
}

static void
test_bad(gconstpointer data)
{
    const BadCase *row = data;
    g_autoptr(GError) error = NULL;
    g_assert_null(run_script(row->body, 60000, NULL, &error));
    test_assert_error(&error, row->code, row->wire_code, row->params);
}

static void
test_hang_is_ended_by_time_out(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(run_script("exec sleep 1000", 50, NULL, &error));
    g_assert_cmpstr(storage_error_params(error)[0], ==, "timed out");
    test_assert_error(&error, STORAGE_ERROR_BACKEND_TIMED_OUT, "SR_BACKEND_FAILURE", NULL);
}

static void
test_cancelled_call_names_the_task(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_cancellable_cancel(cancellable);
    g_assert_null(run_script("exec sleep 1000", 0, cancellable, &error));
    test_assert_error(&error, STORAGE_ERROR_CANCELLED, "TASK_CANCELLED", "OpaqueRef:task");
}

static void
test_reply_is_returned(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) reply = run_script("reply text", 60000, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(value_get_string(reply), ==, "text");
}

static void
test_stderr_does_not_spoil_success(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) reply = run_script("echo noise >&2; nil", 60000, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpint(value_kind(reply), ==, VALUE_NIL);
}

static void
test_environment_and_stdin(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) reply =
        run_script("read line; reply \"$ORIGINATOR:${PATH:+path}:$line\"", 60000, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(value_get_string(reply), ==, "SM:path:");
}

static void
test_too_long_call_is_refused(void)
{
    g_autofree char *long_text = g_strnfill(200000, 'x');
    g_autoptr(Value) device_config = one_member("location", long_text);
    g_autoptr(GError) error = NULL;
    StorageCall call = test_call("fake");
    call.device_config = device_config;
    StorageRequest request = {.operation = STORAGE_OPERATION_SR_SCAN, .call = &call};
    StorageLimits limits = {.timeout_ms = 1000, .output_max_bytes = 1000};
    g_assert_null(storage_smapi1_call("/bin/true", &request, &limits, &error));
    test_assert_error(&error, STORAGE_ERROR_BACKEND_FAILED, "SR_BACKEND_FAILURE", NULL);
}

static void
test_missing_program(void)
{
    g_autoptr(GError) error = NULL;
    StorageCall call = test_call("fake");
    StorageRequest request = {.operation = STORAGE_OPERATION_SR_SCAN, .call = &call};
    StorageLimits limits = {.timeout_ms = 1000, .output_max_bytes = 1000};
    g_assert_null(storage_smapi1_call("/nonexistent/FakeSR", &request, &limits, &error));
    test_assert_error(&error, STORAGE_ERROR_BACKEND_FAILED, "SR_BACKEND_FAILURE", NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(golden_cases); i++) {
        g_autofree char *path = g_strconcat("/storage/smapi1/golden/", golden_cases[i].name, NULL);
        g_test_add_data_func(path, &golden_cases[i], test_golden);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(bad_cases); i++) {
        g_autofree char *path = g_strconcat("/storage/smapi1/", bad_cases[i].name, NULL);
        g_test_add_data_func(path, &bad_cases[i], test_bad);
    }
    g_test_add_func("/storage/smapi1/hang-is-ended-by-time-out", test_hang_is_ended_by_time_out);
    g_test_add_func("/storage/smapi1/cancelled-call-names-the-task", test_cancelled_call_names_the_task);
    g_test_add_func("/storage/smapi1/reply-is-returned", test_reply_is_returned);
    g_test_add_func("/storage/smapi1/stderr-does-not-spoil-success", test_stderr_does_not_spoil_success);
    g_test_add_func("/storage/smapi1/originator-is-sm-and-stdin-is-empty", test_environment_and_stdin);
    g_test_add_func("/storage/smapi1/too-long-call-is-refused", test_too_long_call_is_refused);
    g_test_add_func("/storage/smapi1/missing-program-is-a-failure", test_missing_program);
    return g_test_run();
}
