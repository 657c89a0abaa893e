# SPDX-License-Identifier: LGPL-2.1-or-later
"""Test cases that have both daemons of their own, in a temporary state directory, on free ports."""

import contextlib
import os
import random
import socket
import sys
import tempfile
import time
import unittest
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TREE / "tools"))

from stack import Stack  # noqa: E402
from xenapi_client import ApiError, Client  # noqa: E402, F401

GUEST_IS_UP = "xylem-demo: guest is up"
GUEST_SECONDS = 120
POLL_SECONDS = 0.05
LOWEST_PORT = 10000  # of those that tests take by number


def build_dir():
    """The build tree under test; meson says so."""
    return Path(os.environ.get("XYLEM_BUILD_DIR", TREE / "build"))


def guest_dir():
    """Kernel, initramfs and disk of the demo guest."""
    return Path(os.environ.get("XYLEM_GUEST_DIR", TREE / "build/guest"))


def packages_dir():
    """Debian packages that were unpacked for tests."""
    return Path(os.environ.get("XYLEM_PACKAGES_DIR", TREE / "build/packages"))


def free_port():
    """A port that nobody has, for who needs the same one twice: none of those that the kernel hands out, which anybody's connection may
    get meanwhile."""
    first_handed_out = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    while True:
        port = random.randrange(LOWEST_PORT, first_handed_out)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_until(condition, what, seconds=GUEST_SECONDS):
    """Looks until @condition gives something true, which is returned. For files and processes, which send no event."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(POLL_SECONDS)


class ServerTest(unittest.TestCase):
    """Each class has its own pair of daemons; BACKEND says which kind of guests."""

    BACKEND = "fake"
    OPTIONS = ()
    stack = None

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="xylem-")
        cls.addClassCleanup(scratch.cleanup)
        cls.stack = Stack(build_dir(), Path(scratch.name) / "s", backend=cls.BACKEND, guest_dir=guest_dir(), options=cls.OPTIONS,
                          accel=os.environ.get("XYLEM_ACCEL"))
        cls.addClassCleanup(cls.end)
        cls.stack.start()

    @classmethod
    def end(cls):
        """Stops the daemons, whatever state a failed test left them in; their logs must be clean."""
        try:
            cls.stack.stop()
        finally:
            cls.stack.kill_all()
            cls.stack.kill_guests()
            complaints = cls.stack.complaints()
            if complaints:
                raise AssertionError("\n".join(complaints))

    def setUp(self):
        self.client = self.new_client()

    def new_client(self, **options):
        """Logged in over the Unix socket; closed at the end of the test."""
        client = self.stack.client(**options)
        self.addCleanup(client.close)
        return client

    def assert_api_error(self, code, params, function, *arguments):
        """@function fails with this code, and these parameters unless None."""
        with self.assertRaises(ApiError) as caught:
            function(*arguments)
        self.assertEqual(caught.exception.code, code, caught.exception)
        if params is not None:
            self.assertEqual(caught.exception.params, params)

    # -- Guests and storage, for tests that need them --

    def guest_text(self, uuid):
        """What the guest has said so far."""
        path = self.stack.serial_log(uuid)
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def wait_guest(self, uuid, text=GUEST_IS_UP, times=1):
        """Until the guest has said @text so often."""
        wait_until(lambda: self.guest_text(uuid).count(text) >= times, f"guest says '{text}' ({times} times)")
