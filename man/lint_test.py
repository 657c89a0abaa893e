#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Manual pages are well formed, and those of programs have every switch that the program's help tells. Prints TAP.

    man/lint_test.py PAGE... --programs PROGRAM...
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path


def complaints(page):
    """What mandoc has to say of a page, without the style of its dates."""
    done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", page], capture_output=True, text=True, check=False)
    return [line for line in (done.stdout + done.stderr).splitlines() if line]


def rendered(page):
    """The page as a reader sees it, on one line."""
    done = subprocess.run(["mandoc", "-Tutf8", "-Owidth=200", page], capture_output=True, text=True, check=True)
    return re.sub(r"\s+", " ", re.sub(r".\x08", "", done.stdout))


def missing_switches(page, program):
    """Switches of the usage text that the page does not describe."""
    usage = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    switches = re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", usage.split("Defaults may")[0])
    text = rendered(page).replace("−", "-").replace("‐", "-")
    return [switch for switch in sorted(set(switches)) if f"{switch} " not in text and f"{switch}," not in text]


def main():
    """One case a page, and one for each program's switches."""
    mark = sys.argv.index("--programs")
    pages, programs = sys.argv[1:mark], sys.argv[mark + 1:]
    if shutil.which("mandoc") is None:
        print("1..0 # SKIP mandoc is not installed")
        return 0
    cases = [(f"{Path(page).name}-is-well-formed", complaints(page)) for page in pages]
    for program in programs:
        name = f"{Path(program).name}.1"
        cases.append((f"{name}-has-every-switch", missing_switches(next(page for page in pages if Path(page).name == name), program)))
    print(f"TAP version 13\n1..{len(cases)}")
    for number, (name, found) in enumerate(cases, 1):
        print(f"{'ok' if not found else 'not ok'} {number} /man/{name}")
        for line in found:
            print(f"# {line}")
    return 1 if any(found for _, found in cases) else 0


if __name__ == "__main__":
    sys.exit(main())
