#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks that each folder of src/ includes only what src/layers.txt allows it."""

import re
from pathlib import Path

import source

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
RULES = ["layers-file-is-consistent", "include-path-starts-at-src", "include-points-downwards"]


def read_layers(root):
    """(allowed, complaints): {folder: folders it may include}, itself among them."""
    path = "src/layers.txt"
    allowed, complaints = {}, []
    for number, line in enumerate(source.read_lines(root, path), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        folder, colon, rest = line.partition(":")
        if not colon or folder in allowed:
            complaints.append(source.Complaint(RULES[0], path, number, f"'{line}' is not a new 'folder: allowed ...'"))
            continue
        for name in rest.split():
            if name not in allowed:
                complaints.append(source.Complaint(RULES[0], path, number, f"{folder} may include {name}, which is not below it"))
        allowed[folder] = {folder, *rest.split()}
    return allowed, complaints


def check_file(root, path, allowed):
    """Complaints about the includes of one file below src/."""
    own = Path(path).parts[1]
    complaints = []
    for number, line in enumerate(source.read_lines(root, path) or [], 1):
        match = INCLUDE.match(line)
        if match is None:
            continue
        included = match.group(1)
        folder = included.split("/")[0]
        if "/" not in included or folder == "..":
            complaints.append(source.Complaint(RULES[1], path, number, f'"{included}" does not start at src/'))
        elif folder not in allowed:
            complaints.append(source.Complaint(RULES[2], path, number, f'"{included}": src/layers.txt has no folder {folder}'))
        elif folder not in allowed.get(own, set()):
            complaints.append(source.Complaint(RULES[2], path, number, f'{own} may not include "{included}"'))
    return complaints


def check(root):
    """All complaints about the tree at @root."""
    allowed, complaints = read_layers(root)
    for path in source.find_files(Path(root, "src"), {".c", ".h"}):
        complaints += check_file(root, f"src/{path}", allowed)
    return complaints


if __name__ == "__main__":
    source.main(__doc__, "check-layers", RULES, check)
