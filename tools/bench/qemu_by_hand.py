# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a VM's start costs on top of QEMU's own: the command line that the domain service used is run again by hand."""

import json
import socket
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import run as make_run

ROUNDS = 5
DEADLINE_SECONDS = 30


@dataclass
class Row:
    """One result in milliseconds; @reference None: there is none."""
    name: str
    ours: float
    reference: float = None
    what: str = ""


def command_line(pid):
    """What a process was started with."""
    return [word.decode() for word in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]]


def monitor_path(command):
    """The QMP socket that a command line makes QEMU listen on."""
    for word in command:
        for part in word.replace("unix:", "path=").split(","):
            if part.startswith("path=") and "qmp" in part:
                return Path(part.removeprefix("path="))
    raise ValueError("no QMP socket in " + " ".join(command))


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


def launch_by_hand(command):
    """Milliseconds from fork to a running guest."""
    path = monitor_path(command)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    started = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        talk(path)
        return (time.monotonic() - started) * 1000
    finally:
        process.kill()
        process.wait()


def measure(stack):
    """Rows about the demo guest."""
    make_run.ensure_template_disk(stack, make_run.ensure_storage(stack))
    client = stack.client()
    vm = client.VM.get_by_uuid(make_run.ensure_guest(stack))
    starts, stops, commands = [], [], []
    for _ in range(ROUNDS):
        began = time.monotonic()
        client.VM.start(vm, False, False)
        starts.append((time.monotonic() - began) * 1000)
        commands.append(command_line(stack.guest_processes()[0]))
        began = time.monotonic()
        client.VM.hard_shutdown(vm)
        stops.append((time.monotonic() - began) * 1000)
    by_hand = [launch_by_hand(command) for command in commands]
    yield Row("VM.start until the guest runs", statistics.median(starts), statistics.median(by_hand), "the same QEMU command by hand")
    yield Row("VM.hard_shutdown", statistics.median(stops))
