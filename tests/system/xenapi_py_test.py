#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""XenAPI.py, as Debian ships it with fence-agents, takes the demo guest through its life on real QEMU."""

import importlib.util
import ssl
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

import tap  # noqa: E402
from server import GUEST_IS_UP, ServerTest, packages_dir  # noqa: E402

import run  # noqa: E402  (tools/run.py: server has put its folder on the path)

run.say = tap.comment

FENCE = packages_dir() / "fence-agents/usr/share/fence"
EVENT_SECONDS = 30.0


def load_library():
    """The module XenAPI."""
    spec = importlib.util.spec_from_file_location("XenAPI", FENCE / "XenAPI.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


XenAPI = load_library()
# What its users do with a host's own certificate.
ssl._create_default_https_context = ssl._create_unverified_context  # pylint: disable=protected-access


class Follower(threading.Thread):
    """Collects the power states that events tell of one VM, by a session of its own."""

    def __init__(self, session, vm):
        super().__init__(daemon=True)
        self.session = session
        self.vm = vm
        self.states = []
        self.changed = threading.Condition()
        self.token = session.xenapi.event.inject("VM", vm)
        self.failure = None

    def run(self):
        try:
            while self.states[-1:] != ["gone"]:
                batch = self.session.xenapi.event_from(["VM"], self.token, EVENT_SECONDS)
                self.token = batch["token"]
                self.take(event for event in batch["events"] if event["ref"] == self.vm)
        except Exception as error:  # shown by the test
            self.failure = error

    def take(self, events):
        """Each change of state once."""
        for event in events:
            state = "gone" if event["operation"] == "del" else event["snapshot"]["power_state"]
            if self.states[-1:] != [state]:
                with self.changed:
                    self.states.append(state)
                    self.changed.notify_all()

    def wait_for(self, state):
        """Until an event has told of @state: events tell of differences, so what comes and goes between two looks is not seen."""
        with self.changed:
            return self.changed.wait_for(lambda: self.states[-1:] == [state], EVENT_SECONDS)


class XenApiPyTest(ServerTest):
    BACKEND = "qemu"

    def session(self, scheme="https"):
        """Logged in over TCP with the real password."""
        port = self.stack.ports()["tls" if scheme == "https" else "plain"]
        session = XenAPI.Session(f"{scheme}://127.0.0.1:{port}")
        session.xenapi.login_with_password("root", self.stack.password, "2.0", "system test")
        self.addCleanup(session.xenapi.session.logout)
        return session

    def demo(self):
        """The demo guest's ref; storage, template and guest are made by what make run uses."""
        run.ensure_template_disk(self.stack, run.ensure_storage(self.stack))
        return self.client.VM.get_by_uuid(run.ensure_guest(self.stack))

    def test_wrong_password_is_refused(self):
        session = XenAPI.Session(f"https://127.0.0.1:{self.stack.ports()['tls']}")
        with self.assertRaises(XenAPI.Failure) as caught:
            session.xenapi.login_with_password("root", "wrong", "2.0", "system test")
        self.assertEqual(caught.exception.details[:2], ["SESSION_AUTHENTICATION_FAILED", "root"])

    def test_every_class_lists_its_records_over_both_ports(self):
        listed = []
        for scheme in ("http", "https"):
            session = self.session(scheme)
            methods = session.system.listMethods()
            classes = sorted(name.split(".")[0] for name in methods if name.endswith(".get_all_records"))
            self.assertIn("VM", classes)
            for name in classes:
                records = getattr(session.xenapi, name).get_all_records()
                self.assertIsInstance(records, dict, name)
            listed.append(classes)
        self.assertEqual(listed[0], listed[1])

    def test_demo_guest_lives_its_life(self):
        vm = self.demo()
        session = self.session()
        api = session.xenapi
        uuid = api.VM.get_uuid(vm)
        follower = Follower(self.session(), vm)
        follower.start()

        api.VM.start(vm, False, False)
        self.wait_guest(uuid)
        self.assertIn("xylem-demo: boot 1", self.guest_text(uuid))
        self.assertTrue(follower.wait_for("Running"))
        api.VM.pause(vm)
        self.assertEqual(api.VM.get_power_state(vm), "Paused")
        self.assertTrue(follower.wait_for("Paused"))
        api.VM.unpause(vm)
        self.assertEqual(api.VM.get_power_state(vm), "Running")
        self.assertTrue(follower.wait_for("Running"))
        with self.assertRaises(XenAPI.Failure) as caught:
            api.VM.start(vm, False, False)
        self.assertEqual(caught.exception.details, ["VM_BAD_POWER_STATE", vm, "halted", "running"])
        api.VM.clean_shutdown(vm)
        self.assertEqual(api.VM.get_power_state(vm), "Halted")
        self.assertIn("xylem-demo: going down", self.guest_text(uuid))

        clone = api.VM.clone(vm, "a clone")
        self.check_clone_has_its_own_disk(api, vm, clone)
        self.destroy_with_disks(api, clone)
        self.assertNotIn(clone, api.VM.get_all())

        self.destroy_with_disks(api, vm)
        follower.join(EVENT_SECONDS * 2)
        self.assertIsNone(follower.failure)
        self.assertEqual([state for state in follower.states if state != "Halted"], ["Running", "Paused", "Running", "gone"])
        self.assertEqual(self.stack.guest_processes(), [])

    def check_clone_has_its_own_disk(self, api, vm, clone):
        """It boots with the first one's content (one boot counted) and counts on by itself."""
        uuid = api.VM.get_uuid(clone)
        self.assertNotEqual(self.disks(api, clone), self.disks(api, vm))
        api.VM.start(clone, False, False)
        self.wait_guest(uuid, GUEST_IS_UP)
        self.assertIn("xylem-demo: boot 2", self.guest_text(uuid))
        api.VM.hard_shutdown(clone)

    @staticmethod
    def disks(api, vm):
        """VDIs of the VM."""
        return [api.VBD.get_VDI(vbd) for vbd in api.VM.get_VBDs(vm) if api.VBD.get_type(vbd) == "Disk"]

    def destroy_with_disks(self, api, vm):
        """As most clients do it: VM.destroy leaves the disks alone."""
        disks = self.disks(api, vm)
        api.VM.destroy(vm)
        for disk in disks:
            api.VDI.destroy(disk)

    def test_fence_agent_switches_a_guest_off_and_on(self):
        # Over the plain port: the agent has no way to trust a certificate.
        vm = self.client.VM.clone(self.demo(), "fenced")
        for action, state in (("on", "Running"), ("off", "Halted")):
            result = subprocess.run(
                ["/usr/bin/python3", packages_dir() / "fence-agents/usr/sbin/fence_xenapi", "--session-url",
                 f"http://127.0.0.1:{self.stack.ports()['plain']}", "-l", "root", "-p", self.stack.password, "-n", "fenced", "-o", action],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                env={"PYTHONPATH": str(FENCE), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, timeout=120, check=False)
            self.assertEqual(result.returncode, 0, result.stdout)
            self.assertEqual(self.client.VM.get_power_state(vm), state)
        self.client.VM.destroy(vm)


class RestartTest(ServerTest):
    """The server is killed between two calls of event.from: the token goes on where it was."""

    def session(self):
        """Logged in over plain TCP, as after every start."""
        session = XenAPI.Session(f"http://127.0.0.1:{self.stack.ports()['plain']}")
        session.xenapi.login_with_password("root", self.stack.password, "2.0", "system test")
        return session

    @staticmethod
    def create_network(session, name):
        """A network's ref."""
        return session.xenapi.network.create({"name_label": name, "name_description": "", "MTU": "1500", "other_config": {}, "tags": []})

    def test_token_goes_on_over_a_kill(self):
        session = self.session()
        stays, goes = (self.create_network(session, name) for name in ("stays", "goes"))
        token = session.xenapi.event_from(["network"], "", EVENT_SECONDS)["token"]
        changed = self.create_network(session, "changed")
        self.stack.kill9("xylemd")
        self.stack.start_one("xylemd")
        session = self.session()
        session.xenapi.network.destroy(goes)
        batch = session.xenapi.event_from(["network"], token, EVENT_SECONDS)
        told = {event["ref"]: event["operation"] for event in batch["events"]}
        self.assertEqual((told.get(changed), told.get(goes)), ("add", "del"))
        self.assertGreater(batch["token"], token)
        self.assertEqual(batch["valid_ref_counts"]["network"], len(session.xenapi.network.get_all()))
        session.xenapi.network.set_name_description(stays, "changed")
        batch = session.xenapi.event_from([f"network/{stays}"], batch["token"], EVENT_SECONDS)
        self.assertEqual([(event["operation"], event["ref"], event["snapshot"]["name_description"]) for event in batch["events"]],
                         [("mod", stays, "changed")])


if __name__ == "__main__":
    tap.main("system/xenapi-py")
