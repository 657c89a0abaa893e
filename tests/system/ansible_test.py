#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ansible's modules for XenServer, as Debian ships them, take a guest through its life: each call is a run of the command ansible.

Not xenserver_facts: it needs the library's way over a Unix socket, which in Debian's copy works in Python 2 only.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

import tap  # noqa: E402
from server import ServerTest, packages_dir  # noqa: E402

TEMPLATE = "Other install media"
MODULES = "usr/lib/python3/dist-packages"
DISK_BYTES = 1 << 30
RUN_SECONDS = 120


class AnsibleTest(ServerTest):
    OPTIONS = ("--login-delay", "0")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.home = cls.stack.state / "ansible"
        cls.home.mkdir()
        packages = packages_dir()
        path = [packages / name / MODULES for name in ("ansible-core", "ansible", "python3-resolvelib")]
        path.append(packages / "fence-agents/usr/share/fence")  # XenAPI, which the modules import
        cls.environment = {"PYTHONPATH": ":".join(map(str, path)), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(cls.home),
                           "ANSIBLE_LOCAL_TEMP": str(cls.home / "tmp"), "ANSIBLE_REMOTE_TEMP": str(cls.home / "tmp"),
                           "ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_NOCOLOR": "true", "LC_ALL": "C.UTF-8"}

    def ansible(self, module, **arguments):
        """What a module returns, and whether it failed."""
        command = ["/usr/bin/python3", packages_dir() / "ansible-core/usr/bin/ansible", "localhost", "--one-line",
                   "--connection", "local", "--extra-vars", "ansible_python_interpreter=/usr/bin/python3",
                   "--module-name", f"community.general.{module}", "--args", json.dumps(arguments)]
        result = subprocess.run(command, cwd=self.home, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, timeout=RUN_SECONDS, check=False)
        self.assertIn(" => ", result.stdout, result.stdout + result.stderr)
        answer = json.loads(result.stdout.partition(" => ")[2])
        return {**answer, "failed": result.returncode != 0}

    def guest(self, module="xenserver_guest", **arguments):
        """A module that logs in over the network: the library cannot be told to trust a certificate, so over plain HTTP."""
        return self.ansible(module, hostname=f"http://127.0.0.1:{self.stack.ports()['plain']}", username="root",
                            password=self.stack.password, **arguments)

    def add_storage(self):
        """The pool's default storage repository, for disks that the template has none of."""
        folder = self.stack.state / "sr"
        folder.mkdir()
        sr = self.client.SR.create(self.client.host.get_all()[0], {"location": str(folder)}, 0, "disks", "", "file", "user", False, {})
        self.client.pool.set_default_SR(self.client.pool.get_all()[0], sr)
        return sr

    def test_guest_lives_its_life(self):
        self.add_storage()
        network = self.client.network.get_all()[0]
        wanted = {"name": "by ansible", "template": TEMPLATE, "name_desc": "made by a playbook", "folder": "/lab/ansible",
                  "linked_clone": True,
                  "hardware": {"num_cpus": 2, "memory_mb": 256}, "custom_params": [{"key": "PV_args", "value": "quiet"}],
                  "disks": [{"size_gb": 1, "name": "system", "name_desc": "the only one"}],
                  "networks": [{"name": self.client.network.get_name_label(network), "mac": "52:54:00:00:be:ef"}]}
        made = self.guest(state="present", **wanted)
        self.assertEqual((made["failed"], made["changed"]), (False, True), made)
        instance = made["instance"]
        self.assertEqual([instance["name"], instance["state"], instance["hardware"]["num_cpus"], instance["hardware"]["memory_mb"]],
                         ["by ansible", "poweredoff", 2, 256])
        self.assertEqual([(disk["name"], disk["size"]) for disk in instance["disks"]], [("system", DISK_BYTES)])
        self.assertEqual([vif["mac"] for vif in instance["networks"]], ["52:54:00:00:be:ef"])
        (vm,) = self.client.VM.get_by_name_label("by ansible")
        record = self.client.VM.get_record(vm)
        self.assertEqual((record["name_description"], record["other_config"]["folder"], record["VCPUs_max"], record["PV_args"]),
                         ("made by a playbook", "/lab/ansible", "2", "quiet"))
        self.assertEqual(self.client.VDI.get_virtual_size(self.client.VBD.get_VDI(record["VBDs"][0])), str(DISK_BYTES))

        again = self.guest(state="present", **{key: value for key, value in wanted.items() if key != "template"})
        self.assertEqual(again["changed"], False, again)
        changed = self.guest(state="present", name="by ansible", name_desc="changed", hardware={"memory_mb": 512})
        self.assertEqual((changed["changed"], changed["instance"]["hardware"]["memory_mb"]), (True, 512), changed)

        for state, power_state in (("powered-on", "Running"), ("restarted", "Running"), ("powered-off", "Halted"),
                                   ("powered-on", "Running"), ("shutdown-guest", "Halted")):
            with self.subTest(state=state):
                result = self.guest("xenserver_guest_powerstate", name="by ansible", state=state)
                self.assertEqual(result.get("changed"), True, result)
                self.assertEqual(self.client.VM.get_power_state(vm), power_state)
        self.assertEqual(self.guest("xenserver_guest_powerstate", name="by ansible", state="powered-off")["changed"], False)

        info = self.guest("xenserver_guest_info", uuid=record["uuid"])["instance"]
        self.assertEqual((info["name"], info["name_desc"], info["uuid"]), ("by ansible", "changed", record["uuid"]))
        gone = self.guest(state="absent", name="by ansible")
        self.assertEqual(gone["changed"], True, gone)
        self.assertEqual(self.client.VM.get_by_name_label("by ansible"), [])
        self.assertEqual([name for name in map(self.client.VDI.get_name_label, self.client.VDI.get_all()) if name == "system"], [])

    def test_guest_that_is_not_there_is_said_so(self):
        answer = self.guest("xenserver_guest_info", name="nobody")
        self.assertTrue(answer["failed"])
        self.assertIn("nobody", answer["msg"])

    def test_wrong_password_is_said_so(self):
        answer = self.ansible("xenserver_guest_info", hostname=f"http://127.0.0.1:{self.stack.ports()['plain']}", username="root",
                              password="wrong", name="nobody")
        self.assertTrue(answer["failed"])
        self.assertIn("SESSION_AUTHENTICATION_FAILED", answer["msg"])


if __name__ == "__main__":
    os.umask(0o022)
    tap.main("system/ansible")
