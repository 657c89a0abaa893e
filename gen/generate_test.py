#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What gen/generate.py makes of a small model (tests/gen/model) is what tests/gen/golden has.

    gen/generate_test.py --update      writes the golden files anew; read the difference before committing it
"""

import contextlib
import io
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
sys.path += [str(TREE / "tests/lib"), str(TREE / "gen")]

import generate  # noqa: E402
import tap  # noqa: E402

MODEL = TREE / "tests/gen/model"
GOLDEN = TREE / "tests/gen/golden"
# What handlers see of the dispatcher. The real header knows the real model.
RPC_H = """#include "model/model.h"
typedef struct ApiCall ApiCall;
typedef gboolean (*RpcHandler)(ApiCall *call, Value *const *params, Value **ret_value, GError **error);
"""
HANDLER_FILES = ("handlers.h", "handlers.c")


def golden(name):
    """The file that holds the output called @name. It ends otherwise, because rules for C that people write are not for it."""
    return GOLDEN / f"{name}.txt"


def run(arguments):
    """generate.py's main(): its status and what it says on standard error."""
    with contextlib.redirect_stderr(io.StringIO()) as said:
        status = generate.main([str(argument) for argument in arguments])
    return status, said.getvalue()


class GoldenTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="xylem-gen-")
        self.addCleanup(scratch.cleanup)
        self.out = Path(scratch.name)

    def test_every_output_has_a_golden_file_and_no_more_are_there(self):
        self.assertEqual(sorted(path.name for path in GOLDEN.iterdir()), sorted(golden(name).name for name in generate.OUTPUTS))

    def test_outputs_are_the_golden_files(self):
        self.assertEqual(run(["--model", MODEL, "--out", self.out, *generate.OUTPUTS]), (0, ""))
        for name in generate.OUTPUTS:
            with self.subTest(name):
                self.assertEqual((self.out / name).read_text(encoding="utf-8"), golden(name).read_text(encoding="utf-8"))

    def test_only_what_is_asked_for_is_written(self):
        run(["--model", MODEL, "--out", self.out, "enums.h"])
        self.assertEqual([path.name for path in self.out.iterdir()], ["enums.h"])

    def test_faulty_model_writes_nothing_and_says_what_is_wrong(self):
        faulty = self.out / "faulty"
        shutil.copytree(MODEL, faulty)
        (faulty / "pending.txt").write_text("no.such\n", encoding="utf-8")
        status, said = run(["--model", faulty, "--out", self.out, "enums.h"])
        self.assertEqual((status, said), (1, "pending.txt: 'no.such' is no message with a handler\n"))
        self.assertFalse((self.out / "enums.h").exists())

    def test_golden_c_compiles_without_warnings(self):
        for name in generate.OUTPUTS:
            folder = self.out / ("api" if name in HANDLER_FILES else "model")
            folder.mkdir(exist_ok=True)
            shutil.copy(golden(name), folder / name)
        (self.out / "rpc").mkdir()
        (self.out / "rpc/rpc.h").write_text(RPC_H, encoding="utf-8")
        flags = subprocess.run(["pkg-config", "--cflags", "gio-2.0"], stdout=subprocess.PIPE, text=True, check=True).stdout
        sources = sorted(self.out.glob("*/*.c"))
        result = subprocess.run(
            [*shlex.split(os.environ.get("CC", "cc")), "-std=gnu11", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wstrict-prototypes",
             "-Wmissing-prototypes", "-Wno-missing-field-initializers", "-Wno-unused-parameter", f"-I{self.out}",
             f"-I{TREE / 'src'}", *shlex.split(flags), *sources],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn("classes.c", [source.name for source in sources])


def update():
    """Writes all golden files."""
    GOLDEN.mkdir(exist_ok=True)
    for path in GOLDEN.iterdir():
        path.unlink()
    loaded = generate.model.load(MODEL)
    for name, emit in generate.OUTPUTS.items():
        golden(name).write_text(emit(loaded), encoding="utf-8")


if __name__ == "__main__":
    if "--update" in sys.argv:
        update()
    else:
        tap.main("gen/generate")
