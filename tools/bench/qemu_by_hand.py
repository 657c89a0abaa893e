# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a VM's start costs on top of QEMU's own: the command line that the domain service used is run again by hand."""

import contextlib
import io
import json
import os
import re
import select
import socket
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import load
import run as make_run

ROUNDS = 15
DEADLINE_SECONDS = 30
RUNNING_SECONDS = 0.2  # so that an end is not that of a guest that has not begun


@dataclass
class Row:
    """One result in milliseconds; @reference None: there is none."""
    name: str
    ours: float
    reference: float = None
    goal: str = None
    what: str = ""


def command_line(pid):
    """What a process was started with."""
    return [word.decode() for word in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]]


def run_of(stack, process):
    """What the domain service keeps of the guest whose QEMU this is."""
    runs = (json.loads(path.read_text()) for path in stack.state.glob("xenopsd/vms/*/run/state.json"))
    return next(run for run in runs if run["pid"] == process)


def with_disks(command, run):
    """The command with its disks in it, as one would type it; the domain service adds them over the monitor."""
    words = [word for word in command if word != "-preconfig"]
    for disk in (disk for disk in run["disks"] if disk.get("path")):
        file = {"driver": "file", "filename": disk["path"], "discard": "unmap"}
        node = {"node-name": f"disk-{disk['device']}", "driver": disk["format"], "discard": "unmap", "file": file}
        words += ["-blockdev", json.dumps(node)]
    return words


def with_own_sockets(command, folder):
    """The command with sockets in @folder that QEMU opens itself, for those that it was given open or below an open folder."""
    words = [re.sub(r"^socket,id=(\w+),fd=\d+", rf"socket,id=\1,path={folder}/\1.sock", word) for word in command]
    return [re.sub(r"/proc/self/fd/\d+(?=/)", str(folder), word) for word in words]


def talk(path):
    """Waits for QEMU's monitor, lets the guest run, asks until it does."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        monitor = socket.socket(socket.AF_UNIX)
        try:
            monitor.connect(str(path))
            break
        except OSError:
            monitor.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.001)
    with monitor, monitor.makefile("rw") as file:
        file.readline()
        for name in ("qmp_capabilities", "cont", "query-status"):
            file.write(json.dumps({"execute": name}) + "\n")
            file.flush()
            while "return" not in (answer := json.loads(file.readline())):
                pass
        assert answer["return"]["running"], answer


def end(process):
    """Milliseconds from SIGTERM to the end, which the descriptor of the process tells at once."""
    descriptor = os.pidfd_open(process.pid)
    started = time.monotonic()
    process.terminate()
    select.select([descriptor], [], [], DEADLINE_SECONDS)
    elapsed = (time.monotonic() - started) * 1000
    os.close(descriptor)
    process.kill()
    process.wait()
    return elapsed


def by_hand(command, folder):
    """Milliseconds from fork to a running guest, and of its end."""
    command = with_own_sockets(command, folder)
    path = folder / "qmp.sock"
    path.unlink(missing_ok=True)
    started = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        talk(path)
        elapsed = (time.monotonic() - started) * 1000
        time.sleep(RUNNING_SECONDS)
        return elapsed, end(process)
    finally:
        process.kill()
        process.wait()


def guest_of(stack):
    """The demo guest, halted."""
    with contextlib.redirect_stdout(io.StringIO()):
        make_run.ensure_template_disk(stack, make_run.ensure_storage(stack))
        return stack.client().VM.get_by_uuid(make_run.ensure_guest(stack))


def measure(stack):
    """Rows about the demo guest; ours and by hand in turn, so that what else the machine does hits both."""
    client, vm = stack.client(), guest_of(stack)
    starts, stops, others = [], [], []
    with tempfile.TemporaryDirectory(prefix="by-hand-") as folder:
        for _ in range(ROUNDS):
            starts.append(load.timed(client.VM.start, vm, False, False) * 1000)
            process = stack.guest_processes()[0]
            command = with_disks(command_line(process), run_of(stack, process))
            time.sleep(RUNNING_SECONDS)
            stops.append(load.timed(client.VM.hard_shutdown, vm) * 1000)
            others.append(by_hand(command, Path(folder)))
    start, stop = (statistics.median(column) for column in zip(*others))
    yield Row("VM.start until the guest runs", statistics.median(starts), start, "<= 1.2", "the same QEMU command by hand")
    yield Row("VM.hard_shutdown", statistics.median(stops), goal="<= 20", what=f"median of {ROUNDS}; the shortest took {min(stops):.1f} ms")
    yield Row("  beside QEMU's own end", statistics.median(stops), stop, None, "SIGTERM to the same QEMU, until it has ended")
