# SPDX-License-Identifier: LGPL-2.1-or-later
"""Means of measuring: wrk pinned to one core with the server, the reference servers and probes, memory and times of a process."""

import contextlib
import json
import os
import re
import statistics
import subprocess
import tempfile
import threading
import time
import xmlrpc.client
from pathlib import Path

import xenapi_client

HERE = Path(__file__).resolve().parent
SECONDS = 1
ROUNDS = 5
STORM_LEAD_SECONDS = 0.5
CORE = 0


class BenchError(Exception):
    """A measurement that cannot be made, in one line."""


def pin(pid, core=CORE):
    """All threads of a process onto one core: rates without pinning measure the scheduler."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(task.name), {core})


def unpin(pid):
    """Back onto all cores."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(task.name), os.sched_getaffinity(0))


def resident_kib(pid):
    """Memory that a process has in RAM."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1))


def body(method, *params):
    """A call as XML, on one line."""
    text = xmlrpc.client.dumps(tuple(xenapi_client.on_wire(param) for param in params), method)
    return re.sub(r">\s+<", "><", text.replace("\n", ""))


def json_body(method, *params):
    """The same as JSON-RPC 2.0."""
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": 1})


def processor_seconds(pid):
    """What all threads of a process have used of the processors, children left out."""
    used = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            used += int((task / "schedstat").read_text(encoding="ascii").split()[0])
    return used / 1e9


def processor_rate(pid, port, connections, bodies):
    """Answers per second of processor time that server and client use together: their rate on a core that does nothing else."""
    children = os.times()
    server = processor_seconds(pid)
    count = wrk_rate(port, connections, bodies, core=CORE) * SECONDS
    after = os.times()
    client = after.children_user + after.children_system - children.children_user - children.children_system
    return count / (processor_seconds(pid) - server + client)


def wrk(port, connections, bodies, seconds=SECONDS, core=CORE):
    """What wrk prints after posting @bodies over kept connections."""
    with tempfile.NamedTemporaryFile("w", suffix=".bodies", encoding="utf-8") as file:
        file.write("\n".join(bodies) + "\n")
        file.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", HERE / "post.lua",
                   f"http://127.0.0.1:{port}/"]
        if core is not None:
            command = ["taskset", "--cpu-list", str(core), *command]
        result = subprocess.run(command, env={**os.environ, "XYLEM_BENCH_BODIES": file.name}, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if "Requests/sec:" not in result.stdout or "Non-2xx" in result.stdout or "Socket errors" in result.stdout:
        raise BenchError(f"wrk: {' '.join(result.stdout.split())}")
    return result.stdout


def wrk_rate(port, connections, bodies, seconds=SECONDS, core=CORE):
    """Answers per second."""
    return float(re.search(r"Requests/sec:\s*([0-9.]+)", wrk(port, connections, bodies, seconds, core)).group(1))


@contextlib.contextmanager
def storm(port, connections, bodies, seconds):
    """@connections clients that ask without a pause for @seconds, from before the block until at least its end."""
    failures = []

    def work():
        try:
            wrk(port, connections, bodies, seconds, core=None)
        except BenchError as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(STORM_LEAD_SECONDS)
    yield
    if not thread.is_alive():
        failures.append(BenchError("the storm was over too soon"))
    thread.join()
    if failures:
        raise failures[0]


def interleaved(first, second, rounds=ROUNDS):
    """Medians of two measurements made in turn, so that what else the machine does hits both."""
    values = [(first(), second()) for _ in range(rounds)]
    return statistics.median(a for a, _ in values), statistics.median(b for _, b in values)


@contextlib.contextmanager
def constant_server(build, size, threads=1):
    """A server over the same HTTP library that answers @size bytes to everything: its process id and port."""
    program = Path(build) / "tools/constant_server"
    if not program.exists():
        raise BenchError(f"{program} is not there")
    process = subprocess.Popen([program, "0", str(size), str(threads)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        port = int(process.stdout.readline())
        pin(process.pid)
        yield process.pid, port
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def fsync_rate(build, folder):
    """Durable 4 KiB appends per second on the disk of @folder."""
    result = subprocess.run([Path(build) / "tools/fsync_probe", folder, str(SECONDS)], stdout=subprocess.PIPE, text=True, check=True)
    return float(result.stdout)


def median(function, *arguments):
    """Median seconds of the calls that fit into the time of a measurement."""
    end, times = time.monotonic() + SECONDS, []
    while time.monotonic() < end:
        times.append(timed(function, *arguments))
    return statistics.median(times)


def timed(function, *arguments):
    """Seconds that a call takes."""
    started = time.monotonic()
    function(*arguments)
    return time.monotonic() - started
