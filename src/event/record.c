/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events in the form clients read. */
#include "event/internal.h"

static const char *const operation_names[] = {[DB_ADD] = "add", [DB_MOD] = "mod", [DB_DEL] = "del"};

/* Source: protocol notes, section 2: the id as digits, the time as those of a float, "0.0" in event.from, no
 * snapshot for del. */
Value *
event_record_new(guint64 id, gint64 time_s, int class_id, DbOperation operation, Value *ref, Value *snapshot)
{
    Value *event = value_map_new(6);

    value_map_set(event, "id", value_string_printf("%" G_GUINT64_FORMAT, id));
    value_map_set(event, "timestamp", value_string_printf("%" G_GINT64_FORMAT ".0", time_s));
    value_map_set(event, "class", value_string(model_classes[class_id].event_name));
    value_map_set(event, "operation", value_string(operation_names[operation]));
    value_map_set(event, "ref", value_ref(ref));
    if (snapshot != NULL)
        value_map_set(event, "snapshot", snapshot);
    return event;
}

Value *
event_snapshot(EventHub *hub, const DbRow *row)
{
    if (hub->records == NULL)
        return db_row_record(hub->db, row);
    Value *record = g_hash_table_lookup(hub->records, row);
    if (record == NULL) {
        record = db_row_record(hub->db, row);
        g_hash_table_insert(hub->records, db_row_ref((DbRow *)row), record);
    }
    return value_ref(record);
}
