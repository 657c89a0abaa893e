#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""allowed_operations of every class that has them is held against what the messages answer. SRs, disks and templates are in
locking_test.py, power states in vm_test.py, tasks in task_test.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import case  # noqa: E402
from as_told import AsTold  # noqa: E402
from vm_test import VmTest  # noqa: E402
from wire import MESSAGES, MODEL, NULL  # noqa: E402

ELSEWHERE = {"SR", "VDI", "VM", "task"}
# Begun by messages whose objects stand in records, and by those that choose their object themselves. Both are written.
IN_RECORDS = {("SR", "vdi_create"), ("SR", "pbd_create"), ("task", "cancel")}


def written():
    """(class, operation) of all that some message begins which is written."""
    found = set(IN_RECORDS)
    for name, message in MESSAGES.items():
        marks = message.engine.get("marks", {}) if message.engine and name not in MODEL.pending else {}
        found |= {(case.wire.model_loader.resolve_mark(MODEL, message, target)[2], operation) for target, operation in marks.items()}
    return found


class AllowedTest(AsTold, VmTest):
    def test_every_class_is_walked(self):
        named = {name for name, cls in MODEL.classes.items() if "allowed_operations" in cls.fields}
        walked = {name for name in named if hasattr(self, f"test_{name.lower()}")}
        self.assertEqual(named, walked | ELSEWHERE)

    def assert_written(self, name):
        """What nobody has written is never allowed."""
        for record in self.api(f"{name}.get_all_records").values():
            told = {(name, operation) for operation in record["allowed_operations"]}
            self.assertLessEqual(told, written())

    def device_calls(self, kind, device, vm):
        """What may be done to a VBD or VIF, where attaching is starting its VM."""
        return (("plug", f"{kind}.plug", device), ("unplug", f"{kind}.unplug", device), ("attach", "VM.start", vm, False, False))

    def walk_device(self, kind, make, *more):
        """A device of a VM in each power state, which was there at the start, or comes later."""
        vm = self.make_vm()
        device = make(vm)
        for state in ("Halted", "Running", "Paused", "Running", "Halted"):
            self.bring_to(vm, state)
            with self.subTest(state=state):
                others = [(call[0], call[1], device, *call[2:]) for call in more]
                self.assert_as_told(kind, device, *self.device_calls(kind, device, vm), *others)
        self.bring_to(vm, "Running")
        self.assert_as_told(kind, make(vm), *self.device_calls(kind, device, vm)[2:])
        self.assert_written(kind)

    def test_vif(self):
        devices = iter("0123")
        self.walk_device("VIF", lambda vm: self.api("VIF.create", self.vif_record(vm, device=next(devices))))

    def test_vbd(self):
        sr, _ = self.new_sr("test")
        devices = iter("0123")
        self.walk_device("VBD", lambda vm: self.api("VBD.create", self.vbd_record(vm, self.create_vdi(sr), userdevice=next(devices))),
                         ("eject", "VBD.eject"))

    def test_power_is_an_event_of_the_devices(self):
        vm = self.make_vm()
        vif = self.api("VIF.create", self.vif_record(vm))
        self.bring_to(vm, "Running")
        late = self.api("VIF.create", self.vif_record(vm, device="1"))
        token = self.api("event.from", ["vif"], "", 10.0).content["token"].content
        self.bring_to(vm, "Halted")
        told = {}
        while set(told) != {vif, late} or not all("attach" in operations for operations in told.values()):
            batch = self.api("event.from", ["vif"], token, 30.0).content
            self.assertNotEqual(batch["events"].content, [], told)
            token = batch["token"].content
            for event in batch["events"].content:
                record = case.wire.typed_record(event.content["snapshot"], "VIF")
                told[event.content["ref"].content] = record["allowed_operations"]

    def test_host(self):
        vm = self.make_vm()
        start = ("vm_start", "VM.start_on", vm, self.host, True, False)
        for switch in ("enable", "disable", "enable"):
            self.api(f"host.{switch}", self.host)
            self.bring_to(vm, "Halted")
            self.assert_as_told("host", self.host, start)
        self.assertEqual(self.api("VM.get_power_state", vm), "Paused")
        self.assert_written("host")

    def test_host_shows_what_is_started_on_it(self):
        sr, folder = self.new_sr("test")
        for method, *params in (("VM.start", False, False), ("VM.start_on", self.host, False, False)):
            vm = self.make_vm()
            self.api("VBD.create", self.vbd_record(vm, self.create_vdi(sr)))
            self.misbehave(folder, "vdi_attach", "wait")
            task = self.api(f"Async.{method}", vm, *params)
            self.wait_running(folder, "vdi_attach")
            self.assertEqual(self.api("host.get_current_operations", self.host), {task: "vm_start"})
            self.go_on(folder, "vdi_attach")
            self.assertEqual(self.wait_task(task)["status"], "success")
        self.assertEqual(self.api("host.get_current_operations", self.host), {})

    def test_pool(self):
        self.assert_written("pool")

    def test_network(self):
        self.assert_written("network")

    def test_vm_appliance(self):
        appliance = self.api("VM_appliance.create", {"name_label": "a group", "name_description": ""})
        self.addCleanup(lambda: self.new_wire()("VM_appliance.destroy", appliance))
        vm = self.make_vm()
        calls = [("start", "VM_appliance.start", appliance, True), ("clean_shutdown", "VM_appliance.clean_shutdown", appliance),
                 ("hard_shutdown", "VM_appliance.hard_shutdown", appliance), ("shutdown", "VM_appliance.shutdown", appliance)]
        self.assert_as_told("VM_appliance", appliance, *calls)
        if "VM.set_appliance" not in MODEL.pending:
            self.api("VM.set_appliance", vm, appliance)
            self.assert_as_told("VM_appliance", appliance, *calls)
            self.api("VM.set_appliance", vm, NULL)
        self.assert_written("VM_appliance")


if __name__ == "__main__":
    case.main("api/allowed")
