# SPDX-License-Identifier: LGPL-2.1-or-later
"""Test cases that drive xenopsd alone, over its socket, with the demo guest: one service, one state directory a case."""

import fcntl
import glob
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import time
import unittest
import xmlrpc.client
from pathlib import Path

from server import GUEST_IS_UP, build_dir, guest_dir, wait_until
from unix_transport import UnixTransport

XENOPSD = build_dir() / "src/daemon/xenopsd"
MIB = 1 << 20


def unread_bytes(connection):
    """What the other side of a Unix socket has not read yet."""
    return struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))[0]


class Failure(Exception):
    """An exception of the service: its name and arguments."""

    def __init__(self, name, *args):
        super().__init__(name, *args)
        self.name = name
        self.arguments = list(args)


class DomainServiceTest(unittest.TestCase):
    """OPTIONS are given to every xenopsd."""

    OPTIONS = ()
    BACKEND = "qemu"

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="xenopsd-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.socket = str(self.folder / "socket")
        self.service = None
        self.start_service()
        self.addCleanup(self.end)

    # ---- The service

    def start_service(self):
        """Starts it and waits until it serves."""
        command = [XENOPSD, "--state", self.folder / "state", "--socket", self.socket, "--backend", self.BACKEND,
                   "--accel", os.environ.get("XYLEM_ACCEL", "tcg"), *self.OPTIONS]
        log = self.folder / "log"
        with open(log, "ab") as file:
            begin = file.tell()
            self.service = subprocess.Popen(command, stderr=file)

        def is_serving():
            if self.service.poll() is not None:
                raise AssertionError(f"xenopsd has not started: {log.read_text()}")
            return b"serving at" in log.read_bytes()[begin:]
        wait_until(is_serving, "xenopsd serves")
        self.proxy = self.new_proxy()

    def new_proxy(self):
        """A connection of its own: one serves one call at a time."""
        return xmlrpc.client.ServerProxy("http://localhost/", transport=UnixTransport(self.socket), allow_none=True)

    def stop_service(self, number=signal.SIGTERM):
        """Ends it; its exit status."""
        self.service.send_signal(number)
        status = self.service.wait()
        self.service = None
        return status

    def end(self):
        """No guest outlives its test."""
        if self.service is None:
            self.start_service()
        for config, _ in self.call("Vm.list"):
            self.operate("Vm.destroy", config["id"])
        self.assertEqual(self.stop_service(), 0)
        self.assertNotIn("Sanitizer", (self.folder / "log").read_text(errors="replace"))

    def call(self, method, proxy=None, **args):
        """One call; a Failure is raised."""
        reply = getattr(proxy or self.proxy, method)(dict(args, dbg="test"))
        if reply["Status"] != "Success":
            raise Failure(*reply["ErrorDescription"])
        return reply["Value"]

    def begin(self, method, vm="vm", **args):
        """An operation; its task."""
        return self.call(method, id=vm, **args)

    def await_task(self, task, proxy=None):
        """Until a task has ended; a Failure is raised."""
        while True:
            kind, value = self.call("Task.wait", proxy=proxy, id=task, timeout=30.0)["result"]
            if kind == "Completed":
                return value
            if kind == "Failed":
                raise Failure(*json.loads(value))

    def operate(self, method, vm="vm", **args):
        """An operation from its beginning to its end."""
        return self.await_task(self.begin(method, vm, **args))

    def assert_fails(self, name, arguments, method, *args, **kwargs):
        """An operation that must fail with this exception."""
        with self.assertRaises(Failure) as caught:
            self.operate(method, *args, **kwargs)
        self.assertEqual(caught.exception.name, name, caught.exception)
        if arguments is not None:
            self.assertEqual(caught.exception.arguments, arguments)

    # ---- The VM

    def demo_vm(self, vm="vm", cmdline="", **members):
        """The demo guest's configuration: its own kernel, loaded directly."""
        boot = {"kernel": str(guest_dir() / "vmlinuz"), "ramdisk": str(guest_dir() / "initrd.img"),
                "cmdline": f"console=ttyS0 root=/dev/vda quiet panic=-1 {cmdline}"}
        config = {"id": vm, "name": "a guest", "ty": ["PV", {"boot": ["Direct", boot], "framebuffer": False, "vncterm": False}],
                  "memory_static_max": 128 * MIB, "memory_dynamic_max": 128 * MIB, "memory_dynamic_min": 128 * MIB,
                  "vcpu_max": 1, "vcpus": 1}
        return {**config, **members}

    def add_vm(self, vm="vm", **members):
        """Registers the demo guest with a disk of its own."""
        self.call("Vm.add", t=self.demo_vm(vm, **members))
        disk = self.folder / f"{vm}.qcow2"
        shutil.copyfile(guest_dir() / "demo.qcow2", disk)
        self.call("VBD.add", t={"id": f"{vm}.xvda", "position": 0, "mode": "ReadWrite", "ty": "Disk", "backend": ["Local", str(disk)],
                                "extra_backend_keys": {"format": "qcow2"}})

    def start_guest(self, vm="vm", **members):
        """A guest that is up."""
        self.add_vm(vm, **members)
        self.operate("Vm.start", vm)
        self.await_guest(vm=vm)

    def state(self, vm="vm"):
        """Its Vm.state."""
        return self.call("Vm.stat", id=vm)[1]

    def run_dir(self, vm="vm"):
        """Where its sockets and logs are."""
        return self.folder / "state/vms" / vm / "run"

    def qemu_pid(self, vm="vm"):
        """Its QEMU's process."""
        return json.loads((self.run_dir(vm) / "state.json").read_text())["pid"]

    def qemus(self):
        """Command lines of QEMUs of this test."""
        found = []
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                text = Path(path).read_text(errors="replace")
            except OSError:
                continue
            if str(self.folder) in text and "qemu-system" in text:
                found.append(text)
        return found

    def serial_log(self, vm="vm"):
        """What the guest has said."""
        path = self.run_dir(vm) / "serial.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def await_guest(self, text=GUEST_IS_UP, times=1, vm="vm"):
        """Until the guest has said @text so often."""
        wait_until(lambda: self.serial_log(vm).count(text) >= times, f"{text} on the serial line")

    def say(self, text, vm="vm"):
        """Types a line into the guest's shell. QEMU drops what it has not read when the viewer leaves, so we stay until it has."""
        with socket.socket(socket.AF_UNIX) as console:
            console.connect(str(self.run_dir(vm) / "serial.sock"))
            console.sendall(text.encode() + b"\n")
            wait_until(lambda: unread_bytes(console) == 0, "QEMU reads the line")

    def ask(self, command, pattern, vm="vm"):
        """Types a command until its answer, a regular expression, is on the serial line; the match. What has been typed before is
        not an answer: the echo of a command differs from what it prints."""
        begin = len(self.serial_log(vm))
        self.say(command, vm)
        return wait_until(lambda: pattern.search(self.serial_log(vm)[begin:]), f"the answer to {command}")

    def await_state(self, wanted, vm="vm"):
        """Waits through the service's updates until @wanted is true of the state."""
        last = "0"  # 64 bits, which this library sends only as text
        deadline = time.monotonic() + 90
        while True:
            state = self.state(vm)
            if wanted(state):
                return state
            self.assertLess(time.monotonic(), deadline, state)
            last = self.call("Updates.get", last=last, timeout=10.0)[2]
