#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kills either daemon at random points while clients write, and looks whether anything acknowledged is lost.

    tools/crash-test.py --build build --rounds 200 [--seed N] [--backend qemu]

Each round: clients write as fast as they can; after a random moment a daemon dies by SIGKILL; the database is checked offline; the
daemon starts again; every client compares. With --backend qemu a real guest runs all along and must not notice. Prints TAP.
"""

import argparse
import http.client
import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

import run as make_run
import stack as stacks
from xenapi_client import ApiError, ProtocolError

CLIENTS = 8
LONGEST_LIFE_SECONDS = 0.8
RECOVER_SECONDS = 60
LOST = (OSError, http.client.HTTPException, ProtocolError)  # the answer never came: it may have happened or not
UNTIL_RESTART = ("HOST_STILL_BOOTING", "SESSION_INVALID", "INTERNAL_ERROR", "HOST_OFFLINE")
TEMPLATE = "Other install media"


class Writer(threading.Thread):
    """One client: writes to a VM of its own, makes and destroys clones, and remembers what was acknowledged."""

    def __init__(self, stack, number, vm, stop):
        super().__init__(daemon=True)
        self.stack = stack
        self.vm = vm
        self.stop = stop
        self.prefix = f"crash {number} "
        self.counter = 0
        self.writes = 0
        self.description = {""}  # what name_description may be: one value when the last write was acknowledged
        self.keys = {}           # other_config key -> whether it must be there (None: not known)
        self.clones = {}         # name -> whether it must exist (None: not known)
        self.tasks = set()       # async tasks, until they were seen to end
        self.problems = []

    def run(self):
        try:
            client = self.stack.client(timeout=RECOVER_SECONDS)
            while not self.stop.is_set():
                self.counter += 1
                (self.write_description, self.write_key, self.write_clone, self.write_task)[self.counter % 4](client)
                self.writes += 1
        except LOST:
            pass
        except ApiError as error:
            # A daemon that dies may still answer, or its peer answers for it; anything else is a finding.
            if not (self.stop.is_set() or error.code in UNTIL_RESTART):
                self.problems.append(f"{self.prefix}: {error}")

    def write_description(self, client):
        """A plain field."""
        text = f"{self.prefix}{self.counter}"
        self.description.add(text)
        client.VM.set_name_description(self.vm, text)
        self.description = {text}

    def write_key(self, client):
        """A map: a new key, and an old one that goes."""
        key = f"k{self.counter}"
        self.keys[key] = None
        client.VM.add_to_other_config(self.vm, key, "1")
        self.keys[key] = True
        old = next((name for name, there in self.keys.items() if there and name != key), None)
        if old is not None and len(self.keys) > 8:
            self.keys[old] = None
            client.VM.remove_from_other_config(self.vm, old)
            self.keys[old] = False

    def write_clone(self, client):
        """A whole object, made by one call and destroyed by another."""
        name = f"{self.prefix}clone {self.counter}"
        self.clones[name] = None
        clone = client.VM.clone(self.vm, name)
        self.clones[name] = True
        if self.counter % 8 < 4:
            self.clones[name] = None
            client.VM.destroy(clone)
            self.clones[name] = False

    def write_task(self, client):
        """A call that goes on behind a task."""
        name = f"{self.prefix}async {self.counter}"
        self.clones[name] = None
        task = client.call("Async.VM.clone", self.vm, name)
        self.tasks.add(task)
        record = client.wait_task(task)
        if record["status"] == "success":
            self.clones[name] = True

    def compare(self, client):
        """Problems found: what was acknowledged and is not so."""
        record = client.VM.get_record(self.vm)
        if record["name_description"] not in self.description:
            yield f"{self.prefix}: description is '{record['name_description']}', not one of {sorted(self.description)}"
        for key, there in self.keys.items():
            if there is not None and (key in record["other_config"]) != there:
                yield f"{self.prefix}: other_config {key} is {'missing' if there else 'back'}"
        found = {vm["name_label"] for vm in client.VM.get_all_records().values()}
        for name, there in self.clones.items():
            if there is not None and (name in found) != there:
                yield f"{self.prefix}: VM '{name}' is {'missing' if there else 'back'}"
        for task in self.tasks:
            try:
                status = client.wait_task(task, RECOVER_SECONDS)["status"]
                client.task.destroy(task)
            except TimeoutError as error:
                yield f"{self.prefix}: {error}"
                continue
            except ApiError as error:
                yield f"{self.prefix}: task: {error}"
                continue
            if status not in ("success", "failure", "cancelled"):
                yield f"{self.prefix}: task ended as {status}"

    def settle(self, client):
        """After the comparison: what is there now is what must be there next time; clones are cleared away."""
        record = client.VM.get_record(self.vm)
        self.description = {record["name_description"]}
        self.keys = {key: True for key in record["other_config"] if key.startswith("k")}
        for vm, clone in client.VM.get_all_records().items():
            if clone["name_label"].startswith(self.prefix) and vm != self.vm:
                client.VM.destroy(vm)
        self.clones = {}
        self.tasks = set()


class CrashTest:
    """All rounds over one state directory."""

    def __init__(self, options, state):
        self.random = random.Random(options.seed)
        self.options = options
        self.stack = stacks.Stack(options.build, state, backend=options.backend, guest_dir=options.guest_dir)
        self.writes = 0
        self.guest = None
        self.vms = []

    def prepare(self):
        """Each client's VM, and a real guest where there is one."""
        self.stack.start()
        client = self.stack.client()
        template = client.VM.get_by_name_label(TEMPLATE)[0]
        for number in range(CLIENTS):
            vm = client.VM.clone(template, f"crash {number} own")
            client.VM.provision(vm)
            self.vms.append(vm)
        if self.options.backend == "qemu":
            make_run.ensure_template_disk(self.stack, make_run.ensure_storage(self.stack))
            uuid = make_run.ensure_guest(self.stack)
            make_run.boot_guest(self.stack, uuid, lambda: None)
            self.guest = client.VM.get_by_uuid(uuid), self.stack.guest_processes()
        client.logout()

    def round(self, number):
        """Problems of one round."""
        stop = threading.Event()
        writers = [Writer(self.stack, index, vm, stop) for index, vm in enumerate(self.vms)]
        client = self.stack.client()
        for writer in writers:
            writer.settle(client)
            writer.start()
        time.sleep(self.random.uniform(0.02, LONGEST_LIFE_SECONDS))  # the random point; nothing is awaited here
        victims = self.random.choice([["xylemd"], ["xylemd"], ["xenopsd"], ["xenopsd", "xylemd"]])
        for name in victims:
            self.stack.kill9(name)
        stop.set()
        for writer in writers:
            writer.join(RECOVER_SECONDS)
        self.writes += sum(writer.writes for writer in writers)
        problems = [f"round {number}: a client of {victims} never came back" for writer in writers if writer.is_alive()]
        if "xylemd" in victims:
            status, said = self.stack.check_db()
            problems += [f"round {number}: --check-db: {said}"] if status != 0 else []
        for name in victims:
            self.stack.start_one(name)
        client.close()
        client = self.stack.client()
        for writer in writers:
            problems += [f"round {number} ({'+'.join(victims)}): {text}" for text in [*writer.problems, *writer.compare(client)]]
        problems += self.guest_problems(client, number)
        client.logout()
        return problems

    def guest_problems(self, client, number):
        """The real guest runs on, in the same process, and the server knows."""
        if self.guest is None:
            return
        vm, processes = self.guest
        if self.stack.guest_processes() != processes:
            yield f"round {number}: the guest's process has changed"
        if client.VM.get_power_state(vm) != "Running":
            yield f"round {number}: the guest is {client.VM.get_power_state(vm)}"

    def finish(self):
        """The last look, after an orderly stop."""
        if self.guest is not None:
            client = self.stack.client()
            client.VM.hard_shutdown(self.guest[0])
        self.stack.stop()
        status, said = self.stack.check_db()
        return ([f"--check-db after an orderly stop: {said}"] if status != 0 else []) + self.stack.complaints()


def report(number, name, problems, backend):
    """One line of TAP and what belongs to it."""
    print(f"{'not ok' if problems else 'ok'} {number} /system/crash-{backend}/{name}", flush=True)
    for problem in problems[:20]:
        print(f"# {problem}", flush=True)
    return len(problems)


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.environ.get("XYLEM_BUILD_DIR", "build"))
    parser.add_argument("--guest-dir", default=os.environ.get("XYLEM_GUEST_DIR", "build/guest"))
    parser.add_argument("--backend", default="fake")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None, help="a number from an earlier run, to choose the same moments")
    options = parser.parse_args()
    options.seed = random.randrange(1 << 32) if options.seed is None else options.seed

    print(f"TAP version 13\n# seed {options.seed}", flush=True)
    bad = 0
    with tempfile.TemporaryDirectory(prefix="xylem-") as scratch:
        test = CrashTest(options, Path(scratch) / "s")
        try:
            test.prepare()
            bad += report(1, "daemons-start-and-clients-have-their-vms", [], options.backend)
            for number in range(1, options.rounds + 1):
                bad += report(number + 1, f"nothing-is-lost-in-round-{number}", test.round(number), options.backend)
            bad += report(options.rounds + 2, "database-is-clean-at-the-end", test.finish(), options.backend)
            print(f"# {test.writes} acknowledged groups of writes in {options.rounds} rounds")
        except stacks.StackError as error:
            print(f"Bail out! {error}")
            bad += 1
        finally:
            test.stack.kill_all()
            test.stack.kill_guests()
    print(f"1..{options.rounds + 2}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
