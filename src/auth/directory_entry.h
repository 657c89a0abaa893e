/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An entry as a directory answered it, and what its attributes mean: identifiers, names, whether the account
 * may log in. Asks nobody. */
#pragma once

#include "value/value.h"

typedef struct DirectoryEntry DirectoryEntry;

DirectoryEntry *directory_entry_new(const char *dn);
void directory_entry_free(DirectoryEntry *entry); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DirectoryEntry, directory_entry_free)

/** directory_entry_add: one more value of @name, whose case does not matter. */
void directory_entry_add(DirectoryEntry *entry, const char *name, const void *bytes, gsize length);

/** directory_entry_dn: its name in full. Borrowed. */
const char *directory_entry_dn(const DirectoryEntry *entry);
/** directory_entry_values: (element-type GBytes) (nullable): borrowed. */
GPtrArray *directory_entry_values(const DirectoryEntry *entry, const char *name);
/** directory_entry_text: the first value if it is UTF-8 without NUL, else NULL. Borrowed. */
const char *directory_entry_text(const DirectoryEntry *entry, const char *name);
/** directory_entry_number: FALSE if there is none that fits. */
gboolean directory_entry_number(const DirectoryEntry *entry, const char *name, gint64 *ret_number);
/** directory_entry_has_class: whether objectClass holds @name. */
gboolean directory_entry_has_class(const DirectoryEntry *entry, const char *name);
/** directory_entry_is_group: by its object classes. */
gboolean directory_entry_is_group(const DirectoryEntry *entry);

/** directory_escape: @bytes as they may stand in a filter's value: all but letters and digits as \hh. Source:
 * RFC 4515, 3. */
char *directory_escape(const void *bytes, gsize length);

/** directory_sid_text: "S-1-5-21-..." of an objectSid; NULL if it is none. Source: MS-DTYP 2.4.2 */
char *directory_sid_text(GBytes *sid);
/** directory_sid_bytes: the other way; NULL if @text is none. */
GBytes *directory_sid_bytes(const char *text);
/** directory_sid_sibling: the SID of @sid's domain that ends in @relative_id; NULL if @sid is none. */
char *directory_sid_sibling(GBytes *sid, guint32 relative_id);

/** directory_entry_identifier: objectSid, else entryUUID, else its name in full. */
char *directory_entry_identifier(const DirectoryEntry *entry);

/* What keeps an account from logging in. */
typedef struct DirectoryAccount {
    gboolean is_disabled;
    gboolean is_expired;
    gboolean is_locked;
    gboolean is_password_expired;
} DirectoryAccount;

/** directory_entry_account: as of @unix_seconds. */
DirectoryAccount directory_entry_account(const DirectoryEntry *entry, gint64 unix_seconds);
/** directory_account_obstacle: in words; NULL if it may log in. */
const char *directory_account_obstacle(const DirectoryAccount *account);

/**
 * directory_entry_describe:
 * @subject_name: as which it is known here
 *
 * What auth.get_subject_information_from_identifier answers. Source: the keys that Active Directory clients
 * of XenAPI read.
 */
Value *directory_entry_describe(const DirectoryEntry *entry, const char *subject_name, gint64 unix_seconds);
