#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""SR, PBD and VDI messages: over the file plugin, and over one that misbehaves."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import case  # noqa: E402
from server import wait_until  # noqa: E402
from storage import MIB, TYPES, StorageTest, disk_record  # noqa: E402
from wire import NULL, ApiFailure, call_xml, read_answer  # noqa: E402

NOBODY = "OpaqueRef:00000000-0000-0000-0000-000000000000"


class RepositoryTest(StorageTest):
    """What SRs go through."""

    def test_created_sr_is_plugged_and_described(self):
        sr, folder = self.create_sr()
        record = self.api("SR.get_record", sr)
        wanted = {"name_label": "an SR", "name_description": "for tests", "type": "file", "content_type": "user", "shared": False,
                  "VDIs": [], "current_operations": {}, "sm_config": {}, "introduced_by": NULL, "virtual_allocation": 0}
        self.assertEqual({key: record[key] for key in wanted}, wanted)
        self.assertGreater(record["physical_size"], 0)
        pbd = self.api("PBD.get_record", record["PBDs"][0])
        self.assertEqual([pbd["currently_attached"], pbd["host"], pbd["SR"], pbd["device_config"]],
                         [True, self.host, sr, {"location": str(folder)}])
        self.assertTrue(folder.is_dir())
        self.forget(sr)

    def test_sizes_follow_disks_without_a_scan(self):
        sr, _ = self.create_sr()
        empty = self.sizes(sr)
        vdi = self.create_vdi(sr)
        self.assertEqual(self.sizes(sr)[0], 8 * MIB)
        self.api("VDI.resize", vdi, 16 * MIB)
        other = self.create_vdi(sr)
        told = self.sizes(sr)
        self.assertEqual(told[0], 24 * MIB)
        self.api("SR.scan", sr)
        self.assertEqual(self.sizes(sr), told)
        self.api("VDI.forget", other)
        self.assertEqual(self.sizes(sr), told)
        self.api("SR.scan", sr)
        for disk in self.api("SR.get_VDIs", sr):
            self.api("VDI.destroy", disk)
        self.assertEqual(self.sizes(sr), empty)
        self.forget(sr)

    def sizes(self, sr):
        """What the SR says of its use: virtual, physical."""
        return self.api("SR.get_virtual_allocation", sr), self.api("SR.get_physical_utilisation", sr)

    def test_types_are_those_of_the_plugins(self):
        self.assertEqual(self.api("SR.get_supported_types"), TYPES)
        records = self.api("SM.get_all_records").values()
        self.assertEqual({record["type"] for record in records}, set(TYPES))
        for record in records:
            self.assertEqual("VDI_CREATE" in record["capabilities"], record["type"] != "iso", record["type"])
            self.assertEqual(set(record["features"]), set(record["capabilities"]))

    def test_unknown_type_is_told(self):
        self.assert_fails("SR_UNKNOWN_DRIVER", ["none"], self.create_sr, "none")
        self.assert_fails("SR_UNKNOWN_DRIVER", ["../../bin/sh"], self.create_sr, "../../bin/sh")
        self.assertEqual([r for r in self.api("SR.get_all_records").values() if r["type"] == "none"], [])

    def test_missing_location_is_told_and_nothing_stays(self):
        before = self.api("SR.get_all"), self.api("PBD.get_all")
        with self.assertRaises(ApiFailure) as caught:
            self.api("SR.create", self.host, {}, 0, "x", "", "file", "", False, {})
        self.assertRegex(caught.exception.code, r"^SR_BACKEND_FAILURE(_\d+)?$")
        self.assertEqual((self.api("SR.get_all"), self.api("PBD.get_all")), before)

    def test_unknown_host_is_told_and_nothing_stays(self):
        before = self.api("SR.get_all")
        self.host = NOBODY
        self.assert_fails("HANDLE_INVALID", ["host", NOBODY], self.create_sr)
        self.assertEqual(self.api("SR.get_all"), before)

    def test_destroyed_sr_is_gone_with_its_pbd(self):
        sr, _ = self.create_sr()
        pbd = self.pbd(sr)
        self.assert_fails("SR_HAS_PBD", [sr], self.api, "SR.destroy", sr)
        self.api("PBD.unplug", pbd)
        self.api("SR.destroy", sr)
        self.assert_fails("HANDLE_INVALID", ["SR", sr], self.api, "SR.get_record", sr)
        self.assert_fails("HANDLE_INVALID", ["PBD", pbd], self.api, "PBD.get_record", pbd)

    def test_sr_with_disks_is_not_destroyed(self):
        sr, _ = self.create_sr()
        vdi = self.create_vdi(sr)
        self.api("PBD.unplug", self.pbd(sr))
        self.assert_fails("SR_NOT_EMPTY", None, self.api, "SR.destroy", sr)
        self.assertEqual(self.api("SR.get_VDIs", sr), [vdi])
        self.api("PBD.plug", self.pbd(sr))
        self.assertEqual(self.api("SR.get_VDIs", sr), [vdi])
        self.forget(sr)

    def test_forgotten_sr_comes_back_with_its_disks(self):
        sr, folder = self.create_sr()
        uuid, vdi_uuid = self.api("SR.get_uuid", sr), self.api("VDI.get_uuid", self.create_vdi(sr, name_label="keeps its name"))
        self.forget(sr)
        self.assert_fails("UUID_INVALID", ["VDI", vdi_uuid], self.api, "VDI.get_by_uuid", vdi_uuid)
        sr = self.api("SR.introduce", uuid, "back", "", "file", "user", False, {})
        self.assert_fails("SR_UUID_EXISTS", [uuid], self.api, "SR.introduce", uuid, "twice", "", "file", "user", False, {})
        pbd = self.api("PBD.create", {"host": self.host, "SR": sr, "device_config": {"location": str(folder)}, "other_config": {}})
        self.assertFalse(self.api("PBD.get_currently_attached", pbd))
        self.api("PBD.plug", pbd)
        record = self.api("VDI.get_record", self.api("VDI.get_by_uuid", vdi_uuid))
        self.assertEqual([record["name_label"], record["virtual_size"], record["SR"]], ["keeps its name", 8 * MIB, sr])
        self.forget(sr)

    def test_pbd_is_plugged_and_unplugged_as_often_as_wanted(self):
        sr, _ = self.create_sr()
        pbd = self.pbd(sr)
        for _ in range(2):
            for message, attached in (("unplug", False), ("unplug", False), ("plug", True), ("plug", True)):
                self.api(f"PBD.{message}", pbd)
                self.assertEqual(self.api("PBD.get_currently_attached", pbd), attached)
        self.forget(sr)

    def test_plugged_pbd_stays_as_it_is(self):
        sr, folder = self.create_sr()
        pbd = self.pbd(sr)
        self.assert_fails("OPERATION_NOT_ALLOWED", None, self.api, "PBD.destroy", pbd)
        self.assert_fails("OPERATION_NOT_ALLOWED", None, self.api, "PBD.set_device_config", pbd, {})
        self.api("PBD.unplug", pbd)
        self.api("PBD.set_device_config", pbd, {"location": str(folder), "more": "x"})
        self.api("PBD.destroy", pbd)
        self.assertEqual(self.api("SR.get_PBDs", sr), [])
        self.api("SR.forget", sr)

    def test_second_pbd_of_a_host_is_refused(self):
        sr, _ = self.create_sr()
        record = {"host": self.host, "SR": sr, "device_config": {}, "other_config": {}}
        self.assert_fails("PBD_EXISTS", [sr, self.host, self.pbd(sr)], self.api, "PBD.create", record)
        self.assertEqual(len(self.api("SR.get_PBDs", sr)), 1)
        self.forget(sr)

    def test_sr_that_is_not_plugged_does_nothing(self):
        sr, _ = self.create_sr()
        vdi = self.create_vdi(sr)
        self.api("PBD.unplug", self.pbd(sr))
        for call in (lambda: self.api("SR.scan", sr), lambda: self.create_vdi(sr), lambda: self.api("VDI.destroy", vdi),
                     lambda: self.api("VDI.snapshot", vdi, {}), lambda: self.api("VDI.resize", vdi, 16 * MIB)):
            with self.assertRaises(ApiFailure) as caught:
                call()
            self.assertIn(caught.exception.code, ("SR_NOT_ATTACHED", "SR_HAS_NO_PBDS", "SR_NO_PBDS"), caught.exception)
        self.api("SR.forget", sr)

    def test_probe_gives_a_document(self):
        document = self.api("SR.probe", self.host, {"location": str(self.folder())}, "test", {})
        self.assertEqual(document, "<SRlist></SRlist>")

    def test_names_are_set(self):
        sr, _ = self.create_sr()
        for field, value in (("name_label", "new"), ("name_description", "newer"), ("shared", True), ("physical_size", 5)):
            self.api(f"SR.set_{field}", sr, value)
            self.assertEqual(self.api(f"SR.get_{field}", sr), value)
        self.forget(sr)


class DiskTest(StorageTest):
    """What VDIs go through, on the file plugin."""

    def setUp(self):
        super().setUp()
        self.sr, self.sr_folder = self.create_sr()
        self.forget_at_end(self.sr)

    def test_created_disk_is_described(self):
        vdi = self.create_vdi(self.sr, name_label="one", name_description="first", other_config={"a": "b"}, tags=["t"],
                              xenstore_data={"c": "d"}, sharable=True)
        record = self.api("VDI.get_record", vdi)
        wanted = {"name_label": "one", "name_description": "first", "SR": self.sr, "virtual_size": 8 * MIB, "type": "user",
                  "sharable": True, "read_only": False, "other_config": {"a": "b"}, "tags": ["t"],
                  "xenstore_data": {"c": "d"}, "managed": True, "missing": False, "is_a_snapshot": False, "snapshot_of": NULL,
                  "snapshots": [], "VBDs": [], "crash_dumps": [],
                  "current_operations": {}, "on_boot": "persist", "storage_lock": False, "allow_caching": False}
        self.assertEqual({key: record[key] for key in wanted}, wanted)
        self.assertEqual(self.api("SR.get_VDIs", self.sr), [vdi])
        self.assertIn("destroy", record["allowed_operations"])

    def test_size_is_rounded_up_never_down(self):
        for size in (1, 511, 4097, 3 * MIB + 1):
            vdi = self.create_vdi(self.sr, virtual_size=size)
            self.assertGreaterEqual(self.api("VDI.get_virtual_size", vdi), size)

    def test_sizes_that_are_none_are_refused(self):
        for size in (0, -1, -(2 ** 63)):
            self.assert_fails("INVALID_VALUE", ["virtual_size", size], self.api, "VDI.create", disk_record(self.sr, virtual_size=size))
        self.assertEqual(self.api("SR.get_VDIs", self.sr), [])

    def test_disk_without_an_sr_is_refused(self):
        self.assert_fails("HANDLE_INVALID", ["SR", NOBODY], self.create_vdi, NOBODY)
        self.assert_fails("HANDLE_INVALID", ["SR", NULL], self.create_vdi, NULL)
        record = disk_record(self.sr)
        del record["SR"]
        self.assert_fails("INTERNAL_ERROR", None, self.api, "VDI.create", record)

    def test_far_too_large_disk_is_refused(self):
        with self.assertRaises(ApiFailure):
            self.create_vdi(self.sr, virtual_size=2 ** 63 - 1)
        self.assertEqual(self.api("SR.get_VDIs", self.sr), [])

    def test_destroyed_disk_is_gone_with_its_image(self):
        before = self.images()
        vdi = self.create_vdi(self.sr)
        self.assertNotEqual(self.images(), before)
        self.api("VDI.destroy", vdi)
        self.assertEqual(self.images(), before)
        self.assert_fails("HANDLE_INVALID", ["VDI", vdi], self.api, "VDI.get_record", vdi)

    def images(self):
        """Files that hold data, by their names."""
        return sorted(path.name for path in self.sr_folder.rglob("*") if path.suffix in (".qcow2", ".raw", ".vhd", ".img"))

    def test_snapshot_knows_what_it_is_of(self):
        vdi = self.create_vdi(self.sr, name_label="origin", name_description="d")
        snapshot = self.api("VDI.snapshot", vdi, {})
        record = self.api("VDI.get_record", snapshot)
        wanted = {"is_a_snapshot": True, "snapshot_of": vdi, "virtual_size": 8 * MIB, "name_label": "origin", "name_description": "d",
                  "SR": self.sr}
        self.assertEqual({key: record[key] for key in wanted}, wanted)
        self.assertGreater(record["snapshot_time"], "20200101T00:00:00Z")
        self.assertEqual(self.api("VDI.get_snapshots", vdi), [snapshot])
        self.assertFalse(self.api("VDI.get_is_a_snapshot", vdi))

    def test_clone_stands_by_itself(self):
        vdi = self.create_vdi(self.sr, name_label="origin", other_config={"a": "b"})
        clone = self.api("VDI.clone", vdi, {})
        record = self.api("VDI.get_record", clone)
        wanted = {"is_a_snapshot": False, "snapshot_of": NULL, "virtual_size": 8 * MIB, "name_label": "origin"}
        self.assertEqual({key: record[key] for key in wanted}, wanted)
        self.api("VDI.destroy", vdi)
        self.assertEqual(self.api("VDI.get_virtual_size", clone), 8 * MIB)
        self.api("VDI.resize", clone, 16 * MIB)

    def test_driver_params_may_be_left_out(self):
        vdi = self.create_vdi(self.sr)
        self.assertEqual(self.api.raw("VDI.snapshot", self.api.session, vdi).kind, "text")
        self.assertEqual(self.api.raw("VDI.clone", self.api.session, vdi).kind, "text")

    def test_disk_grows_and_never_shrinks(self):
        vdi = self.create_vdi(self.sr)
        self.api("VDI.resize", vdi, 32 * MIB)
        self.assertEqual(self.api("VDI.get_virtual_size", vdi), 32 * MIB)
        self.assert_fails("INVALID_VALUE", None, self.api, "VDI.resize", vdi, 16 * MIB)
        self.assertEqual(self.api("VDI.get_virtual_size", vdi), 32 * MIB)

    def test_scan_changes_nothing_when_nothing_changed(self):
        vdis = {self.create_vdi(self.sr) for _ in range(3)}
        vdis.add(self.api("VDI.snapshot", sorted(vdis)[0], {}))
        before = {ref: record for ref, record in self.api("VDI.get_all_records").items() if ref in vdis}
        self.api("SR.scan", self.sr)
        after = {ref: record for ref, record in self.api("VDI.get_all_records").items() if record["SR"] == self.sr and record["managed"]}
        self.assertEqual(after, before)

    def test_lost_image_leaves_with_the_scan(self):
        vdi, other = self.create_vdi(self.sr), self.create_vdi(self.sr)
        uuid = self.api("VDI.get_uuid", vdi)
        for path in self.sr_folder.rglob(f"*{uuid}*"):
            path.unlink()
        self.api("SR.scan", self.sr)
        self.assert_fails("HANDLE_INVALID", ["VDI", vdi], self.api, "VDI.get_record", vdi)
        self.api("VDI.get_record", other)

    def test_lost_image_is_told_by_what_needs_it(self):
        vdi = self.create_vdi(self.sr)
        uuid = self.api("VDI.get_uuid", vdi)
        for path in self.sr_folder.rglob(f"*{uuid}*"):
            path.unlink()
        for call in (lambda: self.api("VDI.snapshot", vdi, {}), lambda: self.api("VDI.clone", vdi, {}),
                     lambda: self.api("VDI.resize", vdi, 16 * MIB)):
            with self.assertRaises(ApiFailure) as caught:
                call()
            self.assertRegex(caught.exception.code, r"^(VDI_MISSING|SR_BACKEND_FAILURE(_\d+)?)$")
        self.assertEqual(self.api("VDI.get_current_operations", vdi), {})

    def test_corrupt_image_is_told_by_what_needs_it(self):
        vdi, other = self.create_vdi(self.sr), self.create_vdi(self.sr)
        uuid = self.api("VDI.get_uuid", vdi)
        for path in self.sr_folder.rglob(f"*{uuid}*.qcow2"):
            os.truncate(path, 100)
        with self.assertRaises(ApiFailure) as caught:
            self.api("VDI.resize", vdi, 16 * MIB)
        self.assertRegex(caught.exception.code, r"^(VDI_MISSING|VDI_NOT_AVAILABLE|SR_BACKEND_FAILURE(_\d+)?)$")
        self.api("SR.scan", self.sr)
        self.api("VDI.resize", other, 16 * MIB)

    def test_names_reach_the_plugin(self):
        vdi = self.create_vdi(self.sr)
        self.api("VDI.set_name_label", vdi, "renamed <&>")
        self.api("VDI.set_name_description", vdi, "described")
        self.api("VDI.update", vdi)
        uuid = self.api("VDI.get_uuid", vdi)
        self.api("VDI.forget", vdi)
        self.api("SR.scan", self.sr)
        record = self.api("VDI.get_record", self.api("VDI.get_by_uuid", uuid))
        self.assertEqual([record["name_label"], record["name_description"]], ["renamed <&>", "described"])

    def test_fields_are_set(self):
        vdi = self.create_vdi(self.sr)
        for field, value in (("sharable", True), ("read_only", True), ("on_boot", "reset"), ("allow_caching", True)):
            self.api(f"VDI.set_{field}", vdi, value)
            self.assertEqual(self.api(f"VDI.get_{field}", vdi), value)

    def test_parallel_disks_all_come(self):
        tasks = [self.api("Async.VDI.create", disk_record(self.sr, name_label=str(number))) for number in range(6)]
        for task in tasks:
            record = self.wait_task(task)
            # An SR does one thing at a time; who comes second may be sent away, but is told so.
            self.assertIn((record["status"], *record["error_info"][:1]), (("success",), ("failure", "OTHER_OPERATION_IN_PROGRESS")))
        made = [task for task in tasks if self.api("task.get_status", task) == "success"]
        self.assertEqual(len(self.api("SR.get_VDIs", self.sr)), len(made))
        self.assertGreater(len(made), 0)


class BadPluginTest(StorageTest):
    """Whatever a plugin does, the call ends with an error that says so, and the SR serves on."""

    def setUp(self):
        super().setUp()
        self.sr, self.sr_folder = self.create_sr("test")
        self.forget_at_end(self.sr)

    def assert_scan_fails(self, behaviour, code, params=None):
        """SR.scan fails, and works again when the plugin behaves."""
        self.misbehave(self.sr_folder, "sr_scan", behaviour)
        self.assert_fails(code, params, self.api, "SR.scan", self.sr)
        self.behave(self.sr_folder, "sr_scan")
        self.assertEqual(self.api("SR.get_current_operations", self.sr), {})
        self.api("SR.scan", self.sr)

    def test_plugins_that_end_badly(self):
        for behaviour in ("exit", "talkative"):
            self.assert_scan_fails(behaviour, "SR_BACKEND_FAILURE")

    def test_plugin_that_crashes(self):
        self.assert_scan_fails("crash", "SR_BACKEND_FAILURE")

    def test_plugins_that_answer_nonsense(self):
        for behaviour in ("silent", "garbage", "html", "truncated", "wrong_type"):
            with self.subTest(behaviour):
                self.assert_scan_fails(behaviour, "SR_BACKEND_FAILURE")

    def test_plugin_that_never_stops_talking(self):
        self.assert_scan_fails("endless", "SR_BACKEND_FAILURE")

    def test_plugin_that_leaves_a_child_behind(self):
        self.assert_scan_fails("child", "SR_BACKEND_FAILURE")

    def test_faults_have_their_number(self):
        self.assert_scan_fails("fault 47", "SR_BACKEND_FAILURE_47", ["", "as asked", ""])

    def test_known_faults_have_codes_of_their_own(self):
        self.assert_scan_fails("fault 16", "SR_DEVICE_IN_USE")
        self.assert_scan_fails("fault 38", "SR_OPERATION_NOT_SUPPORTED", [self.sr])

    def test_failed_create_leaves_no_disk(self):
        for behaviour in ("exit", "crash", "garbage", "wrong_type", "fault 44"):
            self.misbehave(self.sr_folder, "vdi_create", behaviour)
            with self.assertRaises(ApiFailure) as caught:
                self.create_vdi(self.sr)
            self.assertTrue(caught.exception.code.startswith("SR_BACKEND_FAILURE"), caught.exception)
            self.assertEqual(self.api("SR.get_VDIs", self.sr), [])

    def test_failed_destroy_leaves_the_disk(self):
        vdi = self.create_vdi(self.sr)
        self.misbehave(self.sr_folder, "vdi_delete", "exit")
        self.assert_fails("SR_BACKEND_FAILURE", None, self.api, "VDI.destroy", vdi)
        self.assertEqual(self.api("VDI.get_current_operations", vdi), {})
        self.behave(self.sr_folder, "vdi_delete")
        self.api("VDI.destroy", vdi)

    def test_failed_plug_leaves_it_unplugged(self):
        pbd = self.pbd(self.sr)
        self.api("PBD.unplug", pbd)
        self.misbehave(self.sr_folder, "sr_attach", "fault 46")
        self.assert_fails("SR_BACKEND_FAILURE_46", None, self.api, "PBD.plug", pbd)
        self.assertFalse(self.api("PBD.get_currently_attached", pbd))
        self.behave(self.sr_folder, "sr_attach")
        self.api("PBD.plug", pbd)

    def test_failed_create_of_an_sr_leaves_none(self):
        for command in ("sr_create", "sr_attach"):
            folder = self.folder()
            self.misbehave(folder, command, "exit")
            before = self.api("SR.get_all"), self.api("PBD.get_all")
            self.assert_fails("SR_BACKEND_FAILURE", None, self.create_sr, "test", folder)
            self.assertEqual((self.api("SR.get_all"), self.api("PBD.get_all")), before)

    def test_plugin_that_hangs_blocks_only_its_sr(self):
        other, _ = self.create_sr("test")
        self.forget_at_end(other)
        self.misbehave(self.sr_folder, "sr_scan")
        task = self.api("Async.SR.scan", self.sr)
        self.wait_running(self.sr_folder, "sr_scan")
        self.api("SR.scan", other)
        self.create_vdi(other)
        self.api("task.cancel", task)
        self.assertEqual(self.wait_task(task)["status"], "cancelled")
        self.behave(self.sr_folder, "sr_scan")
        self.api("SR.scan", self.sr)

    def test_disk_made_while_the_server_dies_is_found_by_a_scan(self):
        self.misbehave(self.sr_folder, "vdi_create", "wait")
        self.api("Async.VDI.create", disk_record(self.sr))
        self.wait_running(self.sr_folder, "vdi_create")
        self.stack.kill9("xylemd")
        self.behave(self.sr_folder, "vdi_create")
        self.stack.start_one("xylemd")
        self.api = self.new_wire()
        self.assertEqual(self.api("SR.get_VDIs", self.sr), [])
        self.create_vdi(self.sr)
        self.api("SR.scan", self.sr)
        self.assertGreaterEqual(len(self.api("SR.get_VDIs", self.sr)), 1)

    def test_sr_is_attached_again_after_a_restart(self):
        vdi = self.create_vdi(self.sr)
        self.restart(kill=True)
        self.api = self.new_wire()
        self.assertTrue(self.api("PBD.get_currently_attached", self.pbd(self.sr)))
        self.api("VDI.destroy", vdi)

    def test_sr_that_cannot_be_attached_again_does_not_stop_the_server(self):
        self.misbehave(self.sr_folder, "sr_attach", "exit")
        self.restart()
        self.api = self.new_wire()
        self.assertFalse(self.api("PBD.get_currently_attached", self.pbd(self.sr)))
        self.behave(self.sr_folder, "sr_attach")
        self.api("PBD.plug", self.pbd(self.sr))


class SocketTest(StorageTest):
    """The socket of the domain service."""

    THREADS, WAITING = 16, 256

    def test_flood_is_refused(self):
        sr, folder = self.create_sr("test")
        args = {"dbg": "test", "dp": "vbd/x/xvda", "sr": self.api("SR.get_uuid", sr), "vdi": self.api("VDI.get_uuid", self.create_vdi(sr)),
                "read_write": True}
        self.misbehave(folder, "vdi_attach")
        flood = []
        for _ in range(self.THREADS + self.WAITING + 10):
            flood.append(self.closed_at_end(case.wire.Connection(self.stack.state / "storage.sock")))
            flood[-1].send_request("POST", "/", call_xml("VDI.attach", args).encode(), ("Content-Type: text/xml",))
        first = case.wire.first_readable(flood)
        self.assert_fails("TOO_BUSY", [], read_answer, first.read_response()[2])
        self.behave(folder, "vdi_attach")
        for connection in flood:
            connection.close()
        last = self.closed_at_end(case.wire.Connection(self.stack.state / "storage.sock"))

        def attach():
            try:
                return read_answer(last.post(call_xml("VDI.attach", args)))
            except ApiFailure as failure:
                self.assertEqual(failure.code, "TOO_BUSY")  # what has hung up is not cleared away yet
                return None

        wait_until(attach, "there is room again", 30)
        read_answer(last.post(call_xml("VDI.detach", args)))
        self.api("PBD.unplug", self.pbd(sr))


class DiscoveryTest(StorageTest):
    """Programs in the plugin directory that are no plugins."""

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.add_plugin("GarbageSR", "print('hello')\n")
        cls.add_plugin("ExitSR", "raise SystemExit(1)\n")
        cls.add_plugin("CrashSR", "import os\nos.abort()\n")
        cls.add_plugin("not-a-plugin", "raise SystemExit(0)\n")
        (cls.scratch / "plugins/EmptySR").touch(0o755)
        (cls.scratch / "plugins/PlainSR").write_text("not executable", encoding="utf-8")
        (cls.scratch / "plugins/FolderSR").mkdir()
        os.symlink("/nonexistent", cls.scratch / "plugins/DanglingSR")

    def test_they_are_left_out_and_told_in_the_log(self):
        self.assertEqual(self.api("SR.get_supported_types"), TYPES)
        log = self.stack.log_path("xylemd").read_text(encoding="utf-8")
        for name in ("GarbageSR", "ExitSR", "CrashSR", "EmptySR"):
            self.assertIn(name, log)

    def test_type_whose_plugin_vanished_goes_with_the_restart(self):
        self.add_plugin("BriefSR")
        self.restart()
        self.api = self.new_wire()
        self.assertIn("brief", self.api("SR.get_supported_types"))
        (self.scratch / "plugins/BriefSR").unlink()
        self.restart()
        self.api = self.new_wire()
        self.assertEqual(self.api("SR.get_supported_types"), TYPES)
        self.assertEqual({record["type"] for record in self.api("SM.get_all_records").values()}, set(TYPES))


if __name__ == "__main__":
    case.main("api/storage")
