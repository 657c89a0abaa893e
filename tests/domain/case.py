# SPDX-License-Identifier: LGPL-2.1-or-later
"""Test cases made of rows: one xenopsd a class, one case a row and wire."""

import tempfile
import unittest
from pathlib import Path

from rows import Case
from storage_service import Storage
from wires import Service


class RowTest(unittest.TestCase):
    """A service over a storage service for tests."""

    BACKEND = "fake"

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="domain-")
        cls.addClassCleanup(scratch.cleanup)
        cls.storage = Storage(str(Path(scratch.name) / "storage"))
        cls.addClassCleanup(cls.storage.close)
        cls.service = Service(scratch.name, cls.BACKEND, ["--storage-socket", str(Path(scratch.name) / "storage")])
        cls.addClassCleanup(cls.service.end)
        cls.service.start()
        cls.xml, cls.bus = cls.service.wires()

    def setUp(self):
        self.storage.released.clear()
        self.storage.waiting.clear()
        self.addCleanup(self.service.remove_all)
        self.addCleanup(self.storage.released.set)

    def run_row(self, row, wire):
        """One row over one wire."""
        row(Case(self, self.service, self.storage, wire))


def add_rows(cls, rows):
    """Cases of @rows {name: row} over both wires."""
    for name, row in rows.items():
        for wire in ("xml", "bus"):
            def case(self, row=row, wire=wire):
                self.run_row(row, getattr(self, wire))
            setattr(cls, f"test_{name.replace('.', '_')}_over_{wire}", case)
