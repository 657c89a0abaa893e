#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""xenopsd with real QEMU guests: starting, pausing, shutting down, rebooting; guests that end by themselves; the service killed and started
again. The demo guest does what is typed into its shell."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

import tap  # noqa: E402
from domain_service import XENOPSD, DomainServiceTest, Failure, wait_until  # noqa: E402


class XenopsdTest(DomainServiceTest):
    """One service and one VM a case."""

    def test_a_guest_starts_pauses_and_is_powered_off(self):
        self.start_guest()
        state = self.state()
        self.assertEqual(state["power_state"], "Running")
        self.assertEqual([console["protocol"] for console in state["consoles"]], ["Vt100"])
        self.assertTrue(os.path.exists(state["consoles"][0]["path"]))
        self.operate("Vm.pause")
        self.assertEqual(self.state()["power_state"], "Paused")
        self.operate("Vm.unpause")
        self.assertEqual(self.state()["power_state"], "Running")
        self.operate("Vm.shutdown")
        self.assertEqual(self.state()["power_state"], "Halted")
        self.assertEqual(self.qemus(), [])
        self.call("Vm.remove", id="vm")
        self.assertEqual(self.call("Vm.list"), [])

    def test_a_guest_shuts_down_when_asked(self):
        self.start_guest()
        self.operate("Vm.shutdown", clean_shutdown_timeout=60.0)
        self.assertEqual(self.state()["power_state"], "Halted")
        self.assertIn("xylem-demo: going down", self.serial_log())

    def test_a_guest_reboots_when_asked(self):
        self.start_guest()
        self.operate("Vm.reboot", clean_shutdown_timeout=60.0)
        self.assertEqual([int(domid) for domid in self.state()["domids"]], [2])
        self.await_guest(times=2)
        self.operate("Vm.reboot")
        self.assertEqual([int(domid) for domid in self.state()["domids"]], [3])

    def test_a_guest_that_does_not_react_stays(self):
        self.add_vm()
        self.operate("Vm.start")  # no system to hear the button yet
        with self.assertRaises(Failure) as caught:
            self.operate("Vm.shutdown", clean_shutdown_timeout=0.2)
        self.assertIn("Failed_to_achnowledge_shutdown_request", str(caught.exception))
        self.assertEqual(self.state()["power_state"], "Running")

    def test_a_guest_ends_by_itself(self):
        self.start_guest(on_reboot=["Start"])
        self.say("reboot")
        self.await_state(lambda state: state["domids"] == ["2"] and state["power_state"] == "Running")
        self.await_guest(times=2)
        self.say("poweroff")
        self.await_state(lambda state: state["power_state"] == "Halted")

    def test_logs_that_a_guest_may_fill_begin_anew(self):
        self.add_vm()
        self.operate("Vm.start")
        logs = [self.folder / "state/vms/vm/run" / name for name in ("serial.log", "qemu.log")]
        for log in logs:
            os.truncate(log, 9 << 20)
        wait_until(lambda: all(log.stat().st_size < 8 << 20 for log in logs), "they are short again")

    def test_a_killed_qemu_is_noticed_at_once(self):
        self.add_vm()
        self.operate("Vm.start")
        os.kill(self.qemu_pid(), signal.SIGKILL)
        self.await_state(lambda state: state["power_state"] == "Halted")

    def test_the_service_is_killed_and_takes_its_guest_up_again(self):
        self.start_guest()
        pid = self.qemu_pid()
        self.assertEqual(self.stop_service(signal.SIGKILL), -signal.SIGKILL)
        self.start_service()
        self.assertEqual(self.state()["power_state"], "Running")
        self.assertEqual(self.qemu_pid(), pid)
        self.operate("Vm.pause")
        self.assertEqual(self.stop_service(), 0)
        self.start_service()
        self.assertEqual(self.state()["power_state"], "Paused")
        self.operate("Vm.unpause")
        self.stop_service(signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
        self.start_service()
        self.assertEqual(self.state()["power_state"], "Halted")
        self.operate("Vm.start")

    def test_a_guest_that_ended_meanwhile_is_dealt_with(self):
        self.start_guest(on_shutdown=["Start"])
        self.stop_service(signal.SIGKILL)
        self.say("poweroff")
        wait_until(lambda: "Power down" in self.serial_log() or "reboot: " in self.serial_log(), "the guest's end")
        self.start_service()
        self.await_state(lambda state: state["domids"] == ["2"] and state["power_state"] == "Running")

    def test_a_start_that_is_cut_off_leaves_nothing(self):
        self.add_vm()
        for delay_ms in range(0, 100, 10):
            with self.subTest(delay_ms):
                self.call("Vm.start", id="vm")
                time.sleep(delay_ms / 1000)
                self.stop_service(signal.SIGKILL)
                self.start_service()
                state = self.state()
                self.assertIn(state["power_state"], ("Halted", "Running"))
                self.operate("Vm.destroy")
                wait_until(lambda: self.qemus() == [], "the end of the QEMU nobody knew of")

    def test_a_guest_reads_its_disk(self):
        disk = self.folder / "disk"
        disk.write_bytes(b"xylem!" + bytes(1 << 20))
        self.add_vm()
        self.call("VBD.add", t={"id": "vm.xvdb", "position": 1, "mode": "ReadOnly", "ty": "Disk", "backend": ["Local", str(disk)]})
        self.operate("Vm.start")
        self.await_guest()
        self.ask("echo disk $(head -c 6 /dev/vdb)", re.compile("disk xylem!"))

    def test_what_qemu_refuses_is_told(self):
        self.add_vm()
        self.call("VBD.add", t={"id": "vm.xvda", "position": 0, "mode": "ReadOnly", "ty": "Disk", "backend": ["Local", "/etc/hostname"],
                                "extra_backend_keys": {"format": "qcow2"}})
        with self.assertRaises(Failure) as caught:
            self.operate("Vm.start")
        self.assertIn("not in qcow2 format", str(caught.exception))
        self.assertEqual(self.state()["power_state"], "Halted")

    def test_firmware_boots_from_nothing(self):
        self.call("Vm.add", t={"id": "vm", "name": "hvm", "ty": ["HVM", {"boot_order": "dc"}], "memory_static_max": 64 << 20,
                               "vcpu_max": 2, "vcpus": 1})
        with self.assertRaises(Failure) as caught:
            self.operate("Vm.start")
        self.assertIn("No_bootable_device", str(caught.exception))
        iso = self.folder / "iso"
        iso.write_bytes(bytes(1 << 20))
        self.call("VBD.add", t={"id": "vm.xvdd", "mode": "ReadOnly", "ty": "CDROM", "backend": ["Local", str(iso)]})
        self.call("VIF.add", t={"id": "vm.0", "position": 0, "mac": "52:54:00:12:34:56", "backend": ["Local", "no-such-bridge"]})
        self.operate("Vm.start")
        consoles = {console["protocol"]: console["path"] for console in self.state()["consoles"]}
        with socket.socket(socket.AF_UNIX) as viewer:
            viewer.connect(consoles["Rfb"])
            self.assertEqual(viewer.recv(4, socket.MSG_WAITALL), b"RFB ")

    def test_a_second_service_is_refused(self):
        second = subprocess.run([XENOPSD, "--state", self.folder / "state", "--socket", str(self.folder / "other"), "--backend", "fake"],
                                stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn("is used by another service", second.stderr)
        self.assertEqual(len(second.stderr.splitlines()), 1)


if __name__ == "__main__":
    tap.main("system/xenopsd")
