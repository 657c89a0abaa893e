# SPDX-License-Identifier: LGPL-2.1-or-later
"""Both daemons as a service manager starts them, with a configuration file each."""

import os
import signal
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from server import build_dir, wait_until
from stack import Stack

WATCHDOG_SECONDS = 0.3
SECONDS = 30


class Manager:
    """What a service manager is to a daemon: a socket for notifications."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(SECONDS)
        self.lines = []
        self.environment = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": str(int(WATCHDOG_SECONDS * 1000000))}

    def wait(self, line):
        """Until a notification has @line in it; those before it are kept too."""
        while True:
            message = self.socket.recv(4096).decode().splitlines()
            self.lines += message
            if any(text.startswith(line) for text in message):
                return


class DaemonCase(unittest.TestCase):
    """Both daemons, started as a service manager would, with a configuration file each."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="xylem-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.stack = Stack(build_dir(), self.folder / "s", backend="fake")
        self.stack.state.mkdir()
        self.addCleanup(self.stack.kill_all)
        self.managers = {}

    def command(self, name, left_out):
        """Its command line without some options, so that the file may say them."""
        words = self.stack.command(name)
        places = [place for place, word in enumerate(words) if word.removeprefix("--") in left_out]
        return [word for place, word in enumerate(words) if place not in places and place - 1 not in places]

    def start(self, name, config="", left_out=()):
        """One daemon, told to read a file with this content."""
        path = self.folder / f"{name}.conf"
        path.write_text(config, encoding="utf-8")
        manager = Manager(str(self.folder / f"{name}.notify"))
        self.addCleanup(manager.socket.close)
        self.managers[name] = manager
        with open(self.stack.log_path(name), "ab") as log:
            process = subprocess.Popen([*self.command(name, left_out), "--config", str(path)], stdout=log, stderr=log,
                                       env={**os.environ, **manager.environment}, start_new_session=True)
        self.stack.processes[name] = process
        manager.wait("READY=1")
        return process, manager, path

    def start_xylemd(self, config="", left_out=()):
        """The management server, with the domain service behind it."""
        self.start("xenopsd")
        return self.start("xylemd", config, left_out)

    def reload(self, name, config):
        """Has it read a file with this content."""
        (self.folder / f"{name}.conf").write_text(config, encoding="utf-8")
        self.stack.processes[name].send_signal(signal.SIGHUP)
        self.managers[name].wait("RELOADING=1")
        self.managers[name].wait("READY=1")

    def log(self, name):
        """What a daemon has logged so far."""
        return self.stack.log_path(name).read_text(encoding="utf-8")

    def wait_log(self, name, text):
        """Until it has logged this."""
        wait_until(lambda: text in self.log(name), f"{name} logs '{text}'", SECONDS)

    def run_to_end(self, name, *arguments):
        """A daemon that ends by itself: what it printed, what it said on stderr, its status."""
        done = subprocess.run([str(self.stack.program(name)), *arguments], capture_output=True, text=True, check=False)
        return done.stdout, done.stderr, done.returncode
