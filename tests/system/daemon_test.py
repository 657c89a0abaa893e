#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How the daemons behave towards whoever runs them: notifications, signals, the configuration file, the debug dump."""

import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

import tap  # noqa: E402
from daemon_case import SECONDS, WATCHDOG_SECONDS, DaemonCase  # noqa: E402
from server import build_dir  # noqa: E402


class DaemonTest(DaemonCase):
    """What a service manager and an administrator see."""

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
            process, _, path = self.start(name, "log-level = info\n", ["auth"])
            other = "bind = 0.0.0.0\nauth = pam\n" if name == "xylemd" else "qemu = /other\n"
            self.reload(name, f"log-level = debug\n{other}")
            self.assertIn(f"read '{path}' again", self.log(name))
            self.assertIn("log-level has changed and is in force", self.log(name))
            self.assertIn(f"{'auth' if name == 'xylemd' else 'qemu'} has changed and takes a restart", self.log(name))
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
