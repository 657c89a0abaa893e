#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""task.cancel ends every wait of every message, and nothing is half done then. A row for each place where a message waits for a storage
plugin: there it hangs, before and after it has done its work, and is cancelled."""

import contextlib
import os
import signal
import socket
import sqlite3
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import case  # noqa: E402
import storage  # noqa: E402
from vm_test import VmTest  # noqa: E402

MOMENTS = ("hang", "hang after")
UNDONE, DONE = "undone", "done"

# Each row: the message, the plugin's command that it waits in, and what has become of it if the plugin had done its work before it
# hung. Until then it is always undone.
STORAGE_WAITS = [
    ("SR.create", "sr_create", UNDONE),
    ("SR.create", "sr_attach", UNDONE),
    ("SR.create", "sr_scan", UNDONE),
    ("SR.destroy", "sr_attach", UNDONE),
    ("SR.destroy", "sr_delete", UNDONE),
    ("SR.scan", "sr_scan", UNDONE),
    ("SR.update", "sr_update", UNDONE),
    ("SR.probe", "sr_probe", UNDONE),
    ("PBD.plug", "sr_attach", UNDONE),
    ("PBD.plug", "sr_scan", UNDONE),
    ("PBD.unplug", "sr_detach", UNDONE),
    ("VDI.create", "vdi_create", UNDONE),
    ("VDI.destroy", "vdi_delete", DONE),
    ("VDI.snapshot", "vdi_snapshot", UNDONE),
    ("VDI.clone", "vdi_clone", UNDONE),
    ("VDI.resize", "vdi_resize", DONE),
    ("VDI.update", "vdi_update", UNDONE),
    ("VDI.set_name_label", "vdi_update", UNDONE),
    ("VDI.set_name_description", "vdi_update", UNDONE),
    ("VM.provision", "vdi_create", UNDONE),
    ("VM.clone", "vdi_clone", UNDONE),
    ("VM.snapshot", "vdi_snapshot", UNDONE),
    ("VM.start", "vdi_attach", UNDONE),
    ("VM.start", "vdi_activate", UNDONE),
    ("VM.start_on", "vdi_attach", UNDONE),
]


class CancelTest(VmTest):
    """What the tests share: what there is, and a call that is cancelled where it hangs."""

    OPTIONS = ("--shutdown-timeout", "3600")
    CLASSES = ("SR", "PBD", "VDI", "VBD", "VM", "VM_metrics")

    def state(self):
        """All rows that these messages change, what is written down to be undone, and which disks are in use."""
        with contextlib.closing(sqlite3.connect(f"file:{self.stack.state}/xylem.db?mode=ro", uri=True)) as database:
            journal = database.execute("SELECT label FROM plan").fetchall()
        rows = {name: self.api(f"{name}.get_all_records") for name in self.CLASSES}
        return rows | {"journal": journal, "attached": self.attached()}

    def attached(self):
        """Which disks have a user."""
        folder = self.stack.state / "storage/datapaths"
        return sorted(path.name for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []

    def content(self, folder):
        """The disks in an SR's folder, and how large they say they are."""
        if not folder.is_dir():
            return {}
        return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if len(path.name) == 36}

    def assert_cancelled(self, task):
        """It ends so."""
        record = self.wait_task(task)
        self.assertEqual([record["status"], record["error_info"]], ["cancelled", ["TASK_CANCELLED", task]])

    def cancel_in(self, folder, command, behaviour, method, *params):
        """Calls, and cancels when the plugin hangs. The plugin behaves again before whatever has to be undone is undone."""
        self.misbehave(folder, command, behaviour)
        task = self.api(f"Async.{method}", *params)
        self.wait_running(folder, command)
        self.behave(folder, command)
        self.api("task.cancel", task)
        self.assert_cancelled(task)


class StorageWaitTest(CancelTest):
    """STORAGE_WAITS."""

    def vm_with_disk(self, sr):
        """A halted VM."""
        vm = self.make_vm()
        self.api("VBD.create", self.vbd_record(vm, self.create_vdi(sr)))
        return vm

    def template_with_disk(self, sr):
        """One that VM.provision makes a disk for."""
        vm = self.api("VM.clone", self.api("VM.get_by_name_label", "Other install media")[0], "a VM")
        disk = f'<disk device="0" size="{8 << 20}" sr="{self.api("SR.get_uuid", sr)}" bootable="false" type="user"/>'
        self.api("VM.add_to_other_config", vm, "disks", f"<provision>{disk}</provision>")
        return vm

    def parameters(self, method, sr, folder):
        """What @method is called with."""
        match method:
            case "SR.create":
                new = self.folder("new")
                new.mkdir()
                return new, (self.host, {"location": str(new)}, 0, "a new SR", "", "test", "user", False, {})
            case "SR.probe":
                return folder, (self.host, {"location": str(folder)}, "test", {})
            case "SR.destroy":
                self.api("PBD.unplug", self.pbd(sr))
                return folder, (sr,)
            case "PBD.plug":
                self.api("PBD.unplug", self.pbd(sr))
                return folder, (self.pbd(sr),)
            case "PBD.unplug":
                return folder, (self.pbd(sr),)
            case "VDI.create":
                return folder, (storage.disk_record(sr),)
            case "VDI.resize":
                return folder, (self.create_vdi(sr), 16 * storage.MIB)
            case "VDI.set_name_label" | "VDI.set_name_description":
                return folder, (self.create_vdi(sr), "another")
            case "VM.provision":
                return folder, (self.template_with_disk(sr),)
            case "VM.clone" | "VM.snapshot":
                return folder, (self.vm_with_disk(sr), "a copy")
            case "VM.start":
                return folder, (self.vm_with_disk(sr), False, False)
            case "VM.start_on":
                return folder, (self.vm_with_disk(sr), self.host, False, False)
        return folder, (sr if method.startswith("SR.") else self.create_vdi(sr),)

    def check(self, method, command, moment, after):
        """One row at one moment."""
        sr, sr_folder = self.new_sr("test")
        folder, params = self.parameters(method, sr, sr_folder)
        before, disks = self.state(), self.content(sr_folder)
        self.cancel_in(folder, command, moment, method, *params)
        if moment == "hang" or after == UNDONE:
            self.assertEqual(self.state(), before)
            self.assertEqual(self.content(sr_folder), disks)
        else:
            self.assertNotEqual(self.content(sr_folder), disks)
        self.assert_agreement(sr, sr_folder)

    def assert_agreement(self, sr, folder):
        """Rows say what is true of the plugin, and nothing is left to be undone."""
        self.assertEqual(self.state()["journal"], [])
        pbds = [record for record in self.api("PBD.get_all_records").values() if record["SR"] == sr]
        self.assertEqual([record["currently_attached"] for record in pbds], [(folder / "attached").exists()] * len(pbds))
        disks = [record for record in self.api("VDI.get_all_records").values() if record["SR"] == sr]
        self.assertEqual({record["uuid"]: str(record["virtual_size"]) for record in disks}, self.content(folder))
        for record in disks:
            self.assertEqual(list(folder.glob(f"{record['uuid']}.a*")), [], "attached or active")
            for key in ("name_label", "name_description"):
                path = folder / f"{record['uuid']}.{key}"
                self.assertIn(record[key], [path.read_text(encoding="utf-8")] if path.exists() else ["", "disk"])


for method, command, after in STORAGE_WAITS:
    for moment in MOMENTS:
        def run(self, arguments=(method, command, moment, after)):
            self.check(*arguments)

        name = f"test_{method.replace('.', '_').lower()}_in_{command}_{moment.replace(' ', '_')}"
        setattr(StorageWaitTest, name, run)


class OtherWaitTest(CancelTest):
    """Waits for a lock, for guests, and for a domain service that does not answer."""

    def test_a_disk_that_waits_for_another(self):
        sr, folder = self.new_sr("test")
        before = self.state()
        self.misbehave(folder, "vdi_create", "hang")
        first = self.api("Async.VDI.create", storage.disk_record(sr))
        self.wait_running(folder, "vdi_create")
        second = self.api("Async.VDI.create", storage.disk_record(sr))
        storage.wait_until(lambda: len(self.state()["journal"]) == 2, "both have begun", 30)
        self.behave(folder, "vdi_create")
        for task in (second, first):
            self.api("task.cancel", task)
            self.assert_cancelled(task)
        self.assertEqual(self.state(), before)

    def test_an_sr_that_waits_for_what_a_crash_left(self):
        sr, folder = self.new_sr("test")
        server = self.stack.processes["xylemd"]
        self.misbehave(folder, "vdi_create", f"kill after {server.pid} 1")
        self.misbehave(folder, "sr_attach", "fault 46")
        with self.assertRaises((OSError, AssertionError)):
            self.create_vdi(sr)
        server.wait(60)
        self.behave(folder, "vdi_create")
        del self.stack.processes["xylemd"]
        self.stack.start_one("xylemd")
        self.api = self.new_wire()
        self.behave(folder, "sr_attach")
        self.misbehave(folder, "vdi_delete", "hang")
        task = self.api("Async.PBD.plug", self.pbd(sr))
        self.wait_running(folder, "vdi_delete")
        self.behave(folder, "vdi_delete")
        self.api("task.cancel", task)
        self.assertEqual(self.wait_task(task)["status"], "success")  # it was plugged by then
        self.assertEqual(len(self.state()["journal"]), 1)
        self.api("PBD.unplug", self.pbd(sr))
        self.api("PBD.plug", self.pbd(sr))
        self.assertEqual([self.state()["journal"], self.content(folder)], [[], {}])

    def test_guests_that_do_not_go_down(self):
        vm = self.make_vm()
        self.api("VM.add_to_platform", vm, "fake-shutdown", "ignore")
        self.bring_to(vm, "Running")
        before = self.state()
        for message in ("clean_shutdown", "clean_reboot", "shutdown"):
            with self.subTest(message=message):
                task = self.api(f"Async.VM.{message}", vm)
                storage.wait_until(lambda: self.api("VM.get_current_operations", vm), "it has begun", 30)
                self.api("task.cancel", task)
                self.assert_cancelled(task)
                self.assertEqual(self.state(), before)

    def test_domain_service_that_hangs(self):
        vm = self.make_vm()
        before = self.state()
        service = self.stack.processes["xenopsd"].pid
        os.kill(service, signal.SIGSTOP)
        self.addCleanup(os.kill, service, signal.SIGCONT)
        task = self.api("Async.VM.start", vm, False, False)
        claimed = lambda: self.api("VM.get_record", vm)["scheduled_to_be_resident_on"] == self.host  # noqa: E731
        storage.wait_until(claimed, "it has begun", 30)
        self.api("task.cancel", task)
        self.assert_cancelled(task)
        os.kill(service, signal.SIGCONT)
        for state in ("Running", "Halted"):
            self.bring_to(vm, state)
        changed = {key for key, value in self.api("VM.get_record", vm).items() if value != before["VM"][vm][key]}
        self.assertLessEqual(changed, {"last_booted_record", "memory_target"})


class StreamWaitTest(case.ApiTest):
    """HTTP handlers whose client neither sends nor reads."""

    TEXT_BYTES = 16 << 20  # more than any socket keeps
    DOWNLOADS = ("/audit_log?", "/pool/xmldbdump?", "/host_logs_download?", "/system-status?output=tar&entries=xenserver-logs&",
                 "/system-status?output=zip&entries=xenserver-logs&", "/system-status?entries=xenserver-logs&",
                 "/system-status?entries=process-list&")  # whose program hangs

    @classmethod
    def prepare(cls):
        noise = os.urandom(cls.TEXT_BYTES // 2).hex()
        for name in ("audit.log.1", "noise.log"):
            (cls.stack.state / name).write_text(f"{noise}\n", encoding="utf-8")
        program = cls.scratch / "bin/ps"
        program.parent.mkdir()
        program.write_text("#!/bin/sh\nexec sleep 3600\n", encoding="utf-8")
        program.chmod(0o755)
        cls.stack.environments["xylemd"] = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}

    def cancel_silent(self, method, path, body=b"", length=0):
        """Cancels the task when the reply has begun; the reply's head."""
        task = self.api("task.create", "download", "")
        client = self.closed_at_end(case.wire.Connection(self.stack.socket))
        client.send(f"{method} {path}session_id={self.api.session}&task_id={task} HTTP/1.1\r\nHost: test\r\n"
                    f"Content-Length: {length}\r\n\r\n".encode() + body)
        client.receive()
        self.assertTrue(client.buffer.startswith(b"HTTP/1.1 200 OK\r\n"), client.buffer)
        self.api("task.cancel", task)
        record = storage.StorageTest.wait_task(self, task)
        self.assertEqual([record["status"], record["error_info"]], ["cancelled", ["TASK_CANCELLED", task]])
        while client.receive():
            pass

    def test_downloads(self):
        vm = self.api("VM.clone", self.api("VM.get_by_name_label", "Other install media")[0], "much to tell")
        for number in range(20):
            self.api("VM.add_to_other_config", vm, f"key {number}", "x" * 200_000)
        for path in self.DOWNLOADS:
            with self.subTest(path=path):
                self.cancel_silent("GET", path)

    def test_upload(self):
        blob = self.api("blob.create", "text/plain", False)
        before = self.api("blob.get_record", blob)
        self.cancel_silent("PUT", f"/blob?ref={blob}&", b"the beginning", 1000)
        self.assertEqual(self.api("blob.get_record", blob), before)
        self.assertEqual(list((self.stack.state / "blobs").iterdir()), [])


class DirectoryWaitTest(case.ApiTest):
    """A directory that takes connections and says nothing."""

    def test_enabling(self):
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        config = {"uri": f"ldap://127.0.0.1:{silent.getsockname()[1]}", "tls": "none", "timeout": "60", "base-dn": "dc=x", "user": "cn=x",
                  "pass": "x"}
        host, pool = self.api("host.get_all")[0], self.api("pool.get_all")[0]
        for method, *params in (("host", host, config, "directory", "LDAP"), ("pool", pool, config, "directory", "LDAP")):
            with self.subTest(method=method):
                task = self.api(f"Async.{method}.enable_external_auth", *params)
                connection, _ = silent.accept()
                self.api("task.cancel", task)
                record = storage.StorageTest.wait_task(self, task)
                self.assertEqual([record["status"], record["error_info"]], ["cancelled", ["TASK_CANCELLED", task]])
                self.assertEqual([self.api("host.get_external_auth_type", host), self.api("secret.get_all")], ["", []])
                connection.close()


if __name__ == "__main__":
    case.main("api/cancel")
