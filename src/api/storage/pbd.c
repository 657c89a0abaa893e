/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PBDs: how this host reaches an SR. */
#include "api/storage/pbd.h"

#include "api/storage/deadline.h"
#include "api/storage/scan.h"
#include "api/storage/undo.h"
#include "base/log.h"
#include "rpc/record.h"
#include "task/state.h"

static gboolean
touch_step(DbTxn *txn, gpointer data, GError **error)
{
    g_autoptr(DbRow) pbd = db_txn_read(txn, CLASS_PBD, data);
    if (pbd != NULL)
        state_touch_dependents(txn, pbd);
    return TRUE;
}

static gboolean
set_attached(ApiServices *services, const DbActor *actor, const char *pbd_ref, gboolean is_attached,
             Plan *plan, GError **error)
{
    g_autoptr(DbTxn) txn = db_txn_new(services->db, actor);
    db_txn_set_bool(txn, CLASS_PBD, pbd_ref, PBD_CURRENTLY_ATTACHED, is_attached);
    db_txn_step(txn, touch_step, (gpointer)pbd_ref, NULL);
    return plan_commit(plan, txn, error);
}

/* What a crash cuts off here is detached at the next start. */
static gboolean
attach(ApiServices *services, Task *task, const DbActor *actor, StorageContext *context, GError **error)
{
    g_autoptr(Plan) plan = plan_new(task, "PBD.plug");
    if (!plan_add(plan, UNDO_ATTACHMENT, context->call.sr_uuid, error))
        return FALSE;
    if (storage_sr_attach(services->storage, &context->call, error))
        return set_attached(services, actor, context->pbd->ref, TRUE, plan, error);
    undo_failed(plan, *error);
    return api_error_from_storage(error);
}

/* A crash before it is written down leaves a PBD that is attached again at the next start. */
static gboolean
unplug_in_time(ApiServices *services, const DbActor *actor, StorageContext *context, GError **error)
{
    g_auto(StorageDeadline) deadline = storage_deadline_start(NULL);
    StorageCall call = context->call;
    call.cancellable = deadline.cancellable;
    if (!storage_sr_detach(services->storage, &call, error))
        return api_error_from_storage(error);
    return set_attached(services, actor, context->pbd->ref, FALSE, NULL, error);
}

/* The SR serves even if its list is not fresh, and SR.scan will say what is wrong with it; but whoever has
 * cancelled the call wants no SR. */
static gboolean
scan_plugged(ApiServices *services, const DbActor *actor, StorageContext *context, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (scan_sr(services, context, actor, &failure))
        return TRUE;
    if (!g_cancellable_is_cancelled(context->call.cancellable)) {
        log_warning("scan of SR %s after plug: %s", context->call.sr_uuid, failure->message);
        return TRUE;
    }
    g_autoptr(GError) undo_failure = NULL;
    if (!unplug_in_time(services, actor, context, &undo_failure))
        log_warning("SR %s stays plugged: %s", context->call.sr_uuid, undo_failure->message);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

gboolean
pbd_plug(ApiServices *services, Task *task, const DbActor *actor, const char *sr_ref, GError **error)
{
    g_auto(StorageContext) context = {0};
    if (!storage_context_sr(&context, services, task, sr_ref, error))
        return FALSE;
    if (db_row_bool(context.pbd, PBD_CURRENTLY_ATTACHED))
        return TRUE;
    return attach(services, task, actor, &context, error) && scan_plugged(services, actor, &context, error);
}

gboolean
pbd_attach_again(ApiServices *services, StorageContext *context, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (storage_sr_attach(services->storage, &context->call, &failure))
        return TRUE;
    log_warning("SR %s cannot be attached: %s", context->call.sr_uuid, failure->message);
    return set_attached(services, NULL, context->pbd->ref, FALSE, NULL, error);
}

/* No answer came, so nobody knows whether it is attached: it is to be, as its PBD says so. */
static void
settle(ApiServices *services, StorageContext *context)
{
    g_auto(StorageDeadline) deadline = storage_deadline_start(NULL);
    g_autoptr(GError) failure = NULL;
    context->call.cancellable = deadline.cancellable;
    if (!pbd_attach_again(services, context, &failure))
        log_warning("SR %s: %s", context->call.sr_uuid, failure->message);
}

gboolean
pbd_unplug(ApiServices *services, Task *task, const DbActor *actor, const char *sr_ref, GError **error)
{
    g_auto(StorageContext) context = {0};
    if (!storage_context_sr(&context, services, task, sr_ref, error))
        return FALSE;
    if (!db_row_bool(context.pbd, PBD_CURRENTLY_ATTACHED))
        return TRUE;
    if (storage_sr_detach(services->storage, &context.call, error))
        return set_attached(services, actor, context.pbd->ref, FALSE, NULL, error);
    if (undo_is_unanswered(*error))
        settle(services, &context);
    return api_error_from_storage(error);
}

static const char *
sr_of(ApiCall *call, const char *pbd_ref, DbRow **ret_pbd, GError **error)
{
    *ret_pbd = db_require(call->db, CLASS_PBD, pbd_ref, error);
    return *ret_pbd != NULL ? db_row_string(*ret_pbd, PBD_SR) : NULL;
}

gboolean
api_pbd__plug(ApiCall *call, const PbdPlugArgs *args, GError **error)
{
    g_autoptr(DbRow) pbd = NULL;
    const char *sr = sr_of(call, args->self.id, &pbd, error);
    if (sr == NULL || !pbd_plug(call->services, call->task, &call->actor, sr, error))
        return FALSE;
    tasks_recover_plans(call->services->tasks, call->task); /* what waited for this SR */
    return TRUE;
}

gboolean
api_pbd__unplug(ApiCall *call, const PbdUnplugArgs *args, GError **error)
{
    g_autoptr(DbRow) pbd = NULL;
    const char *sr = sr_of(call, args->self.id, &pbd, error);
    return sr != NULL && pbd_unplug(call->services, call->task, &call->actor, sr, error);
}

/* One PBD per SR and host; checked where no other call can slip in between. */
static gboolean
check_only_one(DbTxn *txn, gpointer data, GError **error)
{
    const char *ref = data;
    g_autoptr(DbRow) row = db_txn_read(txn, CLASS_PBD, ref);
    const char *sr = db_row_string(row, PBD_SR);
    const char *host = db_row_string(row, PBD_HOST);
    g_autoptr(GPtrArray) pbds = db_txn_referrers(txn, CLASS_PBD, PBD_SR, sr);
    for (guint i = 0; i < pbds->len; i++) {
        const DbRow *other = g_ptr_array_index(pbds, i);
        if (!g_str_equal(other->ref, ref) && g_str_equal(db_row_string(other, PBD_HOST), host))
            return api_error_pbd_exists(error, sr, host, other->ref);
    }
    return TRUE;
}

gboolean
api_pbd__create(ApiCall *call, const PbdCreateArgs *args, Value **ret_value, GError **error)
{
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    const char *ref = NULL;
    if (!rpc_record_insert(txn, CLASS_PBD, args->args, &ref, error))
        return FALSE;
    db_txn_step(txn, check_only_one, (gpointer)ref, NULL);
    g_autoptr(Value) result = value_string(ref);
    if (!db_txn_commit(txn, NULL, error))
        return FALSE;
    *ret_value = g_steal_pointer(&result);
    return TRUE;
}

static gboolean
require_unplugged(const DbRow *pbd, GError **error)
{
    return !db_row_bool(pbd, PBD_CURRENTLY_ATTACHED) ||
           api_error_operation_not_allowed(error, "the PBD is plugged; unplug it first");
}

gboolean
api_pbd__destroy(ApiCall *call, const PbdDestroyArgs *args, GError **error)
{
    g_autoptr(DbRow) pbd = db_require(call->db, CLASS_PBD, args->self.id, error);
    if (pbd == NULL || !require_unplugged(pbd, error))
        return FALSE;
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    db_txn_delete(txn, CLASS_PBD, args->self.id);
    return db_txn_commit(txn, NULL, error);
}

gboolean
api_pbd__set_device_config(ApiCall *call, const PbdSetDeviceConfigArgs *args, GError **error)
{
    g_autoptr(DbRow) pbd = db_require(call->db, CLASS_PBD, args->self.id, error);
    if (pbd == NULL || !require_unplugged(pbd, error))
        return FALSE;
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    db_txn_set(txn, CLASS_PBD, args->self.id, PBD_DEVICE_CONFIG, value_ref(args->value));
    return db_txn_commit(txn, NULL, error);
}
