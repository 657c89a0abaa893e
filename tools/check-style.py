#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks what CONTRIBUTING.md says of every file's shape: licence line, opening comment, lengths, nesting, words."""

import ast
import re
import shutil
import subprocess
from pathlib import Path

import source

C_FILES = {".c", ".h"}
HASH_FILES = {".py", ".sh", ".toml", ".build"}
SLASH_FILES = C_FILES | {".js", ".mjs", ".css"}
LICENCE = "SPDX-License-Identifier: LGPL-2.1-or-later"

FILE_LINES = 800
FUNCTION_LINES = 60
NESTING = 3
LINE_WIDTH = {".c": 180, ".h": 180, ".py": 140, ".js": 140, ".mjs": 140, ".css": 140, ".sh": 140, ".build": 140}

# Hosts that stand for themselves in documents, examples and formats; any other address in the tree is a slip.
KNOWN_HOSTS = re.compile(r"(^|\.)(example|test|invalid|localhost|host|server|gnu\.org|w3\.org|example\.(com|org|net)|debian\.org"
                         r"|freedesktop\.org|xenproject\.org|xapi-project\.github\.io|github\.com|kernel\.org|qemu\.org"
                         r"|sqlite\.org)$|^[0-9.]+$|^\[|^[%${<]|^$")
ADDRESS = re.compile(r"\bhttps?://([^/\s\"'<>)`:\\\[]*)")
HOME_PATH = re.compile(r"(?<![\w./-])/(?:work|home|Users)/[\w.]")
UNFINISHED = re.compile(r"\b(?:FIX" r"ME|TO" r"DO|XX" r"X|HA" r"CK)\b")
CONTROL = re.compile(r"^( +)(?:\} else )?(?:if|for|while|switch|do)\b.*")
C_FUNCTION_NAME = re.compile(r"^(?:[\w*\s]*?\b)?(\w+)\(")

RULES = ["licence-line", "opening-comment", "file-length", "function-length", "nesting", "tabs-and-blanks", "line-width",
         "unfinished-words", "addresses", "machine-paths", "clang-format"]


def complain(rule, path, line, text):
    """A complaint; the rule must be one of RULES."""
    assert rule in RULES
    return source.Complaint(rule, path, line, text)


def comment_style(path):
    """How the file's kind begins a comment; None if it is of no kind that is checked."""
    suffix = Path(path).suffix
    return "#" if suffix in HASH_FILES else "/*" if suffix in SLASH_FILES else None


def needs_purpose(path):
    """Build files and the model's classes say what they are by where they stand."""
    return Path(path).suffix not in (".build", ".toml")


def check_opening(path, lines):
    """The licence, then what the file is for."""
    mark = comment_style(path)
    if mark is None or not lines:
        return
    start = 1 if lines[0].startswith("#!") else 0
    wanted = f"# {LICENCE}" if mark == "#" else f"/* {LICENCE} */"
    if lines[start:start + 1] != [wanted]:
        yield complain("licence-line", path, start + 1, f"is not '{wanted}'")
        return
    if not needs_purpose(path):
        return
    after = lines[start + 1].strip() if len(lines) > start + 1 else ""
    if not after.startswith(('"""', 'r"""', mark)):
        yield complain("opening-comment", path, start + 2, "no comment that says what the file is for")


def c_functions(lines):
    """(name, first line, last line) of each function of a C file: a '{' in the first column opens one."""
    start, name = None, ""
    for number, line in enumerate(lines, 1):
        if line and not line[0].isspace() and (match := C_FUNCTION_NAME.match(line)):
            name = match.group(1)
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            yield name, start, number
            start = None


def python_functions(path, lines):
    """(name, first line, last line) of each function of a Python file; a syntax error is for Python to report."""
    try:
        tree = ast.parse("\n".join(lines), path)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno


def check_lengths(path, lines):
    """Files and functions that have become two."""
    suffix = Path(path).suffix
    if suffix in C_FILES | {".py", ".js", ".mjs"} and len(lines) > FILE_LINES:
        yield complain("file-length", path, 0, f"{len(lines)} lines, over {FILE_LINES}")
    functions = c_functions(lines) if suffix == ".c" else python_functions(path, lines) if suffix == ".py" else ()
    for name, first, last in functions:
        if last - first + 1 > FUNCTION_LINES:
            yield complain("function-length", path, first, f"{name}() has {last - first + 1} lines, over {FUNCTION_LINES}")


def check_nesting(path, lines):
    """Statements deeper than NESTING levels; relies on the layout that clang-format makes."""
    if Path(path).suffix != ".c":
        return
    for number, line in enumerate(lines, 1):
        match = CONTROL.match(line)
        if match and len(match.group(1)) > 4 * NESTING and len(match.group(1)) % 4 == 0 and not line.rstrip().endswith(","):
            yield complain("nesting", path, number, f"level {len(match.group(1)) // 4} of nesting, over {NESTING}")


def check_lines(path, lines):
    """What no line may hold."""
    width = LINE_WIDTH.get(Path(path).suffix)
    for number, line in enumerate(lines, 1):
        if Path(path).name != "Makefile" and "\t" in line:
            yield complain("tabs-and-blanks", path, number, "a tab")
        if line != line.rstrip():
            yield complain("tabs-and-blanks", path, number, "blanks at the end")
        if width is not None and len(line) > width:
            yield complain("line-width", path, number, f"{len(line)} columns, over {width}")
        if UNFINISHED.search(line):
            yield complain("unfinished-words", path, number, UNFINISHED.search(line).group(0))
        if HOME_PATH.search(line):
            yield complain("machine-paths", path, number, HOME_PATH.search(line).group(0) + "...")
        for match in ADDRESS.finditer(line):
            if not KNOWN_HOSTS.search(match.group(1)):
                yield complain("addresses", path, number, f"{match.group(1)} is not a host that tools/check-style.py knows")


def check_format(root, paths):
    """What clang-format would change, if it is here; it is in tools/packages.txt."""
    program = shutil.which("clang-format")
    if program is None or not paths:
        return
    result = subprocess.run([program, "--dry-run", *paths], cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                            text=True, check=False)
    seen = set()
    for line in result.stderr.splitlines():
        match = re.match(r"([^:]+):(\d+):\d+: ", line)
        if match and match.group(1) not in seen:
            seen.add(match.group(1))
            yield complain("clang-format", match.group(1), int(match.group(2)), "is laid out otherwise: make format")


def check(root):
    """All complaints about the tree at @root."""
    complaints = []
    paths = source.find_files(root)
    for path in paths:
        lines = source.read_lines(root, path)
        if lines is None or path == "COPYING" or "/golden/" in f"/{path}":
            continue
        for rule in (check_opening, check_lengths, check_nesting, check_lines):
            complaints += rule(path, lines)
    complaints += check_format(root, [path for path in paths if Path(path).suffix in C_FILES])
    return complaints


if __name__ == "__main__":
    source.main(__doc__, "check-style", RULES, check)
