#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How the daemons behave towards whoever runs them: notifications, signals, the configuration file, the debug dump."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

import tap  # noqa: E402
from server import build_dir, wait_until  # noqa: E402
from stack import Stack  # noqa: E402

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


class DaemonTest(unittest.TestCase):
    """Both daemons, started as a service manager would, with a configuration file each."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="xylem-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.stack = Stack(build_dir(), self.folder / "s", backend="fake")
        self.stack.state.mkdir()
        self.addCleanup(self.stack.kill_all)
        self.managers = {}

    def start(self, name, config=""):
        """One daemon, told to read a file with this content."""
        path = self.folder / f"{name}.conf"
        path.write_text(config, encoding="utf-8")
        manager = Manager(str(self.folder / f"{name}.notify"))
        self.addCleanup(manager.socket.close)
        self.managers[name] = manager
        with open(self.stack.log_path(name), "ab") as log:
            process = subprocess.Popen([*self.stack.command(name), "--config", str(path)], stdout=log, stderr=log,
                                       env={**os.environ, **manager.environment}, start_new_session=True)
        self.stack.processes[name] = process
        manager.wait("READY=1")
        return process, manager, path

    def start_xylemd(self, config=""):
        """The management server, with the domain service behind it."""
        self.start("xenopsd")
        return self.start("xylemd", config)

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

    def test_notifies_the_service_manager(self):
        for name in ("xenopsd", "xylemd"):
            process, manager, _ = self.start(name)
            self.assertTrue(any(line.startswith("STATUS=Serving") for line in manager.lines), manager.lines)
            for _ in range(3):
                manager.wait("WATCHDOG=1")
            if name == "xylemd":
                self.assertIn("STATUS=Reading the database", manager.lines)
        for name in ("xylemd", "xenopsd"):
            process = self.stack.processes.pop(name)
            process.send_signal(signal.SIGTERM)
            self.managers[name].wait("STOPPING=1")
            self.assertEqual(process.wait(SECONDS), 0)

    def test_gives_no_signs_of_life_while_it_hangs(self):
        process, manager, _ = self.start("xenopsd")
        manager.wait("WATCHDOG=1")
        process.send_signal(signal.SIGSTOP)
        manager.socket.settimeout(3 * WATCHDOG_SECONDS)
        with self.assertRaises(TimeoutError):
            while True:
                manager.wait("WATCHDOG=1")
        manager.socket.settimeout(SECONDS)
        process.send_signal(signal.SIGCONT)
        manager.wait("WATCHDOG=1")

    def test_hup_reads_the_configuration_again(self):
        for name in ("xenopsd", "xylemd"):
            process, manager, path = self.start(name, "log-level = info\n")
            other = "bind = 0.0.0.0\nworkers = 5\n" if name == "xylemd" else "qemu = /other\n"
            path.write_text(f"log-level = debug\n{other}", encoding="utf-8")
            process.send_signal(signal.SIGHUP)
            manager.wait("RELOADING=1")
            manager.wait("READY=1")
            self.assertIn(f"read '{path}' again", self.log(name))
            self.assertIn(f"{'workers' if name == 'xylemd' else 'qemu'} has changed and takes a restart", self.log(name))
            self.assertNotIn("bind has changed", self.log(name))  # the command line says what it is
            process.send_signal(signal.SIGQUIT)
            self.wait_log(name, "debug dump is in")
            folder = self.stack.state / "xenopsd" if name == "xenopsd" else self.stack.state
            self.assertIn("log level debug", (folder / "debug-dump.txt").read_text(encoding="utf-8"))

    def test_hup_keeps_what_is_when_the_file_is_bad(self):
        process, manager, path = self.start("xenopsd", "log-level = warning\n")
        path.write_text("log-level = debug\n\nloud = yes\n", encoding="utf-8")
        process.send_signal(signal.SIGHUP)
        manager.wait("READY=1")
        self.assertIn(f"the configuration stays as it is: {path}:3: unknown key 'loud'", self.log("xenopsd"))
        process.send_signal(signal.SIGUSR1)
        self.wait_log("xenopsd", "log level is now info")

    def test_usr_signals_change_the_log_level(self):
        process, _, _ = self.start("xenopsd", "log-level = warning\n")
        for wanted in ("info", "debug"):
            process.send_signal(signal.SIGUSR1)
            self.wait_log("xenopsd", f"log level is now {wanted}")
        process.send_signal(signal.SIGUSR2)
        self.wait_log("xenopsd", "log level is warning again")

    def test_quit_writes_a_debug_dump(self):
        process, _, _ = self.start_xylemd()
        client = self.stack.client()
        self.addCleanup(client.close)
        task = client.call("task.create", "a task of its own", "")
        process.send_signal(signal.SIGQUIT)
        self.wait_log("xylemd", "debug dump is in")
        path = self.stack.state / "debug-dump.txt"
        text = path.read_text(encoding="utf-8")
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        for part in (" db-writer ", "open descriptors: ", "database: generation ", "sessions, by originator: ",
                     "tasks, by status: ", "  pending ", ": a task of its own\n"):
            self.assertIn(part, text)
        self.assertNotIn(client.session, text)
        client.call("task.destroy", task)
        self.assertIsNone(process.poll())

    def test_bad_configuration_is_refused_with_its_line(self):
        path = self.folder / "bad.conf"
        path.write_text("# fine\nlog-level = info\nprot = 443\n", encoding="utf-8")
        for name in ("xylemd", "xenopsd"):
            _, errors, status = self.run_to_end(name, "--config", str(path))
            self.assertEqual((errors, status), (f"{name}: {path}:3: unknown key 'prot'\n", 2))

    def test_printed_configuration_is_the_built_one(self):
        for name in ("xylemd", "xenopsd"):
            text, _, status = self.run_to_end(name, "--print-config")
            self.assertEqual(status, 0)
            self.assertEqual(text, (build_dir() / f"data/{name}.conf").read_text(encoding="utf-8"))


if __name__ == "__main__":
    tap.main("system/daemon")
