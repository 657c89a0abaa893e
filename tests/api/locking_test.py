#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may do what at the same time: threads shared between sessions, and one operation on an object at a time.
Source: protocol notes 3."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import case  # noqa: E402
import storage  # noqa: E402
from as_told import AsTold  # noqa: E402
from wire import NULL, call_xml, read_answer  # noqa: E402

N_WORKERS = 8
SHARE = N_WORKERS // 2
MANY = 100


class FairTest(storage.StorageTest):
    """One client that starts much and ends nothing. The server has few threads, so that they are soon all taken."""

    OPTIONS = ("--workers", str(N_WORKERS))

    def busy_srs(self, count):
        """SRs whose scan hangs: (reference, folder) each."""
        srs = [self.create_sr("test") for _ in range(count)]
        for _, folder in srs:
            self.misbehave(folder, "sr_scan")
        self.addCleanup(self.cancel_all)
        return srs

    def cancel_all(self):
        """What a failed test may have left running."""
        api = self.new_wire()
        for task, record in api("task.get_all_records").items():
            if record["status"] == "pending":
                api("task.cancel", task)

    def running(self, srs):
        """Those whose scan has got to the plugin."""
        return [sr for sr, folder in srs if (folder / "sr_scan.running").exists()]

    def cancel(self, tasks, api=None):
        """All of them, and waits for their ends."""
        for task in tasks:
            (api or self.api)("task.cancel", task)
        for task in tasks:
            self.assertEqual(self.wait_task(task)["status"], "cancelled")

    def test_many_slow_calls_starve_nobody(self):
        srs = self.busy_srs(SHARE + 2)
        tasks = [self.api("Async.SR.scan", srs[number % len(srs)][0]) for number in range(MANY)]
        storage.wait_until(lambda: len(self.running(srs)) == SHARE, "the share is at work", 30)
        other = self.new_wire()
        self.assertEqual(other("SR.get_supported_types"), storage.TYPES)
        self.assertEqual(self.wait_task(other("Async.SR.get_supported_types"), other)["status"], "success")
        self.assertEqual(len(self.running(srs)), SHARE)
        self.cancel(tasks[::-1])

    def test_several_sessions_full_of_slow_calls_starve_nobody(self):
        srs = self.busy_srs(N_WORKERS)
        sessions = [self.new_wire() for _ in range(2)]
        tasks = [(session, session("Async.SR.scan", sr)) for session in sessions for sr, _ in srs]
        storage.wait_until(lambda: len(self.running(srs)) >= SHARE + 1, "threads are taken", 30)
        self.assertEqual(self.new_wire()("SR.get_supported_types"), storage.TYPES)
        for session, task in tasks[::-1]:
            session("task.cancel", task)
        for session, task in tasks:
            self.assertIn(self.wait_task(task)["status"], ("cancelled", "failure"))

    def test_task_that_waits_for_a_thread_is_there_and_can_be_cancelled(self):
        srs = self.busy_srs(SHARE + 1)
        tasks = [self.api("Async.SR.scan", sr) for sr, _ in srs[:SHARE]]
        storage.wait_until(lambda: len(self.running(srs)) == SHARE, "the share is at work", 30)
        waiting = self.api("Async.SR.scan", srs[-1][0])
        self.assertEqual(self.api("task.get_status", waiting), "pending")
        self.api("task.cancel", waiting)
        self.assertEqual(self.wait_task(waiting)["error_info"], ["TASK_CANCELLED", waiting])
        self.assertNotIn(srs[-1][0], self.running(srs))
        self.cancel(tasks)

    def test_getters_and_lists_do_not_wait_for_threads(self):
        srs = self.busy_srs(SHARE + 1)
        tasks = [self.api("Async.SR.scan", sr) for sr, _ in srs]
        storage.wait_until(lambda: len(self.running(srs)) == SHARE, "the share is at work", 30)
        self.assertEqual(set(self.api("SR.get_all_records")), {*self.api("SR.get_all")})
        self.api("SR.add_to_other_config", srs[0][0], "key", "value")
        self.cancel(tasks[::-1])

    def test_too_many_waiting_calls_are_refused(self):
        srs = self.busy_srs(SHARE)
        tasks = [self.api("Async.SR.scan", sr) for sr, _ in srs]
        storage.wait_until(lambda: len(self.running(srs)) == SHARE, "the share is at work", 30)
        queued = []
        with self.assertRaises(case.wire.ApiFailure) as caught:
            while len(queued) < 2000:
                queued.append(self.api("Async.SR.scan", srs[0][0]))
        self.assertEqual([caught.exception.code, caught.exception.params], ["TOO_MANY_PENDING_TASKS", []])
        sync = self.closed_at_end(case.wire.Wire(self.stack.socket, self.api.session))
        sync.send_request("POST", "/", call_xml("SR.scan", self.api.session, srs[0][0]).encode())
        self.assert_fails("TOO_BUSY", [], read_answer, sync.read_response()[2])
        self.assertEqual(self.new_wire()("SR.get_supported_types"), storage.TYPES)
        self.cancel(queued + tasks)


class AllowedTest(AsTold, storage.StorageTest):
    """allowed_operations says what would be done now: it is held against what the messages answer."""

    def test_sr(self):
        sr, _ = self.create_sr("test")
        pbd = self.pbd(sr)
        calls = [("scan", "SR.scan", sr), ("update", "SR.update", sr), ("vdi_create", "VDI.create", storage.disk_record(sr)),
                 ("pbd_destroy", "PBD.destroy", pbd), ("forget", "SR.forget", sr), ("destroy", "SR.destroy", sr)]
        self.assert_as_told("SR", sr, *calls)
        self.assertLessEqual({"scan", "update", "vdi_create", "vdi_destroy", "vdi_snapshot", "vdi_clone", "vdi_resize", "plug", "unplug"},
                             self.allowed("SR", sr))
        self.api("PBD.unplug", pbd)
        self.assertEqual(self.allowed("SR", sr), {"plug", "unplug", "pbd_create", "pbd_destroy", "forget", "destroy"})
        self.assert_as_told("SR", sr, ("plug", "PBD.plug", pbd), ("unplug", "PBD.unplug", pbd), *calls[:4])
        self.assert_as_told("SR", sr, ("destroy", "SR.destroy", sr), ("scan", "SR.scan", sr), ("forget", "SR.forget", sr))

    def test_disk(self):
        sr, _ = self.create_sr("test")
        vdi = self.create_vdi(sr)
        calls = [("update", "VDI.update", vdi), ("snapshot", "VDI.snapshot", vdi), ("clone", "VDI.clone", vdi),
                 ("resize", "VDI.resize", vdi, 16 * storage.MIB)]
        self.assertEqual(self.allowed("VDI", vdi), {"update", "snapshot", "clone", "resize", "destroy", "forget"})
        self.assert_as_told("VDI", vdi, *calls)
        self.api("PBD.unplug", self.pbd(sr))
        self.assertEqual(self.allowed("VDI", vdi), {"forget"})
        self.assert_as_told("VDI", vdi, *calls, ("destroy", "VDI.destroy", vdi), ("forget", "VDI.forget", vdi))

    def test_unplugging_an_sr_is_an_event_of_its_disks(self):
        sr, _ = self.create_sr("test")
        vdi, bystander = self.create_vdi(sr), self.create_vdi(self.create_sr("test")[0])
        token = self.api("event.from", ["vdi", "sr"], "", 10.0).content["token"].content
        self.api("PBD.unplug", self.pbd(sr))
        seen = set()
        while not {sr, vdi} <= seen:
            batch = self.api("event.from", ["vdi", "sr"], token, 10.0).content
            token = batch["token"].content
            seen |= {event.content["ref"].content for event in batch["events"].content}
        self.assertNotIn(bystander, seen)
        self.assertEqual(self.api("VDI.get_record", vdi)["allowed_operations"], ["forget"])

    def test_drive(self):
        template = self.api("VM.get_by_name_label", "Other install media")[0]
        vm = self.api("VM.clone", template, "a VM")
        self.api("VM.provision", vm)
        sr, _ = self.create_sr("test", content="iso")
        vdi = self.create_vdi(sr)
        record = {"VM": vm, "VDI": NULL, "userdevice": "3", "bootable": False, "mode": "RO", "type": "CD", "unpluggable": True,
                  "empty": True, "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {}}
        drive = self.api("VBD.create", record)
        for wanted in ({"attach", "insert"}, {"attach", "eject"}):
            self.assertEqual(self.allowed("VBD", drive) - {"plug"}, wanted)
            calls = [("eject", "VBD.eject", drive), ("insert", "VBD.insert", drive, vdi)]
            self.assert_as_told("VBD", drive, *(calls if "insert" in wanted else calls[::-1]))

    def test_templates(self):
        default = self.api("VM.get_by_name_label", "Other install media")[0]
        self.assert_as_told("VM", default, ("provision", "VM.provision", default), ("destroy", "VM.destroy", default))
        vm = self.api("VM.clone", default, "a VM")
        for _ in range(2):
            self.assert_as_told("VM", vm, ("provision", "VM.provision", vm))
        self.assert_as_told("VM", vm, ("destroy", "VM.destroy", vm))

    def test_object_that_is_busy(self):
        sr, folder = self.create_sr("test")
        vdi = self.create_vdi(sr)
        self.misbehave(folder, "sr_scan", "wait")
        task = self.api("Async.SR.scan", sr)
        self.wait_running(folder, "sr_scan")
        self.assert_as_told("SR", sr, ("scan", "SR.scan", sr), ("update", "SR.update", sr), ("forget", "SR.forget", sr),
                            ("destroy", "SR.destroy", sr), ("unplug", "PBD.unplug", self.pbd(sr)))
        self.go_on(folder, "sr_scan")
        self.assertEqual(self.wait_task(task)["status"], "success")
        self.assertIn("snapshot", self.allowed("VDI", vdi))


if __name__ == "__main__":
    case.main("api/locking")
