# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rows of VBD.* and VIF.*."""

from rows import drives

VBD = {"id": "vm.xvda", "position": 0, "mode": "ReadWrite", "backend": ["VDI", "good/vdi"], "ty": "Disk", "unpluggable": True,
       "extra_backend_keys": {"a": "b"}, "extra_private_keys": {}, "qos": ["Ionice", ["RealTime", ["Other", 3]]]}
VIF = {"id": "vm.0", "position": 0, "mac": "52:54:00:00:00:01", "carrier": True, "mtu": 1500,
       "rate": {"kbytes_per_sec": 1000, "timeslice_us": 50000}, "backend": ["Local", "no-such-bridge"], "other_config": {"x": "y"},
       "extra_private_keys": {}}


def round_of(case, kind, device):
    """A device is added, told, replaced, removed; not while the VM has it."""
    wire, name = case.wire, device["id"]
    wire.add()
    case.equal(wire.call(f"{kind}.add", t=device), name)
    config, state = wire.call(f"{kind}.stat", id=name)
    case.equal(config, device)
    case.equal(state["plugged"], False)
    changed = device | {"extra_private_keys": {"k": "v"}}
    wire.call(f"{kind}.add", t=changed)
    case.equal([config for config, _ in wire.call(f"{kind}.list", vm="vm")], [changed])
    wire.operate("Vm.start", id="vm")
    case.equal(wire.call(f"{kind}.stat", id=name)[1]["plugged"], True)
    case.refused(("Device_is_connected",), f"{kind}.remove", id=name)
    wire.operate("Vm.destroy", id="vm")
    wire.call(f"{kind}.remove", id=name)
    case.refused(("Does_not_exist", kind, name), f"{kind}.stat", id=name)


@drives("VBD.add", "VBD.stat", "VBD.list", "VBD.remove")
def vbd(case):
    round_of(case, "VBD", VBD)


@drives("VIF.add", "VIF.stat", "VIF.list", "VIF.remove")
def vif(case):
    round_of(case, "VIF", VIF)
