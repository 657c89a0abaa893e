#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every type of SR with disks must do. The environment variable SR_TYPE says which one is looked at."""

import json
import os
import random
import subprocess
import sys
import time
import xmlrpc.client
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))

from media import open_medium  # noqa: E402
from sm_plugin import FAULTS, MIB, SR, PluginTest, tool  # noqa: E402

import tap  # noqa: E402

TYPE = os.environ["SR_TYPE"]
OTHER = "99999999-2222-4333-8444-555555555555"
KILL_ROUNDS = 40


class MediumTest(PluginTest):
    """Gives each test a medium without an SR."""

    def setUp(self):
        self.medium = open_medium(self, TYPE)
        self.sr = self.medium.plugin()


class SrTest(MediumTest):
    def test_what_it_says_it_can_do_it_does(self):
        info = self.sr.call("sr_get_driver_info", config={})
        self.assertEqual({item["key"] for item in info["configuration"]} & set(self.medium.config), set(self.medium.config))
        commands = {name for name in info["capabilities"] if name.startswith(("SR_", "VDI_"))}
        for name in commands:
            with self.subTest(name):
                command = name.lower()
                try:
                    self.sr.call(command, config={}, vdi=OTHER)
                except xmlrpc.client.Fault as fault:
                    self.assertNotEqual(fault.faultCode, FAULTS["Unimplemented"])

    def test_missing_keys_have_faults_of_their_own(self):
        for key in self.medium.config:
            config = {name: value for name, value in self.medium.config.items() if name != key}
            with self.subTest(key), self.assertRaises(xmlrpc.client.Fault) as caught:
                self.sr.call("sr_create", 0, config=config)
            self.assertIn("Missing", caught.exception.faultString.split(":")[0])

    def test_life_of_an_sr(self):
        self.sr.call("sr_create", 0)
        self.sr.call("sr_attach")
        self.sr.call("sr_attach")
        self.assertEqual(self.sr.scan(), {})
        self.assertGreater(int(self.sr.call("sr_update")["physical_size"]), 0)
        uuid = self.sr.create(label="kept")
        self.sr.call("sr_detach")
        self.sr.call("sr_detach")
        self.sr.call("sr_attach")
        self.assertEqual([vdi["label"] for vdi in self.sr.scan().values()], ["kept"])
        self.assert_fault("SRNotEmpty", "sr_delete")
        self.sr.call("vdi_delete", vdi=uuid)
        self.sr.call("sr_delete")
        self.sr.call("sr_delete")
        again = self.medium.plugin(OTHER)
        again.call("sr_create", 0)
        again.call("sr_attach")
        self.assertEqual(again.scan(), {})
        again.call("sr_detach")

    def test_an_sr_is_not_made_over_another(self):
        self.sr.call("sr_create", 0)
        self.sr.call("sr_attach")
        uuid = self.sr.create()
        self.sr.call("sr_detach")
        self.assert_fault("SRExists", "sr_create", 0)
        self.sr.call("sr_attach")
        self.assertIn(uuid, self.sr.scan())
        self.sr.call("sr_detach")

    def test_probe_finds_it(self):
        if "SR_PROBE" not in self.sr.call("sr_get_driver_info", config={})["capabilities"]:
            self.skipTest("this type has nothing to find")
        self.assertNotIn("<UUID>", self.probe())
        self.sr.call("sr_create", 0)
        self.assertIn(f"<UUID>{SR}</UUID>", self.probe())

    def probe(self):
        """The answer; a medium on which there is nothing may be a fault."""
        try:
            return self.sr.call("sr_probe")
        except xmlrpc.client.Fault as fault:
            self.assertEqual(fault.faultCode, FAULTS["SRUnavailable"])
            return ""


class AttachedTest(MediumTest):
    """Gives each test an attached SR."""

    def setUp(self):
        super().setUp()
        self.sr.call("sr_create", 0)
        self.sr.call("sr_attach")
        self.addCleanup(self.detach)

    def detach(self):
        """Whatever is activated still."""
        for uuid in self.sr.scan():
            self.sr.call("vdi_deactivate", vdi=uuid)
            self.sr.call("vdi_detach", vdi=uuid)
        self.sr.call("sr_detach")

    def io(self, uuid, command, *ranges):
        """Runs qemu-io on a disk as a guest would have it, and what it says."""
        is_writable = "false" if command == "read" else "true"
        image = self.sr.call("vdi_attach", is_writable, vdi=uuid)
        self.sr.call("vdi_activate", is_writable, vdi=uuid)
        words = [word for offset, byte in ranges for word in ("-c", f"{command} -P {byte} {offset} 65536")]
        mode = ["-r"] if command == "read" else []
        done = subprocess.run(["qemu-io", *mode, "-f", image["xenstore_data"]["image-format"], *words, image["params"]],
                              capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        self.sr.call("vdi_deactivate", vdi=uuid)
        self.sr.call("vdi_detach", vdi=uuid)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def write(self, uuid, *ranges):
        """Fills (offset, byte) parts of 64 KiB."""
        self.io(uuid, "write", *ranges)

    def assert_holds(self, uuid, *ranges):
        """That the parts are filled so."""
        said = self.io(uuid, "read", *ranges)
        self.assertNotIn("verification failed", said, uuid)


class DiskTest(AttachedTest):
    def test_disk_is_what_was_asked_for(self):
        vdi = self.sr.call("vdi_create", 10 * MIB, "näme <1>", "a & b", "", "false", "", "", "false", vdi_type="system",
                           vdi_sm_config={"k": "v"})
        expected = {"label": "näme <1>", "description": "a & b", "type": "system", "read_only": "false", "hidden": "false",
                    "sm_config": {"k": "v"}, "location": vdi["uuid"]}
        self.assertEqual({key: vdi[key] for key in expected}, expected)
        self.assertGreaterEqual(int(vdi["size"]), 10 * MIB)
        self.assertEqual(self.sr.scan(), {vdi["uuid"]: vdi})
        self.sr.call("vdi_update", vdi=vdi["uuid"], vdi_name_label="other", vdi_name_description="words " * 20)
        renamed = self.sr.scan()[vdi["uuid"]]
        self.assertEqual((renamed["label"], renamed["description"]), ("other", "words " * 20))

    def test_wanted_uuid_is_given(self):
        self.assertEqual(self.sr.create(new_uuid=OTHER), OTHER)
        self.assertNotEqual(self.sr.create(new_uuid=OTHER), OTHER)

    def test_sizes_that_cannot_be(self):
        for size in (0, (64 << 40) + 1):
            self.assert_fault("VDISize", "vdi_create", size)
        self.assertEqual(self.sr.scan(), {})

    def test_content_is_kept(self):
        uuid = self.sr.create()
        self.write(uuid, (0, 1), (9 * MIB, 2))
        self.sr.call("sr_detach")
        self.sr.call("sr_attach")
        self.assert_holds(uuid, (0, 1), (9 * MIB, 2), (5 * MIB, 0))

    def test_snapshot_and_clone_are_of_their_moment(self):
        uuid = self.sr.create(label="disk")
        self.write(uuid, (0, 1))
        snapshot = self.sr.call("vdi_snapshot", vdi=uuid)
        self.assertEqual((snapshot["is_a_snapshot"], snapshot["snapshot_of"], snapshot["read_only"]), ("true", uuid, "true"))
        self.write(uuid, (0, 2), (MIB, 3))
        clone = self.sr.call("vdi_clone", vdi=snapshot["uuid"])["uuid"]
        self.write(clone, (MIB, 4))
        second = self.sr.call("vdi_clone", vdi=uuid)["uuid"]
        self.assert_holds(snapshot["uuid"], (0, 1), (MIB, 0))
        self.assert_holds(uuid, (0, 2), (MIB, 3))
        self.assert_holds(clone, (0, 1), (MIB, 4))
        self.assert_holds(second, (0, 2), (MIB, 3))
        self.assertEqual(set(self.sr.visible()), {uuid, snapshot["uuid"], clone, second})
        self.assert_fault("VDIUnavailable", "vdi_attach", "true", vdi=snapshot["uuid"])

    def test_nothing_is_left_of_removed_disks(self):
        before = int(self.sr.call("sr_update")["physical_utilization"])
        uuid = self.sr.create()
        self.write(uuid, (0, 1))
        snapshot = self.sr.call("vdi_snapshot", vdi=uuid)["uuid"]
        clone = self.sr.call("vdi_clone", vdi=snapshot)["uuid"]
        for disk in (snapshot, uuid, clone):
            self.sr.call("vdi_delete", vdi=disk)
            self.assert_fault("VDIMissing", "vdi_delete", vdi=disk)
        self.assertEqual(self.sr.scan(), {})
        self.assertEqual(int(self.sr.call("sr_update")["physical_utilization"]), before)

    def test_resize_keeps_content_and_does_not_shrink(self):
        uuid = self.sr.create(10 * MIB)
        self.write(uuid, (0, 1))
        self.assertEqual(self.sr.call("vdi_resize", 20 * MIB, vdi=uuid)["size"], str(20 * MIB))
        self.write(uuid, (19 * MIB, 2))
        self.assert_holds(uuid, (0, 1), (19 * MIB, 2))
        self.assert_fault("VDISize", "vdi_resize", 10 * MIB, vdi=uuid)
        self.assertEqual(self.sr.scan()[uuid]["size"], str(20 * MIB))

    def test_chain_is_whole(self):
        uuid = self.sr.create()
        for number in range(3):
            self.write(uuid, (number * MIB, number + 1))
            self.sr.call("vdi_snapshot", vdi=uuid)
        image = self.sr.call("vdi_attach", "true", vdi=uuid)
        self.sr.call("vdi_activate", "true", vdi=uuid)
        chain = json.loads(tool("qemu-img", "info", "--backing-chain", "--output=json", "-f", image["xenstore_data"]["image-format"],
                                image["params"]))
        self.assertEqual(len(chain), 4)
        tool("qemu-img", "check", "-q", "-f", image["xenstore_data"]["image-format"], image["params"])


class UseTest(AttachedTest):
    def test_disks_that_are_not_there(self):
        for command in ("vdi_attach", "vdi_activate", "vdi_delete", "vdi_snapshot", "vdi_clone"):
            self.assert_fault("VDIMissing", command, "true", vdi=OTHER)
        self.assert_fault("VDIMissing", "vdi_resize", 20 * MIB, vdi=OTHER)

    def test_disk_in_use_is_not_changed_behind_its_user(self):
        uuid = self.sr.create()
        self.sr.call("vdi_attach", "true", vdi=uuid)
        self.sr.call("vdi_activate", "true", vdi=uuid)
        self.sr.call("vdi_activate", "true", vdi=uuid)
        for command in ("vdi_delete", "vdi_snapshot", "vdi_clone"):
            self.assert_fault("VDIInUse", command, vdi=uuid)
        self.assert_fault("SRInUse", "sr_detach")
        self.sr.host = "OpaqueRef:another"
        self.assert_fault("VDIInUse", "vdi_activate", "true", vdi=uuid)
        self.sr.host = "OpaqueRef:host"
        self.sr.call("vdi_deactivate", vdi=uuid)
        self.sr.call("vdi_deactivate", vdi=uuid)
        self.sr.call("vdi_detach", vdi=uuid)
        self.sr.call("vdi_detach", vdi=uuid)
        self.sr.call("vdi_delete", vdi=uuid)

    def test_changes_need_the_master(self):
        config = self.medium.config | {"SRmaster": "false"}
        self.assert_fault("LVMMaster", "vdi_create", MIB, config=config)
        self.sr.call("sr_attach", config=config)

    def test_forgotten_disk_is_introduced_again(self):
        uuid = self.sr.create(label="known")
        self.assertEqual(self.sr.call("vdi_introduce", vdi=uuid)["label"], "known")
        self.assert_fault("VDIMissing", "vdi_introduce", vdi=OTHER)


class KillTest(AttachedTest):
    """Killed at random moments, one after the other, on one SR."""

    def test_no_disk_is_lost_and_none_appears_half_made(self):
        seed = random.randrange(1 << 30)
        chance = random.Random(seed)
        print(f"# seed {seed}")
        longest = self.usual_seconds()
        content = {self.sr.create(): {}}
        for _ in range(KILL_ROUNDS):
            uuid = chance.choice(sorted(content))
            if self.sr.visible()[uuid]["read_only"] == "false" and chance.random() < 0.3:
                content[uuid] |= {chance.randrange(8) * MIB: chance.randrange(1, 255)}
                self.write(uuid, *content[uuid].items())
            command = chance.choice(["vdi_snapshot", "vdi_snapshot", "vdi_clone", "vdi_delete"] if len(content) > 4 else ["vdi_clone"])
            took = self.kill_within(chance.random() * longest, command, uuid)
            left = self.sr.visible()
            lost, new = set(content) - set(left), set(left) - set(content)
            self.assertLessEqual(lost, {uuid} if command == "vdi_delete" else set(), f"seed {seed}: {command}")
            self.assertLessEqual(len(new), 1 if command != "vdi_delete" else 0, f"seed {seed}: {command} {took}")
            content |= {made: dict(content[uuid]) for made in new}
            content = {disk: content[disk] for disk in left}
            for disk in {uuid, *new} & set(content):
                self.assert_holds(disk, *content[disk].items())
        for disk in sorted(content):
            self.sr.call("vdi_delete", vdi=disk)
        self.assertEqual(self.sr.scan(), {})

    def usual_seconds(self):
        """What a call takes here when nobody kills it."""
        started = time.monotonic()
        self.sr.call("vdi_delete", vdi=self.sr.create())
        return time.monotonic() - started

    def kill_within(self, seconds, command, uuid):
        """Runs a call and kills it and its children unless it ends in time. Returns whether it ended."""
        process = subprocess.Popen([self.sr.program, self.sr.request(command, vdi=uuid)], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=os.environ | self.sr.environment)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
        return process.wait() == 0


if __name__ == "__main__":
    tap.main(f"plugins/common-{TYPE}")
