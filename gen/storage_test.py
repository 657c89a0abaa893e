#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of gen/storage.py: each complaint is made, and the model holds the storage document's facts."""

import copy
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "gen"), str(ROOT / "tests/lib")]

import storage  # noqa: E402
import tap  # noqa: E402

MODEL = ROOT / "model/storage.toml"


class ComplaintTest(unittest.TestCase):
    """A small model, changed in one place."""

    small = """
[capabilities]
names = ["VDI_CREATE"]
[calls.vdi_create]
doc = "make a disk"
args = ["size"]
result = "vdi"
capability = "VDI_CREATE"
lock = "change"
object = "sr"
[errors.EIO]
value = 200
doc = "input or output failed"
"""

    def complaint(self, before, after):
        """What the loader says once the text is changed."""
        self.assertIn(before, self.small)
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(self.small.replace(before, after))
            file.flush()
            with self.assertRaises(storage.ModelError) as caught:
                storage.load(file.name)
        return str(caught.exception)

    def test_each_is_made(self):
        cases = (
            ('result = "vdi"', 'result = "disk"', "calls.vdi_create: result is none of"),
            ('lock = "change"', 'lock = "all"', "calls.vdi_create: lock is none of"),
            ('object = "sr"', 'object = "host"', "calls.vdi_create: object is none of"),
            ('object = "sr"', 'object = "none"', "calls.vdi_create: locks an SR but names none"),
            ('lock = "change"', 'lock = "vdi"', "calls.vdi_create: locks a disk but names none"),
            ('capability = "VDI_CREATE"', 'capability = "VDI_MAKE"', "unknown capability VDI_MAKE"),
            ('doc = "make a disk"', 'dok = "make a disk"', "unknown keys ['dok']"),
            ("value = 200", "value = 0", "errors.EIO: value is no number"),
            ("value = 200", 'value = 200\ntext = "x"', "errors.EIO: unknown keys"),
            ("[errors.EIO]", '[errors.Other]\nvalue = 200\ndoc = "x"\n[errors.EIO]', "value 200 is taken by Other"),
            ("[errors.EIO]", "[errors.EIO", "does not parse"),
            ('["VDI_CREATE"]', '["VDI_CREATE", "VDI_CREATE"]', "a name stands twice"),
        )
        for before, after, text in cases:
            with self.subTest(text):
                self.assertIn(text, self.complaint(before, after))


class ModelTest(unittest.TestCase):
    def setUp(self):
        self.model = storage.load(MODEL)

    def test_document_facts(self):
        known = [error for error in self.model["errors"].values() if "since" not in error]
        self.assertEqual(len(known), 94)
        self.assertEqual(self.model["errors"]["ConfigLocationMissing"]["value"], 94)
        self.assertEqual(storage.constant_of("ConfigTargetIQNMissing", {}), "CONFIG_TARGET_IQN_MISSING")

    def test_output_is_stable_and_whole(self):
        for header, source, include in storage.BACKENDS.values():
            model = copy.deepcopy(self.model)
            self.assertEqual(header(model), header(self.model))
            text = source(self.model, include)
            for name in self.model["calls"]:
                self.assertIn(f'"{name}"', text)


if __name__ == "__main__":
    tap.main("gen/storage")
