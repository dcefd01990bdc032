"""The write-log disk, crash images cut from its log, and loop mounts."""

import contextlib
import pathlib
import random
import struct
import subprocess

from host import RigError, run, wait_until

ENTRY = struct.Struct("<cQQ")
CHUNK = 1 << 20
PLUGIN = pathlib.Path(__file__).parent / "wlog.py"


def make_filesystem(image: pathlib.Path, megabytes: int):
    with open(image, "wb") as file:
        file.truncate(megabytes << 20)
    run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)


@contextlib.contextmanager
def mounted(image: pathlib.Path, place: pathlib.Path):
    """`image` mounted at `place`; fails with RigError if it does not mount."""
    place.mkdir(exist_ok=True)
    run("mount", "-o", "loop", image, place)
    try:
        yield place
    finally:
        if run("umount", place, check=False).returncode:
            run("umount", "-l", place, check=False)


@contextlib.contextmanager
def write_log_disk(scratch: pathlib.Path, megabytes: int):
    """A mounted ext4 on the write-log disk; yields its directory.

    `scratch` then holds base.img, w.log, and takes a file `fail` that makes the disk fail.
    """
    base, log = scratch / "base.img", scratch / "w.log"
    make_filesystem(base, megabytes)
    device = scratch / "device"
    device.mkdir()
    with open(scratch / "nbdfuse.log", "wb") as said:
        daemon = subprocess.Popen(
            ["nbdfuse", device / "disk", "--command", "nbdkit", "-s", "python", PLUGIN,
             f"base={base}", f"wlog={log}", f"fail={scratch / 'fail'}"],
            stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    try:
        def serves():
            if daemon.poll() is not None:
                raise RigError("nbdfuse ended: " + (scratch / "nbdfuse.log").read_text())
            return (device / "disk").exists()
        wait_until(serves, 120, "nbdfuse shows its file")
        with mounted(device / "disk", scratch / "mount") as place:
            yield place
    finally:
        run("umount", device, check=False)
        daemon.terminate()
        try:
            daemon.wait(timeout=30)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()


class Crashes:
    """Replays a write log; cuts must come in ascending order."""

    def __init__(self, base: pathlib.Path, log: pathlib.Path):
        self.content = bytearray(base.read_bytes())
        self.log = open(log, "rb")
        self.entries = list(self._index())
        # The entry behind the last flush that is applied, and those since, not yet applied.
        self.next, self.pending = 0, []

    def close(self):
        self.log.close()

    def _index(self):
        """(kind, offset on the disk, length, place of the bytes, end in the log) of each entry."""
        at, header = 0, self.log.read(ENTRY.size)
        while len(header) == ENTRY.size:
            kind, offset, length = ENTRY.unpack(header)
            end = at + ENTRY.size + length
            yield kind, offset, length, at + ENTRY.size, end
            at = end
            self.log.seek(at)
            header = self.log.read(ENTRY.size)

    def _bytes(self, entry) -> bytes:
        self.log.seek(entry[3])
        return self.log.read(entry[2])

    def write(self, cut: int, sector: int, chance: random.Random, image: pathlib.Path):
        """Writes to `image` what a power cut behind the first `cut` bytes of the log may leave.

        Everything before the last flush is there; of what came later each sector is kept with a
        probability that is itself drawn. Returns how many sectors were kept and lost.
        """
        while self.next < len(self.entries) and self.entries[self.next][4] <= cut:
            entry = self.entries[self.next]
            self.next += 1
            if entry[0] == b"W":
                self.pending.append(entry)
                continue
            for write in self.pending:
                self.content[write[1]:write[1] + write[2]] = self._bytes(write)
            self.pending = []
        share = chance.choice([0.5, 0.5, 0.5, 0.1, 0.9, 0.0])
        kept, lost, overlay = 0, 0, []
        for entry in self.pending:
            content = self._bytes(entry)
            for start in range(0, len(content), sector):
                if chance.random() < share:
                    overlay.append((entry[1] + start, content[start:start + sector]))
                    kept += 1
                else:
                    lost += 1
        self._save(image, overlay)
        return kept, lost

    def _save(self, image: pathlib.Path, overlay):
        empty, view = bytes(CHUNK), memoryview(self.content)
        with open(image, "wb") as file:
            file.truncate(len(self.content))
            for at in range(0, len(self.content), CHUNK):
                chunk = view[at:at + CHUNK]
                if chunk.tobytes() != empty[:len(chunk)]:
                    file.seek(at)
                    file.write(chunk)
            for at, content in overlay:
                file.seek(at)
                file.write(content)
