#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""As many commands of xe as a server with guests in memory and storage in a folder can do, each with its effect seen through the API;
and of all others that they say what is wrong, never that they are done."""

import re
import sys
import tarfile
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import tap  # noqa: E402  (xe_case adds its folder)
from xe_case import COMMANDS, PENDING, TABLES, TREE, Row, XeTest  # noqa: E402

MIB = 1 << 20
NOTE = b"remember\n"


def field(class_name, kept, name, wanted):
    """The field of the object is as @wanted; {name} in it is filled in."""
    def check(test):
        value = test.record(class_name, kept)[name]
        return value == (wanted.format(**test.kept) if isinstance(wanted, str) else wanted)
    return check


def refers(class_name, kept, name, other_class, other):
    """The field refers to the other object kept."""
    return lambda test: test.record(class_name, kept)[name] == getattr(test.client, other_class).get_by_uuid(test.kept[other])


def gone(class_name, kept):
    return lambda test: test.gone(class_name, kept)


def count(class_name, wanted, **fields):
    """So many objects have these values."""
    return lambda test: wanted == len([record for record in getattr(test.client, class_name).get_all_records().values()
                                       if all(record[name] == value for name, value in fields.items())])


def holds(name, content=None):
    """The file that was written begins so; or is not empty."""
    def check(test):
        found = (test.stack.state / name).read_bytes()
        return found.startswith(content) if content else bool(found) if content is None else found == b""
    return check


def state(wanted, kept="vm"):
    return field("VM", kept, "power_state", wanted)


PLACES = (
    Row("pool-list --minimal", keep="pool"),
    Row("host-list --minimal", keep="host"),
    Row("pool-list params=master --minimal", output="{host}"),
    Row("host-list params=all"),
    Row("sr-create type=file name-label=disks device-config:location={folder}/disks host-uuid={host} sm-config:a=b", keep="sr",
        check=field("SR", "sr", "name_label", "disks")),
    Row("pbd-list sr-uuid={sr} --minimal", keep="pbd"),
    Row("pool-param-set uuid={pool} default-SR={sr}", check=refers("pool", "pool", "default_SR", "SR", "sr")),
    Row("network-create name-label=inside name-description=n MTU=1400", keep="network",
        check=field("network", "network", "MTU", "1400")),
)

PARAM_ROWS = (
    Row("sr-param-set uuid={sr} name-description='two words' other-config:a=1 other-config-b=2",
        check=lambda test: {"a": "1", "b": "2"}.items() <= test.record("SR", "sr")["other_config"].items()),
    Row("sr-param-get uuid={sr} param-name=name-description", output="two words"),
    Row("sr-param-get uuid={sr} param-name=other-config param-key=a", output="1"),
    Row("sr-param-get uuid={sr} param-name=other-config param-key=c", fails="Error: Key c not found in map"),
    Row("sr-param-get uuid={sr} param-name=nonsense", fails="nonsense"),
    Row("sr-param-set uuid={sr} nonsense=1", fails="Error: Unknown field 'nonsense'"),
    Row("sr-list nonsense=1", fails="Error: Unknown field 'nonsense'"),
    Row("sr-list params=nonsense"),
    Row("sr-param-set uuid={sr} type=nfs", fails="Error: Field 'type' is read-only."),
    Row("sr-param-add uuid={sr} param-name=tags param-key=red", check=field("SR", "sr", "tags", ["red"])),
    Row("sr-list tags:contains=red --minimal", output="{sr}"),
    Row("sr-list tags:contains=blue --minimal", output=""),
    Row("sr-list other-config:a=1 other-config-b=2 --minimal", output="{sr}"),
    Row("sr-param-remove uuid={sr} param-name=tags param-key=blue", fails="Error: Key blue is not in the set"),
    Row("sr-param-remove uuid={sr} param-name=tags param-key=red", check=field("SR", "sr", "tags", [])),
    Row("sr-param-add uuid={sr} param-name=other-config c=3 d=4",
        check=lambda test: {"c": "3", "d": "4"}.items() <= test.record("SR", "sr")["other_config"].items()),
    Row("sr-param-add uuid={sr} param-name=other-config c=5", fails="c"),
    Row("sr-param-remove uuid={sr} param-name=other-config param-key=c",
        check=lambda test: "c" not in test.record("SR", "sr")["other_config"]),
    Row("sr-param-clear uuid={sr} param-name=other-config", check=field("SR", "sr", "other_config", {})),
    Row("sr-param-clear uuid={sr} param-name=name-description", check=field("SR", "sr", "name_description", "")),
    Row("sr-param-clear uuid={sr} param-name=type", fails="Error: Can only clear RW parameters"),
    Row("sr-param-add uuid={sr} param-name=name-label param-key=x", fails="Error: Can only add to parameters of type Set or Map"),
    Row("sr-param-add uuid={sr} param-name=sm-config x=y", fails="Error: Parameter is read-only"),
    Row("sr-param-list uuid=nobody", fails="The uuid you supplied was invalid."),
    Row("sr-list database:vdi-uuid=nobody", fails="The uuid you supplied was invalid."),
    Row("sr-list database:filename=/x", fails="session.create_from_db_file"),
    Row("host-param-set uuid={host} name-label=h1 logging:syslog_destination=log.example",
        check=field("host", "host", "name_label", "h1")),
    Row("network-param-set uuid={network} name-label=outside default-locking-mode=disabled",
        check=field("network", "network", "default_locking_mode", "disabled")),
    Row("network-param-set uuid={network} default-locking-mode=open", fails="unlocked"),
    Row("pool-param-set uuid={pool} gui-config:x=y", check=field("pool", "pool", "gui_config", {"x": "y"})),
)

VM_ROWS = (
    Row("template-list name-label='Other install media' params=name-label --minimal", output="Other install media"),
    Row("template-list name-label='Other install media' params=uuid --minimal", keep="template"),
    Row("vm-install template='Other install media' new-name-label=web", keep="vm", check=state("Halted")),
    Row("vm-install template={template} new-name-label=web2 sr-uuid={sr}", keep="second",
        check=field("VM", "second", "name_label", "web2")),
    Row("vm-install template=nobody new-name-label=x", fails="nobody"),
    Row("vm-create name-label=empty name-description=d", keep="empty", check=field("VM", "empty", "memory_static_max", str(256 * MIB))),
    Row("vm-destroy uuid={empty}", check=gone("VM", "empty")),
    Row("vm-param-set uuid={vm} memory-static-max=2GiB VCPUs-max=2 HVM-boot-params:order=n",
        check=lambda test: test.record("VM", "vm")["memory_static_max"] == str(2048 * MIB)
        and test.record("VM", "vm")["HVM_boot_params"]["order"] == "n"),
    Row("vm-param-set uuid={vm} VCPUs-at-startup=many", fails="Error: Parameter 'VCPUs-at-startup' must be an integer"),
    Row("vm-param-set uuid={vm} is-a-template=perhaps", fails="Error: Parameter 'is-a-template' must be true or false"),
    Row("vm-memory-limits-set vm=web static-min=64MiB static-max=512MiB dynamic-min=128MiB dynamic-max=512MiB",
        check=field("VM", "vm", "memory_static_max", str(512 * MIB))),
    Row("vm-memory-static-range-set vm=web min=64MiB max=1GiB", check=field("VM", "vm", "memory_static_max", str(1024 * MIB))),
    Row("vm-memory-dynamic-range-set uuid={vm} min=128MiB max=256MiB", check=field("VM", "vm", "memory_dynamic_max", str(256 * MIB))),
    Row("vm-memory-set uuid={vm} memory=128MiB", check=field("VM", "vm", "memory_static_min", str(128 * MIB))),
    Row("vm-memory-target-set uuid={vm} target=128MiB", check=field("VM", "vm", "memory_dynamic_min", str(128 * MIB))),
    Row("vm-memory-balloon uuid={vm} target=128MiB", check=field("VM", "vm", "memory_dynamic_max", str(128 * MIB))),
    Row("vm-compute-maximum-memory uuid={vm} total=1GiB", keep="bytes", check=lambda test: int(test.kept["bytes"]) <= 1024 * MIB),
    Row("vm-compute-memory-overhead uuid={vm}"),
    Row("vm-is-bios-customized uuid={vm}", output="The BIOS strings of this VM have not yet been set."),
    Row("vm-crashdump-list uuid={vm}", output=""),
    Row("vm-data-source-list uuid={vm}"),
    Row("vm-start vm=web --force paused=true", check=state("Paused")),
    Row("vm-unpause uuid={vm}", check=state("Running")),
    Row("vm-pause uuid={vm}", check=state("Paused")),
    Row("vm-unpause uuid={vm}", check=state("Running")),
    Row("vm-reboot uuid={vm}", check=state("Running")),
    Row("vm-reboot uuid={vm} --force", check=state("Running")),
    Row("vm-memory-target-wait uuid={vm}"),
    Row("vm-memory-shadow-multiplier-set uuid={vm} multiplier=1.5"),
    Row("vm-vcpu-hotplug uuid={vm} new-vcpus=2"),
    Row("console-list vm-uuid={vm} --minimal"),
    Row("vm-suspend uuid={vm}", check=state("Suspended")),
    Row("vm-resume uuid={vm}", check=state("Running")),
    Row("vm-start uuid={vm}", fails="expected: halted"),
    Row("vm-list power-state=running params=name-label --minimal is-control-domain=false", output="web"),
    Row("event-wait class=vm uuid={vm} power-state=running"),
    Row("vm-shutdown uuid={vm}", check=state("Halted")),
    Row("vm-start uuid={vm} on=h1", check=state("Running")),
    Row("vm-start vm=web2 on=nowhere", fails="nowhere"),
    Row("vm-shutdown uuid={vm} --force", check=state("Halted")),
    Row("vm-start name-label=nobody", fails="Error: No matching VMs found"),
    Row("vm-start power-state=halted", fails="--multiple"),
    Row("vm-start power-state=halted --multiple", check=state("Running", "second")),
    Row("vm-shutdown power-state=running --multiple --force is-control-domain=false", check=state("Halted", "second")),
    Row("vm-reset-powerstate uuid={vm}", fails="--force"),
    Row("vm-reset-powerstate uuid={vm} --force", check=state("Halted")),
    Row("diagnostic-vm-status uuid={vm}"),
    Row("diagnostic-vm-status uuid=nobody", fails="The uuid you supplied was invalid."),
    Row("vm-copy-bios-strings uuid={vm} host-uuid={host}"),
    Row("vm-recover uuid={vm}", fails="database:vdi-uuid"),
    Row("vm-assert-can-be-recovered uuid={vm} database:vdi-uuid=nobody", fails="The uuid you supplied was invalid."),
)

DEVICE_ROWS = (
    Row("vm-disk-add uuid={vm} disk-size=8MiB device=0", check=lambda test: len(test.record("VM", "vm")["VBDs"]) == 1),
    Row("vm-disk-add uuid={vm} disk-size=lots device=1", fails="Error: Parameter 'disk-size' must be a size"),
    Row("vm-disk-list uuid={vm}"),
    Row("vdi-create sr-uuid={sr} name-label=data virtual-size=16MiB type=user sm-config:x=y tags:red=", keep="vdi",
        check=field("VDI", "vdi", "virtual_size", str(16 * MIB))),
    Row("vbd-create vm-uuid={vm} vdi-uuid={vdi} device=2 mode=RO type=Disk bootable=false", keep="vbd",
        check=field("VBD", "vbd", "mode", "RO")),
    Row("vbd-create vm-uuid={vm} device=3", fails="Error: "),
    Row("vbd-create vm-uuid={vm} device=3 type=CD", keep="drive", check=field("VBD", "drive", "empty", True)),
    Row("vbd-list vm-uuid={vm} type=CD params=uuid --minimal", output="{drive}"),
    Row("vbd-param-set uuid={vbd} bootable=true other-config:x=y", check=field("VBD", "vbd", "bootable", True)),
    Row("vbd-param-get uuid={vbd} param-name=vdi-name-label", output="data"),
    Row("vbd-param-get uuid={drive} param-name=vdi-name-label", output="<EMPTY>"),
    Row("vbd-plug uuid={vbd}", fails=""),
    Row("diagnostic-vdi-status uuid={vdi}"),
    Row("vdi-resize uuid={vdi} disk-size=32MiB", check=field("VDI", "vdi", "virtual_size", str(32 * MIB))),
    Row("vdi-snapshot uuid={vdi}", keep="vdi_snapshot", check=field("VDI", "vdi_snapshot", "is_a_snapshot", True)),
    Row("vdi-clone uuid={vdi} new-name-label=twin new-name-description=t", keep="twin", check=field("VDI", "twin", "name_label", "twin")),
    Row("vdi-update uuid={vdi}"),
    Row("vdi-copy uuid={vdi}", fails="Error: Give exactly one of these: sr-uuid, into-vdi-uuid"),
    Row("vdi-copy uuid={vdi} sr-uuid={sr}", keep="copied", check=field("VDI", "copied", "virtual_size", str(32 * MIB))),
    Row("vdi-destroy uuid={twin}", check=gone("VDI", "twin")),
    Row("vdi-destroy uuid={vdi_snapshot}", check=gone("VDI", "vdi_snapshot")),
    Row("vbd-destroy uuid={vbd}", check=gone("VBD", "vbd")),
    Row("vdi-destroy uuid={vdi}", check=gone("VDI", "vdi")),
    Row("vdi-param-get uuid={vdi} param-name=name-label", fails="The uuid you supplied was invalid."),
    Row("vm-disk-remove uuid={vm} device=0", check=count("VDI", 0, name_label="Created by xe")),
    Row("vm-disk-remove uuid={vm} device=9", fails="Error: "),
    Row("sr-create type=file content-type=iso name-label=cds device-config:location={folder}/cds", keep="iso_sr"),
    Row("vdi-create sr-uuid={iso_sr} name-label=disc.iso virtual-size=4MiB", keep="cd"),
    Row("cd-list params=uuid --minimal", output="{cd}"),
    Row("vm-cd-insert uuid={vm} cd-name=disc.iso", check=field("VBD", "drive", "empty", False)),
    Row("vm-cd-list uuid={vm}"),
    Row("vm-cd-eject uuid={vm}", check=field("VBD", "drive", "empty", True)),
    Row("vbd-insert uuid={drive} vdi-uuid={cd}", check=field("VBD", "drive", "empty", False)),
    Row("vbd-eject uuid={drive}", check=field("VBD", "drive", "empty", True)),
    Row("vm-cd-insert uuid={vm} cd-name=nothing.iso", fails="nothing.iso"),
    Row("vm-cd-remove uuid={vm} cd-name=<EMPTY>", check=gone("VBD", "drive")),
    Row("vm-cd-add uuid={vm} cd-name=disc.iso device=3", check=lambda test: len(test.record("VM", "vm")["VBDs"]) == 1),
    Row("vm-cd-remove uuid={vm} cd-name=disc.iso", check=lambda test: test.record("VM", "vm")["VBDs"] == []),
    Row("vif-create vm-uuid={vm} network-uuid={network} device=0 mac=02:00:00:00:00:01", keep="vif",
        check=field("VIF", "vif", "MAC", "02:00:00:00:00:01")),
    Row("vif-list MAC=02:00:00:00:00:01 params=uuid --minimal", output="{vif}"),
    Row("vif-param-set uuid={vif} other-config:x=y", check=field("VIF", "vif", "other_config", {"x": "y"})),
    Row("vif-param-set uuid={vif} ipv4-allowed=10.0.0.1,10.0.0.2 ", check=field("VIF", "vif", "ipv4_allowed", ["10.0.0.1", "10.0.0.2"])),
    Row("vm-vif-list uuid={vm}"),
    Row("vif-move uuid={vif} network-uuid={network}"),
    Row("vif-configure-ipv4 uuid={vif} mode=static address=10.0.0.1/24 gateway=10.0.0.254"),
    Row("vif-configure-ipv6 uuid={vif} mode=none"),
    Row("vif-destroy uuid={vif}", check=gone("VIF", "vif")),
    Row("vtpm-create vm-uuid={vm}", keep="vtpm"),
    Row("vtpm-destroy uuid={vtpm}", check=gone("VTPM", "vtpm")),
    Row("vtpm-create vm-uuid={vm} is-unique=true", fails="Error: Parameter 'is-unique' is not supported by this server"),
)

SNAPSHOT_ROWS = (
    Row("vm-disk-add uuid={vm} disk-size=8MiB device=0"),
    Row("vm-clone uuid={vm} new-name-label=copy new-name-description=c", keep="copy", check=field("VM", "copy", "name_description", "c")),
    Row("vm-snapshot uuid={vm} new-name-label=before new-name-description=s", keep="snapshot",
        check=field("VM", "snapshot", "is_a_snapshot", True)),
    Row("snapshot-list snapshot-of={vm} params=uuid --minimal", output="{snapshot}"),
    Row("snapshot-disk-list uuid={snapshot}"),
    Row("snapshot-clone uuid={snapshot} new-name-label=again", keep="again", check=field("VM", "again", "name_label", "again")),
    Row("snapshot-param-set uuid={snapshot} name-description=other", check=field("VM", "snapshot", "name_description", "other")),
    Row("vm-param-set uuid={vm} name-description=changed"),
    Row("snapshot-revert uuid={snapshot}", check=field("VM", "vm", "name_description", "")),
    Row("snapshot-revert uuid={vm}", fails="Error: {vm} is not a snapshot"),
    Row("snapshot-reset-powerstate uuid={snapshot}", fails="--force"),
    Row("snapshot-destroy uuid={snapshot}", check=gone("VM", "snapshot")),
    Row("vm-snapshot uuid={vm} new-name-label=more", keep="snapshot"),
    Row("vm-snapshot uuid={vm} new-name-label=more ignore-vdi-uuids=x", fails="Error: Parameter 'ignore-vdi-uuids' is not supported"),
    Row("snapshot-uninstall uuid={snapshot} --force", check=gone("VM", "snapshot")),
    Row("vm-checkpoint uuid={vm} new-name-label=memory", keep="checkpoint"),
    Row("vm-snapshot-with-quiesce uuid={vm} new-name-label=quiet", keep="quiet"),
    Row("vm-copy uuid={vm} new-name-label=full sr-uuid={sr}", keep="full"),
    Row("template-param-set uuid={again} name-description=t", check=field("VM", "again", "name_description", "t")),
    Row("template-uninstall template-uuid={again} --force", check=gone("VM", "again")),
    Row("vm-uninstall uuid={copy} --force", check=gone("VM", "copy")),
    Row("vm-uninstall uuid={vm} --force", check=gone("VM", "vm")),
)

OBJECT_ROWS = (
    Row("secret-create value=hidden", keep="secret", check=field("secret", "secret", "value", "hidden")),
    Row("secret-param-set uuid={secret} value=other", check=field("secret", "secret", "value", "other")),
    Row("secret-destroy uuid={secret}", check=gone("secret", "secret")),
    Row("message-create name=first priority=3 body=b host-uuid={host}", check=count("message", 1, name="first")),
    Row("message-create name=second priority=5 body=b pool-uuid={pool}", check=count("message", 1, name="second")),
    Row("message-create name=third priority=5 body=b sr-uuid={sr}", check=count("message", 1, name="third")),
    Row("message-create name=x priority=high body=b host-uuid={host}", fails="priority"),
    Row("message-create name=x priority=1 body=b", fails="vm-uuid"),
    Row("message-list name=first params=uuid --minimal", keep="message"),
    Row("message-destroy uuid={message}", check=count("message", 0, name="first")),
    Row("message-destroy uuid={message} uuids={message}", fails="Error: "),
    Row("message-destroy-all priority=4", check=count("message", 1, name="second")),
    Row("message-destroy-all before=20200101T00:00:00Z", check=count("message", 1, name="second")),
    Row("message-destroy-all after=20200101T00:00:00Z priority=5", check=count("message", 0, name="second")),
    Row("message-destroy-all before=yesterday", fails="before"),
    Row("task-list --minimal"),
    Row("task-cancel uuid=nobody", fails="The uuid you supplied was invalid."),
    Row("session-subject-identifier-list --minimal", output=""),
    Row("session-subject-identifier-logout-all"),
    Row("subject-add subject-name=nobody", fails=""),
    Row("role-list params=name --minimal", output="pool-admin,pool-operator,vm-power-admin,vm-admin,vm-operator,read-only"),
    Row("blob-create name=notes mime-type=text/plain host-uuid={host} public=true", keep="blob",
        check=field("blob", "blob", "mime_type", "text/plain")),
    Row("blob-put uuid={blob} filename={folder}/note.txt", check=field("blob", "blob", "size", str(len(NOTE)))),
    Row("blob-put uuid={blob} filename={folder}/nothing.txt", fails="Error: "),
    Row("blob-get uuid={blob} filename={folder}/note.out", check=holds("note.out", NOTE)),
    Row("blob-get uuid=nobody filename={folder}/other.out", fails="The uuid you supplied was invalid."),
    Row("blob-create name=disk sr-uuid={sr}", keep="sr_blob", check=lambda test: len(test.record("SR", "sr")["blobs"]) == 1),
    Row("blob-put uuid={sr_blob} filename={folder}/note.txt", check=field("blob", "sr_blob", "size", str(len(NOTE)))),
    Row("blob-get uuid={sr_blob} filename={folder}/private.out", check=holds("private.out", NOTE)),
    Row("blob-create name=notes", fails="Error: Give exactly one of these"),
    Row("appliance-create name-label=both name-description=d", keep="appliance"),
    Row("appliance-destroy uuid={appliance}", check=gone("VM_appliance", "appliance")),
)

FILE_ROWS = (
    Row("audit-log-get filename={folder}/all-audit", check=holds("all-audit")),
    Row("audit-log-get filename={folder}/late-audit since=20990101T00:00:00Z", check=holds("late-audit", b"")),
    Row("pool-dump-database file-name={folder}/database.xml", check=holds("database.xml", b"<?xml")),
    Row("host-get-system-status filename={folder}/status.tar output=tar uuid={host}",
        check=lambda test: tarfile.is_tarfile(test.stack.state / "status.tar")),
    Row("host-get-system-status-capabilities uuid={host}"),
    Row("host-logs-download file-name={folder}/logs", check=holds("logs")),
    Row("host-logs-download uuid={host}", check=lambda test: list(test.stack.state.glob("logs-2*"))),
    Row("task-list --minimal", output=""),
)

HOST_ROWS = (
    Row("host-disable uuid={host}", check=field("host", "host", "enabled", False)),
    Row("host-enable uuid={host}", check=field("host", "host", "enabled", True)),
    Row("host-disable host=nobody", fails="Error: No matching hosts found"),
    Row("host-disable auto-enable=false", fails="Error: Parameter 'auto-enable' is not supported by this server"),
    Row("host-cpu-info uuid={host}"),
    Row("host-cpu-info"),
    Row("host-get-cpu-features"),
    Row("pool-get-cpu-features"),
    Row("host-cpu-list host-uuid={host}"),
    Row("host-compute-free-memory uuid={host}"),
    Row("host-compute-memory-overhead uuid={host}"),
    Row("host-get-server-certificate uuid={host}"),
    Row("host-all-editions"),
    Row("host-license-view"),
    Row("host-license-view host-uuid={host}"),
    Row("host-apply-edition edition=free host-uuid={host}"),
    Row("pool-apply-edition edition=free"),
    Row("diagnostic-license-status"),
    Row("host-get-vms-which-prevent-evacuation uuid={host}"),
    Row("host-emergency-ha-disable", fails="--force"),
    Row("host-enable-external-auth host-uuid={host} auth-type=x service-name=y", fails="--force"),
    Row("host-get-system-status filename=x output=rar", fails="Error: Parameter 'output' must be one of tar, tar.bz2, zip"),
    Row("pool-restore-database file-name=x", fails="--force"),
    Row("pool-ha-compute-vm-failover-plan host-uuids={host}"),
    Row("pool-ha-compute-hypothetical-max-host-failures-to-tolerate vm-uuid=x", fails="Error: "),
    Row("pool-ha-compute-hypothetical-max-host-failures-to-tolerate"),
    Row("sr-probe type=file device-config:location={folder}"),
    Row("sr-scan uuid={sr}"),
    Row("sr-update uuid={sr}"),
    Row("sm-list type=file --minimal", check=lambda test: True),
    Row("pif-list host-uuid={host} --minimal"),
    Row("network-destroy uuid={network}", check=gone("network", "network")),
)

class XeCommandsTest(XeTest):
    maxDiff = 4000

    def test_commands_do_what_they_say(self):
        (self.stack.state / "note.txt").write_bytes(NOTE)
        self.run_rows((*PLACES, *PARAM_ROWS, *VM_ROWS, *DEVICE_ROWS, *SNAPSHOT_ROWS, *OBJECT_ROWS, *FILE_ROWS, *HOST_ROWS))

    def test_every_field_of_every_object_can_be_read(self):
        for cli_class in TABLES.classes:
            if cli_class.model_class is None:
                continue
            status, out, err = self.xe(f"{cli_class.name}-list", "params=uuid", "--minimal")
            self.assertEqual((status, err), (0, ""), cli_class.name)
            self.assertEqual(self.xe(f"{cli_class.name}-list", "params=all")[0], 0, cli_class.name)
            for uuid in out.strip().split(",")[:1]:
                if uuid:
                    self.read_fields(cli_class, uuid)

    def read_fields(self, cli_class, uuid):
        status, text, err = self.xe(f"{cli_class.name}-param-list", f"uuid={uuid}")
        self.assertEqual((status, err), (0, ""), cli_class.name)
        for field_ in cli_class.fields:
            if not field_.row.get("hidden"):
                self.assertRegex(text, rf"{re.escape(field_.label)} *: ", cli_class.name)
            status, _, err = self.xe(f"{cli_class.name}-param-get", f"uuid={uuid}", f"param-name={field_.name}")
            self.assertEqual((status, err), (0, ""), field_.name)

    def test_what_the_server_lacks_is_said(self):
        with open(TREE / "model/cli-lacking.toml", "rb") as file:
            lacking = tomllib.load(file)
        for name, row in lacking["commands"].items():
            status, out, err = self.xe(name, *(f"{key}=x" for key in row["required"]))
            self.assertEqual((status, out), (1, ""), name)
            self.assertIn(f"method: {row['lacks']}\n", err, name)
        for name, row in lacking["classes"].items():
            for line in (f"{name}-list", f"{name}-param-list uuid=x", f"{name}-param-get uuid=x param-name=y"):
                status, out, err = self.xe(*line.split())
                self.assertEqual((status, out), (1, ""), line)
                self.assertIn(f"method: {row['lacks']}.", err, line)

    def test_pending_commands_never_succeed(self):
        host = self.xe("host-list", "--minimal")[1].strip()
        for name, command in COMMANDS.items():
            if command.call is None or command.call.message not in PENDING:
                continue
            keys = [f"{key}={host if key in ('uuid', 'host-uuid') else 'x'}" for key in command.row["required"]]
            status, out, _ = self.xe(name, *keys, "--force")
            self.assertEqual((status, out), (1, ""), name)


if __name__ == "__main__":
    tap.main("system/xe-commands")
