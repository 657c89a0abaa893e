# SPDX-License-Identifier: LGPL-2.1-or-later
"""What SRs of each type are made on, for the tests that all types must pass."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from sm_plugin import SR, Plugin, program, tool


class Medium:
    """Where one SR can be made. @scratch is gone after the test."""

    program = ""

    def __init__(self, scratch):
        self.scratch = Path(scratch)
        self.config = {}
        self.environment = {"SR_MOUNT_DIR": str(self.scratch / "mounts")}

    @classmethod
    def missing(cls):
        """Why this machine cannot have one, or ""."""
        return ""

    def close(self):
        """Nothing is left of it."""

    def plugin(self, sr_uuid=SR):
        """Calls on an SR there."""
        return Plugin(program(self.program), self.config, sr_uuid, self.environment)


class FolderMedium(Medium):
    """A folder of the host."""
    program = "FileSR"

    def __init__(self, scratch):
        super().__init__(scratch)
        self.config = {"location": str(self.scratch / "folder")}


class MemoryMedium(Medium):
    """Nothing at all."""
    program = "DummySR"


class LoopMedium(Medium):
    """A file as a block device."""
    size = 256 << 20
    with_partitions = False

    def __init__(self, scratch):
        super().__init__(scratch)
        image = self.scratch / "medium"
        with open(image, "wb") as file:
            file.truncate(self.size)
        self.device = tool("losetup", "--find", "--show", image).strip()
        self.config = {"device": self.device}

    @classmethod
    def missing(cls):
        if os.geteuid() != 0:
            return "only root can make block devices"
        return "" if Path("/dev/loop-control").exists() else "no loop devices"

    def close(self):
        mounts = self.scratch / "mounts"
        for path in mounts.iterdir() if mounts.exists() else ():
            subprocess.run(["umount", "--quiet", path], check=False, stderr=subprocess.DEVNULL)
        tool("losetup", "--detach", self.device)


class ExtMedium(LoopMedium):
    """A device that gets a file system."""
    program = "EXTSR"


MEDIA = {"dummy": MemoryMedium, "ext": ExtMedium, "file": FolderMedium}


def open_medium(case, kind):
    """A medium for this test case; skips it where there can be none."""
    missing = MEDIA[kind].missing()
    if missing:
        case.skipTest(missing)
    scratch = tempfile.mkdtemp(prefix=f"xylem-{kind}-")
    case.addCleanup(shutil.rmtree, scratch, True)
    medium = MEDIA[kind](scratch)
    case.addCleanup(medium.close)
    return medium
