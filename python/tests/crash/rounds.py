"""One crash round. The seed determines the plan and the order of what happens, not the machine's timing."""

from __future__ import annotations

import contextlib
import pathlib
import random
import subprocess
import threading
import time
from typing import Any, Callable, List, Tuple

import zebu
from crash.book import Planned, make_plan, read_begun, read_heard
from crash.cast import Cast, Consumer, Mortal, Options, RoundFailed, Submitter, children_of, send
from crash.ledger import Ledger
from zebu.local import broker_program

KILLS, TROUBLES = 10, 6
SLOTS = 12  # of all consumers
RATES = (0, 2_000_000, 500_000, 200_000)
DELAYS = (0.0, 0.001, 0.02, 0.1)


class Standstill:
    """How long this machine gives a thread no processor. A program that was to be silent for a moment may have been
    silent for so much longer."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        last = time.monotonic()
        while not self._is_over.wait(0.01):
            now = time.monotonic()
            self.longest = max(self.longest, now - last - 0.01)
            last = now

    def end(self) -> float:
        self._is_over.set()
        self._thread.join()
        return self.longest


class Round:
    def __init__(self, folder: pathlib.Path, kind: str, seed: int, jobs: int) -> None:
        self.dice, self.kind, self.jobs = random.Random(seed), kind, jobs
        liveness = {"kills": 1.5, "both": 2.0, "living": self.dice.choice((2.0, 4.0))}[kind]
        window = self.dice.choice((20_000, 500, 64))
        self.cast = Cast(Options(folder, kind, liveness, window, int(liveness * 1.3e6)))
        self.is_excused = False
        self._endings: List[Tuple[float, Callable[[], Any]]] = []

    def run(self) -> None:
        standstill = Standstill()
        try:
            self._start()
            for _ in range(TROUBLES if self.kind == "living" else KILLS):
                self._strike()
                if self.kind != "kills" and self.cast.have_submitters_finished():
                    break
            for mortal in [*self.cast.consumers, *self.cast.submitters]:
                if mortal.link is not None:
                    mortal.link.set()
            self._wait_for_submitters()
            self.is_excused = standstill.end() > self.cast.options.liveness / 4
            self.cast.broker.kill()  # all that anybody was told must have been safe before this
            self.cast.start_broker()
            self._check_outcomes()
            self.cast.stop()
            self._check_store()
            self._check_that_nothing_is_left()
        finally:
            self.cast.close()

    def _start(self) -> None:
        cast = self.cast
        cast.start_broker()
        cast.add_consumers()
        # So that there is work all the time that troubles take: half of the slots are busy.
        time_of_troubles = TROUBLES * (cast.options.liveness * 0.7 + 0.2)
        longest = 40_000 if self.kind == "kills" else int(time_of_troubles * 1e6 * SLOTS / self.jobs)
        for name, kind in (("producer-cpp", "cpp"), ("producer-threads", "threads"), ("producer-asyncio", "asyncio")):
            cast.add_producer(name, kind, make_plan(self.jobs // 3, self.dice, longest, kind != "cpp"))
        self._wait_until_heard()

    # ── what happens ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _flip(self, chance: float) -> bool:
        return self.dice.random() < chance

    def _strike(self) -> None:
        # A worker in Python takes half a second to start: it shall also be killed while it works.
        time.sleep(self.dice.uniform(0, 1.0 if self.kind == "kills" else 0.2))
        if self.kind == "kills" or (self.kind == "both" and self._flip(0.5)):
            self._strike_dead()
            if self.kind != "kills":
                self._wait_until_heard()
        else:
            self._disturb_all()

    def _strike_dead(self) -> None:
        """Kills some of them, and starts these again in another order a moment later. Whoever is started now may be
        killed before it is ready."""
        victims: List[Tuple[Mortal, Callable[[], None]]] = []
        if self._flip(0.4):
            victims.append((self.cast.broker, self.cast.start_broker))
        for consumer in self.cast.consumers:
            if consumer.may_die and consumer.is_python and self._flip(0.3):
                self._kill_a_part(consumer)
            elif consumer.may_die and self._flip(0.3):
                victims.append((consumer, consumer.start))
        for submitter in self.cast.submitters:
            if not submitter.is_finished() and self._flip(0.25):
                victims.append((submitter, submitter.start))
        self.dice.shuffle(victims)
        for mortal, _ in victims:
            self.cast.tell(f"kill -9 of {mortal.name}")
            mortal.kill()
        time.sleep(self.dice.uniform(0, 0.06))
        self.dice.shuffle(victims)
        for mortal, start in victims:
            start()
            self.cast.tell(f"start of {mortal.name}")

    def _kill_a_part(self, consumer: Consumer) -> None:
        """The process that starts slots, a slot, or what else is there."""
        parts = children_of(consumer.pid)
        if parts:
            consumer.histories[-1].was_excused = True
            victim = self.dice.choice(parts)
            self.cast.tell(f"kill -9 of {victim}, a part of {consumer.name}: {parts}")
            send(victim, 9)

    def _disturb_all(self) -> None:
        """The troubles begin together, so that those which need each other meet; each ends at its own time."""
        cast = self.cast
        if self._flip(0.15):
            everybody = [each for each in cast.everybody() if not (isinstance(each, Submitter) and each.is_finished())]
            self.dice.shuffle(everybody)
            seconds = self._long() if self._flip(0.5) else self._short()
            cast.tell(f"everything stands still for {seconds:.2f} s")
            for each in everybody:
                each.stand_still(True)
                self._endings.append((seconds, each.go_on))
        else:
            for consumer in cast.consumers:
                if self._flip(0.4):
                    self._disturb(consumer)
            for submitter in cast.submitters:
                if self._flip(0.3) and not submitter.is_finished():
                    self._disturb_submitter(submitter)
            if self._flip(0.3):
                self._stand_still(cast.broker, self._long() if self._flip(0.4) else self._short())
        began = time.monotonic()
        for seconds, undo in sorted(self._endings, key=lambda ending: ending[0]):
            time.sleep(max(0.0, began + seconds - time.monotonic()))
            undo()
        self._endings.clear()
        self._wait_until_heard()

    def _short(self) -> float:
        return self.dice.uniform(0.1, 0.5) * self.cast.options.liveness

    def _long(self) -> float:
        return self.dice.uniform(1.1, 1.8) * self.cast.options.liveness

    def _disturb(self, consumer: Consumer) -> None:
        if self.kind == "both" and consumer.may_die and self._flip(0.3):
            consumer.histories[-1].was_excused = True
            return self._silence(consumer, self._long())
        number = self.dice.randrange(6)
        assert consumer.link is not None
        if number < 2:
            self.cast.tell(f"cut {consumer.name}")
            consumer.link.cut()
        elif number == 2:
            self._change(consumer)
        else:
            self._silence(consumer, self._short())

    def _disturb_submitter(self, submitter: Submitter) -> None:
        """Nobody waits for its beats: it may be silent for as long as it likes."""
        assert submitter.link is not None
        number = self.dice.randrange(5)
        if number == 0:
            self.cast.tell(f"cut {submitter.name}")
            submitter.link.cut()
        elif number == 1:
            self._change(submitter)
        else:
            self._silence(submitter, self._long() if self._flip(0.2) else self._short())

    def _silence(self, mortal: Any, seconds: float) -> None:
        if self._flip(0.5):
            return self._stand_still(mortal, seconds)
        ways = self.dice.choice(((True, False), (False, True), (True, True)))
        self.cast.tell(f"the link of {mortal.name} stalls for {seconds:.2f} s: {ways}")
        mortal.link.stall(*ways)
        self._endings.append((seconds, lambda: mortal.link.stall(False, False)))

    def _stand_still(self, mortal: Mortal, seconds: float) -> None:
        with_children = self._flip(0.5)
        self.cast.tell(f"{mortal.name} stands still for {seconds:.2f} s{', with its children' * with_children}")
        mortal.stand_still(with_children)
        self._endings.append((seconds, mortal.go_on))

    def _change(self, mortal: Any) -> None:
        """Until it changes again. The slowest link still carries in a beat what the protocol lets be under way."""
        rate, delay = self.dice.choice(RATES), self.dice.choice(DELAYS)
        self.cast.tell(f"the link of {mortal.name} carries {rate} bytes/s after {delay} s")
        mortal.link.set(rate, delay)

    def _wait_until_heard(self) -> None:
        """The broker has heard each consumer since now."""
        since, answered = time.monotonic(), []
        wanted = {consumer.name for consumer in self.cast.consumers}
        with zebu.Client(self.cast.clients, name="crash-asker") as client:
            while time.monotonic() < since + 60:
                with contextlib.suppress(zebu.Disconnected):
                    answered = client.query("consumers", timeout=1.0)["consumers"]
                    past = (time.monotonic() - since) * 1000
                    if wanted <= {one["name"] for one in answered if one["heard_ms"] < past}:
                        return self.cast.tell("the broker has heard every consumer")
                time.sleep(0.02)
        raise RoundFailed(f"the broker does not hear every consumer again: {answered}")

    # ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _wait_for_submitters(self) -> None:
        """However long it takes, as long as outcomes come."""
        last, until = -1, time.monotonic() + 60
        while not self.cast.have_submitters_finished():
            written = sum(each.heard.stat().st_size for each in self.cast.submitters if each.heard.exists())
            if written != last:
                last, until = written, time.monotonic() + 60
            if time.monotonic() > until:
                raise RoundFailed("some jobs do not end")
            time.sleep(0.02)

    def _check_outcomes(self) -> None:
        ledger = Ledger(self.kind == "living" and not self.is_excused)
        complaints: List[str] = []
        for submitter in self.cast.submitters:
            for id, plan in submitter.named.items():
                ledger.add_plan(id, plan)
            ended = set()
            heard = read_heard(submitter.heard)
            for line in heard:
                ledger.add_heard(line, submitter.plans)
                if line.what == "done":
                    ended.add(line.id)
            numbers = {int(line.text.split()[0]) for line in heard if line.what == "submitted" and line.id in ended}
            complaints += [f"number {n} of {submitter.name} has no outcome: {submitter.plans[n]}"
                           for n in range(len(submitter.plans)) if n not in numbers]
        for consumer in self.cast.consumers:
            for life in consumer.histories:
                lived = life is consumer.histories[-1] and not life.was_excused and not self.is_excused
                for begun in read_begun(life.begun):
                    ledger.add_begun(begun, lived)
        self._ask(ledger)
        complaints += ledger.complaints()
        if complaints:
            raise RoundFailed(f"{len(complaints)} jobs went wrong:\n" + "\n".join(complaints[:10]))

    def _ask(self, ledger: Ledger) -> None:
        """What the broker says in the end."""
        ids = ledger.accepted()
        with zebu.Client(self.cast.clients, name="crash-asker") as client:
            for at in range(0, len(ids), 500):
                some = ids[at:at + 500]
                found = client.query("jobs", ids=[zebu.wire.id_bytes(id) for id in some], timeout=60)
                for id, status in zip(some, found):
                    ledger.add_last(id, status, outcome_of(status))

    def _check_store(self) -> None:
        done = subprocess.run([broker_program(), "check", "--store", self.cast.store], capture_output=True, text=True)
        if done.returncode != 0:
            raise RoundFailed(f"zebu-broker check: {done.stdout}{done.stderr}")

    def _check_that_nothing_is_left(self) -> None:
        """All processes of a worker, and what its tasks forked, end with it, however it ended."""
        mark = f"ZEBU_CRASH_BEGUN={self.cast.options.folder}".encode()
        until = time.monotonic() + 20
        while left := [pid for pid in _pids() if mark in _environment(pid)]:
            if time.monotonic() > until:
                raise RoundFailed(f"processes are left: {left}")
            time.sleep(0.05)


def outcome_of(status: Any) -> str:
    """As a producer writes it down."""
    if status is None:
        return "forgotten"
    state = str(status["state"])
    if state == "succeeded":
        return f"succeeded {zebu.values.decode(status['result'])}"
    if state == "failed":
        return f"failed {status['error']['type']}: {status['error']['message']}".replace("\n", "|")
    return state


def _pids() -> List[int]:
    return [int(path.name) for path in pathlib.Path("/proc").iterdir() if path.name.isdigit()]


def _environment(pid: int) -> bytes:
    try:
        return pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


__all__ = ["Planned", "Round", "RoundFailed"]
