#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Replies byte by byte, and the HTTP around them. Source: protocol notes 0, 1.1, 1.2, 1.6 and 13."""

import contextlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import case  # noqa: E402
from wire import MESSAGES, Date, Xml, call_xml, failure_xml, success_xml  # noqa: E402
from xenapi_client import Client  # noqa: E402

SESSION = "OpaqueRef:00000000-0000-0000-0000-000000000000"
CALL = call_xml("session.get_uuid", SESSION, SESSION)
REFUSAL = failure_xml("SESSION_INVALID", SESSION).encode()


def value(text):
    """A <value>."""
    return f"<value>{text}</value>"


class BytesTest(case.ApiTest):
    """What a getter answers after a setter, exactly."""

    def reply(self, method, *params):
        """The whole body of an answer."""
        return self.api.post(call_xml(method, self.api.session, *params)).decode()

    def setUp(self):
        super().setUp()
        self.pool = self.api("pool.get_all")[0]
        self.host = self.api("host.get_all")[0]
        self.network = self.api("network.get_all")[0]

    def assert_round_trip(self, field, given, answered, of=None):
        """Setter's reply is void; getter's is @answered."""
        name, ref = of or ("network", self.network)
        self.assertEqual(self.reply(f"{name}.set_{field}", ref, given), success_xml(value("")))
        self.assertEqual(self.reply(f"{name}.get_{field}", ref), success_xml(answered))

    def test_string_has_no_tag(self):
        self.assert_round_trip("name_description", "a network", value("a network"))

    def test_tagged_string_is_taken(self):
        self.assert_round_trip("name_description", Xml("<value><string>tagged</string></value>"), value("tagged"))

    def test_empty_string_is_an_empty_value(self):
        for given in ("", Xml("<value/>"), Xml("<value><string/></value>"), Xml("<value><string></string></value>")):
            self.assert_round_trip("name_description", given, value(""))

    def test_special_characters_are_escaped(self):
        self.assert_round_trip("name_description", "<&>\"'", value("&lt;&amp;&gt;&quot;'"))

    def test_text_of_all_planes_comes_back(self):
        text = "ä ß € 𝄞 \u200b"
        self.assert_round_trip("name_description", text, value(text))

    def test_tab_and_line_feed_come_back(self):
        self.assert_round_trip("name_description", Xml(value("a\tb\nc")), value("a\tb\nc"))

    def test_white_space_around_text_is_kept(self):
        self.assert_round_trip("name_description", "  in the middle ", value("  in the middle "))

    def test_cdata_and_character_references_are_text(self):
        self.assert_round_trip("name_description", Xml(value("<![CDATA[<b>]]>&#65;&#x42;")), value("&lt;b&gt;AB"))

    def test_int_is_text(self):
        self.assert_round_trip("MTU", 1400, value("1400"))

    def test_int_is_taken_in_every_spelling(self):
        for tag in ("int", "i4", "i8"):
            self.assert_round_trip("MTU", Xml(value(f"<{tag}>1500</{tag}>")), value("1500"))

    def test_int_has_64_bits(self):
        for number in (2 ** 63 - 1, -(2 ** 63)):
            self.assert_round_trip("MTU", number, value(str(number)))

    def test_bool_is_tagged(self):
        self.assert_round_trip("policy_no_vendor_device", True, value("<boolean>1</boolean>"), ("pool", self.pool))
        self.assert_round_trip("policy_no_vendor_device", False, value("<boolean>0</boolean>"), ("pool", self.pool))

    def test_float_is_double(self):
        self.assertEqual(self.reply("task.get_progress", self.api("task.create", "label", "")), success_xml(value("<double>0</double>")))

    def test_float_has_sixteen_digits(self):
        task = self.api("task.create", "label", "")
        for given, answered in ((0.5, "0.5"), (0.1, "0.1"), (1 / 3, "0.3333333333333333"), (1, "1"), ("0.25", "0.25")):
            self.api("task.set_progress", task, given)
            self.assertEqual(self.reply("task.get_progress", task), success_xml(value(f"<double>{answered}</double>")))

    def test_datetime_has_no_hyphens(self):
        self.assertRegex(self.reply("host.get_servertime", self.host),
                         r"<member><name>Value</name><value><dateTime.iso8601>\d{8}T\d\d:\d\d:\d\dZ</dateTime.iso8601></value></member>")

    def test_never_is_1970(self):
        task = self.api("task.create", "label", "")
        never = value("<dateTime.iso8601>19700101T00:00:00Z</dateTime.iso8601>")
        self.assertEqual(self.reply("task.get_finished", task), success_xml(never))

    def test_dates_are_taken_in_every_spelling(self):
        for given in (Date("20230305T18:18:29Z"), Date("2023-03-05T18:18:29Z"), "20230305T18:18:29Z", Date("20230305T18:18:29")):
            self.assertEqual(self.reply("message.get_since", given), success_xml(value("<struct></struct>")))

    def test_ref_is_text(self):
        self.assertEqual(self.reply("pool.get_master", self.pool), success_xml(value(self.host)))

    def test_unset_ref_is_null(self):
        self.assertEqual(self.reply("pool.get_crash_dump_SR", self.pool), success_xml(value("OpaqueRef:NULL")))

    def test_empty_ref_is_taken_for_null(self):
        self.assert_round_trip("default_SR", "", value("OpaqueRef:NULL"), ("pool", self.pool))

    def test_enum_is_text(self):
        self.assertEqual(self.reply("network.get_default_locking_mode", self.network), success_xml(value("unlocked")))

    def test_set_is_an_array(self):
        self.assert_round_trip("tags", ["b", "a"], value("<array><data><value>b</value><value>a</value></data></array>"))

    def test_empty_set_has_data(self):
        for given in ([], Xml(value("<array/>"))):
            self.assert_round_trip("tags", given, value("<array><data></data></array>"))

    def test_map_is_a_struct(self):
        self.assert_round_trip("other_config", {"key": "<value>"},
                               value("<struct><member><name>key</name><value>&lt;value&gt;</value></member></struct>"))

    def test_map_keys_are_escaped(self):
        self.assert_round_trip("other_config", {"<&>": ""},
                               value("<struct><member><name>&lt;&amp;&gt;</name><value></value></member></struct>"))

    def test_empty_map_is_an_empty_struct(self):
        for given in ({}, Xml(value("<struct/>"))):
            self.assert_round_trip("other_config", given, value("<struct></struct>"))

    def test_failure_is_an_array_of_strings(self):
        self.assertEqual(self.reply("network.get_MTU", "<x>"), failure_xml("HANDLE_INVALID", "network", "<x>"))

    def test_call_may_have_white_space_between_tags(self):
        spaced = CALL.replace("><", ">\n  <")
        self.assertEqual(self.connect().post(spaced), REFUSAL)

    def test_call_without_declaration_is_taken(self):
        self.assertEqual(self.connect().post(CALL.partition("?>")[2]), REFUSAL)

    def test_method_list_is_bare_and_needs_no_session(self):
        body = self.connect().post(call_xml("system.listMethods")).decode()
        self.assertTrue(body.startswith('<?xml version="1.0"?><methodResponse><params><param><value><array><data><value>'), body[:100])
        self.assertIn("<value>VM.start</value>", body)
        self.assertNotIn("Async.", body)

    def test_method_list_has_every_message(self):
        body = self.connect().post(call_xml("system.listMethods")).decode()
        missing = [name for name in MESSAGES if f"<value>{name}</value>" not in body]
        self.assertEqual(missing, [])


class HttpTest(case.ApiTest):
    def post(self, headers=("Content-Type: text/xml",), version="1.1", path="/", connection=None):
        """(status line, {lower-case name: value}, body) of a refused call's answer."""
        first, headers, body = (connection or self.connect()).request("POST", path, CALL.encode(), headers, version)
        return first, {name.lower(): text for name, text in headers}, body

    def test_headers_are_those_that_clients_compare(self):
        first, headers, body = self.post()
        self.assertEqual(first, "HTTP/1.1 200 OK")
        wanted = {"content-type": "text/xml", "content-length": str(len(body)), "access-control-allow-origin": "*",
                  "access-control-allow-headers": "X-Requested-With", "cache-control": "no-cache, no-store"}
        self.assertEqual({name: headers.get(name) for name in wanted}, wanted)
        self.assertEqual(body, REFUSAL)

    def test_any_path_is_xml_rpc(self):
        for path in ("/", "/xmlrpc", "/RPC2", "/a/b?c=d", "/json"):
            self.assertEqual(self.post(path=path)[2], REFUSAL, path)

    def test_content_type_of_a_request_does_not_matter(self):
        for headers in ((), ("Content-Type: text/xml; charset=utf-8",), ("content-type: application/x-www-form-urlencoded",)):
            self.assertEqual(self.post(headers)[2], REFUSAL, headers)

    def test_connection_is_kept_by_http_1_1(self):
        connection = self.connect()
        for _ in range(3):
            self.assertEqual(self.post(connection=connection)[2], REFUSAL)

    def test_connection_is_ended_when_asked(self):
        connection = self.connect()
        self.assertEqual(self.post(("Connection: close",), connection=connection)[2], REFUSAL)
        self.assertTrue(connection.is_ended())

    def test_connection_is_ended_by_http_1_0(self):
        connection = self.connect()
        first, _, body = self.post(version="1.0", connection=connection)
        self.assertRegex(first, r"^HTTP/1\.[01] 200 OK$")
        self.assertEqual(body, REFUSAL)
        self.assertTrue(connection.is_ended())

    def test_connection_is_kept_by_http_1_0_when_asked(self):
        connection = self.connect()
        for _ in range(2):
            self.assertEqual(self.post(("Connection: Keep-Alive",), "1.0", connection=connection)[2], REFUSAL)

    def test_requests_may_be_sent_ahead(self):
        connection = self.connect()
        for _ in range(5):
            connection.send_request("POST", "/", CALL.encode())
        self.assertEqual([connection.read_response()[2] for _ in range(5)], [REFUSAL] * 5)

    def test_header_names_are_in_any_case(self):
        connection = self.connect()
        connection.send(f"POST / HTTP/1.1\r\nhOST: x\r\ncONTENT-lENGTH: {len(CALL)}\r\n\r\n{CALL}".encode())
        self.assertEqual(connection.read_response()[2], REFUSAL)

    def test_lines_may_end_with_line_feeds(self):
        connection = self.connect()
        connection.send(f"POST / HTTP/1.1\nHost: x\nContent-Length: {len(CALL)}\n\n{CALL}".encode())
        self.assertEqual(connection.read_response()[2], REFUSAL)

    def test_body_may_come_in_pieces(self):
        connection = self.connect()
        connection.send(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(CALL)}\r\n\r\n".encode())
        for byte in CALL.encode():
            connection.send(bytes([byte]))
        self.assertEqual(connection.read_response()[2], REFUSAL)

    def test_expecting_client_is_told_to_continue_or_answered(self):
        connection = self.connect()
        connection.send_request("POST", "/", CALL.encode(), ("Expect: 100-continue",))
        first, _, body = connection.read_response()
        while first.startswith("HTTP/1.1 100"):
            first, _, body = connection.read_response()
        self.assertEqual(body, REFUSAL)

    def test_unknown_http_method_is_501(self):
        for method in ("BREW", "get"):
            first, _, _ = self.connect().request(method, "/")
            self.assertTrue(first.startswith("HTTP/1.1 501 "), first)

    def test_known_method_without_a_route_is_403(self):
        first, _, _ = self.connect().request("PUT", "/nothing", None, ("Content-Length: 0",))
        self.assertTrue(first.startswith("HTTP/1.1 403 ") or first.startswith("HTTP/1.1 501 "), first)

    def test_post_without_length_is_411(self):
        connection = self.connect()
        connection.send(b"POST / HTTP/1.0\r\nHost: x\r\n\r\n")
        self.assertRegex(connection.read_response()[0], r"^HTTP/1\.[01] 411 ")

    def test_options_lets_other_origins_call(self):
        for path in ("/", "/json", "/jsonrpc"):
            for asked, allowed in ((("Access-Control-Request-Headers: content-type, X-A",), "content-type, X-A, X-Requested-With"),
                                   ((), "X-Requested-With")):
                first, headers, body = self.connect().request("OPTIONS", path, None, asked)
                self.assertEqual((first, body), ("HTTP/1.1 200 OK", b""))
                wanted = {"access-control-allow-origin": "*", "access-control-allow-headers": allowed,
                          "access-control-allow-methods": "PUT"}
                self.assertEqual({name.lower(): value for name, value in headers if name.lower() in wanted}, wanted)

    def test_the_unix_socket_answers_the_same(self):
        connection = self.closed_at_end(case.wire.Connection(self.stack.socket))
        self.assertEqual(self.post(connection=connection)[2], REFUSAL)

    def test_the_tls_port_answers_the_same(self):
        client = Client(port=self.stack.ports()["tls"], tls=True)
        self.addCleanup(client.close)
        self.assertEqual(client.post("/", "text/xml", CALL.encode()), REFUSAL)


class NamesTest(case.ApiTest):
    def test_underscores_stand_for_the_dot(self):
        pool = self.api("pool.get_all")[0]
        for method in ("pool_get_master", "pool.get_master"):
            self.assertEqual(self.api.raw(method, self.api.session, pool).content, self.api("host.get_all")[0])

    def test_login_has_an_underscore_name_too(self):
        session = self.api.raw("session_login_with_password", "root", "").content
        self.assertEqual(self.api.raw("session_logout", session).content, "")

    def test_event_from_has_an_underscore_name_too(self):
        batch = self.api.raw("event_from", self.api.session, ["pool"], "", 5.0)
        self.assertEqual(len(batch.content["events"].content), 1)

    def test_is_alive_gives_its_parameter_back_without_a_session(self):
        for method in ("system.isAlive:", "system.isAlive:a name"):
            self.assertEqual(self.api.raw(method, "here <I> am").content, "here <I> am")
            self.assertEqual(self.api.raw(method, ["a", "b"], "more").xml(),
                             "<value><array><data><value>a</value><value>b</value></data></array></value>")
            self.assert_fails("MESSAGE_PARAMETER_COUNT_MISMATCH", [method, 1, 0], self.api.raw, method)
        self.assert_fails("MESSAGE_METHOD_UNKNOWN", ["system.isAlive"], self.api.raw, "system.isAlive", self.api.session)

    def test_names_of_classes_are_exact(self):
        self.assert_fails("MESSAGE_METHOD_UNKNOWN", ["Pool.get_all"], self.api.raw, "Pool.get_all", self.api.session)
        self.assert_fails("MESSAGE_METHOD_UNKNOWN", ["vm.get_all"], self.api.raw, "vm.get_all", self.api.session)


class JsonTest(case.ApiTest):
    def ask(self, text, connection=None):
        """(what the reply says, its content type) to a body."""
        body = text if isinstance(text, str) else json.dumps(text)
        first, headers, reply = (connection or self.connect()).request("POST", "/jsonrpc", body.encode())
        self.assertEqual(first, "HTTP/1.1 200 OK")
        self.assertEqual({name.lower(): value for name, value in headers}["content-type"], "application/json")
        return json.loads(reply)

    def call(self, method, *params, version=2, number=0):
        """The whole reply to a call."""
        request = {"method": method, "params": list(params), "id": number}
        return self.ask(request | ({"jsonrpc": "2.0"} if version == 2 else {}))

    def test_success_has_the_shape_of_its_version(self):
        pools = self.api("pool.get_all")
        self.assertEqual(self.call("pool.get_all", self.api.session), {"jsonrpc": "2.0", "result": pools, "id": 0})
        self.assertEqual(self.call("pool.get_all", self.api.session, version=1), {"result": pools, "error": None, "id": 0})

    def test_failure_has_the_shape_of_its_version(self):
        self.assertEqual(self.call("VM.get_uuid", self.api.session, "x"),
                         {"jsonrpc": "2.0", "error": {"code": 1, "message": "HANDLE_INVALID", "data": ["VM", "x"]}, "id": 0})
        self.assertEqual(self.call("VM.get_uuid", self.api.session, "x", version=1),
                         {"result": None, "error": ["HANDLE_INVALID", "VM", "x"], "id": 0})

    def test_id_comes_back_with_its_type(self):
        for number in (7, 2 ** 40, "seven", ""):
            self.assertEqual(self.call("system.isAlive:x", True, number=number), {"jsonrpc": "2.0", "result": True, "id": number})

    def test_values_are_those_of_json(self):
        network = self.api("network.create", {"name_label": "ü\n", "name_description": "", "MTU": 1400, "other_config": {"k": "v"},
                                              "tags": ["t"]})
        self.addCleanup(self.api, "network.destroy", network)
        record = self.call("network.get_record", self.api.session, network)["result"]
        self.assertEqual([record[key] for key in ("name_label", "MTU", "other_config", "tags", "VIFs", "managed")],
                         ["ü\n", 1400, {"k": "v"}, ["t"], [], True])
        self.assertEqual(self.call("network.get_all_records", self.api.session)["result"][network], record)
        self.assertEqual(self.call("network.set_MTU", self.api.session, network, "1500")["result"], "")
        self.assertEqual(self.call("network.get_MTU", self.api.session, network)["result"], 1500)

    def test_method_list_is_a_result(self):
        self.assertIn("VM.start", self.call("system.listMethods")["result"])

    def test_what_is_no_json_is_a_parse_error(self):
        for text in ("", "{", "hello", "<methodCall/>", "\0", "[1,"):
            reply = self.ask(text)
            self.assertEqual([reply["jsonrpc"], reply["error"]["code"], reply["error"]["message"], reply["id"]],
                             ["2.0", -32700, "Parse error", None], text)

    def test_what_is_no_call_is_an_invalid_request(self):
        good = {"jsonrpc": "2.0", "method": "pool.get_all", "params": [], "id": 1}
        for bad in ([], "x", 1, None, [good]):
            self.assertEqual(self.ask(json.dumps(bad))["error"]["code"], -32600, bad)
        for key, value in (("id", None), ("id", {}), ("method", 1), ("params", {}), ("params", "x")):
            reply = self.ask(good | {key: value})
            self.assertEqual((reply["error"]["code"], reply["id"]), (-32600, None if key == "id" else 1), (key, value))
        for key in ("id", "method", "params"):
            self.assertEqual(self.ask({name: value for name, value in good.items() if name != key})["error"]["code"], -32600, key)

    def test_first_version_is_told_in_its_own_shape(self):
        reply = self.ask({"method": "pool.get_all", "id": 5})
        self.assertEqual((reply["result"], reply["error"][0], reply["id"]), (None, "INTERNAL_ERROR", 5))

    def test_connection_serves_on_after_nonsense(self):
        connection = self.connect()
        self.ask("{", connection)
        self.assertEqual(self.ask({"method": "system.isAlive:x", "params": [1], "id": 1}, connection)["result"], 1)

    def test_browsers_may_call(self):
        _, headers, _ = self.connect().request("POST", "/jsonrpc", b"{}")
        self.assertEqual({name.lower(): value for name, value in headers}["access-control-allow-origin"], "*")


class TaskHeaderTest(case.ApiTest):
    def call(self, method, *params, **headers):
        """The text of the answer to a call with headers."""
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return self.api.post(call_xml(method, self.api.session, *params), headers=("Content-Type: text/xml", *lines)).decode()

    def new_task(self):
        """A pending one."""
        return self.api("task.create", "given", "")

    def test_call_runs_as_the_given_task_and_ends_it(self):
        task, network = self.new_task(), self.api("network.get_all")[0]
        self.assertEqual(self.call("network.add_purpose", network, "nbd", task_id=task), success_xml(value("")))
        record = self.api("task.get_record", task)
        self.assertEqual((record["status"], record["result"], record["progress"]), ("success", "<value></value>", 1.0))

    def test_reads_and_writes_run_as_the_given_task_too(self):
        [pool] = self.api("pool.get_all")
        for method, params, result in (("pool.get_all", (), pool), ("pool.set_name_label", (pool, "p"), "<value></value>")):
            task = self.new_task()
            self.call(method, *params, task_id=task)
            record = self.api("task.get_record", task)
            self.assertEqual(record["status"], "success", method)
            self.assertIn(result, record["result"])

    def test_given_task_learns_of_a_failure(self):
        task = self.new_task()
        self.assertEqual(self.call("VM.start", "OpaqueRef:x", False, False, task_id=task),
                         failure_xml("HANDLE_INVALID", "VM", "OpaqueRef:x"))
        record = self.api("task.get_record", task)
        self.assertEqual((record["status"], record["error_info"]), ("failure", ["HANDLE_INVALID", "VM", "OpaqueRef:x"]))

    def test_async_call_is_the_given_task(self):
        task = self.new_task()
        network = self.api("network.get_all")[0]
        self.assertEqual(self.call("Async.network.remove_purpose", network, "nbd", task_id=task), success_xml(value(task)))

    def test_task_that_is_none_fails_the_call(self):
        pool = self.api("pool.get_all")[0]
        self.assertEqual(self.call("pool.set_name_label", pool, "changed", task_id=SESSION), failure_xml("HANDLE_INVALID", "task", SESSION))
        self.assertNotEqual(self.api("pool.get_name_label", pool), "changed")
        task = self.new_task()
        self.api("task.set_status", task, "success")
        self.assertIn("OPERATION_NOT_ALLOWED", self.call("pool.get_all", task_id=task))

    def test_parent_is_that_of_the_header(self):
        parent, network = self.new_task(), self.api("network.get_all")[0]
        body = self.call("Async.network.add_purpose", network, "nbd", subtask_of=parent)
        [child] = [ref for ref in self.api("task.get_all") if ref in body]
        self.assertEqual(self.api("task.get_subtask_of", child), parent)
        self.assertIn(child, self.api("task.get_subtasks", parent))

    def test_parent_that_is_gone_is_no_hindrance(self):
        network = self.api("network.get_all")[0]
        self.assertEqual(self.call("network.add_purpose", network, "nbd", subtask_of=SESSION), success_xml(value("")))


class WhereTest(case.ApiTest):
    """get_all_where and get_all_records_where, with values as the peer's database spells them."""

    def setUp(self):
        super().setUp()
        record = {"name_label": "", "name_description": "", "MTU": 1500, "other_config": {}, "tags": []}
        self.one = self.api("network.create", record | {"name_label": "one", "other_config": {"k": "it's", "l": ""}, "tags": ["a", "b c"]})
        self.two = self.api("network.create", record | {"name_label": "two", "MTU": 9000})
        for network in (self.one, self.two):
            self.addCleanup(self.api, "network.destroy", network)

    def found(self, expression):
        """Which of both, by each of the messages."""
        refs = self.api("network.get_all_where", expression)
        records = self.api("network.get_all_records_where", expression)
        self.assertEqual(sorted(refs), sorted(records))
        return [ref for ref in (self.one, self.two) if ref in refs]

    def test_fields_of_every_type_are_compared(self):
        for expression in ('field "name__label" = "one"', 'field "name_label" = "one"', 'field "tags" = "(\'a\' \'b c\')"',
                           'field "other_config" = "((\'k\' \'it\\\'s\') (\'l\' \'\'))"',
                           f'field "uuid" = "{self.api("network.get_uuid", self.one)}"'):
            self.assertEqual(self.found(expression), [self.one], expression)
        for expression in ('field "MTU" = "9000"', 'field "name__label" = "two" and field "tags" = "()"'):
            self.assertEqual(self.found(expression), [self.two], expression)
        self.assertEqual(self.found('field "managed" = "true"'), [self.one, self.two])

    def test_operators_go_from_left_to_right(self):
        one, two = 'field "name__label" = "one"', 'field "name__label" = "two"'
        for expression, found in ((f"{one} or {two}", [self.one, self.two]), (f"{one} and {two}", []),
                                  (f"true or {one} and {two}", [self.two]),
                                  (f"true or ({one} and {two})", [self.one, self.two]), (f"not {one} and not false", [self.two]),
                                  ("false", []), ("true", [self.one, self.two]), ('"a"="a"', [self.one, self.two])):
            self.assertEqual(self.found(expression), found, expression)

    def test_references_are_compared_as_text(self):
        host = self.api("host.get_all")[0]
        self.assertEqual(self.api("PIF.get_all_where", f'field "host" = "{host}"'), self.api("PIF.get_all"))

    def test_bad_text_is_named_with_a_reason(self):
        for expression in ("", "maybe", 'field "nosuch" = "x"', '"a" =', "(true", "true and", 'field "MTU" = 9000'):
            for message in ("get_all_where", "get_all_records_where"):
                with self.assertRaises(case.wire.ApiFailure) as caught:
                    self.api(f"network.{message}", expression)
                self.assertEqual((caught.exception.code, caught.exception.params[0]), ("INVALID_VALUE", expression))
                self.assertEqual(len(caught.exception.params), 2)
                self.assertTrue(caught.exception.params[1])


class LimitTest(case.ApiTest):
    """What is too long is refused, and the server serves on. Silence is timed out in the unit tests, which can make the time short."""

    def status(self, data):
        """What a connection of its own is answered; None if it is ended without."""
        connection = self.connect()
        with contextlib.suppress(ConnectionError):  # it may be ended before all is sent, and is answered all the same
            connection.send(data)
        response = connection.read_response()
        return response and int(response[0].split()[1])

    def test_header_of_moderate_length_is_read(self):
        first, _, body = self.connect().request("POST", "/", CALL.encode(), (f"X-Long: {'x' * 4000}",))
        self.assertEqual((first, body), ("HTTP/1.1 200 OK", REFUSAL))

    def test_header_that_is_too_long_is_431(self):
        self.assertIn(self.status(f"POST / HTTP/1.1\r\nHost: x\r\nX-Long: {'x' * 100_000}\r\n\r\n".encode()), (431,))
        self.assertIn(self.status(f"GET /{'x' * 100_000} HTTP/1.1\r\nHost: x\r\n\r\n".encode()), (414,))
        self.assertEqual(self.connect().post(CALL), REFUSAL)

    def test_bodies_are_bounded_on_both_routes(self):
        for path in ("/", "/jsonrpc", "/anything"):
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {300 * 1024 + 1}\r\n\r\n"
            self.assertEqual(self.status(head.encode()), 413, path)

    def test_method_without_a_route_is_501_and_a_path_without_one_403(self):
        for request, status in (("DELETE /", 501), ("PATCH /blob", 501), ("PUT /", 403), ("PUT /nothing", 403),
                                ("CONNECT /", 403)):
            self.assertEqual(self.status(f"{request} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()), status, request)


if __name__ == "__main__":
    case.main("api/wire")
