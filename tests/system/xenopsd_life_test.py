#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""xenopsd with real QEMU guests: what may be changed while they run, what they tell, and how they end."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

import tap  # noqa: E402
from domain_service import MIB, DomainServiceTest  # noqa: E402


class TuningTest(DomainServiceTest):
    """Processors and memory."""

    def test_a_guest_gets_and_loses_processors(self):
        self.start_guest(vcpu_max=3)
        self.operate("Vm.set_vcpus", num_vpcus="3")
        self.assertEqual(self.state()["vcpu_target"], "3")
        self.ask("cat /sys/devices/system/cpu/present", re.compile(r"^0-2\r?$", re.M))
        self.operate("Vm.set_vcpus", num_vpcus="1")
        self.ask("cat /sys/devices/system/cpu/present", re.compile(r"^0\r?$", re.M))
        self.assertEqual(self.state()["vcpu_target"], "1")
        self.assert_fails("Maximum_vcpus", ["3"], "Vm.set_vcpus", num_vpcus="4")
        # without KVM this QEMU would not survive it
        self.assert_fails("Not_supported", [], "Vm.set_vcpus", num_vpcus="2")
        self.assertEqual(self.state()["vcpu_target"], "1")

    def test_a_guest_that_cannot_give_a_processor_back_keeps_it(self):
        self.add_vm(vcpu_max=2, vcpus=2)
        self.operate("Vm.start", paused=True)
        self.assert_fails("Bad_power_state", ["Paused", "Running"], "Vm.set_vcpus", num_vpcus="1")
        self.assertEqual(self.state()["vcpu_target"], "2")

    def test_a_guest_gives_memory_back_and_gets_it_again(self):
        self.start_guest()
        self.assertEqual(self.state()["memory_actual"], str(128 * MIB))
        self.operate("Vm.set_memory_dynamic_range", min=str(64 * MIB), max=str(96 * MIB))
        self.await_state(lambda state: state["memory_actual"] == str(96 * MIB))
        state = self.state()
        self.assertEqual(state["memory_target"], str(96 * MIB))
        self.assertFalse(state["uncooperative_balloon_driver"])
        self.stop_service(9)
        self.start_service()
        self.await_state(lambda state: state["memory_actual"] == str(96 * MIB))
        self.operate("Vm.set_memory_dynamic_range", min=str(64 * MIB), max=str(128 * MIB))
        self.await_state(lambda state: state["memory_actual"] == str(128 * MIB))

    def test_a_guest_begins_with_less_memory(self):
        self.start_guest(memory_dynamic_max=100 * MIB, memory_dynamic_min=64 * MIB)
        self.await_state(lambda state: state["memory_actual"] == str(100 * MIB))

    def test_a_guest_without_a_driver_is_uncooperative(self):
        self.add_vm()
        self.operate("Vm.start", paused=True)
        self.operate("Vm.set_memory_dynamic_range", min=str(64 * MIB), max=str(96 * MIB))
        state = self.await_state(lambda state: state["uncooperative_balloon_driver"])
        self.assertEqual(state["memory_actual"], str(128 * MIB))
        self.operate("Vm.unpause")
        self.await_state(lambda state: not state["uncooperative_balloon_driver"])

    def test_more_memory_than_the_host_has(self):
        size = str(1 << 45)
        self.add_vm(memory_static_max=size, memory_dynamic_max=size)
        self.assert_fails("Not_enough_memory", [size], "Vm.start")
        self.assertEqual(self.state()["power_state"], "Halted")

    def test_a_running_guest_has_no_shadow_memory(self):
        self.call("Vm.add", t=self.demo_vm(ty=["HVM", {"boot_order": "c"}]))
        self.operate("Vm.set_shadow_multiplier", shadow_multiplier=2.0)
        self.assertEqual(self.state()["shadow_multiplier_target"], 2.0)
        disk = self.folder / "disk"
        disk.write_bytes(bytes(MIB))
        self.call("VBD.add", t={"id": "vm.xvda", "position": 0, "mode": "ReadWrite", "ty": "Disk", "backend": ["Local", str(disk)]})
        self.operate("Vm.start", paused=True)
        self.assert_fails("Not_supported", [], "Vm.set_shadow_multiplier", shadow_multiplier=3.0)
        self.assertEqual(self.state()["shadow_multiplier_target"], 2.0)


if __name__ == "__main__":
    tap.main("system/xenopsd-life")
