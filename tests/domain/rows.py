# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tables that methods_test.py and exceptions_test.py walk, each row over each wire, and what the rows have in common.

A row is a function of a Case. It begins without any VM and need not clean up.

    @drives("Vm.pause", "Vm.unpause")
    def pause(case):
        case.wire.start()
        ...

Rows stand in rows_*.py, one file per interface; a new file is found by itself.
"""

import importlib
from pathlib import Path

from wires import Failure

METHODS = {}  # name: the row that drives it
EXCEPTIONS = {}  # name: (back end, the row that raises it)


class Case:
    """What a row works with: a wire, the service behind it, its storage service, and a test case to assert by."""

    def __init__(self, test, service, storage, wire):
        self.test = test
        self.service = service
        self.storage = storage
        self.wire = wire

    def equal(self, *args):
        self.test.assertEqual(*args)

    def refused(self, failure, method, **args):
        """A call fails with this exception and these arguments."""
        with self.test.assertRaises(Failure) as caught:
            self.wire.call(method, **args)
        self.equal(caught.exception.args, failure)

    def fails(self, failure, method, **args):
        """A task fails with them."""
        with self.test.assertRaises(Failure) as caught:
            self.wire.operate(method, **args)
        self.equal(caught.exception.args, failure)


def drives(*methods):
    """Marks the row of these methods."""
    def mark(row):
        for method in methods:
            assert method not in METHODS, f"{method} has two rows"
            METHODS[method] = row
        return row
    return mark


def raises(exception, backend="fake"):
    """Marks the row of an exception, which asserts name and arguments."""
    def mark(row):
        assert exception not in EXCEPTIONS, f"{exception} has two rows"
        EXCEPTIONS[exception] = (backend, row)
        return row
    return mark


def load():
    """Reads all rows."""
    for path in sorted(Path(__file__).parent.glob("rows_*.py")):
        importlib.import_module(path.stem)
