/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The audit log tells calls in the reference's form, keeps secrets, and bounds its files. */
#include "auth/audit.h"

#include "auth/audit_file.h"
#include "model/classes.h"
#include "model/errors.h"
#include "value/json.h"
#include <glib/gstdio.h>
#include <string.h>

#define SR_UUID_TEXT "8e49e0b9-1b4d-4a36-8a5c-7d2f3a0c1b11"

typedef struct Fixture {
    char *directory, *path;
    Db *db;
    Sessions *sessions;
    AuditTrail *audit;
    Session *session;
} Fixture;

static gboolean
check(gpointer data, const char *user, const char *password, GError **error)
{
    return g_str_equal(password, "right") ||
           api_error_set(error, "SESSION_AUTHENTICATION_FAILED", (const char *const[]){user, NULL});
}

static void
make_directory(Fixture *fixture)
{
    fixture->directory = g_dir_make_tmp("xylem-audit-XXXXXX", NULL);
    fixture->path = g_build_filename(fixture->directory, "audit.log", NULL);
}

static void
set_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    make_directory(fixture);
    fixture->db = db_open(db_store_sqlite_open(NULL, FALSE, &error), &error);
    fixture->audit = audit_trail_open(fixture->path, 1 << 20, 1, &error);
    g_assert_no_error(error);
    fixture->sessions = sessions_new(fixture->db, check, NULL);
    const SessionSpec spec = {
        .user_name = "al'ice", .user_sid = "S-1-5-21-7", .originator = "tests", .role = ROLE_VM_ADMIN};
    fixture->session = sessions_open(fixture->sessions, &spec, &error);
    g_assert_no_error(error);
    sessions_set_audit(fixture->sessions, fixture->audit);
}

static void
remove_directory(Fixture *fixture)
{
    g_autoptr(GDir) dir = g_dir_open(fixture->directory, 0, NULL);
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *path = g_build_filename(fixture->directory, name, NULL);
        g_unlink(path);
    }
    g_rmdir(fixture->directory);
    g_free(fixture->directory);
    g_free(fixture->path);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    session_unref(fixture->session);
    sessions_free(fixture->sessions);
    audit_trail_free(fixture->audit);
    db_close(fixture->db);
    remove_directory(fixture);
}

static char *
read_text(const char *path)
{
    g_autoptr(GError) error = NULL;
    char *text = NULL;
    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    return text;
}

/* The only line: what follows its head. */
static char *
only_line(Fixture *fixture)
{
    audit_trail_flush(fixture->audit);
    g_autofree char *text = read_text(fixture->path);
    g_assert_true(g_regex_match_simple("^\\[\\d{8}T\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z\\|info\\|[^|]+\\|\\d+ "
                                       "[^|]*\\|[^|]*\\|audit\\] \\([^\\n]*\\)\\n$",
                                       text, 0, 0));
    return g_strdup(strstr(text, "|audit] ") + strlen("|audit] "));
}

static AuditCall *
begin(Fixture *fixture, const char *method, const char *params_json)
{
    g_autoptr(GError) error = NULL;
    const ModelMessage *message = model_message_by_name(method);
    g_autoptr(Value) list = json_read(params_json, strlen(params_json), &error);
    g_assert_no_error(error);
    Value *params[16] = {NULL};
    for (gsize i = 0; i < value_size(list); i++)
        params[i] = value_array_get(list, i);
    const AuditOrigin origin = {.peer = "192.0.2.1", .task = method};
    g_assert_true(audit_trail_covers(message));
    return audit_call_begin(fixture->audit, fixture->db, fixture->session, message, params, &origin);
}

static char *
insert_vm(Fixture *fixture, const char *name)
{
    g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
    const char *ref = db_txn_insert(txn, CLASS_VM, "OpaqueRef:00000000-0000-0000-0000-0000000000aa");
    db_txn_set_string(txn, CLASS_VM, ref, VM_NAME_LABEL, name);
    db_txn_set_string(txn, CLASS_VM, ref, VM_UUID, SR_UUID_TEXT);
    char *copy = g_strdup(ref);
    g_assert_true(db_txn_commit(txn, NULL, NULL));
    return copy;
}

static void
expect(Fixture *fixture, const char *rest)
{
    g_autofree char *track = g_compute_checksum_for_string(G_CHECKSUM_MD5, fixture->session->ref, -1);
    g_autofree char *wanted = g_strdup_printf("('trackid=%s' 'S-1-5-21-7' 'al\\'ice' %s)\n", track, rest);
    g_autofree char *line = only_line(fixture);
    g_assert_cmpstr(line, ==, wanted);
}

static void
test_allowed(Fixture *fixture, gconstpointer data)
{
    g_autofree char *vm = insert_vm(fixture, "a 'good' \\ one\nindeed");
    g_autofree char *params = g_strdup_printf("[\"%s\", true, false]", vm);
    audit_call_end(begin(fixture, "VM.start", params), NULL);
    g_autofree char *wanted =
        g_strdup_printf("'ALLOWED' 'OK' 'API' 'VM.start' (('vm' 'a \\'good\\' \\\\ one indeed' '%s' '%s') "
                        "('start_paused' 'true' '' '') ('force' 'false' '' ''))",
                        SR_UUID_TEXT, vm);
    expect(fixture, wanted);
}

static void
test_failed(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    api_error_vm_bad_power_state(&error, "OpaqueRef:x", "a", "b");
    audit_call_end(begin(fixture, "VM.pause", "[\"OpaqueRef:gone\"]"), error);
    expect(fixture, "'ALLOWED' 'ERROR:VM_BAD_POWER_STATE' 'API' 'VM.pause' (('vm' '' '' 'OpaqueRef:gone'))");
}

static void
test_denied(Fixture *fixture, gconstpointer data)
{
    audit_call_denied(begin(fixture, "pool.set_name_label", "[\"OpaqueRef:p\", \"new\"]"));
    expect(fixture, "'DENIED' '' 'API' 'pool.set_name_label' (('self' '' '' 'OpaqueRef:p'))");
}

/* The name is looked up before the object goes. */
static void
test_destroyed(Fixture *fixture, gconstpointer data)
{
    g_autofree char *vm = insert_vm(fixture, "doomed");
    g_autofree char *params = g_strdup_printf("[\"%s\"]", vm);
    AuditCall *call = begin(fixture, "VM.destroy", params);
    g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
    db_txn_delete(txn, CLASS_VM, vm);
    g_assert_true(db_txn_commit(txn, NULL, NULL));
    audit_call_end(call, NULL);
    g_autofree char *wanted =
        g_strdup_printf("'ALLOWED' 'OK' 'API' 'VM.destroy' (('self' 'doomed' '%s' '%s'))", SR_UUID_TEXT, vm);
    expect(fixture, wanted);
}

static void
test_created(Fixture *fixture, gconstpointer data)
{
    audit_call_end(begin(fixture, "VM.create",
                         "[{\"name_label\": \"new\", \"memory_static_max\": 5, \"user_version\": 1, "
                         "\"affinity\": \"OpaqueRef:h\", \"other_config\": {\"password\": \"secret\"}}]"),
                   NULL);
    expect(fixture, "'ALLOWED' 'OK' 'API' 'VM.create' (('name_label' 'new' '' '') "
                    "('affinity' '' '' 'OpaqueRef:h') ('memory_static_max' '5' '' ''))");
}

static const struct SecretCase {
    const char *method, *params; /* %s is the session's reference */
} secret_cases[] = {
    {"session.change_password", "[\"hidden\", \"hidden\"]"},
    {"secret.create", "[{\"value\": \"hidden\", \"other_config\": {\"a\": \"hidden\"}}]"},
    {"secret.set_value", "[\"OpaqueRef:x\", \"hidden\"]"},
    {"SR.create",
     "[\"OpaqueRef:h\", {\"cifspassword\": \"hidden\"}, 1, \"n\", \"d\", \"t\", \"c\", false, {}]"},
    {"PBD.set_device_config", "[\"OpaqueRef:x\", {\"chappassword\": \"hidden\"}]"},
    {"VM.set_xenstore_data", "[\"OpaqueRef:x\", {\"vm-data/key\": \"hidden\"}]"},
    {"pool.join", "[\"192.0.2.2\", \"root\", \"hidden\"]"},
    {"host.enable_external_auth", "[\"OpaqueRef:h\", {\"pass\": \"hidden\"}, \"example.com\", \"AD\"]"},
    {"host.call_plugin", "[\"OpaqueRef:h\", \"p\", \"f\", {\"a\": \"hidden\"}]"},
    {"VM.pause", "[\"hidden\"]"},
    {"VM.pause", "[\"%s\"]"},
    {"session.add_to_other_config", "[\"%s\", \"k\", \"hidden\"]"},
};

static void
test_secrets(Fixture *fixture, gconstpointer data)
{
    for (gsize i = 0; i < G_N_ELEMENTS(secret_cases); i++) {
        g_auto(GStrv) parts = g_strsplit(secret_cases[i].params, "%s", -1);
        g_autofree char *params = g_strjoinv(fixture->session->ref, parts);
        audit_call_end(begin(fixture, secret_cases[i].method, params), NULL);
    }
    audit_trail_flush(fixture->audit);
    g_autofree char *text = read_text(fixture->path);
    g_assert_null(strstr(text, "hidden"));
    g_assert_null(strstr(text, fixture->session->ref));
    g_assert_nonnull(strstr(text, "'session.add_to_other_config' (('self' '' "));
}

static void
test_covers(Fixture *fixture, gconstpointer data)
{
    static const struct {
        const char *method;
        gboolean is_told;
    } cases[] = {
        {"VM.start", TRUE},        {"VM.set_name_label", TRUE},
        {"VM.destroy", TRUE},      {"VM.add_tags", TRUE},
        {"VM.get_record", FALSE},  {"VM.get_all_records_where", FALSE},
        {"event.from", FALSE},     {"event.next", FALSE},
        {"session.logout", FALSE}, {"session.login_with_password", FALSE},
        {"event.inject", TRUE},    {"VM.assert_operation_valid", TRUE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(audit_trail_covers(model_message_by_name(cases[i].method)), ==, cases[i].is_told);
}

static void
test_logins(Fixture *fixture, gconstpointer data)
{
    g_autoptr(Session) session = sessions_login(fixture->sessions, "root", "right", "a client", FALSE, NULL);
    sessions_logout(fixture->sessions, session->ref, NULL);
    g_assert_null(sessions_login(fixture->sessions, "mallory", "hidden", "", FALSE, NULL));
    g_autoptr(Session) trusted = sessions_login(fixture->sessions, "root", "", "", TRUE, NULL);
    g_autoptr(Session) internal = sessions_login_internal(fixture->sessions, "x", TRUE, NULL);
    audit_trail_flush(fixture->audit);
    g_autofree char *text = read_text(fixture->path);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 4);
    g_assert_true(g_str_has_suffix(lines[0],
                                   "' 'LOCAL_SUPERUSER' 'root' 'ALLOWED' 'OK' 'API' 'session.create' "
                                   "(('uname' 'root' '' '') ('originator' 'a client' '' '')))"));
    g_assert_true(g_str_has_suffix(lines[1],
                                   "' 'LOCAL_SUPERUSER' 'root' 'ALLOWED' 'OK' 'API' 'session.destroy' "
                                   "(('originator' 'a client' '' '')))"));
    g_assert_true(g_str_has_suffix(lines[2], "('' '' 'mallory' 'DENIED' '' 'API' 'session.create' (('uname' "
                                             "'mallory' '' '') ('originator' '' '' '')))"));
    g_assert_null(strstr(text, "hidden"));
}

static void
test_http(Fixture *fixture, gconstpointer data)
{
    const AuditOrigin origin = {.peer = "192.0.2.1", .task = "VM export"};
    audit_trail_http(fixture->audit, fixture->session, "http/get_export", TRUE, &origin, NULL);
    expect(fixture, "'ALLOWED' 'OK' 'HTTP' 'http/get_export' ()");
}

/* ---- The file ---- */

static void
set_up_file(Fixture *fixture, gconstpointer data)
{
    make_directory(fixture);
}

static void
tear_down_file(Fixture *fixture, gconstpointer data)
{
    remove_directory(fixture);
}

static void
expect_file(Fixture *fixture, const char *suffix, const char *text)
{
    g_autofree char *path = g_strconcat(fixture->path, suffix, NULL);
    if (text == NULL) {
        g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
        return;
    }
    g_autofree char *found = read_text(path);
    g_assert_cmpstr(found, ==, text);
}

static void
test_rotation(Fixture *fixture, gconstpointer data)
{
    g_autoptr(AuditFile) file = audit_file_open(fixture->path, 10, 2, NULL);
    for (guint i = 0; i < 7; i++)
        audit_file_add(file, g_strdup_printf("%u234\n", i));
    audit_file_flush(file);
    expect_file(fixture, "", "6234\n");
    expect_file(fixture, ".1", "4234\n5234\n");
    expect_file(fixture, ".2", "2234\n3234\n");
    expect_file(fixture, ".3", NULL);
    audit_file_add(file, g_strdup("longer than any file may be\n")); /* stands alone, but stands */
    audit_file_flush(file);
    expect_file(fixture, "", "longer than any file may be\n");
    expect_file(fixture, ".1", "6234\n");
}

static void
test_reopened(Fixture *fixture, gconstpointer data)
{
    GStatBuf status;
    g_assert_true(g_file_set_contents(fixture->path, "first\ncut o", -1, NULL));
    AuditFile *file = audit_file_open(fixture->path, 1000, 1, NULL);
    audit_file_add(file, g_strdup("second\n"));
    audit_file_free(file); /* writes what it has */
    expect_file(fixture, "", "first\ncut o\nsecond\n");
    g_unlink(fixture->path);
    audit_file_free(audit_file_open(fixture->path, 1000, 1, NULL));
    g_assert_cmpint(g_stat(fixture->path, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 0777, ==, 0600);
}

static void
test_impossible(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(audit_trail_open(fixture->directory, 1000, 1, &error));
    g_assert_nonnull(error);
}

static gpointer
add_many(gpointer file)
{
    for (guint i = 0; i < 12000; i++)
        audit_file_add(file, g_strdup("a line\n"));
    return NULL;
}

static void
test_many(Fixture *fixture, gconstpointer data)
{
    GThread *threads[3];
    g_autoptr(AuditFile) file = audit_file_open(fixture->path, 1 << 30, 1, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("add", add_many, file);
    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    audit_file_flush(file);
    g_autofree char *text = read_text(fixture->path);
    g_assert_cmpuint(strlen(text), ==, 3 * 12000 * strlen("a line\n"));
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(Fixture *fixture, gconstpointer data);
    } cases[] =
        {
            {"/auth/audit/line-tells-objects-by-name", test_allowed},
            {"/auth/audit/failure-is-told-by-its-code", test_failed},
            {"/auth/audit/refusal-is-told", test_denied},
            {"/auth/audit/names-are-those-before-the-call", test_destroyed},
            {"/auth/audit/records-are-told-by-name-and-references", test_created},
            {"/auth/audit/secrets-are-not-told", test_secrets},
            {"/auth/audit/getters-are-not-told", test_covers},
            {"/auth/audit/logins-with-a-password-are-told", test_logins},
            {"/auth/audit/http-handlers-are-told", test_http},
        },
      file_cases[] = {
          {"/auth/audit/files-make-room", test_rotation},
          {"/auth/audit/file-is-added-to", test_reopened},
          {"/auth/audit/file-that-cannot-be-is-an-error", test_impossible},
          {"/auth/audit/no-line-is-lost", test_many},
      };
    g_test_init(&argc, &argv, NULL);
    model_init();
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_test_add(cases[i].name, Fixture, NULL, set_up, cases[i].run, tear_down);
    for (gsize i = 0; i < G_N_ELEMENTS(file_cases); i++)
        g_test_add(file_cases[i].name, Fixture, NULL, set_up_file, file_cases[i].run, tear_down_file);
    return g_test_run();
}
