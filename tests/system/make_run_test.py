#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""tools/run.py, the program behind make run: first start, what it prints, crashes of daemons, Ctrl-C, second start."""

import os
import queue
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

import tap  # noqa: E402
from server import GUEST_SECONDS, TREE, Stack, build_dir, free_port, guest_dir, wait_until  # noqa: E402


class Run:
    """tools/run.py as a child, with its output line by line."""

    def __init__(self, state, port):
        self.process = subprocess.Popen(
            [sys.executable, "-u", TREE / "tools/run.py", "--build", build_dir(), "--state", state, "--port", str(port),
             "--guest-dir", guest_dir()],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines = queue.Queue()
        self.seen = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        """Until the end, which is None."""
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def wait_line(self, pattern, seconds=GUEST_SECONDS):
        """The match in the next line that has one; the run must not end before."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                line = self.lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"no line like '{pattern}' in:\n" + "\n".join(self.seen))
            self.seen.append(line)
            match = re.search(pattern, line)
            if match:
                return match

    def interrupt(self):
        """Ctrl-C; its exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(GUEST_SECONDS)


class MakeRunTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="xylem-")
        self.addCleanup(scratch.cleanup)
        self.state = Path(scratch.name) / "s"
        self.stack = Stack(build_dir(), self.state)
        self.addCleanup(self.stack.kill_guests)

    def start(self, port):
        """A run; killed at the end of the test with what it started."""
        started = Run(self.state, port)
        self.addCleanup(started.process.wait)
        self.addCleanup(started.process.kill)
        return started

    def test_first_start_crash_ctrl_c_and_second_start(self):
        port = free_port()
        first = self.start(port)
        first.wait_line("Installed guest 'demo'")
        first.wait_line("Guest 'demo' says that it is up")
        first.wait_line(f"https://localhost:{port}/")
        first.wait_line("password in: .*password$")
        first.wait_line("Ctrl-C")
        password = self.state / "password"
        self.assertEqual(password.stat().st_mode & 0o777, 0o600)
        self.assertIn("running", self.stack.xe("vm-list", "name-label=demo"))
        uuid = self.stack.xe("vm-list", "name-label=demo", "--minimal")
        guests = self.stack.guest_processes()
        self.assertEqual(len(guests), 1)

        self.kill_daemons_one_by_one(first, guests)

        self.assertEqual(first.interrupt(), 0)
        self.assertEqual(self.stack.guest_processes(), [])
        self.assertIn("going down", self.stack.serial_log(uuid).read_text(encoding="utf-8", errors="replace"))
        self.assertEqual(self.stack.check_db()[0], 0, self.stack.check_db())

        second = self.start(port)
        second.wait_line("Found guest 'demo' from last time")
        second.wait_line("Guest 'demo' says that it is up")
        second.wait_line("Ctrl-C")
        self.assertIn("xylem-demo: boot 2", self.stack.serial_log(uuid).read_text(encoding="utf-8", errors="replace"))
        self.assertEqual(self.stack.xe("vm-list", "name-label=demo", "--minimal"), uuid)
        self.assertEqual(second.interrupt(), 0)
        self.assertEqual(self.stack.guest_processes(), [])

    def kill_daemons_one_by_one(self, started, guests):
        """They come back, and the guest has not noticed."""
        for name in ("xylemd", "xenopsd"):
            os.kill(self.daemon(name), signal.SIGKILL)
            started.wait_line(f"{name} ended with status -9; starting it again")
            wait_until(lambda: self.answers_running(), f"xe answers after {name} was killed")  # pylint: disable=unnecessary-lambda
            self.assertEqual(self.stack.guest_processes(), guests)

    def answers_running(self):
        """Whether the server says that the guest runs."""
        try:
            return "running" in self.stack.xe("vm-list", "name-label=demo", check=False, timeout=30)
        except subprocess.TimeoutExpired:
            return False

    def daemon(self, name):
        """The process id of a daemon over our state directory."""
        program = str(self.stack.program(name)).encode()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if words[0] == program and any(str(self.state).encode() in word for word in words):
                    return int(entry.name)
        raise AssertionError(f"no {name} runs")

    def assert_refused(self, started, text):
        """Ends at once with one clear line."""
        self.assertEqual(started.process.wait(60), 1)
        started.wait_line(text, 10)

    def test_port_in_use_is_one_clear_line(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.assert_refused(self.start(port), f"^make run: 127.0.0.1 port {port}: Address already in use; choose another")

    def test_state_that_cannot_be_made_is_one_clear_line(self):
        self.state.write_text("a file", encoding="ascii")
        self.assert_refused(self.start(free_port()), "^make run: state directory .*: File exists; choose another")


if __name__ == "__main__":
    tap.main("system/make-run")
