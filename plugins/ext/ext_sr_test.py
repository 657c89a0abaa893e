#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What EXTSR does to devices, on loop devices: which it takes, which it leaves alone, and what a call that dies leaves behind."""

import os
import random
import select
import subprocess
import sys
import xmlrpc.client
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from media import open_medium  # noqa: E402
from sm_plugin import FAULTS, SR, PluginTest, tool  # noqa: E402

import tap  # noqa: E402

OTHER = "99999999-2222-4333-8444-555555555555"
KILL_ROUNDS = 12
TOOLS = {"mkfs.ext4", "e2label", "mount", "umount", "blkid"}


class DeviceTest(PluginTest):
    def setUp(self):
        self.medium = open_medium(self, "ext")
        self.sr = self.medium.plugin()
        self.device = self.medium.device
        self.mounts = self.medium.scratch / "mounts"

    def begin(self):
        """The first bytes of the device."""
        with open(self.device, "rb") as file:
            return file.read(1 << 20)

    def test_only_block_devices_are_taken(self):
        folder = self.medium.scratch
        for device in ("sdb", "/dev/none", "/dev/null", str(folder), str(folder / "medium")):
            self.assert_fault("ConfigDeviceInvalid", "sr_create", 0, config={"device": device})

    def test_what_is_on_a_device_is_not_overwritten(self):
        for make in (["mkfs.ext4", "-q", self.device], ["mkswap", self.device]):
            tool("wipefs", "--all", self.device)
            tool(*make)
            before = self.begin()
            self.assert_fault("SRExists", "sr_create", 0)
            self.assert_fault("SRUnavailable", "sr_attach")
            self.assert_fault("SRUnavailable", "sr_delete")
            self.assertEqual(self.begin(), before)

    def test_device_in_use_is_not_taken(self):
        tool("mkfs.ext4", "-q", self.device)
        place = self.medium.scratch / "place"
        place.mkdir()
        tool("mount", self.device, place)
        self.addCleanup(subprocess.run, ["umount", place], check=True)
        self.assert_fault("SRInUse", "sr_create", 0)

    def test_mounted_while_attached_only(self):
        self.sr.call("sr_create", 0)
        self.assertFalse(self.mounted())
        self.sr.call("sr_attach")
        self.assertTrue(self.mounted())
        self.sr.call("sr_detach")
        self.assertFalse(self.mounted())
        self.assertFalse((self.mounts / SR).exists())

    def mounted(self):
        return str(self.mounts / SR) in Path("/proc/mounts").read_text(encoding="utf-8")

    def test_another_sr_is_told_apart(self):
        self.sr.call("sr_create", 0)
        self.assert_fault("SRUnavailable", "sr_attach", sr_uuid=OTHER)
        self.assert_fault("SRUnavailable", "sr_delete", sr_uuid=OTHER)
        self.sr.call("sr_attach")

    def test_delete_leaves_a_clean_device(self):
        self.sr.call("sr_create", 0)
        self.sr.call("sr_attach")
        self.sr.call("sr_delete")
        self.assertEqual(self.begin(), bytes(1 << 20))
        self.assertFalse(self.mounted())
        self.sr.call("sr_delete")

    def test_create_that_died_is_made_over_and_delete_that_died_goes_on(self):
        seed = random.randrange(1 << 30)
        chance = random.Random(seed)
        print(f"# seed {seed}")
        for number in range(KILL_ROUNDS):
            with self.subTest(number=number, seed=seed):
                self.kill_within(chance.random() * 0.2, "sr_create", 0)
                if not self.attaches():
                    self.sr.call("sr_create", 0)
                    self.sr.call("sr_attach")
                self.kill_within(chance.random() * 0.1, "sr_delete")
                self.sr.call("sr_delete")
                self.assertFalse(self.mounted())

    def attaches(self):
        try:
            self.sr.call("sr_attach")
            return True
        except xmlrpc.client.Fault as fault:
            self.assertEqual(fault.faultCode, FAULTS["SRUnavailable"])
            return False

    def kill_within(self, seconds, command, *args):
        """Runs a call and kills it, with the programs that it runs, unless it ends in time."""
        process = subprocess.Popen([self.sr.program, self.sr.request(command, *args)], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=os.environ | self.sr.environment)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait()
        self.await_children()

    def await_children(self):
        """What the call ran outlives it and ends by itself; what comes next must not meet it."""
        ours = {self.device, str(self.mounts / SR)}
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().decode(errors="replace").split("\0")
                if Path(words[0]).name in TOOLS and ours & set(words):
                    self.await_end(int(path.parent.name))
            except (FileNotFoundError, ProcessLookupError):
                continue

    @staticmethod
    def await_end(pid):
        """Of a process that is no child of ours."""
        process = os.pidfd_open(pid)
        select.select([process], [], [])
        os.close(process)


if __name__ == "__main__":
    tap.main("plugins/ext")
