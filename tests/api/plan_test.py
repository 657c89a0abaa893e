#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls that do more than one lasting thing are finished or undone when the server is killed in their middle: by the storage plugin, before
or after it has done its part."""

import contextlib
import sqlite3
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import case  # noqa: E402
import storage  # noqa: E402
from wire import NULL  # noqa: E402

MOMENTS = ("before", "after")
PROVISION = "".join(f'<disk device="{number}" size="{8 << 20}" sr="SR" bootable="false" type="user"/>' for number in range(3))


class PlanTest(storage.StorageTest):
    """Each case counts what is there, before and after."""

    def disks(self, folder):
        """In the SR."""
        return sorted(path.name for path in folder.iterdir() if len(path.name) == 36)

    def rows(self):
        """Of the classes that these calls make."""
        return {name: sorted(self.api(f"{name}.get_all")) for name in ("SR", "PBD", "VDI", "VBD", "VM")}

    def journal(self):
        """How many plans are written down."""
        with contextlib.closing(sqlite3.connect(f"file:{self.stack.state}/xylem.db?mode=ro", uri=True)) as database:
            return database.execute("SELECT count(*) FROM plan").fetchone()[0]

    def cut_off(self, folder, command, moment, call, number=1):
        """Makes @call, in which the server is killed, and starts it again."""
        server = self.stack.processes["xylemd"]
        self.misbehave(folder, command, f"kill {moment} {server.pid} {number}")
        with self.assertRaises((OSError, AssertionError, case.wire.ApiFailure, ValueError, TypeError, AttributeError)):
            call()
        server.wait(60)
        self.behave(folder, command)
        del self.stack.processes["xylemd"]
        self.assertEqual(self.journal() > 0, True)
        self.stack.start_one("xylemd")
        self.api = self.new_wire()

    def assert_undone(self, folder, command, call, number=1):
        """@call leaves nothing behind, whenever it is cut off."""
        before = self.rows(), self.disks(folder) if folder.is_dir() else []
        for moment in MOMENTS:
            with self.subTest(moment=moment):
                self.cut_off(folder, command, moment, call, number)
                self.assertEqual((self.rows(), self.disks(folder)), before)
                self.assertEqual(self.journal(), 0)

    def vm_with_disks(self, sr, count):
        """A halted VM."""
        template = self.api("VM.get_by_name_label", "Other install media")[0]
        vm = self.api("VM.clone", template, "a VM")
        self.api("VM.provision", vm)
        for number in range(count):
            record = {"VM": vm, "VDI": self.create_vdi(sr), "userdevice": str(number), "bootable": False, "mode": "RW", "type": "Disk",
                      "unpluggable": True, "empty": False, "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {}}
            self.api("VBD.create", record)
        return vm

    def test_disk_that_is_made(self):
        sr, folder = self.create_sr("test")
        self.assert_undone(folder, "vdi_create", lambda: self.create_vdi(sr))

    def test_disk_that_is_copied(self):
        sr, folder = self.create_sr("test")
        vdi = self.create_vdi(sr)
        for name in ("snapshot", "clone"):
            self.assert_undone(folder, f"vdi_{name}", lambda name=name: self.api(f"VDI.{name}", vdi))

    def test_vm_that_is_copied(self):
        sr, folder = self.create_sr("test")
        vm = self.vm_with_disks(sr, 3)
        for name in ("snapshot", "clone"):
            for number in (1, 3):
                self.assert_undone(folder, f"vdi_{name}", lambda name=name: self.api(f"VM.{name}", vm, "copy"), number)
        self.assertEqual(self.api("VM.get_parent", vm), NULL)
        self.api("VM.clone", vm, "at last")

    def test_vm_that_is_provisioned(self):
        sr, folder = self.create_sr("test")
        self.api("SR.set_name_label", sr, f"of {self.id()}")
        template = self.api("VM.get_by_name_label", "Other install media")[0]
        vm = self.api("VM.clone", template, "a VM")
        self.api("VM.add_to_other_config", vm, "disks", f"<provision>{PROVISION.replace('SR', self.api('SR.get_uuid', sr))}</provision>")
        self.assert_undone(folder, "vdi_create", lambda: self.api("VM.provision", vm), 2)
        self.assertTrue(self.api("VM.get_is_a_template", vm))
        self.api("VM.provision", vm)
        self.assertEqual(len(self.api("VM.get_VBDs", vm)), 3)

    def test_disk_that_is_destroyed(self):
        sr, folder = self.create_sr("test")
        vdi = self.create_vdi(sr)
        for moment, left in (("before", [vdi]), ("after", [])):
            self.cut_off(folder, "vdi_delete", moment, lambda: self.api("VDI.destroy", vdi))
            self.assertEqual([self.api("SR.get_VDIs", sr), len(self.disks(folder)), self.journal()], [left, len(left), 0])

    def test_disk_that_is_resized(self):
        sr, folder = self.create_sr("test")
        vdi = self.create_vdi(sr)
        path = folder / self.api("VDI.get_uuid", vdi)
        for moment, size in (("before", 8 << 20), ("after", 16 << 20)):
            self.cut_off(folder, "vdi_resize", moment, lambda: self.api("VDI.resize", vdi, 16 << 20))
            self.assertEqual([self.api("VDI.get_virtual_size", vdi), path.read_text(encoding="utf-8")], [size, str(size)])
            self.assertEqual([self.api("SR.get_virtual_allocation", sr), self.journal()], [size, 0])

    def test_disk_that_is_renamed(self):
        sr, folder = self.create_sr("test")
        vdi = self.create_vdi(sr)
        path = folder / f"{self.api('VDI.get_uuid', vdi)}.name_label"
        for moment in MOMENTS:
            self.cut_off(folder, "vdi_update", moment, lambda: self.api("VDI.set_name_label", vdi, "another"))
            self.assertEqual([self.api("VDI.get_name_label", vdi), path.read_text(encoding="utf-8")], ["disk", "disk"])
            self.assertEqual(self.journal(), 0)

    def test_sr_that_is_destroyed(self):
        sr, folder = self.create_sr("test")
        self.api("PBD.unplug", self.pbd(sr))
        for command in ("sr_attach", "sr_delete"):
            for moment in MOMENTS:
                self.cut_off(folder, command, moment, lambda: self.api("SR.destroy", sr))
                self.assertEqual([self.journal(), (folder / "attached").exists()], [0, False])
                self.assertIn(sr, self.api("SR.get_all"))  # the plugin can be asked for it
        self.api("SR.destroy", sr)

    def test_sr_that_is_made(self):
        for command in ("sr_create", "sr_attach", "sr_scan"):
            folder = self.folder()
            folder.mkdir()
            with self.subTest(command=command):
                self.assert_undone(folder, command, lambda folder=folder: self.create_sr("test", folder))

    def test_sr_that_is_plugged(self):
        sr, folder = self.create_sr("test")
        pbd = self.pbd(sr)
        self.api("PBD.unplug", pbd)
        for moment in MOMENTS:
            (folder / "sr_detach.running").unlink(missing_ok=True)
            self.cut_off(folder, "sr_attach", moment, lambda: self.api("PBD.plug", pbd))
            self.assertFalse(self.api("PBD.get_currently_attached", pbd))
            self.assertEqual(self.journal(), 0)
        self.api("PBD.plug", pbd)

    def test_what_cannot_be_undone_waits_for_its_sr(self):
        sr, folder = self.create_sr("test")
        server = self.stack.processes["xylemd"]
        self.misbehave(folder, "vdi_create", f"kill after {server.pid} 1")
        with self.assertRaises((OSError, AssertionError, case.wire.ApiFailure, ValueError, TypeError, AttributeError)):
            self.create_vdi(sr)
        server.wait(60)
        self.behave(folder, "vdi_create")
        self.misbehave(folder, "sr_attach", "fault 46")
        del self.stack.processes["xylemd"]
        self.stack.start_one("xylemd")
        self.api = self.new_wire()
        self.assertEqual([self.journal(), len(self.disks(folder))], [1, 1])
        self.behave(folder, "sr_attach")
        self.api("PBD.plug", self.pbd(sr))
        self.assertEqual([self.journal(), self.disks(folder)], [0, []])


if __name__ == "__main__":
    case.main("api/plan")
