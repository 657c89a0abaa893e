/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file behind the audit log: lines in, from any thread; written by one of its own. */
#pragma once

#include <glib.h>

typedef struct AuditFile AuditFile;

/** audit_file_open: as audit_trail_open(). */
AuditFile *audit_file_open(const char *path, gsize max_bytes, guint n_kept, GError **error);
/** audit_file_free: writes what is queued. NULL is fine. */
void audit_file_free(AuditFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AuditFile, audit_file_free)
/** audit_file_add: takes over @line, which ends with a newline. Waits only while too many are queued. */
void audit_file_add(AuditFile *file, char *line);
/** audit_file_flush: waits until all lines added so far are written. */
void audit_file_flush(AuditFile *file);
