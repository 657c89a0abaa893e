# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs unittest cases and prints TAP, so that meson and tools/run-tests.py count each of them."""

import re
import sys
import time
import traceback
import unittest


class TapResult(unittest.TestResult):
    """Prints one line a test as it ends; what went wrong follows as comments."""

    def __init__(self, stream, prefix):
        super().__init__()
        self.prefix = prefix
        self.out = stream
        self.number = 0
        self.started = 0.0
        self.has_failed_subtest = False

    def line(self, word, test, note=""):
        """One line of TAP: the test's path is its module, class and method, in words."""
        self.number += 1
        print(f"{word} {self.number} {self.prefix}{describe(test)}{note}", file=self.out, flush=True)

    def explain(self, error):
        """An exception as comments."""
        for line in "".join(traceback.format_exception(*error)).splitlines():
            print(f"# {line}", file=self.out, flush=True)

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()
        self.has_failed_subtest = False

    def addSuccess(self, test):
        super().addSuccess(test)
        self.line("ok", test)
        seconds = time.monotonic() - self.started
        if seconds >= 1:
            print(f"# took {seconds:.1f} s", file=self.out, flush=True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.line("not ok", test)
        self.explain(err)

    def addError(self, test, err):
        super().addError(test, err)
        self.line("not ok", test)
        self.explain(err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.line("not ok", subtest)
            self.explain(err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line("ok", test, f" # SKIP {reason}")


def comment(text=""):
    """Lines that are no results."""
    print("\n".join(f"# {line}" for line in str(text).splitlines() or [""]), flush=True)


def describe(test):
    """"/check_style/long_line_is_reported" of CheckStyleTest.test_long_line_is_reported."""
    # A failed set-up of a class is no case of its own: "setUpClass (__main__.VmTest)".
    words = re.sub(r"(\w+) \((.*)\)", r"\2.\1", test.id()).split(".")
    name = words[-1].removeprefix("test_").replace("_", "-").replace("#", "")
    kind = words[-2] if len(words) > 1 else words[0]
    kind = "".join("-" + letter.lower() if letter.isupper() else letter for letter in kind.removesuffix("Test")).strip("-")
    return f"/{kind}/{name}"


def selected(suite, wanted):
    """The cases of @suite whose path begins with @wanted."""
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from selected(item, wanted)
        elif describe(item).startswith(wanted):
            yield item


def main(program):
    """Runs all cases of the program called @program in meson, or those whose path begins as -p says; leaves with 1 if any failed."""
    prefix = f"/{program}"
    arguments = sys.argv[1:]
    wanted = arguments[arguments.index("-p") + 1] if "-p" in arguments[:-1] else ""
    cases = list(selected(unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]), wanted.removeprefix(prefix)))
    result = TapResult(sys.stdout, prefix)
    print("TAP version 13", flush=True)
    unittest.TestSuite(cases).run(result)
    print(f"1..{result.number}", flush=True)
    sys.exit(0 if result.wasSuccessful() and result.number > 0 else 1)
