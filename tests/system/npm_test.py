#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Installs the npm library xen-api into the build tree and runs tests/system/npm/client.mjs against a server over TLS."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from server import Stack, build_dir, free_port  # noqa: E402

SOURCE = Path(__file__).resolve().parent / "npm"
INSTALL_SECONDS = 240


def install_library(folder):
    """The folder with node_modules; made anew when the lock file has changed."""
    stamp = hashlib.sha256((SOURCE / "package-lock.json").read_bytes()).hexdigest()
    if (folder / "stamp").exists() and (folder / "stamp").read_text(encoding="ascii") == stamp:
        return
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(SOURCE, folder)
    result = subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, timeout=INSTALL_SECONDS, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"npm ci failed (is the npm registry reachable?):\n{result.stdout}")
    (folder / "stamp").write_text(stamp, encoding="ascii")


def serve_client(stack, command):
    """Passes on what the client prints, and kills the server when it asks for that; its exit status."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        for line in client.stdout:
            if line == "kill\n":
                stack.kill9("xylemd")
                stack.start_one("xylemd")
                client.stdin.write("back\n")
                client.stdin.flush()
            else:
                print(line, end="", flush=True)
    return client.returncode


def run_client(folder, only):
    """Its exit status; it prints TAP itself."""
    with tempfile.TemporaryDirectory(prefix="xylem-") as scratch:
        stack = Stack(build_dir(), Path(scratch) / "s", backend="fake", port=free_port())  # the same after each start
        try:
            stack.start()
            url = f"https://127.0.0.1:{stack.port}"
            status = serve_client(stack, ["node", SOURCE / "client.mjs", url, "root", stack.state / "password", folder, only])
            stack.stop()
        finally:
            stack.kill_all()
        for line in stack.complaints():
            print(f"# {line}")
        return 1 if stack.complaints() else status


def main():
    """The command line: -p PATH runs the cases below it."""
    folder = build_dir() / "tests-npm"
    only = sys.argv[2] if sys.argv[1:2] == ["-p"] and len(sys.argv) > 2 else ""
    print("TAP version 13", flush=True)
    try:
        install_library(folder)
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        print("not ok 1 /system/npm/library-is-installed")
        print("".join(f"# {line}\n" for line in str(error).splitlines()) + "1..1")
        return 1
    return run_client(folder, only)


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
