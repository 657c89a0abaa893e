#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What `make run` does once all is built: starts both daemons over a state directory, makes sure that there is storage, a
template and a demo guest, boots it, says what to do next, and stays until Ctrl-C, which stops everything, guests included."""

import argparse
import fcntl
import os
import shutil
import signal
import socket
import sys
import threading
import time
import uuid
from pathlib import Path

from stack import Stack, StackError
from xenapi_client import ApiError

TEMPLATE = "Xylem demo"
GUEST = "demo"
STORAGE = "Local"
GUEST_IS_UP = b"xylem-demo: guest is up"
BOOT_SECONDS = 180
SHUTDOWN_SECONDS = 30
POLL_SECONDS = 0.2
CRASHES_ALLOWED = 3  # of one daemon within CRASH_SECONDS
CRASH_SECONDS = 60


class Stopped(Exception):
    """Somebody pressed Ctrl-C, or asked us to end."""


def say(text=""):
    """A line for the user, beside the daemons' log."""
    print(text, flush=True)


def prepare_state(path):
    """Makes the state directory and locks it; gives the lock, to be kept open."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = open(path / "run.lock", "a+", encoding="utf-8")
    except OSError as error:
        raise StackError(f"state directory {path}: {error.strerror}; choose another: make run STATE=folder") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StackError(f"another make run uses {path}; choose another: make run STATE=folder PORT=port") from None
    return lock


def check_port(bind, port, variable):
    """Says early, and in one line, that a port cannot be had."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError as error:
            raise StackError(f"{bind} port {port}: {error.strerror}; choose another: make run {variable}=port") from None


# -- What a first start makes; each step looks whether it is done already --------------------------------------------


def ensure_storage(stack):
    """The uuid of the file SR, made and set as the pool's default if there is none."""
    sr = stack.xe("sr-list", f"name-label={STORAGE}", "params=uuid", "--minimal").split(",")[0]
    if not sr:
        location = stack.state / "sr"
        location.mkdir(exist_ok=True)
        sr = stack.xe("sr-create", "type=file", f"name-label={STORAGE}", "content-type=user", "shared=false",
                      f"device-config:location={location}")
        say(f"Made storage repository '{STORAGE}' in {location}")
    pool = stack.xe("pool-list", "params=uuid", "--minimal")
    if stack.xe("pool-param-get", f"uuid={pool}", "param-name=default-SR") != sr:
        stack.xe("pool-param-set", f"uuid={pool}", f"default-SR={sr}")
    return sr


def ensure_template_disk(stack, sr):
    """Gives the template its disk: the image made at build time, as a disk of @sr."""
    template = stack.xe("template-list", f"name-label={TEMPLATE}", "params=uuid", "--minimal")
    if not template:
        raise StackError(f"the server has no template '{TEMPLATE}'")
    if stack.xe("vbd-list", f"vm-uuid={template}", "params=uuid", "--minimal"):
        return
    disk = str(uuid.uuid4())
    target = stack.state / "sr" / f"{disk}.qcow2"
    partial = target.with_suffix(".partial")
    shutil.copyfile(stack.guest_dir / "demo.qcow2", partial)
    partial.rename(target)
    stack.xe("sr-scan", f"uuid={sr}")
    stack.xe("vdi-param-set", f"uuid={disk}", "name-label=Xylem demo root")
    vbd = stack.xe("vbd-create", f"vm-uuid={template}", f"vdi-uuid={disk}", "device=0", "bootable=true", "mode=RW", "type=Disk")
    # A disk with an owner goes when its VM is uninstalled; clones take the mark over.
    stack.xe("vbd-param-set", f"uuid={vbd}", "other-config:owner=true")
    say(f"Gave template '{TEMPLATE}' its disk")


def ensure_guest(stack):
    """The uuid of the demo guest, installed from the template if there is none."""
    guest = stack.xe("vm-list", f"name-label={GUEST}", "is-control-domain=false", "params=uuid", "--minimal").split(",")[0]
    if guest:
        say(f"Found guest '{GUEST}' from last time")
        return guest
    guest = stack.xe("vm-install", f"template={TEMPLATE}", f"new-name-label={GUEST}")
    network = stack.xe("network-list", "params=uuid", "--minimal").split(",")[0]
    if network:
        stack.xe("vif-create", f"vm-uuid={guest}", f"network-uuid={network}", "device=0", "mac=random")
    say(f"Installed guest '{GUEST}' from template '{TEMPLATE}'")
    return guest


def boot_guest(stack, guest, check_stopped):
    """Brings the guest to Running and waits until its init says that it is up."""
    state = stack.xe("vm-param-get", f"uuid={guest}", "param-name=power-state").lower()
    if state == "running":
        say(f"Guest '{GUEST}' has been running all along")
        return
    if state in ("paused", "suspended"):
        stack.xe("vm-unpause" if state == "paused" else "vm-resume", f"uuid={guest}")
        say(f"Guest '{GUEST}' was {state} and goes on")
        return
    log = stack.serial_log(guest)
    log.unlink(missing_ok=True)
    say(f"Starting guest '{GUEST}'")
    started = time.monotonic()
    stack.xe("vm-start", f"uuid={guest}")
    while not (log.exists() and GUEST_IS_UP in log.read_bytes()):
        check_stopped()
        if time.monotonic() - started > BOOT_SECONDS:
            raise StackError(f"guest '{GUEST}' did not come up within {BOOT_SECONDS} s; its console is in {log}")
        time.sleep(POLL_SECONDS)
    say(f"Guest '{GUEST}' says that it is up, after {time.monotonic() - started:.1f} s")


def explain(stack, options, guest):
    """What there is and what to type next."""
    def relative(path):
        """The shorter way to say it."""
        near = os.path.relpath(path)
        return str(path) if near.startswith("..") else near

    password = stack.state / "password"
    xe = relative(stack.program("xe"))
    host = "localhost" if options.bind in ("127.0.0.1", "::1", "0.0.0.0", "::") else options.bind
    ports = stack.ports()
    lines = [
        "", stack.xe("vm-list", "is-control-domain=false", "params=uuid,name-label,power-state"), "",
        f"Xylem runs. XenAPI is served at: https://{host}:{ports['tls']}/    (its certificate is its own)",
        *([f"  without TLS:                   http://{host}:{ports['plain']}/"] if ports.get("plain") else []),
        "  user root, password in:        " + (relative(password) if password.exists() else "this machine's own accounts (PAM)"),
        f"  state directory:               {relative(stack.state)}", "",
        "Type in another terminal:",
        f"  export XYLEM_SOCKET={stack.socket}",
        f"  {xe} vm-list",
        f"  {xe} console uuid={guest}        # leave it with Ctrl-]",
        f"  {xe} vm-shutdown vm={GUEST}",
        f"  {xe} help", "",
        "Ctrl-C here stops everything, guests included.", "",
    ]
    say("\n".join(lines))


# -- Staying, and going ------------------------------------------------------------------------------------------------


class Supervisor:
    """Restarts a daemon that dies, as systemd would; its guests have not noticed."""

    def __init__(self, stack):
        self.stack = stack
        self.crashes = {"xenopsd": [], "xylemd": []}

    def look(self):
        """Once; StackError when a daemon dies again and again."""
        for name, process in list(self.stack.processes.items()):
            status = process.poll()
            if status is None:
                continue
            now = time.monotonic()
            recent = [at for at in self.crashes[name] if now - at < CRASH_SECONDS] + [now]
            self.crashes[name] = recent
            if len(recent) > CRASHES_ALLOWED:
                raise StackError(f"{name} ended {len(recent)} times within {CRASH_SECONDS} s, with status {status}")
            say(f"{name} ended with status {status}; starting it again")
            self.stack.start_one(name)


def shut_down_one(stack, ref, name, deadline):
    """One guest: asked first, then made to."""
    client = stack.client(timeout=SHUTDOWN_SECONDS * 3)
    try:
        client.run_async("VM.clean_shutdown", ref, timeout=max(1, deadline - time.monotonic()))
    except (ApiError, TimeoutError):
        say(f"Guest '{name}' does not go by itself; it is switched off")
        try:
            client.VM.hard_shutdown(ref)
        except ApiError as error:
            if error.code != "VM_BAD_POWER_STATE":  # it went meanwhile
                say(f"Guest '{name}': {error}")


def shut_down_guests(stack):
    """All guests of this server, at the same time."""
    client = stack.client()
    records = client.VM.get_all_records()
    active = {ref: record for ref, record in records.items()
              if record["power_state"] in ("Running", "Paused") and not record["is_control_domain"]}
    deadline = time.monotonic() + SHUTDOWN_SECONDS
    threads = []
    for ref, record in active.items():
        say(f"Shutting down guest '{record['name_label']}'")
        threads.append(threading.Thread(target=shut_down_one, args=(stack, ref, record["name_label"], deadline)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    client.logout()


def stop_everything(stack):
    """Guests, then daemons; whatever fails, nothing of ours is left running."""
    try:
        if "xylemd" in stack.processes and stack.processes["xylemd"].poll() is None:
            shut_down_guests(stack)
    except (OSError, ApiError, StackError) as error:
        say(f"Guests could not be shut down cleanly: {error}")
    finally:
        if stack.guest_processes():
            stack.kill_guests()
        try:
            stack.stop()
        finally:
            stack.kill_all()


def run(options):
    """From start to end; StackError says what went wrong."""
    state = Path(options.state).resolve()
    lock = prepare_state(state)
    check_port(options.bind, options.port, "PORT")
    if options.plain_port is not None:
        check_port(options.bind, options.plain_port, "PLAIN_PORT")

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())

    def check_stopped():
        if stop.is_set():
            raise Stopped

    stack = Stack(options.build, state, port=options.port, plain_port=options.plain_port, bind=options.bind,
                  guest_dir=Path(options.guest_dir).resolve(), log=sys.stderr)
    try:
        say(f"Starting xenopsd and xylemd over {state}")
        stack.start()
        ensure_template_disk(stack, ensure_storage(stack))
        check_stopped()
        guest = ensure_guest(stack)
        check_stopped()
        boot_guest(stack, guest, check_stopped)
        explain(stack, options, guest)
        supervisor = Supervisor(stack)
        while not stop.wait(POLL_SECONDS):
            supervisor.look()
    except Stopped:
        pass
    finally:
        say("Stopping: guests first, then the daemons")
        signal.signal(signal.SIGINT, lambda *_: stack.kill_guests())  # the second Ctrl-C is an impatient one
        stop_everything(stack)
        lock.close()
    say("Stopped. Everything is kept in the state directory; the next make run goes on from there.")


def port_number(text):
    """A TCP port."""
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"'{text}' is no port number")
    return int(text)


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--state", default="state")
    parser.add_argument("--port", type=port_number, default=8443)
    parser.add_argument("--plain-port", type=lambda text: port_number(text) if text else None, default=None)
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--guest-dir", default=os.environ.get("XYLEM_GUEST_DIR", "build/guest"))
    try:
        run(parser.parse_args())
    except StackError as error:
        print(f"make run: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
