#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of the tools around the build: counting test cases, choosing tests, package lists, the guest's archive."""

import importlib.util
import shutil
import stat
import sys
import unittest
from pathlib import Path

TOOLS = Path(__file__).resolve().parent
sys.path[:0] = [str(TOOLS), str(TOOLS.parent / "tests/lib")]

import debian  # noqa: E402
import tap  # noqa: E402


def load(path):
    """A program of tools/ as a module."""
    spec = importlib.util.spec_from_file_location(Path(path).stem.replace("-", "_"), TOOLS / path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


class CountCasesTest(unittest.TestCase):
    run_tests = load("run-tests.py")

    def count(self, result, output):
        """(passed, failed, skipped)"""
        outcome = self.run_tests.count_cases("a/b", result, output)
        return outcome.passed, outcome.failed, len(outcome.skipped)

    def test_each_case_counts(self):
        self.assertEqual(self.count("FAIL", "TAP version 13\nok 1 /a\nok 2 /b # SKIP no\nnot ok 3 /c\n# x\n1..3\n"), (1, 1, 1))

    def test_crash_after_good_cases_is_a_failure(self):
        self.assertEqual(self.count("ERROR", "ok 1 /a\n"), (1, 1, 0))

    def test_time_out_is_a_failure(self):
        self.assertEqual(self.count("TIMEOUT", ""), (0, 1, 0))

    def test_program_without_cases_counts_once(self):
        self.assertEqual(self.count("OK", ""), (1, 0, 0))
        self.assertEqual(self.count("FAIL", ""), (0, 1, 0))

    def test_skipped_program_is_neither(self):
        self.assertEqual(self.count("SKIP", ""), (0, 0, 1))


class WantedTestsTest(unittest.TestCase):
    run_tests = load("run-tests.py")
    tests = [{"name": "db/table", "suite": ["xylem:unit"]}, {"name": "db/txn", "suite": ["xylem:unit"]},
             {"name": "api/vm", "suite": ["xylem:api"]}]

    def wanted(self, suite, name):
        return self.run_tests.wanted_tests(self.tests, suite, name)

    def test_nothing_asked_is_everything(self):
        self.assertEqual(self.wanted("", ""), (["db/table", "db/txn", "api/vm"], []))

    def test_suite_narrows(self):
        self.assertEqual(self.wanted("api", ""), (["api/vm"], []))
        self.assertEqual(self.wanted("api,unit", "t"), (["db/table", "db/txn"], []))

    def test_case_path_runs_its_program_with_it(self):
        self.assertEqual(self.wanted("", "/db/table/insert"), (["db/table"], ["--test-args", "-p /db/table/insert"]))

    def test_unknown_name_is_nothing(self):
        self.assertEqual(self.wanted("", "nothing"), ([], []))


class PackagesTest(unittest.TestCase):
    def test_sections_are_read(self):
        self.assertEqual(debian.read_sections("# x\n[build]\ngcc # why\n\n[run]\n"), {"build": ["gcc"], "run": []})

    def test_package_before_any_section_is_refused(self):
        with self.assertRaisesRegex(debian.DebianError, "packages.txt:1: 'gcc' stands before"):
            debian.read_sections("gcc\n")

    def test_unknown_section_is_refused(self):
        with self.assertRaisesRegex(debian.DebianError, "no section 'other'"):
            debian.packages_of(["other"])

    def test_package_is_not_needed_where_its_command_is(self):
        entries = debian.packages_of(["test"])
        self.assertTrue(all(" " not in entry for entry in entries), entries)
        self.assertEqual("nodejs" in entries, shutil.which("node") is None)

    def test_no_package_stands_twice(self):
        sections = debian.read_sections(debian.PACKAGES.read_text(encoding="utf-8"))
        packages = [package for packages in sections.values() for package in packages]
        self.assertEqual(len(packages), len(set(packages)))


class GuestArchiveTest(unittest.TestCase):
    build = load("guest/build.py")

    def test_archive_has_the_kernel_s_format(self):
        archive = self.build.Archive()
        archive.add("bin", stat.S_IFDIR | 0o755)
        archive.add("bin/sh", stat.S_IFREG | 0o755, b"12345")
        data = archive.finish()
        self.assertEqual(len(data) % 4, 0)
        self.assertEqual(data[:6], b"070701")
        self.assertEqual(int(data[14:22], 16), stat.S_IFDIR | 0o755)
        self.assertIn(b"bin/sh\0", data)
        self.assertIn(b"12345\0\0\0" b"070701", data)
        self.assertIn(b"TRAILER!!!\0", data)


if __name__ == "__main__":
    tap.main("tools/run")
