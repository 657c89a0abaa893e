/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Identifiers and filters are spelled exactly, and each mark of an account that may not log in is seen. */
#include "auth/directory_entry.h"

#include <string.h>

#define NOW_S G_GINT64_CONSTANT(1700000000)
#define DAY   (NOW_S / 86400)

static const guint8 sid_bytes[] = {1,    5,    0,    0,    0,    0,    0,    5,    21,   0,
                                   0,    0,    0xa0, 0x65, 0xcf, 0x7e, 0x78, 0x4b, 0x9b, 0x5f,
                                   0xe7, 0x7c, 0x87, 0x70, 0x5b, 0x04, 0,    0};
#define SID_TEXT "S-1-5-21-2127521184-1604012920-1887927527-1115"

static void
test_sid(void)
{
    g_autoptr(GBytes) bytes = g_bytes_new_static(sid_bytes, sizeof sid_bytes);
    g_autofree char *text = directory_sid_text(bytes);
    g_assert_cmpstr(text, ==, SID_TEXT);
    g_autoptr(GBytes) again = directory_sid_bytes(text);
    g_assert_true(g_bytes_equal(bytes, again));
    g_autofree char *sibling = directory_sid_sibling(bytes, 513);
    g_assert_cmpstr(sibling, ==, "S-1-5-21-2127521184-1604012920-1887927527-513");
}

static void
test_no_sid(void)
{
    static const char *const texts[] = {"",
                                        "S-1-",
                                        "S-2-5-21",
                                        "S-1-5-",
                                        "S-1-x",
                                        "S-1-5-21x",
                                        "S-1-5--1",
                                        "s-1-5-21",
                                        "S-1-5-4294967296",
                                        "S-1-281474976710656",
                                        "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16"};
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        g_assert_null(directory_sid_bytes(texts[i]));
    for (gsize length = 0; length < sizeof sid_bytes; length++) {
        g_autoptr(GBytes) cut = g_bytes_new(sid_bytes, length);
        g_assert_null(directory_sid_text(cut));
        g_assert_null(directory_sid_sibling(cut, 1));
    }
}

static void
test_escape(void)
{
    static const char hostile[] = "*)(uid=\\joe\0 \xc3\xa4";
    g_autofree char *escaped = directory_escape(hostile, sizeof hostile - 1);
    g_assert_cmpstr(escaped, ==, "\\2a\\29\\28uid\\3d\\5cjoe\\00\\20\\c3\\a4");
}

static void
add_text(DirectoryEntry *entry, const char *name, const char *text)
{
    directory_entry_add(entry, name, text, strlen(text));
}

static void
test_values(void)
{
    g_autoptr(DirectoryEntry) entry = directory_entry_new("cn=x");
    gint64 number = 0;
    add_text(entry, "objectClass", "top");
    add_text(entry, "objectclass", "posixGroup");
    add_text(entry, "CN", "first");
    add_text(entry, "cn", "second");
    directory_entry_add(entry, "broken", "\xff", 1);
    directory_entry_add(entry, "nul", "a\0b", 3);
    add_text(entry, "empty", "");
    add_text(entry, "number", "12");
    g_assert_cmpstr(directory_entry_text(entry, "cn"), ==, "first");
    g_assert_cmpuint(directory_entry_values(entry, "cN")->len, ==, 2);
    g_assert_null(directory_entry_text(entry, "broken"));
    g_assert_null(directory_entry_text(entry, "nul"));
    g_assert_null(directory_entry_text(entry, "absent"));
    g_assert_true(directory_entry_number(entry, "number", &number));
    g_assert_cmpint(number, ==, 12);
    g_assert_false(directory_entry_number(entry, "cn", &number));
    g_assert_true(directory_entry_has_class(entry, "POSIXGROUP"));
    g_assert_true(directory_entry_is_group(entry));
}

static void
test_identifier(void)
{
    g_autoptr(DirectoryEntry) entry = directory_entry_new("uid=joe,dc=x");
    g_autofree char *name = directory_entry_identifier(entry);
    g_assert_cmpstr(name, ==, "uid=joe,dc=x");
    add_text(entry, "entryUUID", "6bb5c4c6-0000-103d-8000-000000000001");
    g_autofree char *uuid = directory_entry_identifier(entry);
    g_assert_cmpstr(uuid, ==, "6bb5c4c6-0000-103d-8000-000000000001");
    directory_entry_add(entry, "objectSid", sid_bytes, sizeof sid_bytes);
    g_autofree char *sid = directory_entry_identifier(entry);
    g_assert_cmpstr(sid, ==, SID_TEXT);
}

static const struct AccountCase {
    const char *name;
    gboolean is_active_directory;
    const char *attributes[4]; /* name, value, name, value */
    const char *obstacle;      /* NULL: none */
} accounts[] = {
    {"ad-normal", TRUE, {"userAccountControl", "512", "accountExpires", "9223372036854775807"}, NULL},
    {"ad-never-expires", TRUE, {"accountExpires", "0", "lockoutTime", "0"}, NULL},
    {"ad-disabled", TRUE, {"userAccountControl", "514"}, "the account is disabled"},
    {"ad-expired", TRUE, {"accountExpires", "133000000000000000"}, "the account has expired"},
    {"ad-expires-later", TRUE, {"accountExpires", "150000000000000000"}, NULL},
    {"ad-locked", TRUE, {"lockoutTime", "133000000000000000"}, "the account is locked"},
    {"ad-lock-has-run-out",
     TRUE,
     {"lockoutTime", "133000000000000000", "msDS-User-Account-Control-Computed", "0"},
     NULL},
    {"ad-lock-computed", TRUE, {"msDS-User-Account-Control-Computed", "16"}, "the account is locked"},
    {"ad-password-expired",
     TRUE,
     {"msDS-User-Account-Control-Computed", "8388608"},
     "the password has expired"},
    {"ad-password-to-be-changed", TRUE, {"pwdLastSet", "0"}, "the password has expired"},
    {"ad-password-forever", TRUE, {"pwdLastSet", "0", "userAccountControl", "66048"}, NULL},
    {"plain-without-marks", FALSE, {"uidNumber", "1000"}, NULL},
    {"plain-expired", FALSE, {"shadowExpire", "1"}, "the account has expired"},
    {"plain-never-expires", FALSE, {"shadowExpire", "-1", "shadowMax", "99999"}, NULL},
    {"plain-password-expired",
     FALSE,
     {"shadowLastChange", "100", "shadowMax", "90"},
     "the password has expired"},
    {"plain-password-to-be-changed", FALSE, {"shadowLastChange", "0"}, "the password has expired"},
    {"plain-locked", FALSE, {"pwdAccountLockedTime", "000001010000Z"}, "the account is locked"},
    {"plain-disabled", FALSE, {"nsAccountLock", "TRUE"}, "the account is disabled"},
};

static void
run_account(gconstpointer data)
{
    const struct AccountCase *test = data;
    g_autoptr(DirectoryEntry) entry = directory_entry_new("cn=x");
    if (test->is_active_directory)
        directory_entry_add(entry, "objectSid", sid_bytes, sizeof sid_bytes);
    for (gsize i = 0; i < G_N_ELEMENTS(test->attributes) && test->attributes[i] != NULL; i += 2)
        add_text(entry, test->attributes[i], test->attributes[i + 1]);
    DirectoryAccount account = directory_entry_account(entry, NOW_S);
    g_assert_cmpstr(directory_account_obstacle(&account), ==, test->obstacle);
}

static void
test_describe(void)
{
    g_autoptr(DirectoryEntry) entry = directory_entry_new("cn=Joe,dc=x");
    directory_entry_add(entry, "objectSid", sid_bytes, sizeof sid_bytes);
    add_text(entry, "cn", "Joe");
    add_text(entry, "userPrincipalName", "joe@example.com");
    add_text(entry, "userAccountControl", "514");
    g_autoptr(Value) map = directory_entry_describe(entry, "EXAMPLE\\joe", NOW_S);
    static const char *const wanted[][2] = {
        {"subject-name", "EXAMPLE\\joe"},
        {"subject-sid", SID_TEXT},
        {"subject-is-group", "false"},
        {"subject-displayname", "Joe"},
        {"subject-gecos", "Joe"},
        {"subject-upn", "joe@example.com"},
        {"subject-account-disabled", "true"},
        {"subject-account-expired", "false"},
        {"subject-account-locked", "false"},
        {"subject-password-expired", "false"},
    };
    g_assert_cmpuint(value_size(map), ==, G_N_ELEMENTS(wanted));
    for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++)
        g_assert_cmpstr(value_map_get_string(map, wanted[i][0], NULL), ==, wanted[i][1]);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/auth/directory-entry/sid-reads-and-writes-alike", test_sid);
    g_test_add_func("/auth/directory-entry/what-is-no-sid-is-refused", test_no_sid);
    g_test_add_func("/auth/directory-entry/filter-values-hold-nothing-but-themselves", test_escape);
    g_test_add_func("/auth/directory-entry/attributes-are-found-in-any-case", test_values);
    g_test_add_func("/auth/directory-entry/identifier-is-the-most-lasting-one", test_identifier);
    for (gsize i = 0; i < G_N_ELEMENTS(accounts); i++) {
        g_autofree char *path = g_strconcat("/auth/directory-entry/account/", accounts[i].name, NULL);
        g_test_add_data_func(path, &accounts[i], run_account);
    }
    g_test_add_func("/auth/directory-entry/description-has-the-keys-of-the-wire", test_describe);
    return g_test_run();
}
