#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Real guests driven through the API: boot, consoles, ends of all kinds, and what restarted daemons find again."""

import base64
import os
import shutil
import socket
import ssl
import sys
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

import tap  # noqa: E402
from server import ServerTest, guest_dir, wait_until  # noqa: E402


class GuestsTest(ServerTest):
    BACKEND = "qemu"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        client = cls.stack.client()
        cls.host = client.host.get_all()[0]
        folder = cls.stack.state / "sr"
        folder.mkdir()
        cls.sr = client.SR.create(cls.host, {"location": str(folder)}, 0, "disks", "", "file", "user", False, {})
        disk = str(uuid.uuid4())
        shutil.copyfile(guest_dir() / "demo.qcow2", folder / f"{disk}.qcow2")
        client.SR.scan(cls.sr)
        cls.disk = client.VDI.get_by_uuid(disk)
        cls.template = client.VM.get_by_name_label("Xylem demo")[0]
        client.VBD.create({"VM": cls.template, "VDI": cls.disk, "userdevice": "0", "bootable": True, "mode": "RW", "type": "Disk",
                           "empty": False, "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {}})
        cls.network = client.network.get_all()[0]
        client.logout()

    def guest(self, name, with_vif=False):
        vm = self.client.VM.clone(self.template, name)
        self.addCleanup(self.remove, vm)
        self.client.VM.provision(vm)
        if with_vif:
            self.client.VIF.create({"device": "0", "network": self.network, "VM": vm, "MAC": "", "MTU": 0, "other_config": {},
                                    "qos_algorithm_type": "", "qos_algorithm_params": {}})
        return vm, self.client.VM.get_uuid(vm)

    def remove(self, vm):
        client = self.stack.client()
        if client.VM.get_power_state(vm) != "Halted":
            client.VM.hard_shutdown(vm)
        client.VM.destroy(vm)

    def wait_state(self, vm, state):
        wait_until(lambda: self.client.VM.get_power_state(vm) == state, f"VM is {state}", 60)

    def test_guest_reboots_and_shuts_down_cleanly(self):
        vm, vm_uuid = self.guest("one")
        self.client.VM.start(vm, False, False)
        self.wait_guest(vm_uuid)
        self.client.VM.clean_reboot(vm)
        self.wait_guest(vm_uuid, times=2)
        self.client.VM.clean_shutdown(vm)
        self.assertEqual(self.client.VM.get_power_state(vm), "Halted")
        vbd = self.client.VM.get_VBDs(vm)[0]
        self.assertFalse(self.client.VBD.get_currently_attached(vbd))

    def connect(self, where, tls=False, auth=None, method="CONNECT"):
        ports = self.stack.ports()
        raw = socket.create_connection(("127.0.0.1", ports["tls" if tls else "plain"]))
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            raw = context.wrap_socket(raw)
        raw.settimeout(20)
        self.addCleanup(raw.close)
        head = f"{method} {where} HTTP/1.1\r\nHost: x\r\n" + (f"Authorization: Basic {auth}\r\n" if auth else "") + "\r\n"
        raw.sendall(head.encode())
        return raw

    def read_head(self, raw):
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            byte = raw.recv(1)
            if not byte:
                break
            data += byte
        return data.decode()

    def read(self, raw, count):
        """Exactly so many bytes, which may come in pieces; fewer at the end."""
        data = b""
        while len(data) < count and (piece := raw.recv(count - len(data))):
            data += piece
        return data

    def running(self, name):
        """A booted guest: its ref and uuid."""
        vm, vm_uuid = self.guest(name)
        self.client.VM.start(vm, False, False)
        self.wait_guest(vm_uuid)
        return vm, vm_uuid

    def consoles(self, vm):
        """Its console records by protocol."""
        records = [self.client.console.get_record(ref) for ref in self.client.VM.get_consoles(vm)]
        return {record["protocol"]: record for record in records}

    def test_consoles_answer_by_ref_and_uuid_plain_and_tls(self):
        vm, vm_uuid = self.running("consoles")
        consoles = self.consoles(vm)
        session = self.client.session
        password = base64.b64encode(f"root:{self.stack.password}".encode()).decode()
        for tls in (False, True):
            for where, auth in ((f"/console?uuid={consoles['rfb']['uuid']}&session_id={session}", None),
                                (f"/console?ref={vm}&session_id={session}", None),
                                (f"/console?uuid={vm_uuid}", password)):
                with self.subTest(where=where, tls=tls):
                    raw = self.connect(where, tls, auth)
                    self.assertIn("200 OK", self.read_head(raw))
                    self.assertEqual(self.read(raw, 4), b"RFB ")
        serial = self.connect(f"/console?uuid={consoles['vt100']['uuid']}&session_id={session}")
        self.assertIn("200 OK", self.read_head(serial))
        serial.sendall(b"\r\n")
        self.assertTrue(serial.recv(10))
        self.assertIn("401", self.read_head(self.connect(f"/console?uuid={vm_uuid}")))
        self.assertIn("404", self.read_head(self.connect(f"/console?uuid=nothing&session_id={session}")))

    def test_console_ends_with_its_guest(self):
        vm, vm_uuid = self.running("ends")
        raw = self.connect(f"/console?uuid={vm_uuid}&session_id={self.client.session}")
        self.read_head(raw)
        self.client.VM.hard_shutdown(vm)
        while raw.recv(100):
            pass

    def test_console_is_served_as_a_websocket(self):
        vm, _ = self.running("websocket")
        console = self.consoles(vm)["rfb"]["uuid"]
        key = base64.b64encode(b"0123456789abcdef").decode()
        raw = socket.create_connection(("127.0.0.1", self.stack.ports()["plain"]))
        self.addCleanup(raw.close)
        raw.settimeout(20)
        raw.sendall((f"GET /console?uuid={console}&session_id={self.client.session} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                     f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Protocol: binary\r\n\r\n").encode())
        self.assertIn("101", self.read_head(raw))
        self.assertEqual(self.read(raw, 14)[:6], b"\x82\x0cRFB ")
        raw.sendall(b"\x89\x83\x00\x00\x00\x00abc")
        self.assertEqual(self.read(raw, 5), b"\x8a\x03abc")
        raw.sendall(b"\x82\x8c\x00\x00\x00\x00RFB 003.008\n")
        self.assertEqual(self.read(raw, 1), b"\x82")

    def test_guest_that_is_killed_is_seen_as_halted(self):
        vm, vm_uuid = self.guest("three")
        self.client.VM.set_actions_after_crash(vm, "destroy")
        self.client.VM.start(vm, False, False)
        self.wait_guest(vm_uuid)
        os.kill(self.qemu_pid(vm_uuid), 9)
        self.wait_state(vm, "Halted")

    def qemu_pid(self, vm_uuid):
        for pid in os.listdir("/proc"):
            if pid.isdigit():
                try:
                    line = Path(f"/proc/{pid}/cmdline").read_bytes()
                except OSError:
                    continue
                if b"qemu-system" in line.split(b"\0")[0] and vm_uuid.encode() in line:
                    return int(pid)
        raise AssertionError("no qemu")

    def test_running_guest_outlives_both_daemons(self):
        vm, vm_uuid = self.guest("four", with_vif=True)
        self.client.VM.start(vm, False, False)
        self.wait_guest(vm_uuid)
        domid = self.client.VM.get_domid(vm)
        for name in ("xenopsd", "xylemd"):
            self.stack.kill9(name)
            self.stack.start_one(name)
        self.client = self.new_client()
        self.assertEqual(self.client.VM.get_power_state(vm), "Running")
        self.assertEqual(self.client.VM.get_domid(vm), domid)
        # one that ends while both are away
        for name in ("xylemd", "xenopsd"):
            self.stack.kill9(name)
        os.kill(self.qemu_pid(vm_uuid), 9)
        for name in ("xenopsd", "xylemd"):
            self.stack.start_one(name)
        self.client = self.new_client()
        self.wait_state(vm, "Halted")
        self.client.VM.start(vm, False, False)
        self.wait_guest(vm_uuid)
        # and a service that is away for a while
        self.stack.kill9("xenopsd")
        os.kill(self.qemu_pid(vm_uuid), 9)
        self.stack.start_one("xenopsd")
        self.wait_state(vm, "Halted")

    def test_guest_started_paused_waits_for_unpause(self):
        vm, vm_uuid = self.guest("five")
        self.client.VM.start(vm, True, False)
        self.assertEqual(self.client.VM.get_power_state(vm), "Paused")
        self.assertEqual(self.guest_text(vm_uuid), "")
        self.client.VM.unpause(vm)
        self.wait_guest(vm_uuid)
        self.client.VM.pause(vm)
        self.client.VM.hard_shutdown(vm)
        self.assertEqual(self.client.VM.get_power_state(vm), "Halted")


if __name__ == "__main__":
    tap.main("system/guests")
