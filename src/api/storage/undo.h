/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What calls on storage write into the journal of plans before they do it. */
#pragma once

#include "api/storage/context.h"
#include "task/plan.h"

/* A disk that is being made. */
#define UNDO_DISK "disk"
/* A disk that is being destroyed: its row goes if the disk is gone. */
#define UNDO_DISK_ROW "disk-row"
/* A disk that is being resized: its row says how large it has turned out to be. */
#define UNDO_DISK_SIZE "disk-size"
/* A disk that is being renamed: the plugin is told what its row says. */
#define UNDO_DISK_NAMES "disk-names"
/* An SR's rows, of which the plugin knows nothing yet. */
#define UNDO_SR_ROWS "sr-rows"
/* An SR that the plugin has made, and nothing is in it yet. */
#define UNDO_SR "sr"
/* An SR that is being destroyed: its rows go if it is gone. */
#define UNDO_SR_GONE "sr-gone"
/* An SR that is being attached. */
#define UNDO_ATTACHMENT "attachment"

/* All of them. */
extern const PlanKind undo_kinds[];

/** undo_add_disk: for those that are about a disk. */
gboolean undo_add_disk(Plan *plan, const char *kind, const StorageContext *context, const char *vdi_uuid,
                       GError **error);
/** undo_txn_add_disk: UNDO_DISK as a part of @txn. */
void undo_txn_add_disk(Plan *plan, DbTxn *txn, const StorageContext *context, const char *vdi_uuid);

/** undo_is_unanswered: whether @error, of a plugin's call, leaves open what the plugin has done. */
gboolean undo_is_unanswered(const GError *error);

/** undo_failed: after a plugin's call of the step added last failed with @error: an answer means that nothing
 * was done; if none came, anything may have been. */
void undo_failed(Plan *plan, const GError *error);

/** undo_delete_vdi: the row, with the VBDs that name it. @is_freed: the disk is gone from the SR, too, so
 * that there is more room. @plan: (nullable): ends with it. */
gboolean undo_delete_vdi(Db *db, const DbActor *actor, const char *vdi_ref, gboolean is_freed, Plan *plan,
                         GError **error);
/** undo_delete_sr: the rows of an SR, its PBDs and VDIs. @plan: (nullable): ends with it. */
gboolean undo_delete_sr(Db *db, const DbActor *actor, const char *sr_ref, Plan *plan, GError **error);
