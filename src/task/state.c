/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One row per class and operation. */
#include "task/state.h"

#include "model/classes.h"
#include "model/enums.h"
#include "model/errors.h"

static GPtrArray *
referrers(const StateReader *reader, int class_id, int field, const char *ref)
{
    return reader->txn != NULL ? db_txn_referrers(reader->txn, class_id, field, ref)
                               : db_referrers(reader->db, class_id, field, ref);
}

static guint
count_true(const GPtrArray *rows, int field)
{
    guint n = 0;
    for (guint i = 0; i < rows->len; i++)
        if (db_row_bool(g_ptr_array_index(rows, i), field))
            n++;
    return n;
}

/* ---- SRs ---- */

static gboolean
check_plugged(const StateReader *reader, const char *sr, GError **error)
{
    g_autoptr(GPtrArray) pbds = referrers(reader, CLASS_PBD, PBD_SR, sr);
    if (pbds->len == 0)
        return api_error_sr_has_no_pbds(error, sr);
    return count_true(pbds, PBD_CURRENTLY_ATTACHED) > 0 || api_error_sr_not_attached(error, sr);
}

static gboolean
sr_is_plugged(const StateReader *reader, const DbRow *sr, const char *operation, GError **error)
{
    return check_plugged(reader, sr->ref, error);
}

static gboolean
sr_is_unplugged(const StateReader *reader, const DbRow *sr, const char *operation, GError **error)
{
    g_autoptr(GPtrArray) pbds = referrers(reader, CLASS_PBD, PBD_SR, sr->ref);
    return count_true(pbds, PBD_CURRENTLY_ATTACHED) == 0 || api_error_sr_has_pbd(error, sr->ref);
}

static gboolean
sr_has_pbds(const StateReader *reader, const DbRow *sr, const char *operation, GError **error)
{
    g_autoptr(GPtrArray) pbds = referrers(reader, CLASS_PBD, PBD_SR, sr->ref);
    return pbds->len > 0 || api_error_sr_has_no_pbds(error, sr->ref);
}

static gboolean
sr_may_be_destroyed(const StateReader *reader, const DbRow *sr, const char *operation, GError **error)
{
    if (!sr_is_unplugged(reader, sr, operation, error) || !sr_has_pbds(reader, sr, operation, error))
        return FALSE;
    return !g_str_equal(db_row_map_string(sr, SR_OTHER_CONFIG, "indestructible", "false"), "true") ||
           api_error_sr_indestructible(error, sr->ref);
}

static gboolean
sr_has_unplugged_pbd(const StateReader *reader, const DbRow *sr, const char *operation, GError **error)
{
    g_autoptr(GPtrArray) pbds = referrers(reader, CLASS_PBD, PBD_SR, sr->ref);
    if (pbds->len == 0)
        return api_error_sr_has_no_pbds(error, sr->ref);
    return count_true(pbds, PBD_CURRENTLY_ATTACHED) < pbds->len ||
           api_error_operation_not_allowed(error, "the PBD is plugged; unplug it first");
}

/* ---- Disks ---- */

static gboolean
vdi_is_plugged(const StateReader *reader, const DbRow *vdi, const char *operation, GError **error)
{
    return check_plugged(reader, db_row_string(vdi, VDI_SR), error);
}

static gboolean
vdi_is_detached(const StateReader *reader, const DbRow *vdi, const char *operation, GError **error)
{
    g_autoptr(GPtrArray) vbds = referrers(reader, CLASS_VBD, VBD_VDI, vdi->ref);
    return count_true(vbds, VBD_CURRENTLY_ATTACHED) == 0 || api_error_vdi_in_use(error, vdi->ref, operation);
}

static gboolean
vdi_is_idle(const StateReader *reader, const DbRow *vdi, const char *operation, GError **error)
{
    return vdi_is_detached(reader, vdi, operation, error) && vdi_is_plugged(reader, vdi, operation, error);
}

static gboolean
vdi_may_be_destroyed(const StateReader *reader, const DbRow *vdi, const char *operation, GError **error)
{
    return vdi_is_idle(reader, vdi, operation, error) &&
           (db_row_bool(vdi, VDI_MANAGED) || api_error_vdi_not_managed(error, vdi->ref));
}

/* ---- VMs, their devices, hosts ---- */

static gboolean
vm_may_be_provisioned(const StateReader *reader, const DbRow *vm, const char *operation, GError **error)
{
    if (!db_row_bool(vm, VM_IS_A_TEMPLATE))
        return api_error_provision_only_allowed_on_template(error);
    return !db_row_bool(vm, VM_IS_DEFAULT_TEMPLATE) ||
           api_error_operation_not_allowed(
               error, "clone the template first: it came with the product and stays as it is");
}

static gboolean
vm_may_be_destroyed(const StateReader *reader, const DbRow *vm, const char *operation, GError **error)
{
    return !db_row_bool(vm, VM_IS_DEFAULT_TEMPLATE) ||
           api_error_vm_cannot_delete_default_template(error, vm->ref);
}

/* Devices are attached when their VM starts or resumes. */
static gboolean
vm_is_off(const StateReader *reader, const char *vm_ref, GError **error)
{
    g_autoptr(DbRow) vm = reader->txn != NULL ? db_txn_read(reader->txn, CLASS_VM, vm_ref)
                                              : db_get(reader->db, CLASS_VM, vm_ref);
    if (vm == NULL)
        return api_error_handle_invalid(error, "VM", vm_ref);
    const char *state = db_row_string(vm, VM_POWER_STATE);
    if (!g_str_equal(state, vm_power_state_name(VM_POWER_STATE_RUNNING)) &&
        !g_str_equal(state, vm_power_state_name(VM_POWER_STATE_PAUSED)))
        return TRUE;
    g_autofree char *lower = g_ascii_strdown(state, -1);
    return api_error_vm_bad_power_state(error, vm_ref, "halted", lower);
}

static gboolean
vbd_may_be_attached(const StateReader *reader, const DbRow *vbd, const char *operation, GError **error)
{
    if (db_row_bool(vbd, VBD_CURRENTLY_ATTACHED))
        return api_error_device_already_attached(error, vbd->ref);
    return vm_is_off(reader, db_row_string(vbd, VBD_VM), error);
}

static gboolean
vbd_is_drive(const DbRow *vbd, GError **error)
{
    return g_str_equal(db_row_string(vbd, VBD_TYPE), vbd_type_name(VBD_TYPE_CD)) ||
           api_error_vbd_not_removable_media(error, vbd->ref);
}

static gboolean
vbd_is_empty(const StateReader *reader, const DbRow *vbd, const char *operation, GError **error)
{
    return vbd_is_drive(vbd, error) &&
           (db_row_bool(vbd, VBD_EMPTY) || api_error_vbd_not_empty(error, vbd->ref));
}

static gboolean
vbd_is_full(const StateReader *reader, const DbRow *vbd, const char *operation, GError **error)
{
    return vbd_is_drive(vbd, error) &&
           (!db_row_bool(vbd, VBD_EMPTY) || api_error_vbd_is_empty(error, vbd->ref));
}

static gboolean
vif_may_be_attached(const StateReader *reader, const DbRow *vif, const char *operation, GError **error)
{
    if (db_row_bool(vif, VIF_CURRENTLY_ATTACHED))
        return api_error_device_already_attached(error, vif->ref);
    return vm_is_off(reader, db_row_string(vif, VIF_VM), error);
}

static gboolean
host_is_enabled(const StateReader *reader, const DbRow *host, const char *operation, GError **error)
{
    return db_row_bool(host, HOST_ENABLED) || api_error_host_disabled(error, host->ref);
}

/* clang-format off */
static const struct StateRule {
    int class_id;
    const char *operation;
    gboolean (*check)(const StateReader *reader, const DbRow *row, const char *operation, GError **error);
} rules[] = {
    {CLASS_SR,   "scan",          sr_is_plugged        },
    {CLASS_SR,   "update",        sr_is_plugged        },
    {CLASS_SR,   "vdi_create",    sr_is_plugged        },
    {CLASS_SR,   "vdi_introduce", sr_is_plugged        },
    {CLASS_SR,   "vdi_destroy",   sr_is_plugged        },
    {CLASS_SR,   "vdi_resize",    sr_is_plugged        },
    {CLASS_SR,   "vdi_clone",     sr_is_plugged        },
    {CLASS_SR,   "vdi_snapshot",  sr_is_plugged        },
    {CLASS_SR,   "plug",          sr_has_pbds          },
    {CLASS_SR,   "unplug",        sr_has_pbds          },
    {CLASS_SR,   "pbd_destroy",   sr_has_unplugged_pbd },
    {CLASS_SR,   "forget",        sr_is_unplugged      },
    {CLASS_SR,   "destroy",       sr_may_be_destroyed  },
    {CLASS_VDI,  "snapshot",      vdi_is_plugged       },
    {CLASS_VDI,  "clone",         vdi_is_plugged       },
    {CLASS_VDI,  "copy",          vdi_is_plugged       },
    {CLASS_VDI,  "update",        vdi_is_plugged       },
    {CLASS_VDI,  "resize",        vdi_is_idle          },
    {CLASS_VDI,  "destroy",       vdi_may_be_destroyed },
    {CLASS_VDI,  "forget",        vdi_is_detached      },
    {CLASS_VM,   "provision",     vm_may_be_provisioned},
    {CLASS_VM,   "destroy",       vm_may_be_destroyed  },
    {CLASS_VBD,  "attach",        vbd_may_be_attached  },
    {CLASS_VBD,  "insert",        vbd_is_empty         },
    {CLASS_VBD,  "eject",         vbd_is_full          },
    {CLASS_VIF,  "attach",        vif_may_be_attached  },
    {CLASS_HOST, "vm_start",      host_is_enabled      },
};
/* clang-format on */

gboolean
state_check(const StateReader *reader, const DbRow *row, const char *operation, GError **error)
{
    int class_id = model_class_id(row->model_class);
    for (gsize i = 0; i < G_N_ELEMENTS(rules); i++)
        if (rules[i].class_id == class_id && g_str_equal(rules[i].operation, operation))
            return rules[i].check(reader, row, operation, error);
    return TRUE;
}

/* ---- What depends on it ---- */

static void
touch_all(DbTxn *txn, int class_id, int field, const char *ref)
{
    g_autoptr(GPtrArray) rows = db_txn_referrers(txn, class_id, field, ref);
    for (guint i = 0; i < rows->len; i++)
        db_txn_touch(txn, class_id, ((const DbRow *)g_ptr_array_index(rows, i))->ref);
}

static void
touch_sr(DbTxn *txn, const char *sr)
{
    db_txn_touch(txn, CLASS_SR, sr);
    touch_all(txn, CLASS_VDI, VDI_SR, sr);
}

void
state_touch_dependents(DbTxn *txn, const DbRow *row)
{
    int class_id = model_class_id(row->model_class);
    if (class_id == CLASS_PBD) {
        touch_sr(txn, db_row_string(row, PBD_SR));
    } else if (class_id == CLASS_VM) {
        touch_all(txn, CLASS_VBD, VBD_VM, row->ref);
        touch_all(txn, CLASS_VIF, VIF_VM, row->ref);
    } else if (class_id == CLASS_VBD) {
        g_autoptr(DbRow) vdi = db_txn_read(txn, CLASS_VDI, db_row_string(row, VBD_VDI));
        if (vdi != NULL)
            db_txn_touch(txn, CLASS_VDI, vdi->ref);
    }
}
