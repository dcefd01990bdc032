"""What the workload was told: attempts and acknowledgements, each with the place in the write log.

Two kinds of things are written. A *register* (a key's state, a user's policy, …) has one writer
that takes numbered steps, one after the other. A *record* has many writers, who give each of
their operations an event time of its own, so that the newest event time tells what must be there.
"""

import dataclasses
import json
import pathlib
import random
import threading


@dataclasses.dataclass
class Step:
    """One attempted change: `value` is what is there afterwards."""

    value: str | None
    begun: int
    done: int | None = None


@dataclasses.dataclass
class Register:
    name: str
    facts: dict = dataclasses.field(default_factory=dict)
    steps: list = dataclasses.field(default_factory=list)

    def settled(self) -> bool:
        """Whether the outcome of the last step is known."""
        return not self.steps or self.steps[-1].done is not None

    def value(self):
        return self.steps[-1].value if self.steps else None

    def acknowledged(self, cut: int) -> int:
        """The number of the last step that was acknowledged before `cut`, from 1."""
        return max((n for n, step in enumerate(self.steps, 1)
                    if step.done is not None and step.done <= cut), default=0)

    def attempted(self, cut: int) -> int:
        return sum(step.begun <= cut for step in self.steps)


@dataclasses.dataclass
class Write:
    """One attempted operation on a record."""

    event_time: int
    deletes: bool
    begun: int
    done: int | None = None


class Ledger:
    def __init__(self, position=lambda: 0):
        self.position = position
        self.lock = threading.Lock()
        self.registers: dict[str, Register] = {}
        self.records: dict[tuple[str, str], list[Write]] = {}
        # Calls without effect that must be in the trail: marker -> acknowledgement.
        self.calls: dict[str, int] = {}
        # Ciphertexts that must open: (key id, ciphertext, plaintext, acknowledgement).
        self.sealed: list[tuple[str, str, str, int]] = []
        self.ready: int | None = None
        self.key: tuple[str, str] | None = None
        self.ends: list[int] = []
        self.surprises: list[str] = []

    def register(self, name: str, **facts) -> Register:
        with self.lock:
            return self.registers.setdefault(name, Register(name, facts))

    def step(self, register: Register, value, call):
        """Takes a step: `call(marker)` makes it and returns what it was answered."""
        step = Step(value, self.position())
        register.steps.append(step)
        answer = call(f"step/{register.name}/{len(register.steps)}")
        step.done = self.position()
        return answer

    def begin(self, group: str, identifier: str, chance: random.Random) -> Write:
        """Chooses the next operation on a record and notes the attempt."""
        with self.lock:
            writes = self.records.setdefault((group, identifier), [])
            used = {write.event_time for write in writes}
            # Mostly newer than what is there, sometimes older, never the same.
            at = 1000 + 10 * len(writes) + chance.choice([0, 0, 0, 0, 5, -25, -55])
            while at in used:
                at += 1
            write = Write(at, chance.random() < 0.1, self.position())
            writes.append(write)
            return write

    def moments(self) -> list[int]:
        """Where in the log each acknowledgement was; others may go on adding to them."""
        steps = [step for register in list(self.registers.values()) for step in list(register.steps)]
        writes = [write for writes in list(self.records.values()) for write in list(writes)]
        done = [one.done for one in steps + writes if one.done is not None]
        return done + list(self.calls.values())

    def acknowledgements(self, cut: float = float("inf")) -> int:
        """How many acknowledgements there were before `cut`."""
        return sum(moment <= cut for moment in self.moments())

    def save(self, path: pathlib.Path):
        path.write_text(json.dumps({
            "registers": [dataclasses.asdict(one) for one in self.registers.values()],
            "records": [[*name, [dataclasses.astuple(one) for one in writes]]
                        for name, writes in self.records.items()],
            "calls": self.calls, "sealed": self.sealed, "ready": self.ready, "key": self.key,
            "ends": self.ends}))

    @classmethod
    def load(cls, path: pathlib.Path):
        kept, self = json.loads(path.read_text()), cls()
        for one in kept["registers"]:
            steps = [Step(**step) for step in one["steps"]]
            self.registers[one["name"]] = Register(one["name"], one["facts"], steps)
        for group, identifier, writes in kept["records"]:
            self.records[group, identifier] = [Write(*write) for write in writes]
        self.calls, self.ready, self.ends = kept["calls"], kept["ready"], kept["ends"]
        self.sealed = [tuple(one) for one in kept["sealed"]]
        self.key = tuple(kept["key"])
        return self


def payload(group: str, identifier: str, event_time: int) -> dict:
    """The features of a record: every one of them tells which write it came from."""
    chance = random.Random(f"{group}/{identifier}/{event_time}")
    size = 200_000 if identifier.startswith("big") else chance.choice([0, 40, 400, 1500])
    return {"id": identifier, "at": str(event_time), "first": f"{event_time} first",
            "number": str(event_time % 1_000_003),
            "last": f"{event_time} " + "%x" % chance.getrandbits(4 * size or 1)}
