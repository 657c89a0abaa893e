/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vm-install: a VM with its disks out of a template. */
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#include "cli/handlers.h"
#include "cli/print.h"
#include "model/classes.h"

#define NULL_REF    "OpaqueRef:NULL"
#define DESCRIPTION "Installed via xe CLI"
#define DISKS_KEY   "disks" /* in other_config of a template: the disks to make */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)

/* -- What to install from, and where to
 * --------------------------------------------------------------------------------- */

static DbRow *
template_by_name(CliCall *call, const char *name, GError **error)
{
    g_autoptr(GPtrArray) rows = db_get_by_name(call->db, CLASS_VM, name);
    DbRow *found = NULL;
    for (guint i = 0; i < rows->len; i++) {
        if (!db_row_bool(rows->pdata[i], VM_IS_A_TEMPLATE) ||
            db_row_bool(rows->pdata[i], VM_IS_CONTROL_DOMAIN))
            continue;
        if (found != NULL) {
            cli_error_failed(error, "More than one template has the name %s: use template-uuid", name);
            return NULL;
        }
        found = rows->pdata[i];
    }
    if (found == NULL)
        cli_error_failed(error, "No template has the name %s", name);
    return found == NULL ? NULL : db_row_ref(found);
}

static DbRow *
find_template(CliCall *call, GError **error)
{
    const char *name = cli_get(call, "template-name-label");
    const char *either = cli_get(call, "template");
    if (cli_get(call, "template-uuid") != NULL)
        return cli_row_by_key(call, CLASS_VM, "template-uuid", error);
    if (name == NULL)
        name = cli_get(call, "template-name");
    if (name != NULL)
        return template_by_name(call, name, error);
    if (either == NULL) {
        cli_error_failed(error, "Say which template: template=, template-uuid= or template-name-label=");
        return NULL;
    }
    DbRow *row = db_get_by_uuid(call->db, CLASS_VM, either);
    return row != NULL ? row : template_by_name(call, either, error);
}

/* The SR the user names. FALSE with @error; TRUE with *@ret_sr NULL when none is named. */
static gboolean
find_sr(CliCall *call, const DbRow *template, DbRow **ret_sr, GError **error)
{
    const char *uuid = cli_get(call, "sr-uuid"), *name = cli_get(call, "sr-name-label");
    if (uuid == NULL && name == NULL) {
        *ret_sr = NULL;
        return TRUE;
    }
    if (db_row_bool(template, VM_IS_A_SNAPSHOT))
        return cli_error_failed(
            error,
            "New disks from a snapshot stay on the SRs of the old ones: leave out sr-uuid and sr-name-label");
    g_autoptr(DbRow) sr = uuid != NULL ? cli_row_by_uuid(call, CLASS_SR, uuid, error)
                                       : cli_row_by_name(call, CLASS_SR, name, error);
    if (sr == NULL)
        return FALSE;
    if (name != NULL && strcmp(cli_row_name(sr), name) != 0)
        return cli_error_failed(error, "The SR with that uuid has another name than %s", name);
    *ret_sr = g_steal_pointer(&sr);
    return TRUE;
}

static gboolean
has_disks(CliCall *call, const DbRow *template)
{
    g_autoptr(GPtrArray) vbds = db_referrers(call->db, CLASS_VBD, VBD_VM, template->ref);
    for (guint i = 0; i < vbds->len; i++) {
        if (strcmp(db_row_string(vbds->pdata[i], VBD_TYPE), "Disk") == 0)
            return TRUE;
    }
    return FALSE;
}

/* -- Disks to make
 * ----------------------------------------------------------------------------------------------------------
 */

/* The template's list of disks with each one's SR replaced; NULL when it is no such list. */
static char *
place_disks(const char *xml, const char *sr_uuid)
{
    g_autoptr(xmlDoc) document = xmlReadMemory(xml, (int)strlen(xml), NULL, NULL,
                                               XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    xmlNode *root = document == NULL ? NULL : xmlDocGetRootElement(document);
    if (root == NULL || document->intSubset != NULL)
        return NULL;
    for (xmlNode *disk = root->children; disk != NULL; disk = disk->next) {
        if (disk->type == XML_ELEMENT_NODE && xmlStrEqual(disk->name, BAD_CAST "disk"))
            xmlSetProp(disk, BAD_CAST "sr", BAD_CAST sr_uuid);
    }
    xmlBuffer *buffer = xmlBufferCreate();
    xmlNodeDump(buffer, document, root, 0, 0);
    char *text = g_strdup((const char *)xmlBufferContent(buffer));
    xmlBufferFree(buffer);
    return text;
}

/* Lets VM.provision make the disks on @sr, or on the pool's default SR. */
static gboolean
set_disk_places(CliCall *call, const char *vm, const DbRow *template, const DbRow *sr, GError **error)
{
    const char *disks = db_row_map_string(template, VM_OTHER_CONFIG, DISKS_KEY, NULL);
    if (disks == NULL)
        return TRUE;
    g_autoptr(DbRow) default_sr = sr == NULL ? cli_default_sr(call) : NULL;
    const DbRow *place = sr != NULL ? sr : default_sr;
    if (place == NULL)
        return cli_error_failed(
            error, "The pool has no default SR: say where disks go with sr-uuid or sr-name-label");

    g_autofree char *placed = place_disks(disks, cli_row_uuid(place));
    if (placed == NULL)
        return cli_error_failed(error, "The template's list of disks cannot be read");
    return cli_do(call, "VM.remove_from_other_config", error, value_string(vm), value_string(DISKS_KEY),
                  NULL) &&
           cli_do(call, "VM.add_to_other_config", error, value_string(vm), value_string(DISKS_KEY),
                  value_string(placed), NULL);
}

/* -- The VM
 * -------------------------------------------------------------------------------------------------------------------
 */

static gboolean
copy_bios_strings(CliCall *call, const char *vm, GError **error)
{
    if (cli_get(call, "copy-bios-strings-from") == NULL)
        return TRUE;
    g_autoptr(DbRow) host = cli_row_by_key(call, CLASS_HOST, "copy-bios-strings-from", error);
    return host != NULL &&
           cli_do(call, "VM.copy_bios_strings", error, value_string(vm), value_string(host->ref), NULL);
}

static gboolean
finish_vm(CliCall *call, const char *vm, const DbRow *template, const DbRow *sr, GError **error)
{
    const char *suspend_sr = sr != NULL ? sr->ref : db_row_string(template, VM_SUSPEND_SR);
    return cli_do(call, "VM.set_name_description", error, value_string(vm), value_string(DESCRIPTION),
                  NULL) &&
           cli_do(call, "VM.set_suspend_SR", error, value_string(vm), value_string(suspend_sr), NULL) &&
           set_disk_places(call, vm, template, sr, error) &&
           cli_do(call, "VM.provision", error, value_string(vm), NULL) && copy_bios_strings(call, vm, error);
}

gboolean
cli_vm_install(CliCall *call, GError **error)
{
    g_autoptr(DbRow) sr = NULL;
    g_autoptr(DbRow) template = find_template(call, error);
    if (template == NULL)
        return FALSE;
    if (!db_row_bool(template, VM_IS_A_TEMPLATE))
        return cli_error_failed(error, "%s is not a template", cli_row_uuid(template));
    if (!find_sr(call, template, &sr, error))
        return FALSE;

    /* A template's own disks move to the SR only when copied. */
    const char *name = cli_get(call, "new-name-label");
    g_autoptr(Value) vm =
        sr != NULL && has_disks(call, template)
            ? cli_invoke(call, "VM.copy", error, value_string(template->ref), value_string(name),
                         value_string(sr->ref), NULL)
            : cli_invoke(call, "VM.clone", error, value_string(template->ref), value_string(name), NULL);
    if (vm == NULL)
        return FALSE;
    if (!finish_vm(call, value_get_string(vm), template, sr, error)) {
        cli_do(call, "VM.destroy", NULL, value_string(value_get_string(vm)), NULL);
        return FALSE;
    }
    g_autofree char *uuid = cli_uuid_of(call, CLASS_VM, value_get_string(vm));
    cli_print_line(call, uuid);
    return TRUE;
}
