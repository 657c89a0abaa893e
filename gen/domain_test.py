#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""gen/domain.py over a tiny model: golden output, each complaint; and model/domain.toml against the interface's facts.

    gen/domain_test.py --update        writes the golden files anew; read the difference before committing it
"""

import contextlib
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
sys.path += [str(TREE / "tests/lib"), str(TREE / "gen")]

import domain  # noqa: E402
import domain_dbus  # noqa: E402
import domain_model  # noqa: E402
import tap  # noqa: E402

ZOO = TREE / "tests/gen/domain/zoo.toml"
GOLDEN = TREE / "tests/gen/domain"
MODEL = TREE / "model/domain.toml"
FACTS = TREE / "tests/data/xenopsd-facts.json"

# What is true of a broken model: text in it, what takes its place (None for the text: at the end), and the complaint.
COMPLAINTS = {
    "toml_is_malformed": ("writes = true", "writes =", "zoo: file: Invalid value (at line"),
    "section_is_unknown": (None, "[zoos.a]\n", "zoo: zoos: unknown section"),
    "type_has_no_kind": (None, '[types.x]\ndoc = "x"\n', "zoo: types.x: must be exactly one of alias, struct, variant"),
    "type_has_no_doc": ('doc = "an animal"', "", "zoo: types.Animal.t: no doc"),
    "type_key_is_unknown": ('doc = "an animal"', 'doc = "x"\nfur = 1', "zoo: types.Animal.t: unknown key 'fur'"),
    "member_key_is_unknown": ("optional = true", "optinal = true", "zoo: types.Animal.t: legs: unknown key 'optinal'"),
    "member_has_no_type": ('type = "float", ', "", "zoo: types.Animal.t: weight: no type"),
    "member_is_no_name": ("struct.tame", 'struct."a b"', "zoo: types.Animal.t: a b: not a name"),
    "type_is_unknown": ('type = "option(home)"', 'type = "option(house)"', "zoo: types.Animal.t: home: unknown type 'house'"),
    "type_is_malformed": ('type = "option(home)"', 'type = "option(home"', "zoo: types.Animal.t: home: ')' is missing after 'option(...'"),
    "type_has_too_many_arguments": ('type = "option(home)"', 'type = "option(home,mood)"',
                                    "zoo: types.Animal.t: home: 'option' takes 1 arguments, not 2"),
    "type_has_a_rest": ('type = "option(home)"', 'type = "option(home))"', "zoo: types.Animal.t: home: ')' is left over"),
    "type_begins_with_none": ('type = "option(home)"', 'type = "(home)"', "zoo: types.Animal.t: home: no type at '(home)'"),
    "struct_holds_itself": ('type = "option(home)"', 'type = "option(Animal.t)"', "zoo: types.Animal.t: holds itself"),
    "tuple_has_no_name": ('[tuples]\n"tuple(Animal.t,mood)"', '[tuples]\n"tuple(mood,mood)"',
                          "zoo: methods.Animal.feed: pair: tuple(Animal.t,mood) has no name in tuples"),
    "tuple_misses_a_member": ('members = ["animal", "mood"]', 'members = ["animal"]',
                              "zoo: tuples.tuple(Animal.t,mood): 1 member names for 2 members"),
    "method_has_no_interface": ('methods."Animal.fly"', "methods.fly", "zoo: methods.fly: a method is named Interface.method"),
    "method_has_two_results": ("out.pair",
                               'out.x = { type = "mood", doc = "x" }\nout.pair', "zoo: methods.Animal.feed: more than one result"),
    "pending_method_writes": ("pending = true", "pending = true\nwrites = true",
                              "zoo: methods.Animal.fly: pending says that nothing is done"),
    "exception_carries_a_struct": ('type = "int64" }, { name = "words"', 'type = "Animal.t" }, { name = "words"',
                                   "zoo: exceptions.Bitten: times: an exception cannot carry Animal.t"),
    "exception_argument_has_no_name": ('name = "times", ', "", "zoo: exceptions.Bitten: an argument has no name"),
}


def update():
    """Writes the golden files."""
    for name, text in domain.make(domain_model.load(str(ZOO))).items():
        (GOLDEN / f"{name}.txt").write_text(text, encoding="utf-8")


class GoldenTest(unittest.TestCase):
    maxDiff = None

    def test_outputs_are_the_golden_files(self):
        for name, text in domain.make(domain_model.load(str(ZOO))).items():
            with self.subTest(name):
                self.assertEqual(text, (GOLDEN / f"{name}.txt").read_text(encoding="utf-8"))

    def test_output_does_not_depend_on_the_run(self):
        self.assertEqual(domain.make(domain_model.load(str(MODEL))), domain.make(domain_model.load(str(MODEL))))

    def test_a_broken_model_writes_nothing(self):
        with tempfile.TemporaryDirectory(prefix="xylem-gen-") as scratch:
            broken = Path(scratch) / "broken.toml"
            broken.write_text("[types.x]\n", encoding="utf-8")
            out = Path(scratch) / "out"
            with contextlib.redirect_stderr(io.StringIO()) as said:
                status = domain.main(["domain.py", str(broken), str(out)])
            self.assertEqual(status, 1)
            self.assertIn(f"{broken}: types.x: no doc", said.getvalue())
            self.assertFalse(out.exists())


class ComplaintTest(unittest.TestCase):
    """One case a row of COMPLAINTS."""


def add_case(row, text, new_text, complaint):
    """The method that tests one row."""
    def case(self):
        source = ZOO.read_text(encoding="utf-8")
        if text is not None:
            self.assertIn(text, source)
        broken = source + new_text if text is None else source.replace(text, new_text, 1)
        with self.assertRaises(domain_model.ModelError) as caught:
            domain_model.load("zoo", broken)
        self.assertIn(complaint, str(caught.exception))

    setattr(ComplaintTest, f"test_{row}", case)


for row_name, row_values in COMPLAINTS.items():
    add_case(row_name, *row_values)


class DBusTest(unittest.TestCase):
    """What D-Bus does not take is refused before anything is made of it."""

    def zoo(self, text):
        return domain_model.load("zoo", ZOO.read_text(encoding="utf-8") + text)

    def test_depths_are_counted(self):
        for signature, expected in {"s": (0, 0), "(s)": (1, 0), "aas": (0, 2), "a(saas)a{ss}": (1, 3), "(a(i)(b(s)))": (3, 1)}.items():
            self.assertEqual(domain_dbus.depth(signature), expected, signature)

    def test_long_signatures_are_refused(self):
        members = "".join(f'struct.m{number} = {{ type = "bool", doc = "x" }}\n' for number in range(260))
        model = self.zoo(f'[types.long]\ndoc = "x"\n{members}[methods."Animal.x"]\ndoc = "x"\nout.x = {{ type = "long", doc = "x" }}\n')
        self.assertEqual(domain_dbus.complaints(model),
                         ["methods.Animal.x: the signature of its result has 262 characters, 255 are allowed"])

    def test_deep_types_are_refused(self):
        model = self.zoo(f'[methods."Animal.x"]\ndoc = "x"\nin.x = {{ type = "{"list(" * 33}string{")" * 33}", doc = "x" }}\n')
        self.assertEqual(domain_dbus.complaints(model), ["methods.Animal.x: its arguments are nested deeper than 32"])


class FactsTest(unittest.TestCase):
    """What the interface document prints is in the model with the same shape; what it does not print is marked as an addition."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.model = domain_model.load(str(MODEL))
        cls.facts = json.loads(FACTS.read_text(encoding="utf-8"))

    def shape(self, block):
        if block.kind == "alias":
            return {"kind": "alias", "type": str(block.target)}
        members = [{"name": member.name, "type": str(member.type or "unit")} for member in block.members if not member.addition]
        return {"kind": block.kind, "members" if block.kind == "struct" else "constructors": members}

    def arguments(self, members):
        return [(member.name, str(member.type)) for member in members if not member.addition]

    def test_types_have_the_document_s_shapes(self):
        printed = {name: self.shape(block) for name, block in self.model.types.items() if not block.addition}
        self.assertEqual(printed, self.facts["types"])

    def test_methods_have_the_document_s_arguments_and_results(self):
        printed = {name: (self.arguments(method.inputs), self.arguments([method.output] if method.output else []))
                   for name, method in self.model.methods.items() if not method.addition}
        facts = {name: ([(arg["name"], arg["type"]) for arg in method["in"]], [(arg["name"], arg["type"]) for arg in method["out"]])
                 for name, method in self.facts["methods"].items()}
        self.assertEqual(printed, facts)

    def test_exceptions_have_the_document_s_arguments(self):
        printed = {name: [str(arg.type) for arg in exception.args]
                   for name, exception in self.model.exceptions.items() if not exception.addition}
        self.assertEqual(printed, self.facts["exceptions"])

    def printed_arguments(self):
        """(method and argument, its type in the model, its D-Bus signature in the document) of everything the document prints."""
        for name, facts in self.facts["methods"].items():
            method = self.model.methods[name]
            known = {member.name: member.type for member in [*method.inputs, *domain_dbus.outputs(method)]}
            for argument in facts["in"] + facts["out"]:
                yield f"{name}: {argument['name']}", known[argument["name"]], argument["dbus"]

    def test_signatures_are_the_document_s(self):
        signatures = domain_dbus.Signatures(self.model)
        printed = list(self.printed_arguments())
        self.assertEqual(len(printed), 75)
        for name, of, signature in printed:
            with self.subTest(name):
                self.assertEqual(signatures.printed(of), signature)

    def test_the_bus_differs_only_where_d_bus_does_not_take_what_is_printed(self):
        signatures = domain_dbus.Signatures(self.model)
        different = {}
        for name, of, printed in self.printed_arguments():
            wire = signatures.whole(of)
            if wire != printed:
                different[name] = (printed.replace("(i())", "(i)"), wire)
        self.assertEqual(sorted(different), ["Vm.add: t", "Vm.list: VMs", "Vm.stat: state"])
        for name in ("Vm.add: t", "Vm.stat: state"):
            self.assertEqual(*different[name])
        printed, wire = different["Vm.list: VMs"]  # two types there, a list of one structure here
        self.assertEqual(f"a({printed.removeprefix('a')})", wire)

    def test_arguments_on_the_bus_are_the_document_s(self):
        signatures = domain_dbus.Signatures(self.model)
        for name, facts in self.facts["methods"].items():
            printed = "".join(argument["dbus"] for argument in facts["in"]).replace("(i())", "(i)")
            self.assertEqual(signatures.of_args(self.model.methods[name]), printed, name)

    def test_d_bus_takes_the_model(self):
        self.assertEqual(domain_dbus.complaints(self.model), [])

    def test_additions_to_printed_things_can_be_left_out(self):
        for block in self.model.types.values():
            for member in block.members:
                if member.addition and not block.addition:
                    self.assertTrue(member.optional or member.type.name == "option", f"{block.name}.{member.name}")
        for method in self.model.methods.values():
            for member in method.inputs:
                if member.addition and not method.addition:
                    self.assertTrue(member.optional or member.type.name == "option", f"{method.name}.{member.name}")


if __name__ == "__main__":
    if "--update" in sys.argv:
        update()
    else:
        tap.main("gen/domain")
