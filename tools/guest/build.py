#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds the demo guest without root: Debian's cloud kernel, an initramfs with its drivers, and a root disk.

    tools/guest/build.py --kernel ROOT --busybox ROOT --output FOLDER

ROOT is an unpacked Debian package. Writes FOLDER/vmlinuz, initrd.img and demo.qcow2; the same input gives the same bytes.
"""

import argparse
import gzip
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent

# What they need in turn is found in the modules themselves. ext4 is part of the kernel image.
DRIVERS = [
    "virtio_pci", "virtio_blk", "virtio_net", "virtio_balloon", "virtio_console", "virtio_rng",
    "xen_blkfront", "xen_netfront",
    "button", "evdev",  # the power button, as an input device for acpid
    "pvpanic_mmio",  # tells the host of a panic
]

DISK_SIZE = "64M"
DISK_UUID = "6b0c1f8e-5a3d-4b52-9a7e-2f9d6c1e8a40"
BUILD_TIME = 1700000000  # stands for every time in the image, so that the bytes do not depend on the clock
EXECUTABLE = ("sbin/", "etc/init.d/", "etc/acpi/", "etc/udhcpc/")


class Archive:
    """A cpio archive in the kernel's format ("newc"); written here because cpio cannot add device nodes without root."""

    def __init__(self):
        self.chunks = []

    def add(self, name, mode, data=b"", device=(0, 0)):
        """One entry; @mode holds the file type too."""
        encoded = name.encode() + b"\0"
        links = 2 if stat.S_ISDIR(mode) else 1
        fields = (len(self.chunks) + 1, mode, 0, 0, links, BUILD_TIME, len(data), 0, 0, *device, len(encoded), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields)
        for part in (header + encoded, data):
            self.chunks.append(part + b"\0" * (-len(part) % 4))

    def finish(self):
        """The whole archive."""
        self.add("TRAILER!!!", 0)
        return b"".join(self.chunks)


def kernel_of(root):
    """(version, path) of the kernel in an unpacked package."""
    kernels = sorted((root / "boot").glob("vmlinuz-*-cloud-amd64"))
    if not kernels:
        raise SystemExit(f"build.py: no cloud kernel in {root}/boot")
    return kernels[-1].name.removeprefix("vmlinuz-"), kernels[-1]


def drivers_in_order(modules):
    """Paths of DRIVERS and of what they need, each after its needs. Drivers that are built in have no file and no entry."""
    paths = {path.stem.replace("-", "_"): path for path in sorted(modules.rglob("*.ko"))}
    ordered = []

    def visit(name):
        path = paths.get(name.replace("-", "_"))
        if path is None or path in ordered:
            return
        needs = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
        for need in needs.group(1).decode().split(",") if needs else []:
            visit(need)
        ordered.append(path)

    for name in DRIVERS:
        visit(name)
    return ordered


def applets(busybox):
    """Every command this busybox knows."""
    listed = subprocess.run([busybox, "--list"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    return sorted(name for name in listed if name != "busybox")


def build_initramfs(busybox, drivers, target):
    """Writes the compressed archive that the kernel unpacks into memory."""
    archive = Archive()
    for folder in ("bin", "dev", "modules", "proc", "root", "sys"):
        archive.add(folder, stat.S_IFDIR | 0o755)
    archive.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    archive.add("dev/null", stat.S_IFCHR | 0o666, device=(1, 3))
    archive.add("init", stat.S_IFREG | 0o755, (HERE / "initramfs-init").read_bytes())
    archive.add("bin/busybox", stat.S_IFREG | 0o755, busybox.read_bytes())
    for name in applets(busybox):
        archive.add(f"bin/{name}", stat.S_IFLNK | 0o777, b"busybox")
    for path in drivers:
        archive.add(f"modules/{path.name}", stat.S_IFREG | 0o644, path.read_bytes())
    archive.add("modules/order", stat.S_IFREG | 0o644, "".join(f"{path.name}\n" for path in drivers).encode())
    target.write_bytes(gzip.compress(archive.finish(), compresslevel=6, mtime=0))


def fill_root(busybox, root):
    """Puts the guest's files together below @root."""
    shutil.copytree(HERE / "root", root)
    for folder in ("bin", "sbin", "dev", "proc", "sys", "run", "tmp", "root", "var/lib", "mnt"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(busybox, root / "bin/busybox")
    for name in applets(busybox):
        (root / "bin" / name).symlink_to("busybox")
    for name in ("init", "acpid", "poweroff", "reboot", "halt", "udhcpc"):
        (root / "sbin" / name).symlink_to("../bin/busybox")
    (root / "etc/resolv.conf").symlink_to("/run/resolv.conf")
    for path in root.rglob("*"):
        if not path.is_symlink():
            name = str(path.relative_to(root))
            is_program = path.is_dir() or name == "bin/busybox" or name.startswith(EXECUTABLE)
            path.chmod(0o755 if is_program else 0o644)
            os.utime(path, (BUILD_TIME, BUILD_TIME))


def neutral_owner_commands(root):
    """debugfs commands that make every file root's and give it BUILD_TIME, whoever built it and whenever."""
    names = sorted("/" + str(path.relative_to(root)) for path in root.rglob("*")) + ["/"]
    values = [("uid", 0), ("gid", 0)] + [(field, f"@{BUILD_TIME}") for field in ("atime", "ctime", "mtime", "crtime")]
    values += [(f"{field}_extra", 0) for field in ("atime", "ctime", "mtime", "crtime")]
    return "".join(f"sif {name} {field} {value}\n" for name in names for field, value in values)


def run(*command, **options):
    """A program that must succeed; what it says is shown only when it does not."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    if result.returncode != 0:
        raise SystemExit(f"build.py: {command[0]} failed:\n{result.stdout}")


def build_disk(busybox, scratch, target):
    """Writes the root disk: ext4 with the guest's files, as qcow2."""
    root, raw = scratch / "root", scratch / "disk.raw"
    fill_root(busybox, root)
    environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "E2FSPROGS_FAKE_TIME": str(BUILD_TIME)}
    run("mke2fs", "-q", "-t", "ext4", "-m", "0", "-L", "xylem-demo", "-U", DISK_UUID,
        "-E", f"root_owner=0:0,hash_seed={DISK_UUID},lazy_itable_init=0,lazy_journal_init=0", "-d", str(root), str(raw), DISK_SIZE,
        env=environment)
    (scratch / "commands").write_text(neutral_owner_commands(root), encoding="utf-8")
    run("debugfs", "-w", "-f", str(scratch / "commands"), str(raw), env=environment)
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(target))


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", type=Path, required=True, help="unpacked linux-image-*-cloud-amd64")
    parser.add_argument("--busybox", type=Path, required=True, help="unpacked busybox-static")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()

    version, kernel = kernel_of(options.kernel)
    busybox = options.busybox / "bin/busybox"
    drivers = drivers_in_order(options.kernel / "lib/modules" / version)
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.output) as scratch:
        scratch = Path(scratch)
        shutil.copyfile(kernel, scratch / "vmlinuz")
        build_initramfs(busybox, drivers, scratch / "initrd.img")
        build_disk(busybox, scratch, scratch / "demo.qcow2")
        for name in ("vmlinuz", "initrd.img", "demo.qcow2"):  # the disk last: make looks at its time
            (scratch / name).replace(options.output / name)
    print(f"Demo guest: Linux {version}, {len(drivers)} drivers, in {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
