#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Replies byte by byte, and the HTTP around them. Source: protocol notes 0, 1.1, 1.2 and 13."""

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


if __name__ == "__main__":
    case.main("api/wire")
