#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""xe offers every command there is, with the keys and flags it has elsewhere; what differs is named here with the reason.

tests/data/xe-facts.json has the commands and the fields of the classes. What the server offers is printed by a program of src/cli,
whose path is the first argument.
"""

import json
import subprocess
import sys
import unittest
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
sys.path += [str(TREE / "tests/lib"), str(TREE / "gen")]

import cli  # noqa: E402
import tap  # noqa: E402

FACTS = json.loads((TREE / "tests/data/xe-facts.json").read_text(encoding="utf-8"))
PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else None

# Commands of ours alone.
OURS = {"help": "is a command here, so that completion finds it like the others"}

# Commands that are not there.
ABSENT = {"vtpm-param-clear": "its one set, allowed-operations, is beyond this API: there is no field it could be about"}

# (command, what differs): (what only the facts have, what only we have), why.
DIFFERENCES = {
    ("host-disable", "optional"): ({"auto-enable"}, set(), "refused: the message has no such parameter"),
    ("host-evacuate", "optional"): ({"network-uuid", "batch-size"}, set(), "refused: the message has no such parameter"),
    ("host-emergency-ha-disable", "optional"): ({"soft"}, set(), "refused: the message has no such parameter"),
    ("sr-introduce", "optional"): (set(), {"sm-config"}, "taken elsewhere too, but not listed"),
    ("tunnel-create", "optional"): ({"protocol"}, set(), "refused: the message has no such parameter"),
    ("vdi-pool-migrate", "optional"): ({"dest-img-format"}, set(), "refused: no such option"),
    ("vm-migrate", "optional"): ({"image-format"}, {"host-name"}, "one refused; the other taken elsewhere too, but not listed"),
    ("vm-snapshot", "optional"): ({"ignore-vdi-uuids"}, set(), "refused: the message has no such parameter"),
    ("vtpm-create", "optional"): ({"is-unique"}, set(), "refused: the message has no such parameter"),
    ("vm-start", "optional"): (set(), {"progress"}, "a bar on any long command"),
    ("vm-resume", "optional"): (set(), {"progress"}, "a bar on any long command"),
    ("vm-shutdown", "optional"): (set(), {"progress"}, "a bar on any long command"),
    ("vm-suspend", "optional"): (set(), {"progress"}, "a bar on any long command"),
}

MARKERS = {"expensive": "expensive", "hidden": "hidden", "deprecated": "deprecated", "folded": "case-insensitive"}


def plain(key):
    """"k:", "k-" and "k" are the same key of a map."""
    return key.rstrip(":-")


def offered():
    """What the server offers: {command: {"required", "optional", "flags"}}."""
    commands = {}
    for line in subprocess.run([PROGRAM], check=True, capture_output=True, text=True).stdout.splitlines():
        name, required, optional, flags = line.split("\t")
        commands[name] = {"required": required, "optional": optional, "flags": flags}
        commands[name] = {key: {word for word in text.split(",") if word} for key, text in commands[name].items()}
    return commands


class XeFactsTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.offered = offered()
        cls.tables = cli.load(TREE / "model")
        cls.classes = {found.name: found for found in cls.tables.classes}

    def rows_of(self, name):
        """The class's fields as the tables have them, those beyond the model too."""
        row = self.classes[name].row
        return self.tables.tables["classes"][row.get("fields_of", name)]["fields"]

    def beyond(self, command):
        """Keys of a generated command whose fields the model does not have."""
        name = max((found for found in self.classes if command.startswith(found + "-")), key=len)
        fields = self.classes[name].fields
        gone = set(self.rows_of(name)) - {field.name for field in fields}
        if command.endswith("-param-set") and self.classes[name].model_class is not None:
            # Some can be read, but not set.
            gone |= {field.name for field in fields if field.row.get("access") == "RW" and not field.messages}
        return gone | {f"{field}:contains" for field in gone}

    def test_every_command_is_there(self):
        wanted = set(FACTS["commands"]) - set(ABSENT)
        self.assertEqual(wanted - set(self.offered), set())
        self.assertEqual(set(self.offered) - set(FACTS["commands"]), set(OURS))
        self.assertEqual(set(ABSENT) & set(self.offered), set())

    def compare(self, what):
        wrong, used = [], set()
        for name, fact in sorted(FACTS["commands"].items()):
            ours = self.offered.get(name)
            if ours is None:
                continue
            left, right = {plain(key) for key in fact[what]}, {plain(key) for key in ours[what]}
            if "generated" in fact["flags"]:
                left -= self.beyond(name)
            differs = (left - right, right - left)
            known = DIFFERENCES.get((name, what))
            if known is not None:
                used.add((name, what))
            if differs != (known[:2] if known else (set(), set())):
                wrong.append(f"{name}: {what}: without {sorted(differs[0])}, but with {sorted(differs[1])}")
        self.assertEqual(wrong, [])
        self.assertEqual({key for key in DIFFERENCES if key[1] == what}, used)

    def test_required_keys_are_the_same(self):
        self.compare("required")

    def test_optional_keys_are_the_same(self):
        self.compare("optional")

    def test_flags_are_the_same(self):
        self.compare("flags")

    def test_fields_are_in_the_same_order_with_kind_access_and_markers(self):
        for name, fact in FACTS["classes"].items():
            ours = [[field, row.get("kind", "string"), row.get("access", "RO"), *sorted(MARKERS[key] for key in MARKERS if row.get(key))]
                    for field, row in self.rows_of(name).items()]
            self.assertEqual(ours, [[*field[:3], *sorted(field[3:])] for field in fact["fields"]], name)

    def test_lists_show_the_same_columns_and_objects(self):
        for name, fact in FACTS["classes"].items():
            row = self.classes[name].row
            self.assertEqual(row.get("filter", {}), fact["filter"], name)
            # Some of the columns elsewhere are names of no field, and never show.
            columns = [column for column in fact["columns"] if column in self.rows_of(name)]
            if set(columns) != set(self.rows_of(name)):
                self.assertEqual(row.get("columns", []), columns, name)


if __name__ == "__main__":
    tap.main("gen/xe-facts")
