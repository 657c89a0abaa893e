#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Logging in and out. Source: protocol notes 0 and 1.5."""

import stat
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import case  # noqa: E402
from wire import NULL, Wire, call_xml  # noqa: E402

SESSIONS_MAX = 500  # of one user and originator


class LoginTest(case.ApiTest):
    def setUp(self):
        super().setUp()
        self.tcp = self.closed_at_end(Wire(("127.0.0.1", self.stack.ports()["plain"])))

    def test_login_takes_two_three_or_four_parameters(self):
        for more in ((), ("1.0",), ("2.0", "a client")):
            session = self.tcp.raw("session.login_with_password", "root", self.stack.password, *more).content
            self.assertEqual(self.tcp.raw("pool.get_all", session).kind, "array")
            self.assertEqual(self.tcp.raw("session.get_originator", session, session).content, more[1] if len(more) == 2 else "")

    def test_one_or_five_parameters(self):
        self.assert_fails("MESSAGE_PARAMETER_COUNT_MISMATCH", ["session.login_with_password", 2, 1], self.tcp.raw,
                          "session.login_with_password", "root")
        self.tcp.raw("session.login_with_password", "root", self.stack.password, "2.0", "client", "one more")

    def test_wrong_passwords_are_refused(self):
        right = self.stack.password
        for wrong in ("", "wrong", right + " ", right[:-1], right.swapcase(), right + "\n", "x" * 100000):
            self.assert_fails("SESSION_AUTHENTICATION_FAILED", None, self.tcp.raw, "session.login_with_password", "root", wrong)

    def test_refusal_names_the_user(self):
        with self.assertRaises(case.wire.ApiFailure) as caught:
            self.tcp.raw("session.login_with_password", "<nobody>", "x", "2.0", "a client")
        self.assertEqual([caught.exception.code, caught.exception.params[0], len(caught.exception.params)],
                         ["SESSION_AUTHENTICATION_FAILED", "<nobody>", 2])

    def test_other_users_are_refused_with_roots_password(self):
        for user in ("", "Root", "root ", "admin", "daemon"):
            self.assert_fails("SESSION_AUTHENTICATION_FAILED", None, self.tcp.raw, "session.login_with_password", user, self.stack.password)

    def test_the_unix_socket_is_trusted(self):
        self.api.raw("session.login_with_password", "root", "any password will do")

    def test_password_file_is_its_owners(self):
        path = self.stack.state / "password"
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertGreaterEqual(len(self.stack.password), 16)

    def test_secret_files_are_their_owners(self):
        self.assertEqual(stat.S_IMODE(self.stack.state.stat().st_mode) & 0o022, 0)
        for name in ("server.key", "xylem.db", "xapi.sock", "storage.sock"):
            self.assertEqual(stat.S_IMODE((self.stack.state / name).stat().st_mode), 0o600, name)

    def test_references_are_hard_to_guess(self):
        sessions = {self.new_wire().session for _ in range(50)}
        self.assertEqual(len(sessions), 50)
        self.assertEqual({len(session) for session in sessions}, {len("OpaqueRef:") + 36})

    def test_log_keeps_secrets(self):
        secret = "a wrong password to look for"
        self.assert_fails("SESSION_AUTHENTICATION_FAILED", None, self.tcp.raw, "session.login_with_password", "root", secret)
        self.assert_fails("INTERNAL_ERROR", None, self.tcp.raw, "session.login_with_password", "root", [secret])
        session = self.tcp.login("root", self.stack.password).session
        self.assert_fails("INTERNAL_ERROR", None, self.tcp.raw, "network.set_MTU", session, NULL, "x")
        log = self.stack.log_path("xylemd").read_text(encoding="utf-8")
        for text in (secret, session, self.stack.password):
            self.assertNotIn(text, log)


class RefusalTest(case.ApiTest):
    """Refused logins wait for longer than any test, so whatever is answered did not wait for them."""

    OPTIONS = ("--login-delay", str(3600 * 1000), "--workers", "4")
    N_REFUSED = 40

    def test_refused_logins_hold_up_nobody_else(self):
        for _ in range(self.N_REFUSED):
            waiting = self.connect()
            waiting.send_request("POST", "/", call_xml("session.login_with_password", "root", "wrong").encode())
        host = self.api("host.get_all")[0]
        for _ in range(10):
            self.api("host.get_servertime", host)
        self.new_wire()("session.logout")
        self.assertEqual(self.stack.stop_one("xylemd"), 0)
        self.stack.start_one("xylemd")


class FloodTest(case.ApiTest):
    """Refused logins wait for longer than any test: whoever is answered did not wait behind them."""

    OPTIONS = ("--login-delay", str(3600 * 1000))
    QUEUE = 64  # logins of one address that may wait for a thread
    AT_WORK = 4  # and those that have one
    COUNTED = 32  # logins of one address by other ways

    def wire_from(self, address):
        """A connection that comes from this address of the loopback network."""
        wire = Wire(("127.0.0.1", self.stack.ports()["plain"]))
        wire.socket.close()
        wire.socket = case.wire.socket.socket()
        wire.socket.settimeout(case.wire.REPLY_SECONDS)
        wire.socket.bind((address, 0))
        wire.socket.connect(("127.0.0.1", self.stack.ports()["plain"]))
        return self.closed_at_end(wire)

    def flood(self, address, times):
        """Wrong passwords that nobody waits for."""
        for _ in range(times):
            self.wire_from(address).send_request("POST", "/", call_xml("session.login_with_password", "root", "wrong").encode())

    def test_flood_from_one_address_holds_up_no_other(self):
        self.flood("127.0.0.2", self.QUEUE + self.AT_WORK)
        for address in ("127.0.0.3", "127.0.0.4", "127.0.0.5"):
            self.flood(address, 2)
        self.wire_from("127.0.0.6").login("root", self.stack.password)("pool.get_all")
        self.wire_from("127.0.0.7").login("root", self.stack.password)("pool.get_all")

    def test_more_from_one_address_than_can_wait_are_turned_away(self):
        # The connections are served by more than one thread: which of the logins is one too many, nobody knows.
        wires = [self.wire_from("127.0.0.8") for _ in range(self.QUEUE + self.AT_WORK + 1)]
        for wire in wires:
            wire.send_request("POST", "/", call_xml("session.login_with_password", "root", "wrong").encode())
        answered = case.wire.first_readable(wires)
        self.assert_fails("TOO_BUSY", [], case.wire.read_answer, answered.read_response()[2])
        self.wire_from("127.0.0.9").login("root", self.stack.password)

    def test_basic_authentication_is_counted_too(self):
        wires = [self.wire_from("127.0.0.10") for _ in range(self.COUNTED + 1)]
        for wire in wires:
            wire.send_request("GET", "/audit_log", headers=["Authorization: Basic cm9vdDp3cm9uZw=="])
        self.assertNotIn(" 200 ", case.wire.first_readable(wires).read_response()[0])
        self.wire_from("127.0.0.11").login("root", self.stack.password)


class LogoutTest(case.ApiTest):
    def test_session_is_dead_after_logout(self):
        api = self.new_wire()
        api("session.logout")
        self.assert_fails("SESSION_INVALID", [api.session], api, "pool.get_all")
        self.assert_fails("SESSION_INVALID", [api.session], api, "session.logout")

    def test_logout_leaves_others_alone(self):
        api = self.new_wire()
        api("session.logout")
        self.api("session.get_uuid", self.api.session)

    def test_one_session_serves_many_connections(self):
        for _ in range(5):
            other = self.closed_at_end(Wire(self.stack.socket, self.api.session))
            self.assertEqual(other("pool.get_all"), self.api("pool.get_all"))

    def test_session_outlives_its_connection(self):
        self.api.close()
        other = self.closed_at_end(Wire(self.stack.socket, self.api.session))
        other("pool.get_all")

    def test_connection_serves_many_sessions(self):
        first = self.api.session
        second = self.api.login().session
        self.assertNotEqual(first, second)
        for session in (first, second):
            self.assertEqual(self.api.raw("session.get_uuid", session, session).kind, "text")

    def test_logout_wakes_those_who_wait(self):
        waiting = self.closed_at_end(Wire(self.stack.socket))
        api = self.new_wire()
        token = api("event.from", ["pool"], "", 10.0).content["token"].content
        waiting.send_request("POST", "/", call_xml("event.from", api.session, ["pool"], token, 3600.0).encode())
        api("session.logout")
        body = waiting.read_response()[2]
        self.assert_fails("SESSION_INVALID", [api.session], case.wire.read_answer, body)


class RecordTest(case.ApiTest):
    def test_record_tells_who_logged_in(self):
        api = self.tcp_wire()
        record = api("session.get_record", api.session)
        wanted = {"is_local_superuser": True, "auth_user_name": "root", "originator": "api test", "this_host": self.api("host.get_all")[0],
                  "this_user": NULL, "subject": NULL, "parent": NULL, "tasks": [], "other_config": {}}
        self.assertEqual({key: record[key] for key in wanted}, wanted)
        self.assertEqual(self.api("session.get_by_uuid", record["uuid"]), api.session)

    def test_local_sessions_have_no_subject_identifiers(self):
        self.assertEqual(self.api("session.get_all_subject_identifiers"), [])

    def test_sessions_make_no_events(self):
        events = self.api("event.from", ["*"], "", 10.0).content["events"].content
        self.assertNotIn("session", {event.content["class"].content for event in events})

    def test_oldest_of_many_sessions_go(self):
        client = self.closed_at_end(Wire(self.stack.socket))
        first, *others = [client.raw("session.login_with_password", "root", "", "1.0", "a leaking client").content
                          for _ in range(SESSIONS_MAX + 1)]
        self.assert_fails("SESSION_INVALID", [first], client.raw, "pool.get_all", first)
        for session in (others[0], others[-1], self.api.session):
            client.raw("pool.get_all", session)


class RestartTest(case.ApiTest):
    def test_sessions_end_with_the_server(self):
        session = self.api.session
        self.restart()
        self.assert_fails("SESSION_INVALID", [session], self.closed_at_end(Wire(self.stack.socket)).raw, "pool.get_all", session)

    def test_password_stays(self):
        before = self.stack.password
        self.restart()
        self.assertEqual(self.stack.password, before)
        self.tcp_wire()

    def test_password_may_be_replaced_while_running(self):
        (self.stack.state / "password").write_text("chosen by hand\n", encoding="utf-8")
        self.tcp_wire()("pool.get_all")


if __name__ == "__main__":
    case.main("api/session")
