# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rows of the methods that change a VM while it runs."""

from rows import drives

MIB = 1 << 20


@drives("Vm.set_vcpus")
def vcpus(case):
    case.wire.add(vcpu_max=4)
    case.wire.operate("Vm.set_vcpus", id="vm", num_vpcus=2)
    case.equal(case.wire.call("Vm.stat", id="vm")[0]["vcpus"], 2)
    case.wire.operate("Vm.start", id="vm")
    case.wire.operate("Vm.set_vcpus", id="vm", num_vpcus=3)
    case.equal(case.wire.state()["vcpu_target"], 3)
    case.fails(("Maximum_vcpus", "4"), "Vm.set_vcpus", id="vm", num_vpcus=5)


@drives("Vm.set_memory_dynamic_range")
def memory(case):
    case.wire.start()
    static_max = case.wire.call("Vm.stat", id="vm")[0]["memory_static_max"]
    case.wire.operate("Vm.set_memory_dynamic_range", id="vm", min=4 * MIB, max=8 * MIB)
    config, state = case.wire.call("Vm.stat", id="vm")
    case.equal((config["memory_dynamic_min"], config["memory_dynamic_max"], state["memory_target"]), (4 * MIB, 8 * MIB, 8 * MIB))
    case.equal(config["memory_static_max"], static_max)


@drives("Vm.set_shadow_multiplier")
def shadow(case):
    case.wire.start()
    case.wire.operate("Vm.set_shadow_multiplier", id="vm", shadow_multiplier=2.0)
    case.equal(case.wire.state()["shadow_multiplier_target"], 2.0)
