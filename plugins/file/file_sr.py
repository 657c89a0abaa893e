# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls FileSR as the toolstack does, for its tests."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import xmlrpc.client
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests/lib"))

SR = "11111111-2222-4333-8444-555555555555"
MIB = 1 << 20
FAULTS = {"InvalidArg": 1, "VDIInUse": 24, "Unimplemented": 38, "SRNotEmpty": 39, "SRExists": 42, "VDIExists": 43, "SRNoSpace": 44,
          "VDIUnavailable": 46, "SRUnavailable": 47, "LVMMaster": 58, "FileSRCreate": 61, "VDILoad": 65, "VDIType": 66, "VDISize": 79,
          "ConfigLocationMissing": 94, "VDIMissing": 144}


class Folder:
    """The folder of one SR and the calls on it."""

    def __init__(self, path, program):
        self.path = Path(path)
        self.program = program
        self.host = "OpaqueRef:host"

    def request(self, command, *args, vdi=None, config=None, **keys):
        """The call as text."""
        params = {"host_ref": self.host, "command": command, "args": [str(arg) for arg in args],
                  "device_config": config if config is not None else {"location": str(self.path), "SRmaster": "true"},
                  "session_ref": "OpaqueRef:session", "sr_ref": "OpaqueRef:sr", "sr_uuid": SR, **keys}
        if vdi is not None:
            params |= {"vdi_ref": "OpaqueRef:vdi", "vdi_uuid": vdi, "vdi_location": vdi}
        return xmlrpc.client.dumps((params,), command)

    def run(self, command, *args, environment=None, **keys):
        """The ended process of one call."""
        return subprocess.run([self.program, self.request(command, *args, **keys)], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, env=None if environment is None else os.environ | environment)

    def call(self, command, *args, **keys):
        """The answer of one call; xmlrpc.client.Fault for a fault."""
        done = self.run(command, *args, **keys)
        if done.returncode != 0:
            raise AssertionError(f"{command} ended with {done.returncode}: {done.stderr}")
        return xmlrpc.client.loads(done.stdout, use_builtin_types=True)[0][0]

    def create(self, size=10 * MIB, label="", **keys):
        """A new disk's uuid."""
        return self.call("vdi_create", size, label, "", "", "false", "", "", "false", **keys)["uuid"]

    def scan(self):
        """Disks by uuid."""
        return {vdi["uuid"]: vdi for vdi in self.call("sr_scan")["vdis"]}

    def visible(self):
        """Disks that are not hidden bases."""
        return {uuid: vdi for uuid, vdi in self.scan().items() if vdi["hidden"] == "false"}

    def image(self, uuid):
        """Path of a qcow2 disk."""
        return self.path / f"{uuid}.qcow2"

    def write(self, uuid, pattern, offset=0, length=65536):
        """Fills a part of a disk with a byte."""
        tool("qemu-io", "-f", "qcow2", "-c", f"write -P {pattern} {offset} {length}", self.image(uuid))

    def holds(self, uuid, content):
        """Whether a disk has these (offset, byte) parts of 64 KiB each."""
        commands = [word for offset, byte in content.items() for word in ("-c", f"read -P {byte} {offset} 65536")]
        done = tool("qemu-io", "-r", "-f", "qcow2", *commands, self.image(uuid))
        return "verification failed" not in done and "error" not in done.lower()

    def names(self):
        """Names of the files in the folder, but for the lock and the marker."""
        return sorted(name for name in os.listdir(self.path) if name not in (".lock", "sr.json"))


def tool(*argv):
    """What a program printed; it must succeed."""
    done = subprocess.run([str(arg) for arg in argv], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise AssertionError(f"{argv}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


class FolderTest(unittest.TestCase):
    """Gives each test an empty SR."""

    program = os.environ.get("FILE_SR", "FileSR")

    def setUp(self):
        scratch = tempfile.mkdtemp(prefix="xylem-file-sr-")
        self.addCleanup(shutil.rmtree, scratch, True)
        self.scratch = Path(scratch)
        self.sr = Folder(self.scratch / "sr", self.program)
        self.sr.call("sr_create", 0)

    def assert_fault(self, name, command, *args, **keys):
        """That a call answers this fault."""
        with self.assertRaises(xmlrpc.client.Fault) as caught:
            self.sr.call(command, *args, **keys)
        self.assertEqual((caught.exception.faultCode, caught.exception.faultString.split(":")[0]), (FAULTS[name], name))
