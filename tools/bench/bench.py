#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures the server against references in the same run and prints ratios; bare times would say more of the machine.

    tools/bench/bench.py --build build [--only power-state] [--largest 10000]
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

import download  # noqa: E402
import event_clients  # noqa: E402
import load  # noqa: E402
import qemu_by_hand  # noqa: E402
from stack import Stack, StackError  # noqa: E402

TEMPLATE = "Other install media"
CLONERS = 8
WRITTEN_VMS = 64
CONNECTIONS = (1, 8, 64)
STARTS = 3

# By number of VMs: the goals. Half the constant reply's rate is twice its time.
RECORDS = {
    100: {"rate": None, "start": None, "memory": None},
    1000: {"rate": ">= 0.5", "start": "<= 0.2", "memory": "<= 40"},
    10000: {"rate": None, "start": "<= 1", "memory": "<= 250"},
}
WRITERS = {1: ">= 0.5", 32: ">= 5"}
WAITING = {1: None, 100: "<= 2", 1000: None}
WAITING_MOST = 10000
FEW_VMS = 10
STORM_CLIENTS = 8
STORM_VMS = 100
STORM_SECONDS = 3
XE_RUNS = 500


def is_met(value, goal):
    """Whether "<= 1.2" or ">= 0.6" is true of a value."""
    comparison, bound = goal.split()
    return value <= float(bound) if comparison == "<=" else value >= float(bound)


class Table:
    """Rows of results: what, ours, the reference, their ratio, the goal for the ratio (without reference: for ours)."""

    def __init__(self):
        print(f"{'measured':<42}{'Xylem':>15}{'reference':>15}{'ratio':>7}  {'goal':<9}{'met':<5}reference is", flush=True)

    def row(self, name, ours, unit, reference=None, goal=None, note=""):
        """One result."""
        value = ours if reference is None else ours / reference
        ratio = "" if reference is None else f"{value:.2f}"
        against = "" if reference is None else f"{number(reference)} {unit:<3}"
        met = "" if goal is None else "yes" if is_met(value, goal) else "no"
        print(f"{name:<42}{number(ours) + ' ' + unit.ljust(3):>15}{against:>15}{ratio:>7}  {goal or '':<9}{met:<5}{note}", flush=True)


def number(value):
    """Three digits at least, and no exponents."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


class Bench:
    """The measurements; each starts what it needs."""

    def __init__(self, options, scratch):
        self.options = options
        self.scratch = Path(scratch)
        self.table = Table()

    def stack(self, name, **settings):
        """A pair of daemons over a fresh state directory, or over an earlier one of this name."""
        return Stack(self.options.build, self.scratch / name, guest_dir=self.options.guest_dir, **settings)

    @staticmethod
    def add_vms(stack, count):
        """Clones until there are so many VMs; by several clients, as commits that arrive together share a sync."""
        template = stack.client().VM.get_by_name_label(TEMPLATE)[0]
        have = sum(1 for vm in stack.client().VM.get_all_records().values() if vm["name_label"].startswith("bench "))
        numbers = iter(range(have, count))
        lock = threading.Lock()

        def work():
            client = stack.client()
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    client.logout()
                    return
                client.VM.provision(client.VM.clone(template, f"bench {number}"))

        workers = [threading.Thread(target=work) for _ in range(CLONERS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def reply_size(self, stack, body):
        """Bytes of the answer's body."""
        client = stack.client()
        return len(client.post("/", "text/xml", body.encode()))

    def compare_calls(self, stack, name, method, params, connections, goal=None):
        """One call's rate against a constant answer of the same size, at several numbers of connections. Gives the last rate of ours."""
        client = stack.client()
        body = load.body(method, client.session, *params)
        size = self.reply_size(stack, body)
        pid, port = stack.processes["xylemd"].pid, stack.ports()["plain"]
        load.pin(pid)
        with load.constant_server(self.options.build, size, self.options.threads) as (other_pid, other_port):
            for count in connections:
                ours, reference = load.interleaved(lambda: load.wrk_rate(port, count, [body]),
                                                   lambda: load.wrk_rate(other_port, count, [body]))
                label = name if len(connections) == 1 else f"{name}, {count} connection{'s' if count > 1 else ''}"
                self.table.row(label, ours, "/s", reference, goal, f"constant reply of {size:,} bytes")
                ours, reference = load.interleaved(lambda: load.processor_rate(pid, port, count, [body]),
                                                   lambda: load.processor_rate(other_pid, other_port, count, [body]))
                self.table.row("  by processor time", ours, "/s", reference, goal, "the same, by what both ends use of the core")
        load.unpin(pid)
        return ours

    def power_state(self):
        """VM.get_power_state over kept connections."""
        stack = self.stack("calls", backend="fake")
        try:
            stack.start()
            self.add_vms(stack, 1)
            vm = stack.client().VM.get_by_name_label("bench 0")[0]
            rate = self.compare_calls(stack, "VM.get_power_state", "VM.get_power_state", [vm], CONNECTIONS, goal=">= 0.6")
            self.table.row("  by processor time, as a number", rate, "/s", goal=">= 32000",
                           note=f"{CONNECTIONS[-1]} connections; by the clock: see above")
            stack.stop()
        finally:
            stack.kill_all()

    def records(self):
        """VM.get_all_records of many VMs; memory and start-up with as many."""
        first = None
        for count, goals in RECORDS.items():
            if count > self.options.largest:
                continue
            stack = self.stack("records", backend="fake")
            try:
                stack.start()
                self.add_vms(stack, count)
                name = f"VM.get_all_records, {count:,} VMs"
                rate = self.compare_calls(stack, name, "VM.get_all_records", [], (1,), goals["rate"])
                per_vm = 1e6 / rate / count
                first = first or per_vm
                self.table.row("  time per VM", per_vm, "us", first, None, f"at {min(RECORDS)} VMs; 1 is linear")
                stack.stop()
                self.footprint(stack, count, goals)
            finally:
                stack.kill_all()

    def footprint(self, stack, count, goals):
        """Memory and start-up with so many VMs."""
        seconds = load.timed(stack.start)
        for _ in range(STARTS - 1):
            stack.stop()
            seconds = min(seconds, load.timed(stack.start))
        pid = stack.processes["xylemd"].pid
        self.table.row("  start-up of both daemons, the shortest", seconds, "s", goal=goals["start"], note=f"of {STARTS}")
        self.table.row("  resident memory", load.resident_kib(pid) / 1024, "MB", goal=goals["memory"])
        stack.client().VM.get_all_records()
        self.table.row("  resident memory after all were read", load.resident_kib(pid) / 1024, "MB", goal=goals["memory"])
        stack.stop()

    def durable_writes(self):
        """A field of a VM, durable at the answer; the disk's own rate is the reference."""
        stack = self.stack("writes", backend="fake")
        try:
            stack.start()
            self.add_vms(stack, WRITTEN_VMS)
            client = stack.client()
            vms = [vm for vm, record in client.VM.get_all_records().items() if record["name_label"].startswith("bench ")]
            bodies = [load.body("VM.set_name_description", client.session, vm, "@@") for vm in vms]
            for writers, goal in WRITERS.items():
                ours, reference = load.interleaved(
                    lambda: load.wrk_rate(stack.ports()["plain"], writers, bodies, core=None),
                    lambda: load.fsync_rate(self.options.build, self.scratch))
                self.table.row(f"durable field writes, {writers} writer{'s' if writers > 1 else ''}", ours, "/s", reference, goal,
                               "4 KiB append + fdatasync")
            stack.stop()
        finally:
            stack.kill_all()

    @contextlib.contextmanager
    def running(self, name, count):
        """A stack with fake guests, ended with the block."""
        stack = self.stack(name, backend="fake")
        try:
            stack.start()
            self.add_vms(stack, count)
            yield stack
            stack.stop()
        finally:
            stack.kill_all()

    def json_rpc(self):
        """The same calls by JSON-RPC, beside XML-RPC."""
        with self.running("json", 1) as stack:
            client = stack.client()
            vm = client.VM.get_by_name_label("bench 0")[0]
            pid, port = stack.processes["xylemd"].pid, stack.ports()["plain"]
            load.pin(pid)
            for method in ("VM.get_power_state", "VM.get_record"):
                bodies = [[make(method, client.session, vm)] for make in (load.json_body, load.body)]
                ours, reference = load.interleaved(*(lambda body=body: load.wrk_rate(port, 8, body) for body in bodies))
                self.table.row(f"{method} by JSON-RPC", ours, "/s", reference, None, "the same by XML-RPC; 8 connections")
                ours, reference = load.interleaved(*(lambda body=body: load.processor_rate(pid, port, 8, body) for body in bodies))
                self.table.row("  by processor time", ours, "/s", reference, None, "the same, by what both ends use of the core")
            load.unpin(pid)

    def event_latency(self):
        """From a commit to the clients that wait for it."""
        with self.running("events", 0) as stack:
            for count, goal in WAITING.items():
                latency = event_clients.measure_latency(self.options.build, stack, count)
                name = f"event to {count:,} waiting client{'s' if count > 1 else ''}, the median"
                self.table.row(name, latency.median * 1e3, "ms", latency.write * 1e3, None, "the write's own answer")
                self.table.row("  of that after the commit, at most", latency.after * 1e3, "ms", goal=goal)
                self.table.row("  the last of them", latency.last * 1e3, "ms", latency.write * 1e3)
                self.table.row("  processor time for each", latency.processor * 1e6, "us")
            cost = event_clients.measure_cost(self.options.build, stack, WAITING_MOST)
            self.table.row(f"memory for each of {WAITING_MOST:,} waiting clients", cost.kib, "KiB")
            self.table.row("  a write while they wait for other things", cost.with_them * 1e6, "us", cost.without * 1e6, "<= 1.2",
                           "with nobody waiting; processor time of the server")
            latency = event_clients.measure_latency(self.options.build, stack, WAITING_MOST)
            self.table.row("  event to all of them, the last", latency.last * 1e3, "ms", latency.write * 1e3)

    def uuid_lookup(self):
        """VM.get_by_uuid among many VMs and among few."""
        with self.running("few", FEW_VMS) as few, self.running("many", self.options.largest) as many:
            sides = []
            for stack in (many, few):
                client = stack.client()
                uuid = client.VM.get_uuid(client.VM.get_by_name_label("bench 0")[0])
                pid, port = stack.processes["xylemd"].pid, stack.ports()["plain"]
                load.pin(pid)
                sides.append(lambda body=load.body("VM.get_by_uuid", client.session, uuid), pid=pid, port=port:
                             load.processor_rate(pid, port, 8, [body]))
            ours, reference = load.interleaved(*sides)
            self.table.row(f"VM.get_by_uuid among {self.options.largest:,} VMs", ours, "/s", reference, ">= 0.9",
                           f"among {FEW_VMS}; 8 connections, by processor time")

    def storm(self):
        """What eight clients that ask without a pause do to a ninth, which is written in Python as most are."""
        with self.running("storm", STORM_VMS) as stack:
            clients = [stack.client() for _ in range(STORM_CLIENTS)]
            ninth = stack.client()
            vms = [vm for vm, record in ninth.VM.get_all_records().items() if record["name_label"].startswith("bench ")]
            host = ninth.host.get_all()[0]
            port = stack.ports()["plain"]
            storms = {
                "getters": [load.body("VM.get_power_state", client.session, vms[0]) for client in clients],
                f"lists of {STORM_VMS} records": [load.body("VM.get_all_records", client.session) for client in clients],
                "durable writes": [load.body("VM.set_name_description", client.session, vm, "@@") for client, vm in zip(clients, vms)],
                "calls with a handler": [load.body("host.get_servertime", client.session, host) for client in clients],
            }
            for name, bodies in storms.items():
                alone = load.median(ninth.VM.get_power_state, vms[-1])
                with load.storm(port, STORM_CLIENTS, bodies, STORM_SECONDS):
                    among = load.median(ninth.VM.get_power_state, vms[-1])
                self.table.row(f"a ninth's call, among {name}", among * 1e3, "ms", alone * 1e3, "<= 3", "alone; medians")

    def xe_list(self):
        """xe vm-list, one after the other."""
        with self.running("xe", FEW_VMS) as stack:
            ours = load.timed(lambda: [stack.xe("vm-list") for _ in range(XE_RUNS)])
            reference = load.timed(lambda: [subprocess.run(["/bin/true"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
                                            for _ in range(XE_RUNS)])
            self.table.row(f"{XE_RUNS} times xe vm-list, {FEW_VMS} VMs", ours, "s", reference, None,
                           f"{XE_RUNS} times a program that does nothing")

    def tls_download(self):
        """A large file over TLS."""
        tls, plain = download.measure(self.options.build, self.scratch)
        self.table.row("download of 1 GiB over TLS", tls, "MB/s", plain, None, "the same without TLS")
        self.table.row("  time, as a multiple", plain / tls, "x")

    def start_vm(self):
        """VM.start until the call returns, against the same QEMU command by hand; hard shutdown."""
        stack = self.stack("guests", backend="qemu")
        try:
            stack.start()
            for row in qemu_by_hand.measure(stack):
                self.table.row(row.name, row.ours, "ms", row.reference, row.goal, row.what)
            stack.stop()
        finally:
            stack.kill_all()
            stack.kill_guests()


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--guest-dir", type=Path, default=os.environ.get("XYLEM_GUEST_DIR", "build/guest"))
    parser.add_argument("--only", default="", help="part of a measurement's name")
    parser.add_argument("--largest", type=int, default=10000, help="number of VMs")
    parser.add_argument("--threads", type=int, default=2, help="event threads of the constant server; as many as xylemd's")
    options = parser.parse_args()
    options.build, options.guest_dir = options.build.resolve(), options.guest_dir.resolve()

    with tempfile.TemporaryDirectory(prefix="xylem-bench-") as scratch:
        bench = Bench(options, scratch)
        started = time.monotonic()
        for name in ("power_state", "json_rpc", "durable_writes", "records", "uuid_lookup", "event_latency", "storm", "xe_list",
                     "tls_download", "start_vm"):
            if options.only.replace("-", "_") in name:
                try:
                    getattr(bench, name)()
                except (load.BenchError, StackError) as error:
                    print(f"{name}: {error}", file=sys.stderr)
                    return 1
        print(f"({time.monotonic() - started:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
