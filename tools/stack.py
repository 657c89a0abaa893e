# SPDX-License-Identifier: LGPL-2.1-or-later
"""Both daemons out of a build tree, over one state directory: started, watched, killed, stopped. For tools/run.py, tests and benches."""

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import xenapi_client

READY_SECONDS = 60
STOP_SECONDS = 30
POLL_SECONDS = 0.01
SANITIZER_WORDS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:", "UndefinedBehaviorSanitizer", "CRITICAL **")


class StackError(Exception):
    """What went wrong, in one line."""


def accepts(path):
    """Whether somebody answers on the Unix socket at @path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            xenapi_client.connect_unix(probe, str(path))
        except OSError:
            return False
    return True


class Stack:
    """xenopsd and xylemd over @state. Each daemon's log goes to a file in it, or to @log."""

    def __init__(self, build, state, backend=None, accel=None, port=0, plain_port=0, bind="127.0.0.1", guest_dir=None,
                 log=None, options=()):
        self.build = Path(build).resolve()
        self.state = Path(state).resolve()
        self.backend = backend
        self.accel = accel
        self.port = port
        self.plain_port = plain_port
        self.bind = bind
        self.guest_dir = guest_dir
        self.log = log
        self.options = list(options)
        self.processes = {}
        self.environments = {}  # of daemons that need one of their own

    # -- Where things are --

    def program(self, name):
        """A program of the build tree."""
        folder = "src/cli" if name == "xe" else "src/daemon"
        path = self.build / folder / name
        if not path.exists():
            raise StackError(f"{path} is not there: run make")
        return path

    @property
    def socket(self):
        """The API's Unix socket."""
        return self.state / "xapi.sock"

    @property
    def password(self):
        """root's generated password."""
        return (self.state / "password").read_text(encoding="utf-8").strip()

    def log_path(self, name):
        """Where a daemon's log goes when nobody else takes it."""
        return self.state / f"{name}.log"

    def serial_log(self, vm_uuid):
        """What a guest has said on its serial console."""
        return self.state / "xenopsd/vms" / vm_uuid / "run/serial.log"

    def ports(self):
        """{"tls": N, "plain": N}, as the server has bound them."""
        return json.loads((self.state / "run/ports.json").read_text(encoding="utf-8"))

    # -- Starting and stopping --

    def command(self, name):
        """The command line of a daemon."""
        xenopsd_socket, storage_socket = str(self.state / "xenopsd.sock"), str(self.state / "storage.sock")
        if name == "xenopsd":
            command = ["--state", str(self.state / "xenopsd"), "--socket", xenopsd_socket, "--storage-socket", storage_socket]
            command += ["--backend", self.backend] if self.backend else []
            command += ["--accel", self.accel] if self.accel else []
        else:
            command = ["--state", str(self.state), "--socket", str(self.socket), "--domain-socket", xenopsd_socket,
                       "--storage-socket", storage_socket, "--plugin-dir", str(self.build / "plugins"),
                       "--port", str(self.port), "--bind", self.bind, "--auth", "password"]
            command += ["--plain-port", str(self.plain_port)] if self.plain_port is not None else []
            command += ["--guest-dir", str(self.guest_dir)] if self.guest_dir else []
            command += self.options
        return [str(self.program(name)), *command]

    def start_one(self, name):
        """Starts one daemon and waits until it answers."""
        self.launch(name)
        self.wait_ready(name)

    def launch(self, name):
        """Starts one daemon and leaves it to itself."""
        if name == "xylemd":
            (self.state / "run/ports.json").unlink(missing_ok=True)
        # Out of our process group: Ctrl-C is for us, who then stop them in order.
        with open(self.log_path(name) if self.log is None else os.devnull, "ab") as file:
            self.processes[name] = subprocess.Popen(self.command(name), stdin=subprocess.DEVNULL, stdout=self.log or file,
                                                    stderr=self.log or file, start_new_session=True,
                                                    env=self.environments.get(name))

    def wait_ready(self, name):
        """Until the daemon's socket answers; StackError when it has ended instead."""
        deadline = time.monotonic() + READY_SECONDS
        path = self.socket if name == "xylemd" else self.state / "xenopsd.sock"
        while not (accepts(path) and (name != "xylemd" or (self.state / "run/ports.json").exists())):
            status = self.processes[name].poll()
            if status is not None:
                raise StackError(f"{name} ended with status {status}{self.last_words(name)}")
            if time.monotonic() > deadline:
                raise StackError(f"{name} does not answer after {READY_SECONDS} s{self.last_words(name)}")
            time.sleep(POLL_SECONDS)

    def last_words(self, name):
        """The end of a daemon's log, as part of a message."""
        path = self.log_path(name)
        if self.log is not None or not path.exists():
            return ""
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        return ": " + lines[-1] if lines else ""

    def start(self):
        """Starts both."""
        self.state.mkdir(parents=True, exist_ok=True)
        for name in ("xenopsd", "xylemd"):
            self.start_one(name)

    def kill9(self, name):
        """Ends a daemon as a power cut would."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop_one(self, name):
        """Asks a daemon to end; its exit status. One that will not is killed, and that is an error."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise StackError(f"{name} did not end within {STOP_SECONDS} s of SIGTERM{self.last_words(name)}") from None

    def stop(self):
        """Stops both, the server first; StackError if either ended badly."""
        bad = []
        for name in ("xylemd", "xenopsd"):
            if name in self.processes:
                status = self.stop_one(name)
                bad += [f"{name} ended with status {status}{self.last_words(name)}"] if status != 0 else []
        if bad:
            raise StackError("; ".join(bad))

    def kill_all(self):
        """The last resort; harmless when nothing runs."""
        for name in list(self.processes):
            self.kill9(name)

    # -- Talking --

    def client(self, **options):
        """A client over the Unix socket, logged in."""
        client = xenapi_client.Client(unix=self.socket, **options)
        client.login()
        return client

    def xe(self, *arguments, check=True, timeout=300):
        """What xe prints; StackError with its last line when it fails."""
        environment = {**os.environ, "XYLEM_SOCKET": str(self.socket)}
        result = subprocess.run([str(self.program("xe")), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, env=environment, timeout=timeout, check=False)
        if check and result.returncode != 0:
            raise StackError(f"xe {' '.join(arguments)}: {' '.join(result.stdout.split()) or result.returncode}")
        return result.stdout.strip()

    def check_db(self):
        """The offline check of the database: (exit status, what it said). The server must not run."""
        result = subprocess.run([str(self.program("xylemd")), "--check-db", "--state", str(self.state)], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return result.returncode, result.stdout.strip()

    def complaints(self):
        """Lines of the daemons' logs that sanitizers or GLib's own checks wrote."""
        found = []
        for name in ("xenopsd", "xylemd"):
            if self.log_path(name).exists():
                lines = self.log_path(name).read_text(encoding="utf-8", errors="replace").splitlines()
                found += [f"{name}: {line}" for line in lines if any(word in line for word in SANITIZER_WORDS)]
        return found

    # -- Guests --

    def guest_processes(self, vm_uuid=""):
        """Process ids of QEMUs whose command line names our state directory, and one guest's part of it."""
        place = str(self.state / "xenopsd/vms" / vm_uuid)
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    words = (entry / "cmdline").read_bytes()
                except OSError:
                    continue
                if b"qemu-system" in words.split(b"\0")[0] and place.encode() in words:
                    found.append(int(entry.name))
        return found

    def kill_guests(self):
        """Ends what is left of our guests; for the end of tests."""
        for pid in self.guest_processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
