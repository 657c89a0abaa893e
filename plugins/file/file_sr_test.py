#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every call of FileSR, as the toolstack makes it, and what it refuses."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import unittest
import xmlrpc.client
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from file_sr import MIB, SR, Folder, FolderTest, tool  # noqa: E402

import tap  # noqa: E402

OTHER = "99999999-2222-4333-8444-555555555555"


class ProgramTest(FolderTest):
    def test_help_tells_the_keys(self):
        text = tool(self.program, "--help")
        self.assertIn("location", text)
        self.assertIn("VDI_SNAPSHOT", text)

    def test_wrong_usage_is_exit_status_2(self):
        self.assertEqual(subprocess.run([self.program], capture_output=True, check=False).returncode, 2)

    def test_driver_info(self):
        info = self.sr.call("sr_get_driver_info", config={})
        self.assertEqual([item["key"] for item in info["configuration"]], ["location"])
        self.assertIn("VDI_CLONE", info["capabilities"])

    def test_fault_has_exit_status_0(self):
        done = self.sr.run("vdi_delete", vdi=OTHER)
        self.assertEqual(done.returncode, 0)
        self.assertIn("<fault>", done.stdout)

    def test_missing_location(self):
        self.assert_fault("ConfigLocationMissing", "sr_attach", config={})
        self.assert_fault("ConfigLocationMissing", "sr_probe", config={})

    def test_relative_location(self):
        self.assert_fault("InvalidArg", "sr_create", 0, config={"location": "here"})

    def test_changes_need_the_master(self):
        config = {"location": str(self.sr.path), "SRmaster": "false"}
        self.assert_fault("LVMMaster", "vdi_create", MIB, config=config)
        self.sr.call("sr_attach", config=config)


class SrTest(FolderTest):
    def test_create_refuses_what_is_there(self):
        self.assert_fault("SRExists", "sr_create", 0)
        foreign = self.scratch / "foreign"
        foreign.mkdir()
        (foreign / "letter.txt").write_text("dear reader")
        self.assert_fault("SRExists", "sr_create", 0, config={"location": str(foreign)})
        self.assertEqual(os.listdir(foreign), ["letter.txt"])

    def test_create_takes_an_empty_folder(self):
        empty = self.scratch / "empty"
        (empty / "lost+found").mkdir(parents=True)
        config = {"location": str(empty)}
        self.sr.call("sr_create", 0, config=config)
        self.sr.call("sr_attach", config=config)
        self.sr.call("sr_delete", config=config)
        self.assertEqual(os.listdir(empty), ["lost+found"])

    def test_create_where_nothing_can_be_made(self):
        self.assert_fault("FileSRCreate", "sr_create", 0, config={"location": "/proc/none"})

    def test_create_at_the_same_time_makes_one(self):
        path = self.scratch / "race"
        outcomes = []

        def create(uuid):
            done = self.sr.run("sr_create", 0, config={"location": str(path)}, sr_uuid=uuid)
            outcomes.append("<fault>" not in done.stdout)

        threads = [threading.Thread(target=create, args=(f"11111111-2222-4333-8444-55555555555{n}",)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(outcomes.count(True), 1)

    def test_attach_needs_this_sr(self):
        self.assert_fault("SRUnavailable", "sr_attach", sr_uuid=OTHER)
        self.assert_fault("SRUnavailable", "sr_attach", config={"location": str(self.scratch / "none")})
        self.sr.call("sr_attach")
        self.sr.call("sr_attach")

    def test_detach_is_idempotent_and_survives_a_lost_medium(self):
        self.sr.call("sr_detach")
        self.sr.call("sr_detach")
        self.sr.call("sr_detach", config={"location": str(self.scratch / "none")})

    def test_detach_refuses_while_a_disk_is_activated(self):
        uuid = self.sr.create()
        self.sr.call("vdi_activate", "true", vdi=uuid)
        with self.assertRaises(xmlrpc.client.Fault) as caught:
            self.sr.call("sr_detach")
        self.assertEqual(caught.exception.faultCode, 16)
        self.sr.call("vdi_deactivate", vdi=uuid)
        self.sr.call("sr_detach")

    def test_delete_refuses_disks_and_removes_what_it_made(self):
        uuid = self.sr.create()
        self.assert_fault("SRNotEmpty", "sr_delete")
        self.sr.call("vdi_delete", vdi=uuid)
        self.sr.call("sr_delete")
        self.assertFalse(self.sr.path.exists())
        self.sr.call("sr_delete")

    def test_delete_leaves_another_sr_alone(self):
        self.assert_fault("SRUnavailable", "sr_delete", sr_uuid=OTHER)
        self.assertTrue((self.sr.path / "sr.json").exists())

    def test_probe_finds_the_sr_and_those_below(self):
        for place in (self.sr.path, self.scratch):
            document = self.sr.call("sr_probe", config={"location": str(place)})
            self.assertIn(f"<UUID>{SR}</UUID>", document)
            self.assertIn(f"<location>{self.sr.path}</location>", document)
        empty = tempfile.mkdtemp(dir=self.scratch)
        self.assertNotIn("UUID", self.sr.call("sr_probe", config={"location": empty}))
        self.assert_fault("SRUnavailable", "sr_probe", config={"location": str(self.scratch / "none")})

    def test_update_and_scan_report_sizes(self):
        self.sr.create(10 * MIB)
        self.sr.create(20 * MIB)
        sizes = self.sr.call("sr_update")
        self.assertEqual(int(sizes["virtual_allocation"]), 30 * MIB)
        self.assertGreater(int(sizes["physical_size"]), 0)
        self.assertGreater(int(sizes["physical_utilization"]), 0)
        scanned = self.sr.call("sr_scan")
        self.assertEqual(scanned["virtual_allocation"], sizes["virtual_allocation"])

    def test_content_type(self):
        self.assertEqual(self.sr.call("sr_content_type"), '<?xml version="1.0" ?><sr><type>qcow2</type></sr>')


class CreateTest(FolderTest):
    def test_disk_is_what_was_asked_for(self):
        vdi = self.sr.call("vdi_create", 10 * MIB + 1, "näme <1>", "a & b", "", "true", "20230305T18:18:29Z", "OpaqueRef:x", "true",
                           vdi_type="system", vdi_sm_config={"k": "v"}, vdi_sharable="true")
        expected = {"size": str(11 * MIB), "label": "näme <1>", "description": "a & b", "type": "system", "read_only": "true",
                    "shareable": "true", "hidden": "false", "is_a_snapshot": "true", "snapshot_time": "20230305T18:18:29Z",
                    "snapshot_of": "", "parent": "", "sm_config": {"k": "v"}, "location": vdi["uuid"]}
        self.assertEqual({key: vdi[key] for key in expected}, expected)
        self.assertEqual(self.sr.scan(), {vdi["uuid"]: vdi})
        info = json.loads(tool("qemu-img", "info", "--output=json", self.sr.image(vdi["uuid"])))
        self.assertEqual((info["format"], info["virtual-size"]), ("qcow2", 11 * MIB))

    def test_size_alone_is_enough(self):
        self.assertEqual(self.sr.call("vdi_create", 1)["size"], str(MIB))

    def test_bounds(self):
        for size in (0, -1, (64 << 40) + 1, 1 << 70, "ten"):
            with self.assertRaises(xmlrpc.client.Fault):
                self.sr.call("vdi_create", size)
        self.assertEqual(self.sr.call("vdi_create", 64 << 40)["size"], str(64 << 40))
        self.assertEqual(len(self.sr.names()), 2)

    def test_full_disk_leaves_nothing(self):
        fake = self.scratch / "bin"
        fake.mkdir()
        script = fake / "qemu-img"
        script.write_text('#!/bin/sh\nfor name; do case $name in *.new) echo part > "$name";; esac; done\n'
                          'echo "qemu-img: x: Could not write: No space left on device" >&2\nexit 1\n')
        script.chmod(0o755)
        uuid = self.sr.create()
        self.sr.write(uuid, 1)
        before = self.sr.names()
        environment = {"PATH": f"{fake}:{os.environ['PATH']}"}
        for command, args, vdi in (("vdi_create", [MIB], None), ("vdi_snapshot", [], uuid), ("vdi_clone", [], uuid),
                                   ("vdi_resize", [90 * MIB], uuid)):
            with self.subTest(command):
                self.assert_fault("SRNoSpace", command, *args, vdi=vdi, environment=environment)
                self.assertEqual(self.sr.names(), before)
        self.assertTrue(self.sr.holds(uuid, {0: 1}))

    def test_really_full_disk(self):
        small = self.scratch / "small"
        small.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "none", small], capture_output=True, check=False).returncode != 0:
            self.skipTest("no right to mount")
        self.addCleanup(subprocess.run, ["umount", small], check=True)
        sr = Folder(small, self.program)
        sr.call("sr_create", 0)
        made = 0
        with self.assertRaises(xmlrpc.client.Fault) as caught:
            for made in range(100):
                sr.create()
        self.assertEqual(caught.exception.faultCode, 44)
        self.assertEqual(len(sr.names()), 2 * made)
        self.assertEqual(len(sr.scan()), made)

    def test_missing_qemu_img_is_create_failure(self):
        done = self.sr.run("vdi_create", MIB, environment={"PATH": "/nonexistent"})
        self.assertIn("<int>78</int>" if "<int>" in done.stdout else "78", done.stdout)
        self.assertEqual(self.sr.names(), [])


class UseTest(FolderTest):
    def test_attach_tells_path_and_format(self):
        uuid = self.sr.create()
        answer = self.sr.call("vdi_attach", "true", vdi=uuid)
        self.assertEqual(answer, {"params": str(self.sr.image(uuid)), "params_nbd": "", "o_direct": False,
                                  "xenstore_data": {"image-format": "qcow2"}})
        self.sr.call("vdi_detach", vdi=uuid)

    def test_read_only_disk_is_not_attached_for_writing(self):
        uuid = self.sr.call("vdi_snapshot", vdi=self.sr.create())["uuid"]
        self.assert_fault("VDIUnavailable", "vdi_attach", "true", vdi=uuid)
        self.sr.call("vdi_attach", "false", vdi=uuid)

    def test_missing_and_damaged_disks(self):
        self.assert_fault("VDIMissing", "vdi_attach", "true", vdi=OTHER)
        uuid = self.sr.create()
        self.sr.image(uuid).write_bytes(b"not an image")
        self.assert_fault("VDILoad", "vdi_attach", "true", vdi=uuid)
        self.assert_fault("VDILoad", "vdi_snapshot", vdi=uuid)
        self.assertNotIn(uuid, self.sr.scan())
        self.assertTrue(self.sr.image(uuid).exists())

    def test_image_that_was_away_comes_back_with_its_content(self):
        uuid = self.sr.create()
        self.sr.write(uuid, 1)
        snapshot = self.sr.call("vdi_snapshot", vdi=uuid)["uuid"]
        self.sr.call("vdi_delete", vdi=snapshot)
        away = self.sr.image(uuid).with_name("elsewhere")
        self.sr.image(uuid).rename(away)
        self.assertNotIn(uuid, self.sr.scan())
        self.assertNotIn(uuid, self.sr.scan())
        away.rename(self.sr.image(uuid))
        self.assertIn(uuid, self.sr.scan())
        self.assertTrue(self.sr.holds(uuid, {0: 1}))

    def test_damaged_base_is_told(self):
        uuid = self.sr.create()
        self.sr.write(uuid, 1)
        base = self.sr.call("vdi_snapshot", vdi=uuid)["parent"]
        self.sr.image(base).write_bytes(b"")
        self.assert_fault("VDILoad", "vdi_attach", "true", vdi=uuid)

    def test_foreign_backing_files_are_never_followed(self):
        for number, backing in enumerate(("/etc/passwd", "../../etc/passwd", "json:{}", "other.qcow2")):
            uuid = f"0000000{number}-2222-4333-8444-555555555555"
            tool("qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", backing, "-F", "raw", self.sr.image(uuid), "1M")
            self.assertNotIn(uuid, self.sr.scan())
            self.assert_fault("VDIType", "vdi_introduce", vdi=uuid)
            (self.sr.path / f"{uuid}.json").write_text("{}")
            self.assert_fault("VDILoad", "vdi_attach", "false", vdi=uuid)

    def test_visible_disk_is_no_base(self):
        uuid = self.sr.create()
        sneaky = "00000000-2222-4333-8444-555555555555"
        tool("qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", f"{uuid}.qcow2", "-F", "qcow2", self.sr.image(sneaky), "1M")
        (self.sr.path / f"{sneaky}.json").write_text("{}")
        self.assert_fault("VDILoad", "vdi_attach", "false", vdi=sneaky)

    def test_circle_of_backing_files_ends(self):
        one, two = ("00000001-2222-4333-8444-555555555555", "00000002-2222-4333-8444-555555555555")
        for uuid, backing in ((one, two), (two, one)):
            tool("qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", f"{backing}.qcow2", "-F", "qcow2", self.sr.image(uuid), "1M")
            (self.sr.path / f"{uuid}.json").write_text('{"hidden": true}')
        (self.sr.path / f"{OTHER}.json").write_text("{}")
        tool("qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", f"{one}.qcow2", "-F", "qcow2", self.sr.image(OTHER), "1M")
        self.assert_fault("VDILoad", "vdi_attach", "false", vdi=OTHER)

    def test_second_host_is_refused_until_deactivated(self):
        uuid = self.sr.create()
        self.sr.call("vdi_activate", "true", vdi=uuid)
        self.sr.call("vdi_activate", "true", vdi=uuid)
        self.sr.host = "OpaqueRef:other"
        self.assert_fault("VDIInUse", "vdi_activate", "true", vdi=uuid)
        self.assert_fault("VDIInUse", "vdi_activate", "false", vdi=uuid)
        self.sr.call("vdi_deactivate", vdi=uuid)
        self.assert_fault("VDIInUse", "vdi_activate", "true", vdi=uuid)
        self.sr.host = "OpaqueRef:host"
        self.sr.call("vdi_deactivate", vdi=uuid)
        self.sr.call("vdi_deactivate", vdi=uuid)
        self.sr.host = "OpaqueRef:other"
        self.sr.call("vdi_activate", "true", vdi=uuid)

    def test_hosts_may_read_together_or_share(self):
        uuid = self.sr.create()
        shared = self.sr.create(vdi_sharable="true")
        for host in ("OpaqueRef:a", "OpaqueRef:b"):
            self.sr.host = host
            self.sr.call("vdi_activate", "false", vdi=uuid)
            self.sr.call("vdi_activate", "true", vdi=shared)
        self.assert_fault("VDIInUse", "vdi_activate", "true", vdi=uuid)

    def test_marks_of_an_earlier_boot_are_taken_over(self):
        uuid = self.sr.create()
        self.sr.call("vdi_activate", "true", vdi=uuid)
        mark = self.sr.path / f"{uuid}.active"
        mark.write_text(mark.read_text().replace('"boot":"', '"boot":"x'))
        self.sr.call("vdi_snapshot", vdi=uuid)
        self.sr.call("vdi_activate", "true", vdi=uuid)

    def test_mark_that_a_power_failure_emptied_means_nothing(self):
        uuid = self.sr.create()
        mark = self.sr.path / f"{uuid}.active"
        mark.write_text("")
        self.sr.call("vdi_activate", "true", vdi=uuid)
        self.assertIn(self.sr.host, mark.read_text())

    def test_mark_that_cannot_be_read_protects_the_disk(self):
        uuid = self.sr.create()
        (self.sr.path / f"{uuid}.active").write_text('{"OpaqueRef:other": {"bo')
        self.assert_fault("VDIInUse", "vdi_activate", "true", vdi=uuid)

    def test_activated_disk_is_not_changed(self):
        uuid = self.sr.create()
        self.sr.call("vdi_activate", "true", vdi=uuid)
        for command, args in (("vdi_delete", []), ("vdi_snapshot", []), ("vdi_clone", []), ("vdi_resize", [90 * MIB])):
            self.assert_fault("VDIInUse", command, *args, vdi=uuid)
        self.sr.call("vdi_deactivate", vdi=uuid)
        self.sr.call("vdi_delete", vdi=uuid)
        self.assertEqual(self.sr.names(), [])


class ForkTest(FolderTest):
    def test_snapshot_keeps_what_was(self):
        uuid = self.sr.create(label="disk", vdi_type="system")
        self.sr.write(uuid, 1)
        snapshot = self.sr.call("vdi_snapshot", vdi=uuid)
        self.sr.write(uuid, 2)
        self.assertTrue(self.sr.holds(uuid, {0: 2}))
        self.assertTrue(self.sr.holds(snapshot["uuid"], {0: 1}))
        expected = {"label": "disk", "type": "system", "is_a_snapshot": "true", "snapshot_of": uuid, "read_only": "true",
                    "size": str(10 * MIB)}
        self.assertEqual({key: snapshot[key] for key in expected}, expected)
        self.assertNotEqual(snapshot["snapshot_time"], "19700101T00:00:00Z")
        scanned = self.sr.scan()
        self.assertEqual(scanned[snapshot["parent"]]["hidden"], "true")
        self.assertEqual(scanned[uuid]["parent"], snapshot["parent"])
        self.assertEqual(len(scanned), 3)

    def test_clone_of_a_snapshot_is_writable_and_its_own(self):
        uuid = self.sr.create()
        self.sr.write(uuid, 1)
        snapshot = self.sr.call("vdi_snapshot", vdi=uuid)
        clone = self.sr.call("vdi_clone", vdi=snapshot["uuid"])
        self.assertEqual((clone["read_only"], clone["is_a_snapshot"], clone["snapshot_of"]), ("false", "false", ""))
        self.assertEqual(clone["parent"], snapshot["parent"])
        self.sr.write(clone["uuid"], 3)
        self.assertTrue(self.sr.holds(snapshot["uuid"], {0: 1}))
        self.assertTrue(self.sr.holds(clone["uuid"], {0: 3}))

    def test_unchanged_disk_makes_no_chain(self):
        uuid = self.sr.create()
        self.sr.write(uuid, 1)
        for _ in range(4):
            self.sr.call("vdi_snapshot", vdi=uuid)
        scanned = self.sr.scan()
        self.assertEqual(sum(vdi["hidden"] == "true" for vdi in scanned.values()), 1)
        self.assertEqual(len({vdi["parent"] for vdi in scanned.values()}), 2)

    def test_empty_disk_needs_no_base(self):
        self.assertEqual(self.sr.call("vdi_clone", vdi=self.sr.create())["parent"], "")

    def test_copy_has_the_grown_size(self):
        uuid = self.sr.create()
        self.sr.write(uuid, 1)
        self.sr.call("vdi_snapshot", vdi=uuid)
        self.sr.call("vdi_resize", 30 * MIB, vdi=uuid)
        clone = self.sr.call("vdi_clone", vdi=uuid)
        self.assertEqual(clone["size"], str(30 * MIB))
        self.sr.write(clone["uuid"], 4, 25 * MIB)
        self.assertTrue(self.sr.holds(clone["uuid"], {0: 1, 25 * MIB: 4, 20 * MIB: 0}))

    def test_deleting_goes_up_the_chain(self):
        uuid = self.sr.create()
        made = [uuid]
        for byte in range(1, 4):
            self.sr.write(uuid, byte, byte * 65536)
            made.append(self.sr.call("vdi_snapshot", vdi=uuid)["uuid"])
        self.assertEqual(len(self.sr.scan()), 7)
        self.sr.call("vdi_delete", vdi=made[2])
        self.assertTrue(self.sr.holds(uuid, {65536: 1, 2 * 65536: 2, 3 * 65536: 3}))
        self.assertTrue(self.sr.holds(made[3], {65536: 1, 2 * 65536: 2, 3 * 65536: 3}))
        self.assertTrue(self.sr.holds(made[1], {65536: 1, 2 * 65536: 0}))
        for rest in (made[1], uuid, made[3]):
            self.sr.call("vdi_delete", vdi=rest)
        self.assertEqual(self.sr.names(), [])

    def test_disk_that_others_read_from_is_hidden_not_removed(self):
        uuid = self.sr.create()
        self.sr.write(uuid, 1)
        child = "00000000-2222-4333-8444-555555555555"
        tool("qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", f"{uuid}.qcow2", "-F", "qcow2", self.sr.image(child), "10M")
        (self.sr.path / f"{child}.json").write_text("{}")
        self.sr.call("vdi_delete", vdi=uuid)
        self.assertEqual(self.sr.scan()[uuid]["hidden"], "true")
        self.assertTrue(self.sr.holds(child, {0: 1}))
        self.assert_fault("VDIMissing", "vdi_delete", vdi=uuid)

    def test_unreadable_neighbour_keeps_bases(self):
        uuid = self.sr.create()
        self.sr.write(uuid, 1)
        base = self.sr.call("vdi_snapshot", vdi=uuid)["parent"]
        kept = self.sr.image(uuid).read_bytes()
        self.sr.image(uuid).write_bytes(b"unreadable for a while")
        for snapshot in [name for name, vdi in self.sr.visible().items() if vdi["is_a_snapshot"] == "true"]:
            self.sr.call("vdi_delete", vdi=snapshot)
        self.assertIn(base, self.sr.scan())
        self.sr.image(uuid).write_bytes(kept)
        self.assertTrue(self.sr.holds(uuid, {0: 1}))
        self.assertIn(uuid, self.sr.visible())


class OtherTest(FolderTest):
    def test_resize_grows_only(self):
        uuid = self.sr.create(10 * MIB)
        self.sr.write(uuid, 1)
        self.assertEqual(self.sr.call("vdi_resize", 20 * MIB - 5, vdi=uuid)["size"], str(20 * MIB))
        self.assertEqual(self.sr.call("vdi_resize", 20 * MIB, vdi=uuid)["size"], str(20 * MIB))
        self.assert_fault("VDISize", "vdi_resize", 10 * MIB, vdi=uuid)
        self.assert_fault("VDISize", "vdi_resize", 65 << 40, vdi=uuid)
        self.assertTrue(self.sr.holds(uuid, {0: 1}))

    def test_update_writes_the_name_down(self):
        uuid = self.sr.create(label="old")
        self.sr.call("vdi_update", vdi=uuid, vdi_name_label="new", vdi_name_description="more")
        self.assertEqual((self.sr.scan()[uuid]["label"], self.sr.scan()[uuid]["description"]), ("new", "more"))
        self.sr.call("vdi_update", vdi=uuid)
        self.assertEqual(self.sr.scan()[uuid]["label"], "new")
        self.assert_fault("VDIMissing", "vdi_update", vdi=OTHER)

    def test_dropped_images_are_taken_up(self):
        raw, qcow2 = ("00000001-2222-4333-8444-555555555555", "00000002-2222-4333-8444-555555555555")
        (self.sr.path / f"{raw}.raw").write_bytes(b"QFI\xfb" + b"x" * (MIB - 4))
        tool("qemu-img", "create", "-q", "-f", "qcow2", self.sr.image(qcow2), "3M")
        (self.sr.path / "notes.txt").write_text("mine")
        scanned = self.sr.scan()
        self.assertEqual({uuid: vdi["size"] for uuid, vdi in scanned.items()}, {raw: str(MIB), qcow2: str(3 * MIB)})
        answer = self.sr.call("vdi_attach", "true", vdi=raw)
        self.assertEqual((answer["params"], answer["xenstore_data"]), (str(self.sr.path / f"{raw}.raw"), {"image-format": "raw"}))
        self.assertEqual((self.sr.path / "notes.txt").read_text(), "mine")

    def test_raw_disk_can_be_copied(self):
        raw = "00000001-2222-4333-8444-555555555555"
        (self.sr.path / f"{raw}.raw").write_bytes(b"\7" * 65536 + b"\0" * (MIB - 65536))
        self.sr.scan()
        snapshot = self.sr.call("vdi_snapshot", vdi=raw)
        self.sr.write(raw, 9)
        self.assertTrue(self.sr.holds(raw, {0: 9}))
        self.assertTrue(self.sr.holds(snapshot["uuid"], {0: 7}))
        self.assertFalse((self.sr.path / f"{raw}.raw").exists())
        self.sr.call("vdi_attach", "true", vdi=raw)
        self.sr.call("vdi_delete", vdi=raw)
        self.sr.call("vdi_delete", vdi=snapshot["uuid"])
        self.assertEqual(self.sr.names(), [])

    def test_introduce(self):
        uuid = "00000001-2222-4333-8444-555555555555"
        self.assert_fault("VDIMissing", "vdi_introduce", vdi=uuid)
        tool("qemu-img", "create", "-q", "-f", "qcow2", self.sr.image(uuid), "3M")
        self.assertEqual(self.sr.call("vdi_introduce", vdi=uuid, new_uuid=uuid)["size"], str(3 * MIB))
        self.assert_fault("InvalidArg", "vdi_introduce", vdi=uuid, new_uuid=OTHER)
        self.sr.write(uuid, 1)
        base = self.sr.call("vdi_snapshot", vdi=uuid)["parent"]
        self.assert_fault("VDIExists", "vdi_introduce", vdi=base)

    def test_bases_cannot_be_named(self):
        uuid = self.sr.create()
        self.sr.write(uuid, 1)
        base = self.sr.call("vdi_snapshot", vdi=uuid)["parent"]
        for command, args in (("vdi_attach", ["false"]), ("vdi_activate", ["false"]), ("vdi_delete", []), ("vdi_snapshot", []),
                              ("vdi_resize", [90 * MIB]), ("vdi_update", [])):
            self.assert_fault("VDIMissing", command, *args, vdi=base)

    def test_calls_at_the_same_time(self):
        uuid = self.sr.create()
        self.sr.write(uuid, 1)
        requests = [self.sr.request("vdi_clone", vdi=uuid) for _ in range(6)] + [self.sr.request("sr_scan") for _ in range(2)]
        running = [subprocess.Popen([self.program, request], stdout=subprocess.PIPE, text=True) for request in requests]
        for process in running:
            self.assertNotIn("<fault>", process.communicate()[0])
        visible = self.sr.visible()
        self.assertEqual(len(visible), 7)
        for clone in visible:
            self.assertTrue(self.sr.holds(clone, {0: 1}))


if __name__ == "__main__":
    unittest.TestCase.maxDiff = None
    tap.main("plugins/file")
