# SPDX-License-Identifier: LGPL-2.1-or-later
"""Test cases that drive a server by xe: rows of commands, each with what must be true afterwards.

A command may say that a message of model/pending.txt is not implemented: that ends its row, until the message is there.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
sys.path += [str(TREE / "tests/lib"), str(TREE / "gen")]

import cli  # noqa: E402
from server import ServerTest  # noqa: E402

PENDING = {line for line in (TREE / "model/pending.txt").read_text(encoding="utf-8").split("\n") if line and not line.startswith("#")}
TABLES = cli.load(TREE / "model")
COMMANDS = {command.name: command for command in TABLES.commands}
SECONDS = 60

def is_pending(error):
    """Whether @error is the server's word that a message is not written yet, and that is known."""
    found = re.search(r"^function: (\S+)$", error, re.MULTILINE)
    return found is not None and found[1] in PENDING


class Row:
    """@line: a command, with {name} for what earlier rows kept; @keep: the name its output is kept under;
    @check: a function of the test, true when the command had its effect; @output: what it prints; @fails: its error instead."""

    def __init__(self, line, keep=None, check=None, output=None, fails=None):
        self.line, self.keep, self.check, self.output, self.fails = line, keep, check, output, fails


class XeTest(ServerTest):
    """self.kept has what rows kept; a row that needs what could not be had yet is left out."""

    def setUp(self):
        super().setUp()
        self.kept = {"folder": str(self.stack.state), "tree": str(TREE)}

    def xe(self, *words, text=None):
        """(status, standard output, standard error) of xe."""
        environment = {**os.environ, "XYLEM_SOCKET": str(self.stack.socket), "HOME": str(self.stack.state)}
        done = subprocess.run([str(self.stack.program("xe")), *words], input=text or "", capture_output=True, text=True, env=environment,
                              timeout=SECONDS, check=False, cwd=self.stack.state)
        return done.returncode, done.stdout, done.stderr

    def record(self, class_name, kept):
        """The API's record of an object whose uuid a row kept."""
        proxy = getattr(self.client, class_name)
        return proxy.get_record(proxy.get_by_uuid(self.kept[kept]))

    def gone(self, class_name, kept):
        """Whether there is no such object any more."""
        return self.kept[kept] not in {record["uuid"] for record in getattr(self.client, class_name).get_all_records().values()}

    def words(self, row):
        """The row's words; None when they need what an earlier row could not make yet."""
        try:
            return [word.format(**self.kept) for word in shlex.split(row.line)]
        except KeyError:
            return None

    def run_row(self, row):
        """One row, with what it prints and does."""
        words = self.words(row)
        if words is None:
            return
        status, out, err = self.xe(*words)
        if row.fails is not None:
            self.assertEqual(status, 1, words)
            self.assertIn(row.fails.format(**self.kept), err + out, words)
            return
        if status == 1 and out == "" and is_pending(err):
            return
        self.assertEqual((status, err), (0, ""), words)
        if row.output is not None:
            self.assertEqual(out.strip(), row.output.format(**self.kept), words)
        if row.keep is not None:
            self.kept[row.keep] = out.strip()
            self.assertTrue(out.strip(), words)
        if row.check is not None:
            self.assertTrue(row.check(self), words)

    def run_rows(self, rows):
        for row in rows:
            with self.subTest(row.line):
                self.run_row(row)
