#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the tests of a build tree and ends with a line "N passed, N failed" that counts test cases, not programs.

    tools/run-tests.py --build build-check [--suite unit] [--test db/table] [--slower 10]

--test takes part of a test program's name, or one case's whole path ("db/table/insert-refuses-duplicate-uuid").
"""

import argparse
import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

CASE = re.compile(r"^(?P<result>ok|not ok)\b\s*\d*\s*-?\s*(?P<name>[^#]*?)\s*(?:#\s*(?P<note>SKIP\b.*))?$", re.IGNORECASE)
OUTPUT_LINES = 200  # of a failing program


@dataclass
class Outcome:
    """What one test program, or all of them, came to."""
    passed: int = 0
    failed: int = 0
    skipped: list = field(default_factory=list)

    def add(self, other):
        """Sums up."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped


def count_cases(name, result, output):
    """The outcome of one program. A program that fails as a whole (crash, leak, time-out) is one failure more."""
    outcome = Outcome()
    for line in output.splitlines():
        case = CASE.match(line)
        if case is None:
            continue
        if case["note"]:
            outcome.skipped.append(f"{name}: {case['name']}: {case['note'][4:].strip()}")
        elif case["result"].lower() == "ok":
            outcome.passed += 1
        else:
            outcome.failed += 1
    if result == "SKIP" and not outcome.skipped:
        outcome.skipped.append(name)
    elif result in ("OK", "EXPECTEDFAIL") and outcome.passed + len(outcome.skipped) == 0:
        outcome.passed = 1  # a program without cases of its own
    elif result not in ("OK", "EXPECTEDFAIL", "SKIP") and outcome.failed == 0:
        outcome.failed = 1
    return outcome


def wanted_tests(tests, suite, wanted):
    """(names to run, test arguments) among meson's list of @tests."""
    suites = {name for name in suite.split(",") if name}
    tests = [test for test in tests if not suites or suites & {entry.split(":")[-1] for entry in test["suite"]}]
    if not wanted:
        return [test["name"] for test in tests], []
    wanted = wanted.strip("/")
    names = [test["name"] for test in tests if wanted in test["name"]]
    if names:
        return names, []
    # One case of a program: the program's name is the beginning of the path.
    names = [test["name"] for test in tests if wanted.startswith(test["name"] + "/")]
    return names, ["--test-args", f"-p /{wanted}"] if names else []


def read_log(path):
    """meson's log: one JSON object a line, one line a program."""
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def show_failure(entry):
    """A failing program's output, the end of it if it is long."""
    print(f"\n---- {entry['name']}: {entry['result']} (exit status {entry['returncode']})")
    lines = (entry.get("stdout", "") + entry.get("stderr", "")).splitlines()
    if len(lines) > OUTPUT_LINES:
        print(f"[{len(lines) - OUTPUT_LINES} lines left out; all of it is in meson-logs/testlog.txt]")
    print("\n".join(lines[-OUTPUT_LINES:]))


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--suite", default="")
    parser.add_argument("--test", default="")
    parser.add_argument("--slower", type=int, default=1, help="how much slower than usual the build is: time limits are so much longer")
    options = parser.parse_args()

    tests = json.loads(subprocess.run(["meson", "introspect", "--tests", options.build], stdout=subprocess.PIPE, check=True).stdout)
    names, arguments = wanted_tests(tests, options.suite, options.test)
    if not names:
        print(f"no test is called like SUITE={options.suite} TEST={options.test}")
        print("0 passed, 1 failed")
        return 1
    log = Path(options.build) / "meson-logs/testlog.json"
    log.unlink(missing_ok=True)
    limits = ["--timeout-multiplier", str(options.slower)]
    subprocess.run(["meson", "test", "-C", options.build, "--no-rebuild", *limits, *arguments, *sorted(set(names))], check=False)

    total = Outcome()
    entries = read_log(log) if log.exists() else []
    for entry in entries:
        outcome = count_cases(entry["name"], entry["result"], entry.get("stdout", ""))
        total.add(outcome)
        if outcome.failed > 0:
            show_failure(entry)
    total.failed += max(0, len(set(names)) - len(entries))  # programs that meson never ran
    for line in total.skipped:
        print(f"skipped: {line}")
    print(f"{total.passed} passed, {total.failed} failed")
    return 0 if total.failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
