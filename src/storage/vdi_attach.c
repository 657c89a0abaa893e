/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attaching, activating, deactivating and detaching disks for their users.
 *
 * The plugin is called for the first user and the last; between them, and for a user that repeats itself,
 * only the state changes. A use is written down before the plugin attaches, so that no crash leaves an
 * attached disk nobody knows of. */
#include "storage/internal.h"
#include "storage/result.h"

/* One of the four calls under way: all that its steps need. */
typedef struct Datapath {
    StorageTurn turn;
    const StorageCall *call;
    StorageDatapathVdi *vdi;
    const char *dp;
} Datapath;

static void
datapath_clear(Datapath *datapath)
{
    if (datapath->vdi != NULL)
        storage_datapaths_release(datapath->turn.storage->datapaths, g_steal_pointer(&datapath->vdi));
    storage_turn_clear(&datapath->turn);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Datapath, datapath_clear)

static gboolean
begin(Storage *storage, StorageOperation operation, const StorageCall *call, const char *dp,
      Datapath *ret_datapath, GError **error)
{
    if (!storage_turn_begin(storage, operation, call, &ret_datapath->turn, error))
        return FALSE;
    ret_datapath->call = call;
    ret_datapath->vdi = storage_datapaths_acquire(storage->datapaths, call->sr_uuid, call->vdi_uuid);
    ret_datapath->dp = dp;
    return TRUE;
}

static gboolean
save(const Datapath *datapath, GError **error)
{
    g_autoptr(GError) cause = NULL;
    if (storage_datapaths_save(datapath->turn.storage->datapaths, datapath->vdi, &cause))
        return TRUE;
    const char *params[] = {cause->message, NULL};
    return storage_error_set(error, STORAGE_ERROR_STATE, "INTERNAL_ERROR", params);
}

static gboolean
refuse_in_use(const Datapath *datapath, const char *operation, GError **error)
{
    const char *ref = datapath->call->vdi_ref;
    const char *params[] = {ref != NULL ? ref : "", operation, NULL};
    return storage_error_set(error, STORAGE_ERROR_VDI_IN_USE, "VDI_IN_USE", params);
}

static Value *
invoke(const Datapath *datapath, StorageOperation operation, const char *writable, const StorageCall *call,
       GError **error)
{
    const char *args[] = {writable, NULL};
    StorageRequest request = {.operation = operation, .call = call, .args = args};
    return storage_turn_invoke(&datapath->turn, &request, error);
}

static gboolean
invoke_unit(const Datapath *datapath, StorageOperation operation, const char *writable, GError **error)
{
    g_autoptr(Value) reply = invoke(datapath, operation, writable, datapath->call, error);
    return reply != NULL;
}

static const char *
writable_text(gboolean is_writable)
{
    return is_writable ? "true" : "false";
}

/* ---- Attach ---- */

/* Source: chapter 1 of the storage document, exclusive data access; any number of readers or one writer,
 * unless sharable. */
static gboolean
others_forbid(const Datapath *datapath, gboolean is_writable, gboolean is_sharable)
{
    const GPtrArray *uses = datapath->vdi->uses;
    for (guint i = 0; i < uses->len && !is_sharable; i++) {
        const StorageDatapathUse *use = uses->pdata[i];
        if (!g_str_equal(use->dp, datapath->dp) && (is_writable || use->is_writable))
            return TRUE;
    }
    return FALSE;
}

/* Whether a failed attach may nevertheless have attached: everything but a fault, which is an answer. */
static gboolean
is_outcome_unknown(const GError *failure)
{
    switch ((StorageError)failure->code) {
    case STORAGE_ERROR_BACKEND_EXIT:
    case STORAGE_ERROR_BACKEND_REPLY:
    case STORAGE_ERROR_BACKEND_TIMED_OUT:
    case STORAGE_ERROR_BACKEND_FAILED:
    case STORAGE_ERROR_CANCELLED:
        return TRUE;
    default:
        return FALSE;
    }
}

/* Takes back a use whose attach failed. If it cannot be made sure that nothing is attached, the use stays,
 * pending. */
static void
undo_attach(const Datapath *datapath, const GError *failure)
{
    StorageDatapaths *datapaths = datapath->turn.storage->datapaths;
    gboolean may_be_attached = datapath->vdi->attachment != NULL || is_outcome_unknown(failure);

    if (may_be_attached && datapath->vdi->uses->len == 1) {
        StorageCall call = *datapath->call;
        call.cancellable = NULL; /* what was cancelled must still be cleaned up */
        g_autoptr(Value) reply = invoke(datapath, STORAGE_OPERATION_VDI_DETACH, NULL, &call, NULL);
        if (reply == NULL)
            return;
    }
    storage_datapaths_remove(datapaths, datapath->vdi, datapath->dp);
    storage_datapaths_save(datapaths, datapath->vdi, NULL);
}

static StorageAttachment *
call_attach(const Datapath *datapath, gboolean is_writable, GError **error)
{
    g_autoptr(Value) reply =
        invoke(datapath, STORAGE_OPERATION_VDI_ATTACH, writable_text(is_writable), datapath->call, error);
    if (reply == NULL)
        return NULL;

    StorageAttachment *attachment = storage_result_attachment(reply, is_writable, error);
    if (attachment == NULL)
        storage_turn_bad_reply(error);
    return attachment;
}

/* Makes the plugin attach if it has not, or not for writing, and gives @use the result. */
static gboolean
attach_use(const Datapath *datapath, StorageDatapathUse *use, GError **error)
{
    StorageDatapathVdi *vdi = datapath->vdi;
    gboolean is_enough = vdi->attachment != NULL && (vdi->attachment->is_writable || !use->is_writable);

    if (!is_enough) {
        StorageAttachment *attachment =
            save(datapath, error) ? call_attach(datapath, use->is_writable, error) : NULL;
        if (attachment == NULL)
            return FALSE;
        storage_attachment_free(vdi->attachment);
        vdi->attachment = attachment;
    }
    storage_datapaths_mark(datapath->turn.storage->datapaths, use, FALSE, use->is_activated);
    return save(datapath, error);
}

StorageAttachment *
storage_vdi_attach(Storage *storage, const StorageCall *call, const char *dp, gboolean is_writable,
                   gboolean is_sharable, GError **error)
{
    g_auto(Datapath) datapath = {0};
    if (!begin(storage, STORAGE_OPERATION_VDI_ATTACH, call, dp, &datapath, error))
        return NULL;

    StorageDatapathUse *use = storage_datapaths_use(datapath.vdi, dp);
    gboolean asks_for_more = use != NULL && is_writable && !use->is_writable;
    if (asks_for_more || others_forbid(&datapath, is_writable, is_sharable)) {
        refuse_in_use(&datapath, "attach", error);
        return NULL;
    }
    if (use == NULL)
        use = storage_datapaths_add(storage->datapaths, datapath.vdi, dp, is_writable);
    storage_datapaths_take_up(storage->datapaths, use);
    if (!use->is_pending)
        return storage_attachment_copy(datapath.vdi->attachment);

    g_autoptr(GError) failure = NULL;
    if (attach_use(&datapath, use, &failure))
        return storage_attachment_copy(datapath.vdi->attachment);
    undo_attach(&datapath, failure);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

/* ---- Activate and deactivate ---- */

/* Whether a use other than this one is activated, or, with @writable_only, activated for writing. */
static gboolean
another_is_activated(const Datapath *datapath, gboolean writable_only)
{
    const GPtrArray *uses = datapath->vdi->uses;
    for (guint i = 0; i < uses->len; i++) {
        const StorageDatapathUse *use = uses->pdata[i];
        if (!g_str_equal(use->dp, datapath->dp) && use->is_activated && (use->is_writable || !writable_only))
            return TRUE;
    }
    return FALSE;
}

/* Where no answer came, the plugin may have activated it: takes that back. If that fails too, the use counts
 * as activated, so that its end deactivates. */
static void
undo_activate(const Datapath *datapath, StorageDatapathUse *use)
{
    StorageCall call = *datapath->call;
    call.cancellable = NULL; /* what was cancelled must still be cleaned up */
    g_autoptr(Value) reply = invoke(datapath, STORAGE_OPERATION_VDI_DEACTIVATE, NULL, &call, NULL);
    if (reply != NULL)
        return;
    storage_datapaths_mark(datapath->turn.storage->datapaths, use, FALSE, TRUE);
    save(datapath, NULL);
}

static gboolean
call_activate(const Datapath *datapath, StorageDatapathUse *use, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (invoke_unit(datapath, STORAGE_OPERATION_VDI_ACTIVATE, writable_text(use->is_writable), &failure))
        return TRUE;
    if (is_outcome_unknown(failure))
        undo_activate(datapath, use);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

gboolean
storage_vdi_activate(Storage *storage, const StorageCall *call, const char *dp, GError **error)
{
    g_auto(Datapath) datapath = {0};
    if (!begin(storage, STORAGE_OPERATION_VDI_ACTIVATE, call, dp, &datapath, error))
        return FALSE;

    StorageDatapathUse *use = storage_datapaths_use(datapath.vdi, dp);
    if (use == NULL || use->is_pending) {
        g_autofree char *text = g_strdup_printf("datapath %s has not attached the disk", dp);
        const char *params[] = {text, NULL};
        return storage_error_set(error, STORAGE_ERROR_DATAPATH, "INTERNAL_ERROR", params);
    }
    storage_datapaths_take_up(storage->datapaths, use);
    if (use->is_activated)
        return TRUE;
    if (!another_is_activated(&datapath, use->is_writable) && !call_activate(&datapath, use, error))
        return FALSE;
    storage_datapaths_mark(storage->datapaths, use, FALSE, TRUE);
    return save(&datapath, error);
}

/* An entry of an earlier process may be activated without saying so: its answer came after the end. */
static gboolean
deactivate_use(const Datapath *datapath, StorageDatapathUse *use, GError **error)
{
    gboolean may_be_activated = use->is_activated || datapath->vdi->is_restored;

    if (may_be_activated && !another_is_activated(datapath, FALSE) &&
        !invoke_unit(datapath, STORAGE_OPERATION_VDI_DEACTIVATE, NULL, error))
        return FALSE;
    storage_datapaths_mark(datapath->turn.storage->datapaths, use, use->is_pending, FALSE);
    return save(datapath, error);
}

gboolean
storage_vdi_deactivate(Storage *storage, const StorageCall *call, const char *dp, GError **error)
{
    g_auto(Datapath) datapath = {0};
    if (!begin(storage, STORAGE_OPERATION_VDI_DEACTIVATE, call, dp, &datapath, error))
        return FALSE;

    StorageDatapathUse *use = storage_datapaths_use(datapath.vdi, dp);
    if (use == NULL)
        return TRUE;
    return deactivate_use(&datapath, use, error);
}

/* ---- Detach ---- */

static gboolean
detach(Storage *storage, const StorageCall *call, const char *dp, gboolean only_left, GError **error)
{
    g_auto(Datapath) datapath = {0};
    if (!begin(storage, STORAGE_OPERATION_VDI_DETACH, call, dp, &datapath, error))
        return FALSE;

    StorageDatapathUse *use = storage_datapaths_use(datapath.vdi, dp);
    if (use == NULL || (only_left && !use->is_left))
        return TRUE;
    if (use->is_activated || datapath.vdi->is_restored) {
        if (!deactivate_use(&datapath, use, error))
            return FALSE;
    }
    if (datapath.vdi->uses->len == 1 && !invoke_unit(&datapath, STORAGE_OPERATION_VDI_DETACH, NULL, error))
        return FALSE;
    storage_datapaths_remove(storage->datapaths, datapath.vdi, dp);
    return save(&datapath, error);
}

gboolean
storage_vdi_detach(Storage *storage, const StorageCall *call, const char *dp, GError **error)
{
    return detach(storage, call, dp, FALSE, error);
}

gboolean
storage_vdi_detach_left(Storage *storage, const StorageCall *call, const char *dp, GError **error)
{
    return detach(storage, call, dp, TRUE, error);
}
