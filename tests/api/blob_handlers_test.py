#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Blobs: made, filled, read and destroyed. Source: protocol notes 4."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import case  # noqa: E402
from pages import PagesTest, basic  # noqa: E402
from wire import NULL, Date  # noqa: E402

NOBODY = "OpaqueRef:00000000-0000-0000-0000-000000000000"
NEVER = Date("19700101T00:00:00Z")
DATA = bytes(range(256)) * 1000


class BlobTest(PagesTest):
    def create(self, mime_type="text/plain", public=False):
        """A blob, gone at the end of the test."""
        blob = self.api("blob.create", mime_type, public)
        self.addCleanup(self.destroy, blob)
        return blob

    def destroy(self, blob):
        """If it is still there."""
        api = self.new_wire()
        if blob in api("blob.get_all"):
            api("blob.destroy", blob)

    def put(self, data, **query):
        """PUT by root's session, the body after the reply's head as clients do it."""
        connection = self.connect()
        text = "&".join(f"{key}={value}" for key, value in {"session_id": self.api.session, **query}.items())
        connection.send(f"PUT /blob?{text} HTTP/1.0\r\nContent-Length: {len(data)}\r\n\r\n".encode())
        while b"\r\n\r\n" not in connection.buffer:
            self.assertTrue(connection.receive())
        status = int(connection.buffer.split()[1])
        if status == 200:
            connection.send(data)
            while connection.receive():
                pass
        return status

    def begin_put(self, connection, blob, task):
        """The head of an upload of 100 bytes; the server waits for them."""
        query = f"session_id={self.api.session}&ref={blob}&task_id={task}"
        connection.send(f"PUT /blob?{query} HTTP/1.0\r\nContent-Length: 100\r\n\r\n".encode())
        connection.receive()

    def path(self, blob):
        """Where the server keeps the data."""
        return self.stack.state / "blobs" / self.api("blob.get_uuid", blob)

    def test_new_blob_is_empty(self):
        record = self.api("blob.get_record", self.create("image/png", True))
        self.assertEqual([record["size"], record["last_updated"], record["mime_type"], record["public"], record["name_label"]],
                         [0, NEVER, "image/png", True, ""])

    def test_empty_type_is_that_of_bytes(self):
        self.assertEqual(self.api("blob.get_mime_type", self.create("")), "application/octet-stream")

    def test_type_that_is_no_header_is_refused(self):
        for text in ("text/plain\r\nX: y", "ü"):
            self.assert_fails("INVALID_VALUE", None, self.api, "blob.create", text, False)

    def test_what_was_put_is_got(self):
        blob = self.create()
        uuid = self.api("blob.get_uuid", blob)
        for data in (DATA, b"short", b"x" * 3_000_000):
            self.assertEqual(self.put(data, ref=blob), 200)
            for key in ({"ref": blob}, {"uuid": uuid}):
                page = self.get("/blob", **key)
                self.assertEqual((page.status, page.type, page.body), (200, "text/plain", data))
            self.assertEqual(self.api("blob.get_size", blob), len(data))
        self.assertGreater(self.api("blob.get_last_updated", blob), NEVER)

    def test_put_is_also_by_uuid(self):
        blob = self.create()
        self.assertEqual(self.put(b"by uuid", uuid=self.api("blob.get_uuid", blob)), 200)
        self.assertEqual(self.get("/blob", ref=blob).body, b"by uuid")

    def test_put_in_one_piece_is_taken_too(self):
        blob = self.create()
        self.assertEqual(self.fetch("PUT", "/blob", DATA, session_id=self.api.session, ref=blob).status, 200)
        self.assertEqual(self.get("/blob", ref=blob).body, DATA)

    def test_task_tells_when_the_data_is_there(self):
        blob, task = self.create(), self.api("task.create", "an upload", "")
        self.put(b"as a task", ref=blob, task_id=task)
        self.assertEqual(self.api("task.get_status", task), "success")
        self.assertEqual(self.api("blob.get_size", blob), 9)

    def test_empty_put_is_a_probe_unless_it_has_a_task(self):
        blob = self.create()
        self.put(b"kept", ref=blob)
        self.assertEqual(self.put(b"", ref=blob), 200)
        self.assertEqual(self.get("/blob", ref=blob).body, b"kept")
        self.put(b"", ref=blob, task_id=self.api("task.create", "an upload", ""))
        self.assertEqual((self.get("/blob", ref=blob).body, self.api("blob.get_size", blob)), (b"", 0))

    def test_upload_that_breaks_off_changes_nothing(self):
        blob, task = self.create(), self.api("task.create", "an upload", "")
        self.put(b"kept", ref=blob)
        connection = self.connect()
        self.begin_put(connection, blob, task)
        connection.send(b"half")
        connection.close()
        token = ""
        while self.api("task.get_status", task) == "pending":
            token = self.api.raw("event.from", self.api.session, [f"task/{task}"], token, 5.0).content["token"].content
        self.assertEqual(self.api("task.get_status", task), "failure")
        self.assertEqual(self.get("/blob", ref=blob).body, b"kept")
        self.assertEqual([path.name for path in self.path(blob).parent.iterdir() if path.name.startswith(self.path(blob).name)],
                         [self.path(blob).name])

    def test_upload_can_be_cancelled(self):
        blob, task = self.create(), self.api("task.create", "an upload", "")
        connection = self.connect()
        self.begin_put(connection, blob, task)
        self.api("task.cancel", task)
        connection.send(b"x")
        while connection.receive():
            pass
        self.assertEqual(self.api("task.get_status", task), "cancelled")
        self.assertEqual(self.get("/blob", ref=blob).status, 404)

    def test_public_blob_is_everybodys_to_read(self):
        blob = self.create(public=True)
        self.put(b"for all", ref=blob)
        page = self.fetch("GET", "/blob", ref=blob)
        self.assertEqual((page.status, page.body), (200, b"for all"))
        self.api("blob.set_public", blob, False)
        self.assertEqual(self.fetch("GET", "/blob", ref=blob).status, 401)

    def test_nobody_writes_without_logging_in(self):
        blob = self.create(public=True)
        self.assertEqual(self.fetch("PUT", "/blob", b"x", ref=blob).status, 401)
        self.assertEqual(self.fetch("PUT", "/blob", b"x", headers=(basic("root", self.stack.password),), ref=blob).status, 200)
        self.assertEqual(self.fetch("GET", "/blob", ref=blob).body, b"x")

    def test_what_is_missing_is_told(self):
        self.assertEqual(self.get("/blob").status, 400)
        for key in ({"ref": NOBODY}, {"ref": NULL}, {"uuid": "x"}):
            self.assertEqual(self.get("/blob", **key).status, 404, key)
            self.assertEqual(self.put(b"x", **key), 404, key)
        blob = self.create()
        self.assertEqual(self.get("/blob", ref=blob).status, 404)
        page = self.fetch("PUT", "/blob", None, session_id=self.api.session, ref=blob)
        self.assertEqual(page.status, 411)
        page = self.fetch("PUT", "/blob", None, ("Content-Length: 5000000000",), session_id=self.api.session, ref=blob)
        self.assertEqual(page.status, 413)

    def test_destroyed_blob_is_gone_with_its_data(self):
        blob = self.create()
        self.put(b"gone soon", ref=blob)
        path = self.path(blob)
        self.assertTrue(path.exists())
        self.api("blob.destroy", blob)
        self.assertFalse(path.exists())
        self.assert_fails("HANDLE_INVALID", ["blob", blob], self.api, "blob.get_record", blob)
        self.assert_fails("HANDLE_INVALID", ["blob", blob], self.api, "blob.destroy", blob)

    def test_data_outlives_a_kill_and_left_files_are_cleared_away(self):
        blob = self.create()
        self.put(b"kept", ref=blob)
        path = self.path(blob)
        left = path.with_name("00000000-0000-0000-0000-000000000000")
        left.write_bytes(b"nobody's")
        self.restart(kill=True)
        self.api = self.new_wire()
        self.assertFalse(left.exists())
        self.assertEqual(self.get("/blob", ref=blob).body, b"kept")


class OwnedBlobTest(PagesTest):
    def assert_keeps_blobs(self, cls, ref):
        """create_new_blob makes one in the object's map, once per name."""
        blob = self.api(f"{cls}.create_new_blob", ref, "logo", "image/png", True)
        self.assertEqual(self.api(f"{cls}.get_blobs", ref), {"logo": blob})
        record = self.api("blob.get_record", blob)
        self.assertEqual([record["mime_type"], record["public"], record["size"]], ["image/png", True, 0])
        count = len(self.api("blob.get_all"))
        self.assert_fails("MAP_DUPLICATE_KEY", [cls, "blobs", ref, "logo"], self.api, f"{cls}.create_new_blob", ref, "logo", "", False)
        self.assertEqual(len(self.api("blob.get_all")), count)
        self.assert_fails("HANDLE_INVALID", [cls, NOBODY], self.api, f"{cls}.create_new_blob", NOBODY, "logo", "", False)
        self.api("blob.destroy", blob)
        self.assertEqual(self.api(f"{cls}.get_blobs", ref), {})

    def test_host_pool_and_network(self):
        for cls in ("host", "pool", "network"):
            self.assert_keeps_blobs(cls, self.api(f"{cls}.get_all")[0])

    def test_vm(self):
        self.assert_keeps_blobs("VM", self.api("VM.get_all")[0])

    def test_sr(self):
        record = {"device_config": {"location": str(self.scratch / "sr")}, "name_label": "sr", "name_description": "", "type": "file",
                  "content_type": "", "shared": False, "sm_config": {}}
        sr = self.api("SR.create", self.api("host.get_all")[0], record["device_config"], 0, "sr", "", "file", "", False, {})
        self.assert_keeps_blobs("SR", sr)


if __name__ == "__main__":
    case.main("api/blob_handlers")
