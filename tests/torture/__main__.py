"""Fault campaigns against the real binary: `make torture`, and its short form in `make test`.

Runs in a mount and process namespace of its own where it can, so that the kernel removes every
mount, loop device and process with it, however it ends.
"""

import argparse
import collections
import os
import pathlib
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import bit_rot
import failing
import powercut
import rollback
import sync_trace
from host import RigError, ROOT, target
from ledger import Ledger


SHOWN = 40

# What the product does not notice or says badly so far, each with its place in docs/testing.md.
# A finding that one of these matches is shown and counted apart.
KNOWN = {
    "a cell space's list of tables set back": r"/current \[.*set_back: missing: record ",
    "the engine panics on a damaged list of tables": r"keyspaces/\d+/v\d+ .*: without a reason: ",
}


class Campaign:
    """One run of some rigs, all from one seed."""

    def __init__(self, binary, seed: str, scratch: pathlib.Path):
        self.binary, self.seed, self.scratch = binary, seed, scratch
        self.failures = 0
        self.known = collections.Counter()

    def say(self, text: str):
        print(text, flush=True)

    def report(self, text: str, expected: bool):
        """A finding; an expected one is no failure."""
        gap = next((name for name, pattern in KNOWN.items() if re.search(pattern, text)), None)
        if gap:
            self.known[gap] += 1
        elif not expected:
            self.failures += 1
            if self.failures <= SHOWN:
                self.say(f"  FAILED {text}"[:600])

    def done(self, rig: str, begun: float, text: str):
        self.say(f"{rig}: {text} ({time.monotonic() - begun:.0f} s)")

    def power_cut(self, plan: powercut.Plan, name: str):
        begun, scratch = time.monotonic(), self.scratch / name
        failures = self.failures
        ledger = powercut.record(self.binary, plan, self.seed, scratch)
        found = powercut.examine(self.binary, plan, self.seed, scratch, ledger, self.report)
        text = (f"{found['good']} of {found['images']} images hold everything, "
                f"{ledger.acknowledgements():,} acknowledgements, {found['checked']:,} checks, "
                f"{found['in flight']:,} sectors in flight, {found['cut off']} torn journal ends")
        for kind in ("unmountable", "first start to be repeated", "refused", "losses"):
            if found[kind]:
                text += f", {found[kind]} {kind}"
        if plan.sector == 4096:
            unnoticed = powercut.control(self.binary, scratch, ledger)
            for planted in unnoticed:
                self.report(f"the check does not notice a planted contradiction in {planted}", False)
            text += "; every planted contradiction was noticed" if not unnoticed else ""
        self.done(name, begun, text)
        if self.failures > failures:
            place = target() / "torture" / f"{name}-{self.seed}"
            powercut.keep(scratch, place)
            self.say(f"  kept for `scripts/torture.sh --replay {place}`")
        shutil.rmtree(scratch)

    def power_cut_without_sync(self, plan: powercut.Plan, name: str):
        """The positive control: with syncs that do nothing, losses must be found."""
        begun, scratch = time.monotonic(), self.scratch / name
        plan.no_sync = True
        ledger = powercut.record(self.binary, plan, self.seed, scratch)
        found = powercut.examine(
            self.binary, plan, self.seed, scratch, ledger, lambda text, expected: None)
        bad = found["images"] - found["good"] - found["first start to be repeated"]
        self.done(name, begun, f"{bad} of {found['images']} images lost what was acknowledged, "
                  f"{found['losses']} losses, {found['refused']} noticed at the start"
                  f", {found['unmountable']} unmountable")
        if not found["losses"]:
            self.report(f"{name}: no loss was found without syncs: this rig proves nothing", False)
        shutil.rmtree(scratch)

    def sync_trace(self):
        """Without a disk of our own: no answer leaves before the sync of what it acknowledges."""
        if obstacle := sync_trace.workable():
            raise RigError(f"strace does not work here: {obstacle}")
        for spoil in (None, "skip", "late"):
            begun = time.monotonic()
            trace = sync_trace.record(self.binary, self.scratch / "trace", spoil)
            answers, early = sync_trace.examine(trace)
            how = {"skip": " with syncs that do nothing", "late": " with syncs that come late"}
            self.done("system-call trace" + how.get(spoil, ""), begun,
                      f"{len(early)} of {answers} answers left before their sync")
            if not answers:
                self.report("the trace shows no answer: this rig proves nothing", False)
            elif spoil is None:
                for call in early:
                    self.report(f"answered before its sync: {call}", False)
            elif len(early) * 4 < answers:
                self.report("the spoiled syncs went unnoticed: this rig proves nothing", False)

    def with_control(self, rig: str, run, control, least: int):
        """Runs a rig, and runs it without its fault: then it must complain."""
        begun = time.monotonic()
        self.done(rig, begun, run(self.report))
        complaints = []
        control(lambda text, expected: complaints.append(text))
        if len(complaints) < least:
            self.report(f"{rig}: without the fault only {complaints} was missed", False)
        else:
            self.say(f"  without the fault it complains of {len(complaints)} things")

    def failing_sync(self, how: str):
        place = self.scratch / "failing-sync"
        self.with_control(
            f"failing sync ({how})",
            lambda report: failing.failing_sync(self.binary, self.seed, place, report, how),
            lambda report: failing.failing_sync(self.binary, self.seed, place, report, "none"), 7)

    def full_disk(self):
        place = self.scratch / "full-disk"
        self.with_control(
            "full disk",
            lambda report: failing.full_disk(self.binary, self.seed, place, report, True),
            lambda report: failing.full_disk(self.binary, self.seed, place, report, False), 4)

    def bit_rot(self):
        for how in ("killed", "stopped"):
            begun = time.monotonic()
            found = bit_rot.campaign(
                self.binary, self.seed, self.scratch / "rot", self.report, how, 24)
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(found.items())
                              if kind not in ("damages", "kinds"))
            self.done(f"bit rot ({how})", begun, f"{found['damages']} damages to "
                      f"{found['kinds']} kinds of files: {kinds}; a directory set back was told")

    def rollback(self):
        begun = time.monotonic()
        self.done("snapshot rollback", begun, rollback.campaign(
            self.binary, self.seed, self.scratch / "rollback", self.report))

    def replay(self, place: pathlib.Path):
        ledger = Ledger.load(place / "ledger.json")
        work = self.scratch / "replay"
        shutil.copytree(place, work)
        name, seed = place.name.rsplit("-", 1)
        plan = powercut.Plan(images=int(os.environ.get("IMAGES", 200)))
        found = powercut.examine(self.binary, plan, seed, work, ledger, self.report)
        self.say(f"{name}: {dict(found)}")


def short(campaign: Campaign):
    campaign.power_cut(powercut.Plan(images=20, seconds=1.2, large=0), "power-cut")
    campaign.power_cut_without_sync(
        powercut.Plan(images=6, sessions=1, seconds=1), "power-cut-without-sync")


RIGS = {
    "sync-trace": Campaign.sync_trace,
    "failing-sync": lambda campaign: [campaign.failing_sync(how) for how in ("library", "kernel")],
    "full-disk": Campaign.full_disk,
    "rollback": Campaign.rollback,
    "bit-rot": Campaign.bit_rot,
    "power-cut": lambda campaign: campaign.power_cut(
        powercut.Plan(images=200, megabytes=512, sessions=6, seconds=5, writers=16, large=2),
        "power-cut"),
    "power-cut-512": lambda campaign: campaign.power_cut(
        powercut.Plan(images=40, sessions=2, sector=512), "power-cut-512"),
    "power-cut-without-sync": lambda campaign: campaign.power_cut_without_sync(
        powercut.Plan(images=20, sessions=2), "power-cut-without-sync"),
}


def obstacle() -> str | None:
    """What keeps the write-log disk from running here, if anything does."""
    if os.environ.get("TORTURE_FORM") == "trace":
        return "TORTURE_FORM=trace"
    if os.geteuid() != 0:
        return "not root"
    for device in ("/dev/fuse", "/dev/loop-control"):
        if not os.access(device, os.W_OK):
            return f"no {device}"
    tools = ("nbdkit", "nbdfuse", "mkfs.ext4", "losetup")
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        return f"no {', '.join(missing)}"
    return None


def isolate():
    """Starts this program again in namespaces of its own, where that is possible."""
    if os.environ.get("TORTURE_ISOLATED"):
        return
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]
    if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
        os.environ["TORTURE_ISOLATED"] = "1"
        os.execvp(command[0], [*command, sys.executable, *sys.argv])


def scratch_parent() -> str | None:
    """Memory, if there is enough of it: crash images are large and short-lived."""
    memory = pathlib.Path("/dev/shm")
    if memory.is_dir() and shutil.disk_usage(memory).free > 4 << 30:
        return str(memory)
    return None


def main() -> int:
    parser = argparse.ArgumentParser(prog="torture", description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="the form that `make test` runs")
    parser.add_argument("--seed", default=os.environ.get("SEED") or secrets.token_hex(4))
    parser.add_argument("--binary", type=pathlib.Path, help="another build of strongroom")
    parser.add_argument("--only", help="one rig of the long form: " + ", ".join(RIGS))
    parser.add_argument("--replay", metavar="DIR", type=pathlib.Path,
                        help="examine the images of a kept run again")
    arguments = parser.parse_args()
    why_not = obstacle()
    if not why_not:
        isolate()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    profiles = ("debug", "release") if arguments.short else ("release", "debug")
    binary = arguments.binary or next((path for profile in profiles
                   if (path := target() / profile / "strongroom").exists()), None)
    if binary is None:
        raise RigError("no binary: cargo build -p strongroom")
    form = "short" if arguments.short else "replay" if arguments.replay else "long"
    print(f"torture: {form} form, SEED={arguments.seed}, {binary}", flush=True)
    with tempfile.TemporaryDirectory(prefix="strongroom-torture-", dir=scratch_parent()) as scratch:
        campaign = Campaign(binary, arguments.seed, pathlib.Path(scratch))
        if why_not:
            print(f"torture: no power cuts here ({why_not}); a system-call trace instead",
                  flush=True)
            campaign.sync_trace()
        elif arguments.replay:
            campaign.replay(arguments.replay.resolve())
        else:
            if arguments.short:
                short(campaign)
            for name, rig in RIGS.items():
                if arguments.only == name or not (arguments.only or arguments.short):
                    rig(campaign)
    for gap, count in campaign.known.items():
        print(f"torture: KNOWN GAP, seen {count} times: {gap}", flush=True)
    print(f"torture: {'FAILED' if campaign.failures else 'passed'}, "
          f"{campaign.failures} failures, SEED={arguments.seed}", flush=True)
    return 1 if campaign.failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RigError as error:
        print(f"torture: the rig could not run: {error}", file=sys.stderr)
        sys.exit(2)
