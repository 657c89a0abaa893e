/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whole conversations: what commands print, fail with, and ask of the API. */
#include "cli/test_kit.h"

#include <string.h>

#include "model/classes.h"
#include "model/messages.h"

#define HOST     "11111111-0000-0000-0000-000000000001"
#define POOL     "22222222-0000-0000-0000-000000000001"
#define SR       "33333333-0000-0000-0000-000000000001"
#define PBD      "33333333-0000-0000-0000-000000000002"
#define WEB      "44444444-0000-0000-0000-000000000001"
#define DATA     "44444444-0000-0000-0000-000000000002"
#define TEMPLATE "44444444-0000-0000-0000-000000000003"
#define DISK     "55555555-0000-0000-0000-000000000001"
#define VBD      "66666666-0000-0000-0000-000000000001"

static Value *
map_of(const char *key, const char *text)
{
    Value *map = value_map_new(1);
    value_map_set(map, key, value_string(text));
    return map;
}

static Value *
set_of(const char *a, const char *b)
{
    const char *members[] = {a, b, NULL};
    return value_array_of_strings(members);
}

/* A pool of one host with two VMs, a template, and a disk. */
static TestCli *
make_world(void)
{
    TestCli *cli = test_cli_new();
    g_free(test_cli_insert(cli, CLASS_HOST, HOST, HOST_NAME_LABEL, value_string("alpha"), HOST_HOSTNAME,
                           value_string("alpha.lab"), -1));
    g_free(test_cli_insert(cli, CLASS_SR, SR, SR_NAME_LABEL, value_string("local"), SR_TYPE,
                           value_string("file"), -1));
    g_free(test_cli_insert(cli, CLASS_PBD, PBD, PBD_HOST, value_string("OpaqueRef:" HOST), PBD_SR,
                           value_string("OpaqueRef:" SR), PBD_CURRENTLY_ATTACHED, value_bool(TRUE), -1));
    g_free(test_cli_insert(cli, CLASS_POOL, POOL, POOL_MASTER, value_string("OpaqueRef:" HOST),
                           POOL_DEFAULT_SR, value_string("OpaqueRef:" SR), -1));
    g_free(test_cli_insert(cli, CLASS_VM, WEB, VM_NAME_LABEL, value_string("web"), VM_POWER_STATE,
                           value_string("Running"), VM_TAGS, set_of("red", "blue"), VM_OTHER_CONFIG,
                           map_of("owner", "me, you"), VM_RESIDENT_ON, value_string("OpaqueRef:" HOST), -1));
    g_free(test_cli_insert(cli, CLASS_VM, DATA, VM_NAME_LABEL, value_string("data"), VM_POWER_STATE,
                           value_string("Halted"), -1));
    g_free(test_cli_insert(
        cli, CLASS_VM, TEMPLATE, VM_NAME_LABEL, value_string("Linux 1"), VM_IS_A_TEMPLATE, value_bool(TRUE),
        VM_OTHER_CONFIG, map_of("disks", "<provision><disk device=\"0\" size=\"1024\" sr=\"\"/></provision>"),
        -1));
    g_free(test_cli_insert(cli, CLASS_VDI, DISK, VDI_NAME_LABEL, value_string("root"), VDI_SR,
                           value_string("OpaqueRef:" SR), VDI_VIRTUAL_SIZE, value_int(1024), VDI_MANAGED,
                           value_bool(TRUE), VDI_TYPE, value_string("user"), -1));
    g_free(test_cli_insert(cli, CLASS_VBD, VBD, VBD_VM, value_string("OpaqueRef:" DATA), VBD_VDI,
                           value_string("OpaqueRef:" DISK), VBD_TYPE, value_string("Disk"), VBD_USERDEVICE,
                           value_string("0"), VBD_OTHER_CONFIG, map_of("owner", ""), -1));
    return cli;
}

/* clang-format off */
static const struct OutputCase {
    const char *name;
    const char *line;
    int status;
    const char *output;
    const char *errors;
} cases[] = {
    {"list-has-default-columns", "vm-list name-label=web", 0,
     "uuid ( RO)           : " WEB "\n"
     "     name-label ( RW): web\n"
     "    power-state ( RO): running\n\n\n", ""},
    {"list-leaves-out-templates", "vm-list --minimal params=name-label", 0, "web,data\n", ""},
    {"template-list", "template-list params=name-label --minimal", 0, "Linux 1\n", ""},
    {"list-of-nothing-is-silent", "vm-list name-label=nobody", 0, "", ""},
    {"minimal-of-nothing-is-a-line-feed", "vm-list name-label=nobody --minimal", 0, "\n", ""},
    {"minimal-shows-the-first-field", "vm-list params=power-state,uuid --minimal", 0, WEB "," DATA "\n", ""},
    {"minimal-escapes", "vm-list uuid=" WEB " params=other-config --minimal", 0, "owner: me\\, you\n", ""},
    {"filter-on-map", "vm-list other-config:owner=no params=uuid --minimal", 0, "\n", ""},
    {"filter-on-set", "vm-list tags:contains=blue params=uuid --minimal", 0, WEB "\n", ""},
    {"filter-on-reference", "vbd-list vm-uuid=" DATA " --minimal", 0, VBD "\n", ""},
    {"filter-on-printed-value", "vm-list power-state=halted --minimal params=uuid", 0, DATA "\n", ""},
    {"database-is-opened", "vm-list name-label=web database:vdi-uuid=x", 1, "", "The uuid you supplied was invalid.\ntype: VDI\nuuid: x\n"},
    {"database-one-only", "vm-param-list uuid=" WEB " database:vdi-uuid=x database:filename=y", 1, "",
     "Error: A database is either on a disk or in a file: give one of database:vdi-uuid and database:filename\n"},
    {"lacking-class", "cluster-list", 1, "", "There is no API call of this name.\nmethod: Cluster.get_all_records\n"},
    {"lacking-object", "cluster-param-get uuid=x param-name=y", 1, "", "There is no API call of this name.\nmethod: Cluster.get_by_uuid\n"},
    {"lacking-command", "vm-restart-device-models vm=web", 1, "", "There is no API call of this name.\nmethod: VM.restart_device_models\n"},
    {"lacking-command-needs-its-keys", "cluster-create", 1, "", "Required parameter not found: pif-uuid\nFor usage run: 'xe help'\n"},
    {"lacking-command-in-help", "help vusb-unplug", 0,
     "command name            : vusb-unplug\n"
     "        reqd params     : uuid\n"
     "        optional params : \n"
     "        description     : Disconnect a USB device from a running VM. (This server does not have it.)\n\n\n", ""},
    {"unsupported-key", "host-disable auto-enable=false", 1, "", "Error: Parameter 'auto-enable' is not supported by this server\n"},
    {"unsupported-map", "vm-migrate vm=web image-format:x=qcow2", 1, "", "Error: Parameter 'image-format' is not supported by this server\n"},
    {"clear-read-only-set", "vm-param-clear uuid=" WEB " param-name=VBDs", 1, "", "Error: Can only clear RW parameters\n"},
    {"remove-from-read-only", "vm-param-remove uuid=" WEB " param-name=VBDs param-key=x", 1, "", "Error: Cannot remove parameters from read-only map\n"},
    {"add-to-read-only", "vm-param-add uuid=" WEB " param-name=VBDs param-key=x", 1, "", "Error: Parameter is read-only\n"},
    {"sets-and-references", "vm-list uuid=" WEB " params=tags,resident-on,affinity,VBDs", 0,
     "resident-on ( RO)    : " HOST "\n"
     "       affinity ( RW): <not in database>\n"
     "           VBDs (SRO): \n"
     "           tags (SRW): red, blue\n\n\n", ""},
    {"expensive-fields-are-left-out-of-lists", "vm-list uuid=" WEB " params=possible-hosts --minimal", 0, "<expensive field>\n", ""},
    {"unknown-field", "vm-list nonsense=1", 1, "", "Error: Unknown field 'nonsense'\n"},
    {"param-get", "vm-param-get uuid=" WEB " param-name=power-state", 0, "running\n", ""},
    {"param-get-key", "vm-param-get uuid=" WEB " param-name=other-config param-key=owner", 0, "me, you\n", ""},
    {"param-get-missing-key", "vm-param-get uuid=" WEB " param-name=other-config param-key=K", 1, "", "Error: Key K not found in map\n"},
    {"param-get-unknown", "vm-param-get uuid=" WEB " param-name=nonsense", 1, "", "Error code: Missing parameter\nError parameters: nonsense\n"},
    {"bad-uuid", "vm-param-list uuid=abc", 1, "", "The uuid you supplied was invalid.\ntype: VM\nuuid: abc\n"},
    {"missing-required", "vm-param-list", 1, "", "Required parameter not found: uuid\nFor usage run: 'xe help'\n"},
    {"unknown-command", "vm-dance", 1, "", "Unknown command: vm-dance\nFor usage run: 'xe help'\n"},
    {"syntax", "vm-list -q", 1, "", "Syntax error: Unknown switch -q\nFor usage run: 'xe help'\n"},
    {"read-only", "vm-param-set uuid=" WEB " power-state=running", 1, "", "Error: Field 'power-state' is read-only.\n"},
    {"map-without-key", "vm-param-set uuid=" WEB " other-config=x", 1, "",
     "Error: Field 'other-config' is a map or set. use the 'name:key=value' syntax.\n"},
    {"remove-absent-member", "vm-param-remove uuid=" WEB " param-name=tags param-key=green", 1, "", "Error: Key green is not in the set\n"},
    {"remove-absent-key", "vm-param-remove uuid=" WEB " param-name=other-config param-key=x", 1, "", "Error: Key x is not in map\n"},
    {"clear-read-only", "vm-param-clear uuid=" WEB " param-name=uuid", 1, "", "Error: Can only clear RW parameters\n"},
    {"bad-number", "vm-param-set uuid=" DATA " order=many", 1, "", "Error: Parameter 'order' must be an integer, not 'many'\n"},
    {"nobody-selected", "vm-start vm=nobody", 1, "", "Error: No matching VMs found\n"},
    {"templates-are-not-selected", "vm-start uuid=" TEMPLATE, 1, "", "Error: No matching VMs found\n"},
    {"several-need-multiple", "vm-start", 1, "", "Error: Several matching VMs found: --multiple is required to act on all of them\n"},
    {"dangerous-needs-force", "vm-reset-powerstate uuid=" WEB, 1, "", "Error: This can lose data, and is done with --force only\n"},
    {"one-of", "vdi-copy uuid=" DISK, 1, "", "Error: Give exactly one of these: sr-uuid, into-vdi-uuid\n"},
    {"sr-host-of-its-pbd", "sr-list params=host --minimal", 0, "alpha\n", ""},
    {"disk-list", "vm-disk-list vm=data", 0,
     "Disk 0 VBD:\n"
     "uuid ( RO)             : " VBD "\n"
     "    vm-name-label ( RO): data\n"
     "       userdevice ( RW): 0\n\n\n"
     "Disk 0 VDI:\n"
     "uuid ( RO)             : " DISK "\n"
     "       name-label ( RW): root\n"
     "    sr-name-label ( RO): local\n"
     "     virtual-size ( RO): 1024\n\n\n", ""},
    {"help-of-one-command", "help vbd-eject", 0,
     "command name            : vbd-eject\n"
     "        reqd params     : uuid\n"
     "        optional params : \n"
     "        description     : Take the CD out of a drive.\n\n\n", ""},
    {"help-of-none", "help vm-dance", 1, "", "Error: There is no command 'vm-dance'; xe help --all lists them\n"},
};
/* clang-format on */

static void
test_output(gconstpointer data)
{
    const struct OutputCase *one = data;
    g_autoptr(TestCli) cli = make_world();
    g_auto(TestRun) run = test_cli_run(cli, one->line, NULL);
    g_assert_cmpstr(run.errors, ==, one->errors);
    g_assert_cmpstr(run.output, ==, one->output);
    g_assert_cmpint(run.status, ==, one->status);
}

/* -- Logging in
 * ----------------------------------------------------------------------------------------------------------
 */

/* clang-format off */
static const struct LoginCase {
    const char *name, *body;
    gboolean is_trusted;
    const char *errors; /* "": logged in */
} logins[] = {
    {"right-password",    "vm-list\nusername=root\npassword=secret", FALSE, ""},
    {"trusted",           "vm-list\nusername=root\npassword=null",   TRUE,  ""},
    {"wrong-password",    "vm-list\nusername=root\npassword=x",      FALSE, "Authentication failed\nFor usage run: 'xe help'\n"},
    {"no-user",           "vm-list",                                 FALSE, "Username/password must be specified\nFor usage run: 'xe help'\n"},
    {"help-needs-nobody", "help\nvbd-eject",                         FALSE, ""},
};
/* clang-format on */

static void
test_login(gconstpointer data)
{
    const struct LoginCase *one = data;
    g_autoptr(TestCli) cli = make_world();
    g_auto(TestRun) run = test_cli_run_as(cli, one->body, one->is_trusted, NULL);
    g_assert_cmpstr(run.errors, ==, one->errors);
    g_assert_cmpint(run.status, ==, *one->errors != '\0');
    g_assert_cmpuint(db_count(cli->db, CLASS_SESSION), ==, 0);
}

/* -- Calls
 * ---------------------------------------------------------------------------------------------------------------
 */

/* clang-format off */
/* What commands ask of the API; every message in it answers @result. */
static const struct CallCase {
    const char *name;
    const char *line;
    int messages[4]; /* -1 ends them */
    const char *result; /* NULL: void */
    const char *calls;
    const char *output;
} calls[] = {
    {"start", "vm-start uuid=" DATA, {MSG_VM_START, -1}, NULL, "VM.start(OpaqueRef:" DATA ", false, false)\n", ""},
    {"start-paused-by-name", "vm-start vm=data paused=true --force", {MSG_VM_START, -1}, NULL, "VM.start(OpaqueRef:" DATA ", true, true)\n", ""},
    {"start-on-a-host", "vm-start vm=data on=alpha.lab", {MSG_VM_START_ON, -1}, NULL,
     "VM.start_on(OpaqueRef:" DATA ", OpaqueRef:" HOST ", false, false)\n", ""},
    {"shutdown", "vm-shutdown uuid=" WEB, {MSG_VM_CLEAN_SHUTDOWN, -1}, NULL, "VM.clean_shutdown(OpaqueRef:" WEB ")\n", ""},
    {"shutdown-by-force", "vm-shutdown uuid=" WEB " --force", {MSG_VM_HARD_SHUTDOWN, -1}, NULL, "VM.hard_shutdown(OpaqueRef:" WEB ")\n", ""},
    {"clone", "vm-clone vm=data new-name-label=copy new-name-description=d", {MSG_VM_CLONE, -1}, "OpaqueRef:" WEB,
     "VM.clone(OpaqueRef:" DATA ", copy)\n", WEB "\n"},
    {"migrate", "vm-migrate uuid=" WEB " host=alpha live=true", {MSG_VM_POOL_MIGRATE, -1}, NULL,
     "VM.pool_migrate(OpaqueRef:" WEB ", OpaqueRef:" HOST ", {force=false, live=true, copy=false})\n", ""},
    {"memory", "vm-memory-limits-set vm=data static-min=1MiB static-max=4MiB dynamic-min=2MiB dynamic-max=3MiB", {MSG_VM_SET_MEMORY_LIMITS, -1}, NULL,
     "VM.set_memory_limits(OpaqueRef:" DATA ", 1048576, 4194304, 2097152, 3145728)\n", ""},
    {"resize", "vdi-resize uuid=" DISK " disk-size=10GiB", {MSG_VDI_RESIZE, -1}, NULL, "VDI.resize(OpaqueRef:" DISK ", 10737418240)\n", ""},
    {"copy", "vdi-copy uuid=" DISK " sr-uuid=" SR, {MSG_VDI_COPY, -1}, "OpaqueRef:" DISK,
     "VDI.copy(OpaqueRef:" DISK ", OpaqueRef:" SR ", OpaqueRef:NULL, OpaqueRef:NULL)\n", DISK "\n"},
    {"sr-create", "sr-create name-label=new type=ext device-config-device=/dev/sdb physical-size=0 content-type=user", {MSG_SR_CREATE, -1}, "OpaqueRef:" SR,
     "SR.create(OpaqueRef:" HOST ", {device=/dev/sdb}, 0, new, , ext, user, false, {})\n", SR "\n"},
    {"sr-introduce", "sr-introduce uuid=" SR " name-label=old type=ext content-type=user", {MSG_SR_INTRODUCE, -1}, "OpaqueRef:" SR,
     "SR.introduce(" SR ", old, , ext, user, false, {})\n", SR "\n"},
    {"probe-at-the-master", "sr-probe type=iscsi device-config:target=t", {MSG_SR_PROBE, -1}, "<found/>",
     "SR.probe(OpaqueRef:" HOST ", {target=t}, iscsi, {})\n", "<found/>\n"},
};
/* clang-format on */

static void
test_calls(gconstpointer data)
{
    const struct CallCase *one = data;
    g_autoptr(TestCli) cli = make_world();
    for (const int *message = one->messages; *message >= 0; message++)
        test_cli_answer(cli, *message, one->result == NULL ? NULL : value_string(one->result), NULL);
    g_auto(TestRun) run = test_cli_run(cli, one->line, NULL);
    g_assert_cmpstr(run.errors, ==, "");
    g_assert_cmpstr(cli->calls->str, ==, one->calls);
    g_assert_cmpstr(run.output, ==, one->output);
    g_assert_cmpint(run.status, ==, 0);
}

static void
test_install_places_disks(void)
{
    g_autoptr(TestCli) cli = make_world();
    g_autofree char *made =
        test_cli_insert(cli, CLASS_VM, "44444444-0000-0000-0000-00000000000a", VM_IS_A_TEMPLATE,
                        value_bool(TRUE), VM_OTHER_CONFIG, map_of("disks", "<provision/>"), -1);
    test_cli_answer(cli, MSG_VM_CLONE, value_string(made), NULL);
    test_cli_answer(cli, MSG_VM_PROVISION, NULL, NULL);
    g_auto(TestRun) run = test_cli_run_as(
        cli, "vm-install\ntemplate=Linux 1\nnew-name-label=x\nusername=root\npassword=secret", FALSE, NULL);
    g_assert_cmpstr(run.errors, ==, "");
    g_assert_cmpstr(run.output, ==, "44444444-0000-0000-0000-00000000000a\n");
    g_assert_true(g_str_has_prefix(cli->calls->str, "VM.clone(OpaqueRef:" TEMPLATE ", x)\nVM.provision("));
    g_autoptr(DbRow) vm = db_get(cli->db, CLASS_VM, made);
    g_assert_cmpstr(db_row_map_string(vm, VM_OTHER_CONFIG, "disks", ""), ==,
                    "<provision><disk device=\"0\" size=\"1024\" sr=\"" SR "\"/></provision>");
}

static void
test_failed_install_destroys_what_it_made(void)
{
    g_autoptr(TestCli) cli = make_world();
    g_autofree char *made = test_cli_insert(cli, CLASS_VM, "44444444-0000-0000-0000-00000000000a",
                                            VM_IS_A_TEMPLATE, value_bool(TRUE), -1);
    test_cli_answer(cli, MSG_VM_CLONE, value_string(made), NULL);
    test_cli_answer(cli, MSG_VM_PROVISION, NULL, "SR_FULL");
    test_cli_answer(cli, MSG_VM_DESTROY, NULL, NULL);
    g_auto(TestRun) run = test_cli_run_as(
        cli, "vm-install\ntemplate=Linux 1\nnew-name-label=x\nusername=root\npassword=secret", FALSE, NULL);
    g_assert_cmpint(run.status, ==, 1);
    g_assert_nonnull(strstr(cli->calls->str, "VM.destroy(OpaqueRef:44444444-0000-0000-0000-00000000000a)\n"));
}

static void
test_multiple_reports_each_failure(void)
{
    g_autoptr(TestCli) cli = make_world();
    test_cli_answer(cli, MSG_VM_CLEAN_REBOOT, NULL, "VM_MISSING_PV_DRIVERS");
    g_auto(TestRun) run = test_cli_run(cli, "vm-reboot --multiple", NULL);
    g_assert_cmpint(run.status, ==, 1);
    g_assert_cmpstr(run.errors, ==, "");
    g_assert_nonnull(strstr(run.output, "operation failed on " WEB ": "));
    g_assert_nonnull(strstr(run.output, "operation failed on " DATA ": "));
}

static void
test_reference_in_error_is_named(void)
{
    g_autoptr(TestCli) cli = make_world();
    test_cli_answer(cli, MSG_VM_CLEAN_REBOOT, NULL, "VM_MISSING_PV_DRIVERS");
    g_auto(TestRun) run = test_cli_run(cli, "vm-reboot uuid=" WEB, NULL);
    g_assert_cmpint(run.status, ==, 1);
    g_assert_nonnull(strstr(run.errors, "vm: " WEB " (web)\n"));
}

/* -- Changes and questions
 * -------------------------------------------------------------------------------------------------- */

static void
run_well(TestCli *cli, const char *line, const char *answer, const char *output)
{
    g_auto(TestRun) run = test_cli_run(cli, line, answer);
    g_assert_cmpstr(run.errors, ==, "");
    g_assert_cmpint(run.status, ==, 0);
    if (output != NULL)
        g_assert_cmpstr(run.output, ==, output);
}

static void
test_params_change(void)
{
    g_autoptr(TestCli) cli = make_world();
    run_well(cli, "vm-param-set uuid=" WEB " name-label=new other-config:owner=him other-config:b:c=d", NULL,
             "");
    run_well(cli, "vm-param-add uuid=" WEB " param-name=tags param-key=green", NULL, "");
    run_well(cli, "vm-param-remove uuid=" WEB " param-name=tags param-key=red", NULL, "");
    run_well(cli, "vm-param-add uuid=" WEB " param-name=other-config x=1 y=2", NULL, "");
    run_well(cli, "vm-param-remove uuid=" WEB " param-name=other-config param-key=x", NULL, "");
    run_well(cli, "vm-list uuid=" WEB " params=name-label,tags,other-config", NULL,
             "name-label ( RW)      : new\n"
             "    other-config (MRW): owner: him; b:c: d; y: 2\n"
             "            tags (SRW): blue, green\n\n\n");
    run_well(cli, "vm-param-clear uuid=" WEB " param-name=tags", NULL, "");
    run_well(cli, "vm-param-clear uuid=" WEB " param-name=other-config", NULL, "");
    run_well(cli, "vm-param-set uuid=" WEB " affinity=" HOST, NULL, "");
    run_well(cli, "vm-param-get uuid=" WEB " param-name=tags", NULL, "\n");
    run_well(cli, "vm-param-get uuid=" WEB " param-name=other-config", NULL, "\n");
    run_well(cli, "vm-param-get uuid=" WEB " param-name=affinity", NULL, HOST "\n");
    run_well(cli, "vm-param-set uuid=" WEB " affinity=", NULL, "");
    run_well(cli, "vm-param-get uuid=" WEB " param-name=affinity", NULL, "<not in database>\n");
    run_well(cli, "pool-param-set uuid=" POOL " default-SR=", NULL, "");
    run_well(cli, "pool-list params=default-SR --minimal", NULL, "<not in database>\n");
}

static void
uninstall(const char *line, const char *answer, int status, gboolean is_done)
{
    g_autoptr(TestCli) cli = make_world();
    test_cli_answer(cli, MSG_VM_DESTROY, NULL, NULL);
    test_cli_answer(cli, MSG_VDI_DESTROY, NULL, NULL);
    g_auto(TestRun) run = test_cli_run(cli, line, answer);
    g_assert_cmpint(run.status, ==, status);
    g_assert_true(g_str_has_prefix(run.output, "The following items are about to be destroyed\n"
                                               "VM : " DATA " (data)\n"
                                               "VDI: " DISK " (root)\n"));
    g_assert_cmpint(strstr(run.output, "Type 'yes' to continue\n") != NULL, ==, answer != NULL);
    g_assert_cmpint(g_str_has_suffix(run.output, "All objects destroyed\n"), ==, is_done);
    g_assert_cmpstr(cli->calls->str, ==,
                    is_done ? "VM.destroy(OpaqueRef:" DATA ")\nVDI.destroy(OpaqueRef:" DISK ")\n" : "");
}

static void
test_uninstall_asks(void)
{
    uninstall("vm-uninstall vm=data", "Yes", 0, TRUE);
    uninstall("vm-uninstall vm=data", "no", 0, FALSE);
    uninstall("vm-uninstall vm=data --force", NULL, 0, TRUE);
}

static void
test_file_of_the_user(void)
{
    g_autoptr(TestCli) cli = make_world();
    test_cli_answer(cli, MSG_HOST_CALL_PLUGIN, value_string("done"), NULL);
    run_well(cli, "host-call-plugin host-uuid=" HOST " plugin=p fn=f args:a=b args:key:file=/tmp/x",
             "content", "done\n");
    g_assert_cmpstr(cli->calls->str, ==, "host.call_plugin(OpaqueRef:" HOST ", p, f, {a=b, key=content})\n");
}

static void
test_missing_file(void)
{
    g_autoptr(TestCli) cli = make_world();
    g_auto(TestRun) run =
        test_cli_run(cli, "host-call-plugin host-uuid=" HOST " plugin=p fn=f args:key:file=/tmp/x", NULL);
    g_assert_cmpint(run.status, ==, 1);
    g_assert_cmpstr(run.errors, ==, "Error: Failed to read file /tmp/x\n");
}

#define TASK "77777777-0000-0000-0000-000000000001"

/* The task of the transfer to come, as its handler leaves it. */
static void
make_task(TestCli *cli, const char *status, const char *result)
{
    g_free(test_cli_insert(cli, CLASS_TASK, TASK, TASK_STATUS, value_string(status), TASK_RESULT,
                           value_string(result), -1));
    test_cli_answer(cli, MSG_TASK_CREATE, value_string("OpaqueRef:" TASK), NULL);
    test_cli_answer(cli, MSG_TASK_DESTROY, NULL, NULL);
}

static void
test_failed_transfer(void)
{
    g_autoptr(TestCli) cli = make_world();
    make_task(cli, "pending", "");
    g_auto(TestRun) run = test_cli_run(cli, "vm-export uuid=" DATA " filename=/tmp/x compress=zstd", NULL);
    g_assert_cmpint(run.status, ==, 1);
    g_assert_true(g_str_has_prefix(run.output, "transfer /tmp/x /export?uuid=" DATA
                                               "&use_compression=zstd&session_id=OpaqueRef:"));
    g_assert_nonnull(strstr(run.output, "&task_id=OpaqueRef:" TASK "\n"));
    g_assert_cmpstr(run.errors, ==, "Error: The client could not transfer the file\n");
    g_assert_true(g_str_has_suffix(cli->calls->str, "task.destroy(OpaqueRef:" TASK ")\n"));
}

static void
test_import(void)
{
    g_autoptr(TestCli) cli = make_world();
    make_task(cli, "success",
              "<value><array><data><value>OpaqueRef:" WEB "</value><value>OpaqueRef:" DATA
              "</value></data></array></value>");
    g_auto(TestRun) run = test_cli_run(cli, "vm-import filename=/tmp/x sr-uuid=" SR " preserve=true", "sent");
    g_assert_cmpstr(run.errors, ==, "");
    g_assert_cmpint(run.status, ==, 0);
    g_assert_true(g_str_has_prefix(run.output, "transfer /tmp/x /import?restore=true&sr_id=OpaqueRef%3A" SR
                                               "&session_id="));
    g_assert_true(g_str_has_suffix(run.output, "\n" WEB "," DATA "\n"));
}

static void
test_failed_task(void)
{
    g_autoptr(TestCli) cli = make_world();
    make_task(cli, "cancelled", "");
    g_auto(TestRun) run = test_cli_run(cli, "vdi-export filename=/tmp/x uuid=" DISK, "sent");
    g_assert_cmpint(run.status, ==, 1);
    g_assert_nonnull(strstr(run.errors, "task: " TASK));
}

static void
test_console(void)
{
    g_autoptr(TestCli) cli = make_world();
    g_auto(TestRun) without = test_cli_run(cli, "console uuid=" DATA, "typed");
    g_assert_cmpint(without.status, ==, 1);
    g_assert_nonnull(strstr(without.errors, "has no text console"));

    g_free(test_cli_insert(cli, CLASS_CONSOLE, TASK, CONSOLE_VM, value_string("OpaqueRef:" DATA),
                           CONSOLE_PROTOCOL, value_string("vt100"), -1));
    g_auto(TestRun) run = test_cli_run(cli, "console uuid=" DATA, "typed");
    g_assert_cmpstr(run.errors, ==, "");
    g_assert_cmpint(run.status, ==, 0);
    g_assert_true(g_str_has_prefix(run.output, "connect /console?uuid=" TASK "&session_id=OpaqueRef:"));

    g_auto(TestRun) failed = test_cli_run(cli, "console uuid=" DATA, NULL);
    g_assert_cmpstr(failed.errors, ==, "Error: The client could not connect\n");
}

static void
test_progress(void)
{
    g_autoptr(TestCli) cli = make_world();
    test_cli_answer(cli, MSG_VM_START, NULL, NULL);
    g_auto(TestRun) run = test_cli_run(cli, "vm-start uuid=" DATA " --progress", NULL);
    g_assert_cmpint(run.status, ==, 0);
    g_assert_cmpstr(run.output, ==, "");
    g_assert_true(g_str_has_suffix(run.errors,
                                   "\r100% ############################################################\n"));
}

static void
test_wait_for_what_is(void)
{
    g_autoptr(TestCli) cli = make_world();
    run_well(cli, "event-wait class=vm uuid=" WEB " power-state=/=halted", NULL, "");
}

static void
test_help_lists(void)
{
    g_autoptr(TestCli) cli = make_world();
    g_auto(TestRun) names = test_cli_run(cli, "help --minimal --all", NULL);
    g_auto(TestRun) common = test_cli_run(cli, "help --minimal", NULL);
    g_auto(TestRun) all = test_cli_run(cli, "help --all", NULL);
    g_assert_nonnull(strstr(names.output, ",vbd-eject,"));
    g_assert_null(strstr(names.output, ",vm-create,")); /* hidden */
    g_assert_nonnull(strstr(common.output, ",vm-start,"));
    g_assert_null(strstr(common.output, ",vbd-eject,"));
    g_auto(GStrv) lines = g_strsplit(all.output, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        if (g_str_has_prefix(*line, "    "))
            g_assert_cmpuint(strlen(*line), <=, 80);
    }
}

static void
test_lists_are_linear(void)
{
    enum { N_VMS = 1000 };
    g_autoptr(TestCli) cli = make_world();
    g_autoptr(GError) error = NULL;
    g_autoptr(DbTxn) txn = db_txn_new(cli->db, NULL);
    for (int i = 0; i < N_VMS; i++)
        db_txn_insert(txn, CLASS_VM, NULL);
    db_txn_commit(txn, NULL, &error);
    g_assert_no_error(error);
    g_auto(TestRun) run = test_cli_run(cli, "vm-list params=all", NULL);
    g_assert_cmpint(run.status, ==, 0);
    gsize records = 0;
    for (const char *next = strstr(run.output, "\n\n\n"); next != NULL; next = strstr(next + 3, "\n\n\n"))
        records++;
    g_assert_cmpuint(records, ==, N_VMS + 2);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *name = g_strdup_printf("/cli/server/%s", cases[i].name);
        g_test_add_data_func(name, &cases[i], test_output);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(logins); i++) {
        g_autofree char *name = g_strdup_printf("/cli/login/%s", logins[i].name);
        g_test_add_data_func(name, &logins[i], test_login);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(calls); i++) {
        g_autofree char *name = g_strdup_printf("/cli/calls/%s", calls[i].name);
        g_test_add_data_func(name, &calls[i], test_calls);
    }
    g_test_add_func("/cli/vm-install/places-disks-on-the-default-sr", test_install_places_disks);
    g_test_add_func("/cli/vm-install/failure-destroys-what-was-made",
                    test_failed_install_destroys_what_it_made);
    g_test_add_func("/cli/server/multiple-reports-each-failure", test_multiple_reports_each_failure);
    g_test_add_func("/cli/server/references-in-errors-are-named", test_reference_in_error_is_named);
    g_test_add_func("/cli/server/params-change", test_params_change);
    g_test_add_func("/cli/server/uninstall-asks-unless-forced", test_uninstall_asks);
    g_test_add_func("/cli/server/files-of-the-user-are-loaded", test_file_of_the_user);
    g_test_add_func("/cli/server/missing-file-is-said", test_missing_file);
    g_test_add_func("/cli/server/failed-transfer-is-said", test_failed_transfer);
    g_test_add_func("/cli/server/import-prints-what-it-made", test_import);
    g_test_add_func("/cli/server/failed-task-of-a-transfer-is-said", test_failed_task);
    g_test_add_func("/cli/server/a-console-is-joined-to-the-terminal", test_console);
    g_test_add_func("/cli/server/progress-is-shown-up-to-the-end", test_progress);
    g_test_add_func("/cli/server/wait-for-what-is-already-so-ends", test_wait_for_what_is);
    g_test_add_func("/cli/server/help-lists-commands", test_help_lists);
    g_test_add_func("/cli/server/list-of-thousands-has-one-record-each", test_lists_are_linear);
    return g_test_run();
}
