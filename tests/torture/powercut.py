"""Power cuts: the workload runs on the write-log disk, crash images are cut from its log, and the
server started on each must have everything that was acknowledged before the cut.
"""

import collections
import dataclasses
import os
import pathlib
import random
import shutil
import time

import disk
from client import Broken, Refused
from host import RigError, Server, WouldNotStart, fresh, serving, spoiled_syncs, wait_until
from ledger import Ledger, Step, Write
from verify import verify
from workload import Session, set_up

# Acknowledgements that a session has at least, so that there is something to lose.
LEAST = 100


@dataclasses.dataclass
class Plan:
    images: int
    megabytes: int = 256
    sessions: int = 3
    seconds: float = 2.0
    writers: int = 8
    large: int = 1
    sector: int = 4096
    no_sync: bool = False


def record(binary, plan: Plan, seed: str, scratch: pathlib.Path) -> Ledger:
    """Runs the workload; `scratch` then holds base.img, w.log and ledger.json."""
    fresh(scratch)
    log = scratch / "w.log"
    ledger = Ledger(lambda: os.stat(log).st_size)
    chance = random.Random(f"{seed}/sessions")
    environment = {}
    if plan.no_sync:
        environment, trigger = spoiled_syncs(scratch, "skip")
    with disk.write_log_disk(scratch, plan.megabytes) as mount:
        for number in range(plan.sessions):
            server = Server(binary, mount, scratch / "server.log", environment)
            try:
                server.start()
                if number == 0:
                    ledger.ready, ledger.key = ledger.position(), server.key
                    client = server.client()
                    set_up(client, ledger)
                    client.close()
                    if plan.no_sync:
                        trigger.touch()
                told = ledger.acknowledgements()
                session = Session(server, ledger, seed, number, plan.writers, 3, plan.large)
                # On a slow machine nothing may be written yet when the time is over.
                wait_until(lambda: ledger.acknowledgements() >= told + LEAST or ledger.surprises, 120,
                           f"{LEAST} acknowledgements in a session")
                time.sleep(plan.seconds * chance.uniform(0.5, 1.5))
                if number % 3 == 2:
                    # Long enough for the store to flush and tidy up.
                    session.finish()
                    time.sleep(min(7.0, plan.seconds * 2))
                    server.stop()
                elif number % 3 == 1:
                    session.ending.set()
                    server.stop()
                else:
                    session.ending.set()
                    server.kill()
                session.finish()
                ledger.ends.append(ledger.position())
            finally:
                server.kill()
    if ledger.surprises:
        raise RigError("the workload met: " + "; ".join(ledger.surprises[:5]))
    ledger.save(scratch / "ledger.json")
    return ledger


def cuts(crashes: disk.Crashes, ledger: Ledger, count: int, chance: random.Random,
         only_told: bool) -> list[int]:
    """Places in the log until the last session ended: of ten, one before the server was first
    ready, two anywhere, three right before a flush, where most is in flight, and four at the very
    moment of an acknowledgement, where a late sync is caught."""
    ends = [(entry[0], entry[4]) for entry in crashes.entries if entry[4] <= ledger.ends[-1]]
    early = [end for _, end in ends if end < ledger.ready] or [0]
    later = [end for _, end in ends if end >= ledger.ready] or [ledger.ends[-1]]
    flushes = [ends[n - 1][1] for n, (kind, end) in enumerate(ends)
               if n and kind == b"F" and end >= ledger.ready] or later
    told = ledger.moments()
    if only_told:
        return sorted(chance.choice(told) for _ in range(count))
    kinds = [early, told, flushes, later, told, flushes, told, later, flushes, told]
    return sorted(chance.choice(kinds[n % 10]) for n in range(count))


def examine(binary, plan: Plan, seed: str, scratch: pathlib.Path, ledger: Ledger, report):
    """Cuts and checks the images; returns what was found, by kind."""
    found = collections.Counter()
    crashes = disk.Crashes(scratch / "base.img", scratch / "w.log")
    image, place = scratch / "image", scratch / "crashed"
    try:
        chosen = cuts(crashes, ledger, plan.images, random.Random(f"{seed}/cuts"),
                      plan.no_sync)
        for number, cut in enumerate(chosen):
            chance = random.Random(f"{seed}/image/{number}")
            kept, lost = crashes.write(cut, plan.sector, chance, image)
            found["in flight"] += kept + lost
            if number and number % 50 == 0:
                print(f"  {number} of {plan.images} images examined", flush=True)
            name = f"image {number} (cut at {cut}, {kept} sectors kept, {lost} lost)"
            try:
                with disk.mounted(image, place):
                    one(binary, place, scratch, ledger, cut, name, found, report)
            except RigError as error:
                if "mount" not in str(error):
                    raise
                found["unmountable"] += 1
                report(f"{name}: {error}", plan.sector < 4096)
    finally:
        crashes.close()
    return found


def control(binary, scratch: pathlib.Path, ledger: Ledger) -> list[str]:
    """Plants one contradiction of every kind into the ledger and returns those that the check
    does not find on the last image."""
    planted = plant(ledger)
    with disk.mounted(scratch / "image", scratch / "crashed") as place:
        with serving(binary, place, scratch / "crashed.log") as server:
            problems = "\n".join(verify(server, ledger).all())
    return [name for name in planted if name not in problems]


def plant(ledger: Ledger) -> list[str]:
    """Changes the ledger so that the server contradicts it; returns what must be complained of."""
    planted = []
    kinds = {}
    for name, register in ledger.registers.items():
        if register.settled() and register.steps:
            kinds.setdefault(name.split("/")[0], []).append(register)
    for registers in kinds.values():
        # One more step acknowledged than there was; another value than was written.
        registers[0].steps.append(Step("gone", 0, 0))
        planted.append(registers[0].name + ":")
        if len(registers) > 1:
            registers[-1].steps[-1].value = "something else"
            planted.append(registers[-1].name + ":")
    (group, identifier), writes = sorted(ledger.records.items())[0]
    writes.append(Write(10**9, False, 0, 0))
    planted.append(f"record {group}/{identifier}:")
    (group, identifier), writes = next(
        item for item in sorted(ledger.records.items(), reverse=True)
        if not max(item[1], key=lambda write: write.event_time).deletes)
    for write in writes:
        write.event_time += 10**6
    planted.append(f"record {group}/{identifier}:")
    ledger.calls["call/planted"] = 0
    planted.append("call/planted")
    # All of them, for those of a disabled key cannot be opened.
    ledger.sealed = [(key, text, "AAAA", done) for key, text, _, done in ledger.sealed]
    planted.append("opens as something else")
    return planted


def one(binary, place, scratch, ledger: Ledger, cut, name, found, report):
    found["images"] += 1
    early = cut < ledger.ready
    log = scratch / "crashed.log"
    log.unlink(missing_ok=True)
    try:
        with serving(binary, place, log) as server:
            verdict = verify(server, ledger, cut)
            found["checked"] += verdict.checked
            found["acknowledged"] += ledger.acknowledgements(cut)
            for problem in verdict.all():
                found["losses"] += 1
                report(f"{name}: {problem}", False)
            found["cut off"] += "unreadable end of the journal" in server.said()
            found["good"] += not verdict.all()
    except WouldNotStart as refusal:
        if early:
            # Nothing was acknowledged yet; the operator starts again on an empty directory.
            found["first start to be repeated"] += 1
            report(f"{name}: an interrupted first start must be repeated: {refusal}", True)
        else:
            found["refused"] += 1
            report(f"{name}: refused: {refusal}", False)
    except (Broken, Refused) as error:
        found["losses"] += 1
        report(f"{name}: {type(error).__name__}: {error}", False)


def keep(scratch: pathlib.Path, place: pathlib.Path):
    """Keeps what a failed run needs to be examined again."""
    fresh(place)
    for name in ("base.img", "w.log", "ledger.json", "server.log"):
        if (scratch / name).exists():
            shutil.copy(scratch / name, place / name)
