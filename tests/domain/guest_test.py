#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A real QEMU guest, run over D-Bus alone from its registration to its shutdown."""

import shutil
import socket
import sys
import tempfile
import unittest
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TREE / "tests/lib"))

from server import guest_dir, wait_until  # noqa: E402
from wires import Service  # noqa: E402

import tap  # noqa: E402

BOOT = {"kernel": str(guest_dir() / "vmlinuz"), "ramdisk": str(guest_dir() / "initrd.img"), "cmdline": "console=ttyS0 root=/dev/vda quiet"}
DEMO = {"id": "demo", "name": "demo guest", "ty": ["PV", {"boot": ["Direct", BOOT], "framebuffer": False, "vncterm": False}],
        "memory_static_max": 128 << 20, "vcpu_max": 1, "vcpus": 1}


@unittest.skipIf(shutil.which("qemu-system-x86_64") is None, "needs QEMU")
class GuestTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="domain-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.disk = str(self.folder / "demo.qcow2")
        shutil.copy(guest_dir() / "demo.qcow2", self.disk)
        self.service = Service(scratch.name, "qemu", ["--accel", "tcg"])
        self.addCleanup(self.service.end)
        self.service.start()
        self.addCleanup(self.service.remove_all)
        _, self.wire = self.service.wires()

    def said(self):
        """What the guest has said on its serial line."""
        path = self.folder / "state/vms/demo/run/serial.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def type(self, text, until):
        """What the console answers, up to a text."""
        path = next(console["path"] for console in self.wire.call("Vm.consoles", id="demo") if console["protocol"] == "Vt100")
        with socket.socket(socket.AF_UNIX) as console:
            console.settimeout(60)
            console.connect(path)
            console.sendall(text.encode())
            said = b""
            while until.encode() not in said:
                said += console.recv(4096)
            return said.decode(errors="replace")

    def test_qemu_is_described(self):
        told = self.wire.call("Host.stat")["hypervisor"]
        self.assertEqual((told["name"], told["acceleration"]), ("qemu", "tcg"))
        self.assertRegex(told["version"], r"^\d+\.\d+")

    def test_a_guest_boots_pauses_and_shuts_down_over_the_bus(self):
        wire = self.wire
        wire.call("Vm.add", t=DEMO)
        wire.call("VBD.add", t={"id": "demo.xvda", "position": 0, "mode": "ReadWrite", "ty": "Disk", "backend": ["Local", self.disk],
                                "extra_backend_keys": {"format": "qcow2"}})
        wire.operate("Vm.start", id="demo")
        wait_until(lambda: "xylem-demo: guest is up" in self.said(), "the guest is up")
        state = wire.state("demo")
        self.assertEqual((state["power_state"], state["vcpu_target"], state["memory_target"]), ("Running", 1, 128 << 20))
        self.assertIn({"protocol": "Vt100", "port": 0}, state["consoles"])
        self.assertIn("hello-42", self.type("echo hello-$((6*7))\n", "hello-42"))
        wire.operate("Vm.pause", id="demo")
        self.assertEqual(wire.power("demo"), "Paused")
        wire.operate("Vm.unpause", id="demo")
        wire.operate("Vm.shutdown", id="demo", clean_shutdown_timeout=60.0)
        self.assertEqual(wire.power("demo"), "Halted")
        self.assertIn("xylem-demo: going down", self.said())


if __name__ == "__main__":
    tap.main("domain/guest")
