/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The frame of a driver: what it refuses before a call is run, and how it answers. */
#include "lib/driver.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "lib/report.h"
#include "value/xmlrpc.h"

#define UUID "11111111-2222-4333-8444-555555555555"

static Value *
echo_size(const DriverRequest *request, GError **error)
{
    guint64 size_bytes;
    if (!driver_arg_size(request, 0, &size_bytes, error))
        return NULL;
    return value_string_printf("%s %" G_GUINT64_FORMAT " %s", request->sr_uuid, size_bytes,
                               driver_config(request, "place", "?"));
}

static Value *
echo_vdi(const DriverRequest *request, GError **error)
{
    return value_string_printf("%s %s", request->vdi_uuid, request->vdi_location);
}

static Value *
fail_with_full_disk(const DriverRequest *request, GError **error)
{
    base_error_errno(error, ENOSPC, "write");
    driver_fault_from(error, DRIVER_ERROR_VDI_CREATE);
    return NULL;
}

static Value *
fail_with_text(const DriverRequest *request, GError **error)
{
    base_error_set(error, BASE_ERROR_FAILED, "some trouble");
    return NULL;
}

static const DriverConfigKey config[] = {
    {"place", "where", DRIVER_ERROR_CONFIG_LOCATION_MISSING},
    {"port", "which", 0},
    {NULL},
};
static const char *const capabilities[] = {"VDI_DELETE", NULL};
static const char *const formats[] = {"qcow2", NULL};
static const DriverCall calls[] = {
    {"sr_create", echo_size},
    {"vdi_delete", echo_vdi},
    {"vdi_create", fail_with_full_disk},
    {"vdi_attach", fail_with_text},
    {NULL},
};
static const DriverInfo info = {
    .program = "TestSR",
    .name = "Test",
    .description = "for tests",
    .capabilities = capabilities,
    .image_formats = formats,
    .config = config,
    .calls = calls,
};

#define MEMBER(key, value) "<member><name>" key "</name><value>" value "</value></member>"
#define ARGS(list)         MEMBER("args", "<array><data>" list "</data></array>")
#define CONFIG(members)    MEMBER("device_config", "<struct>" members "</struct>")
#define GOOD_CONFIG        CONFIG(MEMBER("place", "here"))
#define SR                 MEMBER("sr_uuid", UUID)
#define SIZE               ARGS("<value>5</value>")

typedef struct Case {
    const char *name;
    const char *method;
    const char *members;
    int fault;          /* 0: none */
    const char *answer; /* the string answered, or a part of the fault's text */
} Case;

/* clang-format off */
static const Case cases[] = {
    {"call-is-run-with-its-keys",   "sr_create",  SR GOOD_CONFIG SIZE,                               0,   UUID " 5 here"},
    {"unlisted-call",               "sr_scan",    SR GOOD_CONFIG,                                    38,  "sr_scan"},
    {"unknown-call",                "no_such",    "",                                                38,  "no_such"},
    {"missing-config-key",          "sr_create",  SR CONFIG("") SIZE,                                94,  "ConfigLocationMissing"},
    {"empty-config-key",            "sr_create",  SR CONFIG(MEMBER("place", "")) SIZE,               94,  "place"},
    {"no-config-at-all",            "sr_create",  SR SIZE,                                           94,  "place"},
    {"control-character",           "sr_create",  SR CONFIG(MEMBER("place", "a&#10;b")) SIZE,        2,   "place"},
    {"config-that-is-no-string",    "sr_create",  SR CONFIG(MEMBER("place", "<array/>")) SIZE,       2,   "place"},
    {"config-that-is-no-struct",    "sr_create",  SR MEMBER("device_config", "x") SIZE,              1,   "device_config"},
    {"missing-argument",            "sr_create",  SR GOOD_CONFIG ARGS(""),                           1,   "argument"},
    {"argument-that-is-no-size",    "sr_create",  SR GOOD_CONFIG ARGS("<value>-1</value>"),          1,   "-1"},
    {"argument-that-is-no-string",  "sr_create",  SR GOOD_CONFIG ARGS("<value><nil/></value>"),      1,   "argument"},
    {"missing-sr",                  "sr_create",  GOOD_CONFIG SIZE,                                  1,   "sr_uuid"},
    {"sr-that-is-a-path",           "sr_create",  MEMBER("sr_uuid", "../../x") GOOD_CONFIG SIZE,     1,   "sr_uuid"},
    {"missing-vdi",                 "vdi_delete", SR GOOD_CONFIG,                                    1,   "vdi_location"},
    {"vdi-that-is-a-path",          "vdi_delete", SR GOOD_CONFIG MEMBER("vdi_uuid", "/etc/passwd"),  1,   "vdi_location"},
    {"uuid-is-location-enough",     "vdi_delete", SR GOOD_CONFIG MEMBER("vdi_uuid", UUID),           0,   UUID " " UUID},
    {"not-the-master",              "vdi_delete", SR CONFIG(MEMBER("place", "x") MEMBER("SRmaster", "false"))
                                                  MEMBER("vdi_uuid", UUID),                          58,  "vdi_delete"},
    {"full-disk-is-no-space",       "vdi_create", SR GOOD_CONFIG SIZE,                               44,  "No space left"},
    {"other-errors-are-eio",        "vdi_attach", SR GOOD_CONFIG MEMBER("vdi_uuid", UUID),           200, "some trouble"},
};
/* clang-format on */

static Value *
answer(const char *text, GError **error)
{
    g_autofree char *reply = driver_answer(&info, text);
    return xmlrpc_read_reply(reply, strlen(reply), error);
}

static void
test_case(gconstpointer data)
{
    const Case *row = data;
    g_autofree char *text =
        g_strdup_printf("<methodCall><methodName>%s</methodName><params><param><value><struct>%s"
                        "</struct></value></param></params></methodCall>",
                        row->method, row->members);
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) reply = answer(text, &error);
    if (row->fault == 0) {
        g_assert_no_error(error);
        g_assert_cmpstr(value_get_string(reply), ==, row->answer);
        return;
    }
    g_assert_error(error, xmlrpc_fault_quark(), row->fault);
    g_assert_nonnull(strstr(error->message, row->answer));
}

static void
test_bad_xml(void)
{
    const char *const texts[] = {
        "",
        "hello",
        "<methodCall/>",
        "<methodCall><methodName>sr_create</methodName></methodCall>",
        "<methodCall><methodName>sr_create</methodName><params><param><value>x</value></param></params></"
        "methodCall>",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(answer(texts[i], &error));
        g_assert_error(error, xmlrpc_fault_quark(), DRIVER_ERROR_SR_BAD_XML);
    }
}

static void
test_driver_info(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) reply =
        answer("<methodCall><methodName>sr_get_driver_info</methodName><params><param><value>"
               "<struct/></value></param></params></methodCall>",
               &error);
    g_assert_no_error(error);
    g_assert_cmpstr(value_map_get_string(reply, "name", NULL), ==, "Test");
    const Value *configuration = value_map_get(reply, "configuration");
    g_assert_cmpuint(value_size(configuration), ==, 2);
    g_assert_cmpstr(value_map_get_string(value_array_get(configuration, 0), "key", NULL), ==, "place");
    g_assert_cmpstr(value_get_string(value_array_get(value_map_get(reply, "capabilities"), 0)), ==,
                    "VDI_DELETE");
}

/* The storage document's table has 94 codes; two more are newer. */
static void
test_error_table(void)
{
    int last = 0;
    guint count = 0;
    for (const DriverErrorInfo *row = driver_error_infos; row->code != 0; row++, count++) {
        g_assert_cmpint(row->code, >, last);
        g_assert_cmpstr(row->name, !=, "");
        g_assert_cmpstr(row->doc, !=, "");
        last = row->code;
    }
    g_assert_cmpuint(count, ==, 96);
}

static void
test_sr_list_is_escaped(void)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(driver_found_sr_free);
    DriverFoundSr *sr = g_new0(DriverFoundSr, 1);
    sr->uuid = g_strdup(UUID);
    sr->location = g_strdup("/a<b>&c");
    g_ptr_array_add(found, sr);
    g_autoptr(Value) list = driver_sr_list(found);
    g_assert_cmpstr(value_get_string(list), ==,
                    "<?xml version=\"1.0\" ?><SRlist><SR><UUID>" UUID
                    "</UUID><location>/a&lt;b&gt;&amp;c</location></SR></SRlist>");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/plugins/driver/", cases[i].name, NULL);
        g_test_add_data_func(path, &cases[i], test_case);
    }
    g_test_add_func("/plugins/driver/bad-xml-is-fault-49", test_bad_xml);
    g_test_add_func("/plugins/driver/info-is-made-from-the-tables", test_driver_info);
    g_test_add_func("/plugins/driver/error-table-is-whole-and-sorted", test_error_table);
    g_test_add_func("/plugins/driver/sr-list-is-escaped", test_sr_list_is_escaped);
    return g_test_run();
}
