#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""xe's protocol from outside: conversations whose bytes are pinned, written down here a second time from its description, and
clients that break it."""

import socket
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

import tap  # noqa: E402
from server import ServerTest  # noqa: E402
from xenapi_client import connect_unix  # noqa: E402

GREETING = b"XenSource thin CLI protocol" + struct.pack("<ii", 0, 2)
SECONDS = 30
BAD_UUID = "11111111-2222-3333-4444-555555555555"

COMMAND, RESPONSE, BLOB = 9, 10, 11


def text(value):
    """A text on the wire."""
    return struct.pack("<i", len(value.encode())) + value.encode()


def frame(outer, inner, payload=b""):
    """A message on the wire."""
    body = struct.pack("<ii", outer, inner) + payload
    return struct.pack("<i", len(body)) + body


def printed(value):
    return frame(COMMAND, 0, text(value))


def complained(value):
    return frame(COMMAND, 16, text(value))


def ended(status):
    return frame(COMMAND, 4, struct.pack("<i", status))


LOAD, PROMPT = 1, 3
OK, FAILED, WAIT = frame(RESPONSE, 5), frame(RESPONSE, 6), frame(RESPONSE, 18)
BLOB_END = frame(BLOB, 8)
USAGE_HINT = complained("For usage run: 'xe help'\n")


def chunk(data):
    """A piece of a file or of an answer."""
    return frame(BLOB, 7, struct.pack("<i", len(data))) + data


# Words of a command, and all that the server sends after its greeting.
CONVERSATIONS = {
    "an_empty_list_says_nothing": (["vm-list", "name-label=nobody"], ended(0)),
    "an_empty_minimal_list_is_one_empty_line": (["vm-list", "name-label=nobody", "--minimal"], printed("") + ended(0)),
    "an_unknown_command": (["vm-fly"], complained("Unknown command: vm-fly\n") + USAGE_HINT + ended(1)),
    "no_command": (["uuid=x"], complained("Syntax error: command name is missing\n") + USAGE_HINT + ended(1)),
    "a_missing_parameter": (["vm-param-list"], complained("Required parameter not found: uuid\n") + USAGE_HINT + ended(1)),
    "a_bad_uuid": (["vm-param-list", "uuid=abc"],
                   complained("The uuid you supplied was invalid.\n") + complained("type: VM\n") + complained("uuid: abc\n") + ended(1)),
    "an_unknown_field": (["vm-list", "colour=red"], complained("Error: Unknown field 'colour'\n") + ended(1)),
}


class ThinClientTest(ServerTest):
    def connect(self, words, greeting=GREETING, head=None):
        """A connection that has sent a command, and maybe a greeting."""
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(link.close)
        link.settimeout(SECONDS)
        connect_unix(link, str(self.stack.socket))
        body = words if isinstance(words, bytes) else "\n".join([*words, "username=root", "password=null"]).encode()
        link.sendall(head if head is not None else b"POST /cli HTTP/1.0\r\ncontent-length: %d\r\n\r\n" % len(body))
        if body + greeting:  # the server may have hung up already
            link.sendall(body + greeting)
        return link

    def read(self, link, count):
        """Exactly so many bytes, or what there is before the end."""
        data = b""
        while len(data) < count:
            piece = link.recv(count - len(data))
            if not piece:
                break
            data += piece
        return data

    def rest(self, link):
        """What comes up to the end, which a reset is too."""
        data = b""
        try:
            while piece := link.recv(65536):
                data += piece
        except ConnectionResetError:
            pass
        return data

    def receive(self, link):
        """One message: outer tag, inner tag, payload."""
        (length,) = struct.unpack("<i", self.read(link, 4))
        body = self.read(link, length)
        return (*struct.unpack("<ii", body[:8]), body[8:])

    def talk(self, words):
        """All that the server sends for a command that asks nothing."""
        link = self.connect(words)
        self.assertEqual(self.read(link, len(GREETING)), GREETING)
        return self.rest(link)

    def assert_serves(self):
        """Others notice nothing."""
        self.assertEqual(self.talk(["vm-list", "name-label=nobody"]), ended(0))

    # -- Bytes --

    def test_conversations_are_as_written_down(self):
        for name, (words, wanted) in CONVERSATIONS.items():
            with self.subTest(name):
                self.assertEqual(self.talk(words), wanted)

    def test_a_list_is_one_print_a_record(self):
        uuid = self.client.pool.get_record(self.client.pool.get_all()[0])["uuid"]
        record = f"uuid ( RO)    : {uuid}\n\n"
        self.assertEqual(self.talk(["pool-list", "params=uuid"]), printed(record) + ended(0))
        self.assertEqual(self.talk(["pool-list", "params=uuid", "--minimal"]), printed(uuid) + ended(0))

    def test_help_of_a_command(self):
        wanted = ("command name            : event-wait\n"
                  "        reqd params     : class\n"
                  "        optional params : \n"
                  "        description     : ")
        answer = self.talk(["help", "event-wait"])
        self.assertIn(wanted.encode(), answer)
        self.assertTrue(answer.endswith(ended(0)))

    def test_question_and_answer(self):
        vm = self.client.VM.clone(self.client.VM.get_by_name_label("Other install media")[0], "doomed")
        self.client.VM.provision(vm)
        uuid = self.client.VM.get_uuid(vm)
        for answer, remains in ((b"no", True), (b"yes", False)):
            link = self.connect(["vm-uninstall", f"uuid={uuid}"])
            self.assertEqual(self.read(link, len(GREETING)), GREETING)
            while (message := self.receive(link))[:2] != (COMMAND, PROMPT):
                self.assertEqual(message[:2], (COMMAND, 0))
            link.sendall(chunk(answer) + BLOB_END)
            self.assertTrue(self.rest(link).endswith(ended(0)))
            self.assertEqual(uuid in self.stack.xe("vm-list", "--minimal"), remains)

    # -- Clients that break it --

    def ask_for_file(self):
        """A connection on which the server has just asked for a file."""
        host = self.stack.xe("host-list", "--minimal")
        link = self.connect(["host-call-plugin", f"host-uuid={host}", "plugin=none", "fn=none", "args:x:file=/tmp/x"])
        self.read(link, len(GREETING))
        self.assertEqual(self.receive(link), (COMMAND, LOAD, text("/tmp/x")))
        return link

    def test_lengths_are_bounded(self):
        for length, status in ((b"", b"411"), (b"content-length: x\r\n", b"4"), (b"content-length: -1\r\n", b"4"),
                               (b"content-length: 204801\r\n", b"413"), (b"content-length: 99999999999999999999\r\n", b"4")):
            link = self.connect(b"", greeting=b"", head=b"POST /cli HTTP/1.0\r\n" + length + b"\r\n")
            answer = self.rest(link)
            self.assertIn(b" " + status, answer.split(b"\r\n")[0], length)
        self.assert_serves()

    def test_greetings_that_are_none(self):
        for greeting in (b"\0" * 35, GREETING[:27] + struct.pack("<ii", 7, 0), b"GET / HTTP/1.0\r\n\r\n" + b" " * 35):
            link = self.connect(["vm-list"], greeting=greeting)
            self.assertEqual(self.rest(link), GREETING)
        self.assert_serves()

    def test_clients_that_leave_early(self):
        for part in (b"", b"vm-", b"vm-list\nusername=root\npassword=x"):
            link = self.connect(part, greeting=b"", head=b"POST /cli HTTP/1.0\r\ncontent-length: 33\r\n\r\n")
            link.close()
        link = self.connect(["vm-list"], greeting=GREETING[:10])
        link.shutdown(socket.SHUT_WR)
        self.assertEqual(self.rest(link), GREETING)
        self.assert_serves()

    def test_arguments_that_are_no_text(self):
        for words in (b"vm-list\nname-label=\xff\xfe", b"vm-list\nname-label=\x01\x02", b"vm-list\n\0\0", b"\xff", b"", b"\n\n\n",
                      b"vm-list\n=\n==\n=x", b"vm-list\n" + b"a=b\n" * 20000, b"vm-list\n--", b"vm-list\n-u",
                      b"session_id=x\r\nvm-list\r\n"):
            answer = self.talk(words)
            self.assertTrue(answer.endswith((ended(0), ended(1))), (words[:30], answer[-60:]))
        self.assert_serves()

    def test_answers_to_load_that_do_not_fit(self):
        too_much = frame(BLOB, 7, struct.pack("<i", 33 * 1024 * 1024))
        cases = {
            "a chunk at once": chunk(b"x"),
            "a command": printed("x"),
            "an end at once": BLOB_END,
            "unknown": frame(12, 0),
            "too long a frame": struct.pack("<i", 1 << 30),
            "a negative frame": struct.pack("<i", -1),
            "too much": OK + too_much,
            "below nothing": OK + frame(BLOB, 7, struct.pack("<i", -5)),
            "no end": OK + chunk(b"x") + OK,
        }
        for name, answer in cases.items():
            with self.subTest(name):
                link = self.ask_for_file()
                link.sendall(answer)
                link.shutdown(socket.SHUT_WR)
                self.assertFalse(self.rest(link).endswith(ended(0)))
        self.assert_serves()

    def test_refused_and_sent_files(self):
        link = self.ask_for_file()
        link.sendall(FAILED)
        self.assertEqual(self.rest(link), complained("Error: Failed to read file /tmp/x\n") + ended(1))
        link = self.ask_for_file()
        link.sendall(OK + chunk(b"some ") + chunk(b"text") + BLOB_END)
        self.assertTrue(self.rest(link).endswith(ended(1)))  # there is no such plugin
        self.assert_serves()

    def test_answers_to_a_question_are_bounded(self):
        vm = self.client.VM.clone(self.client.VM.get_by_name_label("Other install media")[0], "asked for")
        self.client.VM.provision(vm)
        uuid = self.client.VM.get_uuid(vm)
        link = self.connect(["vm-uninstall", f"uuid={uuid}"])
        self.read(link, len(GREETING))
        while self.receive(link)[:2] != (COMMAND, PROMPT):
            pass
        link.sendall(chunk(b"y" * 70000))
        link.shutdown(socket.SHUT_WR)
        self.assertTrue(self.rest(link).endswith(ended(1)))
        self.assertEqual(self.client.VM.get_uuid(vm), uuid)

    def test_many_silent_clients_leave_room(self):
        """Those that say nothing do not hold up the others."""
        for _ in range(40):
            self.connect(["vm-list"], greeting=b"")
        self.assert_serves()


if __name__ == "__main__":
    tap.main("api/thin_client")
