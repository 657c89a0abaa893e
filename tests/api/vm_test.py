#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""VMs over the wire, with guests of the back end fake: what may be done in which state, what it leaves, devices, settings, lost daemons."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import case  # noqa: E402
from server import wait_until  # noqa: E402
from storage import MIB, StorageTest  # noqa: E402
from wire import MODEL, NULL, ApiFailure  # noqa: E402

NEVER = "19700101T00:00:00Z"
# Message, the states it may begin in, the state it leaves. Source: API reference and model/classes/VM.toml.
POWER = {
    "start": (("Halted",), "Running"),
    "pause": (("Running",), "Paused"),
    "unpause": (("Paused",), "Running"),
    "clean_shutdown": (("Running",), "Halted"),
    "shutdown": (("Running", "Paused"), "Halted"),
    "hard_shutdown": (("Running", "Paused"), "Halted"),
    "clean_reboot": (("Running",), "Running"),
    "hard_reboot": (("Running", "Paused"), "Running"),
}
STATES = ("Halted", "Running", "Paused")


class VmTest(StorageTest):
    DAEMONS = ("xenopsd", "xylemd")

    def setUp(self):
        super().setUp()
        self.srs = []
        self.before = set(self.api("VM.get_all"))
        self.addCleanup(self.clean_up)

    def clean_up(self):
        """VMs go before their storage, whatever state a failed test left them in."""
        self.api = self.new_wire()
        for vm in set(self.api("VM.get_all")) - self.before:
            if self.api("VM.get_power_state", vm) != "Halted":
                self.api("VM.hard_shutdown", vm)
            self.api("VM.destroy", vm)
        for sr in self.srs:
            self.forget(sr)

    def new_sr(self, *arguments, **options):
        """create_sr() of one that is forgotten at the end of the test."""
        sr, folder = self.create_sr(*arguments, **options)
        self.srs.append(sr)
        return sr, folder

    def make_vm(self, name="a VM"):
        """A halted VM without devices."""
        template = self.api("VM.get_by_name_label", "Other install media")[0]
        vm = self.api("VM.clone", template, name)
        self.api("VM.provision", vm)
        return vm

    def bring_to(self, vm, state):
        """Halted, Running or Paused."""
        now = self.api("VM.get_power_state", vm)
        if now != "Halted" and state == "Halted":
            self.api("VM.hard_shutdown", vm)
        elif now == "Halted" and state != "Halted":
            self.api("VM.start", vm, state == "Paused", False)
        elif now != state:
            self.api("VM.pause" if state == "Paused" else "VM.unpause", vm)
        self.assertEqual(self.api("VM.get_power_state", vm), state)

    def power(self, message, vm):
        """One of POWER."""
        self.api(f"VM.{message}", vm, *((False, False) if message == "start" else ()))

    def vbd_record(self, vm, vdi, **changes):
        """What VBD.create gets."""
        return {"VM": vm, "VDI": vdi, "userdevice": "0", "bootable": True, "mode": "RW", "type": "Disk", "empty": False,
                "unpluggable": True, "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {}} | changes

    def vif_record(self, vm, **changes):
        """What VIF.create gets."""
        return {"VM": vm, "network": self.api("network.get_all")[0], "device": "0", "MAC": "", "MTU": 1500, "other_config": {},
                "qos_algorithm_type": "", "qos_algorithm_params": {}, "locking_mode": "network_default", "ipv4_allowed": [],
                "ipv6_allowed": []} | changes

    def add_disk(self, vm, **changes):
        """(VBD, VDI) on an SR of its own."""
        sr, _ = self.new_sr()
        vdi = self.create_vdi(sr)
        return self.api("VBD.create", self.vbd_record(vm, vdi, **changes)), vdi


class PowerTest(VmTest):
    def test_every_message_in_every_state(self):
        vm = self.make_vm()
        for message, (allowed, after) in POWER.items():
            for state in STATES:
                self.bring_to(vm, state)
                if state in allowed:
                    self.power(message, vm)
                    self.assertEqual(self.api("VM.get_power_state", vm), after, message)
                    continue
                with self.assertRaises(ApiFailure) as caught:
                    self.power(message, vm)
                self.assertEqual([caught.exception.code, caught.exception.params[0], caught.exception.params[2]],
                                 ["VM_BAD_POWER_STATE", vm, state.lower()], message)

    def test_allowed_operations_are_those_that_succeed(self):
        vm = self.make_vm()
        for state in STATES:
            self.bring_to(vm, state)
            allowed = set(self.api("VM.get_allowed_operations", vm)) & set(POWER)
            self.assertEqual(allowed, {message for message, (states, _) in POWER.items() if state in states}, state)

    def test_what_is_not_written_is_never_allowed(self):
        vm = self.make_vm()
        for state in STATES:
            self.bring_to(vm, state)
            allowed = {f"VM.{name}" for name in self.api("VM.get_allowed_operations", vm)}
            self.assertEqual(allowed & set(MODEL.pending), set())

    def test_running_vm_says_where_and_how(self):
        vm = self.make_vm()
        self.bring_to(vm, "Running")
        record = self.api("VM.get_record", vm)
        self.assertEqual([record["resident_on"], record["current_operations"]], [self.host, {}])
        self.assertGreater(record["domid"], 0)
        self.assertIn(vm, self.api("host.get_resident_VMs", self.host))
        metrics = self.api("VM_metrics.get_record", record["metrics"])
        self.assertGreater(metrics["start_time"], NEVER)
        self.assertEqual(metrics["VCPUs_number"], record["VCPUs_max"])
        consoles = [self.api("console.get_record", console) for console in record["consoles"]]
        self.assertTrue(consoles)
        for console in consoles:
            self.assertRegex(console["location"], f"^https:.+/console\\?uuid={console['uuid']}$")
        self.bring_to(vm, "Halted")
        record = self.api("VM.get_record", vm)
        self.assertEqual([record["resident_on"], record["domid"], record["consoles"]], [NULL, -1, []])

    def test_start_on_a_host(self):
        vm = self.make_vm()
        self.assertEqual(self.api("VM.get_possible_hosts", vm), [self.host])
        self.api("VM.assert_can_boot_here", vm, self.host)
        self.api("VM.start_on", vm, self.host, True, False)
        self.assertEqual([self.api("VM.get_power_state", vm), self.api("VM.get_resident_on", vm)], ["Paused", self.host])

    def test_async_start_is_told_by_events(self):
        vm = self.make_vm()
        token = self.api("event.from", [f"VM/{vm}"], "", 10.0).content["token"].content
        task = self.api("Async.VM.start", vm, False, False)
        seen = []
        while "Running" not in seen:
            batch = self.api("event.from", [f"VM/{vm}"], token, 30.0).content
            token = batch["token"].content
            seen += [event.content["snapshot"].content["power_state"].content for event in batch["events"].content]
        self.assertEqual(self.wait_task(task)["status"], "success")

    def test_templates_and_the_control_domain_are_not_started(self):
        template = self.api("VM.get_by_name_label", "Other install media")[0]
        self.assert_fails("VM_IS_TEMPLATE", [template], self.api, "VM.start", template, False, False)
        control = next(ref for ref, record in self.api("VM.get_all_records").items() if record["is_control_domain"])
        for message in ("hard_shutdown", "pause", "hard_reboot"):
            self.assert_fails("OPERATION_NOT_ALLOWED", None, self.api, f"VM.{message}", control)
        self.assert_fails("OPERATION_NOT_ALLOWED", None, self.api, "VM.destroy", control)
        self.assert_fails("VM_CANNOT_DELETE_DEFAULT_TEMPLATE", [template], self.api, "VM.destroy", template)

    def test_blocked_operation_is_told_with_its_reason(self):
        vm = self.make_vm()
        self.api("VM.add_to_blocked_operations", vm, "start", "not today")
        self.assert_fails("OPERATION_BLOCKED", [vm, "not today"], self.api, "VM.start", vm, False, False)
        self.assertNotIn("start", self.api("VM.get_allowed_operations", vm))

    def test_checks_without_doing(self):
        vm = self.make_vm()
        self.api("VM.assert_operation_valid", vm, "start")
        self.assert_fails("VM_BAD_POWER_STATE", None, self.api, "VM.assert_operation_valid", vm, "pause")
        self.api("VM.update_allowed_operations", vm)
        self.bring_to(vm, "Running")
        self.assertEqual(self.api("VM.get_boot_record", vm)["uuid"], self.api("VM.get_uuid", vm))
        self.api("VM.power_state_reset", self.make_vm("reset"))


class DeafGuestTest(VmTest):
    OPTIONS = ("--shutdown-timeout", "1")

    def test_clean_shutdown_that_the_guest_ignores_times_out(self):
        vm = self.make_vm()
        self.api("VM.add_to_platform", vm, "fake-shutdown", "stall")
        self.bring_to(vm, "Running")
        self.assert_fails("VM_SHUTDOWN_TIMEOUT", [vm, "1"], self.api, "VM.clean_shutdown", vm)
        self.assertEqual([self.api("VM.get_power_state", vm), self.api("VM.get_current_operations", vm)], ["Running", {}])
        self.api("VM.shutdown", vm)
        self.assertEqual(self.api("VM.get_power_state", vm), "Halted")

    def test_clean_shutdown_that_nobody_hears_is_told_as_such(self):
        vm = self.make_vm()
        self.api("VM.add_to_platform", vm, "fake-shutdown", "ignore")
        self.bring_to(vm, "Running")
        self.assert_fails("VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT", [], self.api, "VM.clean_shutdown", vm)
        self.assertEqual(self.api("VM.get_power_state", vm), "Running")


class DeviceTest(VmTest):
    def test_disk_is_attached_while_the_vm_runs(self):
        vm = self.make_vm()
        vbd, vdi = self.add_disk(vm)
        self.assertNotIn("0", self.api("VM.get_allowed_VBD_devices", vm))
        self.bring_to(vm, "Running")
        self.assertTrue(self.api("VBD.get_currently_attached", vbd))
        for call in (("VDI.destroy", vdi), ("VDI.resize", vdi, 16 * MIB), ("VBD.destroy", vbd)):
            with self.assertRaises(ApiFailure) as caught:
                self.api(*call)
            self.assertRegex(caught.exception.code, r"^(VDI_IN_USE|OPERATION_NOT_ALLOWED|DEVICE_ALREADY_ATTACHED)$")
        self.bring_to(vm, "Halted")
        self.assertFalse(self.api("VBD.get_currently_attached", vbd))
        self.api("VBD.destroy", vbd)
        self.api("VDI.destroy", vdi)

    def test_writable_disk_serves_one_running_vm(self):
        first, second = self.make_vm("first"), self.make_vm("second")
        _, vdi = self.add_disk(first)
        self.api("VBD.create", self.vbd_record(second, vdi))
        self.bring_to(first, "Running")
        with self.assertRaises(ApiFailure) as caught:
            self.api("VM.start", second, False, False)
        self.assertRegex(caught.exception.code, r"^VDI_IN_USE$")
        self.assertEqual(self.api("VM.get_power_state", second), "Halted")

    def test_failing_storage_fails_the_start_and_leaves_nothing(self):
        vm = self.make_vm()
        sr, folder = self.new_sr("test")
        vbd = self.api("VBD.create", self.vbd_record(vm, self.create_vdi(sr)))
        for command in ("vdi_attach", "vdi_activate"):
            self.misbehave(folder, command, "fault 46")
            with self.assertRaises(ApiFailure):
                self.api("VM.start", vm, False, False)
            self.behave(folder, command)
            record = self.api("VM.get_record", vm)
            self.assertEqual([record["power_state"], record["current_operations"], record["resident_on"]], ["Halted", {}, NULL])
            self.assertFalse(self.api("VBD.get_currently_attached", vbd))
        self.bring_to(vm, "Running")

    def test_cd_is_inserted_and_ejected(self):
        vm = self.make_vm()
        sr, _ = self.new_sr(content="iso")
        vdi = self.create_vdi(sr, read_only=True)
        drive = self.api("VBD.create", self.vbd_record(vm, NULL, type="CD", mode="RO", empty=True, userdevice="3"))
        self.assert_fails("VBD_IS_EMPTY", [drive], self.api, "VBD.eject", drive)
        self.api("VBD.insert", drive, vdi)
        self.assertEqual([self.api("VBD.get_VDI", drive), self.api("VBD.get_empty", drive)], [vdi, False])
        self.assert_fails("VBD_NOT_EMPTY", [drive], self.api, "VBD.insert", drive, vdi)
        self.api("VBD.eject", drive)
        self.assertEqual([self.api("VBD.get_VDI", drive), self.api("VBD.get_empty", drive)], [NULL, True])

    def test_device_is_taken_once(self):
        vm = self.make_vm()
        _, vdi = self.add_disk(vm)
        self.assert_fails("DEVICE_ALREADY_EXISTS", ["0"], self.api, "VBD.create", self.vbd_record(vm, vdi))
        self.api("VIF.create", self.vif_record(vm))
        self.assert_fails("DEVICE_ALREADY_EXISTS", ["0"], self.api, "VIF.create", self.vif_record(vm))
        self.assertNotIn("0", self.api("VM.get_allowed_VIF_devices", vm))

    def test_interface_is_attached_while_the_vm_runs(self):
        vm = self.make_vm()
        vif = self.api("VIF.create", self.vif_record(vm))
        record = self.api("VIF.get_record", vif)
        self.assertRegex(record["MAC"], r"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$")
        self.assertTrue(record["MAC_autogenerated"])
        self.bring_to(vm, "Running")
        self.assertTrue(self.api("VIF.get_currently_attached", vif))
        self.bring_to(vm, "Halted")
        self.api("VIF.destroy", vif)
        self.assertEqual(self.api("VM.get_VIFs", vm), [])

    def test_given_mac_is_kept_and_checked(self):
        vm = self.make_vm()
        vif = self.api("VIF.create", self.vif_record(vm, MAC="02:00:00:00:00:01"))
        self.assertEqual([self.api("VIF.get_MAC", vif), self.api("VIF.get_MAC_autogenerated", vif)], ["02:00:00:00:00:01", False])
        for wrong in ("x", "02:00:00:00:00", "02:00:00:00:00:0g", "02-00-00-00-00-01 "):
            self.assert_fails("MAC_INVALID", None, self.api, "VIF.create", self.vif_record(vm, MAC=wrong, device="1"))

    def test_disk_may_be_checked_before_it_is_plugged(self):
        vm = self.make_vm()
        vbd, _ = self.add_disk(vm)
        self.api("VBD.assert_attachable", vbd)


    def test_sizes_that_no_machine_has_are_refused(self):
        vm = self.make_vm()
        huge = 2 ** 63 - 1
        self.assert_fails("MEMORY_CONSTRAINT_VIOLATION", None, self.api, "VM.set_memory_limits", vm, 0, huge, 0, huge)
        self.assert_fails("INVALID_VALUE", None, self.api, "VM.set_VCPUs_max", vm, huge)
        record = self.api("VM.get_record", vm)
        self.assert_fails("INVALID_VALUE", None, self.api, "VM.create", record | {"HVM_shadow_multiplier": 1e300})

    def test_only_a_halted_vm_becomes_a_template(self):
        vm = self.make_vm()
        self.bring_to(vm, "Running")
        self.assert_fails("VM_BAD_POWER_STATE", None, self.api, "VM.set_is_a_template", vm, True)
        self.bring_to(vm, "Halted")
        self.api("VM.set_is_a_template", vm, True)
        self.assertTrue(self.api("VM.get_is_a_template", vm))
        self.api("VM.set_is_a_template", vm, False)
        self.assertFalse(self.api("VM.get_is_a_template", vm))


class LifeTest(VmTest):
    def test_created_vm_has_what_its_record_says(self):
        template = self.api("VM.get_record", self.api("VM.get_by_name_label", "Other install media")[0])
        fields = [field for field in MODEL.classes["VM"].fields.values() if field.qualifier != "ROrun" and not field.derived_from]
        record = {field.name: template[field.name] for field in fields} | {"name_label": "made", "is_a_template": False}
        vm = self.api("VM.create", record)
        stored = self.api("VM.get_record", vm)
        self.assertEqual({key: stored[key] for key in record if key not in ("other_config", "platform")},
                         {key: value for key, value in record.items() if key not in ("other_config", "platform")})
        self.assertEqual([stored["power_state"], stored["domid"]], ["Halted", -1])
        self.bring_to(vm, "Running")

    def test_snapshot_is_a_template_that_knows_its_origin(self):
        vm = self.make_vm()
        _, vdi = self.add_disk(vm)
        snapshot = self.api("VM.snapshot", vm, "a snapshot")
        record = self.api("VM.get_record", snapshot)
        self.assertEqual([record["name_label"], record["is_a_snapshot"], record["is_a_template"], record["snapshot_of"]],
                         ["a snapshot", True, True, vm])
        self.assertEqual(self.api("VM.get_snapshots", vm), [snapshot])
        self.assertEqual(self.api("VDI.get_snapshot_of", self.api("VBD.get_VDI", record["VBDs"][0])), vdi)

    def test_clone_has_disks_and_addresses_of_its_own(self):
        vm = self.make_vm()
        _, vdi = self.add_disk(vm)
        vif = self.api("VIF.create", self.vif_record(vm))
        clone = self.api("VM.clone", vm, "a clone")
        self.assertNotEqual(self.api("VBD.get_VDI", self.api("VM.get_VBDs", clone)[0]), vdi)
        self.assertNotEqual(self.api("VIF.get_MAC", self.api("VM.get_VIFs", clone)[0]), self.api("VIF.get_MAC", vif))
        self.bring_to(vm, "Running")
        self.assert_fails("VM_BAD_POWER_STATE", None, self.api, "VM.clone", vm, "while running")

    def test_failed_clone_leaves_nothing(self):
        vm = self.make_vm()
        sr, folder = self.new_sr("test")
        self.api("VBD.create", self.vbd_record(vm, self.create_vdi(sr)))
        self.api("VBD.create", self.vbd_record(vm, self.create_vdi(sr), userdevice="1"))
        before = [self.api(f"{name}.get_all") for name in ("VM", "VBD", "VDI")]
        self.misbehave(folder, "vdi_clone", "fault 44")
        self.misbehave(folder, "vdi_snapshot", "fault 44")
        with self.assertRaises(ApiFailure):
            self.api("VM.clone", vm, "will fail")
        self.assertEqual([self.api(f"{name}.get_all") for name in ("VM", "VBD", "VDI")], before)
        self.assertEqual(self.api("VM.get_current_operations", vm), {})

    def test_destroyed_vm_takes_its_devices_along_but_not_its_disks(self):
        vm = self.make_vm()
        vbd, vdi = self.add_disk(vm)
        vif = self.api("VIF.create", self.vif_record(vm))
        metrics = self.api("VM.get_metrics", vm)
        self.bring_to(vm, "Running")
        self.assert_fails("VM_BAD_POWER_STATE", None, self.api, "VM.destroy", vm)
        self.bring_to(vm, "Halted")
        self.api("VM.destroy", vm)
        for name, ref in (("VM", vm), ("VBD", vbd), ("VIF", vif), ("VM_metrics", metrics)):
            self.assert_fails("HANDLE_INVALID", [name, ref], self.api, f"{name}.get_record", ref)
        self.assertEqual(self.api("VDI.get_VBDs", vdi), [])

    def test_settings_are_kept_and_checked(self):
        vm = self.make_vm()
        for message, value in (("set_VCPUs_max", 4), ("set_VCPUs_at_startup", 2), ("set_start_delay", 5), ("set_shutdown_delay", 6),
                               ("set_order", 7), ("set_HVM_shadow_multiplier", 2.0)):
            self.api(f"VM.{message}", vm, value)
            self.assertEqual(self.api(f"VM.get_{message[4:]}", vm), value)
        for message, wrong in (("set_VCPUs_at_startup", 5), ("set_VCPUs_at_startup", 0), ("set_VCPUs_max", -1), ("set_order", -1),
                               ("set_HVM_shadow_multiplier", 0.5)):
            self.assert_fails("INVALID_VALUE", None, self.api, f"VM.{message}", vm, wrong)

    def test_memory_limits_stay_in_order(self):
        vm = self.make_vm()
        self.api("VM.set_memory_limits", vm, 128 * MIB, 1024 * MIB, 256 * MIB, 512 * MIB)
        self.api("VM.set_memory_static_max", vm, 2048 * MIB)
        self.api("VM.set_memory_static_min", vm, 64 * MIB)
        self.api("VM.set_memory_static_range", vm, 128 * MIB, 1024 * MIB)
        self.api("VM.set_memory_dynamic_max", vm, 768 * MIB)
        self.api("VM.set_memory_dynamic_min", vm, 128 * MIB)
        self.api("VM.set_memory_dynamic_range", vm, 256 * MIB, 512 * MIB)
        limits = [self.api(f"VM.get_memory_{name}", vm) for name in ("static_min", "dynamic_min", "dynamic_max", "static_max")]
        self.assertEqual(limits, [128 * MIB, 256 * MIB, 512 * MIB, 1024 * MIB])
        for wrong in ((512, 1024, 256, 512), (128, 256, 128, 512), (128, 1024, 512, 256), (-1, 1024, 256, 512)):
            with self.assertRaises(ApiFailure):
                self.api("VM.set_memory_limits", vm, *(number * MIB for number in wrong))
        self.api("VM.set_memory", vm, 256 * MIB)
        self.assertEqual(self.api("VM.get_memory_static_max", vm), 256 * MIB)
        self.assertGreater(self.api("VM.compute_memory_overhead", vm), 0)
        self.assertGreater(self.api("VM.maximise_memory", vm, 1024 * MIB, True), 0)


class LostServiceTest(VmTest):
    def test_running_vm_outlives_the_server(self):
        vm = self.make_vm()
        self.bring_to(vm, "Running")
        self.restart(kill=True)
        self.api = self.new_wire()
        self.assertEqual(self.api("VM.get_power_state", vm), "Running")
        self.bring_to(vm, "Halted")

    def test_missing_domain_service_is_told_and_found_again(self):
        vm = self.make_vm()
        self.stack.kill9("xenopsd")
        with self.assertRaises(ApiFailure) as caught:
            self.api("VM.start", vm, False, False)
        self.assertNotEqual(caught.exception.code, "")
        self.assertEqual([self.api("VM.get_power_state", vm), self.api("VM.get_current_operations", vm)], ["Halted", {}])
        self.stack.start_one("xenopsd")
        self.bring_to(vm, "Running")

    def test_guest_that_vanished_is_noticed(self):
        vm = self.make_vm()
        self.bring_to(vm, "Running")
        self.stack.kill9("xenopsd")  # and with it the guests of the back end fake
        self.stack.start_one("xenopsd")
        wait_until(lambda: self.api("VM.get_power_state", vm) == "Halted", "the VM is seen to be halted", 30)
        record = self.api("VM.get_record", vm)
        self.assertEqual([record["resident_on"], record["domid"], record["consoles"]], [NULL, -1, []])


if __name__ == "__main__":
    case.main("api/vm")
