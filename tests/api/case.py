# SPDX-License-Identifier: LGPL-2.1-or-later
"""Test cases of the API over the wire: each class has a server of its own, without the domain service unless it asks for it."""

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import wire  # noqa: E402  (it adds tests/lib and gen to the path)
import tap  # noqa: E402
from server import ServerTest, Stack, build_dir, guest_dir  # noqa: E402


class ApiTest(ServerTest):
    """Connections made here are closed at the end of the test."""

    DAEMONS = ("xylemd",)
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="xylem-")
        cls.addClassCleanup(scratch.cleanup)
        cls.scratch = Path(scratch.name)
        cls.stack = Stack(build_dir(), cls.scratch / "s", backend=cls.BACKEND, guest_dir=guest_dir(), options=cls.options())
        cls.addClassCleanup(cls.end)
        cls.stack.state.mkdir()
        cls.prepare()
        for name in cls.DAEMONS:
            cls.stack.start_one(name)

    @classmethod
    def options(cls):
        """More of the server's command line; cls.scratch is there."""
        return ["--login-delay", "0", *cls.OPTIONS]

    @classmethod
    def prepare(cls):
        """What has to be there before the first start."""

    def setUp(self):
        self.api = self.new_wire()

    def connect(self, seconds=wire.REPLY_SECONDS):
        """Plain HTTP over TCP, without a session."""
        return self.closed_at_end(wire.Connection(("127.0.0.1", self.stack.ports()["plain"]), seconds))

    def new_wire(self, seconds=wire.REPLY_SECONDS):
        """A session over the Unix socket."""
        return self.closed_at_end(wire.Wire(self.stack.socket, seconds=seconds)).login()

    def tcp_wire(self):
        """A session over plain TCP, which takes the password."""
        return self.closed_at_end(wire.Wire(("127.0.0.1", self.stack.ports()["plain"]))).login("root", self.stack.password)

    def closed_at_end(self, connection):
        """@connection."""
        self.addCleanup(connection.close)
        return connection

    def assert_fails(self, code, params, function, *arguments):
        """@function fails with this code, and these parameters unless None."""
        with self.assertRaises(wire.ApiFailure) as caught:
            function(*arguments)
        self.assertEqual(caught.exception.code, code, caught.exception)
        if params is not None:
            self.assertEqual(caught.exception.params, [str(param) for param in params])

    def restart(self, kill=False):
        """The server anew on its state."""
        if kill:
            self.stack.kill9("xylemd")
        else:
            self.assertEqual(self.stack.stop_one("xylemd"), 0)
        self.stack.start_one("xylemd")


def main(program, at_end=lambda: None):
    """Runs the cases of the program that calls this; what it called is kept for the report of messages never called."""
    try:
        tap.main(program)
    finally:
        wire.save_called(os.path.basename(program))
        at_end()
