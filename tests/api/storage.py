# SPDX-License-Identifier: LGPL-2.1-or-later
"""SRs for tests: of the type file, and of a plugin that misbehaves on demand."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import case  # noqa: E402
from server import build_dir, wait_until  # noqa: E402

MIB = 1 << 20
# What the server finds: the plugins that were built beside it, and TestSR.
TYPES = sorted(["test", *(path.name.removesuffix("SR").lower() for path in (build_dir() / "plugins").glob("*SR"))])


def disk_record(sr, **changes):
    """What VDI.create gets."""
    return {"name_label": "disk", "name_description": "", "SR": sr, "virtual_size": 8 * MIB, "type": "user", "sharable": False,
            "read_only": False, "other_config": {}, "sm_config": {}, "xenstore_data": {}, "tags": []} | changes


class StorageTest(case.ApiTest):
    """One more plugin directory has TestSR of test_sr.py."""

    @classmethod
    def options(cls):
        return [*super().options(), "--plugin-dir", str(cls.scratch / "plugins")]

    @classmethod
    def prepare(cls):
        cls.add_plugin("TestSR")

    @classmethod
    def add_plugin(cls, name, body=None):
        """A plugin in Python: test_sr.py's, or another @body."""
        folder = cls.scratch / "plugins"
        folder.mkdir(exist_ok=True)
        path = folder / name
        body = body or Path(__file__).with_name("test_sr.py").read_text(encoding="utf-8")
        path.write_text(f"#!{sys.executable} -S\n{body}", encoding="utf-8")
        path.chmod(0o755)

    def setUp(self):
        super().setUp()
        self.host = self.api("host.get_all")[0]
        self.number = 0

    def folder(self, name="sr"):
        """A folder for an SR, gone with the class."""
        self.number += 1
        return self.scratch / f"{self.id().rpartition('.')[2]}-{name}-{self.number}"

    def create_sr(self, kind="file", folder=None, content="user"):
        """(SR, folder)."""
        folder = folder or self.folder()
        return self.api("SR.create", self.host, {"location": str(folder)}, 0, "an SR", "for tests", kind, content, False, {}), folder

    def forget(self, sr):
        """The SR and what is in it leave the database."""
        for pbd in self.api("SR.get_PBDs", sr):
            self.api("PBD.unplug", pbd)
        self.api("SR.forget", sr)

    def forget_at_end(self, sr):
        """forget(), whatever connections the test has left open."""
        def clean():
            self.api = self.new_wire()
            self.forget(sr)

        self.addCleanup(clean)

    def misbehave(self, folder, command, behaviour="hang"):
        """TestSR does so from now on when it gets @command."""
        folder.mkdir(exist_ok=True)
        (folder / f"{command}.running").unlink(missing_ok=True)
        if behaviour == "wait":
            os.mkfifo(folder / f"{command}.go")
        (folder / f"{command}.does").write_text(behaviour, encoding="utf-8")

    def behave(self, folder, command):
        """As every good plugin again."""
        (folder / f"{command}.does").unlink()

    def go_on(self, folder, command):
        """Lets one that waits end, and later ones not wait."""
        self.behave(folder, command)
        with open(folder / f"{command}.go", "w", encoding="utf-8"):
            pass
        (folder / f"{command}.go").unlink()

    def wait_running(self, folder, command):
        """Until TestSR has got the command."""
        wait_until(lambda: (folder / f"{command}.running").exists(), f"{command} runs", 30)

    def pbd(self, sr):
        """The SR's only PBD."""
        return self.api("SR.get_PBDs", sr)[0]

    def create_vdi(self, sr, **changes):
        """A disk."""
        return self.api("VDI.create", disk_record(sr, **changes))

    def wait_task(self, task, api=None):
        """The record of a task that has ended."""
        api, token = api or self.api, ""
        while True:
            record = api("task.get_record", task)
            if record["status"] not in ("pending", "cancelling"):
                return record
            token = api("event.from", [f"task/{task}"], token, 30.0).content["token"].content
