#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every call of ISOSR on a folder of this host, and what it says where it cannot mount one. Mounted ones: tests/rig."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from sm_plugin import Plugin, PluginTest, program  # noqa: E402

import tap  # noqa: E402


class IsoTest(PluginTest):
    """Gives each test a folder with two images and other things."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="xylem-iso-sr-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        (self.folder / "debian 12 ä.iso").write_bytes(b"\0" * 4096)
        (self.folder / "B.ISO").write_bytes(b"\0" * 2048)
        (self.folder / "notes.txt").write_text("none")
        (self.folder / "folder.iso").mkdir()
        (self.folder / "link.iso").symlink_to("/etc/passwd")
        (self.folder / ".iso").write_text("")
        self.sr = Plugin(program("ISOSR"), {"location": str(self.folder), "legacy_mode": "true"})
        self.before = sorted(os.listdir(self.folder))

    def names(self):
        return sorted(vdi["location"] for vdi in self.sr.call("sr_scan")["vdis"])


class FolderTest(IsoTest):
    def test_scan_shows_regular_files_that_end_in_iso(self):
        for command in (("sr_create", 0), ("sr_attach",)):
            self.sr.call(*command)
        scanned = self.sr.call("sr_scan")
        vdis = {vdi["location"]: vdi for vdi in scanned["vdis"]}
        self.assertEqual(sorted(vdis), ["B.ISO", "debian 12 ä.iso"])
        vdi = vdis["B.ISO"]
        self.assertEqual((vdi["label"], vdi["size"], vdi["read_only"], vdi["shareable"]), ("B.ISO", "2048", "true", "true"))
        self.assertEqual(scanned["virtual_allocation"], "6144")
        self.assertEqual(self.sr.call("sr_update")["virtual_allocation"], "6144")

    def test_image_keeps_its_uuid(self):
        first = {vdi["location"]: vdi["uuid"] for vdi in self.sr.call("sr_scan")["vdis"]}
        (self.folder / "a.iso").write_bytes(b"new")
        second = {vdi["location"]: vdi["uuid"] for vdi in self.sr.call("sr_scan")["vdis"]}
        self.assertEqual(len(set(second.values())), 3)
        self.assertEqual({name: second[name] for name in first}, first)
        self.assertRegex(first["B.ISO"], r"^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$")

    def test_attach_is_raw_and_for_reading(self):
        answer = self.sr.call("vdi_attach", "false", vdi="B.ISO")
        self.assertEqual((answer["params"], answer["xenstore_data"]), (str(self.folder / "B.ISO"), {"image-format": "raw"}))
        self.assert_fault("VDIUnavailable", "vdi_attach", "true", vdi="B.ISO")
        self.sr.call("vdi_detach", vdi="B.ISO")

    def test_what_is_no_image_is_not_given_out(self):
        self.assert_fault("ISOMustHaveISOExtension", "vdi_attach", "false", vdi="notes.txt")
        self.assert_fault("VDIMissing", "vdi_attach", "false", vdi="none.iso")
        self.assert_fault("VDILoad", "vdi_attach", "false", vdi="link.iso")
        self.assert_fault("VDILoad", "vdi_attach", "false", vdi="folder.iso")
        for name in ("../x.iso", "/etc/x.iso", "a/b.iso", "..", ""):
            self.assert_fault("InvalidArg", "vdi_attach", "false", vdi=name)

    def test_introduce_is_by_name(self):
        self.assertEqual(self.sr.call("vdi_introduce", vdi="B.ISO")["size"], "2048")
        self.assert_fault("ISOMustHaveISOExtension", "vdi_introduce", vdi="notes.txt")
        self.assert_fault("VDIMissing", "vdi_introduce", vdi="none.iso")

    def test_nothing_is_changed(self):
        for command in ("vdi_create", "vdi_resize", "vdi_snapshot", "vdi_clone", "vdi_delete"):
            self.assert_fault("Unimplemented", command, 1, vdi="B.ISO")
        for command in ("sr_attach", "sr_detach", "sr_detach", "sr_delete"):
            self.sr.call(command)
        self.assertEqual(sorted(os.listdir(self.folder)), self.before)

    def test_content_type(self):
        self.assertEqual(self.sr.call("sr_content_type"), '<?xml version="1.0" ?><sr><type>iso</type></sr>')


class LocationTest(IsoTest):
    def test_missing_and_senseless_locations(self):
        self.assert_fault("ISODconfMissingLocation", "sr_create", 0, config={})
        for config in ({"location": "here"}, {"location": ":/x"}, {"location": "x", "legacy_mode": "true"},
                       {"location": "server:/x", "type": "cifs"}):
            self.assert_fault("InvalidArg", "sr_create", 0, config=config)

    def test_folder_that_is_not_there(self):
        config = {"location": str(self.folder / "none")}
        for command in (("sr_create", 0), ("sr_attach",)):
            self.assert_fault("ISOMountFailure", *command, config=config)
        self.assert_fault("SRScan", "sr_scan", config=config)

    def test_server_that_cannot_be_mounted(self):
        """Whether because of missing rights, helpers, kernel support or servers, it is this fault."""
        mounts = str(self.folder / "mounts")
        for location in ("127.0.0.1:/none", "//127.0.0.1/none", "\\\\127.0.0.1\\none"):
            for command in (("sr_create", 0), ("sr_attach",)):
                text = self.assert_fault("ISOMountFailure", *command, config={"location": location, "options": "retry=0"},
                                         environment={"SR_MOUNT_DIR": mounts})
                self.assertTrue(os.geteuid() == 0 or "root" in text, text)
            self.sr.call("sr_detach", config={"location": location}, environment={"SR_MOUNT_DIR": mounts})

    def test_mounting_takes_root(self):
        if os.geteuid() != 0:
            self.skipTest("the user is not root anyway")
        self.folder.chmod(0o755)
        request = self.sr.request("sr_attach", config={"location": "127.0.0.1:/none"})
        done = subprocess.run([shutil.which("setpriv"), "--reuid", "65534", "--clear-groups", self.sr.program, request],
                              env={"SR_MOUNT_DIR": str(self.folder)}, capture_output=True, text=True, check=False)
        if done.returncode in (126, 127):
            self.skipTest("another user cannot run the program")
        self.assertIn("only root can mount", done.stdout)


if __name__ == "__main__":
    tap.main("plugins/iso")
