#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every exception of the domain interface raised from outside, over XML-RPC and over D-Bus, by the rows of rows_*.py."""

import shutil
import sys
import unittest
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TREE / "tests/lib"))

import rows  # noqa: E402
from case import RowTest, add_rows  # noqa: E402

import form  # noqa: E402
import tap  # noqa: E402

# Which exceptions nothing raises yet, and what will. A row in rows_*.py takes an exception's line away from here.
NOT_REACHED = {
    "Device_not_connected": "there is no unplugging",
    "Device_detach_rejected": "a guest has 20 s to let go of a processor, which is too long for this test, and there is no unplugging",
    "Media_not_ejectable": "there is no ejecting",
    "Media_present": "there is no inserting",
    "Media_not_present": "there is no ejecting",
    "Ballooning_error": "no service balances memory",
    "No_ballooning_service": "no method asks for memory of other guests",
    "IO_error": "errors of reading and writing are told as Internal_error with their text",
    "Caller_must_pass_file_descriptor": "no method takes a descriptor",
    "Hook_failed": "there are no hook scripts",
}


class TableTest(unittest.TestCase):
    def test_every_exception_has_a_row_or_a_reason(self):
        self.assertEqual(sorted([*rows.EXCEPTIONS, *NOT_REACHED]), sorted(form.MODEL.exceptions))


class FakeTest(RowTest):
    pass


@unittest.skipIf(shutil.which("qemu-system-x86_64") is None, "needs QEMU")
class QemuTest(RowTest):
    BACKEND = "qemu"


rows.load()
add_rows(FakeTest, {name: row for name, (backend, row) in rows.EXCEPTIONS.items() if backend == "fake"})
add_rows(QemuTest, {name: row for name, (backend, row) in rows.EXCEPTIONS.items() if backend == "qemu"})

if __name__ == "__main__":
    tap.main("domain/exceptions")
