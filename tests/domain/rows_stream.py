# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rows of the methods that put a guest's state somewhere else."""

from rows import drives


@drives("Vm.suspend", "Vm.resume")
def suspend(case):
    case.wire.start()
    image = ["Local", str(case.service.folder / "image")]
    case.wire.operate("Vm.suspend", id="vm", disk=image)
    case.equal((case.wire.power(), case.wire.state()["domids"]), ("Suspended", []))
    case.fails(("Bad_power_state", "Suspended", "Halted"), "Vm.start", id="vm")
    case.wire.operate("Vm.resume", id="vm", disk=image)
    case.equal(case.wire.power(), "Running")
