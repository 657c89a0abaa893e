#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of the tools that look at the sources: each rule finds what it is for, and leaves good sources alone."""

import importlib.util
import sys
import tempfile
import unittest
from pathlib import Path

TOOLS = Path(__file__).resolve().parent
sys.path[:0] = [str(TOOLS), str(TOOLS.parent / "tests/lib")]

import tap  # noqa: E402

LICENCE = "/* SPDX-License-Identifier: LGPL-2.1-or-later */\n"
OPENING = LICENCE + "/* What this is for. */\n"


def load(name):
    """A program of tools/ as a module; their names have hyphens."""
    spec = importlib.util.spec_from_file_location(name.replace("-", "_"), TOOLS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TreeTest(unittest.TestCase):
    """A small tree to look at."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = Path(scratch.name)

    def write(self, path, text):
        """Puts a file into the tree."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def rules(self, module):
        """(rule, path, line) of all complaints."""
        return [(complaint.rule, complaint.path, complaint.line) for complaint in module.check(str(self.root))]


class CheckLayersTest(TreeTest):
    checker = load("check-layers")

    def setUp(self):
        super().setUp()
        self.write("src/layers.txt", "# comment\nbase:\nvalue: base\n")

    def test_downward_include_passes(self):
        self.write("src/value/a.c", '#include "value/a.h"\n#include "base/b.h"\n#include <stdio.h>\n')
        self.assertEqual(self.rules(self.checker), [])

    def test_upward_include_is_reported(self):
        self.write("src/base/a.c", '#include "value/a.h"\n')
        self.assertEqual(self.rules(self.checker), [("include-points-downwards", "src/base/a.c", 1)])

    def test_unknown_folder_is_reported(self):
        self.write("src/base/a.c", '\n#include "other/a.h"\n')
        self.assertEqual(self.rules(self.checker), [("include-points-downwards", "src/base/a.c", 2)])

    def test_include_without_folder_is_reported(self):
        self.write("src/base/a.c", '#include "a.h"\n#include "../value/a.h"\n')
        self.assertEqual([rule for rule, _, _ in self.rules(self.checker)], ["include-path-starts-at-src"] * 2)

    def test_layer_that_includes_upwards_is_reported(self):
        self.write("src/layers.txt", "base: value\nvalue: base\n")
        self.assertEqual(self.rules(self.checker), [("layers-file-is-consistent", "src/layers.txt", 1)])


class CheckStyleTest(TreeTest):
    checker = load("check-style")

    def rules(self, module):
        """Without the layout: most texts here are not worth laying out."""
        return [found for found in super().rules(module) if found[0] != "clang-format"]

    def test_good_file_passes(self):
        self.write("a.c", OPENING + "int\nmain(void)\n{\n    return 0;\n}\n")
        self.write("b.py", '#!/usr/bin/env python3\n# SPDX-License-Identifier: LGPL-2.1-or-later\n"""What it does."""\n')
        self.assertEqual(self.rules(self.checker), [])

    def test_missing_licence_is_reported(self):
        self.write("a.c", "/* What this is for. */\n")
        self.write("b.sh", "#!/bin/sh\necho\n")
        self.assertEqual(self.rules(self.checker), [("licence-line", "a.c", 1), ("licence-line", "b.sh", 2)])

    def test_missing_opening_comment_is_reported(self):
        self.write("a.c", LICENCE + "int a;\n")
        self.assertEqual(self.rules(self.checker), [("opening-comment", "a.c", 2)])

    def test_long_file_is_reported(self):
        self.write("a.c", OPENING + "\n" * 799)
        self.assertEqual(self.rules(self.checker), [("file-length", "a.c", 0)])

    def test_long_function_is_reported(self):
        self.write("a.c", OPENING + "static int\nlong_one(void)\n{\n" + "    ;\n" * 59 + "}\n")
        self.write("b.c", OPENING + "static int\nshort_one(void)\n{\n" + "    ;\n" * 58 + "}\n")
        self.assertEqual(self.rules(self.checker), [("function-length", "a.c", 5)])

    def test_long_python_function_is_reported(self):
        self.write("a.py", '# SPDX-License-Identifier: LGPL-2.1-or-later\n"""Doc."""\ndef f():\n' + "    pass\n" * 60)
        self.assertEqual(self.rules(self.checker), [("function-length", "a.py", 3)])

    def test_fourth_level_of_nesting_is_reported(self):
        body = "".join("    " * level + f"if ({level})\n" for level in range(1, 5))
        self.write("a.c", OPENING + "int\nmain(void)\n{\n" + body + " " * 20 + "return 0;\n}\n")
        self.assertEqual(self.rules(self.checker), [("nesting", "a.c", 9)])

    def test_tab_and_trailing_blank_are_reported(self):
        self.write("a.md", "a\tb\nc \n")
        self.assertEqual(self.rules(self.checker), [("tabs-and-blanks", "a.md", 1), ("tabs-and-blanks", "a.md", 2)])

    def test_unfinished_word_is_reported(self):
        self.write("a.md", "This is a FIX" + "ME.\n")
        self.assertEqual(self.rules(self.checker), [("unfinished-words", "a.md", 1)])

    def test_unknown_address_is_reported(self):
        self.write("a.md", "https:/" "/mirror.company.lan/x\nhttp://www.example.org https://127.0.0.1:8443/\n")
        self.assertEqual(self.rules(self.checker), [("addresses", "a.md", 1)])

    def test_home_path_is_reported(self):
        self.write("a.md", "/ho" + "me/somebody/x\n/var/lib/xylem\n")
        self.assertEqual(self.rules(self.checker), [("machine-paths", "a.md", 1)])

    def test_build_folder_and_binary_are_left_alone(self):
        self.write("build-x/a.c", "int a;\n")
        (self.root / "picture.c").write_bytes(b"\xff\xfe\t")
        self.assertEqual(self.rules(self.checker), [])


class CheckDocsTest(TreeTest):
    checker = load("check-docs")

    def test_commented_functions_pass(self):
        self.write("a.h", "/** a_find: the one called @name. */\nconst A *const *a_find(const char *name);\n\n"
                          "/* What a list can do. */\nvoid a_add(A *a);\nvoid a_drop(A *a,\n            int b);\n\nvoid a_free(A *a);\n")
        self.assertEqual(self.rules(self.checker), [])

    def test_function_without_comment_is_reported(self):
        self.write("a.h", "typedef struct A A;\n\nint a_count(A *a);\n")
        self.assertEqual(self.rules(self.checker), [("public-function-has-comment", "a.h", 3)])

    def test_comment_on_another_name_is_reported(self):
        self.write("a.h", "/**\n * a_number:\n *\n * How many.\n */\nint a_count(A *a);\n")
        self.assertEqual(self.rules(self.checker), [("comment-names-its-function", "a.h", 2)])

    def test_dead_link_is_reported(self):
        self.write("docs/a.md", "[here](b.md) [there](c.md#part) [away](https://example.org)\n")
        self.write("docs/b.md", "")
        self.assertEqual(self.rules(self.checker), [("document-links-exist", "docs/a.md", 1)])

    def test_unverified_marks_are_listed(self):
        self.write("a.c", "/* Unverified: the second word. */\n")
        self.assertEqual(list(self.checker.unverified(str(self.root))), [("a.c", 1, "the second word.")])


if __name__ == "__main__":
    tap.main("tools/check")
