#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks the comments on what headers offer, and lists behaviour that nobody has verified.

    tools/check-docs.py [--root FOLDER]
    tools/check-docs.py --unverified      prints every "Unverified:" mark and nothing else
"""

import re
import sys
from pathlib import Path

import source

PROTOTYPE = re.compile(r"^[A-Za-z_][\w\s*]*?[\s*](\w+)\(")
DEFINED = re.compile(r"^(?:#define |(?:static )?inline [^(]*?|static [^(]*?)(\w+)\(", re.MULTILINE)  # macros and inline functions
UNVERIFIED = re.compile(r"\bUnverified:\s*(.*?)\s*(?:\*/)?$")
NOT_PROTOTYPES = ("typedef", "static", "return", "G_DEFINE", "G_DECLARE", "G_STATIC", "extern", "#")
# What these do follows from their names and the type's comment. Source: CONTRIBUTING.md, ownership.
PLAIN_ENDINGS = ("_new", "_free", "_ref", "_unref", "_clear", "_init", "_quark")
RULES = ["public-function-has-comment", "comment-names-its-function", "document-links-exist"]


def blocks(lines):
    """Runs of lines without a blank line between them: (first line number, lines)."""
    start, block = 0, []
    for number, line in enumerate([*lines, ""], 1):
        if line.strip():
            start = start if block else number
            block.append(line)
        elif block:
            yield start, block
            block = []


def prototypes(block):
    """(offset, name) of each function declared in @block."""
    in_comment, depth = False, 0
    for offset, line in enumerate(block):
        if line.startswith("/*"):
            in_comment = True
        if not in_comment:
            match = PROTOTYPE.match(line)
            if depth == 0 and match and not line.startswith(NOT_PROTOTYPES):
                yield offset, match.group(1)
            depth += line.count("{") - line.count("}")
        if "*/" in line:
            in_comment = False


def check_header(path, lines):
    """Each public function stands right below a comment, or in a block of them that one comment opens."""
    declared = {name for _, block in blocks(lines) for _, name in prototypes(block)} | set(DEFINED.findall("\n".join(lines)))
    for start, block in blocks(lines):
        is_commented = block[0].startswith(("/*", "//"))
        for offset, name in prototypes(block):
            has_own = "/*" in block[offset] or (offset > 0 and block[offset - 1].rstrip().endswith("*/"))
            if not (is_commented or has_own or name.endswith(PLAIN_ENDINGS)):
                yield source.Complaint(RULES[0], path, start + offset, f"{name}() has no comment")
        for offset, line in enumerate(block):
            match = re.match(r"^/\*\* (\w+): ", line) or (re.match(r"^ \* (\w+):$", line) if block[max(0, offset - 1)] == "/**" else None)
            if match and match.group(1)[0].islower() and match.group(1) not in declared:
                yield source.Complaint(RULES[1], path, start + offset, f"nothing here is called {match.group(1)}")


def check_links(root, path, lines):
    """Relative links of a document lead to a file."""
    for number, line in enumerate(lines, 1):
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", line):
            if "://" not in target and not Path(root, path).parent.joinpath(target).exists():
                yield source.Complaint(RULES[2], path, number, f"no file {target}")


def unverified(root):
    """(path, line, text) of each mark."""
    for path in source.find_files(root, {".c", ".h", ".toml"}):
        for number, line in enumerate(source.read_lines(root, path) or [], 1):
            if match := UNVERIFIED.search(line):
                yield path, number, match.group(1)


def check(root):
    """All complaints about the tree at @root."""
    complaints = []
    for path in source.find_files(root, {".h"}):
        complaints += check_header(path, source.read_lines(root, path) or [])
    for path in source.find_files(root, {".md"}):
        complaints += check_links(root, path, source.read_lines(root, path) or [])
    return complaints


if __name__ == "__main__":
    if sys.argv[1:] == ["--unverified"]:
        for item in unverified(Path(__file__).resolve().parent.parent):
            print("{}:{}: {}".format(*item))
    else:
        source.main(__doc__, "check-docs", RULES, check)
