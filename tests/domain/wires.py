# SPDX-License-Identifier: LGPL-2.1-or-later
"""A xenopsd of one's own with both of its wires, and the same calls over either.

    service = Service(folder)
    service.start()
    for wire in service.wires():
        wire.call("Vm.stat", id="vm")      # Failure("Does_not_exist", "VM", "vm")
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import xmlrpc.client
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(TREE / "tests/lib"), str(TREE / "tools")]

import form  # noqa: E402
from dbus_client import DBusError, PrivateBus  # noqa: E402
from stack import SANITIZER_WORDS  # noqa: E402
from unix_transport import UnixTransport  # noqa: E402

BUILD = Path(os.environ.get("XYLEM_BUILD_DIR", TREE / "build"))
XENOPSD = BUILD / "src/daemon/xenopsd"
WAIT_SECONDS = 120
NAME, PATH = form.domain_dbus.NAME, form.domain_dbus.PATH


class Failure(Exception):
    """An exception of the service: its name and its arguments as texts."""

    @property
    def name(self):
        return self.args[0]


class Wire:
    """What both have in common; a call takes and gives the forms of form.py."""

    name = None

    def call(self, method, **args):
        """The result; Failure."""
        raise NotImplementedError

    def wait(self, task):
        """Until a task has ended; Failure."""
        while True:
            kind, value = self.call("Task.wait", id=task, timeout=30.0)["result"]
            if kind == "Failed":
                raise Failure(*json.loads(value))
            if kind == "Completed":
                return

    def operate(self, method, **args):
        """A long operation from its beginning to its end."""
        self.wait(self.call(method, **args))

    def state(self, vm="vm"):
        """Vm.state."""
        return self.call("Vm.stat", id=vm)[1]

    def power(self, vm="vm"):
        """Running, Halted ..."""
        return self.state(vm)["power_state"]

    def add(self, vm="vm", **members):
        """A VM that starts on either back end's terms."""
        config = {"id": vm, "name": f"name of {vm}", "ty": ["HVM", {"boot_order": "cd"}], "memory_static_max": 64 << 20,
                  "vcpu_max": 2, "vcpus": 1}
        return self.call("Vm.add", t=config | members)

    def start(self, vm="vm", **members):
        """A VM that runs."""
        self.add(vm, **members)
        self.operate("Vm.start", id=vm)


class XmlWire(Wire):
    """XML-RPC on the Unix socket."""

    name = "xml-rpc"

    def __init__(self, path):
        self.proxy = xmlrpc.client.ServerProxy("http://localhost/", transport=UnixTransport(path), allow_none=True)

    def close(self):
        self.proxy("close")()

    def call(self, method, **args):
        block = form.MODEL.methods[method]
        types = {member.name: member.type for member in block.inputs}
        given = {name: form.to_xml(types[name], value) for name, value in args.items() if value is not None}
        reply = getattr(self.proxy, method)(given | {"dbg": "test"})
        if reply["Status"] != "Success":
            raise Failure(*reply["ErrorDescription"])
        return form.from_xml(block.output.type, reply["Value"]) if block.output else None


class BusWire(Wire):
    """D-Bus."""

    name = "d-bus"

    def __init__(self, bus):
        self.connection = bus.connect()

    def close(self):
        self.connection.close()

    def send(self, method, **args):
        """Sends a call; what receive() takes."""
        block = form.MODEL.methods[method]
        interface, member = method.split(".")
        values = [form.whole_to_bus(argument.type, "test" if argument.name == "dbg" else args.get(argument.name))
                  for argument in block.inputs if not form.SIGNATURES.is_unprinted(not block.addition, argument)]
        return block, self.connection.send(NAME, PATH, f"{NAME}.{interface}", member, form.SIGNATURES.of_args(block), values)

    def receive(self, sent):
        """The result of what was sent; Failure."""
        block, serial = sent
        try:
            results = self.connection.wait(serial)
        except DBusError as error:
            if not error.name.startswith(f"{NAME}.Error."):
                raise
            failure = Failure(*json.loads(error.text))
            assert error.name == f"{NAME}.Error.{failure.name}", error
            raise failure from None
        return form.whole_from_bus(block.output.type, results[0]) if block.output else None

    def call(self, method, **args):
        return self.receive(self.send(method, **args))


class Log:
    """What a process says on its standard error, taken as it comes so that the process never waits for us."""

    def __init__(self, stream):
        self.lines = []
        self.has_ended = False
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self.read, args=[stream], daemon=True)
        self.thread.start()

    def read(self, stream):
        for line in stream:
            self.add(line)
        stream.close()
        self.add(None)

    def add(self, line):
        with self.changed:
            if line is None:
                self.has_ended = True
            else:
                self.lines.append(line)
            self.changed.notify_all()

    def wait(self, text):
        """Until there is a line with @text."""
        with self.changed:
            self.changed.wait_for(lambda: self.has_ended or any(text in line for line in self.lines), WAIT_SECONDS)
            if not any(text in line for line in self.lines):
                raise AssertionError(f"xenopsd has not said '{text}': {''.join(self.lines)}")


class Service:
    """xenopsd and a private bus, both with everything in @folder."""

    def __init__(self, folder, backend="fake", options=(), bus=None):
        self.folder = Path(folder)
        self.socket = str(self.folder / "socket")
        self.bus = bus or PrivateBus(self.folder)
        self.options = ["--backend", backend, *options]
        self.process = None
        self.log = None
        self.opened = []

    def start(self):
        """Returns when both wires are served."""
        command = [XENOPSD, "--state", self.folder / "state", "--socket", self.socket, "--dbus", self.bus.address, *self.options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.log = Log(self.process.stderr)
        self.log.wait("serving at")

    def stop(self, number=signal.SIGTERM):
        """Ends the service, not the bus; its exit status."""
        self.process.send_signal(number)
        status = self.process.wait()
        self.process = None
        self.log.thread.join()
        complaints = [line for line in self.log.lines if any(word in line for word in SANITIZER_WORDS)]
        assert not complaints, complaints
        return status

    def wires(self):
        """One of each kind."""
        wires = [XmlWire(self.socket), BusWire(self.bus)]
        self.opened += wires
        return wires

    def remove_all(self):
        """No VM is left."""
        wire, _ = self.wires()
        for config, _ in wire.call("Vm.list"):
            wire.operate("Vm.destroy", id=config["id"])
            wire.call("Vm.remove", id=config["id"])

    def end(self):
        """Service and bus."""
        for wire in self.opened:
            wire.close()
        if self.process is not None:
            self.stop()
        self.bus.stop()
