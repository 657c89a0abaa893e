# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rows of exceptions: each asserts name and arguments."""

import json

from rows import raises
from rows_task import begin_slow_start
from storage_service import REFUSAL
from wires import Failure


def with_disk(case, sr):
    """A VM with a disk of this SR."""
    case.wire.add()
    case.wire.call("VBD.add", t={"id": "vm.xvda", "position": 0, "mode": "ReadWrite", "ty": "Disk", "backend": ["VDI", f"{sr}/vdi"]})


@raises("Internal_error")
def what_has_no_exception_of_its_own(case):
    with case.test.assertRaises(Failure) as caught:
        case.wire.add(memory_static_max=1)
    case.equal(caught.exception.args, ("Internal_error", "memory_static_max is out of range"))


@raises("Already_exists")
def a_vm_that_is_there_is_imported(case):
    case.wire.add()
    case.refused(("Already_exists",), "Vm.import_metadata", config=case.wire.call("Vm.export_metadata", id="vm"))


@raises("Does_not_exist")
def a_vm_that_is_not_there_is_asked_for(case):
    case.refused(("Does_not_exist", "VM", "no/such\nthing"), "Vm.stat", id="no/such\nthing")


@raises("Unimplemented")
def a_method_that_is_to_come(case):
    case.wire.add()
    case.refused(("Unimplemented",), "Vm.create_device_model", id="vm", is_resuming=True)


@raises("Domain_not_built")
def a_start_by_hand_out_of_order(case):
    case.wire.add()
    case.wire.operate("Vm.create", id="vm")
    case.fails(("Domain_not_built",), "Vm.create_device_model", id="vm", is_resuming=False)


@raises("Maximum_vcpus")
def more_processors_than_it_can_have(case):
    with case.test.assertRaises(Failure) as caught:
        case.wire.add(vcpu_max=2, vcpus=3)
    case.equal(caught.exception.args, ("Maximum_vcpus", "2"))


@raises("Bad_power_state")
def a_halted_vm_is_paused(case):
    case.wire.add()
    case.fails(("Bad_power_state", "Halted", "Running"), "Vm.pause", id="vm")


@raises("Failed_to_achnowledge_shutdown_request")
def a_guest_ignores_the_power_button(case):
    case.wire.start(platformdata={"fake-shutdown": "ignore"})
    case.fails(("Failed_to_achnowledge_shutdown_request",), "Vm.shutdown", id="vm", clean_shutdown_timeout=0.1)


@raises("Failed_to_shutdown")
def a_guest_begins_to_shut_down_and_does_not_end(case):
    case.wire.start(platformdata={"fake-shutdown": "stall"})
    case.fails(("Failed_to_shutdown",), "Vm.shutdown", id="vm", clean_shutdown_timeout=0.1)


@raises("Device_is_connected")
def a_disk_in_use_is_removed(case):
    with_disk(case, "good")
    case.wire.operate("Vm.start", id="vm")
    case.refused(("Device_is_connected",), "VBD.remove", id="vm.xvda")


@raises("VDI_not_found")
def the_storage_knows_no_such_vdi(case):
    with_disk(case, "empty")
    case.fails(("VDI_not_found",), "Vm.start", id="vm")


@raises("Storage_backend_error")
def the_storage_refuses(case):
    with_disk(case, "refuses")
    case.fails(("Storage_backend_error", *REFUSAL), "Vm.start", id="vm")


@raises("Failed_to_contact_remote_service")
def the_storage_hangs_up(case):
    with_disk(case, "dead")
    with case.test.assertRaises(Failure) as caught:
        case.wire.operate("Vm.start", id="vm")
    case.equal((caught.exception.name, len(caught.exception.args)), ("Failed_to_contact_remote_service", 2))


@raises("Cancelled")
def a_task_is_cancelled(case):
    task = begin_slow_start(case)
    case.wire.call("Task.cancel", id=task)
    case.wire.call("Task.wait", id=task, timeout=30.0)
    case.equal(json.loads(case.wire.call("Task.stat", id=task)["result"][1]), ["Cancelled", task])


@raises("Not_supported", "qemu")
def a_switch_in_another_domain(case):
    case.wire.add()
    case.wire.call("VIF.add", t={"id": "vm.0", "position": 0, "mac": "52:54:00:00:00:01", "backend": ["Remote", "switch"]})
    case.fails(("Not_supported",), "Vm.start", id="vm")


@raises("No_bootable_device", "qemu")
def a_vm_without_disks(case):
    case.wire.add()
    case.fails(("No_bootable_device",), "Vm.start", id="vm")


@raises("Not_enough_memory", "qemu")
def a_vm_larger_than_its_host(case):
    with_disk(case, "good")
    case.wire.add(memory_static_max=1 << 45)
    case.fails(("Not_enough_memory", str(1 << 45)), "Vm.start", id="vm")


@raises("Bootloader_error", "qemu")
def a_bootloader_fails(case):
    boot = {"bootloader": "pygrub", "devices": [["Local", "/dev/null"]]}
    case.wire.add(ty=["PV", {"boot": ["Indirect", boot], "framebuffer": False, "vncterm": False}])
    with case.test.assertRaises(Failure) as caught:
        case.wire.operate("Vm.start", id="vm")
    case.equal(caught.exception.args[:2], ("Bootloader_error", "pygrub"))
    case.test.assertTrue(caught.exception.args[2:])
