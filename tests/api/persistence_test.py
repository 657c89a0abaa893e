#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An answer means it is on disk: kills, full disks, databases that are damaged or somebody else's, and starts that cannot succeed."""

import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import case  # noqa: E402
from server import Stack, build_dir  # noqa: E402
from wire import MODEL, ApiFailure, Wire  # noqa: E402

DISK_BYTES = 16 << 20
START_SECONDS = 30
WRITES_MIN = 20  # by each worker before the kill


class KillTest(case.ApiTest):
    def write_until_killed(self, worker, acknowledged, is_on_its_way):
        """Makes secrets; remembers those whose making was answered."""
        try:
            client = Wire(self.stack.socket).login()
            for number in range(100000):
                name = f"{worker}-{number}"
                acknowledged[client("secret.create", {"value": name, "other_config": {}})] = name
                if number == WRITES_MIN:
                    is_on_its_way.set()
        except (OSError, AssertionError):
            pass

    def test_what_was_answered_survives_kills(self):
        acknowledged = {}
        for kill in range(3):
            starts = [threading.Event() for _ in range(4)]
            workers = [threading.Thread(target=self.write_until_killed, args=(f"{kill}-{n}", acknowledged, start))
                       for n, start in enumerate(starts)]
            for worker in workers:
                worker.start()
            for start in starts:
                start.wait()
            self.stack.kill9("xylemd")
            for worker in workers:
                worker.join()
            self.assertEqual(self.stack.check_db(), (0, "0 violations"))
            self.stack.start_one("xylemd")
        found = {ref: record["value"] for ref, record in self.new_wire()("secret.get_all_records").items()}
        self.assertEqual({ref: found.get(ref) for ref in acknowledged}, acknowledged)

    def test_every_kind_of_write_survives_a_kill(self):
        network = self.api("network.create", {"name_label": "made", "name_description": "", "MTU": 1500, "other_config": {}, "tags": []})
        gone = self.api("secret.create", {"value": "gone", "other_config": {}})
        self.api("secret.destroy", gone)
        self.api("network.set_MTU", network, 9000)
        self.api("network.add_tags", network, "t\u00e4g")
        self.api("network.add_to_other_config", network, "<key>", "value")
        record = self.api("network.get_record", network)
        self.restart(kill=True)
        api = self.new_wire()
        self.assertEqual(api("network.get_record", network), record)
        self.assertEqual([record["MTU"], record["tags"], record["other_config"]], [9000, ["t\u00e4g"], {"<key>": "value"}])
        self.assert_fails("HANDLE_INVALID", ["secret", gone], api, "secret.get_value", gone)

    def test_whole_database_is_the_same_after_a_restart(self):
        def everything(api):
            """Records of all classes, without what is measured or of the moment."""
            moving = {"host_metrics", "task", "PIF_metrics"}
            classes = [cls.name for cls in MODEL.classes.values() if "get_all_records" in cls.messages and cls.name not in moving]
            records = {name: api(f"{name}.get_all_records") for name in classes}
            for record in records["host"].values():
                del record["other_config"]["agent_start_time"]
            return records

        before = everything(self.api)
        for kill in (False, True):
            self.restart(kill)
            self.assertEqual(everything(self.new_wire()), before)

    def test_database_is_readable_with_sqlite_while_the_server_runs(self):
        self.api("network.set_name_label", self.api("network.get_all")[0], "read by an administrator")
        database = sqlite3.connect(f"file:{self.stack.state / 'xylem.db'}?mode=ro", uri=True)
        self.addCleanup(database.close)
        self.assertEqual(database.execute("SELECT count(*) FROM network WHERE name_label = 'read by an administrator'").fetchone(), (1,))
        tables = {name for name, in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        self.assertLessEqual({cls.name for cls in MODEL.classes.values() if cls.rows and cls.persistent}, tables)

    def test_changes_are_logged_with_who_made_them(self):
        network = self.api("network.get_all")[0]
        self.api("network.set_MTU", network, 1234)
        database = sqlite3.connect(f"file:{self.stack.state / 'xylem.db'}?mode=ro", uri=True)
        self.addCleanup(database.close)
        row = database.execute("SELECT user, class, field, new FROM change WHERE ref = ? ORDER BY id DESC", [network]).fetchone()
        self.assertEqual([str(column) for column in row], ["root", "network", "MTU", "1234"])

    def test_secrets_are_not_in_the_log(self):
        self.api("secret.create", {"value": "a value to look for", "other_config": {}})
        self.assertNotIn("a value to look for", self.stack.log_path("xylemd").read_text(encoding="utf-8"))


class FullDiskTest(case.ApiTest):
    """The state directory is on a small file system of its own."""

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("only root may mount a small file system")
        folder = tempfile.TemporaryDirectory(prefix="xylem-disk-")
        cls.addClassCleanup(folder.cleanup)
        result = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", folder.name], stderr=subprocess.PIPE,
                                text=True, check=False)
        if result.returncode != 0:
            raise unittest.SkipTest(result.stderr.strip())
        cls.addClassCleanup(subprocess.run, ["umount", "--lazy", folder.name], check=True)
        cls.stack = Stack(build_dir(), Path(folder.name) / "s")
        cls.addClassCleanup(cls.end)
        cls.stack.state.mkdir()
        cls.stack.start_one("xylemd")

    @property
    def filler(self):
        """What fills the disk."""
        return self.stack.state.parent / "filler"

    def fill(self):
        """Takes all the space that is left."""
        with open(self.filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass

    def write_until_refused(self):
        """References of secrets that were made until there was no space."""
        made = []
        with self.assertRaises(ApiFailure) as caught:
            while True:
                made.append(self.api("secret.create", {"value": "x" * 50000, "other_config": {}}))
        self.assertEqual(caught.exception.code, "INTERNAL_ERROR", caught.exception)
        self.assertRegex(str(caught.exception), "(?i)full|space|i/o|disk")
        return made

    def test_full_disk_is_an_error_and_nothing_is_lost(self):
        before = set(self.api("secret.get_all"))
        self.fill()
        made = self.write_until_refused()
        self.assertEqual(set(self.api("secret.get_all")), before | set(made))
        self.write_until_refused()  # still refused, and still serving
        self.api("pool.get_all")
        # With space again it goes on as if nothing had been.
        self.filler.unlink()
        made.append(self.api("secret.create", {"value": "after", "other_config": {}}))
        known = set(self.api("secret.get_all"))
        self.restart(kill=True)
        self.api = self.new_wire()
        self.assertEqual(set(self.api("secret.get_all")), known)
        self.stack.stop_one("xylemd")
        self.assertEqual(self.stack.check_db(), (0, "0 violations"))
        self.stack.start_one("xylemd")

    def test_full_disk_at_the_end_of_a_task(self):
        self.fill()
        self.write_until_refused()
        with self.assertRaises(ApiFailure) as caught:
            self.api("Async.network.create", {"name_label": "n", "name_description": "", "MTU": 1, "other_config": {}, "tags": []})
        self.assertEqual(caught.exception.code, "INTERNAL_ERROR")
        self.filler.unlink()
        self.assertEqual(self.api("network.get_by_name_label", "n"), [])

    def test_server_starts_on_a_full_disk_or_says_why_not(self):
        secret = self.api("secret.create", {"value": "kept", "other_config": {}})
        self.stack.stop_one("xylemd")
        self.fill()
        result = subprocess.Popen(self.stack.command("xylemd"), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            _, said = result.communicate(timeout=3)
            self.assertEqual(result.returncode, 1, said)
            self.assertRegex(said, "(?i)full|space|i/o|disk")
        except subprocess.TimeoutExpired:  # it runs
            result.terminate()
            result.communicate()
        self.filler.unlink()
        self.stack.start_one("xylemd")
        self.assertEqual(self.new_wire()("secret.get_value", secret), "kept")


class StartTest(unittest.TestCase):
    """Starts that cannot succeed end with a status and one line that says why."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="xylem-")
        self.addCleanup(scratch.cleanup)
        self.state = Path(scratch.name) / "s"
        self.stack = Stack(build_dir(), self.state)

    def run_server(self, *more, command=None):
        """(status, lines on standard error but those of the log) of a start that ends by itself."""
        result = subprocess.run([*(command or self.stack.command("xylemd")), *more], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, timeout=START_SECONDS, check=False)
        return result.returncode, [line for line in result.stderr.splitlines() if line.startswith("xylemd: ")]

    def assert_refused(self, pattern, *more, status=1):
        """One line, which matches."""
        found, lines = self.run_server(*more)
        self.assertEqual((found, len(lines)), (status, 1), lines)
        self.assertRegex(lines[0], pattern)

    def start(self):
        """A server on the state directory, stopped at the end."""
        self.state.mkdir(exist_ok=True)
        self.stack.start_one("xylemd")
        self.addCleanup(self.stack.kill_all)

    def test_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.assert_refused(f"port {port} is in use", "--plain-port", str(port))
            self.assert_refused(f"port {port} is in use", "--port", str(port))

    def test_second_server_on_the_same_state(self):
        self.start()
        self.assert_refused("another xylemd uses")
        self.stack.client().close()  # the first one serves on

    def test_state_directory_that_cannot_be_written(self):
        self.state.write_text("a file", encoding="utf-8")
        self.assert_refused(f"{self.state}")

    def test_state_directory_in_a_place_that_takes_none(self):
        self.assert_refused("/proc/xylem", "--state", "/proc/xylem")

    def test_options_that_make_no_sense(self):
        for options in (["--no-such-option"], ["--port", "70000"], ["--port", "x"], ["--auth", "none"], ["--workers", "0"], ["word"],
                        ["--log-level", "loud"]):
            self.assert_refused(".", *options, status=2)

    def test_version_and_help(self):
        for option, text in (("--version", "xylemd "), ("--help", "--state")):
            result = subprocess.run([self.stack.program("xylemd"), option], stdout=subprocess.PIPE, text=True, check=False)
            self.assertEqual(result.returncode, 0)
            self.assertIn(text, result.stdout)

    def test_database_that_is_none(self):
        self.state.mkdir()
        path = self.state / "xylem.db"
        path.write_bytes(b"this is no database " * 1000)
        self.assert_refused("xylem.db")
        self.assertEqual(path.read_bytes(), b"this is no database " * 1000)

    def test_database_of_another_program(self):
        self.state.mkdir()
        database = sqlite3.connect(self.state / "xylem.db")
        with database:
            database.execute("CREATE TABLE mine (x)")
        database.close()
        self.assert_refused("another program")

    def change_database(self, *statements):
        """On a database that a server has made."""
        self.start()
        self.stack.stop_one("xylemd")
        database = sqlite3.connect(self.state / "xylem.db")
        with database:
            for statement in statements:
                database.execute(statement)
        database.close()

    def test_database_of_a_later_version(self):
        self.change_database("PRAGMA user_version = 99")
        self.assert_refused("later version")

    def test_damaged_rows_are_told(self):
        self.change_database("UPDATE pool SET other_config = '{'")
        status, said = self.stack.check_db()
        self.assertEqual(status, 1, said)
        self.assertIn("other_config", said)

    def test_dangling_references_are_told_by_the_check(self):
        self.change_database("UPDATE pool SET master = 'OpaqueRef:00000000-0000-0000-0000-000000000000'")
        status, said = self.stack.check_db()
        self.assertEqual(status, 1, said)
        self.assertIn("master", said)

    def test_check_changes_nothing(self):
        self.change_database("UPDATE pool SET master = 'OpaqueRef:00000000-0000-0000-0000-000000000000'")
        before = (self.state / "xylem.db").read_bytes()
        self.stack.check_db()
        self.assertEqual((self.state / "xylem.db").read_bytes(), before)

    def test_check_without_a_database(self):
        self.state.mkdir()
        status, said = self.stack.check_db()
        self.assertEqual(status, 1, said)
        self.assertFalse((self.state / "xylem.db").exists())

    def test_column_that_is_missing_gets_its_default(self):
        self.change_database('ALTER TABLE pool DROP COLUMN "migration_compression"', "UPDATE meta SET value = 'x' WHERE key = 'model'")
        self.start()
        client = self.stack.client()
        self.assertEqual(client.call("pool.get_migration_compression", client.call("pool.get_all")[0]), False)
        client.close()

    def test_socket_left_by_a_kill_is_taken_over(self):
        self.start()
        self.stack.kill9("xylemd")
        self.assertTrue(self.stack.socket.exists())
        self.start()
        self.stack.client().close()

    def test_server_stops_in_order(self):
        self.start()
        self.assertEqual(self.stack.stop_one("xylemd"), 0)
        self.assertFalse(self.stack.socket.exists())


if __name__ == "__main__":
    case.main("api/persistence")
