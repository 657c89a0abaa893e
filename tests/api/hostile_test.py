#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients that send nonsense, too much, too slowly or nothing: each gets a clear answer or its end, and nobody else notices."""

import selectors
import socket
import struct
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import case  # noqa: E402
from wire import ApiFailure, Connection, Wire, Xml, call_xml, read_answer  # noqa: E402

BODY_MAX = 300 * 1024  # Source: protocol notes 0
DEPTH_MAX = 64
CALL = call_xml("session.get_uuid", "x", "x")


def nested(depth, opening, closing):
    """A call with a value of so many levels."""
    return call_xml("network.set_tags", "x", "x", Xml(f"{opening * depth}<value>x</value>{closing * depth}"))


ARRAY = ("<value><array><data>", "</data></array></value>")
STRUCT = ("<value><struct><member><name>a</name>", "</member></struct></value>")

MALFORMED = {
    "empty": "",
    "white_space": " \n\t ",
    "no_xml": "hello",
    "json": '{"jsonrpc":"2.0","method":"pool.get_all","params":[],"id":1}',
    "truncated": CALL[:-20],
    "truncated_in_a_tag": CALL[:60],
    "truncated_declaration": '<?xml version="1.0',
    "two_documents": CALL + CALL,
    "text_after_the_end": CALL + "x",
    "text_before_the_start": "x" + CALL,
    "wrong_root": CALL.replace("methodCall", "methodResponse"),
    "unknown_element": CALL.replace("params>", "parameters>"),
    "crossed_tags": CALL.replace("</methodName>", "").replace("</params>", "</params></methodName>"),
    "no_method_name": "<methodCall><params></params></methodCall>",
    "empty_method_name": "<methodCall><methodName></methodName></methodCall>",
    "two_method_names": "<methodCall><methodName>a.b</methodName><methodName>c.d</methodName></methodCall>",
    "param_without_value": "<methodCall><methodName>a.b</methodName><params><param></param></params></methodCall>",
    "two_values_in_a_param": CALL.replace("</value></param>", "</value><value/></param>", 1),
    "two_types_in_a_value": CALL.replace("<value>x</value>", "<value><int>1</int><int>2</int></value>", 1),
    "text_beside_a_type": CALL.replace("<value>x</value>", "<value>x<int>1</int></value>", 1),
    "member_without_name": call_xml("a.b", Xml("<value><struct><member><value/></member></struct></value>")),
    "member_without_value": call_xml("a.b", Xml("<value><struct><member><name>x</name></member></struct></value>")),
    "document_type": CALL.replace("<methodCall>", '<!DOCTYPE methodCall SYSTEM "file:///etc/passwd"><methodCall>'),
    "entity": CALL.replace("<methodCall>", '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><methodCall>').replace("x</", "&e;</", 1),
    "undefined_entity": CALL.replace("x</value>", "&nbsp;</value>", 1),
    "zero_character_reference": CALL.replace("x</value>", "&#0;</value>", 1),
    "unknown_encoding": CALL.replace('"1.0"?', '"1.0" encoding="no-such"?'),
    "processing_instruction": CALL.replace("<params>", "<?php run() ?><params>"),
}


class MalformedTest(case.ApiTest):
    def assert_refused(self, body, code="INTERNAL_ERROR"):
        """An ordinary failure, and the connection serves on."""
        connection = self.connect()
        with self.assertRaises(ApiFailure) as caught:
            read_answer(connection.post(body))
        self.assertEqual(caught.exception.code, code, caught.exception)
        self.assertNotIn("root:", str(caught.exception))
        with self.assertRaises(ApiFailure) as caught:
            read_answer(connection.post(CALL))
        self.assertEqual(caught.exception.code, "SESSION_INVALID")

    def test_malformed_calls_are_failures_that_end_nothing(self):
        for name, body in MALFORMED.items():
            with self.subTest(name):
                self.assert_refused(body)

    def test_a_call_without_params_is_a_call(self):
        self.assertIn("<value>VM.start</value>", self.connect().post(
            "<methodCall><methodName> system.listMethods </methodName></methodCall>").decode())

    def test_exponential_entities_are_refused(self):
        entities = '<!ENTITY l0 "lol">' + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
        self.assert_refused(CALL.replace("<methodCall>", f"<!DOCTYPE a [{entities}]><methodCall>").replace("x</", "&l9;</", 1))

    def test_long_entities_are_refused(self):
        entity = f'<!DOCTYPE a [<!ENTITY e "{"x" * 50000}">]><methodCall>'
        self.assert_refused(CALL.replace("<methodCall>", entity).replace("x</", "&e;" * 10000 + "</", 1))

    def test_deep_values_are_refused(self):
        for opening, closing in (ARRAY, STRUCT, ("<value>", "</value>")):
            for depth in (DEPTH_MAX, 1000, 3000):
                self.assert_refused(nested(depth, opening, closing))

    def test_deep_values_that_never_end_are_refused(self):
        for opening, _ in (ARRAY, STRUCT, ("<value>", "")):
            self.assert_refused(nested(5000, opening, "")[:-100])

    def test_values_just_not_too_deep_are_read(self):
        with self.assertRaises(ApiFailure) as caught:
            read_answer(self.connect().post(nested(DEPTH_MAX - 2, *ARRAY)))
        self.assertIn(caught.exception.code, ("SESSION_INVALID", "INTERNAL_ERROR"))
        self.assertNotIn("deep", str(caught.exception))

    def test_bytes_that_are_no_utf8_are_an_invalid_value(self):
        for wrong in (b"\0", b"\xff", b"\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xe2\x82"):
            self.assert_refused(CALL.encode().replace(b">x<", b">" + wrong + b"<", 1), "INVALID_VALUE")

    def test_control_characters_are_refused(self):
        for wrong in ("\x01", "\x08", "\x1f", "\ufffe"):
            self.assert_refused(CALL.replace(">x<", f">{wrong}<", 1))

    def test_other_encodings_are_refused_or_read_right(self):
        network = self.api("network.get_all")[0]
        text = '<?xml version="1.0" encoding="ISO-8859-1"?>' + call_xml("network.set_name_description", self.api.session, network, "\u00e4")
        body = text.replace('<?xml version="1.0"?>', "").encode("iso-8859-1")
        try:
            read_answer(self.connect().post(body))
        except ApiFailure:
            return
        self.assertEqual(self.api("network.get_name_description", network), "\u00e4")

    def test_many_values_are_read(self):
        network = self.api("network.get_all")[0]
        tags = [str(number) for number in range(10000)]
        self.api("network.set_tags", network, tags)
        self.assertEqual(self.api("network.get_tags", network), tags)
        self.api("network.set_tags", network, [])

    def test_many_attributes_and_long_names_are_refused(self):
        self.assert_refused(CALL.replace("<params>", "<params " + " ".join(f'a{n}="{n}"' for n in range(10000)) + ">"), "SESSION_INVALID")
        self.assert_refused(CALL.replace("<params>", "<p" + "x" * 200000 + ">"))


class SizeTest(case.ApiTest):
    def padded(self, size):
        """A call of exactly so many bytes."""
        return CALL.replace("</value>", " " * (size - len(CALL)) + "</value>", 1)

    def test_largest_body_is_read(self):
        with self.assertRaises(ApiFailure) as caught:
            read_answer(self.connect().post(self.padded(BODY_MAX)))
        self.assertEqual(caught.exception.code, "SESSION_INVALID")

    def assert_413(self, response):
        """Too large, and no more on this connection."""
        self.assertTrue(response[0].startswith("HTTP/1.1 413 "), response[0])

    def test_body_of_a_mebibyte_is_413(self):
        connection = self.connect()
        connection.send(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {1 << 20}\r\n\r\n".encode())
        self.assert_413(connection.read_response())

    def test_body_of_one_byte_too_many_is_413(self):
        connection = self.connect()
        connection.send(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {BODY_MAX + 1}\r\n\r\n".encode())
        self.assert_413(connection.read_response())

    def test_client_that_sends_on_is_told(self):
        connection = self.connect()
        sender = threading.Thread(target=self.send_quietly, args=(connection, self.padded(1 << 20)))
        sender.start()
        response = connection.read_response()
        sender.join()
        self.assert_413(response)

    @staticmethod
    def send_quietly(connection, body):
        """The server may end the connection meanwhile."""
        try:
            connection.send_request("POST", "/", body.encode())
        except OSError:
            pass

    def test_chunked_body_is_bounded_too(self):
        connection = self.connect()
        connection.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        sender = threading.Thread(target=self.send_chunks, args=(connection, chunk * 16 + b"0\r\n\r\n"))
        sender.start()
        response = connection.read_response()
        sender.join()
        if response is not None:  # ended is fine, too
            self.assert_413(response)

    @staticmethod
    def send_chunks(connection, data):
        """As above."""
        try:
            connection.send(data)
        except OSError:
            pass

    def test_lengths_that_are_none_are_refused(self):
        for length in ("-1", "x", "18446744073709551616", "99999999999999999999999", "1 2", "+5"):
            connection = self.connect()
            connection.send(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{CALL}".encode())
            response = connection.read_response()
            if response is not None:
                self.assertRegex(response[0], r"^HTTP/1\.[01] 4\d\d ", length)

    def test_long_header_is_refused(self):
        connection = self.connect()
        try:
            connection.send(b"POST / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 1000000 + b"\r\n\r\n")
            response = connection.read_response()
        except OSError:
            return
        if response is not None:
            self.assertRegex(response[0], r"^HTTP/1\.[01] 4\d\d ")

    def test_bytes_that_are_no_http_are_answered_or_ended(self):
        for data in (b"GET\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n", b"\x16\x03\x01 x \n\n", b": / :\r\n\r\n"):
            connection = self.connect()
            connection.send(data)
            response = connection.read_response()
            self.assertTrue(response is None or response[0].startswith("HTTP/1."), data)

    def test_bytes_without_an_end_block_nobody(self):
        # They are ended when they have been silent for a while.
        for data in (b"\0" * 1000, b"\x16\x03\x01\x02\x00\x01\x00" + b"\0" * 100, b"XenSource thin CLI protocol\0\0\0\0\2\0\0\0"):
            self.connect().send(data)
        with self.assertRaises(ApiFailure):
            read_answer(self.connect().post(CALL))

    def test_plain_http_on_the_tls_port_ends(self):
        connection = self.closed_at_end(Connection(("127.0.0.1", self.stack.ports()["tls"])))
        connection.send_request("POST", "/", CALL.encode())
        while connection.receive():  # an alert perhaps, then the end
            pass
        self.assertNotIn(b"HTTP/1", connection.buffer)


class CrowdTest(case.ApiTest):
    def setUp(self):
        super().setUp()
        self.pool = self.api("pool.get_all")[0]

    def assert_serves(self):
        """A new client gets its answer."""
        self.assertEqual(self.tcp_wire()("pool.get_all"), [self.pool])

    def test_silent_connections_block_nobody(self):
        silent = [self.connect() for _ in range(100)]
        self.assert_serves()
        self.assertEqual(len(silent), 100)

    def test_half_sent_requests_block_nobody(self):
        half = CALL[:len(CALL) // 2].encode()
        for start in (b"P", b"POST / HT", b"POST / HTTP/1.1\r\nHost: x\r\n",
                      b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(CALL) + half):
            for _ in range(20):
                self.connect().send(start)
        self.assert_serves()

    def test_clients_that_do_not_read_block_nobody(self):
        self.api("network.set_tags", self.api("network.get_all")[0], [str(number) for number in range(10000)])
        request = call_xml("network.get_all_records", self.api.session).encode()
        for _ in range(20):
            connection = self.connect()
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            for _ in range(3):
                connection.send_request("POST", "/", request)
        self.assert_serves()

    def test_half_closed_clients_are_answered(self):
        for _ in range(50):
            connection = self.connect()
            connection.send_request("POST", "/", CALL.encode())
            connection.socket.shutdown(socket.SHUT_WR)
            self.assertIn(b"SESSION_INVALID", connection.read_response()[2])
        self.assert_serves()

    def test_clients_that_reset_block_nobody(self):
        for _ in range(50):
            connection = self.connect()
            connection.send_request("POST", "/", call_xml("event.from", self.api.session, [], "", 60.0).encode())
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        self.assert_serves()

    def test_waiting_clients_block_nobody(self):
        token = self.api("event.from", ["pool"], "", 10.0).content["token"].content
        waiting = [self.connect() for _ in range(100)]
        for connection in waiting:
            connection.send_request("POST", "/", call_xml("event.from", self.api.session, ["pool"], token, 60.0).encode())
        self.assert_serves()
        self.api("pool.set_name_label", self.pool, "new")
        for connection in waiting:
            self.assertIn(b"<value>new</value>", connection.read_response()[2])

    def test_two_hundred_clients_are_answered_at_once(self):
        body = call_xml("pool.get_all", self.api.session).encode()
        wanted = self.api.post(body)
        crowd = selectors.DefaultSelector()
        self.addCleanup(crowd.close)
        for _ in range(200):
            connection = self.connect()
            crowd.register(connection.socket, selectors.EVENT_READ, connection)
        for key in crowd.get_map().values():
            key.data.send_request("POST", "/", body)
        answers = [key.data.read_response()[2] for key in crowd.get_map().values()]
        self.assertEqual(answers, [wanted] * 200)

    def test_parallel_writers_lose_nothing(self):
        network = self.api("network.get_all")[0]
        failures = []

        def write(worker):
            try:
                client = Wire(self.stack.socket, self.api.session)
                for number in range(10):
                    client("network.add_to_other_config", network, f"{worker}-{number}", "x")
                client.close()
            except Exception as error:  # pylint: disable=broad-exception-caught
                failures.append(error)

        workers = [threading.Thread(target=write, args=(worker,)) for worker in range(20)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertEqual(failures, [])
        self.assertEqual(set(self.api("network.get_other_config", network)) & {f"{w}-{n}" for w in range(20) for n in range(10)},
                         {f"{w}-{n}" for w in range(20) for n in range(10)})


if __name__ == "__main__":
    case.main("api/hostile")
