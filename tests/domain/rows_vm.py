# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rows of Query.*, Host.* and Vm.*."""

import json
import os

import form
from rows import drives

FULL = {
    "id": "vm", "name": "ä name", "ssidref": 3, "xsdata": {"a": "1"}, "platformdata": {"acpi": "1"}, "bios_strings": {"vendor": "x"},
    "ty": ["HVM", {"hap": True, "shadow_multiplier": 1.5, "timeoffset": "-60", "video_mib": 16, "video": "Standard_VGA", "acpi": True,
                   "serial": "pty", "keymap": None, "vnc_ip": "127.0.0.1", "pci_emulations": ["a", "b"], "pci_passthrough": False,
                   "boot_order": "dcn", "qemu_disk_cmdline": False, "qemu_stubdom": False}],
    "suppress_spurious_page_faults": False, "machine_address_size": 40, "memory_static_max": 1 << 33, "memory_dynamic_max": 1 << 32,
    "memory_dynamic_min": 1 << 31, "vcpu_max": 4, "vcpus": 2,
    "scheduler_params": {"priority": {"weight": 256, "cap": 0}, "affinity": [[0, 1], [], [1]]},
    "on_crash": ["Coredump", "Shutdown"], "on_shutdown": ["Shutdown"], "on_reboot": ["Start"], "transient": False,
    "pci_msitranslate": True, "pci_power_mgmt": False,
}
PARAVIRTUAL = ["PV", {"boot": ["Indirect", {"bootloader": "pygrub", "extra_args": "single", "legacy_args": "", "bootloader_args": "-q",
                                           "devices": [["Local", "/dev/null"], ["VDI", "sr/vdi"]]}],
                      "framebuffer": False, "vncterm": True, "vncterm_ip": "127.0.0.1"}]


@drives("Query.query")
def query(case):
    info = case.wire.call("Query.query")
    case.equal((info["name"], info["vendor"]), ("xenopsd", "Xylem"))
    case.equal(info["features"], ["fake", *(name for name, method in form.MODEL.methods.items() if not method.pending)])


@drives("Host.stat")
def host(case):
    told = case.wire.call("Host.stat")
    case.equal((told["kernel"], told["cpu"]["count"]), (os.uname().release, len(os.sched_getaffinity(0))))
    case.equal(told["memory_total"], os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    case.test.assertTrue(0 < told["memory_free"] < told["memory_total"])
    case.equal(told["hypervisor"], {"name": "fake", "version": "", "acceleration": "none"})
    case.test.assertIn("fpu", told["cpu"]["flags"])


@drives("Vm.consoles")
def consoles(case):
    case.wire.add()
    case.equal(case.wire.call("Vm.consoles", id="vm"), [])
    case.wire.operate("Vm.start", id="vm")
    case.equal(case.wire.call("Vm.consoles", id="vm"), [{"protocol": "Vt100", "port": 0, "path": None}])


@drives("Vm.add", "Vm.stat")
def what_is_added_is_told(case):
    for vm in (FULL, FULL | {"ty": PARAVIRTUAL}):
        case.equal(case.wire.call("Vm.add", t=vm), "vm")
        config, state = case.wire.call("Vm.stat", id="vm")
        case.equal(config, vm)
        case.equal((state["power_state"], state["domids"], state["consoles"]), ("Halted", [], []))


@drives("Vm.list")
def every_vm_is_listed(case):
    names = [f"vm-{number}" for number in range(20)]
    for name in names:
        case.wire.add(name)
    case.wire.operate("Vm.start", id="vm-7")
    listed = {config["id"]: state["power_state"] for config, state in case.wire.call("Vm.list")}
    case.equal(listed, {name: "Running" if name == "vm-7" else "Halted" for name in names})


@drives("Vm.remove")
def remove(case):
    case.wire.start()
    case.refused(("Bad_power_state", "Running", "Halted"), "Vm.remove", id="vm")
    case.wire.operate("Vm.destroy", id="vm")
    case.wire.call("Vm.remove", id="vm")
    case.refused(("Does_not_exist", "VM", "vm"), "Vm.stat", id="vm")


@drives("Vm.start", "Vm.pause", "Vm.unpause", "Vm.destroy")
def states(case):
    case.wire.start()
    case.equal(case.wire.power(), "Running")
    case.equal(case.wire.state()["vcpu_target"], 1)
    for method, power in (("Vm.pause", "Paused"), ("Vm.unpause", "Running"), ("Vm.destroy", "Halted")):
        case.wire.operate(method, id="vm")
        case.equal(case.wire.power(), power)


@drives("Vm.create", "Vm.build", "Vm.create_device_model")
def a_start_by_hand(case):
    case.wire.add()
    case.wire.operate("Vm.create", id="vm")
    case.fails(("Domain_not_built",), "Vm.create_device_model", id="vm", is_resuming=False)
    case.wire.operate("Vm.build", id="vm")
    case.wire.operate("Vm.create_device_model", id="vm", is_resuming=False)
    case.equal(case.wire.power(), "Paused")
    case.wire.operate("Vm.unpause", id="vm")
    case.equal(case.wire.power(), "Running")


@drives("Vm.shutdown")
def shutdown(case):
    for timeout in (None, 30.0):
        case.wire.start()
        case.wire.operate("Vm.shutdown", id="vm", clean_shutdown_timeout=timeout)
        case.equal(case.wire.power(), "Halted")


@drives("Vm.reboot")
def reboot(case):
    case.wire.start()
    domid, = case.wire.state()["domids"]
    for timeout in (None, 30.0):
        case.wire.operate("Vm.reboot", id="vm", clean_shutdown_timeout=timeout)
        domid += 1
        case.equal((case.wire.power(), case.wire.state()["domids"]), ("Running", [domid]))


@drives("Vm.export_metadata", "Vm.import_metadata")
def metadata(case):
    case.wire.call("Vm.add", t=FULL)
    case.wire.call("VIF.add", t={"id": "vm.0", "position": 0, "mac": "52:54:00:00:00:01", "backend": ["Local", "br"]})
    text = case.wire.call("Vm.export_metadata", id="vm")
    case.equal(json.loads(text)["vm"]["name"], FULL["name"])
    case.wire.call("Vm.remove", id="vm")
    case.equal(case.wire.call("Vm.import_metadata", config=text), "vm")
    case.equal(case.wire.call("Vm.stat", id="vm")[0], FULL)
    case.equal([vif["id"] for vif, _ in case.wire.call("VIF.list", vm="vm")], ["vm.0"])


@drives("Vm.register")
def register(case):
    wire = case.wire
    vbd = {"id": "vm.xvda", "position": 0, "mode": "ReadWrite", "ty": "Disk", "backend": ["VDI", "good/vdi"]}
    vif = {"id": "vm.0", "position": 0, "mac": "52:54:00:00:00:01", "backend": ["Local", "br"]}
    for vifs in ([vif], []):
        case.equal(wire.call("Vm.register", t={"vm": FULL, "vbds": [vbd], "vifs": vifs}), "vm")
        case.equal(wire.call("Vm.stat", id="vm")[0], FULL)
        case.equal([told["id"] for told, _ in wire.call("VBD.list", vm="vm")], ["vm.xvda"])
        case.equal([told["id"] for told, _ in wire.call("VIF.list", vm="vm")], [told["id"] for told in vifs])
