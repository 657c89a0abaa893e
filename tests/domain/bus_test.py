#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is particular to the D-Bus wire: introspection, calls that wait, bounds, refusals, the bus going away, its policy, and the tools
that people use."""

import os
import pwd
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TREE / "tests/lib"))

from wires import BUILD, NAME, PATH, XENOPSD, BusWire, DBusError, PrivateBus, Service  # noqa: E402

import form  # noqa: E402
import tap  # noqa: E402

FREEDESKTOP = "org.freedesktop.DBus"
NOBODY = "nobody"
MEBIBYTE = 1 << 20
METADATA = '{"vm":{"id":"vm","name":"by tool","ty":["HVM",{}],"memory_static_max":67108864,"vcpu_max":1,"vcpus":1}}'


class BusTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="domain-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.service = Service(scratch.name)
        self.addCleanup(self.service.end)
        self.service.start()
        _, self.wire = self.service.wires()

    def raw(self, interface, member, signature="", *args):
        return self.wire.connection.call(NAME, PATH, f"{NAME}.{interface}", member, signature, args)

    def refused(self, name, *call):
        with self.assertRaises(DBusError) as caught:
            self.raw(*call)
        self.assertEqual(caught.exception.name, name)
        return caught.exception.text

    # ---- Introspection

    def introspected(self):
        """{"Vm.add": (signature of the arguments, of the result)} as the object tells."""
        text, = self.wire.connection.call(NAME, PATH, f"{FREEDESKTOP}.Introspectable", "Introspect")
        found = {}
        for interface in ElementTree.fromstring(text).iter("interface"):
            for method in interface.iter("method"):
                if interface.get("name").startswith(NAME):
                    types = ["".join(arg.get("type") for arg in method.iter("arg") if arg.get("direction") == direction)
                             for direction in ("in", "out")]
                    found[f"{interface.get('name').removeprefix(f'{NAME}.')}.{method.get('name')}"] = tuple(types)
        return found

    def test_the_object_tells_every_method_of_the_model(self):
        wanted = {name: (form.SIGNATURES.of_args(method), form.SIGNATURES.whole(method.output.type) if method.output else "")
                  for name, method in form.MODEL.methods.items()}
        self.assertEqual(self.introspected(), wanted)

    def test_the_file_for_installation_tells_the_same(self):
        root = ElementTree.parse(BUILD / f"src/domain/{NAME}.xml").getroot()
        told = [f"{interface.get('name').removeprefix(f'{NAME}.')}.{method.get('name')}"
                for interface in root.iter("interface") for method in interface.iter("method")]
        self.assertEqual(sorted(told), sorted(form.MODEL.methods))

    # ---- Calls that wait

    def test_calls_that_wait_hold_up_nobody(self):
        token = self.wire.call("Updates.get", timeout=0.0)[2]
        parked = [self.wire.send("Updates.get", last=token, timeout=3000.0) for _ in range(100)]
        self.assertEqual(self.wire.call("Query.query")["name"], "xenopsd")
        self.wire.add("new")
        for sent in parked:
            self.assertEqual(self.wire.receive(sent)[1], [["Vm", "new"]])

    def test_who_waits_may_leave(self):
        token = self.wire.call("Updates.get", timeout=0.0)[2]
        leaving = BusWire(self.service.bus)
        leaving.send("Updates.get", last=token, timeout=3000.0)
        leaving.call("Query.query")
        leaving.close()
        self.wire.add("new")
        self.assertEqual(self.wire.call("Updates.get", last=token, timeout=30.0)[1], [["Vm", "new"]])

    def test_the_service_ends_while_calls_wait(self):
        self.wire.send("Updates.get", last=self.wire.call("Updates.get", timeout=0.0)[2], timeout=3000.0)
        self.wire.call("Query.query")
        self.assertEqual(self.service.stop(), 0)

    # ---- Refusals

    def test_what_is_not_there_is_refused(self):
        self.refused(f"{FREEDESKTOP}.Error.UnknownMethod", "Vm", "fly", "s", "test")
        self.refused(f"{FREEDESKTOP}.Error.UnknownMethod", "Bird", "fly", "s", "test")

    def test_other_arguments_are_refused(self):
        self.refused(f"{FREEDESKTOP}.Error.InvalidArgs", "Vm", "stat", "sx", "test", 1)
        self.refused(f"{FREEDESKTOP}.Error.InvalidArgs", "Vm", "stat", "s", "test")

    def test_a_constructor_out_of_range_is_refused(self):
        text = self.refused(f"{NAME}.Error.Internal_error", "Vm", "resume", "ss(i(ss))", "test", "vm", (2, ("a", "b")))
        self.assertEqual(text, '["Internal_error","disk has no constructor number 2"]')

    def test_a_call_that_is_too_large_is_refused(self):
        self.refused(f"{FREEDESKTOP}.Error.LimitsExceeded", "Vm", "import_metadata", "ss", "test", "x" * (17 * MEBIBYTE))
        self.assertEqual(self.wire.call("Vm.list"), [])

    def test_an_answer_that_is_too_large_for_a_bus_is_an_error(self):
        for number in range(33):
            self.wire.add(f"vm-{number}", xsdata={"large": "x" * MEBIBYTE})
        self.refused(f"{FREEDESKTOP}.Error.LimitsExceeded", "Vm", "list", "s", "test")
        self.assertEqual(self.wire.call("Vm.stat", id="vm-7")[0]["id"], "vm-7")

    # ---- The bus

    def start_another(self, *options):
        """The exit status and the last words of a second service."""
        command = [XENOPSD, "--state", self.folder / "other", "--socket", self.folder / "other.sock", "--backend", "fake", *options]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stderr.splitlines()[-1]

    def test_a_name_is_had_once(self):
        address = self.service.bus.address
        self.assertEqual(self.start_another("--dbus", address),
                         (1, f"xenopsd: bus '{address}': another service has the name {NAME}"))

    def test_a_bus_that_is_not_there_is_an_error(self):
        status, words = self.start_another("--dbus", f"unix:path={self.folder}/nothing")
        self.assertEqual(status, 1)
        self.assertRegex(words, r"^xenopsd: bus 'unix:path=.*/nothing': .*No such file or directory")

    def test_a_name_that_is_none_is_an_error(self):
        self.assertEqual(self.start_another("--dbus", self.service.bus.address, "--dbus-name", "no name"),
                         (1, "xenopsd: 'no name' cannot be a name on a bus"))

    def test_a_bus_that_went_away_is_waited_for(self):
        self.wire.add("vm")
        self.service.bus.stop()
        self.service.log.wait("is gone; waiting for it")
        self.service.bus.start()
        self.service.log.wait("on the bus again")
        xml, bus = self.service.wires()
        self.assertEqual([config["id"] for config, _ in bus.call("Vm.list")], ["vm"])
        self.assertEqual([config["id"] for config, _ in xml.call("Vm.list")], ["vm"])

    def test_the_service_ends_without_a_bus(self):
        self.service.bus.stop()
        self.service.log.wait("is gone; waiting for it")
        self.assertEqual(self.service.stop(), 0)
        self.service.bus.start()

    # ---- Tools

    def tool(self, *command):
        """What a command says: (exit status, standard output, standard error)."""
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.strip(), done.stderr.strip()

    def busctl(self, interface, *call):
        return self.tool("busctl", f"--address={self.service.bus.address}", "call", NAME, PATH, f"{NAME}.{interface}", *call)

    def gdbus(self, method, *args):
        return self.tool("gdbus", "call", "--address", self.service.bus.address, "--dest", NAME, "--object-path", PATH,
                         "--method", f"{NAME}.{method}", *args)

    def test_busctl_runs_a_vm(self):
        self.assertEqual(self.busctl("Vm", "import_metadata", "ss", "me", METADATA), (0, 's "vm"', ""))
        _, task, _ = self.busctl("Vm", "start", "ss", "me", "vm")
        task = re.fullmatch('s "(.*)"', task)[1]
        status, told, _ = self.busctl("Task", "wait", "ss(bd)d", "me", task, "false", "0", "20")
        self.assertEqual((status, told.split()[:3]), (0, ["(s(i(dds))a{ss})", f'"{task}"', "1"]))
        self.assertEqual(self.wire.power(), "Running")
        self.assertEqual(self.busctl("Vm", "remove", "ss", "me", "vm"),
                         (1, "", 'Call failed: ["Bad_power_state","Running","Halted"]'))

    def test_gdbus_runs_a_vm(self):
        self.assertEqual(self.gdbus("Vm.import_metadata", "me", METADATA), (0, "('vm',)", ""))
        status, told, _ = self.gdbus("Vm.stat", "me", "vm")
        self.assertEqual(status, 0)
        self.assertIn("'by tool'", told)
        status, _, error = self.gdbus("Vm.stat", "me", "other")
        self.assertEqual(status, 1)
        self.assertIn(f'GDBus.Error:{NAME}.Error.Does_not_exist: ["Does_not_exist","VM","other"]', error)


class PolicyTest(unittest.TestCase):
    """The policy that is installed, on a bus that allows nothing else of interest, as a system bus does."""

    BASE = ('<policy context="default"><allow user="*"/><deny own="*"/><deny send_type="method_call"/><allow send_type="signal"/>'
            '<allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>'
            f'<allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/>'
            f'<allow receive_type="signal"/><allow send_destination="{FREEDESKTOP}"/></policy>')

    @unittest.skipUnless(os.getuid() == 0, "needs root, to be somebody else")
    def test_only_root_may_call(self):
        scratch = tempfile.TemporaryDirectory(prefix="domain-")
        self.addCleanup(scratch.cleanup)
        os.chmod(scratch.name, 0o755)
        policy = f"<include>{TREE}/data/dbus/{NAME}.conf</include>"
        bus = PrivateBus(scratch.name, self.BASE + policy)
        service = Service(scratch.name, bus=bus)
        self.addCleanup(service.end)
        service.start()
        os.chmod(bus.path, 0o777)
        _, wire = service.wires()
        self.assertEqual(wire.call("Query.query")["name"], "xenopsd")
        account = pwd.getpwnam(NOBODY)
        command = ["busctl", f"--address={bus.address}", "call", NAME, PATH, f"{NAME}.Query", "query", "s", "me"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, user=account.pw_uid, group=account.pw_gid,
                              extra_groups=[])
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, "Access denied|rejected")


if __name__ == "__main__":
    tap.main("domain/bus")
