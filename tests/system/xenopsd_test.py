#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""xenopsd with real QEMU guests: starting, pausing, shutting down, rebooting; guests that end by themselves; the service killed and started
again. The guest is Debian's kernel with a busybox initramfs made here; it does what is written to its serial line."""

import glob
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import xmlrpc.client
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TREE / "tests/lib"))

import tap  # noqa: E402

BUILD = Path(os.environ.get("XYLEM_BUILD_DIR", TREE / "build"))
XENOPSD = BUILD / "src/daemon/xenopsd"
PACKAGES = Path(os.environ.get("XYLEM_PACKAGES_DIR", TREE / "build/packages"))
KERNEL_ROOT = PACKAGES / "linux-image-cloud-amd64"
KERNEL = sorted(KERNEL_ROOT.glob("boot/vmlinuz-*-cloud-amd64"))[-1]
BUSYBOX = PACKAGES / "busybox-static/bin/busybox"
BOOT_SECONDS = 90
MODULES = ("drivers/acpi/button.ko", "drivers/input/evdev.ko", "drivers/virtio/virtio_ring.ko", "drivers/virtio/virtio.ko",
           "drivers/virtio/virtio_pci_legacy_dev.ko", "drivers/virtio/virtio_pci_modern_dev.ko", "drivers/virtio/virtio_pci.ko",
           "drivers/block/virtio_blk.ko", "drivers/misc/pvpanic/pvpanic.ko", "drivers/misc/pvpanic/pvpanic-mmio.ko")
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in /modules/*.ko; do insmod $module; done
for input in /dev/input/event*; do
    (head -c 1 $input > /dev/null && echo BUTTON && poweroff -f) &
done
echo GUEST-UP
while read line; do
    case $line in
    off) poweroff -f ;;
    reboot) reboot -f ;;
    crash) echo c > /proc/sysrq-trigger ;;
    disk) echo "DISK $(head -c 6 /dev/vda)" ;;
    esac
done
"""


class UnixTransport(xmlrpc.client.Transport):
    """XML-RPC on a Unix socket."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def make_connection(self, host):
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.path)
        return connection


class Failure(Exception):
    """An exception of the service: its name and arguments."""


def make_initramfs(folder):
    """An initramfs with busybox, the modules the guest needs, and INIT."""
    root = folder / "root"
    (root / "bin").mkdir(parents=True)
    (root / "modules").mkdir()
    shutil.copy(BUSYBOX, root / "bin/busybox")
    release = KERNEL.name.removeprefix("vmlinuz-")
    for number, module in enumerate(MODULES):
        path = KERNEL_ROOT / "lib/modules" / release / "kernel" / module
        if path.exists():
            shutil.copy(path, root / "modules" / f"{number:02}-{path.name}")
    (root / "init").write_text(INIT)
    (root / "init").chmod(0o755)
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    archive = subprocess.run([BUSYBOX, "cpio", "-o", "-H", "newc"], cwd=root, input=names.encode(), stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, check=True).stdout
    image = folder / "initramfs"
    image.write_bytes(archive)
    return image


def wait_until(condition, what, seconds=BOOT_SECONDS):
    """Looks until @condition gives something true. For files, which send no event."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.02)
    return value


class XenopsdTest(unittest.TestCase):
    """One service and one VM a case."""

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="xenopsd-")
        cls.addClassCleanup(scratch.cleanup)
        cls.initramfs = make_initramfs(Path(scratch.name))

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="xenopsd-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.socket = str(self.folder / "socket")
        self.service = None
        self.start_service()
        self.addCleanup(self.end)

    # ---- The service

    def start_service(self, accel="tcg"):
        """Starts it and waits until it serves."""
        self.service = subprocess.Popen([XENOPSD, "--state", self.folder / "state", "--socket", self.socket, "--accel", accel],
                                        stderr=subprocess.PIPE, text=True)
        for line in self.service.stderr:
            if "serving at" in line:
                break
        else:
            self.fail("xenopsd has not started")
        self.proxy = xmlrpc.client.ServerProxy("http://localhost/", transport=UnixTransport(self.socket), allow_none=True)

    def stop_service(self, number=signal.SIGTERM):
        """Ends it; its exit status."""
        self.service.send_signal(number)
        self.service.stderr.close()
        status = self.service.wait()
        self.service = None
        return status

    def end(self):
        """No guest outlives its test."""
        if self.service is None:
            self.start_service()
        for config, _ in self.call("Vm.list"):
            self.operate("Vm.destroy", config["id"])
        self.stop_service()

    def call(self, method, **args):
        reply = getattr(self.proxy, method)(dict(args, dbg="test"))
        if reply["Status"] != "Success":
            raise Failure(*reply["ErrorDescription"])
        return reply["Value"]

    def operate(self, method, vm="vm", **args):
        """An operation from its beginning to its end."""
        task = self.call(method, id=vm, **args)
        while True:
            kind, value = self.call("Task.wait", id=task, timeout=30.0)["result"]
            if kind == "Completed":
                return value
            if kind == "Failed":
                raise Failure(value)

    # ---- The VM

    def add_vm(self, **members):
        boot = {"kernel": str(KERNEL), "cmdline": "console=ttyS0 quiet panic=-1", "ramdisk": str(self.initramfs)}
        vm = {"id": "vm", "name": "a guest", "ty": ["PV", {"boot": ["Direct", boot], "framebuffer": False, "vncterm": False}],
              "memory_static_max": 128 << 20, "vcpu_max": 1, "vcpus": 1}
        self.call("Vm.add", t=dict(vm, **members))

    def state(self):
        return self.call("Vm.stat", id="vm")[1]

    def run_dir(self):
        return self.folder / "state/vms/vm/run"

    def qemu_pid(self):
        return json.loads((self.run_dir() / "state.json").read_text())["pid"]

    def serial_log(self):
        path = self.run_dir() / "serial.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def await_guest(self, text="GUEST-UP", times=1):
        wait_until(lambda: self.serial_log().count(text) >= times, f"{text} on the serial line")

    def say(self, text):
        """Types a line on the guest's serial console."""
        with socket.socket(socket.AF_UNIX) as console:
            console.connect(str(self.run_dir() / "serial.sock"))
            console.sendall(text.encode() + b"\n")
            time.sleep(0.1)  # QEMU drops what it has not read when the viewer leaves

    def await_state(self, wanted):
        """Waits through the service's updates."""
        last = "0"  # 64 bits, which this library sends only as text
        while True:
            state = self.state()
            if wanted(state):
                return state
            last = self.call("Updates.get", last=last, timeout=30.0)[2]

    def start_guest(self, **members):
        self.add_vm(**members)
        self.operate("Vm.start")
        self.await_guest()

    # ---- What is true

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
        self.assertIn("BUTTON", self.serial_log())

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
        self.assertIn("Failed_to_shutdown", str(caught.exception))
        self.assertEqual(self.state()["power_state"], "Running")

    def test_a_guest_ends_by_itself(self):
        self.start_guest(on_reboot=["Start"])
        self.say("reboot")
        self.await_state(lambda state: state["domids"] == ["2"] and state["power_state"] == "Running")
        self.await_guest(times=2)
        self.say("off")
        self.await_state(lambda state: state["power_state"] == "Halted")

    def test_a_crashed_guest_is_halted(self):
        self.start_guest(on_crash=["Coredump", "Shutdown"])
        self.say("crash")
        self.await_state(lambda state: state["power_state"] == "Halted")
        core = self.folder / "state/vms/vm/core.1"
        self.assertEqual(core.read_bytes()[:4], b"\x7fELF")

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
        self.say("off")
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
                wait_until(lambda: self.qemus() == [], "the end of the QEMU nobody knew of", 5)

    def qemus(self):
        """Command lines of QEMUs of this test."""
        found = []
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                text = Path(path).read_text()
            except OSError:
                continue
            if str(self.folder) in text and "qemu-system" in text:
                found.append(text)
        return found

    def test_a_guest_reads_its_disk(self):
        disk = self.folder / "disk"
        disk.write_bytes(b"xylem!" + bytes(1 << 20))
        self.add_vm()
        self.call("VBD.add", t={"id": "vm.xvda", "position": 0, "mode": "ReadOnly", "ty": "Disk", "backend": ["Local", str(disk)]})
        self.operate("Vm.start")
        self.await_guest()
        self.say("disk")
        self.await_guest("DISK xylem!")

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
            self.assertEqual(viewer.recv(4), b"RFB ")

    def test_a_second_service_is_refused(self):
        second = subprocess.run([XENOPSD, "--state", self.folder / "state", "--socket", str(self.folder / "other"), "--backend", "fake"],
                                stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn("is used by another service", second.stderr)
        self.assertEqual(len(second.stderr.splitlines()), 1)


if __name__ == "__main__":
    tap.main("system/xenopsd")
