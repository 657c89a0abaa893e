#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""HTTP handlers: who gets in, which task it is, and what each of them serves. Source: protocol notes 0 and 4."""

import io
import json
import os
import re
import stat
import sys
import tarfile
import xml.etree.ElementTree
import zipfile
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parent))

import case  # noqa: E402
from pages import PagesTest, basic  # noqa: E402
from wire import Connection  # noqa: E402

NOBODY = "OpaqueRef:00000000-0000-0000-0000-000000000000"


class EntryTest(PagesTest):
    """/services stands for all handlers."""

    def assert_status(self, status, **how):
        """What GET /services answers."""
        page = self.fetch("GET", "/services", **how)
        self.assertEqual(page.status, status, page.body)
        return page

    def test_stranger_is_asked_for_a_password(self):
        page = self.assert_status(401)
        self.assertEqual(page.headers["www-authenticate"], 'Basic realm="get_services"')
        self.assertEqual(page.type, "text/html")

    def test_session_is_a_query_parameter_or_a_cookie(self):
        self.assert_status(200, session_id=self.api.session)
        self.assert_status(200, headers=(f"Cookie: session_id={self.api.session}",))
        self.assert_status(200, headers=(f"Cookie: a=b; session_id={self.api.session.replace(':', '%3A')}",))

    def test_cookie_comes_before_the_query(self):
        self.assert_status(200, headers=(f"Cookie: session_id={self.api.session}",), session_id=NOBODY)
        self.assert_status(401, headers=(f"Cookie: session_id={NOBODY}",), session_id=self.api.session)

    def test_wrong_session_is_not_made_good_by_a_password(self):
        self.assert_status(401, session_id=NOBODY, headers=(basic("root", self.stack.password),))

    def test_password_opens_a_session_for_the_request_alone(self):
        before = self.sessions()
        self.assert_status(200, headers=(basic("root", self.stack.password),))
        self.assertEqual(self.sessions(), before)

    def sessions(self):
        """How many there are."""
        batch = self.api.raw("event.from", self.api.session, ["pool"], "", 0.0)
        return batch.content["valid_ref_counts"].content.get("session")

    def test_wrong_passwords_are_refused(self):
        for header in (basic("root", "wrong"), basic("nobody", self.stack.password), "Authorization: Basic %%%",
                       "Authorization: Bearer x"):
            self.assert_status(401, headers=(header,))

    def test_unix_socket_is_trusted(self):
        connection = self.closed_at_end(Connection(self.stack.socket))
        self.assert_status(200, connection=connection)

    def test_pool_secret_is_made_once_and_opens_everything(self):
        path = self.stack.state / "pool_secret"
        secret = path.read_text(encoding="ascii")
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertRegex(secret, r"^[0-9a-f-]{36}(/[0-9a-f-]{36})+$")
        before = self.sessions()
        self.assert_status(200, pool_secret=secret)
        self.assert_status(200, headers=(f"Cookie: pool_secret={secret}",))
        self.assert_status(401, pool_secret=secret[:-1] + ("0" if secret[-1] != "0" else "1"))
        self.assert_status(401, pool_secret="")
        self.assertEqual(self.sessions(), before)
        self.restart()
        self.assertEqual(path.read_text(encoding="ascii"), secret)

    def test_logged_out_session_is_refused(self):
        other = self.tcp_wire()
        self.assert_status(200, session_id=other.session)
        other("session.logout")
        self.assert_status(401, session_id=other.session)

    # -- Tasks --

    def test_reply_names_the_task_it_was(self):
        page = self.assert_status(200, session_id=self.api.session)
        self.assertRegex(page.headers["task-id"], r"^OpaqueRef:[0-9a-f-]{36}$")

    def test_given_task_is_completed(self):
        task = self.api("task.create", "a download", "")
        page = self.assert_status(200, session_id=self.api.session, task_id=task)
        self.assertEqual(page.headers["task-id"], task)
        record = self.api("task.get_record", task)
        self.assertEqual((record["status"], record["progress"], record["result"]), ("success", 1.0, "<value></value>"))

    def test_given_task_learns_of_a_failure(self):
        task = self.api("task.create", "a download", "")
        page = self.fetch("GET", "/services/nothing", session_id=self.api.session, task_id=task)
        self.assertEqual(page.status, 404)
        record = self.api("task.get_record", task)
        self.assertEqual(record["status"], "failure")
        self.assertEqual(record["error_info"][0], "INTERNAL_ERROR")

    def test_given_task_learns_that_nobody_was_let_in(self):
        task = self.api("task.create", "a download", "")
        self.assert_status(401, task_id=task)
        record = self.api("task.get_record", task)
        self.assertEqual((record["status"], record["error_info"][0]), ("failure", "SESSION_AUTHENTICATION_FAILED"))

    def test_task_that_has_ended_or_is_unknown_is_refused(self):
        task = self.api("task.create", "a download", "")
        self.assert_status(200, session_id=self.api.session, task_id=task)
        self.assert_status(400, session_id=self.api.session, task_id=task)
        self.assert_status(404, session_id=self.api.session, task_id=NOBODY)
        self.assertEqual(self.api("task.get_status", task), "success")

    def test_parent_that_is_gone_is_no_hindrance(self):
        self.assert_status(200, session_id=self.api.session, subtask_of=NOBODY)
        self.assert_status(200, session_id=self.api.session, subtask_of=self.api("task.create", "parent", ""))

    # -- Routes --

    def test_longest_prefix_is_chosen(self):
        self.assertEqual(self.get("/servicesandmore").status, 404)
        self.assertEqual(self.get("/service").status, 404)

    def test_paths_that_take_nothing_are_refused(self):
        for method in ("PUT", "CONNECT"):
            self.assertEqual(self.fetch(method, "/services").status, 403, method)


class ConsoleTest(PagesTest):
    DAEMONS = ("xenopsd", "xylemd")

    def start(self):
        """A running VM, gone at the end of the test."""
        vm = self.api("VM.clone", self.api("VM.get_by_name_label", "Other install media")[0], "a VM")
        self.addCleanup(self.api, "VM.destroy", vm)
        self.api("VM.provision", vm)
        self.api("VM.start", vm, False, False)
        self.addCleanup(self.api, "VM.hard_shutdown", vm)
        return vm

    def test_location_is_where_the_server_listens(self):
        consoles = self.api("VM.get_consoles", self.start())
        self.assertTrue(consoles)
        for console in consoles:
            record = self.api("console.get_record", console)
            self.assertEqual(record["location"], f"https://127.0.0.1:{self.stack.ports()['tls']}/console?uuid={record['uuid']}")

    def test_stranger_is_asked_for_a_password(self):
        for method in ("CONNECT", "GET"):
            page = self.fetch(method, "/console", ref=NOBODY)
            self.assertEqual((page.status, page.headers["www-authenticate"]), (401, 'Basic realm="connect_console"'))

    def test_every_way_in_leads_to_consoles(self):
        secret = (self.stack.state / "pool_secret").read_text(encoding="ascii")
        for how in ({"session_id": self.api.session}, {"pool_secret": secret}, {"headers": (basic("root", self.stack.password),)}):
            self.assertEqual(self.fetch("CONNECT", "/console", ref=NOBODY, **how).status, 404, how)


class StaticTest(PagesTest):
    FILES = {
        "index.html": ("<html>hello</html>", "text/html; charset=utf-8"),
        "app.js": ("let a;", "text/javascript; charset=utf-8"),
        "style.CSS": ("a {}", "text/css; charset=utf-8"),
        "a b/ü.svg": ("<svg/>", "image/svg+xml"),
        "data": ("\0\1", "application/octet-stream"),
        "sub/index.html": ("below", "text/html; charset=utf-8"),
        ".hidden": ("no", None),
        "sub/.git/config": ("no", None),
    }

    @classmethod
    def options(cls):
        return [*super().options(), "--web-dir", str(cls.scratch / "web")]

    @classmethod
    def prepare(cls):
        for name, (text, _) in cls.FILES.items():
            path = cls.scratch / "web" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        (cls.scratch / "secret").write_text("outside", encoding="utf-8")
        (cls.scratch / "web-other").mkdir()
        (cls.scratch / "web-other/file").write_text("outside", encoding="utf-8")
        os.symlink(cls.scratch / "secret", cls.scratch / "web/out")
        os.symlink("app.js", cls.scratch / "web/link.js")

    def test_files_are_served_to_anybody(self):
        for name, (text, of) in self.FILES.items():
            page = self.fetch("GET", "/" + quote(name))
            if of is None:
                self.assertEqual(page.status, 404, name)
                continue
            self.assertEqual((page.status, page.body.decode(), page.type), (200, text, of), name)

    def test_folder_is_its_index(self):
        self.assertEqual(self.fetch("GET", "/").body, b"<html>hello</html>")
        self.assertEqual(self.fetch("GET", "/?a=b").body, b"<html>hello</html>")
        self.assertEqual(self.fetch("GET", "/sub").body, b"below")
        self.assertEqual(self.fetch("GET", "/sub/").body, b"below")

    def test_what_is_not_there_is_404(self):
        for path in ("/nothing", "/sub/nothing", "/a%20b", "/index.html/x", "/%zz", "/a%00b", "/%ff"):
            page = self.fetch("GET", path)
            self.assertEqual((page.status, page.type), (404, "text/html"), path)

    def test_nothing_outside_is_served(self):
        for path in ("/../secret", "/sub/../../secret", "/%2e%2e/secret", "/..%2fsecret", "/sub/%2e%2e/%2e%2e/secret", "//../secret",
                     "/../web-other/file", "/out", "/sub/./index.html", "/" + str(self.scratch / "secret")):
            page = self.fetch("GET", path)
            self.assertEqual(page.status, 404, path)
            self.assertNotIn(b"outside", page.body)

    def test_links_inside_are_followed(self):
        self.assertEqual(self.fetch("GET", "/link.js").body, b"let a;")


class NoWebTest(PagesTest):
    OPTIONS = ("--web-dir", "/nonexistent")

    def test_server_without_files_answers_404(self):
        for path in ("/", "/index.html"):
            self.assertEqual(self.fetch("GET", path).status, 404)


class ServicesTest(PagesTest):
    def test_services_are_listed(self):
        page = self.get("/services")
        self.assertEqual((page.status, page.type), (200, "application/json"))
        description = json.loads(page.body)
        self.assertEqual((description["driver"], description["features"]), ("mux", ["/services/SM"]))

    def test_drivers_are_those_of_class_sm(self):
        drivers = {driver["driver"]: driver for driver in json.loads(self.get("/services/SM").body)}
        records = self.api("SM.get_all_records").values()
        self.assertEqual(sorted(drivers), sorted(record["type"] for record in records))
        for record in records:
            driver = drivers[record["type"]]
            self.assertEqual([driver["name"], driver["vendor"], driver["version"]],
                             [record["name_label"], record["vendor"], record["version"]])
            self.assertEqual({text.partition("/")[0]: int(text.partition("/")[2] or 1) for text in driver["features"]}, record["features"])
            self.assertEqual(driver["configuration"], record["configuration"])
            self.assertEqual(json.loads(self.get(f"/services/SM/{record['type']}").body), driver)
        self.assertEqual(sorted(service["instance"] for service in json.loads(self.get("/services/driver").body)), sorted(drivers))

    def test_what_is_not_there_is_404(self):
        for path in ("/services/", "/services/SM/nosuch", "/services/other"):
            self.assertEqual(self.get(path).status, 404, path)


class AuditTest(PagesTest):
    LINES = [f"202301{day:02}T00:00:00Z|line {day}\n" for day in range(1, 10)]

    @classmethod
    def prepare(cls):
        for name, lines in (("audit.log.2", cls.LINES[:3]), ("audit.log.1", cls.LINES[3:6] + [" goes on\n"])):
            (cls.stack.state / name).write_text("".join(lines), encoding="utf-8")
        (cls.stack.state / "audit.log").write_text("".join(cls.LINES[6:]), encoding="utf-8")

    def lines(self, **query):
        """What of LINES is served, of which the server's own lines come after."""
        page = self.get("/audit_log", **query)
        self.assertEqual((page.status, page.type), (200, "text/plain"))
        self.assertNotIn("content-length", page.headers)
        return [line for line in page.body.decode().splitlines(keepends=True) if "|line" in line or "goes on" in line]

    def test_whole_log_is_served_in_order(self):
        self.assertEqual(self.lines(), self.LINES[:6] + [" goes on\n"] + self.LINES[6:])

    def test_later_lines_are_served(self):
        self.assertEqual(self.lines(since="20230105T00:00:00Z"), self.LINES[4:6] + [" goes on\n"] + self.LINES[6:])
        self.assertEqual(self.lines(since="2023-01-09T00:00:00Z"), self.LINES[8:])
        self.assertEqual(self.lines(since="20990101T00:00:00Z"), [])

    def test_calls_of_this_server_are_in_it_at_once(self):
        self.api("network.create", {"name_label": "for the audit log", "name_description": "", "MTU": 1500, "other_config": {}, "tags": []})
        self.assertIn("for the audit log", self.get("/audit_log").body.decode())
        self.assertNotIn("for the audit log", self.get("/audit_log", since="20990101T00:00:00Z").body.decode())

    def test_date_that_is_none_is_refused(self):
        self.assertEqual(self.get("/audit_log", since="yesterday").status, 400)

    def test_stranger_sees_nothing(self):
        self.assertEqual(self.fetch("GET", "/audit_log").status, 401)


class DatabaseTest(PagesTest):
    def rows(self, document, table):
        """{ref: attributes} of a table."""
        [found] = [element for element in document.findall("table") if element.get("name") == table]
        return {row.get("ref"): row.attrib for row in found}

    def dump(self):
        """The document that is served."""
        page = self.get("/pool/xmldbdump")
        self.assertEqual((page.status, page.type), (200, "text/xml"))
        return xml.etree.ElementTree.fromstring(page.body)

    def test_document_has_manifest_and_every_object(self):
        document = self.dump()
        self.assertEqual(document.tag, "database")
        pairs = {pair.get("key"): int(pair.get("value")) for pair in document.find("manifest")}
        self.assertEqual(set(pairs), {"schema_major_vsn", "schema_minor_vsn", "generation_count"})
        for name in ("VM", "host", "pool", "network", "PIF", "SM", "role"):
            self.assertEqual(set(self.rows(document, name)), set(self.api(f"{name}.get_all")), name)

    def test_values_are_spelled_as_the_peers_database_does(self):
        network = self.api("network.create", {"name_label": "a <b> 50%", "name_description": "two\nlines\t", "MTU": 1400,
                                              "other_config": {"k": "it's"}, "tags": ["x", "y z"]})
        row = self.rows(self.dump(), "network")[network]
        self.assertEqual(list(row)[:4], ["ref", "__ctime", "__mtime", "_ref"])
        self.assertEqual([row["name__label"], row["name__description"], row["MTU"]], ["a%.<b>%.50%%", "two%nlines%t", "1400"])
        self.assertEqual([row["other_config"], row["tags"]], ["(('k'%.'it\\'s'))", "('x'%.'y%.z')"])
        self.api("network.destroy", network)

    def test_expressions_find_what_the_dump_tells(self):
        row = next(iter(self.rows(self.dump(), "host").values()))
        for field in ("name__label", "API_version__major", "enabled", "cpu_info"):
            text = re.sub("%(.)", lambda found: {".": " ", "n": "\n", "t": "\t", "r": "\r", "%": "%"}[found.group(1)], row[field])
            if '"' not in text:
                self.assertEqual(self.api("host.get_all_where", f'field "{field}" = "{text}"'), [row["ref"]], field)

    def test_sessions_are_not_in_it(self):
        self.assertEqual(self.rows(self.dump(), "session"), {})


class StatusTest(PagesTest):
    ENTRIES = {"disk-info", "hardware-info", "kernel-info", "network-status", "process-list", "xenserver-databases", "xenserver-logs"}

    def status(self, **query):
        """The page of a system status, whose name says what and when."""
        page = self.get("/system-status", **query)
        self.assertEqual((page.status, page.type), (200, "application/data"), page.body)
        ending = query.get("output", "tar.bz2")
        self.assertRegex(page.headers["content-disposition"],
                         rf'^attachment; filename="system_status-\d{{8}}T[-\d]+Z-[\w.-]+\.{re.escape(ending)}"$')
        return page

    def members(self, page):
        """{name below the folder: content} of a tar archive."""
        with tarfile.open(fileobj=io.BytesIO(page.body)) as archive:
            return {name.partition("/")[2]: archive.extractfile(name).read() for name in archive.getnames()}

    def test_every_entry_has_something(self):
        for output in ("tar.bz2", "tar"):
            members = self.members(self.status(output=output))
            self.assertEqual({name.partition("/")[0] for name in members}, self.ENTRIES)
        self.assertIn(b"processor", members["hardware-info/proc-cpuinfo"])
        self.assertIn(b"serving on port", members["xenserver-logs/xylemd.log"])
        self.assertIn(self.api("host.get_all")[0].encode(), members["xenserver-databases/xapi-db.xml"])
        self.assertIn(b"xylemd", members["process-list/ps.txt"])

    def test_zip_is_one(self):
        with zipfile.ZipFile(io.BytesIO(self.status(output="zip").body)) as archive:
            self.assertIsNone(archive.testzip())
            self.assertEqual({name.split("/")[1] for name in archive.namelist()}, self.ENTRIES)

    def test_entries_are_chosen(self):
        members = self.members(self.status(entries="kernel-info,disk-info", output="tar"))
        self.assertEqual({name.partition("/")[0] for name in members}, {"kernel-info", "disk-info"})

    def test_list_is_that_of_the_capabilities(self):
        page = self.get("/system-status", list="")
        self.assertEqual((page.status, page.type), (200, "text/xml"))
        keys = {element.get("key") for element in xml.etree.ElementTree.fromstring(page.body)}
        self.assertEqual(keys, self.ENTRIES)
        self.assertEqual(self.api("host.get_system_status_capabilities", self.api("host.get_all")[0]), page.body.decode())
        self.assert_fails("HANDLE_INVALID", ["host", NOBODY], self.api, "host.get_system_status_capabilities", NOBODY)

    def test_what_is_unknown_is_refused(self):
        self.assertEqual(self.get("/system-status", entries="nosuch").status, 400)
        self.assertEqual(self.get("/system-status", output="rar").status, 400)

    def test_secrets_are_left_out(self):
        self.api("secret.create", {"value": "very-private-text", "other_config": {}})
        self.api("pool.add_to_other_config", self.api("pool.get_all")[0], "my_password", "very-private-text")
        whole = b"".join(self.members(self.status(output="tar")).values())
        self.assertNotIn(b"very-private-text", whole)
        self.assertNotIn((self.stack.state / "pool_secret").read_bytes(), whole)
        self.assertNotIn(self.stack.password.encode(), whole)
        self.assertNotIn(self.api.session.encode(), whole)
        self.assertIn(b"very-private-text", self.get("/pool/xmldbdump").body)

    def test_logs_are_downloaded(self):
        page = self.get("/host_logs_download")
        self.assertEqual((page.status, page.type), (200, "application/data"))
        members = self.members(page)
        self.assertIn(b"serving on port", members["xenserver-logs/xylemd.log"])
        self.assertEqual({name.partition("/")[0] for name in members}, {"xenserver-logs"})

    def test_task_of_a_download_is_completed(self):
        task = self.api("task.create", "a bug report", "")
        self.assertEqual(self.status(task_id=task, output="tar").headers["task-id"], task)
        self.assertEqual(self.api("task.get_status", task), "success")

    def test_downloader_that_leaves_ends_nothing(self):
        connection = self.connect()
        connection.send_request("GET", f"/system-status?output=tar&session_id={self.api.session}")
        connection.receive()
        connection.close()
        self.assertEqual(self.get("/services").status, 200)


if __name__ == "__main__":
    case.main("api/handlers")
