#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""event.from, event.inject, and the older event.register and event.next. Source: protocol notes 2."""

import re
import resource
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import case  # noqa: E402
from wire import MODEL, Wire, Xml, call_xml, read_answer, typed_record  # noqa: E402

NOBODY = "OpaqueRef:00000000-0000-0000-0000-000000000000"
TOKEN = re.compile(r"\d{20},\d{20}")
WITHOUT_EVENTS = {name for name, cls in MODEL.classes.items() if not cls.events}


class Batch:
    """What event.from answered."""

    def __init__(self, node):
        assert set(node.content) == {"events", "valid_ref_counts", "token"}, node
        self.events = [Event(event) for event in node.content["events"].content]
        self.counts = node.content["valid_ref_counts"].content
        self.token = node.content["token"].content

    def told(self):
        """{(operation, ref)}."""
        return {(event.operation, event.ref) for event in self.events}


def raise_descriptor_limit(wanted):
    """Each client takes one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


class Event:
    """One event; its record is checked against the model."""

    def __init__(self, node):
        fields = node.content
        self.id, self.timestamp = fields["id"].content, fields["timestamp"].content
        self.event_class, self.operation, self.ref = (fields[key].content for key in ("class", "operation", "ref"))
        assert ("snapshot" in fields) == (self.operation != "del"), node
        name = {cls.lower(): cls for cls in MODEL.classes}[self.event_class]
        self.record = typed_record(fields["snapshot"], name, self.event_class) if "snapshot" in fields else None


class EventTest(case.ApiTest):
    def batch(self, classes, token="", timeout=10.0, api=None):
        """event.from."""
        return Batch((api or self.api)("event.from", classes, token, timeout))

    def now(self):
        """A token of now, for which nothing is pending."""
        return self.batch(["nothing"], "", 0.0).token

    def create_network(self, name="a network"):
        """Something that comes, changes and goes."""
        return self.api("network.create", {"name_label": name, "name_description": "", "MTU": 1500, "other_config": {}, "tags": []})


class FromTest(EventTest):
    def test_empty_token_gives_everything_as_added(self):
        batch = self.batch(["*"])
        self.assertEqual({event.operation for event in batch.events}, {"add"})
        for name, cls in MODEL.classes.items():
            if cls.events and cls.rows and "get_all" in cls.messages:
                self.assertEqual(sorted(event.ref for event in batch.events if event.event_class == name.lower()),
                                 sorted(self.api(f"{name}.get_all")), name)

    def test_records_are_those_of_get_record(self):
        for event in self.batch(["pool", "network", "role", "SM"]).events:
            name = {cls.lower(): cls for cls in MODEL.classes}[event.event_class]
            self.assertEqual(event.record, self.api(f"{name}.get_record", event.ref))

    def test_members_are_spelled_as_clients_expect(self):
        node = self.api("event.from", ["pool"], "", 10.0).content["events"].content[0]
        self.assertEqual({key: item.kind for key, item in node.content.items()},
                         {"id": "text", "timestamp": "text", "class": "text", "operation": "text", "ref": "text", "snapshot": "struct"})
        event = Event(node)
        self.assertEqual([event.timestamp, event.event_class, event.operation], ["0.0", "pool", "add"])
        self.assertRegex(event.id, r"^[1-9]\d*$")

    def test_counts_are_tagged_and_of_every_class(self):
        counts = self.batch(["pool"]).counts
        self.assertEqual(set(counts), {name.lower() for name, cls in MODEL.classes.items() if cls.rows})
        self.assertEqual({node.kind for node in counts.values()}, {"i4"})
        for name in ("host", "network", "VM", "role"):
            self.assertEqual(int(counts[name.lower()].content), len(self.api(f"{name}.get_all")), name)

    def test_token_is_two_numbers_of_twenty_digits(self):
        self.assertRegex(self.batch(["pool"]).token, TOKEN)

    def test_classes_are_named_in_any_case(self):
        for name in ("PIF_metrics", "pif_metrics", "PIF_METRICS"):
            self.assertEqual([event.event_class for event in self.batch([name]).events], ["pif_metrics"])

    def test_classes_that_are_none_match_nothing(self):
        self.assertEqual(self.batch(["session", "event", "secret", "no_such", "no_such/x", "pool/x"], "", 0.0).events, [])

    def test_malformed_classes_are_told(self):
        for name in ("no such", "", "VM/", "/", "/x", "pool/x/y", "**", "*/x", "VM ", "v\u00e4m"):
            for message, *more in (("event.from", "", 0.0), ("event.register",), ("event.unregister",)):
                self.assert_fails("EVENT_SUBSCRIPTION_PARSE_FAILURE", [name], self.api, message, ["pool", name], *more)
        self.assert_fails("SESSION_NOT_REGISTERED", [self.api.session], self.api, "event.next")

    def test_nothing_subscribed_is_nothing_told(self):
        self.assertEqual(self.batch([], "", 0.0).events, [])

    def test_time_out_is_a_success_with_a_newer_token(self):
        before = self.now()
        network = self.create_network()
        batch = self.batch(["pool"], before, 0.01)
        self.assertEqual(batch.events, [])
        self.assertGreater(batch.token, before)
        self.api("network.destroy", network)

    def test_time_out_is_taken_in_every_spelling(self):
        token = self.now()
        for timeout in (0.0, 0, "0", Xml("<value><int>0</int></value>"), 0.001):
            self.assertEqual(self.batch(["SM"], token, timeout).events, [])

    def test_object_that_comes_changes_and_goes(self):
        first = self.now()
        network = self.create_network()
        added = self.batch(["network"], first)
        self.assertEqual(added.told(), {("add", network)})
        self.api("network.set_MTU", network, 9000)
        changed = self.batch(["network"], added.token)
        self.assertEqual(changed.told(), {("mod", network)})
        self.assertEqual(changed.events[0].record["MTU"], 9000)
        self.api("network.destroy", network)
        gone = self.batch(["network"], changed.token)
        self.assertEqual(gone.told(), {("del", network)})
        # A client that has been away is told the difference.
        self.assertEqual(self.batch(["network"], added.token).told(), {("del", network)})
        self.assertEqual(self.batch(["network"], first, 0.0).told(), set())

    def test_added_and_changed_is_added(self):
        token = self.now()
        network = self.create_network()
        self.api("network.set_MTU", network, 9000)
        batch = self.batch(["network"], token)
        self.assertEqual([(event.operation, event.record["MTU"]) for event in batch.events], [("add", 9000)])
        self.api("network.destroy", network)

    def test_each_object_is_told_once(self):
        network = self.create_network()
        token = self.now()
        for number in range(20):
            self.api("network.set_MTU", network, number)
        self.assertEqual([event.record["MTU"] for event in self.batch(["network"], token).events], [19])
        self.api("network.destroy", network)

    def test_order_is_messages_add_mod_del(self):
        gone, changed = self.create_network("gone"), self.create_network("changed")
        token = self.now()
        self.api("network.destroy", gone)
        self.api("network.set_MTU", changed, 9000)
        added = self.create_network("added")
        message = self.api("message.create", "A_NAME", 5, "host", self.api("host.get_uuid", self.api("host.get_all")[0]), "body")
        events = [event for event in self.batch(["*"], token).events if event.event_class in ("network", "message")]
        told = [(event.operation, event.ref) for event in events]
        self.assertEqual(told, [("add", message), ("add", added), ("mod", changed), ("del", gone)])
        self.assertEqual([event.id == "0" for event in events], [True, False, False, False])
        for network in (added, changed):
            self.api("network.destroy", network)
        self.api("message.destroy", message)

    def test_one_object_is_subscribed_by_its_reference(self):
        one, other = self.create_network("one"), self.create_network("other")
        for spelling in (f"network/{one}", f"Network/{one}"):
            self.assertEqual(self.batch([spelling]).told(), {("add", one)})
        token = self.now()
        self.api("network.set_MTU", other, 9000)
        self.assertEqual(self.batch([f"network/{one}"], token, 0.0).told(), set())
        self.api("network.set_MTU", one, 9000)
        self.assertEqual(self.batch([f"network/{one}"], token).told(), {("mod", one)})
        for network in (one, other):
            self.api("network.destroy", network)

    def test_relations_change_on_both_sides(self):
        host = self.api("host.get_all")[0]
        token = self.now()
        sr = self.api("SR.introduce", "6cd6f7ff-4bc3-4f1a-9d9f-9a6f2d1e0001", "x", "", "file", "", False, {})
        self.api("PBD.create", {"host": host, "SR": sr, "device_config": {}, "other_config": {}})
        told = {(event.operation, event.event_class) for event in self.batch(["pbd", "host", "sr"], token).events}
        self.assertLessEqual({("add", "pbd"), ("add", "sr"), ("mod", "host")}, told)

    def test_waiting_call_is_answered_by_a_change(self):
        waiting = self.closed_at_end(Wire(self.stack.socket))
        token = self.now()
        waiting.send_request("POST", "/", call_xml("event.from", self.api.session, ["network"], token, 3600.0).encode())
        network = self.create_network()
        self.assertEqual(Batch(read_answer(waiting.read_response()[2])).told(), {("add", network)})
        self.api("network.destroy", network)

    def test_waiting_calls_of_one_session_are_answered_apart(self):
        token = self.now()
        waiting = {name: self.closed_at_end(Wire(self.stack.socket)) for name in ("network", "pool")}
        for name, connection in waiting.items():
            connection.send_request("POST", "/", call_xml("event.from", self.api.session, [name], token, 3600.0).encode())
        network = self.create_network()
        self.assertEqual(Batch(read_answer(waiting["network"].read_response()[2])).told(), {("add", network)})
        pool = self.api("pool.get_all")[0]
        self.api("pool.set_name_label", pool, "changed")
        self.assertEqual(Batch(read_answer(waiting["pool"].read_response()[2])).told(), {("mod", pool)})
        self.api("network.destroy", network)

    def test_endless_time_outs_wait(self):
        for timeout in (-1.0, -0.5, float("inf"), float("nan"), 1e300):
            waiting = self.closed_at_end(Wire(self.stack.socket))
            token = self.now()
            text = {float("inf"): "inf"}.get(timeout, repr(timeout))
            waiting.send_request("POST", "/", call_xml("event.from", self.api.session, ["network"], token,
                                                       Xml(f"<value><double>{text}</double></value>")).encode())
            network = self.create_network()
            self.assertEqual(Batch(read_answer(waiting.read_response()[2])).told(), {("add", network)}, timeout)
            self.api("network.destroy", network)

    def test_malformed_tokens_are_told(self):
        for token in ("x", "1", "1,", ",", "1,2,3", "-1,0", "00000000000000000001", " ", "0x1,0x1", "1.0,2.0", "9" * 30 + ",0", "1,0 "):
            self.assert_fails("EVENT_FROM_TOKEN_PARSE_FAILURE", [token], self.api, "event.from", ["*"], token, 0.0)

    def test_token_of_the_future_is_no_silent_gap(self):
        token = f"{10 ** 18:020d},{0:020d}"
        self.assert_fails("EVENTS_LOST", [], self.api, "event.from", ["*"], token, 0.0)

    def test_logout_ends_waiting_calls(self):
        api = self.new_wire()
        waiting = [self.closed_at_end(Wire(self.stack.socket)) for _ in range(3)]
        for connection in waiting:
            connection.send_request("POST", "/", call_xml("event.from", api.session, ["SM"], self.now(), 3600.0).encode())
        api("session.logout")
        for connection in waiting:
            self.assert_fails("SESSION_INVALID", [api.session], read_answer, connection.read_response()[2])

    def test_object_deleted_while_somebody_waits_for_it(self):
        network = self.create_network()
        waiting = self.closed_at_end(Wire(self.stack.socket))
        waiting.send_request("POST", "/", call_xml("event.from", self.api.session, [f"network/{network}"], self.now(), 3600.0).encode())
        self.api("network.destroy", network)
        self.assertEqual(Batch(read_answer(waiting.read_response()[2])).told(), {("del", network)})

    def test_follower_ends_with_what_is_there(self):
        # By the token of each answer, whatever comes together and whatever apart.
        network = self.create_network()
        token = self.now()
        seen = []
        for number in range(1, 31):
            self.api("network.set_MTU", network, number)
            batch = self.batch(["network"], token, 0.0)
            token = batch.token
            seen += [event.record["MTU"] for event in batch.events]
        while seen[-1:] != [30]:
            batch = self.batch(["network"], token)
            token = batch.token
            seen += [event.record["MTU"] for event in batch.events]
        self.assertEqual(seen, sorted(set(seen)))
        self.api("network.destroy", network)

    def test_tokens_serve_other_sessions(self):
        token = self.now()
        network = self.create_network()
        self.assertEqual(self.batch(["network"], token, api=self.new_wire()).told(), {("add", network)})
        self.api("network.destroy", network)

    def test_dead_session_is_told_at_once(self):
        self.assert_fails("SESSION_INVALID", [NOBODY], self.api.raw, "event.from", NOBODY, ["*"], "", 10.0)


class CrowdTest(EventTest):
    """Many clients that wait, each by a connection of its own. tools/bench does it with ten times as many."""

    CLIENTS = 1000

    def wait_for(self, classes, token):
        """A connection over plain TCP with a call of event.from on its way."""
        connection = self.connect()
        connection.send_request("POST", "/", call_xml("event.from", self.api.session, classes, token, 3600.0).encode())
        return connection

    def threads(self):
        """Of the server."""
        return len(list(Path(f"/proc/{self.stack.processes['xylemd'].pid}/task").iterdir()))

    def test_all_who_wait_are_told_and_nobody_else(self):
        raise_descriptor_limit(self.CLIENTS * 2)
        network = self.create_network()
        token = self.now()
        self.api("network.get_all")
        threads = self.threads()
        others = [self.wait_for([f"network/{network}"], token) for _ in range(self.CLIENTS // 2)]
        waiting = [self.wait_for(["pool"], token) for _ in range(self.CLIENTS // 2)]
        pool = self.api("pool.get_all")[0]
        self.api("pool.set_name_description", pool, "told to many")
        for connection in waiting:
            self.assertEqual(Batch(read_answer(connection.read_response()[2])).told(), {("mod", pool)})
        self.assertLess(self.threads(), threads + 20)
        self.api("network.set_MTU", network, 9000)
        for connection in others:
            self.assertEqual(Batch(read_answer(connection.read_response()[2])).told(), {("mod", network)})
        self.api("network.destroy", network)


class InjectTest(EventTest):
    def test_injected_object_is_told_from_its_token(self):
        pool = self.api("pool.get_all")[0]
        token = self.api("event.inject", "pool", pool)
        self.assertRegex(token, TOKEN)
        batch = self.batch(["pool"], token)
        self.assertIn(pool, [event.ref for event in batch.events])
        self.assertGreater(batch.token, token)

    def test_injected_token_is_a_barrier(self):
        pool = self.api("pool.get_all")[0]
        before = self.now()
        token = self.api("event.inject", "pool", pool)
        self.assertGreater(token, before.rpartition(",")[0])
        self.assertGreater(self.batch(["pool"], before).token, token)

    def test_what_is_unknown_cannot_be_injected(self):
        pool = self.api("pool.get_all")[0]
        for name, ref in (("pool", NOBODY), ("Pool", pool), ("POOL", pool), ("no such", pool), ("session", self.api.session), ("", "")):
            self.assert_fails("HANDLE_INVALID", [name, ref], self.api, "event.inject", name, ref)


class NextTest(EventTest):
    def setUp(self):
        super().setUp()
        self.pool = self.api("pool.get_all")[0]

    def next_told(self, api=None):
        """{(operation, ref)} of event.next."""
        return {(event.operation, event.ref) for event in map(Event, (api or self.api)("event.next").content)}

    def test_next_needs_register(self):
        self.assert_fails("SESSION_NOT_REGISTERED", [self.api.session], self.api, "event.next")

    def test_registered_session_is_told(self):
        self.api("event.register", ["pool", "network"])
        number = self.api("event.get_current_id")
        self.api("pool.set_name_label", self.pool, "one")
        event = Event(self.api("event.next").content[0])
        self.assertEqual((event.operation, event.ref), ("mod", self.pool))
        self.assertGreaterEqual(int(event.id), number)
        self.assertGreater(float(event.timestamp), 0.0)

    def test_next_waits_for_a_change(self):
        self.api("event.register", ["pool"])
        waiting = self.closed_at_end(Wire(self.stack.socket))
        waiting.send_request("POST", "/", call_xml("event.next", self.api.session).encode())
        self.api("pool.set_name_description", self.pool, "while somebody waits")
        events = [Event(node) for node in read_answer(waiting.read_response()[2]).content]
        self.assertEqual(events[-1].record["name_description"], "while somebody waits")

    def test_registering_more_adds(self):
        self.api("event.register", ["network"])
        self.api("event.register", ["POOL"])
        network = self.create_network()
        self.api("pool.set_name_label", self.pool, "two")
        told = set()
        while len(told) < 2:
            told |= self.next_told()
        self.assertEqual(told, {("add", network), ("mod", self.pool)})
        self.api("network.destroy", network)

    def test_unregistered_class_is_told_no_more(self):
        self.api("event.register", ["pool", "network"])
        self.api("event.unregister", ["network"])
        network = self.create_network()
        self.api("pool.set_name_label", self.pool, "three")
        self.assertEqual(self.next_told(), {("mod", self.pool)})
        self.api("network.destroy", network)

    def test_unregistering_all_is_as_before(self):
        self.api("event.register", ["*"])
        self.api("event.unregister", ["*"])
        self.assert_fails("SESSION_NOT_REGISTERED", [self.api.session], self.api, "event.next")

    def test_sessions_have_queues_of_their_own(self):
        other = self.new_wire()
        self.api("event.register", ["pool"])
        self.assert_fails("SESSION_NOT_REGISTERED", [other.session], other, "event.next")

    def test_queue_that_runs_over_is_told_once(self):
        self.api("event.register", ["VM"])
        vm = self.api("VM.get_all")[0]
        # Each is one event; the queue holds some ten megabytes of them.
        for first in range(0, 3000, 50):
            for number in range(first, first + 50):
                self.api.send_request("POST", "/", call_xml("VM.set_name_description", self.api.session, vm, str(number)).encode())
            for _ in range(50):
                read_answer(self.api.read_response()[2])
        self.assert_fails("EVENTS_LOST", [], self.api, "event.next")
        self.api("event.unregister", ["VM"])
        self.api("event.register", ["VM"])
        self.api("VM.set_name_description", vm, "after all")
        self.assertEqual(self.next_told(), {("mod", vm)})

    def test_logout_wakes_next(self):
        api = self.new_wire()
        api("event.register", ["pool"])
        waiting = self.closed_at_end(Wire(self.stack.socket))
        waiting.send_request("POST", "/", call_xml("event.next", api.session).encode())
        api("session.logout")
        self.assert_fails("SESSION_INVALID", [api.session], read_answer, waiting.read_response()[2])

    def test_current_id_grows(self):
        before = self.api("event.get_current_id")
        self.api("pool.set_name_label", self.pool, f"after {before}")
        self.assertGreater(self.api("event.get_current_id"), before)


class RestartTest(EventTest):
    def check(self, kill):
        """What happened before the token is not told again, what happened after it is, over a restart."""
        before = self.create_network("before")
        gone = self.create_network("gone")
        token = self.now()
        changed = self.create_network("changed")
        self.api("network.destroy", gone)
        self.restart(kill)
        self.api = self.new_wire()
        later = self.create_network("later")
        batch = self.batch(["network"], token)
        self.assertEqual(batch.told(), {("add", changed), ("del", gone), ("add", later)})
        self.assertGreater(batch.token, token)
        for network in (before, changed, later):
            self.api("network.destroy", network)

    def test_tokens_outlive_a_restart(self):
        self.check(kill=False)

    def test_tokens_outlive_a_kill(self):
        self.check(kill=True)

    def test_tokens_never_go_back(self):
        tokens = []
        for kill in (True, False, True):
            tokens.append(self.now())
            self.restart(kill)
            self.api = self.new_wire()
        tokens.append(self.now())
        self.assertEqual(tokens, sorted(set(tokens)))

    def test_volatile_changes_before_a_kill_are_told_after_it(self):
        # Metrics and the like are not stored; a client that knew them must hear what they are now.
        token = self.now()
        self.restart(kill=True)
        self.api = self.new_wire()
        told = {event.event_class for event in self.batch(["*"], token).events}
        self.assertIn("host_metrics", told)


if __name__ == "__main__":
    case.main("api/event")
