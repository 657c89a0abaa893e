#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The life of a storage repository and of a VM on it, in the order storage drivers are commonly accepted by, driven by xe.

Source: SM API, "the test script", for the type file.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import tap  # noqa: E402  (xe_case adds its folder)
from xe_case import Row, XeTest  # noqa: E402


def state(wanted):
    return lambda test: test.record("VM", "vm")["power_state"] == wanted


def attached(wanted):
    return lambda test: test.record("PBD", "pbd")["currently_attached"] == wanted


def remove_image(test):
    """The image of a forgotten disk, which would keep the repository from being destroyed."""
    (test.stack.state / "sr" / f"{test.kept['vdi']}.qcow2").unlink()
    return True


VM_ROWS = (
    Row("vm-install template='Other install media' new-name-label=TestVM", keep="vm", check=state("Halted")),
    Row("vm-disk-add uuid={vm} disk-size=8MiB device=0", check=lambda test: len(test.record("VM", "vm")["VBDs"]) == 1),
    Row("vm-start uuid={vm}", check=state("Running")),
    Row("vm-shutdown uuid={vm}", check=state("Halted")),
    Row("vm-start uuid={vm}", check=state("Running")),
    Row("vm-suspend uuid={vm}", check=state("Suspended")),
    Row("vm-resume uuid={vm}", check=state("Running")),
    Row("vm-migrate live=true uuid={vm} host={host}", check=state("Running")),
    Row("vm-shutdown uuid={vm} --force", check=state("Halted")),
    Row("vm-clone uuid={vm} new-name-label=CloneTestVM", keep="clone", check=lambda test: len(test.record("VM", "clone")["VBDs"]) == 1),
    Row("vm-uninstall uuid={clone} --force", check=lambda test: test.gone("VM", "clone")),
)

DISK_ROWS = (
    Row("vdi-create sr-uuid={sr} name-label=TestVDI type=user virtual-size=100MiB", keep="vdi"),
    Row("vdi-destroy uuid={vdi}", check=lambda test: test.gone("VDI", "vdi")),
    Row("vm-start uuid={vm}", check=state("Running")),
    Row("vdi-create sr-uuid={sr} name-label=TestVDI type=user virtual-size=100MiB", keep="vdi"),
    Row("vbd-create vdi-uuid={vdi} vm-uuid={vm} device=xvdc", keep="vbd"),
    Row("vbd-plug uuid={vbd}", check=lambda test: test.record("VBD", "vbd")["currently_attached"]),
    Row("vbd-unplug uuid={vbd}", check=lambda test: not test.record("VBD", "vbd")["currently_attached"]),
    Row("vdi-copy uuid={vdi} sr-uuid={sr}", keep="copy", check=lambda test: test.record("VDI", "copy")["virtual_size"] == str(100 << 20)),
    Row("vm-shutdown uuid={vm} --force", check=state("Halted")),
    Row("vdi-destroy uuid={vdi}", check=lambda test: test.gone("VDI", "vdi")),
    Row("vdi-destroy uuid={copy}", check=lambda test: test.gone("VDI", "copy")),
    Row("vm-uninstall uuid={vm} --force", check=lambda test: test.gone("VM", "vm")),
    Row("vdi-create sr-uuid={sr} name-label=TestVDI type=user virtual-size=100MiB", keep="vdi"),
    Row("vdi-forget uuid={vdi}", check=lambda test: test.gone("VDI", "vdi") and remove_image(test)),
)

PBD_ROWS = (
    Row("pbd-unplug uuid={pbd}", check=attached(False)),
    Row("pbd-plug uuid={pbd}", check=attached(True)),
    Row("pbd-plug uuid={pbd}", check=attached(True)),
    Row("pbd-unplug uuid={pbd}", check=attached(False)),
    Row("pbd-unplug uuid={pbd}", check=attached(False)),
    Row("sr-destroy uuid={sr}", check=lambda test: test.gone("SR", "sr")),
)

CREATE = "sr-create type=file physical-size=0 content-type=user device-config-location={folder}/sr name-label=TestSR"

FORGET_ROWS = (
    Row(CREATE, keep="sr"),
    Row("pbd-list sr-uuid={sr} --minimal", keep="pbd"),
    Row("pool-param-set uuid={pool} default-SR={sr}"),
    Row("pbd-unplug uuid={pbd}", check=attached(False)),
    Row("sr-forget uuid={sr}", check=lambda test: test.gone("SR", "sr")),
    Row("sr-introduce uuid={sr} name-label=TestSR type=file content-type=user", output="{sr}"),
    Row("pbd-create host-uuid={host} sr-uuid={sr} device-config-location={folder}/sr", keep="pbd"),
    Row("pbd-plug uuid={pbd}", check=attached(True)),
    Row("sr-scan uuid={sr}"),
    Row("pbd-unplug uuid={pbd}", check=attached(False)),
    Row("sr-destroy uuid={sr}", check=lambda test: test.gone("SR", "sr")),
)


class XeSeedTest(XeTest):
    def test_a_file_repository_lives_from_create_to_destroy(self):
        self.run_rows((
            Row("pool-list --minimal", keep="pool"),
            Row("host-list --minimal", keep="host"),
            Row(CREATE, keep="sr", check=lambda test: test.record("SR", "sr")["type"] == "file"),
            Row("pbd-list sr-uuid={sr} --minimal", keep="pbd", check=attached(True)),
            Row("pool-param-set uuid={pool} default-SR={sr}",
                check=lambda test: test.record("pool", "pool")["default_SR"] == test.client.SR.get_by_uuid(test.kept["sr"])),
            *VM_ROWS, *DISK_ROWS, *PBD_ROWS, *FORGET_ROWS,
        ))


if __name__ == "__main__":
    tap.main("system/xe-seed")
