#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints how many lines of each folder of src/ the tests have run, from a build with -Db_coverage=true.

    tools/coverage.py --build build-coverage [--missing src/db]

--missing lists the lines of one folder that no test has run. Tests themselves and generated files are not counted.
"""

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
HELD = ("db", "value", "rpc", "event", "task", "auth")  # folders that promise GOAL
GOAL = 90.0
BATCH = 40  # files at a time
NOT_COUNTED = ("_test.c", "test_kit.c", "test_model.c", "test_plugin.c")


def is_counted(path):
    """Whether a source file is the product's own."""
    return path.is_relative_to(TOP / "src") and path.suffix == ".c" and not path.name.endswith(NOT_COUNTED)


def read_counts(build):
    """path -> line -> how often it ran, over all programs."""
    counts = defaultdict(lambda: defaultdict(int))
    notes = sorted(path for path in (build / "src").rglob("*.gcno") if "test" not in path.name)
    for start in range(0, len(notes), BATCH):
        said = subprocess.run(["gcov", "--json-format", "--stdout", *map(str, notes[start:start + BATCH])], cwd=build,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
        for text in said.splitlines():
            for file in json.loads(text)["files"]:
                path = (build / file["file"]).resolve()
                if is_counted(path):
                    for line in file["lines"]:
                        counts[path][line["line_number"]] += line["count"]
    return counts


def report(counts):
    """A line for each folder."""
    totals = defaultdict(lambda: [0, 0])
    for path, lines in counts.items():
        total = totals[path.relative_to(TOP / "src").parts[0]]
        total[0] += sum(count > 0 for count in lines.values())
        total[1] += len(lines)
    for folder, (covered, lines) in sorted(totals.items()):
        percent = 100 * covered / lines
        mark = "" if folder not in HELD else "  at least 90 %" if percent >= GOAL else "  BELOW 90 %"
        print(f"{folder:10} {percent:5.1f} % of {lines:5} lines{mark}")


def show_missing(counts, folder):
    """The lines of @folder that never ran, by file."""
    for path, lines in sorted(counts.items()):
        missing = [str(number) for number, count in sorted(lines.items()) if count == 0]
        if missing and path.is_relative_to(TOP / folder):
            print(f"{path.relative_to(TOP)}: {' '.join(missing)}")


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--missing", default="", metavar="FOLDER")
    options = parser.parse_args()
    counts = read_counts(Path(options.build).resolve())
    report(counts)
    if options.missing:
        show_missing(counts, options.missing)
    return 0 if counts else 1


if __name__ == "__main__":
    sys.exit(main())
