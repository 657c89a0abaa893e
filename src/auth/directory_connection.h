/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One talk with an LDAP server, all of which ends by one deadline. */
#pragma once

#include "auth/directory_config.h"
#include "auth/directory_entry.h"

typedef struct DirectoryConnection DirectoryConnection;

/**
 * directory_connection_new:
 * @config: outlives the connection
 *
 * Connects, with TLS as the settings say, and binds with their account. Errors: DIRECTORY_ERROR_UNAVAILABLE,
 * _LOOKUP, _WRONG_CREDENTIALS, _PERMISSION_DENIED, _FAILED.
 */
DirectoryConnection *directory_connection_new(const DirectoryConfig *config, GError **error);
void directory_connection_free(DirectoryConnection *connection); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DirectoryConnection, directory_connection_free)

typedef enum DirectoryScope { DIRECTORY_SCOPE_ENTRY, DIRECTORY_SCOPE_TREE } DirectoryScope;

/**
 * directory_connection_search:
 * @attributes: NULL-terminated
 * @max: entries to be answered; more are left out
 *
 * (transfer full) (element-type DirectoryEntry): maybe empty, also if @base is not there. Referrals are not
 * followed: their servers would be given the password.
 */
GPtrArray *directory_connection_search(DirectoryConnection *connection, const char *base,
                                       DirectoryScope scope, const char *filter,
                                       const char *const *attributes, guint max, GError **error);

/**
 * directory_connection_bind:
 *
 * Whether @password is that of @dn; from then on the connection is theirs. Neither may be empty, which a
 * directory would take for nobody. DIRECTORY_ERROR_WRONG_CREDENTIALS if not, or as above.
 */
gboolean directory_connection_bind(DirectoryConnection *connection, const char *dn, const char *password,
                                   GError **error);
