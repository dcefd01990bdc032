"""Disks that fail and fill under a running server: it must stop writing, say so, go on reading,
and have everything that it acknowledged when it is started again.
"""

import os
import pathlib
import time

import disk
from client import Broken, Refused
from host import Server, fresh, run, serving, spoiled_syncs
from ledger import Ledger, payload
from verify import verify
from workload import Session, create_group, set_up


def outcome(call) -> str:
    """`ok`, or the code of the refusal."""
    try:
        call()
        return "ok"
    except Refused as refused:
        return f"{refused.status} {refused.code}"
    except Broken as broken:
        return f"no answer ({broken})"


class Probe:
    """Asks one server for one of each kind of call, outside the ledger."""

    def __init__(self, server: Server):
        self.server, self.turn = server, 0
        client = server.client()
        create_group(client, "probe")
        client.put_record("probe", payload("probe", "kept", 1))
        client.close()

    def ask(self) -> dict:
        client, self.turn = self.server.client(), self.turn + 1
        try:
            return {
                "data": outcome(lambda: client.put_record(
                    "probe", payload("probe", "new", self.turn))),
                "metadata": outcome(lambda: client.iam("CreateUser", UserName=f"probe{self.turn}")),
                "read": outcome(lambda: self.read(client)),
                "ready": self.server.health("ready"),
                "live": self.server.health("live")}
        finally:
            client.close()

    @staticmethod
    def read(client):
        if client.get_record("probe", "kept") != payload("probe", "kept", 1):
            raise Refused(200, "Wrong", "another record")


def differ(name: str, answers: dict, wanted: dict, report):
    for what, want in wanted.items():
        if answers[what] != want:
            report(f"{name}: {what}: {answers[what]}, not {want}", False)


STOPPED = {"data": "503 ServiceUnavailable", "metadata": "503 ServiceUnavailable", "read": "ok",
           "ready": 503, "live": 200}
WORKS = {"data": "ok", "metadata": "ok", "read": "ok", "ready": 200, "live": 200}


def again(binary, directory, log, ledger: Ledger, name: str, report) -> int:
    """Starts on what is left, which must be everything; returns how much was checked."""
    with serving(binary, directory, log) as server:
        verdict = verify(server, ledger)
        for problem in verdict.all():
            report(f"{name}, started again: {problem}", False)
        differ(f"{name}, started again", Probe.ask(probe_of(server)), WORKS, report)
        server.stop()
        return verdict.checked


def probe_of(server) -> Probe:
    probe = Probe.__new__(Probe)
    probe.server, probe.turn = server, 1_000_000
    return probe


def failing_sync(binary, seed: str, scratch: pathlib.Path, report, how: str) -> str:
    """`how`: `library` (EIO from a preloaded library), `kernel` (EIO from the disk itself), or
    `none` (the control: nothing fails)."""
    fresh(scratch)
    if how == "kernel":
        with disk.write_log_disk(scratch, 256) as mount:
            return _failing_sync(binary, seed, scratch, report, how, mount)
    return _failing_sync(binary, seed, scratch, report, how, scratch)


def _failing_sync(binary, seed, scratch, report, how, directory) -> str:
    name, ledger = f"a failing sync ({how})", Ledger()
    environment, trigger = spoiled_syncs(scratch, "fail")
    if how == "kernel":
        environment, trigger = {}, scratch / "fail"
    server = Server(binary, directory, scratch / "server.log", environment)
    try:
        server.start()
        ledger.key, ledger.ready = server.key, 0
        client = server.client()
        set_up(client, ledger)
        client.close()
        probe = Probe(server)
        session = Session(server, ledger, seed, 0)
        time.sleep(1)
        session.ending.set()
        if how != "none":
            trigger.touch()
        time.sleep(1.5)
        session.finish()
        differ(name, probe.ask(), STOPPED, report)
        trigger.unlink(missing_ok=True)
        # A sync that works again proves nothing: what failed may be lost.
        differ(f"{name}, over", probe.ask(), STOPPED, report)
        if "the store stops writing" not in server.said():
            report(f"{name}: the log does not say that the store stops writing", False)
    finally:
        server.kill()
    if ledger.surprises:
        report(f"{name}: before it: {ledger.surprises[0]}", False)
    if how == "none":
        return "control"
    if how == "kernel":
        run("umount", directory)
        run("mount", "-o", "loop", scratch / "device" / "disk", directory)
    checked = again(binary, directory, scratch / "again.log", ledger, name, report)
    codes = sorted({f"{one.status} {one.code}" for one in session.refusals})
    return (f"stopped, said so, read on; writers heard {codes}; after a restart all "
            f"{ledger.acknowledgements():,} acknowledgements are there ({checked:,} checks)")


def full_disk(binary, seed: str, scratch: pathlib.Path, report, fills: bool) -> str:
    """Fills a small disk in two steps and frees it again. Without `fills` nothing is filled:
    the control, in which every expectation must fail."""
    fresh(scratch)
    image = scratch / "small.img"
    disk.make_filesystem(image, 192)
    with disk.mounted(image, scratch / "small") as mount:
        ledger = Ledger()
        with serving(binary, mount, scratch / "server.log") as server:
            ledger.key, ledger.ready = server.key, 0
            client = server.client()
            set_up(client, ledger)
            client.close()
            probe, total = Probe(server), os.statvfs(mount)
            size = total.f_blocks * total.f_frsize
            session = Session(server, ledger, seed, 0)
            time.sleep(1)
            session.ending.set()
            # Below a quarter: data is refused, administrators still work.
            fill(mount, size // 4 - (6 << 20), fills)
            nearly = probe.ask()
            differ("a nearly full disk", nearly, {
                "data": "503 ServiceUnavailable", "metadata": "ok", "read": "ok", "live": 200},
                report)
            # Below a sixteenth: nothing is written any more.
            fill(mount, 1 << 20, fills)
            full = probe.ask()
            differ("a full disk", full, {
                "data": "503 ServiceUnavailable", "metadata": "503 ServiceUnavailable",
                "read": "ok", "live": 200}, report)
            session.finish()
            if "the disk is full" not in server.said():
                report("a full disk: the log does not say so", False)
            if not fills:
                return "control"
            (mount / "filler").unlink()
            differ("a disk with room again", probe.ask(), WORKS, report)
            verdict = verify(server, ledger)
            for problem in verdict.all():
                report(f"a disk with room again: {problem}", False)
            # Killed and started while full: refused, or up and reading; never damaged.
            fill(mount, 0, True)
            server.kill()
        try:
            with serving(binary, mount, scratch / "full.log") as server:
                restarted = f"starts and answers reads ({outcome(lambda: read(server))})"
        except Exception as refusal:
            restarted = f"says {str(refusal)[:160]!r}"
        (mount / "filler").unlink()
        checked = again(binary, mount, scratch / "again.log", ledger, "a disk filled", report)
    if ledger.surprises:
        report(f"a full disk: before it: {ledger.surprises[0]}", False)
    return (f"data, then everything refused (ready: {nearly['ready']}, {full['ready']}), read on, "
            f"wrote again with room; started on the full disk it {restarted}; "
            f"{ledger.acknowledgements():,} acknowledgements are there ({checked:,} checks)")


def read(server):
    client = server.client()
    try:
        Probe.read(client)
    finally:
        client.close()


def fill(mount: pathlib.Path, leave: int, really: bool):
    """Leaves `leave` bytes free."""
    if not really:
        return
    with open(mount / "filler", "ab") as filler:
        while (free := available(mount)) > leave:
            try:
                filler.write(bytes(min(1 << 20, free - leave)))
                filler.flush()
                os.fsync(filler.fileno())
            except OSError:
                break


def available(mount: pathlib.Path) -> int:
    stat = os.statvfs(mount)
    return stat.f_bavail * stat.f_frsize
