# SPDX-License-Identifier: LGPL-2.1-or-later
"""Power cuts for the database of a server that died: counts its steps, kills it at one of them, loses what was not synced.

The server runs with tests/fault/power.c loaded, which keeps in a shared file what each sector held before it was written.
"""

import mmap
import os
import struct
import tempfile
from pathlib import Path

SECTOR = 512
PATH_BYTES = 256
N_FILES = 8
LOG_START = 65536
LOG_MAX = 512 << 20  # sparse
KINDS = ("file created", "write", "truncation", "sync", "sync of the folder", "file removed")
HEAD = struct.Struct("<5Q6QQ")   # n_steps, kill_at, is_after, log_size, log_max; by kind; last kind
FILE = struct.Struct(f"<{PATH_BYTES}s4Q")
RECORD = struct.Struct(f"<3Q{SECTOR}s")
AT_KILL, AT_AFTER = 8, 16        # offsets of the two that are written from here


class Power:
    """One database's shared file. @library is tests/fault's; @database the path its files begin with."""

    def __init__(self, library, database):
        self.library = Path(library).resolve()
        self.database = Path(database)
        handle, self.path = tempfile.mkstemp(prefix="xylem-power-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        os.ftruncate(handle, LOG_START + LOG_MAX)
        self.shared = mmap.mmap(handle, LOG_START + LOG_MAX)
        os.close(handle)
        self.counts = {"cuts": 0, "sectors lost": 0, "sectors kept": 0, "files lost": 0, "files back": 0}
        self.died_at = dict.fromkeys(KINDS, 0)

    def close(self):
        """Takes the shared file away."""
        self.shared.close()
        Path(self.path).unlink(missing_ok=True)

    def environment(self):
        """What the server is to be started with."""
        options = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
        return {**os.environ, "LD_PRELOAD": str(self.library), "POWER_FILE": self.path, "POWER_DATABASE": str(self.database),
                "ASAN_OPTIONS": options}

    # -- Killing at a step --

    def head(self):
        """The numbers at the beginning."""
        return HEAD.unpack_from(self.shared)

    @property
    def steps(self):
        """Steps since the server was started."""
        return self.head()[0]

    def begin_life(self, kill_at=0, is_after=False):
        """Before the server is started: steps count from 1; it dies at that one, if any. What is not synced stays so."""
        struct.pack_into("<3Q", self.shared, 0, 0, kill_at, is_after)

    def arm(self, steps, is_after):
        """The server dies so many steps from now."""
        struct.pack_into("<Q", self.shared, AT_AFTER, is_after)
        struct.pack_into("<Q", self.shared, AT_KILL, self.steps + steps)

    def note_death(self):
        """Counts what the server was about, if it died by our hand; whether it did."""
        steps, kill_at, *_, last_kind = self.head()
        has_hit = kill_at != 0 and steps == kill_at
        if has_hit:
            self.died_at[KINDS[last_kind]] += 1
        struct.pack_into("<Q", self.shared, AT_KILL, 0)
        return has_hit

    # -- Losing --

    def files(self):
        """[index, path, epoch, synced size, whether the name is new, whether it is removed] of each file that is known."""
        for index in range(N_FILES):
            name, *numbers = FILE.unpack_from(self.shared, HEAD.size + index * FILE.size)
            if name[0] != 0:
                yield index, Path(name.split(b"\0")[0].decode()), *numbers

    def versions(self, index, epoch):
        """sector -> what it held, oldest first, before each write that is not synced."""
        found = {}
        for offset in range(LOG_START, LOG_START + self.head()[3], RECORD.size):
            of_file, of_epoch, sector, before = RECORD.unpack_from(self.shared, offset)
            if of_file == index and of_epoch == epoch:
                found.setdefault(sector, []).append(before)
        return found

    def cut(self, random):
        """The server is dead: loses what was not synced, all of it, nothing or each sector by itself."""
        self.counts["cuts"] += 1
        mode = random.choice(("all", "none", "some", "some"))
        for index, path, epoch, synced_size, is_new, is_unlinked in list(self.files()):
            if path.exists():
                self.lose_sectors(random, mode, path, self.versions(index, epoch), synced_size)
            self.lose_names(random, path, is_new, is_unlinked)
        shm = Path(f"{self.database}-shm")
        if shm.exists() and random.random() < 0.5:  # nobody ever syncs it
            shm.unlink()
        # All that is left is on the disk.
        self.shared[HEAD.size:HEAD.size + N_FILES * FILE.size] = bytes(N_FILES * FILE.size)
        struct.pack_into("<4Q", self.shared, 0, 0, 0, 0, 0)

    def lose_sectors(self, random, mode, path, versions, synced_size):
        """Puts sectors back; the file's length is the old one, the new one, or between them."""
        with open(path, "r+b") as file:
            size = file.seek(0, os.SEEK_END)
            sizes = sorted({synced_size, size, *range(min(size, synced_size) // SECTOR * SECTOR + SECTOR,
                                                      max(size, synced_size), SECTOR)})
            final = {"all": synced_size, "none": size}.get(mode) if mode != "some" else random.choice(sizes)
            file.truncate(max(final, size))
            for sector, olds in versions.items():
                chosen = {"all": 0, "none": len(olds)}.get(mode, random.randint(0, len(olds)))
                self.counts["sectors kept" if chosen == len(olds) else "sectors lost"] += 1
                if chosen < len(olds):
                    file.seek(sector * SECTOR)
                    file.write(olds[chosen])
            file.truncate(final)

    def lose_names(self, random, path, is_new, is_unlinked):
        """A new file may be gone, a removed one back."""
        removed = Path(f"{path}.unlinked")
        if is_new and path.exists() and random.random() < 0.5:
            path.unlink()
            self.counts["files lost"] += 1
        if is_unlinked and removed.exists() and not path.exists() and random.random() < 0.5:
            removed.rename(path)
            self.counts["files back"] += 1
        removed.unlink(missing_ok=True)
