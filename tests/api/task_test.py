#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tasks, and what a running message leaves on its objects. Source: protocol notes 1.3 and 3."""

import json as json_module
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import case  # noqa: E402
import storage  # noqa: E402
from wire import NULL, Wire, call_xml, read_answer  # noqa: E402

NOBODY = "OpaqueRef:00000000-0000-0000-0000-000000000000"
NEVER = "19700101T00:00:00Z"


class AsyncTest(storage.StorageTest):
    """Calls that go to their end by themselves."""

    def network_record(self, **changes):
        """What network.create gets."""
        return {"name_label": "a network", "name_description": "", "MTU": 1500, "other_config": {}, "tags": []} | changes

    def run_async(self, method, *params):
        """(task, its record at the end)."""
        task = self.api(f"Async.{method}", *params)
        return task, self.wait_task(task)

    def test_reference_is_the_result(self):
        task, record = self.run_async("network.create", self.network_record())
        self.assertEqual(record["status"], "success")
        network = self.api("network.get_by_name_label", "a network")[0]
        self.assertEqual(record["result"], f"<value>{network}</value>")
        self.api("network.destroy", network)
        self.api("task.destroy", task)

    def test_nothing_is_an_empty_value(self):
        network = self.api("network.create", self.network_record())
        _, record = self.run_async("network.destroy", network)
        self.assertEqual([record["status"], record["result"]], ["success", "<value></value>"])

    def test_set_is_an_array(self):
        _, record = self.run_async("SR.get_supported_types")
        types = "".join(f"<value>{name}</value>" for name in storage.TYPES)
        self.assertEqual(record["result"], f"<value><array><data>{types}</data></array></value>")

    def test_date_is_tagged(self):
        _, record = self.run_async("host.get_servertime", self.host)
        self.assertRegex(record["result"], r"^<value><dateTime.iso8601>\d{8}T\d\d:\d\d:\d\dZ</dateTime.iso8601></value>$")

    def test_record_of_a_success(self):
        task, record = self.run_async("network.create", self.network_record(name_label="another"))
        wanted = {"name_label": "Async.network.create", "name_description": "", "status": "success", "progress": 1.0, "error_info": [],
                  "allowed_operations": [], "current_operations": {}, "type": "<none/>", "subtask_of": NULL, "subtasks": [],
                  "backtrace": "()", "externalpid": -1, "stunnelpid": -1, "forwarded": False, "forwarded_to": NULL,
                  "resident_on": self.host, "session": self.api.session}
        self.assertEqual({key: record[key] for key in wanted}, wanted)
        self.assertGreaterEqual(record["finished"], record["created"])
        self.assertGreater(record["created"], NEVER)
        self.assertEqual(self.api("task.get_by_uuid", record["uuid"]), task)
        self.api("network.destroy", self.api("network.get_by_name_label", "another")[0])

    def test_failure_has_code_and_parameters(self):
        _, record = self.run_async("network.destroy", NOBODY)
        self.assertEqual([record["status"], record["error_info"], record["result"], record["progress"]],
                         ["failure", ["HANDLE_INVALID", "network", NOBODY], "", 1.0])

    def test_ended_task_stays_until_destroyed(self):
        task, _ = self.run_async("SR.get_supported_types")
        self.assertIn(task, self.api("task.get_all"))
        self.api("task.destroy", task)
        self.assertNotIn(task, self.api("task.get_all"))
        self.assert_fails("HANDLE_INVALID", ["task", task], self.api, "task.destroy", task)

    def test_ended_task_may_be_cancelled_in_vain(self):
        task, _ = self.run_async("SR.get_supported_types")
        self.api("task.cancel", task)
        self.assertEqual(self.api("task.get_status", task), "success")

    def test_task_outlives_its_session(self):
        api = self.new_wire()
        task = api("Async.network.create", self.network_record(name_label="of a short session"))
        api("session.logout")
        self.assertEqual(self.wait_task(task)["status"], "success")
        self.api("network.destroy", self.api("network.get_by_name_label", "of a short session")[0])

    def test_messages_with_wrong_parameters_make_no_task(self):
        before = self.api("task.get_all")
        self.assert_fails("INTERNAL_ERROR", None, self.api.raw, "Async.network.create", self.api.session, "x")
        self.assert_fails("SESSION_INVALID", [NOBODY], self.api.raw, "Async.network.create", NOBODY, {})
        self.assertEqual(self.api("task.get_all"), before)

    def test_end_is_an_event(self):
        task = self.api("Async.SR.get_supported_types")
        token, seen = "", ""
        while seen not in ("success", "failure"):
            batch = self.api("event.from", [f"task/{task}"], token, 30.0).content
            token = batch["token"].content
            for event in batch["events"].content:
                self.assertEqual(event.content["ref"].content, task)
                snapshot = case.wire.typed_record(event.content["snapshot"], "task")
                seen = snapshot["status"]
                if seen == "success":  # whoever sees the end sees the result
                    self.assertTrue(snapshot["result"].startswith("<value><array>"), snapshot)

    def test_header_makes_a_subtask(self):
        parent = self.api("task.create", "parent", "")
        body = call_xml("Async.SR.get_supported_types", self.api.session)
        child = read_answer(self.api.post(body, headers=(f"subtask-of: {parent}",))).content
        self.assertEqual(self.wait_task(child)["subtask_of"], parent)
        self.assertEqual(self.api("task.get_subtasks", parent), [child])

    def test_headers_of_the_request_are_kept(self):
        body = call_xml("Async.SR.get_supported_types", self.api.session)
        headers = ("X-Http-Other-Config-Origin: a script", "x-http-other-config-step: 2 of 3", "x-http-other-config-step: 3", "X-Other: no",
                   "x-http-other-config-: nameless")
        task = read_answer(self.api.post(body, headers=headers)).content
        self.assertEqual(self.api("task.get_other_config", task), {"http:origin": "a script", "http:step": "2 of 3"})
        self.wait_task(task)
        json = f'{{"jsonrpc":"2.0","method":"Async.SR.get_supported_types","params":["{self.api.session}"],"id":1}}'
        task = json_module.loads(self.api.post(json, "/jsonrpc", headers[:1]))["result"]
        self.assertEqual(self.api("task.get_other_config", task), {"http:origin": "a script"})

    def test_headers_of_an_upload_are_kept(self):
        blob = self.api("blob.create", "text/plain", False)
        upload = self.connect()
        upload.send(f"PUT /blob?ref={blob}&session_id={self.api.session} HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n"
                    "x-http-other-config-origin: a script\r\n\r\n".encode())
        upload.receive()
        task = dict(line.split(":", 1) for line in upload.buffer.decode().splitlines() if ":" in line)["task-id"]
        self.assertEqual(self.api("task.get_other_config", task), {"http:origin": "a script"})
        self.api("blob.destroy", blob)


class RunningTest(storage.StorageTest):
    """Calls that run as long as the test wants."""

    def start_scan(self, behaviour="hang"):
        """(SR, folder, task) of a scan that does not end."""
        sr, folder = self.create_sr("test")
        self.misbehave(folder, "sr_scan", behaviour)
        task = self.api("Async.SR.scan", sr)
        self.wait_running(folder, "sr_scan")
        return sr, folder, task

    def test_pending_task(self):
        _, _, task = self.start_scan()
        record = self.api("task.get_record", task)
        wanted = {"status": "pending", "finished": NEVER, "result": "", "error_info": [], "progress": 0.0, "current_operations": {}}
        self.assertEqual({key: record[key] for key in wanted}, wanted)
        self.assertIn(task, self.api("session.get_record", self.api.session)["tasks"])
        self.api("task.cancel", task)
        self.wait_task(task)

    def test_cancel_is_allowed_while_it_runs(self):
        _, _, task = self.start_scan()
        self.assertIn("cancel", self.api("task.get_allowed_operations", task))
        self.api("task.cancel", task)
        self.assertEqual(self.wait_task(task)["allowed_operations"], [])

    def test_cancelled_task_says_so(self):
        sr, _, task = self.start_scan()
        self.api("task.cancel", task)
        record = self.wait_task(task)
        self.assertEqual([record["status"], record["error_info"]], ["cancelled", ["TASK_CANCELLED", task]])
        self.assertEqual(self.api("SR.get_current_operations", sr), {})

    def test_cancel_shows_until_the_end(self):
        task = self.api("task.create", "a client's", "")
        self.api("task.cancel", task)
        self.assertEqual(list(self.api("task.get_current_operations", task).values()), ["cancel"])
        self.assertEqual(self.api("task.get_status", task), "pending")
        self.api("task.set_status", task, "cancelled")
        self.assertEqual(self.api("task.get_current_operations", task), {})

    def test_cancelling_twice_is_fine(self):
        _, _, task = self.start_scan()
        self.api("task.cancel", task)
        self.api("task.cancel", task)
        self.assertEqual(self.wait_task(task)["status"], "cancelled")

    def test_cancelling_what_is_unknown(self):
        self.assert_fails("HANDLE_INVALID", ["task", NOBODY], self.api, "task.cancel", NOBODY)

    def test_object_shows_what_is_done_to_it(self):
        sr, folder, task = self.start_scan("wait")
        self.assertEqual(self.api("SR.get_current_operations", sr), {task: "scan"})
        self.assertNotIn("scan", self.api("SR.get_allowed_operations", sr))
        self.assert_fails("OTHER_OPERATION_IN_PROGRESS", ["SR", sr], self.api, "SR.scan", sr)
        self.go_on(folder, "sr_scan")
        self.assertEqual(self.wait_task(task)["status"], "success")
        self.assertEqual(self.api("SR.get_current_operations", sr), {})
        self.assertIn("scan", self.api("SR.get_allowed_operations", sr))

    def test_refused_call_is_a_failed_task(self):
        sr, folder, task = self.start_scan("wait")
        other = self.api("Async.SR.scan", sr)
        self.assertEqual(self.wait_task(other)["error_info"][:3], ["OTHER_OPERATION_IN_PROGRESS", "SR", sr])
        self.go_on(folder, "sr_scan")
        self.assertEqual(self.wait_task(task)["status"], "success")

    def test_call_that_waits_is_a_task_while_it_waits(self):
        sr, folder = self.create_sr("test")
        self.misbehave(folder, "sr_scan", "wait")
        waiting = self.new_wire()
        waiting.send_request("POST", "/", call_xml("SR.scan", waiting.session, sr).encode())
        self.wait_running(folder, "sr_scan")
        tasks = {task: record["name_label"] for task, record in self.api("task.get_all_records").items()
                 if record["status"] == "pending" and record["session"] == waiting.session}
        self.assertEqual(list(tasks.values()), ["SR.scan"])
        self.assertEqual(self.api("SR.get_current_operations", sr), {task: "scan" for task in tasks})
        self.go_on(folder, "sr_scan")
        self.assertEqual(read_answer(waiting.read_response()[2]).content, "")
        self.assertEqual(set(tasks) & set(self.api("task.get_all")), set())

    def test_call_that_waits_may_be_cancelled_too(self):
        sr, folder = self.create_sr("test")
        self.misbehave(folder, "sr_scan")
        waiting = self.new_wire()
        waiting.send_request("POST", "/", call_xml("SR.scan", waiting.session, sr).encode())
        self.wait_running(folder, "sr_scan")
        task = list(self.api("SR.get_current_operations", sr))[0]
        self.api("task.cancel", task)
        self.assert_fails("TASK_CANCELLED", [task], read_answer, waiting.read_response()[2])

    def test_destroyed_while_pending_goes_at_its_end(self):
        _, folder, task = self.start_scan("wait")
        token = self.api("event.from", [f"task/{task}"], "", 10.0).content["token"].content
        self.api("task.destroy", task)
        self.assertEqual(self.api("task.get_current_operations", task), {task: "destroy"})
        self.go_on(folder, "sr_scan")
        while task in self.api("task.get_all"):
            batch = self.api("event.from", [f"task/{task}"], token, 10.0).content
            self.assertNotEqual(batch["events"].content, [], "the task is still there, and nothing happens")
            token = batch["token"].content

    def test_long_calls_block_nobody(self):
        srs = [self.create_sr("test") for _ in range(8)]
        for _, folder in srs:
            self.misbehave(folder, "sr_scan")
        tasks = [self.api("Async.SR.scan", sr) for sr, _ in srs]
        self.assertEqual(self.api("SR.get_supported_types"), storage.TYPES)
        for task in tasks:
            self.api("task.cancel", task)
        for task in tasks:
            self.assertEqual(self.wait_task(task)["status"], "cancelled")


class OwnTest(case.ApiTest):
    """Tasks that clients make and move themselves."""

    def setUp(self):
        super().setUp()
        self.task = self.api("task.create", "a label", "a description")

    def test_new_task_is_pending_and_the_sessions(self):
        record = self.api("task.get_record", self.task)
        wanted = {"name_label": "a label", "name_description": "a description", "status": "pending", "progress": 0.0, "finished": NEVER,
                  "type": "<none/>", "result": "", "error_info": [], "session": self.api.session, "externalpid": -1, "backtrace": "()",
                  "resident_on": self.api("host.get_all")[0]}
        self.assertEqual({key: record[key] for key in wanted}, wanted)
        self.assertIn(self.task, self.api("task.get_by_name_label", "a label"))

    def test_fields_are_set_by_the_client(self):
        for field, value in (("progress", 0.5), ("result", "<value>x</value>"), ("error_info", ["A", "b"]), ("status", "success")):
            self.api(f"task.set_{field}", self.task, value)
            self.assertEqual(self.api(f"task.get_{field}", self.task), value)
        self.api("task.destroy", self.task)

    def test_host_is_set_by_the_client(self):
        host = self.api("host.get_all")[0]
        for value in (NULL, host):
            self.api("task.set_resident_on", self.task, value)
            self.assertEqual(self.api("task.get_resident_on", self.task), value)
        self.assert_fails("HANDLE_INVALID", ["host", NOBODY], self.api, "task.set_resident_on", self.task, NOBODY)
        self.assert_fails("HANDLE_INVALID", ["task", NOBODY], self.api, "task.set_resident_on", NOBODY, host)

    def test_progress_stays_between_0_and_1(self):
        for given, kept in ((1.5, 1.0), (-1.0, 0.0)):
            self.api("task.set_progress", self.task, given)
            self.assertEqual(self.api("task.get_progress", self.task), kept)

    def test_ending_it_sets_when(self):
        self.api("task.set_status", self.task, "success")
        self.assertGreater(self.api("task.get_finished", self.task), NEVER)

    def test_cancelling_it_is_no_error(self):
        self.api("task.cancel", self.task)

    def test_destroyed_pending_task_goes_when_the_client_ends_it(self):
        self.api("task.destroy", self.task)
        self.assertEqual(self.api("task.get_current_operations", self.task), {self.task: "destroy"})
        self.api("task.set_status", self.task, "failure")
        self.assertNotIn(self.task, self.api("task.get_all"))


class RestartTest(storage.StorageTest):
    def test_ended_tasks_survive_a_kill(self):
        task = self.api("Async.SR.get_supported_types")
        record = self.wait_task(task)
        self.restart(kill=True)
        self.api = self.new_wire()
        after = self.api("task.get_record", task)
        for key in ("uuid", "name_label", "status", "result", "created", "finished", "error_info", "progress"):
            self.assertEqual(after[key], record[key], key)
        self.api("task.destroy", task)

    def test_pending_tasks_fail_by_a_kill(self):
        sr, folder = self.create_sr("test")
        self.misbehave(folder, "sr_scan")
        task = self.api("Async.SR.scan", sr)
        waiting = self.new_wire()
        waiting.send_request("POST", "/", call_xml("SR.update", waiting.session, sr).encode())
        self.wait_running(folder, "sr_scan")
        self.behave(folder, "sr_scan")
        self.restart(kill=True)
        self.api = self.new_wire()
        record = self.api("task.get_record", task)
        self.assertEqual([record["status"], record["error_info"][0], record["progress"], record["session"]],
                         ["failure", "INTERNAL_ERROR", 1.0, NULL])
        self.assertGreaterEqual(record["finished"], record["created"])
        self.assertEqual(self.api("SR.get_current_operations", sr), {})
        names = [record["name_label"] for record in self.api("task.get_all_records").values()]
        self.assertEqual([name for name in names if not name.startswith("Async.")], [])
        self.api("SR.scan", sr)

    def test_tasks_of_clients_fail_by_a_restart(self):
        task = self.api("task.create", "a client's", "")
        self.restart()
        self.assertEqual(self.new_wire()("task.get_status", task), "failure")

    def test_tasks_that_were_being_cancelled_are_cancelled_by_a_kill(self):
        sr, folder = self.create_sr("test")
        self.misbehave(folder, "vdi_create", "hang")
        self.misbehave(folder, "sr_scan", "hang")  # by which it finds out what there is to undo
        task = self.api("Async.VDI.create", storage.disk_record(sr))
        own, said = (self.api("task.create", "", "") for _ in range(2))
        self.wait_running(folder, "vdi_create")
        for ref in (task, own):
            self.api("task.cancel", ref)
        self.api("task.set_status", said, "cancelling")
        self.wait_running(folder, "sr_scan")
        self.assertEqual(self.api("task.get_status", task), "pending")
        self.behave(folder, "sr_scan")
        self.restart(kill=True)
        self.api = self.new_wire()
        for ref in (task, own, said):
            record = self.api("task.get_record", ref)
            self.assertEqual([record["status"], record["error_info"], record["current_operations"]],
                             ["cancelled", ["TASK_CANCELLED", ref], {}])
        self.assertEqual(self.api("SR.get_VDIs", sr), [])

    def test_tasks_destroyed_while_pending_go_by_a_kill(self):
        task = self.api("task.create", "a client's", "")
        self.api("task.destroy", task)
        self.restart(kill=True)
        self.api = self.new_wire()
        self.assertNotIn(task, self.api("task.get_all"))

    def test_server_stops_though_a_task_hangs(self):
        sr, folder = self.create_sr("test")
        self.misbehave(folder, "sr_scan")
        task = self.api("Async.SR.scan", sr)
        self.wait_running(folder, "sr_scan")
        self.behave(folder, "sr_scan")
        self.restart()
        self.assertIn(self.new_wire()("task.get_status", task), ("cancelled", "failure"))

    def test_server_stops_though_clients_wait(self):
        api = self.new_wire()
        token = api("event.from", ["pool"], "", 10.0).content["token"].content
        waiting = [self.closed_at_end(Wire(self.stack.socket, api.session)) for _ in range(10)]
        for connection in waiting:
            connection.send_request("POST", "/", call_xml("event.from", api.session, ["pool"], token, 3600.0).encode())
        self.restart()
        for connection in waiting:
            response = connection.read_response()
            self.assertTrue(response is None or b"Failure" in response[2] or response[0].startswith("HTTP/1.1 503 "), response)


if __name__ == "__main__":
    case.main("api/task")
