#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Roles as objects, users, and what calls leave in the audit log. Which role may call what is tested in src/rpc/role_test.c, with the same
facts: tests/data/roles-facts.json, from the published description of the reference's API (August 2026)."""

import hashlib
import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import case  # noqa: E402
import slapd  # noqa: E402
from wire import MESSAGES, MODEL, NULL, TREE, ApiFailure, Date, Wire  # noqa: E402

FACTS = json.loads((TREE / "tests/data/roles-facts.json").read_text(encoding="utf-8"))
ROLES = FACTS["roles"]
POOL_ADMIN = "OpaqueRef:0165f154-ba3e-034e-6b27-5d271af109ba"  # known to clients by heart
AUDIT_LINE = re.compile(r"\[(\d{8}T\d\d:\d\d:\d\d\.\d{3}Z)\|info\|[^|]+\|\d+ ([^|]*)\|([^|]*)\|audit\] \((.*)\)")


def holders(permission):
    """The roles that hold a message's permission."""
    least = FACTS["least_role"][permission]
    return set(ROLES[:ROLES.index(least) + 1]) if least != "internal" else set()


class RoleTest(case.ApiTest):
    def by_name(self, name):
        """The only role or permission of this name."""
        refs = self.api("role.get_by_name_label", name)
        self.assertEqual(len(refs), 1, name)
        return refs[0]

    def names(self, refs):
        """Names of roles."""
        return {self.api("role.get_name_label", ref) for ref in refs}

    def test_rows_are_the_static_roles_and_the_permissions(self):
        records = self.api("role.get_all_records")
        roles = {record["name_label"]: record for record in records.values() if record["subroles"]}
        self.assertEqual(set(roles), set(ROLES))
        self.assertFalse(any(record["is_internal"] for record in roles.values()))
        permissions = {record["name_label"] for record in records.values() if not record["subroles"]}
        self.assertEqual(len(permissions) + len(ROLES), len(records))
        published = {name.lower() for name, least in FACTS["least_role"].items() if least != "internal"}
        self.assertEqual(published - permissions, set())
        self.assertEqual(self.api("role.get_all"), list(records))

    def test_roles_hold_what_is_published(self):
        for role in ROLES:
            held = set(self.api("role.get_permissions_name_label", self.by_name(role)))
            for name, least in FACTS["least_role"].items():
                self.assertEqual(name.lower() in held, least != "internal" and role in holders(name), (role, name))
            for field, keys in FACTS["map_keys"].items():
                class_name, field_name = field.split(".")
                for key, least in keys.items():
                    name = f"{class_name}.add_to_{field_name}/key:{key}".lower()
                    self.assertEqual(name in held, ROLES.index(role) <= ROLES.index(least), (role, name))

    def test_permissions_by_reference_and_by_name_agree(self):
        role = self.by_name("vm-operator")
        refs = self.api("role.get_permissions", role)
        self.assertEqual(refs, self.api("role.get_subroles", role))
        self.assertEqual([self.api("role.get_name_label", ref) for ref in refs[:20]],
                         self.api("role.get_permissions_name_label", role)[:20])
        self.assertEqual(len(refs), len(set(refs)))

    def test_permission_holds_itself(self):
        permission = self.by_name("vm.start")
        self.assertEqual(self.api("role.get_permissions", permission), [permission])
        self.assertEqual(self.api("role.get_permissions_name_label", permission), ["vm.start"])

    def test_roles_of_a_permission(self):
        for name in ("VM.start", "VM.get_record", "pool.set_name_label", "subject.create"):
            permission = self.by_name(name.lower())
            self.assertEqual(self.names(self.api("role.get_by_permission", permission)), holders(name))
            self.assertEqual(self.names(self.api("role.get_by_permission_name_label", name.lower())), holders(name))
        guarded = self.by_name("vm.add_to_other_config/key:pci")
        self.assertEqual(self.names(self.api("role.get_by_permission", guarded)), {"pool-admin"})

    def test_nobody_holds_what_is_not_there(self):
        self.assertEqual(self.api("role.get_by_permission_name_label", "vm.fly"), [])
        self.assertEqual(self.api("role.get_by_permission_name_label", "session.change_password"), [])
        self.assertEqual(self.api("role.get_by_permission", POOL_ADMIN), [])
        for message in ("role.get_by_permission", "role.get_permissions", "role.get_permissions_name_label"):
            self.assert_fails("HANDLE_INVALID", ["role", NULL], self.api, message, NULL)

    def test_references_are_well_known(self):
        self.assertEqual(self.by_name("pool-admin"), POOL_ADMIN)
        digest = hashlib.md5(b"VM.start").hexdigest()
        uuid = "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))
        self.assertEqual(self.api("role.get_by_uuid", uuid), self.by_name("vm.start"))

    def test_rows_stay_over_a_restart(self):
        before = self.api("role.get_all_records")
        self.restart()
        self.assertEqual(self.new_wire()("role.get_all_records"), before)

    def test_roles_make_no_events(self):
        events = self.api("event.from", ["*"], "", 10.0).content["events"].content
        self.assertNotIn("role", {event.content["class"].content for event in events})

    def test_unknown_subjects_have_no_roles(self):
        for message in ("subject.add_to_roles", "subject.remove_from_roles"):
            self.assert_fails("HANDLE_INVALID", ["subject", NULL], self.api, message, NULL, POOL_ADMIN)
        self.assert_fails("HANDLE_INVALID", ["subject", NULL], self.api, "subject.get_permissions_name_label", NULL)

    def test_session_holds_the_permissions_of_its_role(self):
        held = self.api("session.get_rbac_permissions", self.api.session)
        self.assertEqual(set(held), set(self.api("role.get_permissions_name_label", POOL_ADMIN)))


DEFAULTS = {"string": "", "int": 0, "float": 0.0, "bool": False, "datetime": Date("19700101T00:00:00Z"), "ref": NULL,
            "set": [], "map": {}, "record": {}}
# Those that would end the walk, or wait.
ENDS = {"session.logout", "session.local_logout", "event.next"}


def params_of(message):
    """Of the right types, and of no use."""
    return [MODEL.enums[param.type.name][0] if param.type.kind == "enum" else DEFAULTS[param.type.kind] for param in message.params]


def is_harmless(message):
    """Whether the call may be made by somebody who is allowed to: it reads, or misses the object it would act on."""
    acts_on_object = message.params and message.params[0].type.kind == "ref"
    return message.name.startswith("get_") or bool(acts_on_object)


class SubjectTest(case.ApiTest):
    """Users of a directory, one of each role, named like it; their password is "opens"."""

    BASE = "dc=example,dc=com"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        people = [slapd.entry(f"cn={role},{cls.BASE}", objectClass=["inetOrgPerson"], cn=role, sn="x", uid=role, userPassword="opens")
                  for role in ROLES]
        cls.slapd = slapd.Slapd(cls.scratch / "slapd", slapd.entry(cls.BASE, objectClass=["domain"], dc="example") + "".join(people))
        cls.addClassCleanup(cls.slapd.stop)
        cls.slapd.start()
        api = Wire(cls.stack.socket).login()
        settings = {"uri": cls.slapd.uri, "base-dn": cls.BASE, "user": slapd.READER, "pass": slapd.READER_PASSWORD}
        api("host.enable_external_auth", api("host.get_all")[0], settings, "directory.example.com", "LDAP")
        cls.subjects = {}
        for role in ROLES:
            identifier = api("auth.get_subject_identifier", role)
            cls.subjects[role] = api("subject.create", {"subject_identifier": identifier, "other_config": {}})
            api("subject.add_to_roles", cls.subjects[role], api("role.get_by_name_label", role)[0])
        api.close()

    def log_in(self, role):
        """A session of the user who has this role."""
        return self.closed_at_end(Wire(("127.0.0.1", self.stack.ports()["plain"]))).login(role, "opens")

    def is_refused(self, api, name, *params):
        """Whether the role does not suffice."""
        try:
            api.raw(name, api.session, *params)
        except ApiFailure as failure:
            if failure.code == "RBAC_PERMISSION_DENIED":
                self.assertEqual(failure.params[0], name.lower())
                return True
        return False

    def test_every_role_may_call_what_it_holds_and_nothing_else(self):
        n_calls = 0
        for role in ROLES:
            api = self.log_in(role)
            for name, message in MESSAGES.items():
                base = name.removesuffix("_where") if name not in FACTS["least_role"] else name
                may = base in FACTS["least_role"] and role in holders(base)
                if not message.session or may and (name in ENDS or not is_harmless(message)):
                    continue
                self.assertEqual(self.is_refused(api, name, *params_of(message)), not may, (role, name))
                n_calls += 1
        self.assertGreater(n_calls, 6 * 1335)

    def test_session_has_the_permissions_of_the_role(self):
        for role in ROLES:
            api = self.log_in(role)
            record = api("session.get_record", api.session)
            held = self.api("role.get_permissions_name_label", self.api("role.get_by_name_label", role)[0])
            self.assertEqual(set(record["rbac_permissions"]), set(held))
            self.assertEqual(set(self.api("subject.get_permissions_name_label", self.subjects[role])), set(held))
            self.assertEqual([record["is_local_superuser"], record["subject"]], [False, self.subjects[role]])

    def test_keys_of_maps_have_roles_of_their_own(self):
        pool = self.api("pool.get_all")[0]
        operator, reader = self.log_in("vm-operator"), self.log_in("read-only")
        operator("pool.add_to_other_config", pool, "folder", "/x")
        operator("pool.add_to_other_config", pool, "XenCenter.CustomFields.a", "b")
        self.assertEqual(self.api("pool.get_other_config", pool)["folder"], "/x")
        self.assert_fails("RBAC_PERMISSION_DENIED", None, operator, "pool.add_to_other_config", pool, "folders", "/x")
        with self.assertRaises(ApiFailure) as caught:
            reader("pool.remove_from_other_config", pool, "folder")
        self.assertEqual(caught.exception.params, [
            "pool.remove_from_other_config/key:folder",
            f"No permission in user session. (Roles with this permission: {', '.join(ROLES[:-1])})"])

    def test_tasks_of_others_are_left_alone(self):
        reader, operator = self.log_in("read-only"), self.log_in("pool-operator")
        task = self.api("task.create", "root's", "")
        for message, *params in (("task.cancel",), ("task.destroy",), ("task.set_status", "success"), ("task.set_progress", 0.5),
                                 ("task.set_result", "x"), ("task.set_error_info", ["x"])):
            with self.assertRaises(ApiFailure) as caught:
                reader(message, task, *params)
            self.assertEqual([caught.exception.code, caught.exception.params[0]], ["RBAC_PERMISSION_DENIED", "task.destroy/any"])
        operator("task.set_progress", task, 0.5)
        operator("task.destroy", task)
        own = reader("task.create", "the reader's", "")
        again = self.log_in("read-only")  # another session of the same user
        again("task.set_progress", own, 0.5)
        reader("task.set_status", own, "success")
        reader("task.destroy", own)

    def test_refusals_are_told_in_the_audit_log(self):
        reader = self.log_in("read-only")
        pool = self.api("pool.get_all")[0]
        self.assert_fails("RBAC_PERMISSION_DENIED", None, reader, "pool.set_name_label", pool, "x")
        identifier = reader("session.get_auth_user_sid", reader.session)
        track = hashlib.md5(reader.session.encode()).hexdigest()
        self.assertEqual(self.stack.stop_one("xylemd"), 0)
        text = (self.stack.state / "audit.log").read_text(encoding="utf-8")
        self.stack.start_one("xylemd")
        self.assertIn(f"('trackid={track}' '{identifier}' 'read-only' 'DENIED' '' 'API' 'pool.set_name_label' (('self' ", text)


class UserTest(case.ApiTest):
    def test_users_are_rows(self):
        user = self.api("user.create", {"short_name": "alice", "fullname": "Alice", "other_config": {"a": "b"}})
        record = self.api("user.get_record", user)
        self.assertEqual([record["short_name"], record["fullname"], record["other_config"]], ["alice", "Alice", {"a": "b"}])
        self.assertEqual(self.api("user.get_by_uuid", record["uuid"]), user)
        self.api("user.set_fullname", user, "Alice A.")
        self.assertEqual(self.api("user.get_fullname", user), "Alice A.")
        self.api("user.add_to_other_config", user, "c", "d")
        self.api("user.remove_from_other_config", user, "a")
        self.assertEqual(self.api("user.get_other_config", user), {"c": "d"})
        self.api("user.set_other_config", user, {})
        self.assertEqual(self.api("user.get_other_config", user), {})
        self.api("user.destroy", user)
        self.assert_fails("HANDLE_INVALID", ["user", user], self.api, "user.get_record", user)


class AuditTest(case.ApiTest):
    def lines(self, *words):
        """Lines of the log that hold all these words: what follows the head. The server is gone by then, so that all is written."""
        self.assertEqual(self.stack.stop_one("xylemd"), 0)
        text = (self.stack.state / "audit.log").read_text(encoding="utf-8")
        self.stack.start_one("xylemd")
        found = [AUDIT_LINE.fullmatch(line) for line in text.splitlines()]
        self.assertNotIn(None, found)
        return [match for match in found if all(word in match[4] for word in words)]

    def track(self, session):
        """What stands for a session."""
        return f"'trackid={hashlib.md5(session.encode()).hexdigest()}'"

    def test_calls_with_side_effects_are_told(self):
        pool = self.api("pool.get_all")[0]
        record = self.api("pool.get_record", pool)
        track = self.track(self.api.session)
        self.api("pool.set_name_label", pool, "it's new")
        self.api("pool.add_to_other_config", pool, "k", "not to be told")
        self.assert_fails("MAP_DUPLICATE_KEY", None, self.api, "pool.add_to_other_config", pool, "k", "v")
        self.assert_fails("HANDLE_INVALID", None, self.api, "VM.start", NULL, False, False)
        lines = [match[4] for match in self.lines(track)]
        who = f"{track} 'LOCAL_SUPERUSER' 'root' 'ALLOWED'"
        of_pool = f"(('self' '{record['name_label']}' '{record['uuid']}' '{pool}'))"
        renamed = f"(('self' 'it\\'s new' '{record['uuid']}' '{pool}'))"
        self.assertEqual(lines, [
            f"{who} 'OK' 'API' 'pool.set_name_label' {of_pool}",
            f"{who} 'OK' 'API' 'pool.add_to_other_config' {renamed}",
            f"{who} 'ERROR:MAP_DUPLICATE_KEY' 'API' 'pool.add_to_other_config' {renamed}",
            f"{who} 'ERROR:HANDLE_INVALID' 'API' 'VM.start' (('vm' '' '' '{NULL}') ('start_paused' 'false' '' '') ('force' 'false' '' ''))",
        ])

    def test_asynchronous_calls_are_told_once_at_their_end(self):
        track = self.track(self.api.session)
        task = self.api("Async.VM.start", NULL, False, False)
        token = ""
        while self.api("task.get_status", task) == "pending":
            token = self.api("event.from", [f"task/{task}"], token, 10.0).content["token"].content
        lines = self.lines(track, "'VM.start'")
        self.assertEqual(len(lines), 1)
        self.assertIn("'ERROR:HANDLE_INVALID'", lines[0][4])
        self.assertEqual(lines[0][3], "Async.VM.start")

    def test_logins_over_the_network_are_told(self):
        tcp = self.tcp_wire()
        track = self.track(tcp.session)
        tcp("session.logout")
        self.assert_fails("SESSION_AUTHENTICATION_FAILED", None, tcp.raw, "session.login_with_password", "mallory", "secret word")
        lines = [match[4] for match in self.lines()]
        who = f"{track} 'LOCAL_SUPERUSER' 'root' 'ALLOWED' 'OK' 'API'"
        self.assertIn(f"{who} 'session.create' (('uname' 'root' '' '') ('originator' 'api test' '' ''))", lines)
        self.assertIn(f"{who} 'session.destroy' (('originator' 'api test' '' ''))", lines)
        self.assertIn("'' '' 'mallory' 'DENIED' '' 'API' 'session.create' (('uname' 'mallory' '' '') ('originator' '' '' ''))", lines)

    def test_log_keeps_secrets_and_getters_out(self):
        secret = self.api("secret.create", {"value": "a hidden value", "other_config": {}})
        self.api("secret.set_value", secret, "another hidden value")
        self.api("session.add_to_other_config", self.api.session, "k", "hidden too")
        self.api("VM.get_all_records")
        session = self.api.session
        self.lines()
        text = (self.stack.state / "audit.log").read_text(encoding="utf-8")
        for word in ("hidden", session, "VM.get", "event.from"):
            self.assertNotIn(word, text)
        for word in ("'secret.create'", "'secret.set_value'", "'session.add_to_other_config'"):
            self.assertIn(word, text)

    def test_log_is_its_owners(self):
        self.assertEqual((self.stack.state / "audit.log").stat().st_mode & 0o777, 0o600)


class PasswordTest(case.ApiTest):
    def test_new_password_opens_and_the_old_one_does_not(self):
        old = self.stack.password
        tcp = self.closed_at_end(Wire(("127.0.0.1", self.stack.ports()["plain"])))
        self.api("session.change_password", "whatever", "new pass phrase")
        tcp.raw("session.login_with_password", "root", "new pass phrase")
        self.assert_fails("SESSION_AUTHENTICATION_FAILED", None, tcp.raw, "session.login_with_password", "root", old)
        self.restart()
        self.tcp_wire()("pool.get_all")  # with what the file holds
        self.assertEqual(self.stack.password, "new pass phrase")

    def test_bad_passwords_are_rejected(self):
        for bad in ("", "two\nlines", "blank at the end ", "x" * 5000):
            self.assert_fails("CHANGE_PASSWORD_REJECTED", None, self.api, "session.change_password", self.stack.password, bad)
        self.tcp_wire()

    def test_unreadable_password_lets_nobody_in(self):
        path = self.stack.state / "password"
        text = path.read_bytes()
        path.unlink()
        tcp = self.closed_at_end(Wire(("127.0.0.1", self.stack.ports()["plain"])))
        with self.assertRaises(case.wire.ApiFailure) as caught:
            tcp.raw("session.login_with_password", "root", text.decode().strip())
        path.write_bytes(text)
        self.assertEqual(caught.exception.code, "SESSION_AUTHENTICATION_FAILED")
        self.assertNotIn(str(path), str(caught.exception))


class LocalSessionTest(case.ApiTest):
    def setUp(self):
        super().setUp()
        self.tcp = self.closed_at_end(Wire(("127.0.0.1", self.stack.ports()["plain"])))

    def local_login(self):
        """A local session by password."""
        local = self.closed_at_end(Wire(("127.0.0.1", self.stack.ports()["plain"])))
        local.session = local("session.slave_local_login_with_password", "root", self.stack.password)
        return local

    def test_local_session_works_until_local_logout(self):
        local = self.local_login()
        record = local("session.get_record", local.session)
        self.assertEqual([record["is_local_superuser"], record["auth_user_name"], record["originator"]], [True, "root", ""])
        local("session.local_logout")
        self.assert_fails("SESSION_INVALID", [local.session], local, "pool.get_all")

    def test_local_logout_ends_no_other_session(self):
        self.assert_fails("SESSION_INVALID", [self.api.session], self.api, "session.local_logout")
        self.api("pool.get_all")

    def test_wrong_password_opens_no_local_session(self):
        self.assert_fails("SESSION_AUTHENTICATION_FAILED", None, self.tcp.raw, "session.slave_local_login_with_password", "root", "wrong")


class RefusedCommandTest(case.ApiTest):
    """Refused logins of xe wait for longer than any test: more of them than there are threads for commands."""

    OPTIONS = ("--login-delay", str(3600 * 1000))
    N_REFUSED = 66
    GREETING = b"XenSource thin CLI protocol" + (0).to_bytes(4, "little") + (2).to_bytes(4, "little")

    def test_refused_commands_hold_up_no_others(self):
        body = b"host-list\nusername=root\npassword=wrong"
        waiting = [self.connect() for _ in range(self.N_REFUSED)]
        for connection in waiting:
            head = f"POST /cli HTTP/1.0\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            connection.socket.sendall(head + body + self.GREETING)
        self.assertIn("uuid", self.stack.xe("host-list"))
        self.assertEqual(self.stack.stop_one("xylemd"), 0)
        self.stack.start_one("xylemd")


if __name__ == "__main__":
    case.main("api/roles")
