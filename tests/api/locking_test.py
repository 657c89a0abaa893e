#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may do what at the same time: threads shared between sessions, and one operation on an object at a time.
Source: protocol notes 3."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import case  # noqa: E402
import storage  # noqa: E402
from wire import call_xml, read_answer  # noqa: E402

N_WORKERS = 8
SHARE = N_WORKERS // 2
MANY = 100


class FairTest(storage.StorageTest):
    """One client that starts much and ends nothing. The server has few threads, so that they are soon all taken."""

    OPTIONS = ("--workers", str(N_WORKERS))

    def busy_srs(self, count):
        """SRs whose scan hangs: (reference, folder) each."""
        srs = [self.create_sr("test") for _ in range(count)]
        for _, folder in srs:
            self.misbehave(folder, "sr_scan")
        self.addCleanup(self.cancel_all)
        return srs

    def cancel_all(self):
        """What a failed test may have left running."""
        api = self.new_wire()
        for task, record in api("task.get_all_records").items():
            if record["status"] == "pending":
                api("task.cancel", task)

    def running(self, srs):
        """Those whose scan has got to the plugin."""
        return [sr for sr, folder in srs if (folder / "sr_scan.running").exists()]

    def cancel(self, tasks, api=None):
        """All of them, and waits for their ends."""
        for task in tasks:
            (api or self.api)("task.cancel", task)
        for task in tasks:
            self.assertEqual(self.wait_task(task)["status"], "cancelled")

    def test_many_slow_calls_starve_nobody(self):
        srs = self.busy_srs(SHARE + 2)
        tasks = [self.api("Async.SR.scan", srs[number % len(srs)][0]) for number in range(MANY)]
        storage.wait_until(lambda: len(self.running(srs)) == SHARE, "the share is at work", 30)
        other = self.new_wire()
        self.assertEqual(other("SR.get_supported_types"), ["file", "test"])
        self.assertEqual(self.wait_task(other("Async.SR.get_supported_types"), other)["status"], "success")
        self.assertEqual(len(self.running(srs)), SHARE)
        self.cancel(tasks[::-1])

    def test_several_sessions_full_of_slow_calls_starve_nobody(self):
        srs = self.busy_srs(N_WORKERS)
        sessions = [self.new_wire() for _ in range(2)]
        tasks = [(session, session("Async.SR.scan", sr)) for session in sessions for sr, _ in srs]
        storage.wait_until(lambda: len(self.running(srs)) >= SHARE + 1, "threads are taken", 30)
        self.assertEqual(self.new_wire()("SR.get_supported_types"), ["file", "test"])
        for session, task in tasks[::-1]:
            session("task.cancel", task)
        for session, task in tasks:
            self.assertIn(self.wait_task(task)["status"], ("cancelled", "failure"))

    def test_task_that_waits_for_a_thread_is_there_and_can_be_cancelled(self):
        srs = self.busy_srs(SHARE + 1)
        tasks = [self.api("Async.SR.scan", sr) for sr, _ in srs[:SHARE]]
        storage.wait_until(lambda: len(self.running(srs)) == SHARE, "the share is at work", 30)
        waiting = self.api("Async.SR.scan", srs[-1][0])
        self.assertEqual(self.api("task.get_status", waiting), "pending")
        self.api("task.cancel", waiting)
        self.assertEqual(self.wait_task(waiting)["error_info"], ["TASK_CANCELLED", waiting])
        self.assertNotIn(srs[-1][0], self.running(srs))
        self.cancel(tasks)

    def test_getters_and_lists_do_not_wait_for_threads(self):
        srs = self.busy_srs(SHARE + 1)
        tasks = [self.api("Async.SR.scan", sr) for sr, _ in srs]
        storage.wait_until(lambda: len(self.running(srs)) == SHARE, "the share is at work", 30)
        self.assertEqual(set(self.api("SR.get_all_records")), {*self.api("SR.get_all")})
        self.api("SR.add_to_other_config", srs[0][0], "key", "value")
        self.cancel(tasks[::-1])

    def test_too_many_waiting_calls_are_refused(self):
        srs = self.busy_srs(SHARE)
        tasks = [self.api("Async.SR.scan", sr) for sr, _ in srs]
        storage.wait_until(lambda: len(self.running(srs)) == SHARE, "the share is at work", 30)
        queued = []
        with self.assertRaises(case.wire.ApiFailure) as caught:
            while len(queued) < 2000:
                queued.append(self.api("Async.SR.scan", srs[0][0]))
        self.assertEqual([caught.exception.code, caught.exception.params], ["TOO_MANY_PENDING_TASKS", []])
        sync = self.closed_at_end(case.wire.Wire(self.stack.socket, self.api.session))
        sync.send_request("POST", "/", call_xml("SR.scan", self.api.session, srs[0][0]).encode())
        self.assert_fails("TOO_BUSY", [], read_answer, sync.read_response()[2])
        self.assertEqual(self.new_wire()("SR.get_supported_types"), ["file", "test"])
        self.cancel(queued + tasks)


if __name__ == "__main__":
    case.main("api/locking")
