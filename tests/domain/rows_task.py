# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rows of Task.* and Updates.*."""

from rows import drives


def begin_slow_start(case):
    """A start that waits for its disk; its task."""
    case.wire.add()
    case.wire.call("VBD.add", t={"id": "vm.xvda", "position": 0, "mode": "ReadWrite", "ty": "Disk", "backend": ["VDI", "slow/vdi"]})
    task = case.wire.call("Vm.start", id="vm")
    case.storage.waiting.wait()
    return task


@drives("Task.stat", "Task.wait")
def progress(case):
    task = begin_slow_start(case)
    case.equal(case.wire.call("Task.stat", id=task)["result"][0], "Pending")
    case.equal(case.wire.call("Task.wait", id=task, timeout=0.0)["result"][0], "Pending")
    case.storage.released.set()
    case.wire.wait(task)
    told = case.wire.call("Task.stat", id=task)
    case.equal((told["id"], told["result"][0]), (task, "Completed"))
    case.test.assertTrue(told["subtasks"])


@drives("Task.cancel", "Task.destroy", "Task.list")
def cancel(case):
    task = begin_slow_start(case)
    case.test.assertIn(task, [told["id"] for told in case.wire.call("Task.list")])
    case.wire.call("Task.cancel", id=task)
    with case.test.assertRaises(Exception) as caught:
        case.wire.wait(task)
    case.equal(caught.exception.args, ("Cancelled", task))
    case.equal(case.wire.power(), "Halted")
    case.wire.call("Task.destroy", id=task)
    case.refused(("Does_not_exist", "Task", task), "Task.stat", id=task)
    case.test.assertNotIn(task, [told["id"] for told in case.wire.call("Task.list")])


@drives("Updates.get", "Updates.inject_barrier", "Updates.remove_barrier")
def updates(case):
    wire = case.wire
    token = wire.call("Updates.get", timeout=0.0)[2]
    wire.add("before")
    wire.call("Updates.inject_barrier", id=1 << 40)
    wire.add("after")
    barriers, events, after = wire.call("Updates.get", last=token, timeout=30.0)
    case.equal((barriers, events), ([[1 << 40, [["Vm", "before"]]]], [["Vm", "after"]]))
    wire.call("Updates.remove_barrier", id=1 << 40)
    case.equal(wire.call("Updates.get", last=token, timeout=0.0)[:2], [[], [["Vm", "before"], ["Vm", "after"]]])
    case.equal(wire.call("Updates.get", last=after, timeout=0.0)[:2], [[], []])
