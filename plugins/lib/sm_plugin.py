# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls a storage plugin as the toolstack does, for the tests of all types."""

import os
import subprocess
import sys
import tomllib
import unittest
import xmlrpc.client
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lib"))

SR = "11111111-2222-4333-8444-555555555555"
MIB = 1 << 20
ERRORS = tomllib.loads((ROOT / "model/storage.toml").read_text(encoding="utf-8"))["errors"]
FAULTS = {name: error["value"] for name, error in ERRORS.items()}


def program(name):
    """Path of one of our plugins."""
    return str(Path(os.environ.get("SM_DIR", "."), name))


class Plugin:
    """One SR of a type and the calls on it."""

    def __init__(self, path, config, sr_uuid=SR, environment=None):
        self.program = path
        self.config = config
        self.sr_uuid = sr_uuid
        self.host = "OpaqueRef:host"
        self.environment = environment or {}

    def request(self, command, *args, vdi=None, config=None, **keys):
        """The call as text."""
        params = {"host_ref": self.host, "command": command, "args": [str(arg) for arg in args],
                  "device_config": config if config is not None else self.config | {"SRmaster": "true"},
                  "session_ref": "OpaqueRef:session", "sr_ref": "OpaqueRef:sr", "sr_uuid": self.sr_uuid, **keys}
        if vdi is not None:
            params = {"vdi_ref": "OpaqueRef:vdi", "vdi_uuid": vdi, "vdi_location": vdi} | params
        return xmlrpc.client.dumps((params,), command)

    def run(self, command, *args, environment=None, **keys):
        """The ended process of one call."""
        return subprocess.run([self.program, self.request(command, *args, **keys)], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, env=os.environ | self.environment | (environment or {}))

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


def tool(*argv):
    """What a program printed; it must succeed."""
    done = subprocess.run([str(arg) for arg in argv], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise AssertionError(f"{argv}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


class PluginTest(unittest.TestCase):
    """A test of an SR, self.sr."""

    sr = None

    def assert_fault(self, name, command, *args, **keys):
        """That a call answers this fault. Returns its text."""
        with self.assertRaises(xmlrpc.client.Fault) as caught:
            self.sr.call(command, *args, **keys)
        self.assertEqual((caught.exception.faultCode, caught.exception.faultString.split(":")[0]), (FAULTS[name], name))
        return caught.exception.faultString
