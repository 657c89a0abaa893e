#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The model holds all that the API reference says, in the same shape; what it has beyond is marked newer.

tests/data/xenapi-facts.json has the reference's classes, fields, messages, enums, relations and errors; newer-facts.json the shapes of what
came later; roles-facts.json who may call what.
"""

import json
import sys
import unittest
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent.parent
sys.path += [str(TREE / "tests/lib"), str(TREE / "gen")]

import model  # noqa: E402
import tap  # noqa: E402

# The facts tell by wording only whether a message is regular; these name the kinds as the model does.
KINDS = {"custom": "CUSTOM", "getter": "GETTER", "setter": "SETTER", "adder": "ADDER", "remover": "REMOVER"}
WHERE = ("get_all_where", "get_all_records_where")
# Storage plugins' back-calls: the reference keeps them out of its published list of roles.
INTERNAL = {"SR.set_physical_utilisation", "SR.set_virtual_allocation", "VDI.db_forget", "VDI.db_introduce", "VDI.set_is_a_snapshot",
            "VDI.set_managed", "VDI.set_metadata_of_pool", "VDI.set_missing", "VDI.set_physical_utilisation", "VDI.set_snapshot_of",
            "VDI.set_snapshot_time", "VDI.set_virtual_size"}
# Relations of a set to itself: there is no other side that could be read from an index.
SELF_RELATIONS = {"role.subroles", "subject.roles"}


def load_facts(name):
    """tests/data/@name."""
    return json.loads((TREE / "tests/data" / name).read_text(encoding="utf-8"))


class Case(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.model = model.load(TREE / "model")

    def messages(self):
        """(full name, Message) of every class."""
        for cls in self.model.classes.values():
            for message in cls.messages.values():
                yield f"{cls.name}.{message.name}", message


def field_shape(field):
    """As in the facts."""
    return [field.qualifier, str(field.type)]


def message_shape(message):
    """As in the facts, where what is usual is left out."""
    kinds = {there: here for here, there in KINDS.items()}
    shape = {"kind": kinds.get(message.kind, message.kind.lower()), "params": [[p.name, str(p.type)] for p in message.params],
             "result": str(message.result)}
    shape |= {"errors": list(message.errors)} if message.errors else {}
    shape |= {"session": False} if not message.session else {}
    shape |= {"deprecated": True} if message.deprecated else {}
    return shape


class ReferenceTest(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.facts = load_facts("xenapi-facts.json")

    def test_facts_are_complete(self):
        classes = self.facts["classes"].values()
        counts = [len(classes), sum(len(c["fields"]) for c in classes), sum(len(c["messages"]) for c in classes),
                  len(self.facts["enums"]), len(self.facts["relations"]), len(self.facts["errors"])]
        self.assertEqual(counts, [46, 606, 1335, 34, 46, 375])

    def test_classes_are_the_same(self):
        known = [cls.name for cls in self.model.classes.values() if not cls.internal]
        self.assertEqual(sorted(known), sorted(self.facts["classes"]))

    def test_internal_classes_are_out_of_reach(self):
        for cls in self.model.classes.values():
            if cls.internal:
                self.assertEqual((dict(cls.messages), cls.events), ({}, False), cls.name)

    def test_every_field_has_its_shape(self):
        for name, facts in self.facts["classes"].items():
            known = {field.name: field_shape(field) for field in self.model.classes[name].fields.values() if not field.newer}
            self.assertEqual(known, facts["fields"], name)

    def test_every_message_has_its_shape(self):
        for name, facts in self.facts["classes"].items():
            known = {m.name: message_shape(m) for m in self.model.classes[name].messages.values() if not m.newer}
            self.assertEqual(sorted(known), sorted(facts["messages"]), name)
            for message, shape in facts["messages"].items():
                self.assertEqual(known[message], shape, f"{name}.{message}")

    def test_every_enum_has_its_members(self):
        known = {name: members for name, members in self.model.enums.items() if name not in self.model.newer_enums}
        self.assertEqual(known, self.facts["enums"])

    def test_every_error_has_its_parameters(self):
        known = {code: params for code, (params, _) in self.model.errors.items() if code not in self.model.newer_errors}
        self.assertEqual(known, self.facts["errors"])

    def field(self, path):
        """The Field called "VM.VBDs"."""
        name, _, field = path.partition(".")
        return self.model.classes[name].fields[field]

    def test_one_to_many_is_stored_at_the_one_and_read_from_the_other(self):
        for one, many, kind in self.facts["relations"]:
            if kind == "one-to-many":
                self.assertEqual(self.field(one).type.kind, "ref", one)
                self.assertIsNone(self.field(one).derived_from, one)
                self.assertEqual(self.field(many).derived_from, one)

    def test_many_to_many_is_stored_on_one_side_only(self):
        for left, right, kind in self.facts["relations"]:
            if kind != "one-to-many" and left not in SELF_RELATIONS:
                self.assertEqual(kind, "many-to-many")
                self.assertEqual([self.field(left).derived_from, self.field(right).derived_from], [None, left])

    def test_relations_to_itself_are_plain_sets(self):
        found = {left for left, right, _ in self.facts["relations"] if left == right}
        self.assertEqual(found, SELF_RELATIONS)
        for path in found:
            self.assertEqual([str(self.field(path).type), self.field(path).derived_from], ["set(role ref)", None])

    def test_nothing_is_derived_but_relations(self):
        sides = {side for left, right, _ in self.facts["relations"] for side in (left, right)}
        derived = {f"{cls.name}.{field.name}" for cls in self.model.classes.values() for field in cls.fields.values() if field.derived_from}
        self.assertEqual(derived - sides, {"PIF.VLAN_master_of"} & derived)


class NewerTest(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.facts = load_facts("newer-facts.json")

    def test_newer_fields_have_the_shape_of_today(self):
        known = {f"{cls.name}.{field.name}": field_shape(field) for cls in self.model.classes.values()
                 for field in cls.fields.values() if field.newer}
        self.assertEqual(known, self.facts["fields"])

    def test_newer_messages_have_the_shape_of_today(self):
        known = {}
        for name, message in self.messages():
            if message.newer and message.kind == "CUSTOM":
                known[name] = {key: value for key, value in message_shape(message).items() if key in ("params", "result")}
        self.assertEqual(known, self.facts["messages"])

    def test_other_newer_messages_belong_to_newer_fields_or_are_where(self):
        for name, message in self.messages():
            if message.newer and message.kind != "CUSTOM":
                newer_field = message.field and self.model.classes[name.split(".")[0]].fields[message.field].newer
                self.assertTrue(newer_field or message.name in WHERE, name)


class RolesTest(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.facts = load_facts("roles-facts.json")

    def test_roles_are_in_order_of_privilege(self):
        self.assertEqual(list(self.model.roles), self.facts["roles"])

    def test_every_message_needs_its_role(self):
        least = self.facts["least_role"]
        wrong = {name: (message.role, least[name]) for name, message in self.messages() if name in least and message.role != least[name]}
        self.assertEqual(wrong, {})

    def test_unpublished_messages_are_internal_or_companions_of_others(self):
        unpublished = {name: message for name, message in self.messages() if name not in self.facts["least_role"]}
        companions = {name for name, message in unpublished.items() if message.name in WHERE}
        self.assertEqual(set(unpublished) - companions, INTERNAL)
        self.assertEqual({unpublished[name].role for name in INTERNAL}, {"internal"})
        for name in companions:
            base = name.removesuffix("_where")
            self.assertEqual(unpublished[name].role, self.facts["least_role"][base], name)

    def test_no_other_message_is_internal(self):
        internal = {name for name, message in self.messages() if message.role == "internal"}
        self.assertEqual(internal - INTERNAL, {name for name, role in self.facts["least_role"].items() if role == "internal"})

    def test_map_keys_need_their_roles(self):
        self.assertEqual(self.model.map_keys, self.facts["map_keys"])


if __name__ == "__main__":
    tap.main("gen/facts")
