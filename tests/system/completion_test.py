#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bash completion of xe in a real bash, asking a real server: what it offers, and what TAB makes of a line."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TREE / "tests/lib"))

import tap  # noqa: E402
from server import ServerTest, build_dir  # noqa: E402

SCRIPT = TREE / "data/completion/xe"
BREAKS = " \t\n\"'><=;|&(:"
SECONDS = 30


class Terminal:
    """An interactive bash on a terminal of its own."""

    def __init__(self, environment):
        self.output = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], {**environment, "PS1": "ready> ", "TERM": "dumb"})
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 500, 0, 0))  # no line is wrapped

    def type(self, text):
        """Keys as if somebody pressed them."""
        os.write(self.fd, text.encode())

    def wait(self, text):
        """Until the terminal shows @text; what came up to it is taken off."""
        deadline = time.monotonic() + SECONDS
        while text not in self.output:
            if not select.select([self.fd], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"no '{text}' in {self.output!r}")
            self.output += os.read(self.fd, 4096).decode(errors="replace").replace("\x07", "")
        before, _, self.output = self.output.partition(text)
        return before

    def close(self):
        """Ends the shell."""
        os.close(self.fd)
        os.waitpid(self.pid, 0)


class CompletionTest(ServerTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        client = cls.stack.client()
        template = client.VM.get_by_name_label("Other install media")[0]
        cls.uuids = {}
        for name in ("alpha", "my vm, one", "o'hara \"x\" $y"):
            vm = client.VM.clone(template, name)
            client.VM.provision(vm)
            cls.uuids[name] = client.VM.get_uuid(vm)
        client.VM.add_to_other_config(client.VM.get_by_name_label("alpha")[0], "my-key", "v: 1; w")
        client.close()
        cls.environment = {**os.environ, "XYLEM_SOCKET": str(cls.stack.socket), "HOME": str(cls.stack.state),
                           "PATH": f"{build_dir() / 'src/cli'}:{os.environ['PATH']}"}
        cls.environment.pop("XE_EXTRA_ARGS", None)

    def complete(self, line):
        """What the completion function offers for a line that ends at the cursor."""
        program = f'source "{SCRIPT}"; COMP_WORDBREAKS=$1 COMP_LINE=$2 COMP_POINT=${{#2}}; _xe; printf "%s\\n" "${{COMPREPLY[@]}}"'
        done = subprocess.run(["bash", "--norc", "-c", program, "bash", BREAKS, line], capture_output=True, text=True,
                              env=self.environment, check=True)
        self.assertEqual(done.stderr, "")
        return [word for word in done.stdout.splitlines() if word]

    def test_offers_every_command(self):
        offered = self.complete("xe ")
        listed = self.stack.xe("help", "--all", "--minimal").split(",")
        self.assertEqual(sorted(offered), sorted(listed))
        self.assertEqual(self.complete("xe vm-unin"), ["vm-uninstall"])

    def test_offers_uuids_of_the_right_class(self):
        uuids = self.stack.xe("vm-list", "--minimal", "params=uuid").split(",")
        self.assertEqual(sorted(self.complete("xe vm-start uuid=")), sorted(uuids))
        one = self.uuids["alpha"]
        self.assertEqual(self.complete(f"xe vm-start uuid={one[:20]}"), [one])
        host = self.stack.xe("host-list", "--minimal")
        self.assertEqual(self.complete("xe pif-scan host-uuid="), [host])

    def test_offers_names_that_the_shell_reads_as_such(self):
        for name in self.uuids:
            shown = [word for word in self.complete("xe vm-start vm=")]
            read = subprocess.run(["bash", "-c", "printf '%s\\n' " + " ".join(shown)], capture_output=True, text=True, check=True)
            self.assertIn(name, read.stdout.splitlines())

    def test_offers_fields_and_keys(self):
        fields = self.complete("xe vm-param-get param-name=power")
        self.assertEqual(fields, ["power-state"])
        self.assertEqual(self.complete("xe vm-list params=uuid,power"), ["uuid,power-state"])
        self.assertIn("my-key", self.complete(f"xe vm-param-get uuid={self.uuids['alpha']} param-name=other-config param-key="))
        self.assertEqual(self.complete("xe vm-list power-state="), ["halted", "running"])

    def test_offers_parameters_of_every_command(self):
        for command in ("vm-start", "vm-install", "vdi-create", "sr-create", "event-wait", "vm-param-set"):
            text = self.stack.xe("help", command)
            required = re.search(r"reqd params\s*: (.*)", text)
            for word in filter(None, required.group(1).split(", ") if required else []):
                self.assertIn(word if word.endswith(":") else f"{word}=", self.complete(f"xe {command} "), command)

    def test_tab_completes_on_a_terminal(self):
        terminal = Terminal(self.environment)
        self.addCleanup(terminal.close)
        terminal.type(f"bind 'set bell-style none'; source {SCRIPT}; echo so'urced'\n")
        terminal.wait("sourced\r\n")
        terminal.wait("ready> ")
        terminal.type("echo xe vm-unin\t\x01\x0b")  # echo is not xe: nothing is completed
        terminal.type("xe vm-unin\t")
        terminal.wait("vm-uninstall ")
        terminal.type("vm=my\\ v\t")
        terminal.wait("vm=my\\ vm,\\ one ")
        terminal.type("\x15xe vm-param-get uuid=" + self.uuids["alpha"][:18] + "\t")
        terminal.wait(self.uuids["alpha"])
        terminal.type("param-name=power\t\n")
        terminal.wait("power-state")
        terminal.wait("halted")


if __name__ == "__main__":
    tap.main("system/completion")
