/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Entries of Active Directory and of plain directories (inetOrgPerson, posixAccount, groupOfNames ...), told
 * apart by the attributes they have. */
#include "auth/directory_entry.h"

#include "base/text.h"
#include <string.h>

/* userAccountControl. Source: MS-ADTS 2.2.16 */
#define UAC_DISABLED         0x2
#define UAC_LOCKED           0x10
#define UAC_PASSWORD_FOREVER 0x10000
#define UAC_PASSWORD_EXPIRED 0x800000
#define NEVER                G_MAXINT64
#define WINDOWS_TO_UNIX_S    G_GINT64_CONSTANT(11644473600) /* from 1601 to 1970 */
#define WINDOWS_TICKS        10000000                       /* in a second */
#define SECONDS_PER_DAY      86400
#define SID_HEADER           8
#define SID_MAX_AUTHORITIES  15

struct DirectoryEntry {
    char *dn;
    GHashTable *attributes; /* lower-case name -> GPtrArray of GBytes */
};

DirectoryEntry *
directory_entry_new(const char *dn)
{
    DirectoryEntry *entry = g_new0(DirectoryEntry, 1);
    entry->dn = g_strdup(dn);
    entry->attributes =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    return entry;
}

void
directory_entry_free(DirectoryEntry *entry)
{
    if (entry == NULL)
        return;
    g_hash_table_unref(entry->attributes);
    g_free(entry->dn);
    g_free(entry);
}

void
directory_entry_add(DirectoryEntry *entry, const char *name, const void *bytes, gsize length)
{
    g_autofree char *key = g_ascii_strdown(name, -1);
    GPtrArray *values = g_hash_table_lookup(entry->attributes, key);
    if (values == NULL) {
        values = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
        g_hash_table_insert(entry->attributes, g_steal_pointer(&key), values);
    }
    /* With a NUL behind it, so that text can be read where it lies. */
    char *copy = g_malloc(length + 1);
    memcpy(copy, bytes, length);
    copy[length] = '\0';
    g_autoptr(GBytes) whole = g_bytes_new_take(copy, length + 1);
    g_ptr_array_add(values, g_bytes_new_from_bytes(whole, 0, length));
}

const char *
directory_entry_dn(const DirectoryEntry *entry)
{
    return entry->dn;
}

GPtrArray *
directory_entry_values(const DirectoryEntry *entry, const char *name)
{
    g_autofree char *key = g_ascii_strdown(name, -1);
    return g_hash_table_lookup(entry->attributes, key);
}

static const char *
bytes_text(GBytes *bytes)
{
    gsize length = 0;
    const char *text = g_bytes_get_data(bytes, &length);
    return text != NULL && g_utf8_validate_len(text, length, NULL) ? text : NULL;
}

const char *
directory_entry_text(const DirectoryEntry *entry, const char *name)
{
    GPtrArray *values = directory_entry_values(entry, name);
    return values != NULL ? bytes_text(g_ptr_array_index(values, 0)) : NULL;
}

gboolean
directory_entry_number(const DirectoryEntry *entry, const char *name, gint64 *ret_number)
{
    const char *text = directory_entry_text(entry, name);
    return text != NULL && base_int_parse(text, ret_number);
}

gboolean
directory_entry_has_class(const DirectoryEntry *entry, const char *name)
{
    GPtrArray *values = directory_entry_values(entry, "objectClass");
    for (guint i = 0; values != NULL && i < values->len; i++) {
        const char *text = bytes_text(g_ptr_array_index(values, i));
        if (text != NULL && g_ascii_strcasecmp(text, name) == 0)
            return TRUE;
    }
    return FALSE;
}

gboolean
directory_entry_is_group(const DirectoryEntry *entry)
{
    static const char *const classes[] = {"group", "groupOfNames", "groupOfUniqueNames", "posixGroup"};
    for (gsize i = 0; i < G_N_ELEMENTS(classes); i++) {
        if (directory_entry_has_class(entry, classes[i]))
            return TRUE;
    }
    return FALSE;
}

char *
directory_escape(const void *bytes, gsize length)
{
    const guint8 *byte = bytes;
    GString *out = g_string_sized_new(length);
    for (gsize i = 0; i < length; i++) {
        if (g_ascii_isalnum(byte[i]))
            g_string_append_c(out, (char)byte[i]);
        else
            g_string_append_printf(out, "\\%02x", byte[i]);
    }
    return g_string_free(out, FALSE);
}

/* -- Identifiers
 * ------------------------------------------------------------------------------------------------------ */

static guint32
read_little_endian(const guint8 *bytes)
{
    return (guint32)bytes[0] | (guint32)bytes[1] << 8 | (guint32)bytes[2] << 16 | (guint32)bytes[3] << 24;
}

static void
append_little_endian(GByteArray *out, guint32 number)
{
    const guint8 bytes[] = {(guint8)number, (guint8)(number >> 8), (guint8)(number >> 16),
                            (guint8)(number >> 24)};
    g_byte_array_append(out, bytes, sizeof bytes);
}

/* Its bytes if it is a whole SID: revision, count, six bytes of authority, then four for each of the count.
 */
static const guint8 *
sid_data(GBytes *sid)
{
    gsize length = 0;
    const guint8 *data = g_bytes_get_data(sid, &length);
    gboolean is_whole = length >= SID_HEADER && data[0] == 1 && data[1] <= SID_MAX_AUTHORITIES &&
                        length == SID_HEADER + 4 * (gsize)data[1];
    return is_whole ? data : NULL;
}

char *
directory_sid_text(GBytes *sid)
{
    const guint8 *data = sid_data(sid);
    if (data == NULL)
        return NULL;
    guint64 authority = 0;
    for (int i = 2; i < SID_HEADER; i++)
        authority = authority << 8 | data[i];
    GString *out = g_string_new("S-1-");
    g_string_append_printf(out, "%" G_GUINT64_FORMAT, authority);
    for (int i = 0; i < data[1]; i++)
        g_string_append_printf(out, "-%" G_GUINT32_FORMAT, read_little_endian(data + SID_HEADER + 4 * i));
    return g_string_free(out, FALSE);
}

GBytes *
directory_sid_bytes(const char *text)
{
    if (!g_str_has_prefix(text, "S-1-"))
        return NULL;
    g_auto(GStrv) parts = g_strsplit(text + strlen("S-1-"), "-", SID_MAX_AUTHORITIES + 2);
    guint n = g_strv_length(parts);
    guint64 number = 0;
    if (n < 1 || n > SID_MAX_AUTHORITIES + 1 ||
        !g_ascii_string_to_unsigned(parts[0], 10, 0, (G_GUINT64_CONSTANT(1) << 48) - 1, &number, NULL))
        return NULL;
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_byte_array_append(out, (const guint8[]){1, (guint8)(n - 1)}, 2);
    for (int shift = 40; shift >= 0; shift -= 8)
        g_byte_array_append(out, (const guint8[]){(guint8)(number >> shift)}, 1);
    for (guint i = 1; i < n; i++) {
        if (!g_ascii_string_to_unsigned(parts[i], 10, 0, G_MAXUINT32, &number, NULL))
            return NULL;
        append_little_endian(out, (guint32)number);
    }
    return g_byte_array_free_to_bytes(g_steal_pointer(&out));
}

char *
directory_sid_sibling(GBytes *sid, guint32 relative_id)
{
    const guint8 *data = sid_data(sid);
    if (data == NULL || data[1] == 0)
        return NULL;
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_byte_array_append(out, data, SID_HEADER + 4 * (guint)(data[1] - 1));
    append_little_endian(out, relative_id);
    g_autoptr(GBytes) sibling = g_byte_array_free_to_bytes(g_steal_pointer(&out));
    return directory_sid_text(sibling);
}

char *
directory_entry_identifier(const DirectoryEntry *entry)
{
    GPtrArray *sids = directory_entry_values(entry, "objectSid");
    char *sid = sids != NULL ? directory_sid_text(g_ptr_array_index(sids, 0)) : NULL;
    if (sid != NULL)
        return sid;
    const char *uuid = directory_entry_text(entry, "entryUUID");
    return g_strdup(uuid != NULL ? uuid : entry->dn);
}

/* -- Accounts
 * ---------------------------------------------------------------------------------------------------------
 */

/* Seconds since 1970 of a Windows time; NEVER for 0 and the highest, which both mean it. */
static gint64
windows_time(const DirectoryEntry *entry, const char *name)
{
    gint64 ticks = 0;
    if (!directory_entry_number(entry, name, &ticks) || ticks <= 0 || ticks == G_MAXINT64)
        return NEVER;
    return ticks / WINDOWS_TICKS - WINDOWS_TO_UNIX_S;
}

static void
read_active_directory(const DirectoryEntry *entry, gint64 now_s, DirectoryAccount *account)
{
    gint64 control = 0, computed = 0, lockout = 0, set = 1;
    directory_entry_number(entry, "userAccountControl", &control);
    gboolean has_computed = directory_entry_number(entry, "msDS-User-Account-Control-Computed", &computed);
    directory_entry_number(entry, "lockoutTime", &lockout);
    directory_entry_number(entry, "pwdLastSet", &set);
    account->is_disabled = (control & UAC_DISABLED) != 0;
    account->is_expired = windows_time(entry, "accountExpires") <= now_s;
    /* A lock may have run out, which only the computed attribute knows. */
    account->is_locked = has_computed ? (computed & UAC_LOCKED) != 0 : lockout > 0;
    account->is_password_expired = ((control | computed) & UAC_PASSWORD_EXPIRED) != 0 ||
                                   (set == 0 && (control & UAC_PASSWORD_FOREVER) == 0);
}

/* Source: shadow(5): days since 1970, empty or negative for never; RFC 2307's shadowAccount has the same. */
static void
read_shadow(const DirectoryEntry *entry, gint64 now_s, DirectoryAccount *account)
{
    gint64 today = now_s / SECONDS_PER_DAY, expires = -1, changed = -1, lasts = -1;
    directory_entry_number(entry, "shadowExpire", &expires);
    directory_entry_number(entry, "shadowLastChange", &changed);
    directory_entry_number(entry, "shadowMax", &lasts);
    account->is_expired = expires >= 0 && expires <= today;
    account->is_password_expired = changed == 0 || (changed > 0 && lasts >= 0 && lasts < today - changed);
}

DirectoryAccount
directory_entry_account(const DirectoryEntry *entry, gint64 unix_seconds)
{
    DirectoryAccount account = {.is_disabled = FALSE};
    if (directory_entry_values(entry, "objectSid") != NULL) {
        read_active_directory(entry, unix_seconds, &account);
        return account;
    }
    read_shadow(entry, unix_seconds, &account);
    /* Of 389 Directory Server, and of the password policy overlay: other times of the latter may have run
     * out, which the directory knows when it is asked for the password. Source: slapo-ppolicy(5) */
    const char *lock = directory_entry_text(entry, "nsAccountLock");
    account.is_disabled = lock != NULL && g_ascii_strcasecmp(lock, "true") == 0;
    account.is_locked = g_strcmp0(directory_entry_text(entry, "pwdAccountLockedTime"), "000001010000Z") == 0;
    return account;
}

const char *
directory_account_obstacle(const DirectoryAccount *account)
{
    if (account->is_disabled)
        return "the account is disabled";
    if (account->is_expired)
        return "the account has expired";
    if (account->is_locked)
        return "the account is locked";
    return account->is_password_expired ? "the password has expired" : NULL;
}

static void
set_text(Value *map, const char *key, const DirectoryEntry *entry, const char *name)
{
    const char *text = directory_entry_text(entry, name);
    if (text != NULL)
        value_map_set(map, key, value_string(text));
}

static void
set_truth(Value *map, const char *key, gboolean truth)
{
    value_map_set(map, key, value_string(truth ? "true" : "false"));
}

static const char *
display_name(const DirectoryEntry *entry, const char *fallback)
{
    const char *display = directory_entry_text(entry, "displayName");
    const char *common = directory_entry_text(entry, "cn");
    return display != NULL ? display : common != NULL ? common : fallback;
}

Value *
directory_entry_describe(const DirectoryEntry *entry, const char *subject_name, gint64 unix_seconds)
{
    g_autofree char *identifier = directory_entry_identifier(entry);
    gboolean is_group = directory_entry_is_group(entry);
    Value *map = value_map_new(12);
    value_map_set(map, "subject-name", value_string(subject_name));
    value_map_set(map, "subject-sid", value_string(identifier));
    set_text(map, "subject-gid", entry, "gidNumber");
    set_truth(map, "subject-is-group", is_group);
    if (is_group)
        return map;
    const char *display = display_name(entry, subject_name);
    const char *gecos = directory_entry_text(entry, "gecos");
    const char *principal = directory_entry_text(entry, "userPrincipalName");
    value_map_set(map, "subject-displayname", value_string(display));
    value_map_set(map, "subject-gecos", value_string(gecos != NULL ? gecos : display));
    value_map_set(map, "subject-upn", value_string(principal != NULL ? principal : ""));
    set_text(map, "subject-uid", entry, "uidNumber");
    DirectoryAccount account = directory_entry_account(entry, unix_seconds);
    set_truth(map, "subject-account-disabled", account.is_disabled);
    set_truth(map, "subject-account-expired", account.is_expired);
    set_truth(map, "subject-account-locked", account.is_locked);
    set_truth(map, "subject-password-expired", account.is_password_expired);
    return map;
}
