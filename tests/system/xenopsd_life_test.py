#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""xenopsd with real QEMU guests: what may be changed while they run, what they tell, and how they end."""

import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

import tap  # noqa: E402
from domain_service import MIB, DomainServiceTest, wait_until  # noqa: E402

NUMBER = re.compile(r"^(\d+)\r?$", re.M)
CLOCK_SET = 1935817689  # 2031-05-06 07:08:09
MAC = "52:54:00:12:34:56"


class TuningTest(DomainServiceTest):
    """Processors and memory."""

    def test_a_guest_gets_and_loses_processors(self):
        self.start_guest(vcpu_max=3)
        self.operate("Vm.set_vcpus", num_vpcus="3")
        self.assertEqual(self.state()["vcpu_target"], "3")
        wait_until(lambda: self.ask("nproc", NUMBER).group(1) == "3", "the guest uses three")
        self.operate("Vm.set_vcpus", num_vpcus="1")
        self.assertEqual(self.ask("nproc", NUMBER).group(1), "1")
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


class AgentTest(DomainServiceTest):
    """What the agent inside the guest tells, and does."""

    def agent(self, *keys):
        """These keys of Vm.state.guest_agent, once they are all there."""
        state = self.await_state(lambda state: all(key in state["guest_agent"] for key in keys))
        return [state["guest_agent"][key] for key in keys]

    def start_with_vif(self, **members):
        self.add_vm(**members)
        self.call("VIF.add", t={"id": "vm.3", "position": 3, "mac": MAC, "backend": ["Local", "no-such-bridge"]})
        self.operate("Vm.start")
        self.await_guest()

    def test_a_guest_tells_about_itself(self):
        self.start_with_vif()
        self.assertEqual(self.agent("data/os_name", "data/os_distro", "data/os_majorver", "data/os_minorver", "attr/PVAddons/MajorVersion"),
                         ["Xylem demo guest", "xylem-demo", "1", "0", "1"])
        self.assertEqual(self.agent("control/feature-shutdown", "data/updated"), ["1", "1"])
        self.assertRegex(self.agent("data/os_uname")[0], r"^6\.")
        self.assertEqual(self.agent("attr/vif/3/ipv4/0", "attr/eth3/ip"), ["10.0.2.15", "10.0.2.15"])
        size, free, place = self.agent("data/volumes/0/size", "data/volumes/0/free", "data/volumes/0/mount_points/0")
        self.assertLess(0, int(free))
        self.assertLess(int(free), int(size))
        self.assertEqual(place, "/")
        total, unused = self.agent("data/meminfo_total", "data/meminfo_free")
        self.assertLess(int(unused), int(total))
        self.assertLess(int(total), 128 * 1024)
        # a service that takes the guest up asks again
        self.stop_service(9)
        self.start_service()
        self.assertEqual(self.agent("data/os_distro", "attr/vif/3/ipv4/0"), ["xylem-demo", "10.0.2.15"])
        self.operate("Vm.shutdown")
        self.assertEqual(self.state()["guest_agent"], {})

    def test_an_agent_that_ends_is_forgotten(self):
        self.start_guest()
        self.agent("data/os_name")
        self.say("sed -i /guest-agent/d /etc/inittab; kill -HUP 1; killall guest-agent")
        self.await_state(lambda state: "data/os_name" not in state["guest_agent"])

    def test_the_agent_is_asked_to_shut_down_first(self):
        self.start_guest()
        self.agent("data/os_name")
        self.operate("Vm.shutdown", clean_shutdown_timeout=60.0)
        self.assertEqual(self.state()["power_state"], "Halted")
        self.assertIn("xylem-demo: the host asks its agent", self.serial_log())
        self.assertNotIn("xylem-demo: power button", self.serial_log())

    def test_a_guest_without_an_agent_hears_the_power_button(self):
        self.start_guest()
        self.agent("data/os_name")
        self.say("sed -i /guest-agent/d /etc/inittab; kill -HUP 1; killall guest-agent")
        self.await_state(lambda state: "data/os_name" not in state["guest_agent"])
        self.operate("Vm.reboot", clean_shutdown_timeout=60.0)
        self.assertIn("xylem-demo: power button", self.serial_log())

    def test_an_agent_that_hangs_leaves_the_power_button(self):
        self.start_guest()
        self.agent("data/os_name")
        self.say("killall -STOP guest-agent; echo held since $((1999 + 27))")
        wait_until(lambda: "held since 2026" in self.serial_log(), "the agent is held")
        self.operate("Vm.shutdown", clean_shutdown_timeout=60.0)
        self.assertIn("xylem-demo: power button", self.serial_log())

    def test_a_guest_that_does_not_follow_its_agent_has_failed_to_shut_down(self):
        self.start_guest()
        self.agent("data/os_name")
        self.say("rm /sbin/poweroff; echo '#!/bin/sh' > /sbin/poweroff; chmod +x /sbin/poweroff; echo $((40 + 2))")
        self.await_guest("42")
        self.assert_fails("Failed_to_shutdown", [], "Vm.shutdown", clean_shutdown_timeout=5.0)
        self.assertEqual(self.state()["power_state"], "Running")


class EndTest(DomainServiceTest):
    """What follows a guest's end, and outlives it."""

    def core(self):
        return self.folder / "state/cores/vm.core"

    def test_a_crashed_guest_leaves_its_memory_and_starts_again(self):
        self.start_guest(on_crash=["Coredump", "Start"])
        self.ask("mark=kept-$((6 * 7)); echo $mark", re.compile("kept-42"))
        time.sleep(max(0.0, self.state()["last_start_time"] + 5 - time.time()))  # one that crashes sooner is left Halted
        self.say("echo c > /proc/sysrq-trigger")
        self.await_state(lambda state: state["domids"] == ["2"] and state["power_state"] == "Running")
        core = self.core().read_bytes()
        self.assertEqual(core[:4], b"\x7fELF")
        self.assertGreater(len(core), 128 * MIB)
        self.assertIn(b"kept-42", core)
        self.assertIn(b"sysrq: Trigger a crash", core)
        self.assertEqual(self.core().stat().st_mode & 0o777, 0o600)
        self.await_guest(times=2)

    def test_a_guest_without_a_wish_for_its_memory_leaves_none(self):
        self.start_guest(on_crash=["Shutdown"])
        self.say("echo c > /proc/sysrq-trigger")
        self.await_state(lambda state: state["power_state"] == "Halted")
        self.assertFalse(self.core().exists())

    def test_a_transient_guest_is_forgotten_once_it_is_off(self):
        self.start_guest(transient=True, on_reboot=["Start"])
        self.say("reboot")
        self.await_guest(times=2)
        self.say("poweroff")
        wait_until(lambda: self.call("Vm.list") == [], "the guest is forgotten")
        self.assertEqual(self.qemus(), [])
        self.assertFalse((self.folder / "state/vms/vm").exists())

    def test_the_guest_s_clock_is_kept(self):
        self.start_guest()
        self.say("date -u -s '2031-05-06 07:08:09' && hwclock -u -w")
        offset = int(self.await_state(lambda state: state["rtc_timeoffset"] != "0")["rtc_timeoffset"])
        self.assertAlmostEqual(offset + time.time(), CLOCK_SET, delta=120)
        self.operate("Vm.shutdown", clean_shutdown_timeout=60.0)
        self.assertEqual(self.state()["rtc_timeoffset"], str(offset))
        self.operate("Vm.start")
        self.await_guest(times=2)
        self.ask("hwclock -u -r", re.compile(r"^\w+ May +6 [^\n]* 2031", re.M))


if __name__ == "__main__":
    tap.main("system/xenopsd-life")
