# SPDX-License-Identifier: LGPL-2.1-or-later
"""A FileSR in a folder, for its tests."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from sm_plugin import MIB, SR, Plugin, PluginTest, tool  # noqa: E402, F401


class Folder(Plugin):
    """The folder of one SR and the calls on it."""

    def __init__(self, path, program):
        super().__init__(program, {"location": str(path)})
        self.path = Path(path)

    def image(self, uuid):
        """Path of a qcow2 disk."""
        return self.path / f"{uuid}.qcow2"

    def write(self, uuid, pattern, offset=0, length=65536):
        """Fills a part of a disk with a byte."""
        tool("qemu-io", "-f", "qcow2", "-c", f"write -P {pattern} {offset} {length}", self.image(uuid))

    def holds(self, uuid, content):
        """Whether a disk has these (offset, byte) parts of 64 KiB each."""
        commands = [word for offset, byte in content.items() for word in ("-c", f"read -P {byte} {offset} 65536")]
        done = tool("qemu-io", "-r", "-f", "qcow2", *commands, self.image(uuid))
        return "verification failed" not in done and "error" not in done.lower()

    def names(self):
        """Names of the files in the folder, but for the lock and the marker."""
        return sorted(name for name in os.listdir(self.path) if name not in (".lock", "sr.json"))


class FolderTest(PluginTest):
    """Gives each test an empty SR."""

    program = os.environ.get("FILE_SR", "FileSR")

    def setUp(self):
        scratch = tempfile.mkdtemp(prefix="xylem-file-sr-")
        self.addCleanup(shutil.rmtree, scratch, True)
        self.scratch = Path(scratch)
        self.sr = Folder(self.scratch / "sr", self.program)
        self.sr.call("sr_create", 0)
