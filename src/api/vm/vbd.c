/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VBDs: making and destroying them, which places are free, and media of CD drives. */
#include "api/services.h"
#include "api/vm/device.h"
#include "rpc/record.h"

#include <string.h>

#define NULL_REF "OpaqueRef:NULL"

static gboolean
is_null(const char *ref)
{
    return g_str_equal(ref, NULL_REF);
}

static gboolean
is_cd(const DbRow *vbd)
{
    return g_str_equal(db_row_string(vbd, VBD_TYPE), "CD");
}

/* ---- Create ---- */

/* Source: API reference, VBD.type and mode: CDs are read only, and only a CD drive may be empty */
static gboolean
check_kind(const DbRow *vbd, gboolean is_empty, GError **error)
{
    gboolean is_writable = g_str_equal(db_row_string(vbd, VBD_MODE), "RW");

    if (g_str_equal(db_row_string(vbd, VBD_TYPE), "Floppy"))
        return api_error_value_not_supported(error, "type", "Floppy", "no floppy drives are emulated");
    if (is_cd(vbd) && is_writable)
        return api_error_vbd_cds_must_be_readonly(error);
    if (!is_cd(vbd) && is_empty)
        return api_error_vbd_not_removable_media(error, vbd->ref);
    return TRUE;
}

static gboolean
check_disk(DbTxn *txn, const DbRow *vbd, GError **error)
{
    const char *vdi_ref = db_row_string(vbd, VBD_VDI);
    g_autoptr(DbRow) vdi = db_txn_read(txn, CLASS_VDI, vdi_ref);

    if (vdi == NULL)
        return api_error_handle_invalid(error, "VDI", vdi_ref);
    if (db_row_bool(vdi, VDI_READ_ONLY) && g_str_equal(db_row_string(vbd, VBD_MODE), "RW"))
        return api_error_vdi_readonly(error, vdi_ref);
    return TRUE;
}

static gboolean
choose_place(DbTxn *txn, const DbRow *vbd, GError **error)
{
    const char *userdevice = db_row_string(vbd, VBD_USERDEVICE);
    g_autoptr(GPtrArray) vbds = db_txn_referrers(txn, CLASS_VBD, VBD_VM, db_row_string(vbd, VBD_VM));
    g_autofree gboolean *taken = vm_taken_positions(vbds, vbd->ref);
    guint position;

    if (g_str_equal(userdevice, "autodetect")) {
        int place = vm_first_free_position(taken, VM_VBD_OFFERED_DEVICES);
        if (place < 0)
            return api_error_invalid_device(error, userdevice);
        g_autofree char *text = g_strdup_printf("%d", place);
        db_txn_set_string(txn, CLASS_VBD, vbd->ref, VBD_USERDEVICE, text);
        return TRUE;
    }
    if (!vm_vbd_position(userdevice, &position))
        return api_error_invalid_device(error, userdevice);
    return !taken[position] || api_error_device_already_exists(error, userdevice);
}

/* On the writer's thread, so that two VBDs made at once cannot get one place. */
static gboolean
create_step(DbTxn *txn, gpointer data, GError **error)
{
    g_autoptr(DbRow) vbd = db_txn_read(txn, CLASS_VBD, data);
    g_return_val_if_fail(vbd != NULL, FALSE);
    g_autoptr(DbRow) vm = db_txn_read(txn, CLASS_VM, db_row_string(vbd, VBD_VM));
    if (vm == NULL)
        return api_error_handle_invalid(error, "VM", db_row_string(vbd, VBD_VM));

    gboolean is_empty = db_row_bool(vbd, VBD_EMPTY) || (is_cd(vbd) && is_null(db_row_string(vbd, VBD_VDI)));
    if (!check_kind(vbd, is_empty, error) || (!is_empty && !check_disk(txn, vbd, error)) ||
        !choose_place(txn, vbd, error))
        return FALSE;
    db_txn_set_bool(txn, CLASS_VBD, vbd->ref, VBD_EMPTY, is_empty);
    if (is_empty)
        db_txn_set_string(txn, CLASS_VBD, vbd->ref, VBD_VDI, NULL_REF);
    return TRUE;
}

gboolean
api_vbd__create(ApiCall *call, const VbdCreateArgs *args, Value **ret_value, GError **error)
{
    const char *ref;
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);

    if (!rpc_record_insert(txn, CLASS_VBD, args->args, &ref, error))
        return FALSE;
    g_autofree char *vbd_ref = g_strdup(ref);
    db_txn_step(txn, create_step, vbd_ref, NULL);
    if (!db_txn_commit(txn, NULL, error))
        return FALSE;
    *ret_value = value_string(vbd_ref);
    return TRUE;
}

/* ---- Destroy ---- */

static gboolean
destroy_step(DbTxn *txn, gpointer data, GError **error)
{
    const char *ref = data;
    g_autoptr(DbRow) vbd = db_txn_read(txn, CLASS_VBD, ref);

    if (vbd == NULL)
        return api_error_handle_invalid(error, "VBD", ref);
    if (db_row_bool(vbd, VBD_CURRENTLY_ATTACHED)) {
        g_autofree char *text = g_strdup_printf("VBD '%s' is still attached to VM '%s'",
                                                db_row_string(vbd, VBD_UUID), db_row_string(vbd, VBD_VM));
        return api_error_operation_not_allowed(error, text);
    }
    if (value_size(vbd->fields[VBD_CURRENT_OPERATIONS]) > 0)
        return api_error_other_operation_in_progress(error, "VBD", ref);
    db_txn_delete(txn, CLASS_VBD, ref);
    return TRUE;
}

gboolean
api_vbd__destroy(ApiCall *call, const VbdDestroyArgs *args, GError **error)
{
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);

    db_txn_step(txn, destroy_step, (gpointer)args->self.id, NULL);
    return db_txn_commit(txn, NULL, error);
}

/* ---- Media ---- */

/* What is to be in the drive from now on. */
typedef struct MediumChange {
    const char *vbd;     /* ref */
    const char *vdi;     /* ref; NULL: nothing */
    const char *message; /* name */
} MediumChange;

static gboolean
check_medium(DbTxn *txn, const char *vdi_ref, GError **error)
{
    g_autoptr(DbRow) vdi = db_txn_read(txn, CLASS_VDI, vdi_ref);
    if (vdi == NULL)
        return api_error_handle_invalid(error, "VDI", vdi_ref);
    g_autoptr(DbRow) sr = db_txn_read(txn, CLASS_SR, db_row_string(vdi, VDI_SR));
    if (sr == NULL)
        return api_error_handle_invalid(error, "SR", db_row_string(vdi, VDI_SR));
    if (g_str_equal(db_row_string(sr, SR_CONTENT_TYPE), "iso"))
        return TRUE;
    return api_error_vdi_is_not_iso(error, vdi_ref, db_row_string(sr, SR_CONTENT_TYPE));
}

static gboolean
medium_step(DbTxn *txn, gpointer data, GError **error)
{
    const MediumChange *change = data;
    g_autoptr(DbRow) vbd = db_txn_read(txn, CLASS_VBD, change->vbd);

    if (vbd == NULL)
        return api_error_handle_invalid(error, "VBD", change->vbd);
    if (!is_cd(vbd))
        return api_error_vbd_not_removable_media(error, vbd->ref);
    if (change->vdi != NULL && !db_row_bool(vbd, VBD_EMPTY))
        return api_error_vbd_not_empty(error, vbd->ref);
    if (change->vdi == NULL && db_row_bool(vbd, VBD_EMPTY))
        return api_error_vbd_is_empty(error, vbd->ref);
    if (change->vdi != NULL && !check_medium(txn, change->vdi, error))
        return FALSE;
    /* The domain service has no call yet that changes the medium of a running VM. */
    if (db_row_bool(vbd, VBD_CURRENTLY_ATTACHED))
        return api_error_not_implemented(error, change->message);

    db_txn_set_bool(txn, CLASS_VBD, vbd->ref, VBD_EMPTY, change->vdi == NULL);
    db_txn_set_string(txn, CLASS_VBD, vbd->ref, VBD_VDI, change->vdi != NULL ? change->vdi : NULL_REF);
    return TRUE;
}

static gboolean
change_medium(ApiCall *call, const char *vbd_ref, const char *vdi_ref, GError **error)
{
    MediumChange change = {vbd_ref, vdi_ref, call->message->name};
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);

    db_txn_step(txn, medium_step, &change, NULL);
    return db_txn_commit(txn, NULL, error);
}

gboolean
api_vbd__insert(ApiCall *call, const VbdInsertArgs *args, GError **error)
{
    return change_medium(call, args->vbd.id, args->vdi.id, error);
}

gboolean
api_vbd__eject(ApiCall *call, const VbdEjectArgs *args, GError **error)
{
    return change_medium(call, args->vbd.id, NULL, error);
}

/* ---- Free places ---- */

/* As texts, lowest first. */
static gboolean
answer_free_places(Db *db, const char *vm_ref, int class_id, int vm_field, guint n_places, Value **ret_value,
                   GError **error)
{
    g_autoptr(DbRow) vm = db_require(db, CLASS_VM, vm_ref, error);
    if (vm == NULL)
        return FALSE;
    g_autoptr(GPtrArray) devices = db_referrers(db, class_id, vm_field, vm_ref);
    g_autofree gboolean *taken = vm_taken_positions(devices, NULL);
    Value *places = value_array_new(n_places);

    for (guint i = 0; i < n_places; i++)
        if (!taken[i])
            value_array_add(places, value_string_printf("%u", i));
    *ret_value = places;
    return TRUE;
}

gboolean
api_vm__get_allowed_vbd_devices(ApiCall *call, const VmGetAllowedVbdDevicesArgs *args, Value **ret_value,
                                GError **error)
{
    return answer_free_places(call->db, args->vm.id, CLASS_VBD, VBD_VM, VM_VBD_OFFERED_DEVICES, ret_value,
                              error);
}

gboolean
api_vm__get_allowed_vif_devices(ApiCall *call, const VmGetAllowedVifDevicesArgs *args, Value **ret_value,
                                GError **error)
{
    return answer_free_places(call->db, args->vm.id, CLASS_VIF, VIF_VM, VM_VIF_OFFERED_DEVICES, ret_value,
                              error);
}
