#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a crash leaves on the other side, and the server clears away once it is back. tools/crash-test.py meets these by chance."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

import tap  # noqa: E402
from server import ServerTest, wait_until  # noqa: E402

DISK_BYTES = 1 << 20
MEMORY_BYTES = 64 << 20


class RecoveryTest(ServerTest):
    def setUp(self):
        super().setUp()
        template = self.client.VM.get_by_name_label("Other install media")[0]
        self.vm = self.client.VM.clone(template, "vm")
        self.client.VM.provision(self.vm)
        self.client.VM.set_memory_limits(self.vm, *[MEMORY_BYTES] * 4)
        self.uuid = self.client.VM.get_uuid(self.vm)

    def add_disk(self):
        """A disk of the VM, in a storage repository of its own."""
        folder = self.stack.state / "sr"
        folder.mkdir()
        sr = self.client.SR.create(self.client.host.get_all()[0], {"location": str(folder)}, 0, "disks", "", "file", "user", False, {})
        disk = self.client.VDI.create({"SR": sr, "name_label": "disk", "virtual_size": DISK_BYTES, "type": "user", "sharable": False,
                                       "read_only": False, "other_config": {}})
        self.client.VBD.create({"VM": self.vm, "VDI": disk, "userdevice": "0", "bootable": True, "mode": "RW", "type": "Disk",
                                "empty": False, "unpluggable": True, "other_config": {}, "qos_algorithm_type": "",
                                "qos_algorithm_params": {}})
        return disk

    def kill_both_and_start_domains_first(self):
        """The domain service comes back while there is no server that it could give a disk back to."""
        self.stack.kill9("xylemd")
        self.stack.kill9("xenopsd")
        self.stack.start_one("xenopsd")

    def test_disk_of_a_guest_that_ended_meanwhile_is_detached(self):
        disk = self.add_disk()
        self.client.VM.start(self.vm, True, False)
        uses = self.stack.state / "storage/datapaths"
        self.assertEqual(len(list(uses.iterdir())), 1)
        self.kill_both_and_start_domains_first()  # a fake guest lives in the service's memory, and is gone
        self.assertEqual(len(list(uses.iterdir())), 1)
        self.stack.start_one("xylemd")
        wait_until(lambda: not list(uses.iterdir()), "the disk is detached")
        client = self.new_client()
        self.assertEqual(client.VM.get_power_state(self.vm), "Halted")
        client.VDI.destroy(disk)

    def test_vm_destroyed_while_the_domain_service_is_away_is_forgotten(self):
        known = self.stack.state / "xenopsd/vms" / self.uuid
        self.client.VM.start(self.vm, True, False)
        self.client.VM.hard_shutdown(self.vm)
        self.stack.kill9("xenopsd")
        self.client.VM.destroy(self.vm)
        self.assertTrue(known.exists())
        self.stack.start_one("xenopsd")
        wait_until(lambda: not known.exists(), "the domain service forgets the VM")


if __name__ == "__main__":
    tap.main("system/recovery")
