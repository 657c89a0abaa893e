#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The loader takes a good model, and complains about each thing that can be wrong with one: the small model, with one edit each."""

import ast
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
sys.path += [str(TREE / "tests/lib"), str(TREE / "gen")]

import model  # noqa: E402
import tap  # noqa: E402

MODEL = TREE / "tests/gen/model"
ANIMAL, KEEPER, WEATHER = "classes/animal.toml", "classes/keeper.toml", "classes/weather.toml"

# What is true of a broken model: file, text in it, what takes its place, and the complaint. None for a text: at the end of the file.
COMPLAINTS = {
    "toml_is_malformed": (WEATHER, "rows = false", "rows = ", f"{WEATHER}: Invalid value (at line 4, column 8)"),
    "enum_has_no_members": ("enums.toml", None, '[empty]\ndoc = "x"\n', "enums.toml: empty: has no members"),
    "enum_has_no_doc": ("enums.toml", 'doc = "kinds of fur"', "", "enums.toml: fur: 'doc' is missing"),
    "enum_member_has_no_doc": ("enums.toml", '"no fur"', '""', "enums.toml: fur: member 'none' has no doc"),
    "enum_key_is_unknown": ("enums.toml", 'since = "newer"', 'sinse = "newer"', "enums.toml: fur: key 'sinse' is unknown"),
    "error_has_no_doc": ("errors.toml", 'doc = "The animal sleeps."', "", "errors.toml: ANIMAL_ASLEEP: 'doc' is missing"),
    "error_key_is_unknown": ("errors.toml", "params = []", "parms = []", "errors.toml: ANIMAL_ASLEEP: key 'parms' is unknown"),
    "class_is_not_its_file": (WEATHER, 'class = "weather"', 'class = "climate"', f"{WEATHER}: 'class' must be 'weather'"),
    "class_has_no_doc": (WEATHER, 'doc = "A class without fields or rows."', "", f"{WEATHER}: 'doc' is missing"),
    "class_key_is_unknown": (WEATHER, "rows = false", "row = false", f"{WEATHER}: key 'row' is unknown"),
    "type_is_none": (ANIMAL, 'type = "bool"', 'type = "boolean"', f"{ANIMAL}: fields.is_tame: 'boolean' is no type"),
    "class_of_a_type_is_unknown": (ANIMAL, 'result = { type = "int"', 'result = { type = "set(record cow)"',
                                   f"{ANIMAL}: messages.count_all: class 'cow' is unknown"),
    "enum_of_a_type_is_unknown": (KEEPER, 'params.fur = { type = "enum fur"', 'params.fur = { type = "map(string,enum hair)"',
                                  f"{KEEPER}: messages.feed: params.fur: enum 'hair' is unknown"),
    "role_is_unknown": (KEEPER, 'roles = "vm-operator"', 'roles = "keeper"', f"{KEEPER}: messages.feed: role 'keeper' is unknown"),
    "guarded_map_is_unknown": ("roles.toml", '"animal.other_config"', '"animal.name_label"',
                               "roles.toml: map_keys: animal.name_label: is no map that clients write"),
    "guarded_key_is_open_inside": ("roles.toml", "{ colour =", '{ "a*b" =',
                                   "roles.toml: map_keys: animal.other_config: 'a*b': only the end of a key may be left open"),
    "role_of_a_key_is_unknown": ("roles.toml", 'colour = "vm-operator"', 'colour = "god"',
                                 "roles.toml: map_keys: animal.other_config: colour: role 'god' is unknown"),
    "role_of_a_permission_is_unknown": ("roles.toml", '"animal.tame/any" = "vm-admin"', '"animal.tame/any" = "god"',
                                        "roles.toml: permissions: animal.tame/any: role 'god' is unknown"),
    "stock_role_is_unknown": (ANIMAL, 'create = "vm-admin"', 'create = "god"', f"{ANIMAL}: role 'god' is unknown"),
    "write_role_is_unknown": (ANIMAL, 'write_roles = "vm-operator"', 'write_roles = ""',
                              f"{ANIMAL}: fields.name_label: role '' is unknown"),
    "deprecated_message_is_unknown": (ANIMAL, 'deprecated = ["get_weight"]', 'deprecated = ["get_mass"]',
                                      f"{ANIMAL}: deprecated: no message 'get_mass'"),
    "allowed_operations_have_no_enum": (KEEPER, 'type = "set(enum keeper_operations)"', 'type = "set(string)"',
                                        f"{KEEPER}: fields.allowed_operations: must be a set of an enum"),
    "field_key_is_unknown": (ANIMAL, "persistent = false", "transient = true", f"{ANIMAL}: fields.is_tame: key 'transient' is unknown"),
    "field_has_no_doc": (ANIMAL, 'doc = "how many"', "", f"{ANIMAL}: fields.legs: 'doc' is missing"),
    "qualifier_is_none": (ANIMAL, 'type = "bool"\nqualifier = "ROrun"', 'type = "bool"\nqualifier = "WO"',
                          f"{ANIMAL}: fields.is_tame: qualifier must be one of RW, ROins, ROrun"),
    "on_delete_is_none": (ANIMAL, 'on_delete = "cascade"', 'on_delete = "keep"',
                          f"{ANIMAL}: fields.keeper: on_delete must be one of null, cascade, refuse"),
    "default_is_of_another_type": (ANIMAL, "default = 1.5", 'default = "heavy"', f"{ANIMAL}: fields.weight: default 'heavy' is no float"),
    "default_bool_is_no_number": (ANIMAL, "default = 1.5", "default = true", f"{ANIMAL}: fields.weight: default True is no float"),
    "default_number_is_no_bool": (ANIMAL, "default = true", "default = 1", f"{ANIMAL}: fields.is_tame: default 1 is no bool"),
    "default_date_is_malformed": (ANIMAL, "19700101T", "1970-01-01T",
                                  f"{ANIMAL}: fields.born: default '1970-01-01T00:00:00Z' is no datetime"),
    "default_member_of_a_set_does_not_fit": (ANIMAL, 'default = ["none"]', 'default = ["none", "red"]',
                                             f"{ANIMAL}: messages.call: params.furs: default ['none', 'red'] is no set(enum fur)"),
    "default_value_of_a_map_does_not_fit": (ANIMAL, '{ class = "mammal" }', "{ class = 1 }",
                                            f"{ANIMAL}: fields.other_config: default {{'class': 1}} is no map(string,string)"),
    "default_is_no_member": (ANIMAL, 'default = "long_hair"', 'default = "bald"',
                             f"{ANIMAL}: fields.fur: default 'bald' is no member of fur"),
    "default_of_a_record": (KEEPER, 'params.notes = { type = "map(string,string)"', 'params.notes = { type = "record animal"',
                            f"{KEEPER}: messages.feed: params.notes: default {{}} is no record animal"),
    "stock_message_is_unknown": (KEEPER, 'stock = ["get_record"]', 'stock = ["get_it"]', f"{KEEPER}: stock message 'get_it' is unknown"),
    "handled_message_is_not_regular": (ANIMAL, 'handled = ["create"]', 'handled = ["create", "call"]',
                                     f"{ANIMAL}: 'call' is handled but no regular message"),
    "message_has_no_doc": (WEATHER, 'doc = "Look out of the window."', "", f"{WEATHER}: messages.get: 'doc' is missing"),
    "message_key_is_unknown": (WEATHER, "roles =", "role =", f"{WEATHER}: messages.get: key 'role' is unknown"),
    "regular_message_has_parameters": (ANIMAL, 'doc = "Let it go."', 'doc = "Let it go."\nroles = "read-only"',
                                       f"{ANIMAL}: messages.destroy: is a regular message, so 'roles' cannot be said of it"),
    "result_has_no_doc": (WEATHER, ', doc = "what one sees"', "", f"{WEATHER}: messages.get: result: 'doc' is missing"),
    "result_key_is_unknown": (WEATHER, 'doc = "what one sees"', 'doc = "x", default = ""',
                              f"{WEATHER}: messages.get: result: key 'default' is unknown"),
    "parameter_has_no_doc": (KEEPER, ', doc = "whom"', "", f"{KEEPER}: messages.feed: params.animals: 'doc' is missing"),
    "parameter_key_is_unknown": (KEEPER, 'doc = "whom"', 'doc = "whom", optional = true',
                                 f"{KEEPER}: messages.feed: params.animals: key 'optional' is unknown"),
    "parameter_without_default_follows_one_with": (
        ANIMAL, 'default = ["none"], ', "",
        f"{ANIMAL}: messages.call: params.furs: comes after a parameter with a default, so it needs one too"),
    "error_is_unknown": (KEEPER, 'errors = ["ANIMAL_ASLEEP"]', 'errors = ["RAIN"]', f"{KEEPER}: messages.feed: error 'RAIN' is unknown"),
    "derived_from_unknown_field": (KEEPER, '"animal.keeper"', '"animal.warden"',
                                   f"{KEEPER}: fields.animals: derived_from 'animal.warden' is unknown"),
    "derived_from_unknown_class": (KEEPER, '"animal.keeper"', '"cow.keeper"',
                                   f"{KEEPER}: fields.animals: derived_from 'cow.keeper' is unknown"),
    "derived_from_other_references": (KEEPER, '"animal.keeper"', '"animal.friends"',
                                      f"{KEEPER}: fields.animals: animal.friends does not store references to keeper"),
    "derived_from_derived_field": (ANIMAL, '"animal.friends"', '"animal.liked_by"',
                                   f"{ANIMAL}: fields.liked_by: animal.liked_by does not store references to animal"),
    "derived_field_is_no_set": (KEEPER, 'type = "set(animal ref)"\nqualifier', 'type = "set(keeper ref)"\nqualifier',
                                f"{KEEPER}: fields.animals: must be set(animal ref)"),
    "state_is_unknown": (KEEPER, '"Paused"]', '"Asleep"]', f"{KEEPER}: messages.feed: from_states: 'Asleep' is unknown"),
    "runs_on_is_none": (KEEPER, 'runs_on = "chosen"', 'runs_on = "moon"',
                        f"{KEEPER}: messages.feed: runs_on must be one of any, resident, chosen, named, sr, all"),
    "mark_names_nothing": (KEEPER, 'boss = "rest"', 'amount = "rest"',
                           f"{KEEPER}: messages.feed: marks: 'amount' is neither a parameter nor a field of one that holds references"),
    "marked_operation_is_unknown": (KEEPER, 'self = "feed"', 'self = "starve"',
                                    f"{KEEPER}: messages.feed: marks: keeper has no operation 'starve'"),
    "conflicting_operation_is_unknown": (KEEPER, 'conflicts = ["rest"]', 'conflicts = ["sleep"]',
                                         f"{KEEPER}: messages.feed: conflicts: no operation 'sleep'"),
    "pending_message_is_unknown": ("pending.txt", "count_all", "count_none",
                                   "pending.txt: 'animal.count_none' is no message with a handler"),
    "pending_message_is_answered_by_the_engine": ("pending.txt", "animal.count_all", "animal.destroy",
                                                  "pending.txt: 'animal.destroy' is no message with a handler"),
    "pending_is_not_sorted": ("pending.txt", None, "animal.call\n", "pending.txt: must be sorted, each name once"),
    "pending_names_one_twice": ("pending.txt", None, "animal.count_all\n", "pending.txt: must be sorted, each name once"),
}


class RecordingLoader(model.Loader):
    """Remembers which lines of the loader complained."""

    def __init__(self, folder, lines):
        super().__init__(folder)
        self.lines = lines

    def complain(self, where, what):
        super().complain(where, what)
        self.lines.add(sys._getframe(1).f_lineno)  # pylint: disable=protected-access


def complaints_about(name, text, new_text, lines):
    """What the loader says of the small model in which @new_text stands for @text."""
    with tempfile.TemporaryDirectory(prefix="xylem-gen-") as scratch:
        folder = Path(scratch) / "model"
        shutil.copytree(MODEL, folder)
        old = (folder / name).read_text(encoding="utf-8")
        assert text is None or text in old, f"{name} has no {text!r}"
        new = old + new_text if text is None else old.replace(text, new_text, 1)
        (folder / name).write_text(new, encoding="utf-8")
        try:
            RecordingLoader(folder, lines).load()
        except model.ModelError as error:
            return str(error).splitlines()
    return []


class LoaderTest(unittest.TestCase):
    def test_good_model_is_loaded(self):
        self.assertEqual(list(model.load(MODEL).classes), ["animal", "keeper", "weather"])

    def test_types_print_as_they_are_read(self):
        for text in ("int", "animal ref", "record animal", "enum fur", "set(animal ref)", "map(string,set(map(int,float)))"):
            self.assertEqual(str(model.parse_type(text)), text)

    def test_missing_file_is_a_complaint(self):
        with tempfile.TemporaryDirectory(prefix="xylem-gen-") as scratch:
            with self.assertRaises(model.ModelError) as caught:
                model.load(scratch)
        self.assertIn("roles.toml: [Errno 2]", str(caught.exception))

    def test_all_complaints_are_made_at_once(self):
        found = complaints_about(WEATHER, 'doc = "Look out of the window."\nroles = "read-only"', 'roles = "none"', set())
        self.assertEqual(found, [f"{WEATHER}: messages.get: 'doc' is missing", f"{WEATHER}: messages.get: role 'none' is unknown"])

    def test_every_complaint_of_the_loader_has_a_test(self):
        source = Path(model.__file__).read_text(encoding="utf-8")
        calls = {node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)
                 and isinstance(node.func, ast.Attribute) and node.func.attr == "complain"}
        lines = set()
        for name, text, new_text, _ in COMPLAINTS.values():
            complaints_about(name, text, new_text, lines)
        self.assertEqual(calls - lines, set(), "lines of gen/model.py")


class ComplaintTest(unittest.TestCase):
    """One case a row of COMPLAINTS."""


def add_case(row, name, text, new_text, complaint):
    """The method that tests one row."""
    def case(self):
        self.assertIn(complaint, complaints_about(name, text, new_text, set()))

    setattr(ComplaintTest, f"test_{row}", case)


for row_name, row_values in COMPLAINTS.items():
    add_case(row_name, *row_values)

if __name__ == "__main__":
    tap.main("gen/model")
