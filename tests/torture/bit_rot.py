"""Bit rot: every region of a journal and every kind of file damaged in turn while the server is
stopped. Damage is refused at the start, an error on reading, or harmless; never an older state.
"""

import collections
import pathlib
import random
import re
import shutil
import time

from client import Broken, Refused
from host import WouldNotStart, fresh, run, serving
from ledger import Ledger
from verify import verify
from workload import Session, set_up


def prepare(binary, seed: str, scratch: pathlib.Path, how: str) -> Ledger:
    """A directory `scratch`/kept that was killed (full journals) or stopped (full tables), and
    `scratch`/older, the same directory at an earlier moment."""
    fresh(scratch)
    ledger = Ledger()
    for number in range(2):
        with serving(binary, scratch, scratch / "server.log") as server:
            if number == 0:
                ledger.key, ledger.ready = server.key, 0
                client = server.client()
                set_up(client, ledger)
                client.close()
            session = Session(server, ledger, seed, number, writers=4, managers=2)
            time.sleep(0.7)
            session.finish()
            if how == "stopped":
                server.stop()
        run("cp", "-a", "--sparse=always", scratch / "data",
            scratch / ("older" if number == 0 else "kept"))
    run("cp", "-a", scratch / "data.key", scratch / "kept.key")
    return ledger


def flip(content: bytearray, start: int, end: int, chance, _older):
    content[chance.randrange(start, end)] ^= 1 << chance.randrange(8)


def zero(content: bytearray, start: int, end: int, _chance, _older):
    content[start:end] = bytes(end - start)


def truncate(content: bytearray, start: int, _end: int, _chance, _older):
    del content[start:]


def swap(content: bytearray, start: int, end: int, _chance, _older):
    """Two neighbouring halves change places."""
    half = (end - start) // 2
    first, second = content[start:start + half], content[start + half:start + 2 * half]
    content[start:start + 2 * half] = second + first


def set_back(content: bytearray, start: int, end: int, _chance, older: bytes):
    """An older version of the same file, in this region."""
    content[start:end] = older[start:end].ljust(end - start, b"\0")


DAMAGES = (flip, zero, truncate, swap, set_back)


def kind(path: pathlib.Path) -> str:
    """`tables/17` and `tables/18` are of one kind; each keyspace is its own."""
    return re.sub(r"(tables/|/v|^store/engine/)\d+", r"\1N", str(path))


def regions(content: bytes, path: pathlib.Path, count: int) -> list[tuple[int, int]]:
    """Journals whole, in `count` regions of what is written; other files in three."""
    used = len(content.rstrip(b"\0")) or len(content)
    parts = count if path.suffix == ".jnl" else 3
    step = max(1, -(-used // parts))
    return [(start, min(start + step, used)) for start in range(0, used, step)]


def campaign(binary, seed: str, scratch: pathlib.Path, report, how: str, count: int):
    ledger, chance = prepare(binary, seed, scratch, how), random.Random(f"{seed}/rot")
    kept, older, found = scratch / "kept", scratch / "older", collections.Counter()
    seen = collections.Counter()
    for file in sorted(path for path in kept.rglob("*") if path.is_file()):
        path = file.relative_to(kept)
        if path.name == "credentials":
            continue  # written for the operator, never read by the server
        seen[kind(path)] += 1
        # Two files of a kind are enough; an empty one has nothing to damage but its presence.
        if seen[kind(path)] > 2:
            continue
        content = file.read_bytes()
        before = (older / path).read_bytes() if (older / path).exists() else b""
        places = regions(content, path, count) if content else []
        for start, end in places:
            for damage in DAMAGES:
                if damage in (zero, truncate, set_back) or end - start > 1:
                    hurt = bytearray(content)
                    damage(hurt, start, end, chance, before)
                    if hurt != content:
                        outcome(binary, scratch, ledger, path, hurt,
                                f"{path} [{start}:{end}] {damage.__name__}", found, report)
        outcome(binary, scratch, ledger, path, None, f"{path} removed", found, report)
    found["kinds"] = len(seen)
    if not control(binary, scratch, ledger):
        report(f"bit rot ({how}): a directory set back goes unnoticed: this rig proves nothing", False)
    return found


def outcome(binary, scratch, ledger, path, content, name, found, report):
    """Starts on a copy with one file replaced (or removed); nothing older may be served."""
    damaged = fresh(scratch / "damaged")
    run("cp", "-a", "--sparse=always", scratch / "kept", damaged / "data")
    shutil.copy(scratch / "kept.key", damaged / "data.key")
    if content is None:
        (damaged / "data" / path).unlink()
    else:
        (damaged / "data" / path).write_bytes(content)
    log = scratch / "damaged.log"
    log.unlink(missing_ok=True)
    found["damages"] += 1
    try:
        with serving(binary, damaged, log) as server:
            problems = verify(server, ledger).all()
            if not problems:
                found["harmless"] += 1
            for problem in problems[:3]:
                report(f"{name}: {problem}", False)
    except WouldNotStart as refusal:
        found["refused at the start"] += 1
        if "without a reason" in str(refusal):
            report(f"{name}: {refusal}", False)
    except (Refused, Broken) as error:
        found["an error on reading"] += 1
        if isinstance(error, Refused) and error.status < 500:
            report(f"{name}: {error}", False)


def control(binary, scratch: pathlib.Path, ledger: Ledger) -> list[str]:
    """The whole directory set back to the earlier moment, which nothing on it can notice: the
    check must complain."""
    damaged = fresh(scratch / "damaged")
    run("cp", "-a", "--sparse=always", scratch / "older", damaged / "data")
    shutil.copy(scratch / "kept.key", damaged / "data.key")
    with serving(binary, damaged, scratch / "damaged.log") as server:
        return verify(server, ledger).all()
