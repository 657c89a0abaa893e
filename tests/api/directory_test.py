#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Users of a directory: a real slapd serves a plain one and one with the attributes of Active Directory."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import case  # noqa: E402
import slapd  # noqa: E402
from server import wait_until  # noqa: E402
from slapd import READER, READER_PASSWORD, entry, sid  # noqa: E402
from wire import NULL, Wire  # noqa: E402

PLAIN = "dc=example,dc=com"
CORP = "dc=corp,dc=com"
DOMAIN_SID = "S-1-5-21-1004336348-1177238915-682003330"
ADMINS_SID, STAFF_SID, USERS_SID = f"{DOMAIN_SID}-1101", f"{DOMAIN_SID}-1102", f"{DOMAIN_SID}-513"
ANN_SID, BEN_SID = f"{DOMAIN_SID}-1201", f"{DOMAIN_SID}-1202"


def person(uid, number, **more):
    """A user of the plain directory, whose password is the name backwards."""
    classes = ["inetOrgPerson", "posixAccount", "shadowAccount"]
    return entry(f"cn=person {number},{PLAIN}", objectClass=classes, cn=f"person {number}", sn="x", uid=uid,
                 uidNumber=str(number), gidNumber="100", homeDirectory="/", userPassword=uid[::-1], **more)


def user(name, number, **more):
    """A user of the Active Directory."""
    return entry(f"cn={name},{CORP}", objectClass=["user"], cn=name, sn="x", sAMAccountName=name.lower(), displayName=name,
                 userPrincipalName=f"{name.lower()}@corp.com", objectSid=sid(f"{DOMAIN_SID}-{number}"), primaryGroupID="513",
                 userPassword="opens", **more)


def group(name, number, members):
    """A group of the Active Directory."""
    return entry(f"cn={name},{CORP}", objectClass=["group"], cn=name, sAMAccountName=name, objectSid=sid(f"{DOMAIN_SID}-{number}"),
                 member=[f"cn={member},{CORP}" for member in members])


ENTRIES = "".join([
    entry(PLAIN, objectClass=["domain"], dc="example"),
    person("alice", 1, displayName="Alice A.", gecos="A. Alice"), person("bob", 2), person("carol", 3, shadowExpire="1"),
    person("odd*)(uid=name", 4), person("twin", 5), person("twin", 6), person("dave", 7),
    entry(f"cn=admins,{PLAIN}", objectClass=["groupOfNames"], cn="admins", member=[f"cn=person 1,{PLAIN}"]),
    entry(f"cn=everyone,{PLAIN}", objectClass=["groupOfNames"], cn="everyone", member=[f"cn=admins,{PLAIN}", f"cn=everyone,{PLAIN}"]),
    entry(f"cn=operators,{PLAIN}", objectClass=["posixGroup"], cn="operators", gidNumber="200", memberUid=["bob"]),
    entry(f"cn=users,{PLAIN}", objectClass=["posixGroup"], cn="users", gidNumber="100"),
    entry(CORP, objectClass=["domain"], dc="corp"),
    user("Ann", 1201, tokenGroups=[sid(ADMINS_SID), sid(STAFF_SID), sid(USERS_SID)], userAccountControl="512"),
    user("Ben", 1202, userAccountControl="512"),
    group("admins", 1101, ["Ann"]), group("staff", 1102, ["admins", "Ben"]),
])


class DirectoryTest(case.ApiTest):
    """Each test begins with a directory that is not in use, and no subject."""

    SERVICE = "directory.example.com"
    TYPE = "LDAP"
    BASE = PLAIN

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.slapd = slapd.Slapd(cls.scratch / "slapd", ENTRIES, cls.stack.state / "server.crt", cls.stack.state / "server.key")
        cls.addClassCleanup(cls.slapd.stop)
        cls.slapd.start()

    def setUp(self):
        super().setUp()
        self.host = self.api("host.get_all")[0]
        self.pool = self.api("pool.get_all")[0]
        self.client = self.closed_at_end(Wire(("127.0.0.1", self.stack.ports()["plain"])))
        self.addCleanup(self.clean)

    def clean(self):
        """As it was."""
        api = self.new_wire()
        api("host.disable_external_auth", self.host, {})
        for subject in api("subject.get_all"):
            api("subject.destroy", subject)

    def settings(self, **more):
        """Those that work; "_" in a name stands for "-"."""
        settings = {"uri": self.slapd.uri, "base-dn": self.BASE, "user": READER, "pass": READER_PASSWORD}
        return settings | {name.replace("_", "-"): value for name, value in more.items()}

    def enable(self, **more):
        """Switches it on."""
        self.api("host.enable_external_auth", self.host, self.settings(**more), self.SERVICE, self.TYPE)

    def identifier(self, name):
        """What the directory calls this user or group."""
        return self.api("auth.get_subject_identifier", name)

    def subject(self, name, *roles):
        """A new subject with these roles."""
        subject = self.api("subject.create", {"subject_identifier": self.identifier(name), "other_config": {"subject-name": name}})
        for role in roles:
            self.api("subject.add_to_roles", subject, self.role(role))
        return subject

    def role(self, name):
        """The role's reference."""
        return self.api("role.get_by_name_label", name)[0]

    def log_in(self, name, password):
        """A session of its own."""
        return self.client.raw("session.login_with_password", name, password, "2.0", "directory test").content

    def assert_refused(self, name, password, why=None):
        """This login fails."""
        with self.assertRaises(case.wire.ApiFailure) as caught:
            self.log_in(name, password)
        self.assertEqual([caught.exception.code, caught.exception.params[0]], ["SESSION_AUTHENTICATION_FAILED", name])
        if why is not None:
            self.assertIn(why, caught.exception.params[1])

    def assert_ended(self, session):
        """The session is gone."""
        self.assert_fails("SESSION_INVALID", [session], self.client.raw, "pool.get_all", session)


class SwitchTest(DirectoryTest):
    def test_fields_tell_what_is_used_and_no_password(self):
        self.enable()
        record = self.api("host.get_record", self.host)
        self.assertEqual([record["external_auth_type"], record["external_auth_service_name"]], ["LDAP", self.SERVICE])
        configuration = record["external_auth_configuration"]
        self.assertEqual([configuration["base-dn"], configuration["user"]], [PLAIN, READER])
        self.assertNotIn(READER_PASSWORD, str(configuration))
        secret = self.api("secret.get_by_uuid", configuration["pass_secret"])
        self.assertEqual(self.api("secret.get_value", secret), READER_PASSWORD)
        self.api("host.disable_external_auth", self.host, {})
        record = self.api("host.get_record", self.host)
        self.assertEqual([record["external_auth_type"], record["external_auth_service_name"]], ["", ""])
        self.assertEqual(record["external_auth_configuration"], {})
        self.assert_fails("UUID_INVALID", None, self.api, "secret.get_by_uuid", configuration["pass_secret"])

    def test_enabling_twice_is_refused(self):
        self.enable()
        self.assert_fails("AUTH_ALREADY_ENABLED", ["LDAP", self.SERVICE], self.enable)
        self.assert_fails("POOL_AUTH_ALREADY_ENABLED", [self.host], self.api, "pool.enable_external_auth", self.pool, self.settings(),
                          self.SERVICE, "LDAP")

    def test_disabling_twice_is_fine(self):
        self.enable()
        for _ in range(2):
            self.api("host.disable_external_auth", self.host, {})

    def test_unknown_types(self):
        for name in ("", "ldap", "NIS"):
            self.assert_fails("AUTH_UNKNOWN_TYPE", [name], self.api, "host.enable_external_auth", self.host, self.settings(), "x", name)

    def test_unknown_objects(self):
        self.assert_fails("HANDLE_INVALID", ["host", NULL], self.api, "host.enable_external_auth", NULL, {}, "x", "LDAP")
        self.assert_fails("HANDLE_INVALID", ["host", NULL], self.api, "host.disable_external_auth", NULL, {})
        for message, arguments in (("enable", ({}, "x", "LDAP")), ("disable", ({},))):
            self.assert_fails("HANDLE_INVALID", ["pool", NULL], self.api, f"pool.{message}_external_auth", NULL, *arguments)

    def test_what_does_not_work_is_not_enabled(self):
        cases = (("AUTH_ENABLE_FAILED_WRONG_CREDENTIALS", {"pass": "wrong"}),
                 ("AUTH_ENABLE_FAILED_UNAVAILABLE", {"uri": "ldapi://%2Fnowhere"}),
                 ("AUTH_ENABLE_FAILED_PERMISSION_DENIED", {"base-dn": "dc=elsewhere,dc=com"}), ("AUTH_ENABLE_FAILED", {"colour": "red"}),
                 ("AUTH_ENABLE_FAILED", {"pass": ""}), ("AUTH_ENABLE_FAILED", {"ca-file": "/nowhere"}))
        for code, wrong in cases:
            with self.subTest(wrong=wrong):
                arguments = (self.settings() | wrong, self.SERVICE, "LDAP")
                self.assert_fails(code, None, self.api, "host.enable_external_auth", self.host, *arguments)
                pool_code = "POOL_" + code.replace("_UNAVAILABLE", "")
                self.assert_fails(pool_code, None, self.api, "pool.enable_external_auth", self.pool, *arguments)
                self.assertEqual(self.api("host.get_external_auth_type", self.host), "")
        self.assertEqual(self.api("secret.get_all"), [])

    def test_pool_switches_its_hosts(self):
        self.api("pool.enable_external_auth", self.pool, self.settings(), self.SERVICE, "LDAP")
        self.assertEqual(self.api("host.get_external_auth_type", self.host), "LDAP")
        before = self.api("message.get_all")
        self.api("pool.detect_nonhomogeneous_external_auth", self.pool)
        self.assertEqual(self.api("message.get_all"), before)
        self.api("pool.disable_external_auth", self.pool, {})
        self.assertEqual(self.api("host.get_external_auth_type", self.host), "")

    def test_base_is_found_out(self):
        settings = self.settings()
        del settings["base-dn"]
        self.api("host.enable_external_auth", self.host, settings, self.SERVICE, "LDAP")
        self.assertEqual(self.api("host.get_external_auth_configuration", self.host)["base-dn"], "dc=com")
        self.identifier("alice")

    def test_it_is_used_again_after_a_restart(self):
        self.enable()
        self.subject("admins", "pool-admin")
        self.api.close()
        self.restart()
        self.api = self.new_wire()
        self.client = self.closed_at_end(Wire(("127.0.0.1", self.stack.ports()["plain"])))
        self.log_in("alice", "ecila")


class TlsTest(DirectoryTest):
    """Over TCP; the server's own certificate serves the directory, too."""

    def test_connections_are_encrypted_and_the_certificate_is_checked(self):
        uri = f"ldap://127.0.0.1:{self.slapd.port}"
        with self.assertRaises(case.wire.ApiFailure) as caught:
            self.enable(uri=uri)
        self.assertEqual(caught.exception.code, "AUTH_ENABLE_FAILED_UNAVAILABLE")
        self.enable(uri=uri, ca_file=str(self.stack.state / "server.crt"))
        self.identifier("alice")

    def test_encryption_may_be_left_out(self):
        self.enable(uri=f"ldap://127.0.0.1:{self.slapd.port}", tls="none")
        self.identifier("alice")


class QueryTest(DirectoryTest):
    def test_nothing_is_asked_while_it_is_off(self):
        for message in ("get_subject_identifier", "get_subject_information_from_identifier", "get_group_membership"):
            self.assert_fails("AUTH_IS_DISABLED", [], self.api, f"auth.{message}", "alice")

    def test_users_are_described(self):
        self.enable()
        identifier = self.identifier("alice")
        self.assertEqual(self.identifier(f"alice@{self.SERVICE}"), identifier)
        self.assertEqual(self.api("auth.get_subject_information_from_identifier", identifier), {
            "subject-name": "alice", "subject-sid": identifier, "subject-is-group": "false", "subject-uid": "1", "subject-gid": "100",
            "subject-displayname": "Alice A.", "subject-gecos": "A. Alice", "subject-upn": "", "subject-account-disabled": "false",
            "subject-account-expired": "false", "subject-account-locked": "false", "subject-password-expired": "false"})
        carol = self.api("auth.get_subject_information_from_identifier", self.identifier("carol"))
        self.assertEqual(carol["subject-account-expired"], "true")

    def test_groups_are_described(self):
        self.enable()
        identifier = self.identifier("admins")
        self.assertEqual(self.api("auth.get_subject_information_from_identifier", identifier),
                         {"subject-name": "admins", "subject-sid": identifier, "subject-is-group": "true"})

    def test_groups_of_groups_and_primary_groups_count(self):
        self.enable()
        for name, groups in (("alice", {"admins", "everyone", "users"}), ("bob", {"operators", "users"}), ("admins", {"everyone"})):
            found = self.api("auth.get_group_membership", self.identifier(name))
            self.assertEqual(set(found), {self.identifier(group) for group in groups}, name)
            self.assertEqual(len(found), len(set(found)))

    def test_unknown_names_and_identifiers(self):
        self.enable()
        for name in ("", "nobody", "*", "alice)(uid=*", "OTHER\\alice", "alice@elsewhere", "x" * 5000):
            self.assert_fails("SUBJECT_CANNOT_BE_RESOLVED", [], self.identifier, name)
        nobody = "00000000-0000-0000-0000-000000000000"
        for identifier in ("", "*", "S-1-5-21-1", nobody, "dc=other", f"cn=nobody,{PLAIN}", "x" * 5000, ",,,"):
            for message in ("get_subject_information_from_identifier", "get_group_membership"):
                self.assert_fails("SUBJECT_CANNOT_BE_RESOLVED", [], self.api, f"auth.{message}", identifier)

    def test_names_are_no_filters(self):
        self.enable()
        self.assertEqual(self.api("auth.get_subject_information_from_identifier", self.identifier("odd*)(uid=name"))["subject-uid"], "4")

    def test_two_of_a_name_are_nobody(self):
        self.enable()
        self.assert_fails("AUTH_SERVICE_ERROR", None, self.identifier, "twin")


class SubjectTest(DirectoryTest):
    def test_subjects_have_what_they_were_made_with_and_no_role(self):
        subject = self.api("subject.create", {"subject_identifier": "S-1-5-9", "other_config": {"subject-name": "x"},
                                              "roles": [self.role("pool-admin")]})
        record = self.api("subject.get_record", subject)
        self.assertEqual([record["subject_identifier"], record["other_config"], record["roles"]], ["S-1-5-9", {"subject-name": "x"}, []])
        self.assertEqual(self.api("subject.get_all"), [subject])
        self.assertEqual(list(self.api("subject.get_all_records")), [subject])
        self.assertEqual(self.api("subject.get_by_uuid", record["uuid"]), subject)
        self.api("subject.destroy", subject)
        self.assertEqual(self.api("subject.get_all"), [])

    def test_one_subject_for_each_identifier(self):
        self.api("subject.create", {"subject_identifier": "S-1-5-9"})
        self.assert_fails("SUBJECT_ALREADY_EXISTS", [], self.api, "subject.create", {"subject_identifier": "S-1-5-9"})
        self.assert_fails("INVALID_VALUE", ["subject_identifier", ""], self.api, "subject.create", {"subject_identifier": ""})
        self.assert_fails("INVALID_VALUE", None, self.api, "subject.create", {"subject_identifier": "x" * 5000})
        self.assert_fails("HANDLE_INVALID", None, self.api, "subject.destroy", NULL)


class LoginTest(DirectoryTest):
    def setUp(self):
        super().setUp()
        self.enable()

    def test_users_get_in_by_their_group_with_its_roles(self):
        subject = self.subject("everyone", "read-only")
        session = self.log_in("alice", "ecila")
        record = self.api("session.get_record", session)
        wanted = {"is_local_superuser": False, "subject": subject, "auth_user_sid": self.identifier("alice"), "auth_user_name": "alice",
                  "originator": "directory test"}
        self.assertEqual({key: record[key] for key in wanted}, wanted)
        self.assertEqual(self.api("session.get_all_subject_identifiers"), [self.identifier("alice")])
        self.client.raw("host.get_record", session, self.host)
        self.assert_fails("RBAC_PERMISSION_DENIED", None, self.client.raw, "host.disable", session, self.host)

    def test_roles_of_all_subjects_count_together(self):
        self.subject("users", "read-only")
        own = self.subject("alice", "vm-operator")
        self.subject("admins", "pool-operator")
        session = self.log_in("alice", "ecila")
        self.assertEqual(self.api("session.get_subject", session), own)
        self.client.raw("host.disable", session, self.host)
        self.client.raw("host.enable", session, self.host)
        self.assert_fails("RBAC_PERMISSION_DENIED", None, self.client.raw, "subject.destroy", session, own)

    def test_wrong_and_empty_passwords_open_nothing(self):
        self.subject("users", "pool-admin")
        for password in ("wrong", "", "ECILA", "bob"):
            self.assert_refused("alice", password)
        for name in ("", "nobody", "*", "twin", "alice)(|(uid=*", f"cn=person 1,{PLAIN}", READER):
            self.assert_refused(name, "ecila")

    def test_users_without_subject_or_role_stay_out(self):
        self.assert_refused("alice", "ecila", "no subject")
        subject = self.subject("admins")
        self.assert_refused("alice", "ecila", "no role")
        self.api("subject.add_to_roles", subject, self.role("read-only"))
        self.log_in("alice", "ecila")
        self.assert_refused("bob", "bob", "no subject")

    def test_accounts_that_have_expired_stay_out(self):
        self.subject("users", "pool-admin")
        self.assert_refused("carol", "lorac", "expired")
        self.assert_refused("carol", "wrong", "wrong user name or password")

    def test_root_is_local(self):
        self.log_in("root", self.stack.password)
        self.assert_refused("root", "wrong")

    def test_destroyed_subject_ends_its_sessions(self):
        subject, other = self.subject("admins", "pool-admin"), self.subject("operators", "pool-admin")
        alice, bob = self.log_in("alice", "ecila"), self.log_in("bob", "bob")
        self.api("subject.destroy", subject)
        self.assert_ended(alice)
        self.client.raw("pool.get_all", bob)
        self.assert_refused("alice", "ecila")
        self.api("subject.destroy", other)
        self.assert_ended(bob)

    def test_another_subject_keeps_a_session_with_the_same_role(self):
        first = self.subject("admins", "pool-operator")
        self.subject("everyone", "pool-operator")
        session = self.log_in("alice", "ecila")
        self.api("subject.destroy", first)
        self.client.raw("pool.get_all", session)

    def test_lost_role_ends_a_session(self):
        subject = self.subject("admins", "pool-admin", "read-only")
        session = self.log_in("alice", "ecila")
        self.api("subject.remove_from_roles", subject, self.role("read-only"))
        self.client.raw("pool.get_all", session)
        self.api("subject.add_to_roles", subject, self.role("read-only"))
        self.api("subject.remove_from_roles", subject, self.role("pool-admin"))
        self.assert_ended(session)
        session = self.log_in("alice", "ecila")
        self.assert_fails("RBAC_PERMISSION_DENIED", None, self.client.raw, "subject.destroy", session, subject)

    def test_logout_by_identifier_spares_the_caller(self):
        self.subject("users", "pool-admin")
        first, second, bob = self.log_in("alice", "ecila"), self.log_in("alice", "ecila"), self.log_in("bob", "bob")
        alice = self.identifier("alice")
        self.client.raw("session.logout_subject_identifier", first, alice)
        self.assert_ended(second)
        self.client.raw("pool.get_all", first)
        self.client.raw("pool.get_all", bob)
        self.api("session.logout_subject_identifier", alice)
        self.assert_ended(first)
        self.api("session.logout_subject_identifier", "nobody's")

    def test_switching_off_ends_sessions_of_the_directory_alone(self):
        self.subject("users", "pool-admin")
        alice, root = self.log_in("alice", "ecila"), self.log_in("root", self.stack.password)
        self.api("host.disable_external_auth", self.host, {})
        self.assert_ended(alice)
        self.client.raw("pool.get_all", root)
        self.assert_refused("alice", "ecila")

    def test_directory_that_is_away_is_said_to_be(self):
        self.subject("users", "pool-admin")
        session = self.log_in("alice", "ecila")
        self.slapd.stop()
        try:
            self.assert_refused("alice", "ecila", "Can't contact LDAP server")
            self.assert_fails("AUTH_SERVICE_ERROR", None, self.identifier, "alice")
            self.client.raw("pool.get_all", session)
            self.log_in("root", self.stack.password)
        finally:
            self.slapd.start()
        self.log_in("alice", "ecila")

    def test_log_keeps_passwords(self):
        self.subject("users", "pool-admin")
        self.log_in("alice", "ecila")
        self.assert_refused("alice", "a password to look for")
        log = self.stack.log_path("xylemd").read_text(encoding="utf-8")
        for text in (READER_PASSWORD, "ecila", "a password to look for"):
            self.assertNotIn(text, log)


class SilentDirectoryTest(DirectoryTest):
    """A server that takes connections and says nothing."""

    def test_waiting_has_an_end(self):
        silent = slapd.socket.socket()
        self.addCleanup(silent.close)
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for scheme, tls in (("ldap", "none"), ("ldap", "start"), ("ldaps", "start")):
            uri = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}"
            with self.assertRaises(case.wire.ApiFailure) as caught:
                self.enable(uri=uri, tls=tls, timeout="1")
            self.assertEqual(caught.exception.code, "AUTH_ENABLE_FAILED_UNAVAILABLE")


class RevalidationTest(DirectoryTest):
    OPTIONS = ("--directory-check", "1")

    def ends(self, session):
        """Whether the session is gone by now."""
        try:
            self.client.raw("pool.get_all", session)
        except case.wire.ApiFailure as failure:
            return failure.code == "SESSION_INVALID"
        return False

    def test_users_who_may_not_log_in_any_more_are_out(self):
        self.enable()
        self.subject("users", "pool-admin")
        self.subject("admins", "pool-admin")
        alice, bob, dave = self.log_in("alice", "ecila"), self.log_in("bob", "bob"), self.log_in("dave", "evad")
        first = self.api("session.get_validation_time", dave)
        self.slapd.modify(f"cn=person 2,{PLAIN}", shadowExpire=1)
        self.addCleanup(self.slapd.modify, f"cn=person 2,{PLAIN}", shadowExpire=None)
        self.slapd.modify(f"cn=person 1,{PLAIN}", gidNumber=999)  # still in admins
        wait_until(lambda: self.ends(bob), "the expired user's session ends")
        wait_until(lambda: self.api("session.get_validation_time", dave) != first, "the other is checked")
        self.client.raw("pool.get_all", alice)
        self.slapd.modify(f"cn=person 7,{PLAIN}", gidNumber=999)  # nowhere any more
        wait_until(lambda: self.ends(dave), "the session of who has left the group ends")


class ActiveDirectoryTest(DirectoryTest):
    SERVICE = "corp.com"
    TYPE = "AD"
    BASE = CORP

    def setUp(self):
        super().setUp()
        settings = self.settings(ou="Servers", disable_modules="x")
        settings["disable_modules"] = settings.pop("disable-modules")
        del settings["base-dn"]
        self.api("host.enable_external_auth", self.host, settings, self.SERVICE, self.TYPE)

    def test_names_in_all_their_forms(self):
        for name in ("ann", "ANN", "CORP\\ann", "corp.com\\ann", "ann@corp.com", "ann@CORP"):
            self.assertEqual(self.identifier(name), ANN_SID, name)
        for name in ("OTHER\\ann", "ann@other.com", "CORP\\", "\\ann"):
            self.assert_fails("SUBJECT_CANNOT_BE_RESOLVED", [], self.identifier, name)
        self.assertEqual(self.identifier("CORP\\staff"), STAFF_SID)

    def test_users_are_described(self):
        self.assertEqual(self.api("auth.get_subject_information_from_identifier", ANN_SID), {
            "subject-name": "CORP\\ann", "subject-sid": ANN_SID, "subject-is-group": "false", "subject-displayname": "Ann",
            "subject-gecos": "Ann", "subject-upn": "ann@corp.com", "subject-account-disabled": "false", "subject-account-expired": "false",
            "subject-account-locked": "false", "subject-password-expired": "false"})

    def test_groups_by_token_and_without(self):
        self.assertEqual(set(self.api("auth.get_group_membership", ANN_SID)), {ADMINS_SID, STAFF_SID, USERS_SID})
        self.assertEqual(set(self.api("auth.get_group_membership", BEN_SID)), {STAFF_SID, USERS_SID})
        self.assertEqual(self.api("auth.get_group_membership", ADMINS_SID), [STAFF_SID])

    def test_users_log_in_by_groups_in_groups(self):
        self.subject("staff", "vm-admin")
        for name in ("ann", "CORP\\ann", "ann@corp.com"):
            session = self.log_in(name, "opens")
            self.assertEqual(self.api("session.get_auth_user_name", session), "CORP\\ann")
            self.assertEqual(self.api("session.get_auth_user_sid", session), ANN_SID)
        self.assert_refused("ann", "")
        self.assert_refused("ann", "wrong")

    def test_accounts_that_are_shut_stay_out(self):
        self.subject("staff", "vm-admin")
        dn = f"cn=Ben,{CORP}"
        for name, value, why in (("userAccountControl", 514, "disabled"), ("accountExpires", 133000000000000000, "has expired"),
                                 ("lockoutTime", 133000000000000000, "locked"), ("pwdLastSet", 0, "password has expired")):
            self.log_in("ben", "opens")
            self.slapd.modify(dn, **{name: value})
            self.assert_refused("ben", "opens", why)
            self.slapd.modify(dn, **{name: 512 if name == "userAccountControl" else None})


class MisfitDomainTest(DirectoryTest):
    def test_text_that_is_no_domain(self):
        self.assert_fails("AUTH_ENABLE_FAILED", None, self.api, "host.enable_external_auth", self.host, {}, "no domain", "AD")


if __name__ == "__main__":
    case.main("api/directory")
