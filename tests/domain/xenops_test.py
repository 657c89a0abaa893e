#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""xenops, as people and scripts use it."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TREE / "tests/lib"))

from guest_test import DEMO  # noqa: E402
from server import GUEST_IS_UP, guest_dir, wait_until  # noqa: E402
from storage_service import Storage  # noqa: E402
from wires import BUILD, Service  # noqa: E402

import tap  # noqa: E402

XENOPS = BUILD / "src/xenops/xenops"
DONE, FAILED, MISUSED, UNREACHABLE, CANCELLED = range(5)
VM = {"id": "demo", "name": "my demo", "ty": ["HVM", {"boot_order": "cd"}], "memory_static_max": 256 << 20, "vcpu_max": 2, "vcpus": 1}
DISK = {"id": "demo.xvda", "position": 0, "mode": "ReadWrite", "ty": "Disk", "backend": ["VDI", "good/vdi"]}
LEAVE = b"\x1d"
VERBOSE = json.loads(json.dumps(DEMO).replace(" quiet", ""))


def read_terminal(fd):
    """All that was written to a terminal whose other side is closed."""
    said = b""
    with open(fd, "rb", buffering=0) as terminal:
        while True:
            try:
                piece = terminal.read(65536)
            except OSError:  # how a terminal says that nobody is left
                return said.decode()
            if not piece:
                return said.decode()
            said += piece


class XenopsCase(unittest.TestCase):
    """A service over a storage service, and the program."""

    BACKEND = "fake"

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="domain-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.storage = Storage(str(self.folder / "storage"))
        self.addCleanup(self.storage.close)
        self.service = Service(scratch.name, self.BACKEND, ["--storage-socket", str(self.folder / "storage"), "--accel", "tcg"])
        self.addCleanup(self.service.end)
        self.service.start()
        self.addCleanup(self.service.remove_all)
        self.wire, _ = self.service.wires()

    def command(self, *args):
        return [XENOPS, "--socket", self.service.socket, *args]

    def run_xenops(self, *args, text=None):
        """(exit status, standard output, standard error)."""
        done = subprocess.run(self.command(*args), input=text, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def says(self, *args, **options):
        """What it prints when all is well."""
        status, output, errors = self.run_xenops(*args, **options)
        self.assertEqual((status, errors), (DONE, ""), output)
        return output

    def refused(self, status, error, *args, **options):
        """It prints one line on standard error."""
        self.assertEqual(self.run_xenops(*args, **options), (status, "", f"xenops: {error}\n"))

    def file(self, content):
        path = self.folder / "vm.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return str(path)


class CommandTest(XenopsCase):
    # ---- Registering

    def test_a_vm_is_added_from_a_file(self):
        self.assertEqual(self.says("add", self.file(VM)), "demo\n")
        self.assertEqual(self.wire.call("Vm.stat", id="demo")[0]["name"], "my demo")
        self.refused(FAILED, "Already_exists: There is such an object already.", "add", self.file(VM))

    def test_a_vm_is_added_with_its_devices_from_standard_input(self):
        self.says("add", "-", text=json.dumps({"vm": VM, "vbds": [DISK]}))
        self.assertEqual([vbd["id"] for vbd, _ in self.wire.call("VBD.list", vm="demo")], ["demo.xvda"])

    def test_what_is_exported_can_be_added_again(self):
        self.says("add", self.file({"vm": VM, "vbds": [DISK]}))
        exported = self.says("export", "demo")
        self.says("remove", "demo")
        self.says("add", self.file(exported))
        self.assertEqual(self.says("export", "demo"), exported)

    def test_a_vm_is_replaced_if_that_is_wanted(self):
        self.says("add", self.file({"vm": VM, "vbds": [DISK]}))
        self.says("add", "--replace", self.file(VM | {"name": "other"}))
        self.assertEqual(self.wire.call("Vm.stat", id="demo")[0]["name"], "other")
        self.assertEqual(self.wire.call("VBD.list", vm="demo"), [])

    def test_bad_files_are_refused(self):
        for content, complaint in (("[]", ": not a JSON object"), ("{", ": ")):
            status, _, error = self.run_xenops("add", self.file(content))
            self.assertEqual(status, FAILED)
            self.assertIn(f"xenops: {self.folder}/vm.json{complaint}", error)
        self.assertIn("No such file", self.run_xenops("add", str(self.folder / "nothing"))[2])
        self.refused(FAILED, "Metadata.t: vm: memory_static_max is missing", "add",
                     self.file({name: value for name, value in VM.items() if name != "memory_static_max"}))

    # ---- Looking

    def test_vms_are_listed(self):
        self.assertEqual(self.says("list"), "ID  STATE  DOMAIN  MIB  VCPUS  NAME\n")
        for name in ("vm-b", "vm-a"):
            self.wire.add(name, name="näme\x9b2J")
        self.wire.operate("Vm.start", id="vm-b")
        domid, = self.wire.state("vm-b")["domids"]
        self.assertEqual(self.says("list"), "ID    STATE    DOMAIN  MIB  VCPUS  NAME\n"
                         f"vm-a  Halted   -       64   1      näme  2J\nvm-b  Running  {domid}       64   1      näme  2J\n")
        self.assertEqual(self.says("list", "--quiet"), "vm-a\nvm-b\n")
        self.assertEqual([[config["id"], state["power_state"]] for config, state in json.loads(self.says("list", "--json"))],
                         [["vm-a", "Halted"], ["vm-b", "Running"]])

    def test_a_vm_is_shown(self):
        self.says("add", self.file({"vm": VM, "vbds": [DISK]}))
        shown = self.says("show", "demo")
        for line in ("  name: my demo\n", "  ty: HVM\n    hap: false\n", "  power_state: Halted\n", "      backend: VDI good/vdi\n"):
            self.assertIn(line, shown)
        told = json.loads(self.says("show", "--json", "demo"))
        self.assertEqual((told["config"]["memory_static_max"], told["vbds"][0][1]["plugged"]), (256 << 20, False))

    def test_a_vm_is_found_by_its_name_if_that_is_its_own(self):
        self.wire.add("vm-a", name="one")
        self.says("start", "one")
        self.assertEqual(self.wire.power("vm-a"), "Running")
        self.wire.add("vm-b", name="one")
        self.refused(FAILED, "2 VMs are called 'one': say which by its id", "start", "one")
        self.refused(FAILED, "Does_not_exist(VM, two): There is no such object.", "start", "two")

    def test_the_host_is_shown(self):
        self.assertIn("  hypervisor:\n    name: fake\n", self.says("host"))
        self.assertEqual(json.loads(self.says("host", "--json"))["service"]["name"], "xenopsd")

    # ---- Operations

    def test_a_vm_goes_through_its_states(self):
        self.says("add", self.file(VM))
        for command, power in ((["start", "--paused"], "Paused"), (["unpause"], "Running"), (["pause"], "Paused"), (["unpause"], "Running"),
                               (["reboot"], "Running"), (["reboot", "--force"], "Running"), (["shutdown"], "Halted"),
                               (["start"], "Running"), (["shutdown", "--force"], "Halted")):
            with self.subTest(" ".join(command)):
                self.says(*command, "demo")
                self.assertEqual(self.wire.power("demo"), power)
        self.refused(FAILED, "Bad_power_state(Halted, Running): The VM is not in a state that allows this.", "pause", "demo")

    def test_a_vm_is_suspended_to_a_file_and_resumed(self):
        self.says("add", self.file(VM))
        self.says("start", "demo")
        image = self.folder / "image"
        self.says("suspend", "demo", str(image))
        self.assertEqual(self.wire.power("demo"), "Suspended")
        self.assertTrue(image.exists())
        self.says("resume", "demo", str(image))
        self.assertEqual(self.wire.power("demo"), "Running")

    def test_a_vm_is_suspended_to_a_disk_of_the_storage_service(self):
        self.says("add", self.file(VM))
        self.says("start", "demo")
        self.refused(FAILED, "VDI_not_found: The storage service does not know the VDI.", "suspend", "demo", "empty/vdi")
        self.assertEqual(self.wire.power("demo"), "Running")

    def test_a_guest_that_does_not_react_is_told(self):
        self.says("add", self.file(VM | {"platformdata": {"fake-shutdown": "ignore"}}))
        self.says("start", "demo")
        self.refused(FAILED, "Failed_to_achnowledge_shutdown_request: The guest does not react to a request to shut down.",
                     "shutdown", "--timeout", "0", "demo")

    def begin_slow_start(self, **options):
        """A start that waits for its disk."""
        self.says("add", self.file({"vm": VM, "vbds": [DISK | {"backend": ["VDI", "slow/vdi"]}]}))
        process = subprocess.Popen(self.command("start", "demo"), **options)
        self.storage.waiting.wait()
        return process

    def test_ctrl_c_cancels_the_operation(self):
        process = self.begin_slow_start(stderr=subprocess.PIPE, text=True)
        process.send_signal(signal.SIGINT)
        self.assertEqual((process.communicate()[1], process.returncode), ("xenops: cancelled\n", CANCELLED))
        self.assertEqual(self.wire.power("demo"), "Halted")

    def test_progress_is_shown_on_a_terminal(self):
        terminal, other = pty.openpty()
        process = self.begin_slow_start(stderr=other)
        self.storage.released.set()
        self.assertEqual(process.wait(), DONE)
        os.close(other)
        self.assertRegex(read_terminal(terminal), r"^\rstart demo: +\d+ %.*\r\x1b\[K$")

    # ---- Tasks, events, calls

    def test_tasks_are_listed_awaited_and_cancelled(self):
        process = self.begin_slow_start(stderr=subprocess.DEVNULL)
        task = self.says("tasks", "--quiet").strip()
        self.assertRegex(self.says("tasks"), rf"TASK +STEP +RESULT\n{task} +attach-disks +Pending \d+ %\n")
        self.assertEqual(json.loads(self.says("tasks", "--json"))[0]["result"][0], "Pending")
        waiting = subprocess.Popen(self.command("wait", task), stderr=subprocess.PIPE, text=True)
        self.says("cancel", task)
        self.assertEqual(process.wait(), FAILED)
        waiting.communicate()
        self.assertEqual(waiting.returncode, FAILED)
        self.refused(FAILED, f"Does_not_exist(Task, {task}): There is no such object.", "cancel", task)

    def test_events_are_followed(self):
        process = subprocess.Popen(self.command("events", "--json"), stdout=subprocess.PIPE, text=True)
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(process.stdout))
        reader.start()

        # It tells what changes once it follows: until then nothing comes of this.
        def change():
            self.wire.add("demo")
            return lines

        wait_until(change, "an event")
        self.says("start", "demo")
        wait_until(lambda: any('"Running"' in line for line in lines), "the event of the start")
        self.wire.operate("Vm.destroy", id="demo")
        self.wire.call("Vm.remove", id="demo")
        wait_until(lambda: {"kind": "Vm", "id": "demo", "object": None} in map(json.loads, lines), "the event of the removal")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(), DONE)
        reader.join()
        process.stdout.close()

    def test_events_are_told_in_words(self):
        process = subprocess.Popen(self.command("events"), stdout=subprocess.PIPE, text=True)
        lines = []
        reader = threading.Thread(target=lambda: lines.append(process.stdout.readline()))
        reader.start()

        def change():
            self.wire.add("demo")
            return lines

        wait_until(change, "an event")
        self.assertEqual(lines, ["Vm demo Halted\n"])
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(), DONE)
        process.stdout.close()

    def test_any_method_can_be_called(self):
        self.says("call", "Vm.add", json.dumps(VM))
        self.assertEqual(json.loads(self.says("call", "Vm.stat", "demo"))[0]["memory_static_max"], 256 << 20)
        self.assertEqual(self.says("call", "Vm.stat", '"demo"'), self.says("call", "VM.stat", "demo"))
        task = json.loads(self.says("call", "Vm.start", "demo", "true"))
        self.says("wait", task)
        self.assertEqual(self.wire.power("demo"), "Paused")
        self.assertEqual(json.loads(self.says("call", "Vm.shutdown", "demo", "null"))[8], "-")
        self.refused(FAILED, "there is no method 'Vm.fly'", "call", "Vm.fly")
        self.refused(FAILED, "Vm.stat takes at most 1 arguments", "call", "Vm.stat", "demo", "1")
        self.refused(FAILED, "Vm.add: t: expected Vm.t, found a bool", "call", "Vm.add", "true")

    # ---- The command line

    def test_wrong_use_is_refused(self):
        for error, *args in (("no command; xenops --help lists them",), ("no command 'fly'; xenops --help lists them", "fly"),
                             ("use: xenops start VM", "start"), ("use: xenops start VM", "start", "a", "b"),
                             ("start does not take one of the options; see xenops --help", "start", "--force", "a"),
                             ("--timeout takes seconds, not 'x'", "shutdown", "--timeout", "x", "a"),
                             ("--timeout takes seconds, not '-1'", "shutdown", "--timeout=-1", "a"),
                             ("--force does not wait, so it takes no --timeout", "shutdown", "--timeout", "1", "--force", "a"),
                             ("Unknown option --fly", "--fly")):
            with self.subTest(error):
                self.refused(MISUSED, error, *args)

    def test_nobody_answers(self):
        self.refused(UNREACHABLE, f"nobody answers at '{self.folder}/nothing'", "--socket", f"{self.folder}/nothing", "list")

    def test_the_socket_may_come_from_the_environment(self):
        done = subprocess.run([XENOPS, "list"], env=os.environ | {"XENOPS_SOCKET": self.service.socket}, capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (DONE, b""))

    def test_help_tells_every_command(self):
        text = self.says("--help")
        for command in ("list", "show VM", "add FILE", "call METHOD [JSON...]", "console VM", "events"):
            self.assertIn(f"\n  {command} ", text)
        self.assertRegex(self.says("--version"), r"^xenops \d")


@unittest.skipIf(shutil.which("qemu-system-x86_64") is None, "needs QEMU")
class ConsoleTest(XenopsCase):
    BACKEND = "qemu"

    def test_the_console_is_the_guest_s_terminal(self):
        disk = self.folder / "demo.qcow2"
        shutil.copy(guest_dir() / "demo.qcow2", disk)
        vbd = DISK | {"backend": ["Local", str(disk)], "extra_backend_keys": {"format": "qcow2"}}
        self.says("add", self.file({"vm": DEMO, "vbds": [vbd]}))
        self.refused(FAILED, "VM demo has no terminal: it is Halted", "console", "demo")
        self.says("start", "demo")
        log = self.folder / "state/vms/demo/run/serial.log"
        wait_until(lambda: GUEST_IS_UP in log.read_text(encoding="utf-8", errors="replace"), "the guest is up")
        console = subprocess.Popen(self.command("console", "demo"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.addCleanup(console.kill)
        console.stdin.write(b"echo six times seven is $((6 * 7))\n")
        said = b""
        while b"six times seven is 42" not in said:
            piece = console.stdout.read(4096)
            self.assertTrue(piece, said)
            said += piece
        console.stdin.write(LEAVE)
        self.assertEqual(console.wait(), DONE)
        console.stdin.close()
        console.stdout.close()

    def test_the_console_ends_with_its_guest(self):
        self.says("add", self.file(VERBOSE))
        self.says("start", "demo")
        console = subprocess.Popen(self.command("console", "demo"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(console.kill)
        console.stdout.read(1)  # it is connected: the kernel boots
        self.says("shutdown", "--force", "demo")
        console.stdout.read()
        self.assertEqual(console.wait(), DONE)
        console.stdin.close()
        console.stdout.close()


if __name__ == "__main__":
    tap.main("domain/xenops")
