#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""FileSR dies, or an operation of the file system fails, at every single change it makes to the folder; and it is killed at random.

After each, a scan finds a consistent SR: no disk lost or changed, nothing unfinished left, every chain whole."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from file_sr import MIB, Folder, FolderTest, tool  # noqa: E402


import tap  # noqa: E402

RAW = "00000001-2222-4333-8444-555555555555"
MOST_CHANGES = 200


class ConsistentTest(FolderTest):
    def assert_consistent(self, sr, content, optional=(), gone=()):
        """That a scan shows exactly the disks of content, which hold what they should; those of gone may be missing. One more disk
        may have been made by a call that never answered; it must equal one of optional."""
        visible = sr.visible()
        new = set(visible) - set(content)
        self.assertLessEqual(set(content) - set(visible), set(gone), "a disk is lost")
        self.assertLessEqual(len(new), 1)
        for uuid in set(visible) & set(content):
            self.assertTrue(sr.holds(uuid, content[uuid]), f"{uuid} has changed")
        for uuid in new:
            self.assertTrue(any(sr.holds(uuid, parts) for parts in optional), f"{uuid} is no copy")
        self.assert_tidy(sr)
        return new

    def assert_tidy(self, sr):
        """That the folder holds disks with their sidecars and nothing else, and no base that nothing reads from."""
        scanned = sr.scan()
        images = {Path(name).stem for name in sr.names() if name.endswith((".qcow2", ".raw"))}
        sidecars = {Path(name).stem for name in sr.names() if name.endswith(".json")}
        self.assertEqual(images, sidecars)
        self.assertEqual(len(sr.names()), 2 * len(images), sr.names())
        parents = {vdi["parent"] for vdi in scanned.values()}
        for uuid, vdi in scanned.items():
            self.assertTrue(vdi["hidden"] == "false" or uuid in parents, f"{uuid} is of no use")


class EveryChangeTest(ConsistentTest):
    """One SR is prepared; each try works on a copy of it."""

    def setUp(self):
        super().setUp()
        self.disk = self.sr.create()
        self.sr.write(self.disk, 1)
        self.snapshot = self.sr.call("vdi_snapshot", vdi=self.disk)["uuid"]
        self.sr.write(self.disk, 2, 65536)
        self.empty = self.sr.create()
        (self.sr.path / f"{RAW}.raw").write_bytes(b"\7" * 65536 + b"\0" * (MIB - 65536))
        self.sr.scan()
        self.content = {self.disk: {0: 1, 65536: 2}, self.snapshot: {0: 1, 65536: 0}, self.empty: {0: 0}, RAW: {0: 7}}

    def try_once(self, number, mode, command, *args, vdi=None):
        """Runs a call whose n-th change is hit. Returns the SR and whether it was reached and answered without fault."""
        work = self.scratch / "work"
        hit = self.scratch / "hit"
        shutil.rmtree(work, ignore_errors=True)
        hit.unlink(missing_ok=True)
        shutil.copytree(self.sr.path, work)
        sr = Folder(work, self.program)
        environment = {"LD_PRELOAD": os.environ["FAULT_PRELOAD"], "FAULT_AT": str(number), "FAULT_MODE": mode, "FAULT_HIT": str(hit)}
        done = sr.run(command, *args, vdi=vdi, environment=environment)
        if mode == "kill" and hit.exists():
            self.assertEqual(done.returncode, -9)
        else:
            self.assertEqual(done.returncode, 0, done.stderr)
        answered = done.returncode == 0 and "<fault>" not in done.stdout
        return sr, hit.exists(), answered

    def try_all(self, command, *args, vdi=None, optional=(), gone=()):
        """Every change of a call, both ways."""
        for mode in ("kill", "fail"):
            for number in range(1, MOST_CHANGES):
                sr, was_hit, answered = self.try_once(number, mode, command, *args, vdi=vdi)
                with self.subTest(mode=mode, number=number, answered=answered):
                    new = self.assert_consistent(sr, self.holding(sr), optional, gone)
                    if mode == "fail" and not answered and optional:
                        self.assertFalse(new, "a failed call left a disk")
                if not was_hit:
                    self.assertTrue(answered)
                    break
            self.assertGreater(number, 3, "the fault never came")

    def holding(self, sr):
        """What is expected; a raw disk that became an overlay is found under its other name."""
        if (sr.path / f"{RAW}.qcow2").exists():
            return self.content
        self.assertEqual((sr.path / f"{RAW}.raw").read_bytes()[:65536], b"\7" * 65536)
        sr.image = lambda uuid: sr.path / f"{uuid}.qcow2" if uuid != RAW else sr.path / "none"
        sr.holds = lambda uuid, parts: uuid == RAW or Folder.holds(sr, uuid, parts)
        return self.content

    def test_create(self):
        self.try_all("vdi_create", 10 * MIB, optional=[{0: 0}])

    def test_snapshot(self):
        self.try_all("vdi_snapshot", vdi=self.disk, optional=[self.content[self.disk]])

    def test_snapshot_of_a_raw_disk(self):
        self.try_all("vdi_snapshot", vdi=RAW, optional=[self.content[RAW]])

    def test_clone_of_a_snapshot(self):
        self.try_all("vdi_clone", vdi=self.snapshot, optional=[self.content[self.snapshot]])

    def test_clone_of_an_empty_disk(self):
        self.try_all("vdi_clone", vdi=self.empty, optional=[{0: 0}])

    def test_delete(self):
        self.try_all("vdi_delete", vdi=self.disk, gone=[self.disk])

    def test_delete_of_the_last_reader(self):
        self.sr.call("vdi_delete", vdi=self.disk)
        del self.content[self.disk]
        self.try_all("vdi_delete", vdi=self.snapshot, gone=[self.snapshot])

    def test_repair_itself(self):
        """Killed in the middle of repairing what was left by being killed."""
        leftover = self.sr.path / f"{self.disk[:-4]}0000.qcow2.new"
        for number in range(1, MOST_CHANGES):
            leftover.write_bytes(b"part")
            (self.sr.path / f"{self.disk[:-4]}0000.json").write_text("{}")
            (self.sr.path / ".write-ABCDEF").write_text("part")
            sr, was_hit, _ = self.try_once(number, "kill", "sr_scan")
            self.assert_consistent(sr, self.holding(sr))
            if not was_hit:
                break
        self.assertGreater(number, 3)


class RandomKillTest(ConsistentTest):
    """Killed at random moments, one after the other, on one SR. What qemu-img was started for goes on meanwhile."""

    rounds = 60

    def test_snapshots_and_clones_lose_nothing(self):
        seed = random.randrange(1 << 30)
        chance = random.Random(seed)
        print(f"# seed {seed}")
        first = self.sr.create()
        content = {first: {}}
        for number in range(self.rounds):
            uuid = chance.choice(sorted(content))
            if self.sr.visible()[uuid]["read_only"] == "false":
                offset = chance.randrange(8) * 65536
                content[uuid][offset] = chance.randrange(1, 255)
                self.sr.write(uuid, content[uuid][offset], offset)
            uuid = chance.choice(sorted(content))
            command = chance.choice(["vdi_snapshot", "vdi_snapshot", "vdi_clone", "vdi_delete" if len(content) > 6 else "vdi_clone"])
            self.kill_within(chance.random() * 0.02, command, uuid)

            gone = [uuid] if command == "vdi_delete" else []
            new = self.assert_consistent(self.sr, content, [content[uuid]], gone)
            content |= {made: dict(content[uuid]) for made in new}
            content = {left: content[left] for left in self.sr.visible()}
            with self.subTest(number=number, seed=seed):
                self.assertTrue(content)
        for uuid in content:
            tool("qemu-img", "check", "-q", self.sr.image(uuid))

    def kill_within(self, seconds, command, uuid):
        """Runs a call and kills it unless it ends in time."""
        process = subprocess.Popen([self.program, self.sr.request(command, vdi=uuid)], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait()


if __name__ == "__main__":
    tap.main("plugins/file")
