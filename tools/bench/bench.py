#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures the server against references in the same run and prints ratios; bare times would say more of the machine.

    tools/bench/bench.py --build build [--only power-state] [--largest 10000]
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

import load  # noqa: E402
import qemu_by_hand  # noqa: E402
from stack import Stack, StackError  # noqa: E402

TEMPLATE = "Other install media"
CLONERS = 8
WRITTEN_VMS = 64


class Table:
    """Rows of results: what, ours, the reference, their ratio."""

    def __init__(self):
        print(f"{'measured':<46}{'Xylem':>14}{'reference':>14}{'ratio':>8}  reference is", flush=True)

    def row(self, name, ours, reference, unit, what):
        """One result with its reference."""
        print(f"{name:<46}{ours:>9,.4g} {unit:<4}{reference:>9,.4g} {unit:<4}{ours / reference:>8.2f}  {what}", flush=True)

    def bare(self, name, ours, unit, note=""):
        """One result that has no reference."""
        print(f"{name:<46}{ours:>9,.4g} {unit:<4}{'':>22}  {note}", flush=True)


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

    def compare_calls(self, stack, name, method, params, connections, unit="/s"):
        """One call's rate against a constant answer of the same size, at several numbers of connections."""
        client = stack.client()
        body = load.body(method, client.session, *params)
        size = self.reply_size(stack, body)
        load.pin(stack.processes["xylemd"].pid)
        with load.constant_server(self.options.build, size, self.options.threads) as port:
            for count in connections:
                ours, reference = load.interleaved(lambda: load.wrk_rate(stack.ports()["plain"], count, [body]),
                                                   lambda: load.wrk_rate(port, count, [body]))
                self.table.row(f"{name}, {count} connections", ours, reference, unit, f"constant reply of {size:,} bytes")
        load.unpin(stack.processes["xylemd"].pid)

    def power_state(self):
        """VM.get_power_state over kept connections."""
        stack = self.stack("calls", backend="fake")
        try:
            stack.start()
            self.add_vms(stack, 1)
            vm = stack.client().VM.get_by_name_label("bench 0")[0]
            self.compare_calls(stack, "VM.get_power_state", "VM.get_power_state", [vm], (1, 8, 64))
            stack.stop()
        finally:
            stack.kill_all()

    def records(self):
        """VM.get_all_records of many VMs; memory and start-up with as many."""
        for count in (100, 1000, 10000):
            if count > self.options.largest:
                continue
            stack = self.stack("records", backend="fake")
            try:
                stack.start()
                empty = load.resident_kib(stack.processes["xylemd"].pid)
                self.add_vms(stack, count)
                self.compare_calls(stack, f"VM.get_all_records, {count:,} VMs", "VM.get_all_records", [], (1,))
                stack.stop()
                seconds = load.timed(stack.start)
                stack.client().VM.get_all_records()
                memory = load.resident_kib(stack.processes["xylemd"].pid)
                self.table.bare(f"resident memory, {count:,} VMs", memory / 1024, "MiB", f"first start: {empty / 1024:.0f} MiB")
                self.table.bare(f"start-up of both daemons, {count:,} VMs", seconds * 1000, "ms")
                stack.stop()
            finally:
                stack.kill_all()

    def durable_writes(self):
        """A field of a VM, durable at the answer; the disk's own rate is the reference."""
        stack = self.stack("writes", backend="fake")
        try:
            stack.start()
            self.add_vms(stack, WRITTEN_VMS)
            client = stack.client()
            vms = [vm for vm, record in client.VM.get_all_records().items() if record["name_label"].startswith("bench ")]
            bodies = [load.body("VM.set_name_description", client.session, vm, "@@") for vm in vms]
            for writers in (1, 32):
                ours, reference = load.interleaved(
                    lambda: load.wrk_rate(stack.ports()["plain"], writers, bodies, core=None),
                    lambda: load.fsync_rate(self.options.build, self.scratch))
                self.table.row(f"durable field writes, {writers} writers", ours, reference, "/s", "4 KiB append + fdatasync")
            stack.stop()
        finally:
            stack.kill_all()

    def start_vm(self):
        """VM.start until the call returns, against the same QEMU command by hand; hard shutdown."""
        stack = self.stack("guests", backend="qemu")
        try:
            stack.start()
            for row in qemu_by_hand.measure(stack):
                if row.reference is None:
                    self.table.bare(row.name, row.ours, "ms")
                else:
                    self.table.row(row.name, row.ours, row.reference, "ms", row.what)
            stack.stop()
        finally:
            stack.kill_all()
            stack.kill_guests()


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--guest-dir", default=os.environ.get("XYLEM_GUEST_DIR", "build/guest"))
    parser.add_argument("--only", default="", help="part of a measurement's name")
    parser.add_argument("--largest", type=int, default=10000, help="number of VMs")
    parser.add_argument("--threads", type=int, default=2, help="event threads of the constant server; as many as xylemd's")
    options = parser.parse_args()
    options.build = options.build.resolve()

    with tempfile.TemporaryDirectory(prefix="xylem-bench-") as scratch:
        bench = Bench(options, scratch)
        started = time.monotonic()
        for name in ("power_state", "durable_writes", "records", "start_vm"):
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
