# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the check-*.py programs share: finding source files, and reporting complaints by rule."""

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path

SKIPPED_FOLDERS = {".git", "node_modules", "__pycache__", "state", ".cache", "seeds"}  # seeds: inputs of fuzz targets
MOST_SHOWN = 50  # complaints of one rule


@dataclass(frozen=True)
class Complaint:
    """One finding; @line is 0 when it concerns the whole file."""
    rule: str
    path: str
    line: int
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.text}" if self.line else f"{self.path}: {self.text}"


def is_skipped(folder):
    """Folders that hold nothing of ours: builds, states, downloads, bytes that make no sense."""
    return folder in SKIPPED_FOLDERS or folder.startswith("build")


def find_files(root, suffixes=None):
    """Paths below @root, relative to it and sorted; of these suffixes only, if given."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not is_skipped(name))
        for name in sorted(names):
            path = Path(folder, name)
            if not path.is_symlink() and (suffixes is None or path.suffix in suffixes):
                found.append(str(path.relative_to(root)))
    return found


def read_lines(root, path):
    """The lines of a text file, without their ends; None for a file that is not text."""
    try:
        return Path(root, path).read_bytes().decode("utf-8").splitlines()
    except UnicodeDecodeError:
        return None


def show(complaint_texts):
    """As many lines as a reader can use."""
    for text in complaint_texts[:MOST_SHOWN]:
        print(f"# {text}")
    if len(complaint_texts) > MOST_SHOWN:
        print(f"# ... and {len(complaint_texts) - MOST_SHOWN} more")


def main(description, program, rules, check):
    """The command line of a checker: @check(root) gives complaints; prints TAP, one case a rule; exit status 1 if any."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=str(Path(__file__).resolve().parent.parent), help="of the tree to look at")
    root = parser.parse_args().root
    complaints = check(root)
    print("TAP version 13")
    for number, rule in enumerate(rules, 1):
        found = [str(complaint) for complaint in complaints if complaint.rule == rule]
        print(f"{'not ok' if found else 'ok'} {number} /{program}/{rule}")
        show(found)
    print(f"1..{len(rules)}")
    sys.exit(1 if complaints else 0)
