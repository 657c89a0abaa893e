#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What gen/cli.py makes of a small table over the zoo (tests/gen/cli) is what is beside it; and each of its complaints.

    gen/cli_test.py --update      writes the golden files anew; read the difference before committing it
"""

import contextlib
import io
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
sys.path += [str(TREE / "tests/lib"), str(TREE / "gen")]

import cli  # noqa: E402
import tap  # noqa: E402

MODEL = TREE / "tests/gen/model"
TABLES = TREE / "tests/gen/cli"

FIELD = '[classes.animal]\nmodel = "animal"\n[classes.animal.fields]\nx = {{ {} }}\n'
COMMAND = '[commands.x]\nrequired = ["uuid"]\noptional = []\nhelp = "h"\n{}\n'

# A table, and what is wrong with it.
COMPLAINTS = [
    ("[nonsense]", "nonsense: no such block"),
    ('[classes.x]\nmodel = "dragon"', "classes.x: the model has no class 'dragon'"),
    ('[classes.x]\nmodel = "animal"\nwings = 2', "classes.x: unknown key 'wings'"),
    ('[classes.x]\nmodel = "animal"\nfields_of = "y"', "classes.x: fields_of: no class 'y' with fields"),
    ('[classes.x]\nmodel = "animal"\ncolumns = ["y"]', "classes.x: column 'y' is no field"),
    ('[classes.x]\nmodel = "animal"\nfilter = { y = "1" }', "classes.x: filter 'y' is no field"),
    ('[classes.x]\nmodel = "animal"\nonly = "legs"', "classes.x: only: the model has no set 'legs'"),
    (FIELD.format('path = "wings"'), "classes.animal.fields.x: the model has no such field (newer = true skips it)"),
    (FIELD.format('path = "legs.uuid"'), "classes.animal.fields.x: the model has no such field (newer = true skips it)"),
    (FIELD.format('template = "{wings}"'), "classes.animal.fields.x: the model has no such field (newer = true skips it)"),
    (FIELD.format('call = "animal.fly"'), "classes.animal.fields.x: the model has no such field (newer = true skips it)"),
    (FIELD.format('path = "legs", call = "x"'),
     "classes.animal.fields.x: more than one of path, template, call, source, special"),
    (FIELD.format('path = "legs", colour = 1'), "classes.animal.fields.x: unknown key 'colour'"),
    (FIELD.format('path = "legs", kind = "bag"'), "classes.animal.fields.x: kind 'bag' is none of string, set, map"),
    (FIELD.format('path = "legs", kind = "set"'), "classes.animal.fields.x: kind set, but the model says int"),
    (FIELD.format('path = "legs", kind = "map"'), "classes.animal.fields.x: kind map, but the model says int"),
    (FIELD.format('path = "legs", access = "WO"'), "classes.animal.fields.x: access 'WO' is neither RO nor RW"),
    (FIELD.format('path = "is_tame", access = "RW"'), "classes.animal.fields.x: access RW, but no message of the model sets it"),
    (FIELD.format('path = "legs", access = "RW", put = "animal.fly"'),
     "classes.animal.fields.x: put: the model has no message 'animal.fly'"),
    ('[spellings.keeper_operations]\nfeathers = "f"', "spellings.keeper_operations: the enum has no member 'feathers'"),
    ('[commands.x]\nrequired = []', "commands.x: needs 'optional'"),
    (COMMAND.format(""), "commands.x: needs one of call, handler, lacks"),
    (COMMAND.format('handler = "y"\nflags = ["shiny"]'), "commands.x: unknown flag 'shiny'"),
    (COMMAND.format('handler = "y"\nallow = ["cats"]'), "commands.x: allow: 'cats' is none of templates, control-domains"),
    (COMMAND.format('handler = "y"\nprint = "loud"'),
     "commands.x: print 'loud' is none of none, uuid, value, text, table, records, field F"),
    (COMMAND.format('handler = "y"\none_of = ["z"]'), "commands.x: 'z' is neither required nor optional"),
    (COMMAND.format('call = "animal.fly(uuid)"'), "commands.x: the model has no message 'animal.fly' (lacks = says so to who runs it)"),
    (COMMAND.format('lacks = "animal.destroy"'), "commands.x: the model has a message 'animal.destroy' now: say how to call it"),
    (COMMAND.format('lacks = "animal.fly"\nhandler = "y"'), "commands.x: needs one of call, handler, lacks"),
    ('[classes.x]\nlacks = "animal"', "classes.x: the model has a class 'animal' now"),
    ('[classes.x]\nlacks = "dragon"\n[classes.x.fields]\ny = { kind = "bag" }',
     "classes.x.fields.y: kind 'bag' is none of string, set, map"),
    (COMMAND.format('call = "animal(fly"'), "commands.x: cannot read the call 'animal(fly'"),
    (COMMAND.format('call = "animal.destroy()"'), "commands.x: animal.destroy takes 1 parameters, not 0"),
    (COMMAND.format('call = "animal.destroy(other)"'), "commands.x: 'other' is neither required nor optional"),
    (COMMAND.format('call = "animal.destroy(@)"'), "commands.x: uses @ but has no selectors"),
    (COMMAND.format('call = "animal.destroy(uuid=@moon)"'), "commands.x: '@moon' is none of @master, @pool, @null, @default-sr"),
    (COMMAND.format('call = "animal.destroy"\nrecord = { legs = "=4" }'), "commands.x: animal.destroy takes no record alone"),
    (COMMAND.format('call = "animal.create"\nrecord = { wings = "=4" }'), "commands.x: record: animal has no field 'wings'"),
    (COMMAND.format('call = "animal.destroy(uuid)"\nthen = { set_legs = "uuid" }'),
     "commands.x: then: no message 'set_legs' of what animal.destroy makes"),
]


def write_model(folder, tables):
    """The zoo with these tables of commands in @folder."""
    model = Path(folder) / "model"
    shutil.copytree(MODEL, model)
    (model / "cli.toml").write_text(tables, encoding="utf-8")
    return model


def golden(name):
    """The file that holds the output called @name."""
    return TABLES / f"{name}.txt"


def outputs():
    """Every output for the tables beside the golden files, by name."""
    with tempfile.TemporaryDirectory(prefix="xylem-gen-") as scratch:
        model = write_model(scratch, (TABLES / "cli.toml").read_text(encoding="utf-8"))
        loaded = cli.load(model)
        return {name: make(loaded) for name, make in cli.OUTPUTS.items()}


class CliTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="xylem-gen-")
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)

    def run_on(self, tables):
        """cli.py's main() on the zoo with these tables: its status and what it says."""
        model = write_model(self.scratch, tables)
        out = self.scratch / "out"
        out.mkdir()
        with contextlib.redirect_stderr(io.StringIO()) as said:
            status = cli.main(["--model", str(model), "--out", str(out)])
        return status, said.getvalue(), sorted(path.name for path in out.iterdir())

    def test_outputs_are_the_golden_files(self):
        for name, text in outputs().items():
            with self.subTest(name):
                self.assertEqual(text, golden(name).read_text(encoding="utf-8"))

    def test_newer_fields_are_skipped_where_the_model_lacks_them(self):
        self.assertNotIn("wings", outputs()["tables.c"])

    def test_what_the_model_lacks_is_said(self):
        text = outputs()["tables.c"]
        self.assertIn('.lacks = "animal.fly"', text)
        self.assertIn('{"dragon", "dragons", -1, "dragon"', text)

    def test_the_second_file_is_read_too(self):
        model = write_model(self.scratch, "")
        (model / "cli-lacking.toml").write_text('[commands.x]\nrequired = []\n', encoding="utf-8")
        with self.assertRaisesRegex(cli.CliError, "cli-lacking.toml: commands.x: needs 'optional'"):
            cli.load(model)

    def test_a_block_in_both_files_is_refused(self):
        model = write_model(self.scratch, COMMAND.format('handler = "y"'))
        (model / "cli-lacking.toml").write_text(COMMAND.format('lacks = "animal.fly"'), encoding="utf-8")
        with self.assertRaisesRegex(cli.CliError, "cli-lacking.toml: commands.x: cli.toml has it too"):
            cli.load(model)

    def test_faulty_table_writes_nothing_and_says_what_is_wrong(self):
        self.assertEqual(self.run_on('[nonsense]\n[more]\n')[2], [])

    def test_good_table_is_written(self):
        self.assertEqual(self.run_on(""), (0, "", ["handlers.h", "tables.c"]))

    def test_the_real_table_is_without_complaint(self):
        loaded = cli.load(TREE / "model")
        self.assertGreater(len(loaded.classes), 30)
        self.assertGreater(len(loaded.commands), 150)


def complaint_test(tables, wanted):
    """A test that @tables get the complaint @wanted."""

    def test(self):
        status, said, _ = self.run_on(tables)
        self.assertEqual(status, 1)
        self.assertIn(f"cli.toml: {wanted}\n", said)

    return test


for number, (case_tables, case_wanted) in enumerate(COMPLAINTS):
    setattr(CliTest, f"test_complaint_{number:02}_{''.join(c if c.isalnum() else '_' for c in case_wanted)[:60]}",
            complaint_test(case_tables, case_wanted))


def update():
    """Writes all golden files."""
    for name, text in outputs().items():
        golden(name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if "--update" in sys.argv:
        update()
    else:
        tap.main("gen/cli")
