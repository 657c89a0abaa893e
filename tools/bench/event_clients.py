# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients that wait for events: how long after a commit they hear of it, what they cost while they wait, and what they cost others."""

import contextlib
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import load

ROUNDS = 15
QUIET_SECONDS = 0.05
TIMEOUT_SECONDS = 3600.0
WRITES = 200


@dataclass
class Latency:
    """Of one number of clients, from the moment the write is sent: medians over rounds, in seconds."""
    median: float     # of a round's clients
    last: float       # of a round's last client
    write: float      # until the write's own answer
    after: float      # from the commit to the median client, at most
    processor: float  # the server's processor time for each client: its answer and its next call


@dataclass
class Cost:
    """Of clients that wait for something that does not happen."""
    kib: float        # of the server's memory for each
    without: float    # the server's processor time for a write with none of them
    with_them: float


class EventClients:
    """@count clients of tools/bench/event_clients.c, all of one session, that wait for changes of @classes."""

    def __init__(self, build, stack, client, classes, count):
        program = Path(build) / "tools/event_clients"
        if not program.exists():
            raise load.BenchError(f"{program} is not there")
        token = client.call("event.from", ["nothing"], "", 0.0)["token"]
        self.pid = stack.processes["xylemd"].pid
        with tempfile.NamedTemporaryFile("w", suffix=".xml", encoding="utf-8") as file:
            file.write(load.body("event.from", client.session, classes, token, TIMEOUT_SECONDS))
            file.flush()
            self.process = subprocess.Popen([program, str(stack.ports()["plain"]), str(count), file.name], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, text=True)
            self.expect_waiting()

    def close(self):
        """Ends them."""
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def line(self):
        """The next one they print."""
        text = self.process.stdout.readline()
        if not text:
            raise load.BenchError("event_clients has ended")
        return text

    def expect_waiting(self):
        """Until they have called and the server has nothing more to do with it."""
        if self.line() != "waiting\n":
            raise load.BenchError("event_clients does not wait")
        before = -1.0
        while (now := load.processor_seconds(self.pid)) - before > QUIET_SECONDS / 50:
            before = now
            time.sleep(QUIET_SECONDS)

    def say(self, line):
        """One line to them."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def arrivals(self):
        """Seconds (monotonic) at which each has had its answer, in order; then they wait again."""
        times = [int(word) / 1e9 for word in self.line().split()]
        self.say("call")
        self.expect_waiting()
        return times


@contextlib.contextmanager
def waiting(build, stack, client, classes, count):
    """EventClients that end with the block."""
    clients = EventClients(build, stack, client, classes, count)
    try:
        yield clients
    finally:
        clients.close()


def measure_latency(build, stack, count):
    """A field of the pool is set; each of @count clients is told. The write's own answer leaves after the commit, too, and takes less than
    a getter's round trip on its way, so that the commit was at most that long before its arrival."""
    client = stack.client()
    pool = client.pool.get_all()[0]
    medians, lasts, writes, afters = [], [], [], []
    trip = statistics.median(load.timed(client.call, "pool.get_uuid", pool) for _ in range(WRITES))
    with waiting(build, stack, client, ["pool"], count) as clients:
        used = load.processor_seconds(clients.pid)
        for number in range(ROUNDS):
            clients.say("round")
            sent = time.monotonic()
            client.call("pool.set_name_description", pool, f"{count} {number}")
            answered = time.monotonic()
            times = clients.arrivals()
            medians.append(statistics.median(times) - sent)
            lasts.append(times[-1] - sent)
            writes.append(answered - sent)
            afters.append(max(statistics.median(times) - answered, 0) + trip)
        used = load.processor_seconds(clients.pid) - used
    client.logout()
    return Latency(*map(statistics.median, (medians, lasts, writes, afters)), used / ROUNDS / count)


def measure_cost(build, stack, count):
    """What so many of them cost."""
    client = stack.client()
    pool = client.pool.get_all()[0]

    pid = stack.processes["xylemd"].pid

    def processor_time():
        before = load.processor_seconds(pid)
        for number in range(WRITES):
            client.call("pool.set_name_description", pool, f"{before} {number}")
        return (load.processor_seconds(pid) - before) / WRITES

    without, memory = processor_time(), load.resident_kib(pid)
    with waiting(build, stack, client, ["SM", "task/OpaqueRef:none", "VIF"], count):
        kib = (load.resident_kib(pid) - memory) / count
        with_them = processor_time()
    without = (without + processor_time()) / 2
    client.logout()
    return Cost(kib, without, with_them)
