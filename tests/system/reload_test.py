#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Options that a running server reads again: each is in force as soon as the server says that it has read them."""

import re
import sys
import urllib.request
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "lib"))

import tap  # noqa: E402
from daemon_case import SECONDS, DaemonCase  # noqa: E402
from server import wait_until  # noqa: E402
from xenapi_client import ApiError, Client  # noqa: E402

ELSEWHERE = {"log-level"}  # daemon_test.py
A_DAY = "86400"


class ReloadTest(DaemonCase):
    """A test for each option, named after it."""

    def begin(self, key, value):
        """A server with one option of the file."""
        self.key = key
        self.start_xylemd(f"{key} = {value}\n" if value else "", [key, "plugin-dir"])
        self.client = self.stack.client(timeout=SECONDS)
        self.addCleanup(self.client.close)

    def change(self, value):
        """Another value."""
        self.reload("xylemd", f"{self.key} = {value}\n")
        self.assertIn(f"{self.key} has changed and is in force", self.log("xylemd"))

    def make_vm(self, name):
        """One that runs and does not go down when asked."""
        vm = self.client.call("VM.clone", self.client.call("VM.get_by_name_label", "Other install media")[0], name)
        self.client.call("VM.provision", vm)
        self.client.call("VM.add_to_platform", vm, "fake-shutdown", "ignore")
        self.client.call("VM.start", vm, False, False)
        return vm

    def failure(self, method, *params):
        """How it fails."""
        with self.assertRaises(ApiError) as caught:
            self.client.call(method, *params)
        return caught.exception

    def test_every_option_that_is_read_again_has_a_test(self):
        text, _, _ = self.run_to_end("xylemd", "--print-config")
        text = text.replace("\n# ", " ")
        live = set(re.findall(r"Read again on SIGHUP\.\n#?([\w-]+) =", text))
        restarted = set(re.findall(r"Takes a restart\.\n#?([\w-]+) =", text))
        self.assertEqual(live - ELSEWHERE, {key for key in live if hasattr(self, f"test_{key.replace('-', '_')}")})
        self.assertEqual(live | restarted, set(re.findall(r"(?m)^#?([\w-]+) =", text)))
        self.assertEqual(live & restarted, set())

    def test_login_delay(self):
        self.begin("login-delay", 60 * 60 * 1000)
        self.change(0)
        with self.assertRaises(ApiError) as caught:
            Client(port=self.stack.ports()["plain"], timeout=SECONDS).login("root", "wrong")
        self.assertEqual(caught.exception.code, "SESSION_AUTHENTICATION_FAILED")

    def test_shutdown_timeout(self):
        self.begin("shutdown-timeout", A_DAY)
        vm = self.make_vm("a VM")
        self.change(1)
        self.assertIn(self.failure("VM.clean_shutdown", vm).code, ("VM_SHUTDOWN_TIMEOUT", "VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT"))

    def test_workers(self):
        self.begin("workers", 1)
        vms = [self.make_vm(name) for name in ("first", "second")]
        self.reload("xylemd", f"workers = 1\nshutdown-timeout = {A_DAY}\n")
        busy = self.client.call("Async.VM.clean_shutdown", vms[0])
        wait_until(lambda: self.client.call("VM.get_current_operations", vms[0]), "the only thread is taken", SECONDS)
        waiting = self.client.call("Async.VM.pause", vms[1])
        self.assertEqual(self.client.call("task.get_status", waiting), "pending")
        self.change(4)
        self.assertEqual(self.client.wait_task(waiting, SECONDS)["status"], "success")
        self.client.call("task.cancel", busy)
        self.assertEqual(self.client.wait_task(busy, SECONDS)["status"], "cancelled")

    def test_web_dir(self):
        for name in ("one", "two"):
            (self.folder / name).mkdir()
            (self.folder / name / "index.html").write_text(name, encoding="utf-8")
        self.begin("web-dir", self.folder / "one")
        url = f"http://127.0.0.1:{self.stack.ports()['plain']}/"
        for name in ("one", "two"):
            self.change(self.folder / name) if name == "two" else None
            with urllib.request.urlopen(url, timeout=SECONDS) as page:
                self.assertEqual(page.read().decode(), name)

    def test_plugin_dir(self):
        (self.folder / "plugins").mkdir()
        self.begin("plugin-dir", self.folder / "plugins")
        self.assertEqual(self.client.call("SR.get_supported_types"), [])
        more = self.folder / "more"
        more.mkdir()
        (more / "TestSR").write_text(f"#!{sys.executable} -S\n{(TESTS / 'api/test_sr.py').read_text(encoding='utf-8')}", encoding="utf-8")
        (more / "TestSR").chmod(0o755)
        self.change(more)
        wait_until(lambda: self.client.call("SR.get_supported_types") == ["test"], "the plugin is found", SECONDS)
        types = lambda: [record["type"] for record in self.client.call("SM.get_all_records").values()]  # noqa: E731
        wait_until(lambda: types() == ["test"], "it is told", SECONDS)
        (more / "TestSR").unlink()
        self.reload("xylemd", f"plugin-dir = {more}\n")  # nothing has changed in the file
        wait_until(lambda: self.client.call("SM.get_all") == [], "it is gone", SECONDS)

    def test_guest_dir(self):
        self.begin("guest-dir", None)
        self.assertEqual(self.client.call("VM.get_by_name_label", "Xylem demo"), [])
        guest = self.folder / "guest"
        guest.mkdir()
        for name in ("vmlinuz", "initrd.img"):
            (guest / name).touch()
        self.change(guest)
        template = self.client.call("VM.get_by_name_label", "Xylem demo")[0]
        self.assertEqual(self.client.call("VM.get_PV_kernel", template), str(guest / "vmlinuz"))

    def test_iso_dir(self):
        self.begin("iso-dir", self.folder / "elsewhere")
        kernel = self.folder / "kernels/linux"
        kernel.parent.mkdir()
        kernel.touch()
        vm = self.client.call("VM.clone", self.client.call("VM.get_by_name_label", "Direct kernel boot")[0], "a VM")
        self.client.call("VM.provision", vm)
        self.client.call("VM.set_PV_kernel", vm, str(kernel))
        failure = self.failure("VM.start", vm, False, False)
        self.assertEqual([failure.code, failure.params], ["INVALID_VALUE", ["PV_kernel", str(kernel)]])
        self.change(kernel.parent)
        self.client.call("VM.start", vm, False, False)

    def test_directory_check(self):
        self.begin("directory-check", A_DAY)
        self.change(1)  # what that does is in auth/external_test.c


if __name__ == "__main__":
    tap.main("system/reload")
