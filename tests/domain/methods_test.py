#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every method of the domain interface from outside, over XML-RPC and over D-Bus, by the rows of rows_*.py."""

import sys
import unittest
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TREE / "tests/lib"))

import rows  # noqa: E402
from case import RowTest, add_rows  # noqa: E402

import form  # noqa: E402
import tap  # noqa: E402

rows.load()
PENDING = [name for name, method in form.MODEL.methods.items() if method.pending]


def answers_unimplemented(method):
    """The row of a method that is to come."""
    return lambda case: case.refused(("Unimplemented",), method)


class TableTest(unittest.TestCase):
    def test_every_method_has_a_row_or_is_pending(self):
        self.assertEqual(sorted([*rows.METHODS, *PENDING]), sorted(form.MODEL.methods))


class MethodTest(RowTest):
    pass


class PendingTest(RowTest):
    pass


add_rows(MethodTest, {name: row for name, row in rows.METHODS.items() if name not in PENDING})
add_rows(PendingTest, {name: answers_unimplemented(name) for name in PENDING})

if __name__ == "__main__":
    tap.main("domain/methods")
