/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Users and groups of an LDAP directory: Active Directory, or a plain one with RFC 2307 accounts, persons and
 * groups. Each question has a connection of its own: they are few, and none is left to go stale. */
#include "auth/directory.h"

#include "auth/directory_connection.h"
#include "base/text.h"
#include <string.h>

#define NAME_MAX_BYTES 1024
#define GROUPS_MAX     1000 /* that one user may be in */

typedef struct DirectoryLdap {
    Directory directory; /* first */
    DirectoryConfig *config;
} DirectoryLdap;

static const char *const entry_attributes[] = {"objectClass",
                                               "objectSid",
                                               "entryUUID",
                                               "cn",
                                               "displayName",
                                               "gecos",
                                               "uidNumber",
                                               "gidNumber",
                                               "memberOf",
                                               "primaryGroupID",
                                               "userPrincipalName",
                                               "userAccountControl",
                                               "msDS-User-Account-Control-Computed",
                                               "accountExpires",
                                               "lockoutTime",
                                               "pwdLastSet",
                                               "shadowExpire",
                                               "shadowLastChange",
                                               "shadowMax",
                                               "pwdAccountLockedTime",
                                               "nsAccountLock",
                                               NULL};

#define PLAIN_USERS  "(|(objectClass=person)(objectClass=account)(objectClass=posixAccount))"
#define PLAIN_GROUPS "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))"
/* A computer's account is a user, too. */
#define AD_USERS  "(objectClass=user)(!(objectClass=computer))"
#define AD_GROUPS "(objectClass=group)"

static const DirectoryConfig *
config_of(Directory *directory)
{
    return ((DirectoryLdap *)directory)->config;
}

static const char *
users_filter(const DirectoryConfig *config)
{
    return config->is_active_directory ? AD_USERS : PLAIN_USERS;
}

static const char *
groups_filter(const DirectoryConfig *config)
{
    return config->is_active_directory ? AD_GROUPS : PLAIN_GROUPS;
}

static Directory *
directory_open(const char *service_name, const Value *settings, gboolean is_active_directory, GError **error)
{
    DirectoryConfig *config = directory_config_read(service_name, settings, is_active_directory, error);
    if (config == NULL)
        return NULL;
    DirectoryLdap *ldap = g_new0(DirectoryLdap, 1);
    ldap->directory.kind = is_active_directory ? &directory_ldap_ad : &directory_ldap;
    g_atomic_ref_count_init(&ldap->directory.references);
    ldap->config = config;
    return &ldap->directory;
}

static Directory *
ldap_ad_open(const char *service_name, const Value *settings, GError **error)
{
    return directory_open(service_name, settings, TRUE, error);
}

static Directory *
ldap_plain_open(const char *service_name, const Value *settings, GError **error)
{
    return directory_open(service_name, settings, FALSE, error);
}

static void
ldap_free(Directory *directory)
{
    DirectoryLdap *ldap = (DirectoryLdap *)directory;
    directory_config_free(ldap->config);
    g_free(ldap);
}

/* -- Finding entries
 * ------------------------------------------------------------------------------------------------------ */

/* The server's attributes, and those that hold names here. */
static char **
wanted_attributes(const DirectoryConfig *config)
{
    GStrvBuilder *builder = g_strv_builder_new();
    g_strv_builder_addv(builder, (const char **)entry_attributes);
    g_strv_builder_add(builder, config->user_attribute);
    g_strv_builder_add(builder, config->group_attribute);
    char **attributes = g_strv_builder_end(builder);
    g_strv_builder_unref(builder);
    return attributes;
}

static GPtrArray *
search(DirectoryConnection *connection, const DirectoryConfig *config, const char *filter, guint max,
       GError **error)
{
    g_auto(GStrv) attributes = wanted_attributes(config);
    return directory_connection_search(connection, config->base_dn != NULL ? config->base_dn : "",
                                       DIRECTORY_SCOPE_TREE, filter, (const char *const *)attributes, max,
                                       error);
}

static void
fail_unknown(GError **error)
{
    g_set_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_NOT_FOUND, "the directory does not know this name");
}

/* The one that @filter finds; with two, nobody can say who is meant. */
static DirectoryEntry *
find_one(DirectoryConnection *connection, const DirectoryConfig *config, const char *filter, GError **error)
{
    g_autoptr(GPtrArray) found = search(connection, config, filter, 2, error);
    if (found == NULL)
        return NULL;
    if (found->len == 1)
        return g_ptr_array_steal_index(found, 0);
    if (found->len == 0)
        fail_unknown(error);
    else
        g_set_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_FAILED,
                    "the directory has this name more than once");
    return NULL;
}

/* "(|(uid=joe)(userPrincipalName=joe@example.com))": all ways in which @name can be meant; NULL if it is of
 * another domain, or no name. */
static char *
name_filter(const DirectoryConfig *config, const char *attribute, const char *name)
{
    gboolean is_ours = FALSE;
    g_autofree char *local = directory_config_split(config, name, &is_ours);
    gsize length = strlen(name);
    if (*local == '\0' || length > NAME_MAX_BYTES || !g_utf8_validate(name, (gssize)length, NULL))
        return NULL;
    gboolean has_domain = strchr(name, '\\') != NULL;
    if (has_domain && !is_ours)
        return NULL;
    g_autofree char *escaped = directory_escape(local, strlen(local));
    g_autofree char *whole = directory_escape(name, length);
    GString *filter = g_string_new("(|");
    if (is_ours || !config->is_active_directory)
        g_string_append_printf(filter, "(%s=%s)", attribute, escaped);
    if (!has_domain)
        g_string_append_printf(filter, "(%s=%s)",
                               config->is_active_directory ? "userPrincipalName" : attribute, whole);
    g_string_append_c(filter, ')');
    return g_string_free(filter, FALSE);
}

static DirectoryEntry *
find_by_name(DirectoryConnection *connection, const DirectoryConfig *config, const char *classes,
             const char *attribute, const char *name, GError **error)
{
    g_autofree char *names = name_filter(config, attribute, name);
    if (names == NULL) {
        fail_unknown(error);
        return NULL;
    }
    g_autofree char *filter = g_strdup_printf("(&%s%s)", classes, names);
    return find_one(connection, config, filter, error);
}

static DirectoryEntry *
find_user(DirectoryConnection *connection, const DirectoryConfig *config, const char *name, GError **error)
{
    return find_by_name(connection, config, users_filter(config), config->user_attribute, name, error);
}

/* Users before groups, where both have the name. */
static DirectoryEntry *
find_anyone(DirectoryConnection *connection, const DirectoryConfig *config, const char *name, GError **error)
{
    g_autoptr(GError) unknown = NULL;
    DirectoryEntry *user = find_user(connection, config, name, &unknown);
    if (user != NULL)
        return user;
    if (!g_error_matches(unknown, DIRECTORY_ERROR, DIRECTORY_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&unknown));
        return NULL;
    }
    return find_by_name(connection, config, groups_filter(config), config->group_attribute, name, error);
}

static gboolean
is_below(const char *dn, const char *base)
{
    gsize dn_length = strlen(dn), base_length = strlen(base);
    if (base_length >= dn_length || g_ascii_strcasecmp(dn + dn_length - base_length, base) != 0)
        return FALSE;
    return base_length == 0 || dn[dn_length - base_length - 1] == ',';
}

/* (nullable): the entry called @dn, which may lie anywhere. */
static DirectoryEntry *
find_by_dn(DirectoryConnection *connection, const DirectoryConfig *config, const char *dn, GError **error)
{
    g_auto(GStrv) attributes = wanted_attributes(config);
    g_autoptr(GPtrArray) found = directory_connection_search(
        connection, dn, DIRECTORY_SCOPE_ENTRY, "(objectClass=*)", (const char *const *)attributes, 1, error);
    if (found == NULL)
        return NULL;
    if (found->len == 0) {
        fail_unknown(error);
        return NULL;
    }
    return g_ptr_array_steal_index(found, 0);
}

static DirectoryEntry *
find_by_identifier(DirectoryConnection *connection, const DirectoryConfig *config, const char *identifier,
                   GError **error)
{
    g_autofree char *filter = NULL;
    g_autoptr(GBytes) sid = directory_sid_bytes(identifier);
    if (sid != NULL) {
        g_autofree char *escaped = directory_escape(g_bytes_get_data(sid, NULL), g_bytes_get_size(sid));
        filter = g_strdup_printf("(objectSid=%s)", escaped);
    } else if (base_uuid_is_valid(identifier)) {
        filter = g_strdup_printf("(entryUUID=%s)", identifier);
    } else if (strlen(identifier) <= NAME_MAX_BYTES && is_below(identifier, config->base_dn)) {
        return find_by_dn(connection, config, identifier, error);
    } else {
        fail_unknown(error);
        return NULL;
    }
    return find_one(connection, config, filter, error);
}

/* -- Groups
 * ------------------------------------------------------------------------------------------------------- */

/* A walk from an entry to its groups, theirs, and so on. */
typedef struct GroupWalk {
    DirectoryConnection *connection;
    const DirectoryConfig *config;
    GHashTable *identifiers; /* set: what is found */
    GHashTable *seen;        /* set of lower-case DNs */
    GQueue queue;            /* DirectoryEntry, whose groups are still to be found */
} GroupWalk;

static void
walk_meet(GroupWalk *walk, DirectoryEntry *group)
{
    g_autoptr(DirectoryEntry) owned = group;
    if (!g_hash_table_add(walk->seen, g_utf8_strdown(directory_entry_dn(group), -1)))
        return;
    if (!directory_entry_is_group(group) || g_hash_table_size(walk->identifiers) >= GROUPS_MAX)
        return;
    g_hash_table_add(walk->identifiers, directory_entry_identifier(group));
    g_queue_push_tail(&walk->queue, g_steal_pointer(&owned));
}

/* What groups say that they have @entry: by its name in full, by its user name, or as its first group. */
static char *
member_filter(const DirectoryConfig *config, const DirectoryEntry *entry)
{
    const char *dn = directory_entry_dn(entry);
    g_autofree char *escaped = directory_escape(dn, strlen(dn));
    GString *filter = g_string_new(NULL);
    g_string_append_printf(filter, "(&%s(|(member=%s)(uniqueMember=%s)", groups_filter(config), escaped,
                           escaped);
    const char *user = directory_entry_text(entry, config->user_attribute);
    const char *gid = directory_entry_text(entry, "gidNumber");
    if (!config->is_active_directory && !directory_entry_is_group(entry) && user != NULL) {
        g_autofree char *user_escaped = directory_escape(user, strlen(user));
        g_string_append_printf(filter, "(memberUid=%s)", user_escaped);
    }
    if (!config->is_active_directory && !directory_entry_is_group(entry) && gid != NULL) {
        g_autofree char *gid_escaped = directory_escape(gid, strlen(gid));
        g_string_append_printf(filter, "(&(objectClass=posixGroup)(gidNumber=%s))", gid_escaped);
    }
    g_string_append(filter, "))");
    return g_string_free(filter, FALSE);
}

/* What @entry itself says: groups outside the part that is searched, too. */
static gboolean
walk_member_of(GroupWalk *walk, const DirectoryEntry *entry, GError **error)
{
    GPtrArray *names = directory_entry_values(entry, "memberOf");
    for (guint i = 0; names != NULL && i < names->len && i < GROUPS_MAX; i++) {
        g_autoptr(GError) unknown = NULL;
        GBytes *name = g_ptr_array_index(names, i);
        g_autofree char *dn = g_strndup(g_bytes_get_data(name, NULL), g_bytes_get_size(name));
        g_autofree char *folded = g_utf8_validate(dn, -1, NULL) ? g_utf8_strdown(dn, -1) : NULL;
        if (folded == NULL || g_hash_table_contains(walk->seen, folded))
            continue;
        DirectoryEntry *group = find_by_dn(walk->connection, walk->config, dn, &unknown);
        if (group != NULL) {
            walk_meet(walk, group);
        } else if (!g_error_matches(unknown, DIRECTORY_ERROR, DIRECTORY_ERROR_NOT_FOUND)) {
            g_propagate_error(error, g_steal_pointer(&unknown));
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
walk_step(GroupWalk *walk, const DirectoryEntry *entry, GError **error)
{
    g_autofree char *filter = member_filter(walk->config, entry);
    g_autoptr(GPtrArray) groups = search(walk->connection, walk->config, filter, GROUPS_MAX, error);
    if (groups == NULL)
        return FALSE;
    g_ptr_array_set_free_func(groups, NULL);
    for (guint i = 0; i < groups->len; i++)
        walk_meet(walk, g_ptr_array_index(groups, i));
    return walk_member_of(walk, entry, error);
}

static gboolean
walk_all(GroupWalk *walk, const DirectoryEntry *start, GError **error)
{
    g_hash_table_add(walk->seen, g_utf8_strdown(directory_entry_dn(start), -1));
    gboolean is_done = walk_step(walk, start, error);
    while (is_done && !g_queue_is_empty(&walk->queue)) {
        g_autoptr(DirectoryEntry) group = g_queue_pop_head(&walk->queue);
        is_done = walk_step(walk, group, error);
    }
    g_queue_clear_full(&walk->queue, (GDestroyNotify)directory_entry_free);
    return is_done;
}

/* All SIDs that Active Directory would put into the user's token: groups of groups and the primary one. FALSE
 * if it has none for @entry, as for a group. Source: MS-ADTS 3.1.1.4.5.19: only a search of the entry itself
 * has it */
static gboolean
read_token(DirectoryConnection *connection, const DirectoryEntry *entry, GHashTable *identifiers)
{
    static const char *const attributes[] = {"tokenGroups", NULL};
    g_autoptr(GPtrArray) found = directory_connection_search(
        connection, directory_entry_dn(entry), DIRECTORY_SCOPE_ENTRY, "(objectClass=*)", attributes, 1, NULL);
    GPtrArray *sids = found != NULL && found->len == 1
                          ? directory_entry_values(g_ptr_array_index(found, 0), "tokenGroups")
                          : NULL;
    for (guint i = 0; sids != NULL && i < sids->len; i++) {
        char *sid = directory_sid_text(g_ptr_array_index(sids, i));
        if (sid != NULL)
            g_hash_table_add(identifiers, sid);
    }
    return g_hash_table_size(identifiers) > 0;
}

/* The primary group does not have the user as its member. */
static void
add_primary_group(const DirectoryEntry *entry, GHashTable *identifiers)
{
    gint64 relative_id = 0;
    GPtrArray *sids = directory_entry_values(entry, "objectSid");
    if (sids == NULL || !directory_entry_number(entry, "primaryGroupID", &relative_id) || relative_id < 0 ||
        relative_id > G_MAXUINT32)
        return;
    char *sid = directory_sid_sibling(g_ptr_array_index(sids, 0), (guint32)relative_id);
    if (sid != NULL)
        g_hash_table_add(identifiers, sid);
}

static gboolean
find_groups(DirectoryConnection *connection, const DirectoryConfig *config, const DirectoryEntry *entry,
            GHashTable *identifiers, GError **error)
{
    if (config->is_active_directory && read_token(connection, entry, identifiers))
        return TRUE;
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GroupWalk walk = {connection, config, identifiers, seen, G_QUEUE_INIT};
    if (!walk_all(&walk, entry, error))
        return FALSE;
    add_primary_group(entry, identifiers);
    return TRUE;
}

/* -- The vtable
 * --------------------------------------------------------------------------------------------------- */

/* A directory that is asked without a base says itself where its entries begin. */
static gboolean
find_base(DirectoryConnection *connection, DirectoryConfig *config, GError **error)
{
    static const char *const attributes[] = {"defaultNamingContext", "namingContexts", NULL};
    if (config->base_dn != NULL)
        return TRUE;
    g_autoptr(GPtrArray) root = directory_connection_search(connection, "", DIRECTORY_SCOPE_ENTRY,
                                                            "(objectClass=*)", attributes, 1, error);
    if (root == NULL)
        return FALSE;
    const char *base = NULL;
    for (gsize i = 0; root->len == 1 && base == NULL && attributes[i] != NULL; i++)
        base = directory_entry_text(g_ptr_array_index(root, 0), attributes[i]);
    config->base_dn = g_strdup(base);
    if (base != NULL)
        return TRUE;
    g_set_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_FAILED,
                "the directory does not say where its entries begin: set 'base-dn'");
    return FALSE;
}

static gboolean
check_base(DirectoryConnection *connection, const DirectoryConfig *config, GError **error)
{
    static const char *const attributes[] = {"objectClass", NULL};
    g_autoptr(GPtrArray) found = directory_connection_search(
        connection, config->base_dn, DIRECTORY_SCOPE_ENTRY, "(objectClass=*)", attributes, 1, error);
    if (found == NULL)
        return FALSE;
    if (found->len == 1)
        return TRUE;
    g_set_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_PERMISSION_DENIED,
                "'%s' is not there, or may not be searched", config->base_dn);
    return FALSE;
}

/* The settings as they are kept: without the password, and with the base that was found. */
static Value *
kept_settings(const DirectoryConfig *config)
{
    g_autofree char *timeout = g_strdup_printf("%u", config->timeout_s);
    const struct {
        const char *key;
        const char *text;
    } settings[] = {
        {"domain", config->is_active_directory ? config->service_name : NULL},
        {"uri", config->uri},
        {"base-dn", config->base_dn},
        {"user", config->bind_name},
        {"ca-file", config->ca_file},
        {"workgroup", config->workgroup},
        {"user-attribute", config->user_attribute},
        {"group-attribute", config->group_attribute},
        {"tls", config->starts_tls ? "start" : "none"},
        {"timeout", timeout},
    };
    Value *map = value_map_new(G_N_ELEMENTS(settings));
    for (gsize i = 0; i < G_N_ELEMENTS(settings); i++) {
        if (settings[i].text != NULL)
            value_map_set(map, settings[i].key, value_string(settings[i].text));
    }
    return map;
}

static gboolean
ldap_probe(Directory *directory, Value **ret_config, GError **error)
{
    DirectoryConfig *config = ((DirectoryLdap *)directory)->config; /* nobody else has it yet */
    g_autoptr(DirectoryConnection) connection = directory_connection_new(config, error);
    if (connection == NULL || !find_base(connection, config, error) || !check_base(connection, config, error))
        return FALSE;
    *ret_config = kept_settings(config);
    return TRUE;
}

static gboolean
refuse(GError **error, const char *why)
{
    g_set_error_literal(error, DIRECTORY_ERROR, DIRECTORY_ERROR_REFUSED, why);
    return FALSE;
}

/* Nobody learns from the answer whether the name is known: neither is the account's state told without the
 * password. */
static gboolean
check_password(DirectoryConnection *connection, const DirectoryEntry *user, const char *password,
               GError **error)
{
    g_autoptr(GError) wrong = NULL;
    if (!directory_connection_bind(connection, directory_entry_dn(user), password, &wrong)) {
        /* What a directory has against an account, it says by the same codes. */
        if (g_error_matches(wrong, DIRECTORY_ERROR, DIRECTORY_ERROR_UNAVAILABLE)) {
            g_propagate_error(error, g_steal_pointer(&wrong));
            return FALSE;
        }
        return refuse(error, "wrong user name or password");
    }
    DirectoryAccount account = directory_entry_account(user, base_now_us() / G_USEC_PER_SEC);
    const char *obstacle = directory_account_obstacle(&account);
    return obstacle == NULL || refuse(error, obstacle);
}

static char *
ldap_authenticate(Directory *directory, const char *name, const char *password, GError **error)
{
    if (*name == '\0' || *password == '\0') {
        refuse(error, "wrong user name or password");
        return NULL;
    }
    g_autoptr(GError) unknown = NULL;
    g_autoptr(DirectoryConnection) connection = directory_connection_new(config_of(directory), error);
    if (connection == NULL)
        return NULL;
    g_autoptr(DirectoryEntry) user = find_user(connection, config_of(directory), name, &unknown);
    if (user != NULL)
        return check_password(connection, user, password, error) ? directory_entry_identifier(user) : NULL;
    if (g_error_matches(unknown, DIRECTORY_ERROR, DIRECTORY_ERROR_NOT_FOUND))
        refuse(error, "wrong user name or password");
    else
        g_propagate_error(error, g_steal_pointer(&unknown));
    return NULL;
}

static char *
ldap_identify(Directory *directory, const char *name, GError **error)
{
    g_autoptr(DirectoryConnection) connection = directory_connection_new(config_of(directory), error);
    if (connection == NULL)
        return NULL;
    g_autoptr(DirectoryEntry) entry = find_anyone(connection, config_of(directory), name, error);
    return entry != NULL ? directory_entry_identifier(entry) : NULL;
}

/* As identify() finds it again: "WORKGROUP\joe", or "joe". */
static char *
subject_name(const DirectoryConfig *config, const DirectoryEntry *entry)
{
    const char *attribute =
        directory_entry_is_group(entry) ? config->group_attribute : config->user_attribute;
    const char *name = directory_entry_text(entry, attribute);
    if (name == NULL)
        return g_strdup(directory_entry_dn(entry));
    return config->is_active_directory ? g_strdup_printf("%s\\%s", config->workgroup, name) : g_strdup(name);
}

static Value *
ldap_describe(Directory *directory, const char *identifier, GError **error)
{
    const DirectoryConfig *config = config_of(directory);
    g_autoptr(DirectoryConnection) connection = directory_connection_new(config, error);
    if (connection == NULL)
        return NULL;
    g_autoptr(DirectoryEntry) entry = find_by_identifier(connection, config, identifier, error);
    if (entry == NULL)
        return NULL;
    g_autofree char *name = subject_name(config, entry);
    return directory_entry_describe(entry, name, base_now_us() / G_USEC_PER_SEC);
}

static char **
ldap_groups(Directory *directory, const char *identifier, GError **error)
{
    const DirectoryConfig *config = config_of(directory);
    g_autoptr(DirectoryConnection) connection = directory_connection_new(config, error);
    if (connection == NULL)
        return NULL;
    g_autoptr(DirectoryEntry) entry = find_by_identifier(connection, config, identifier, error);
    if (entry == NULL)
        return NULL;
    g_autoptr(GHashTable) found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (!find_groups(connection, config, entry, found, error))
        return NULL;
    guint n = 0;
    g_autofree char **borrowed = (char **)g_hash_table_get_keys_as_array(found, &n);
    return g_strdupv(borrowed);
}

const DirectoryKind directory_ldap_ad = {"AD",          ldap_ad_open,  ldap_probe,  ldap_authenticate,
                                         ldap_identify, ldap_describe, ldap_groups, ldap_free};
const DirectoryKind directory_ldap = {"LDAP",        ldap_plain_open, ldap_probe,  ldap_authenticate,
                                      ldap_identify, ldap_describe,   ldap_groups, ldap_free};
