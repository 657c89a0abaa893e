#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demo guest by itself, under plain QEMU: what the other tests and make run expect of it."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

import tap  # noqa: E402
from server import GUEST_IS_UP, guest_dir, wait_until  # noqa: E402

MEMORY_MIB = 96


class Machine:
    """One QEMU with the guest's kernel and a copy of its disk."""

    def __init__(self, folder, disk, *options):
        self.console = Path(folder) / "serial.log"
        self.console.write_bytes(b"")
        monitor, child = socket.socketpair()
        guest = guest_dir()
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-m", str(MEMORY_MIB), "-display", "none", "-nodefaults",
             "-serial", f"file:{self.console}", "-kernel", guest / "vmlinuz", "-initrd", guest / "initrd.img",
             "-append", "console=ttyS0 root=/dev/vda quiet", "-drive", f"file={disk},format=qcow2,if=virtio,cache=unsafe",
             "-nic", "user,model=virtio-net-pci", "-device", "virtio-balloon-pci",
             "-chardev", f"socket,id=monitor,fd={child.fileno()}", "-mon", "chardev=monitor,mode=control", *options],
            pass_fds=[child.fileno()], stdin=subprocess.DEVNULL)
        child.close()
        self.monitor = monitor.makefile("rw")
        self.monitor.readline()
        self.command("qmp_capabilities")

    def command(self, name):
        """A QMP command; its answer."""
        self.monitor.write(json.dumps({"execute": name}) + "\n")
        self.monitor.flush()
        while True:
            answer = json.loads(self.monitor.readline())
            if "return" in answer or "error" in answer:
                return answer

    def text(self):
        """What the guest has said."""
        return self.console.read_text(encoding="utf-8", errors="replace")

    def wait(self, text, times=1):
        """Until the guest has said @text so often."""
        wait_until(lambda: self.text().count(text) >= times, f"guest says '{text}'")

    def close(self):
        """Whatever happened."""
        self.process.kill()
        self.process.wait()
        self.monitor.close()


class GuestImageTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="xylem-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.disk = self.folder / "disk.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(guest_dir() / "demo.qcow2"), str(self.disk)],
                       check=True)

    def boot(self, *options):
        """A machine that has come up."""
        machine = Machine(self.folder, self.disk, *options)
        self.addCleanup(machine.close)
        machine.wait(GUEST_IS_UP)
        return machine

    def test_power_button_ends_it_cleanly_and_disk_persists(self):
        machine = self.boot()
        self.assertIn("xylem-demo: boot 1\n", machine.text().replace("\r", ""))
        self.assertNotIn("did not load", machine.text())
        machine.wait("eth0 has 10.0.2.15")
        machine.command("system_powerdown")
        self.assertEqual(machine.process.wait(60), 0)
        self.assertIn("xylem-demo: power button", machine.text())
        again = self.boot()
        self.assertIn("xylem-demo: boot 2\n", again.text().replace("\r", ""))

    def test_reset_boots_again(self):
        machine = self.boot()
        machine.command("system_reset")
        machine.wait(GUEST_IS_UP, times=2)
        self.assertIn("xylem-demo: boot 2\n", machine.text().replace("\r", ""))


class GuestFilesTest(unittest.TestCase):
    def test_build_is_the_same_each_time(self):
        packages = Path(os.environ["XYLEM_PACKAGES_DIR"])
        builder = Path(__file__).resolve().parent.parent.parent / "tools/guest/build.py"
        with tempfile.TemporaryDirectory(prefix="xylem-") as folder:
            subprocess.run([sys.executable, builder, "--kernel", packages / "linux-image-cloud-amd64",
                            "--busybox", packages / "busybox-static", "--output", folder], stdout=subprocess.DEVNULL, check=True)
            for name in ("vmlinuz", "initrd.img", "demo.qcow2"):
                self.assertEqual(Path(folder, name).read_bytes(), (guest_dir() / name).read_bytes(), name)


if __name__ == "__main__":
    tap.main("system/guest-image")
