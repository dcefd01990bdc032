"""A snapshot rolled back: the directory is copied, the server goes on, the copy is restored and
goes on in its turn with the same calls. No nonce of the first future may come again in the second.
"""

import base64
import copy
import pathlib
import struct
import time

from host import RigError, fresh, run, serving
from ledger import Ledger
from workload import Session, set_up

# The engine's journal, as crates/store/src/embedded/journal/frame.rs reads it.
START, ITEM, END = 1, 2, 3
ITEM_HEADER = struct.Struct("<BBBQHII")
NONCE = 24
# In front of the nonce stands a clear header, in every format shorter than this.
HEADERS = 96
# What stands before the sealed payload of a log entry; the length of a head.
LOG_FRONT, LOG_HEAD = 1 + 8 + 16 + 32 + 32, 1 + 8 + 8 + 16 + 32 + 32
# A KMS ciphertext: 55 bytes of header, the version of the committing AEAD, its random value.
RANDOM = slice(56, 88)


def values(journal: pathlib.Path, start: int) -> tuple[list[bytes], int]:
    """The values in a journal from byte `start` on, and where the readable part ends."""
    content, at, found = journal.read_bytes(), start, []
    while at < len(content) and content[at] == START:
        count, = struct.unpack_from("<I", content, at + 1)
        at += 13
        for _ in range(count):
            tag, _, _, _, key, value, _ = ITEM_HEADER.unpack_from(content, at)
            if tag != ITEM:
                raise RigError(f"{journal}: no item at {at}")
            at += ITEM_HEADER.size + key
            # The chain's links are clear, under a MAC.
            if not content.startswith(b"strongroom.chain", at):
                found.append(content[at:at + value])
            at += value
        if content[at] != END:
            raise RigError(f"{journal}: no end at {at}")
        at += 13
    return found, at


def candidates(value: bytes):
    """Every place where the nonce may be. Clear headers repeat, and are full of zeros and small
    numbers; 24 random bytes have 17 different ones but for one case in millions.

    MACs of log entries stand in the next entry and in the segment's head too
    (crates/store/src/embedded/entry.rs), so they are left out.
    """
    first = 0
    if value[:1] == b"\x02":
        first = LOG_FRONT
    elif len(value) == LOG_HEAD and value[:1] == b"\x01":
        return
    for offset in range(first, min(first + HEADERS, len(value) - NONCE - 16)):
        window = value[offset:offset + NONCE]
        if len(set(window)) >= 17:
            yield window


def repeated(first: list[bytes], second: list[bytes]) -> list[bytes]:
    """Values of `second` with a nonce that `first` has, or that came before in `second`."""
    seen = {window for value in first for window in candidates(value)}
    found = []
    for value in second:
        windows = set(candidates(value))
        if windows & seen:
            found.append(value)
        seen |= windows
    return found


def future(binary, seed: str, scratch: pathlib.Path, ledger: Ledger) -> tuple[list, list]:
    """Goes on from the snapshot; returns the values written and the KMS random values."""
    run("rm", "-rf", scratch / "data")
    run("cp", "-a", "--sparse=always", scratch / "snapshot", scratch / "data")
    journal = newest_journal(scratch / "data")
    _, before = values(journal, 0)
    with serving(binary, scratch, scratch / "server.log") as server:
        session = Session(server, ledger, seed, 1, writers=4)
        time.sleep(1.5)
        session.finish()
    if ledger.surprises:
        raise RigError(ledger.surprises[0])
    written, _ = values(journal, before)
    return written, [base64.b64decode(text)[RANDOM] for _, text, _, _ in ledger.sealed]


def newest_journal(data: pathlib.Path) -> pathlib.Path:
    return max((data / "store/engine").glob("*.jnl"), key=lambda path: int(path.stem))


def campaign(binary, seed: str, scratch: pathlib.Path, report) -> str:
    fresh(scratch)
    ledger = Ledger()
    with serving(binary, scratch, scratch / "server.log") as server:
        ledger.key = server.key
        client = server.client()
        set_up(client, ledger)
        client.close()
        session = Session(server, ledger, seed, 0, writers=4)
        time.sleep(0.7)
        session.finish()
    run("cp", "-a", "--sparse=always", scratch / "data", scratch / "snapshot")
    past, _ = values(newest_journal(scratch / "data"), 0)
    # A lock cannot be copied; nothing holds it now.
    del ledger.lock
    futures = []
    for _ in range(2):
        held, position = ledger.position, ledger.position
        ledger.position = None
        twin = copy.deepcopy(ledger)
        ledger.position = held
        twin.position, twin.lock = position, Ledger().lock
        futures.append(future(binary, seed, scratch, twin))
    (first, first_random), (second, second_random) = futures
    for value in repeated(past + first, second):
        report(f"a nonce came again in {value[:120].hex()}", False)
    known = len(ledger.sealed)
    randoms = first_random + second_random[known:]
    if len(set(randoms)) != len(randoms):
        report("a KMS ciphertext's random value came again", False)
    if len(first_random) <= known or len(second_random) <= known:
        raise RigError("no ciphertext was made after the snapshot")
    # The control: a value that was written in both futures.
    planted = [value for value in first if len(value) > 200][-1]
    if repeated(past + first, [*second, planted]) != [planted]:
        report("a planted repetition goes unnoticed: this rig proves nothing", False)
    return (f"{len(past):,} values before, {len(first):,} and {len(second):,} in two futures, "
            f"{len(randoms)} KMS ciphertexts: no nonce twice; a planted one was found")
