#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients that send or take a byte now and then, never silent for long: they are ended, and what they held is free again. The server's
limits are short here; its time-outs for silence are not."""

import select
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import case  # noqa: E402
import storage  # noqa: E402
from thin_client_test import GREETING, ended  # noqa: E402
from wire import Connection, call_xml  # noqa: E402

DRIP_SECONDS = 0.02
PATIENCE_SECONDS = 60
TEXT_BYTES = 4 << 20  # more than a socket keeps
N_COMMANDS = 64  # that the server does at a time

POST = "POST {path} HTTP/1.1\r\nHost: test\r\n{header}\r\n\r\n"
# What comes at once, and what follows byte by byte.
REQUESTS = {
    "a header": (b"", POST.format(path="/", header=f"X: {'x' * 8000}")),
    "a call": (POST.format(path="/", header="Content-Length: 100000").encode(), " " * 100_000),
    "a JSON call": (POST.format(path="/jsonrpc", header="Content-Length: 100000").encode(), " " * 100_000),
    "chunks": (POST.format(path="/", header="Transfer-Encoding: chunked").encode(), "1\r\nx\r\n" * 20_000),
    "words of xe": (b"POST /cli HTTP/1.1\r\nHost: test\r\n", f"X: {'x' * 8000}"),
}


class SlowTest(case.ApiTest):
    OPTIONS = ("--request-timeout", "2", "--output-timeout", "2")

    def drip(self, connection, byte):
        """Sends it unless there is something to read first; whether the connection is still there."""
        try:
            if select.select([connection.socket], [], [], 0)[0]:
                return connection.receive()
            connection.send(byte.encode())
        except ConnectionError:
            return False
        return True

    def drip_until_ended(self, texts):
        """Sends each of {connection: text} byte by byte; fails unless the server ends each connection before that is done."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        waiting = {connection: iter(text) for connection, text in texts.items()}
        while waiting:
            self.assertLess(time.monotonic(), deadline, "the server goes on waiting")
            waiting = {connection: rest for connection, rest in waiting.items() if self.drip(connection, next(rest))}
            select.select([connection.socket for connection in waiting], [], [], DRIP_SECONDS)

    def wait_ended(self, connection):
        """Until the server has ended a connection from which nobody reads."""
        poller = select.poll()
        poller.register(connection.socket, 0)
        self.assertTrue(poller.poll(PATIENCE_SECONDS * 1000), "the server goes on waiting")

    def local(self):
        """A connection over the Unix socket, which keeps little of what it is sent."""
        return self.closed_at_end(Connection(self.stack.socket))


class RequestTest(SlowTest):
    def test_requests_that_drip_are_ended_and_calls_that_wait_are_not(self):
        token = self.api("event.from", ["pool"], "", 10.0).content["token"].content
        waiting = self.connect()
        waiting.send_request("POST", "/", call_xml("event.from", self.api.session, ["pool"], token, 3600.0).encode())
        texts = {}
        for is_first in (True, False):
            for head, text in REQUESTS.values():
                connection = self.connect()
                if not is_first:
                    connection.post(call_xml("session.get_uuid", "x", "x"))
                connection.send(head)
                texts[connection] = text
        self.drip_until_ended(texts)
        self.api("pool.set_name_label", self.api("pool.get_all")[0], "after a while")
        self.assertIn(b"after a while", waiting.read_response()[2])


class TransferTest(SlowTest):
    @classmethod
    def prepare(cls):
        (cls.stack.state / "audit.log.1").write_text("x" * TEXT_BYTES + "\n", encoding="utf-8")

    def assert_failed(self, task):
        """The transfer's task has ended so."""
        self.assertEqual(storage.StorageTest.wait_task(self, task)["status"], "failure")

    def test_upload_that_drips_is_ended(self):
        blob, task = self.api("blob.create", "text/plain", False), self.api("task.create", "upload", "")
        connection = self.connect()
        connection.send(f"PUT /blob?ref={blob}&task_id={task}&session_id={self.api.session} HTTP/1.1\r\nHost: test\r\n"
                        f"Content-Length: 100000\r\n\r\n".encode())
        self.drip_until_ended({connection: "x" * 100_000})
        self.assert_failed(task)
        self.assertEqual(list((self.stack.state / "blobs").iterdir()), [])

    def test_download_that_nobody_takes_is_ended(self):
        task = self.api("task.create", "download", "")
        connection = self.local()
        connection.send_request("GET", f"/audit_log?task_id={task}&session_id={self.api.session}")
        self.wait_ended(connection)
        self.assert_failed(task)


class CommandTest(SlowTest):
    def ask(self):
        """A connection with a command that has much to print."""
        body = b"template-list\nparams=all\nusername=root\npassword=x"
        connection = self.local()
        connection.send(b"POST /cli HTTP/1.0\r\ncontent-length: %d\r\n\r\n" % len(body) + body + GREETING)
        return connection

    def test_output_that_nobody_takes_holds_up_no_others(self):
        vm = self.api("VM.clone", self.api("VM.get_by_name_label", "Other install media")[0], "much to tell")
        for number in range(10):
            self.api("VM.add_to_other_config", vm, f"key {number}", "x" * 100_000)
        waiting = [self.ask() for _ in range(N_COMMANDS)]
        self.assertIn("uuid", self.stack.xe("host-list"))
        for connection in waiting:
            self.wait_ended(connection)
            while connection.receive():
                pass
            self.assertFalse(connection.buffer.endswith(ended(0)))


if __name__ == "__main__":
    case.main("api/slow")
