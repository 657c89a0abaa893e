#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian packages: installs what is missing, or unpacks a package into a folder without installing it.

    tools/debian.py install build run    installs the missing packages of these sections of tools/packages.txt
    tools/debian.py fetch NAME FOLDER    leaves the unpacked package NAME in FOLDER (nothing is done if it is there)
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGES = Path(__file__).resolve().parent / "packages.txt"
LISTS = Path("/var/lib/apt/lists")


class DebianError(Exception):
    """What went wrong, in one line."""


def read_sections(text):
    """The sections of packages.txt: {"build": ["gcc", ...]}."""
    sections, current = {}, None
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#")[0].strip()
        if line.startswith("[") and line.endswith("]"):
            current = sections.setdefault(line[1:-1], [])
        elif line and current is None:
            raise DebianError(f"packages.txt:{number}: '{line}' stands before any [section]")
        elif line:
            current.append(line)
    return sections


def packages_of(names):
    """All packages of the named sections, in order; "nodejs unless node" stands for nodejs where there is no command node."""
    sections = read_sections(PACKAGES.read_text(encoding="utf-8"))
    unknown = [name for name in names if name not in sections]
    if unknown:
        raise DebianError(f"packages.txt has no section '{unknown[0]}'")
    entries = [entry.partition(" unless ") for name in names for entry in sections[name]]
    return [package for package, unless, command in entries if not unless or shutil.which(command) is None]


def part_of(package):
    """The folder of @package that is all that is wanted of it, or "."."""
    entries = read_sections(PACKAGES.read_text(encoding="utf-8")).get("fetch", [])
    return next((part for name, _, part in (entry.partition(" only ") for entry in entries) if name == package and part), ".")


def unpack(archive, part, root):
    """Only what is below @part of a package's file."""
    root.mkdir()
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE) as contents:
        place = "." if part == "." else f"./{part}"
        subprocess.run(["tar", "--extract", "--directory", str(root), place], stdin=contents.stdout, check=True)
    if contents.returncode != 0:
        raise DebianError(f"could not read {archive.name}")


def missing(packages):
    """Those of @packages that are not installed."""
    shown = subprocess.run(["dpkg-query", "--show", "--showformat", "${binary:Package} ${db:Status-Abbrev}\n", *packages],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    installed = {line.split()[0].split(":")[0] for line in shown.stdout.splitlines() if line.split()[1:] == ["ii"]}
    return [package for package in packages if package not in installed]


def as_root(command):
    """@command with sudo in front where it is needed."""
    if os.geteuid() == 0:
        return command
    if shutil.which("sudo") is None:
        raise DebianError("neither root nor sudo; let root run: " + " ".join(word for word in command if word != "--quiet"))
    return ["sudo", *command]


def apt_get(*arguments):
    """Whether apt-get did it."""
    command = as_root(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", "--quiet", *arguments])
    return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode == 0


def has_lists():
    """Whether apt knows any package at all."""
    return any(LISTS.glob("*_Packages*"))


def install(sections):
    """Installs what is missing of @sections, after saying so."""
    if shutil.which("apt-get") is None:
        raise DebianError("there is no apt-get here: this needs Debian 12; the packages are listed in tools/packages.txt")
    wanted = missing(packages_of(sections))
    if not wanted:
        return
    print("Missing Debian packages: " + " ".join(wanted), flush=True)
    arguments = ["install", "--yes", "--no-install-recommends", *wanted]
    print("Installing them: " + " ".join(as_root(["apt-get", *arguments])), flush=True)
    if has_lists() and apt_get(*arguments):
        return
    # No lists, or lists that name versions that have gone: read them again.
    if not apt_get("update") or not apt_get(*arguments):
        raise DebianError("could not install " + " ".join(wanted) + " (no network?): install them and try again")


def resolve(package):
    """The package that holds the files: a meta-package's only dependency that begins like it, or itself."""
    stem = package.split("-")[0] + "-image-" if package.startswith("linux-image-") else None
    if stem is None:
        return package
    shown = subprocess.run(["apt-cache", "depends", "--important", package], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True, check=False).stdout
    names = [line.split()[-1] for line in shown.splitlines() if "Depends:" in line]
    return next((name for name in names if name.startswith(stem)), package)


def download(package, folder):
    """Whether apt-get put the package's file into @folder."""
    # apt drops to its own user for downloads, who cannot write here; that costs a warning, which is not shown.
    result = subprocess.run(["apt-get", "--quiet", "--quiet", "download", resolve(package)], cwd=folder,
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return result.returncode == 0 and any(Path(folder).glob("*.deb"))


def fetch(package, folder):
    """Unpacks @package into @folder, which appears only when it is complete."""
    folder = Path(folder)
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        print(f"Fetching Debian package {package} (unpacked below {folder.parent}, not installed)", flush=True)
        if not (has_lists() and download(package, scratch)) and not (apt_get("update") and download(package, scratch)):
            raise DebianError(f"could not download Debian package {package} (no network?)")
        archive = next(Path(scratch).glob("*.deb"))
        root = Path(scratch) / "root"
        unpack(archive, part_of(package), root)
        # Made by somebody else's umask and modes; ours to read and to remove again.
        subprocess.run(["chmod", "-R", "u+rwX", str(root)], check=True)
        root.rename(folder)


def main(arguments):
    """The command line."""
    try:
        if len(arguments) >= 2 and arguments[0] == "install":
            install(arguments[1:])
        elif len(arguments) == 3 and arguments[0] == "fetch":
            fetch(arguments[1], arguments[2])
        else:
            print(__doc__.strip(), file=sys.stderr)
            return 2
    except DebianError as error:
        print(f"debian.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
