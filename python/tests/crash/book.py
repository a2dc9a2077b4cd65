"""What the programs of a round write down for each other, in lines of text as those of tests/crash/plan.h: a line is
written with one write(), so that kill -9 loses none that was begun, and one without its last word is passed over."""

from __future__ import annotations

import os
import pathlib
import random
import time
from typing import Dict, Iterator, List, NamedTuple, Optional

from zebu import wire

# The kinds of tests/crash/plan.h, by their numbers, and those that only workers in Python have.
KINDS = ("plain", "flaky", "failing", "early", "late", "unwanted", "limited", "fresh")
ROUGH = ("forks", "exits", "segfaults", "holds", "deaf", "stands")
RETRIES_OF_FLAKY = 3


class Planned(NamedTuple):
    kind: str = "plain"
    priority: int = 4
    micros: int = 0  # how long an attempt takes
    delay_ms: int = 0
    task: str = "work"


class Heard(NamedTuple):
    """Of one job: `what` is submitted, accepted or done; `text` is when and of which plan, or the outcome."""

    id: str
    what: str
    text: str = ""


class Begun(NamedTuple):
    job: str
    attempt: int
    is_to_fail: bool
    mark: str  # no other attempt has it; the result of a job names its attempt by it
    at: int
    end: Optional[int] = None


class Book:
    """A file that several processes append lines to."""

    def __init__(self, file: pathlib.Path) -> None:
        self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        os.write(self._descriptor, b"\n")  # ends what a killed predecessor may have cut

    def write(self, *words: object) -> None:
        line = " ".join(map(str, words)).replace("\n", "|").replace("\r", "|")
        data = f"{line} .\n".encode()
        if os.write(self._descriptor, data) != len(data):
            raise OSError("a line was cut")


def lines_of(file: pathlib.Path) -> Iterator[List[str]]:
    if file.exists():
        for line in file.read_text(errors="replace").split("\n"):
            if line.endswith(" ."):
                yield line[:-2].split(" ")


def read_heard(file: pathlib.Path) -> List[Heard]:
    return [Heard(words[1], words[0], " ".join(words[2:]).strip()) for words in lines_of(file) if len(words) > 1
            and words[0] in ("submitted", "accepted", "done")]


def read_begun(file: pathlib.Path) -> List[Begun]:
    found: Dict[str, Begun] = {}
    for words in lines_of(file):
        if words[0] == "ended" and words[1] in found:
            found[words[1]] = found[words[1]]._replace(end=int(words[2]))
        elif len(words) == 5:
            found[words[3]] = Begun(words[0], int(words[1]), words[2] == "1", words[3], int(words[4]))
    return list(found.values())


def make_plan(count: int, dice: random.Random, longest_us: int, rough: bool) -> List[Planned]:
    """Each of the special kinds is one in fifty. `rough`: with those that only workers in Python have."""
    plan = []
    for _ in range(count):
        number = dice.randrange(50)
        kind = KINDS[1 + number] if number < len(KINDS) - 1 else "plain"
        task = "work"
        if rough and kind == "plain":
            task = dice.choice(["work", "work", "nap"])
            if dice.random() < 0.05:
                kind, task = dice.choice(ROUGH), "rough"
        delay = dice.randint(1, 600) if kind == "late" else 0
        plan.append(Planned(kind, dice.randint(0, 9), dice.randint(0, longest_us), delay, task))
    return plan


def write_plan(file: pathlib.Path, plan: List[Planned]) -> None:
    file.write_text("".join(f"{p.kind} {p.priority} {p.micros} {p.delay_ms} {p.task} .\n" for p in plan))


def read_plan(file: pathlib.Path) -> List[Planned]:
    return [Planned(words[0], int(words[1]), int(words[2]), int(words[3]), words[4]) for words in lines_of(file)]


def write_plan_with_ids(file: pathlib.Path, plan: List[Planned]) -> Dict[str, Planned]:
    """That of a crash-producer in C++, whose ids are made before its first start."""
    named = {wire.id_text(wire.new_id()): planned for planned in plan}
    file.write_text("".join(f"{id} {KINDS.index(p.kind)} {p.priority} {p.micros} {p.delay_ms} .\n"
                            for id, p in named.items()))
    return named


def now_ns() -> int:
    """The same for all processes of this machine, and no clock that is set."""
    return time.monotonic_ns()
