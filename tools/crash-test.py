#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kills either daemon at random points while clients write, and looks whether anything acknowledged is lost or half done.

    tools/crash-test.py --build build --rounds 200 [--seed N] [--backend qemu]

Each round: clients write as fast as they can; after a random moment, or at a numbered step of the database's writes, a daemon
dies by SIGKILL, now and then once more while it starts; what the database had not synced is lost, in whole or in part; it is
checked offline; the daemon starts again; every client compares, and what runs, what is attached and what the server says must
agree. With --backend qemu a real guest runs all along and must not notice. Prints TAP.
"""

import argparse
import http.client
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import xmlrpc.client
from pathlib import Path

import run as make_run
import stack as stacks
from power import KINDS, Power
from xenapi_client import ApiError, ProtocolError, UnixConnection

CLIENTS = 8
POWER_CLIENTS = {"fake": 8, "qemu": 3}  # those that start and stop their VM: a QEMU each, on shared cores
LONGEST_LIFE_SECONDS = 0.8
SHORTEST_LIFE_SECONDS = 0.02
LONGEST_START_SECONDS = 0.15  # of a daemon that is killed while it starts
KILLED_AT_START = 0.25        # of the rounds
KILLED_AT_STEP = 0.5          # of those in which the server dies; the others: at a random moment
STEPS_MAX = 200               # under load, counted from a random moment; about 60 writes
STEP_SECONDS = 5              # until the step is reached, or the server is killed all the same
RECOVER_SECONDS = 60
AGREE_SECONDS = 20
POLL_SECONDS = 0.05
LOST = (OSError, http.client.HTTPException, ProtocolError)  # the answer never came: it may have happened or not
ENDED = ("success", "failure", "cancelled")
NULL = "OpaqueRef:NULL"
TEMPLATE = "Other install media"
MEMORY_BYTES = 64 << 20
DISK_BYTES = 1 << 20
GUEST_BOOTS = "xylem-demo: boot "
GUEST_ENDS = "xylem-demo: going down"
VICTIMS = (["xylemd"], ["xylemd"], ["xenopsd"], ["xenopsd", "xylemd"])


class Writer(threading.Thread):
    """One client: changes a VM of its own, makes and destroys clones and disks, and remembers what was acknowledged."""

    def __init__(self, stack, number, vm, sr, has_power):
        super().__init__(daemon=True)
        self.stack = stack
        self.vm = vm
        self.sr = sr
        self.has_power = has_power
        self.stop = threading.Event()
        self.dying = threading.Event()  # from now on an error may be the crash's
        self.prefix = f"crash {number} "
        self.counter = 0
        self.writes = 0
        self.description = set()  # what name_description may be: one value when the last write was acknowledged
        self.power = set()        # what power_state may be
        self.keys = {}            # other_config key -> whether it must be there (None: not known)
        self.clones = {}          # name -> whether it must exist (None: not known)
        self.disks = {}           # the same
        self.tasks = set()        # async tasks, until they were seen to end
        self.problems = []
        self.kinds = [self.write_description, self.write_key, self.write_clone, self.write_task, self.write_disk]
        self.kinds += [self.write_power, self.write_power] if has_power else []

    def run(self):
        try:
            client = self.stack.client(timeout=RECOVER_SECONDS)
            while not self.stop.is_set():
                self.counter += 1
                self.kinds[self.counter % len(self.kinds)](client)
                self.writes += 1
        except LOST as error:
            if not self.dying.is_set():
                self.problems.append(f"{self.prefix}: {error!r}")
        except ApiError as error:
            if not self.dying.is_set():
                self.problems.append(f"{self.prefix}: {error}")

    def wait_async(self, client, method, *params):
        """A call that goes on behind a task."""
        task = client.call(f"Async.{method}", *params)
        self.tasks.add(task)
        record = client.wait_task(task)
        if record["status"] != "success":
            raise ApiError(record["error_info"] or [record["status"]])

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
        """A whole object, made by one call and destroyed by another. Its disk is a clone, too."""
        if self.power != {"Halted"}:
            return
        name = f"{self.prefix}clone {self.counter}"
        self.clones[name] = None
        clone = client.VM.clone(self.vm, name)
        self.clones[name] = True
        if self.counter % 2 == 0:
            if self.has_power:  # so that the domain service knows it, too, and must forget it
                client.VM.start(clone, True, False)
                client.VM.hard_shutdown(clone)
            self.clones[name] = None
            client.VM.destroy(clone)
            self.clones[name] = False

    def write_task(self, client):
        """The same behind a task."""
        if self.power != {"Halted"}:
            return
        name = f"{self.prefix}async {self.counter}"
        self.clones[name] = None
        self.wait_async(client, "VM.clone", self.vm, name)
        self.clones[name] = True

    def write_disk(self, client):
        """A disk: something outside the database goes with the row."""
        name = f"{self.prefix}disk {self.counter}"
        self.disks[name] = None
        disk = client.VDI.create(disk_record(self.sr, name))
        self.disks[name] = True
        if self.counter % 2 == 0:
            self.disks[name] = None
            client.VDI.destroy(disk)
            self.disks[name] = False

    def write_power(self, client):
        """A domain, started paused so that it costs no time, or destroyed; half of the calls behind a task."""
        before, after, message, options = ("Halted", "Paused", "VM.start", (True, False))
        if self.power != {"Halted"}:
            before, after, message, options = ("Paused", "Halted", "VM.hard_shutdown", ())
        self.power = {before, after}
        (client.call if self.counter % 2 == 0 else lambda *call: self.wait_async(client, *call))(message, self.vm, *options)
        self.power = {after}

    def compare(self, client, vms, disks, allows_halted):
        """Problems found: what was acknowledged and is not so."""
        record = vms[self.vm]
        if record["name_description"] not in self.description:
            yield f"{self.prefix}: description is '{record['name_description']}', not one of {sorted(self.description)}"
        if record["power_state"] not in self.power | ({"Halted"} if allows_halted else set()):
            yield f"{self.prefix}: VM is {record['power_state']}, not one of {sorted(self.power)}"
        for key, there in self.keys.items():
            if there is not None and (key in record["other_config"]) != there:
                yield f"{self.prefix}: other_config {key} is {'missing' if there else 'back'}"
        for kind, found, expected in (("VM", vms, self.clones), ("disk", disks, self.disks)):
            names = {entry["name_label"] for entry in found.values()}
            for name, there in expected.items():
                if there is not None and (name in names) != there:
                    yield f"{self.prefix}: {kind} '{name}' is {'missing' if there else 'back'}"
        for task in self.tasks:
            try:
                status = client.wait_task(task, RECOVER_SECONDS)["status"]
                client.task.destroy(task)
            except (TimeoutError, ApiError) as error:
                yield f"{self.prefix}: task: {error}"
                continue
            if status not in ENDED:
                yield f"{self.prefix}: task ended as {status}"

    def settle(self, client, vms, disks, first_counter):
        """What is there now is what must be there next time; clones and disks are cleared away."""
        record = vms[self.vm]
        self.counter = first_counter
        self.description = {record["name_description"]}
        self.power = {record["power_state"]}
        self.keys = {key: True for key in record["other_config"] if key.startswith("k")}
        for vm, clone in vms.items():
            if clone["name_label"].startswith(self.prefix) and vm != self.vm:
                if clone["power_state"] != "Halted":
                    client.VM.hard_shutdown(vm)
                clone_disks = [client.VBD.get_VDI(vbd) for vbd in clone["VBDs"]]
                client.VM.destroy(vm)
                for disk in clone_disks:
                    client.VDI.destroy(disk)
        for ref, disk in disks.items():
            if disk["name_label"].startswith(f"{self.prefix}disk"):
                client.VDI.destroy(ref)


def disk_record(sr, name):
    """What VDI.create takes."""
    return {"SR": sr, "name_label": name, "virtual_size": DISK_BYTES, "type": "user", "sharable": False, "read_only": False,
            "other_config": {}}


class CrashTest:
    """All rounds over one state directory."""

    def __init__(self, options, state):
        self.random = random.Random(options.seed)
        self.options = options
        self.stack = stacks.Stack(options.build, state, backend=options.backend, guest_dir=options.guest_dir)
        self.power = Power(library(options), self.stack.state / "xylem.db")
        self.stack.environments["xylemd"] = self.power.environment()
        self.writes = 0
        self.kills = {"xylemd": 0, "xenopsd": 0}
        self.load_step = 0   # the last one at which the server was killed under load
        self.start_step = 0  # and while it started
        self.most_start_steps = 0
        self.slowest_agreement = 0.0
        self.guest = None
        self.vms = []
        self.sr = None

    # -- Before --

    def prepare(self):
        """Each client's VM with a disk, and a real guest where there is one."""
        self.stack.start()
        client = self.stack.client()
        sr_uuid = make_run.ensure_storage(self.stack)
        self.sr = client.SR.get_by_uuid(sr_uuid)
        self.vms = [self.make_vm(client, f"crash {number} own") for number in range(CLIENTS)]
        if self.options.backend == "qemu":
            make_run.ensure_template_disk(self.stack, sr_uuid)
            uuid = make_run.ensure_guest(self.stack)
            make_run.boot_guest(self.stack, uuid, lambda: None)
            self.guest = client.VM.get_by_uuid(uuid), uuid, self.stack.guest_processes(uuid)
        client.logout()

    def make_vm(self, client, name):
        """A small VM with one disk."""
        vm = client.VM.clone(client.VM.get_by_name_label(TEMPLATE)[0], name)
        client.VM.provision(vm)
        client.VM.set_memory_limits(vm, *[MEMORY_BYTES] * 4)
        client.VBD.create({"VM": vm, "VDI": client.VDI.create(disk_record(self.sr, name)), "userdevice": "0", "bootable": True,
                           "mode": "RW", "type": "Disk", "empty": False, "unpluggable": True, "other_config": {},
                           "qos_algorithm_type": "", "qos_algorithm_params": {}})
        return vm

    # -- One round --

    def round(self, number):
        """Problems of one round."""
        writers = self.make_writers(number)
        for writer in writers:
            writer.start()
        time.sleep(self.random.uniform(SHORTEST_LIFE_SECONDS, LONGEST_LIFE_SECONDS))  # the random point; nothing is awaited here
        victims = self.random.choice(VICTIMS)
        self.kill(victims, writers)
        self.writes += sum(writer.writes for writer in writers)
        problems = [f"a client of {victims} never came back" for writer in writers if writer.is_alive()]
        problems += self.cut_power(victims)
        if self.random.random() < KILLED_AT_START:
            self.kill_at_start(victims)
            problems += self.cut_power(victims)
        self.power.begin_life()
        for name in victims:
            self.stack.start_one(name)
        problems += self.look(writers, victims)
        return [f"round {number} ({'+'.join(victims)}): {problem}" for problem in problems]

    def make_writers(self, number):
        """New clients that know what there is."""
        client = self.stack.client()
        client.SR.scan(self.sr)
        vms, disks = client.VM.get_all_records(), client.VDI.get_all_records()
        writers = [Writer(self.stack, index, vm, self.sr, index < POWER_CLIENTS[self.options.backend])
                   for index, vm in enumerate(self.vms)]
        for writer in writers:
            writer.settle(client, vms, disks, number * 1_000_000)
        client.logout()
        return writers

    def kill(self, victims, writers):
        """Kills, and waits for every client to notice."""
        for writer in writers:
            writer.dying.set()
        if "xylemd" in victims and self.random.random() < KILLED_AT_STEP:
            self.wait_step()
        for name in victims:
            self.stack.kill9(name)
            self.kills[name] += 1
        for writer in writers:
            writer.stop.set()
        for writer in writers:
            writer.join(RECOVER_SECONDS)

    def wait_step(self):
        """Until the server has died at the next step of its writes: 1, 2, 3 ... from now, then 1 again."""
        self.load_step = self.load_step % STEPS_MAX + 1
        self.power.arm(self.load_step, self.random.random() < 0.5)
        try:
            self.stack.processes["xylemd"].wait(STEP_SECONDS)
        except subprocess.TimeoutExpired:
            pass  # not so many writes came

    def kill_at_start(self, victims):
        """Recovery itself is cut off, too: at the next step of the server's writes, or at a random moment."""
        is_stepped = "xylemd" in victims and self.random.random() < KILLED_AT_STEP
        self.start_step += is_stepped
        self.power.begin_life(self.start_step if is_stepped else 0, self.random.random() < 0.5)
        for name in victims:
            self.stack.launch(name)
        if not is_stepped:
            time.sleep(self.random.uniform(0, LONGEST_START_SECONDS))
        elif not self.dies_while_starting():
            self.most_start_steps = max(self.most_start_steps, self.start_step - 1)
            self.start_step = 0  # all have had their turn
        for name in victims:
            self.stack.kill9(name)
            self.kills[name] += 1

    def dies_while_starting(self):
        """Whether the server reaches its last step before it is ready."""
        try:
            self.stack.wait_ready("xylemd")
        except stacks.StackError:
            return True
        return False

    def cut_power(self, victims):
        """What is not synced is lost; problems of what is left."""
        if "xylemd" not in victims:
            return []
        self.power.note_death()
        self.power.cut(self.random)
        status, said = self.stack.check_db()
        return [f"--check-db: {said}"] if status != 0 else []

    def look(self, writers, victims):
        """Problems after the restart."""
        client = self.stack.client()
        problems = self.wait_agreement(client)
        vms, disks = client.VM.get_all_records(), client.VDI.get_all_records()
        has_lost_guests = self.options.backend == "fake" and "xenopsd" in victims  # they live in its memory
        for writer in writers:
            problems += [*writer.problems, *writer.compare(client, vms, disks, has_lost_guests)]
        problems += self.guest_problems(vms)
        client.logout()
        return problems

    # -- What must be so once all has settled --

    def wait_agreement(self, client):
        """Problems that stay. The server follows the domain service by events, a moment after it has started."""
        begin = time.monotonic()
        while True:
            problems = list(self.disagreements(client))
            seconds = time.monotonic() - begin
            if not problems or seconds > AGREE_SECONDS:
                self.slowest_agreement = max(self.slowest_agreement, seconds)
                return problems
            time.sleep(POLL_SECONDS)

    def disagreements(self, client):
        """Server, domain service, storage and processes each have a view of what runs; this is where they differ."""
        domains = self.domains()
        vms = {ref: vm for ref, vm in client.VM.get_all_records().items() if not vm["is_control_domain"]}
        vbds = client.VBD.get_all_records()
        active = set()
        for vm in vms.values():
            name, uuid, state = vm["name_label"], vm["uuid"], vm["power_state"]
            if domains.get(uuid, "Halted") != state:
                yield f"VM '{name}' is {state} to the server, {domains.get(uuid, 'unknown')} to the domain service"
            if vm["current_operations"]:
                yield f"VM '{name}' is marked {vm['current_operations']}"
            if vm["scheduled_to_be_resident_on"] != NULL:
                yield f"VM '{name}' keeps memory for a start"
            is_on = state in ("Running", "Paused")
            active |= {uuid} if is_on else set()
            for vbd in vm["VBDs"]:
                if vbds[vbd]["currently_attached"] != is_on:
                    yield f"VM '{name}' is {state}, its disk {'is' if not is_on else 'is not'} attached"
        for uuid in domains.keys() - {vm["uuid"] for vm in vms.values()}:
            yield f"the domain service has {uuid}, which the server has not"
        if self.attached() != active:
            yield f"disks are attached for VMs {sorted(self.attached())}, and running are {sorted(active)}"
        if self.options.backend == "qemu":
            processes = {uuid: len(self.stack.guest_processes(uuid)) for uuid in active}
            if set(processes.values()) - {1} or len(self.stack.guest_processes()) != len(active):
                yield f"{len(self.stack.guest_processes())} QEMUs for {len(active)} VMs, of which {processes}"

    def domains(self):
        """uuid -> power state, in the domain service's own words."""
        connection = UnixConnection(str(self.stack.state / "xenopsd.sock"), RECOVER_SECONDS)
        connection.request("POST", "/", xmlrpc.client.dumps(("crash-test",), "VM.list"), {"Content-Type": "text/xml"})
        (answer,), _ = xmlrpc.client.loads(connection.getresponse().read())
        connection.close()
        return {vm["id"]: state["power_state"] for vm, state in answer["Value"]}

    def attached(self):
        """uuids of VMs that the storage service has a disk attached for."""
        found = set()
        for path in (self.stack.state / "storage").rglob("*.json"):
            try:
                record = json.loads(path.read_text(encoding="utf-8"))
            except OSError:
                continue  # gone meanwhile
            found |= {use["dp"].split("/")[1] for use in record.get("uses", [])}
        return found

    def guest_problems(self, vms):
        """The real guest runs on, in the same process, has not booted again, and the server knows."""
        if self.guest is None:
            return
        vm, uuid, processes = self.guest
        if self.stack.guest_processes(uuid) != processes:
            yield f"the guest's process was {processes} and is {self.stack.guest_processes(uuid)}"
        if vms[vm]["power_state"] != "Running":
            yield f"the guest is {vms[vm]['power_state']}"
        if self.guest_says(GUEST_BOOTS) != 1:
            yield f"the guest has booted {self.guest_says(GUEST_BOOTS)} times"

    def guest_says(self, text):
        """How often the guest has said it."""
        path = self.stack.serial_log(self.guest[1])
        return path.read_text(encoding="utf-8", errors="replace").count(text) if path.exists() else 0

    # -- After --

    def finish(self):
        """The last look: the guest obeys, all goes away, nothing is left, and the stop is orderly."""
        client = self.stack.client()
        problems = []
        if self.guest is not None:
            serial = self.stack.serial_log(self.guest[1]).open(encoding="utf-8", errors="replace")  # its name goes with the domain
            client.run_async("VM.clean_shutdown", self.guest[0])
            if GUEST_ENDS not in serial.read():
                problems.append("the guest did not answer the power button")
        for vm in self.vms:
            if client.VM.get_power_state(vm) != "Halted":
                client.VM.hard_shutdown(vm)
        problems += self.wait_agreement(client)
        problems += self.left_files(client)
        self.stack.stop()
        problems += ["no step was counted: tests/fault's library is not loaded"] if self.power.steps == 0 else []
        status, said = self.stack.check_db()
        problems += [f"--check-db after an orderly stop: {said}"] if status != 0 else []
        return problems + self.stack.complaints()

    def left_files(self, client):
        """Files in the storage that belong to no disk. What a crash left without a row, a scan has found."""
        client.SR.scan(self.sr)
        known = {disk["uuid"] for disk in client.VDI.get_all_records().values()} | {"", "sr"}  # .lock, sr.json
        for path in sorted((self.stack.state / "sr").iterdir()):
            if path.name.split(".")[0] not in known or path.name.count(".") > 1:
                yield f"file {path.name} in the storage is no disk's"


class FirstStarts:
    """The very first start, which makes the database, cut off at one step after the other; each time in a new folder."""

    def __init__(self, options, folder):
        self.random = random.Random(options.seed)
        self.options = options
        self.folder = folder

    def start(self, number, step):
        """(problems, steps of the start): a start that ends at @step, then one that nobody disturbs."""
        stack = stacks.Stack(self.options.build, self.folder / str(number), backend="fake")
        power = Power(library(self.options), stack.state / "xylem.db")
        stack.environments["xylemd"] = power.environment()
        stack.state.mkdir(parents=True)
        try:
            return list(self.problems(stack, power, step)), power.steps
        except (stacks.StackError, ApiError, *LOST) as error:
            return [repr(error)], power.steps
        finally:
            stack.kill_all()
            power.close()

    def problems(self, stack, power, step):
        """What is wrong after a start that ended at @step."""
        stack.start_one("xenopsd")
        if step > 0:
            power.begin_life(step, self.random.random() < 0.5)
            stack.launch("xylemd")
            try:
                stack.wait_ready("xylemd")
            except stacks.StackError:
                pass  # it died, as it should
            stack.kill9("xylemd")
            power.cut(self.random)
            power.begin_life()
        stack.start_one("xylemd")
        stack.client().logout()
        stack.stop()
        status, said = stack.check_db()
        if status != 0:
            yield f"--check-db after a start that ended at step {step}: {said}"

    def run(self, count):
        """Problems of @count steps, spread evenly over the start."""
        problems, steps = self.start(0, 0)
        count = min(count, steps)
        for number in range(1, count + 1):
            problems += self.start(number, 1 + (number - 1) * steps // count)[0]
        print(f"# a first start has {steps} steps; {count} were the last")
        return problems


def library(options):
    """Where the library is that counts the server's steps."""
    return options.power or Path(options.build) / "tests/fault/fault_power.so"


def report(number, name, problems, backend):
    """One line of TAP and what belongs to it."""
    print(f"{'not ok' if problems else 'ok'} {number} /system/crash-{backend}/{name}", flush=True)
    for problem in problems[:20]:
        print(f"# {problem}", flush=True)
    return len(problems)


def run(test, options):
    """All rounds; how many problems."""
    test.prepare()
    bad = report(2, "daemons-start-and-clients-have-their-vms", [], options.backend)
    for number in range(1, options.rounds + 1):
        bad += report(number + 2, f"nothing-is-lost-in-round-{number}", test.round(number), options.backend)
    bad += report(options.rounds + 3, "nothing-is-left-at-the-end", test.finish(), options.backend)
    print(f"# {test.writes} acknowledged groups of writes; killed: {test.kills}; "
          f"all agreed within {test.slowest_agreement:.1f} s of a restart")
    died = ", ".join(f"{kind}: {test.power.died_at[kind]}" for kind in KINDS)
    lost = ", ".join(f"{what}: {count}" for what, count in test.power.counts.items())
    print(f"# killed at a step: {died}; steps of a start: {test.most_start_steps}; {lost}")
    return bad


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.environ.get("XYLEM_BUILD_DIR", "build"))
    parser.add_argument("--guest-dir", default=os.environ.get("XYLEM_GUEST_DIR", "build/guest"))
    parser.add_argument("--backend", default="fake", choices=sorted(POWER_CLIENTS))
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None, help="a number from an earlier run, to choose the same moments")
    parser.add_argument("--first-starts", type=int, default=5, help="how many are cut off, before the rounds")
    parser.add_argument("--power", help="tests/fault's library, where it is not in the build tree")
    parser.add_argument("--keep", help="an empty or missing folder (a short path) for the state, which is kept")
    options = parser.parse_args()
    options.seed = random.randrange(1 << 32) if options.seed is None else options.seed
    options.guest_dir = Path(options.guest_dir).resolve()
    make_run.say = lambda text="": print(f"# {text}", flush=True)

    print(f"TAP version 13\n# seed {options.seed}", flush=True)
    bad = 1
    with tempfile.TemporaryDirectory(prefix="xylem-") as scratch:
        problems = FirstStarts(options, Path(scratch) / "first").run(options.first_starts)
        first = report(1, "a-first-start-may-end-at-any-step", problems, options.backend)
        test = CrashTest(options, Path(options.keep or Path(scratch) / "s"))
        try:
            bad = run(test, options)
        except (stacks.StackError, ApiError, *LOST) as error:
            print(f"Bail out! {error!r}")
        finally:
            test.stack.kill_all()
            test.stack.kill_guests()
            test.power.close()
    print(f"1..{options.rounds + 3}")
    return 1 if bad + first else 0


if __name__ == "__main__":
    sys.exit(main())
