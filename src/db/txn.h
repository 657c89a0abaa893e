/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A transaction from the inside: its recorded steps, and who waits for it. */
#pragma once

#include "db/db.h"

typedef enum StepKind {
    STEP_INSERT,
    STEP_INSERT_VOLATILE,
    STEP_SET,
    STEP_MAP_ADD,
    STEP_MAP_PUT,
    STEP_MAP_REMOVE,
    STEP_SET_ADD,
    STEP_SET_REMOVE,
    STEP_TOUCH,
    STEP_DELETE,
    STEP_CALL,
} StepKind;

typedef struct Step {
    StepKind kind;
    int class_id;
    int field;
    Value *ref;   /* string; NULL for STEP_CALL */
    char *key;    /* of a map; member of a set to remove; uuid of a new row */
    Value *value; /* of SET, MAP_ADD, MAP_PUT, SET_ADD */
    DbTxnStep call;
    gpointer data;
    GDestroyNotify free_data;
} Step;

struct DbTxn {
    Db *db;
    char *task; /* copies of the actor's */
    char *user;
    GArray *steps;   /* of Step: as recorded by the caller */
    GArray *nested;  /* while a DbTxnStep runs: what it records; else NULL */
    GPtrArray *refs; /* of insert steps recorded inside a DbTxnStep: returned to it, so they live as long as
                        the transaction */
    struct DbView *view; /* while it runs on the writer thread; else NULL */

    /* Outcome. Written by the writer thread before is_done. */
    guint64 generation;
    GError *error;

    DbCommitDone done; /* NULL: a thread waits in db_txn_commit() */
    gpointer done_data;
    GMutex mutex; /* guards is_done */
    GCond cond;
    gboolean is_done;
};

/** db_steps_new: an empty list of Step that frees what they hold. */
GArray *db_steps_new(void);
