# SPDX-License-Identifier: LGPL-2.1-or-later
"""A storage plugin that misbehaves on demand: the body of TestSR, which storage.py puts into a plugin directory.

device_config says where it keeps its disks (location): a file <uuid> each, which holds its size; SWITCHES leave more files. There, a file
<command>.does says how that command behaves instead of well: a key of BEHAVIOURS, "wait", "fault N", "hang after": when it has done its
work, or "kill before P N" and "kill after P N": kill process P when it gets the command for the N-th time, before or after it has done it.
A command that runs leaves <command>.running behind.
"""

import os
import signal
import sys
import time
import uuid
import xmlrpc.client
from pathlib import Path

CAPABILITIES = ["SR_PROBE", "SR_UPDATE", "VDI_CREATE", "VDI_DELETE", "VDI_ATTACH", "VDI_DETACH", "VDI_ACTIVATE", "VDI_DEACTIVATE",
                "VDI_SNAPSHOT", "VDI_CLONE", "VDI_RESIZE", "VDI_UPDATE"]
INFO = {"name": "test", "description": "misbehaves on demand", "vendor": "tests", "copyright": "none", "driver_version": "1.0",
        "required_api_version": "1.0", "capabilities": CAPABILITIES, "configuration": [{"key": "location", "description": "folder"}]}
SR_BYTES = 1 << 40
# What is on or off: while it is on there is a file of this name, or <uuid>.<name> for a disk.
SWITCHES = {"sr_attach": ("attached", True), "sr_detach": ("attached", False), "sr_delete": ("attached", False),
            "vdi_attach": ("attached", True), "vdi_detach": ("attached", False),
            "vdi_activate": ("active", True), "vdi_deactivate": ("active", False)}


def reply(value):
    """A successful answer."""
    sys.stdout.write(xmlrpc.client.dumps((value,), methodresponse=True, allow_none=True))


def hang():
    """Until killed."""
    while True:
        signal.pause()


def wait(folder, command):
    """Until somebody opens <command>.go for writing; then on, as if nothing were."""
    with open(folder / f"{command}.go", encoding="utf-8") as fifo:
        fifo.read()


def leave_child():
    """Ends at once, but a child keeps the output open for a while."""
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)


def is_due(folder, command):
    """Counts down how often the command is still to behave well."""
    orders = folder / f"{command}.does"
    *words, count = orders.read_text(encoding="utf-8").split()
    orders.write_text(" ".join([*words, str(int(count) - 1)]), encoding="utf-8")
    return int(count) == 1


def kill(folder, command, moment, victim, params):
    """Does the command and kills, in the order that @moment says."""
    if not is_due(folder, command):
        return reply(answer(command, params, folder))
    if moment == "after":
        answer(command, params, folder)
    os.kill(int(victim), signal.SIGKILL)
    return None


BEHAVIOURS = {
    "hang": hang,
    "crash": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "exit": lambda: sys.exit(3),
    "silent": lambda: sys.exit(0),
    "garbage": lambda: sys.stdout.buffer.write(bytes(range(256)) * 100),
    "html": lambda: sys.stdout.write("<html><body>Internal Server Error</body></html>"),
    "truncated": lambda: sys.stdout.write('<?xml version="1.0"?><methodResponse><params><param><value><struct>'),
    "wrong_type": lambda: reply([1, 2, 3]),
    "endless": lambda: [sys.stdout.write("x" * (1 << 20)) for _ in range(1 << 10)],
    "talkative": lambda: [sys.stderr.write("y" * (1 << 16)) for _ in range(64)] and sys.exit(2),
    "child": leave_child,
}


def disk(folder, name):
    """What is told of one disk."""
    size = (folder / name).read_text(encoding="utf-8")
    return {"uuid": name, "location": name, "size": size, "utilisation": "0"}


def new_disk(folder, size, name):
    """Makes one."""
    name = name or str(uuid.uuid4())
    (folder / name).write_text(str(size), encoding="utf-8")
    return disk(folder, name)


def sizes(folder, names):
    """Of the SR."""
    total = sum(int((folder / name).read_text(encoding="utf-8")) for name in names)
    return {"physical_size": str(SR_BYTES), "physical_utilization": str(total), "virtual_allocation": str(total)}


def answer(command, params, folder):
    """The result of a command that behaves."""
    names = [path.name for path in folder.iterdir() if len(path.name) == 36] if folder.is_dir() else []
    own = params.get("vdi_uuid", "")
    if command in SWITCHES and folder.is_dir():
        name, is_on = SWITCHES[command]
        path = folder / f"{own}.{name}" if own else folder / name
        path.touch() if is_on else path.unlink(missing_ok=True)
    if command == "sr_create":
        folder.mkdir(exist_ok=True)
    elif command == "sr_scan":
        return sizes(folder, names) | {"vdis": [disk(folder, name) for name in names]}
    elif command == "sr_update":
        return sizes(folder, names)
    elif command == "sr_probe":
        return "<SRlist></SRlist>"
    elif command == "vdi_create":
        return new_disk(folder, params["args"][0], params.get("new_uuid"))
    elif command in ("vdi_snapshot", "vdi_clone"):
        return new_disk(folder, (folder / own).read_text(encoding="utf-8"), params.get("new_uuid"))
    elif command == "vdi_resize":
        (folder / own).write_text(params["args"][0], encoding="utf-8")
        return disk(folder, own)
    elif command == "vdi_delete":
        (folder / own).unlink()
    elif command == "vdi_update":
        for key in ("name_label", "name_description"):
            if f"vdi_{key}" in params:
                (folder / f"{own}.{key}").write_text(params[f"vdi_{key}"], encoding="utf-8")
    elif command == "vdi_attach":
        return str(folder / own)
    return None


def main():
    """One command."""
    (params,), command = xmlrpc.client.loads(sys.argv[1])
    if command == "sr_get_driver_info":
        return reply(INFO)
    folder = Path(params["device_config"].get("location", "/nonexistent"))
    orders = folder / f"{command}.does"
    behaviour = orders.read_text(encoding="utf-8") if orders.exists() else ""
    if behaviour == "hang after":
        answer(command, params, folder)
    if folder.is_dir():
        (folder / f"{command}.running").touch()
    if behaviour == "hang after":
        hang()
    if behaviour == "wait":
        wait(folder, command)
    elif behaviour.startswith("kill "):
        return kill(folder, command, *behaviour.split()[1:3], params)
    elif behaviour.startswith("fault "):
        return sys.stdout.write(xmlrpc.client.dumps(xmlrpc.client.Fault(int(behaviour.split()[1]), "as asked"), methodresponse=True))
    elif behaviour:
        return BEHAVIOURS[behaviour]()
    return reply(answer(command, params, folder))


if __name__ == "__main__":
    main()
