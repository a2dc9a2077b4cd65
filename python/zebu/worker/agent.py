"""A worker's loop: the session with the broker, and the slots. It runs no user code, and nothing in it blocks, so it
beats whatever the tasks do."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import time
from typing import Any, Dict, List, Optional

import zmq

from .. import wire
from ..errors import SessionRefused, printable
from ..link import Link, default_name
from ..run import failure
from ..wire import Message
from .held import Held, HeldJobs
from .pool import Pool
from .reload import Watch
from .slots import Run

MOST_AHEAD = 512  # jobs that wait here for a slot, where jobs are short
AHEAD_FOR = 0.05  # seconds of work to have at hand
MOST_READY = 32  # jobs in one slot
READY_FOR = 0.002  # seconds of work to have in one slot
PATIENCE = 0.25  # seconds that a job waits here before it goes back


@dataclasses.dataclass
class WorkerOptions:
    target: str
    broker: List[str]
    concurrency: int = 1
    pool: str = "processes"
    queues: Optional[List[str]] = None
    name: Optional[str] = None
    reload: bool = False
    max_jobs: Optional[int] = None
    max_memory: Optional[int] = None
    grace: float = 5.0
    drain_timeout: float = 30.0


class Agent:
    def __init__(self, options: WorkerOptions) -> None:
        self.options = options
        self.name = options.name or default_name()
        self.queues = options.queues or []
        self.held = HeldJobs()
        self.link: Optional[Link] = None
        self._instance = wire.new_id()
        self._credit = 0
        self._mean_run = 1.0  # seconds, of late
        self._moved = 0.0  # when a job last ended
        self._said_down = ("", 0.0)
        self._is_draining = self._is_drained = self._drain_said = False
        self._drain_by: Optional[float] = None
        self._exit: Optional[int] = None
        self._signals = 0
        self._is_changed = False
        self._watch: Optional[Watch] = None
        reader, self._wake = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(self._wake, False)
        self._wake_reader = reader
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_stop_signal)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        self.pool = Pool(self, options.target, options.pool, options.concurrency, max_jobs=options.max_jobs,
                         max_memory=options.max_memory, grace=options.grace)

    def say(self, text: str) -> None:
        print(f"zebu worker: {printable(text)}", file=sys.stderr, flush=True)

    # ── the loop ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def run(self) -> int:
        """Until it has drained, or cannot go on. Returns the exit code."""
        try:
            while self._exit is None:
                self._round()
        finally:
            self.pool.close()
            if self.link is not None:
                self.link.close()
        return self._exit

    def _round(self) -> None:
        now = time.monotonic()
        deadline = min(now + 60.0, self.pool.advance(now))
        if self._signals and not self._is_draining:
            self.drain("stopping: running jobs finish" if self.pool.running() else "stopping", now)
        self._feed(now)
        if self.link is not None:
            self._talk(now)
            deadline = min(deadline, self.link.advance(now))
            self._talk(now)
        if self._watch is not None:
            deadline = min(deadline, self._look_at_files(now))
        self._maybe_leave(now)
        if self._exit is not None:
            return
        if self._drain_by is not None:
            deadline = min(deadline, self._drain_by)
        if self.held.waiting or any(len(slot.runs) > slot.width for slot in self.pool.slots.values()):
            deadline = min(deadline, now + PATIENCE / 2)
        self._wait(max(0.0, deadline - now))

    def _wait(self, seconds: float) -> None:
        poller = zmq.Poller()
        link = self.link
        if link is not None and link.socket is not None:
            poller.register(link.socket, zmq.POLLIN)
        poller.register(self._wake_reader, zmq.POLLIN)
        if not self.pool.control._closed:  # type: ignore[attr-defined]
            poller.register(self.pool.control, zmq.POLLIN)
        slots = {slot.ours.fileno(): slot for slot in self.pool.slots.values() if not slot.is_killed}
        for descriptor, slot in slots.items():
            poller.register(descriptor, zmq.POLLIN | (zmq.POLLOUT if slot.out else 0))
        ready = dict(poller.poll(int(seconds * 1000) + (1 if seconds else 0)))
        now = time.monotonic()
        if self._wake_reader in ready:
            os.read(self._wake_reader, 512)
            _reap_strangers(self.pool._server.pid)
        for descriptor, events in ready.items():
            found = slots.get(descriptor) if isinstance(descriptor, int) else None
            if found is not None and found.ours.fileno() == descriptor:
                if events & zmq.POLLOUT:
                    self.pool.write(found)
                if events & ~zmq.POLLOUT:
                    self.pool.read(found, now)
        self.pool.on_control(now)
        if link is not None:
            link.read(now)

    def _on_stop_signal(self, *_: Any) -> None:
        self._signals += 1

    # ── from the pool ────────────────────────────────────────────────────────────────────────────────────────────────

    def on_app(self, queues: List[str]) -> None:
        self.queues = self.options.queues or queues

    def on_unusable(self, text: str) -> None:
        self.say(text)
        self._exit = 1

    def on_slots_changed(self) -> None:
        if self.link is None and self.pool.is_ready and any(slot.is_ready for slot in self.pool.slots.values()):
            self.link = Link(self.options.broker, "consumer", self.name, self)
            if self.options.reload:
                self._watch = Watch(self.pool.files)

    def on_done(self, run: Run, state: str, value: Any, run_us: int) -> None:
        held: Held = run.job
        self._moved = time.monotonic()
        self._mean_run += 0.2 * (run_us / 1e6 - self._mean_run)
        if state == "failed" and type(value) is dict:
            value = {key: value[key] for key in value}
        self.held.finish(held, state, value, run_us)

    def on_news(self, run: Run, done: Optional[float], note: str, output: str) -> None:
        held: Held = run.job
        held.add_news(done, note, output)
        self.held.news[held.key] = held

    def on_crash(self, run: Run, text: str, trace: List[str]) -> None:
        held: Held = run.job
        if held.outcome is not None:  # of a thread that was given up
            return
        ran = int((time.monotonic() - run.began) * 1e6)
        if run.verdict == "cancel":
            state, value = "cancelled", None
        elif run.verdict == "hard":
            limit = held.entry[5]["hard_limit_ms"] / 1000
            state, value = failure("zebu::HardLimit", f"the job ran for longer than its hard limit of {limit:g} s")
        else:
            state, value = failure("zebu::Crash", text, "crash", trace)
        self.held.finish(held, state, value, ran)

    def on_unstarted(self, run: Run) -> None:
        held: Held = run.job
        held.run = None
        self.held.waiting.appendleft(held)

    # ── from the link ────────────────────────────────────────────────────────────────────────────────────────────────

    def hello_facts(self) -> Dict[str, Any]:
        return {"queues": self.queues, "slots": self.pool.capacity(), "tasks": self.pool.tasks,
                "pool": self.options.pool, "runs": [list(key) for key in self.held.all]}

    def on_up(self, facts: Dict[str, Any]) -> None:
        self.say(f"ready: {len(self.pool.tasks)} tasks, queues {','.join(self.queues)}, {self.pool.capacity()} slots "
                 f"({self.options.pool})")
        self._credit = 0
        self._said_down = ("", 0.0)
        self._drain_said = self._is_drained = False
        self.pool.limit_results(facts["max_message"])
        assert self.link is not None and self.link.flow is not None
        if not self._is_draining:
            self._credit = max(0, self._wanted() - self.held.active())
            if self._credit:
                self.link.flow.say([wire.CREDIT, self._credit])
        self.held.begin_session()

    def on_down(self, why: str) -> None:
        now = time.monotonic()
        if why != self._said_down[0] or now - self._said_down[1] > 60.0:
            self._said_down = (why, now)
            self.say(f"no session with the broker at {', '.join(self.options.broker)}: {why}; trying again")

    def on_refused(self, error: SessionRefused) -> None:
        self.say(f"the broker refuses this worker: {error}")
        self._exit = 1

    def on_trouble(self, text: str) -> None:
        self.say(text)

    def on_message(self, message: Message) -> None:
        now = time.monotonic()
        kind = message[0]
        if kind == wire.ASSIGN:
            for entry in message[1]:
                self._assign(entry, now)
        elif kind == wire.KEPT:
            names = wire.optional(message, 2, [])
            self.held.kept(message[1], [n for n in names if type(n) is list and len(n) >= 2])
        elif kind == wire.STOP:
            for id, attempt in (entry[:2] for entry in message[1]):
                self._stop((id, attempt), now)
        elif kind == wire.DRAIN:
            self.drain("the broker asks to drain", now)
        elif kind == wire.DRAINED:
            self._is_drained = True

    def _assign(self, entry: Any, now: float) -> None:
        self._credit = max(0, self._credit - 1)
        if not wire.is_assign_entry(entry):
            if type(entry) is list and len(entry) > 1 and wire._id(entry[0]) and type(entry[1]) is int:
                held = Held(entry, now)
                self.held.all[held.key] = held
                self.held.finish(held, *failure("zebu::BadAssignment", "this worker cannot read the job"), 0)
            return
        if (entry[0], entry[1]) not in self.held.all:
            self.held.add(Held(entry, now))

    def _stop(self, key: Any, now: float) -> None:
        held = self.held.all.get(key)
        if held is None or held.outcome is not None:
            return
        if held.run is not None:  # if it lies ready behind another one, it comes back and never starts
            for run in self.pool.recall(held.run.slot):
                self.on_unstarted(run)
        if held.run is not None:
            self.pool.cancel(held.run, now)
        else:
            self.held.waiting.remove(held)
            self.held.finish(held, "cancelled", None, 0)

    # ── to slots and broker ──────────────────────────────────────────────────────────────────────────────────────────

    def _feed(self, now: float) -> None:
        depth = max(1, min(MOST_READY, int(READY_FOR / max(self._mean_run, 1e-6))))
        while self.held.waiting and not self._is_draining:
            held = self.held.waiting[0]
            held.run = self.pool.run(held, held.entry[:6], held.entry[5], now, depth)
            if held.run is None:
                break
            self.held.waiting.popleft()
        self.pool.flush()

    def _wanted(self) -> int:
        """Jobs to hold: one for each slot, and ahead of them what is done soon."""
        slots = self.pool.capacity()
        ahead = int(slots * AHEAD_FOR / max(self._mean_run, 1e-5)) if self._mean_run < AHEAD_FOR else 0
        return min(slots + min(ahead, MOST_AHEAD), 65_535)

    def _talk(self, now: float) -> None:
        assert self.link is not None
        flow = self.link.flow
        if flow is None:
            return
        if self._is_draining and not self._drain_said:
            self._drain_said = True
            self._credit = 0
            flow.say([wire.DRAIN])
        if self.held.news and (flow.has_room() or self.held.unsaid):
            news, self.held.news = self.held.news, {}
            for held in news.values():
                for entry in held.take_news(flow.max_part // 2):
                    flow.say([wire.PROGRESS, [entry]])
        self._return_waiting(flow, now)
        credit = 0 if self._is_draining else max(0, self._wanted() - self.held.active() - self._credit)
        while self.held.unsaid and flow.has_room():
            entries = self.held.take_outcomes(flow.max_part, flow.max_message)
            self.held.said(entries, flow.say([wire.OUTCOME, credit, entries]))
            self._credit += credit
            credit = 0
        if credit:
            self._credit += credit
            flow.say([wire.CREDIT, credit])
        self.link.flush(now)

    def _return_waiting(self, flow: Any, now: float) -> None:
        """Jobs that no slot will take soon go back, and somebody else runs them."""
        waiting = self.held.waiting
        for slot in list(self.pool.slots.values()) if self._is_draining else self.pool.stalled(now, PATIENCE):
            for run in self.pool.recall(slot):
                self.on_unstarted(run)
        is_stuck = self.pool.room() == 0 and now - max(self._moved, waiting[0].since if waiting else now) > PATIENCE
        if not waiting or not (self._is_draining or is_stuck):
            return
        self._mean_run = max(self._mean_run, 1.0)
        self._credit = 0
        while waiting:
            keys = [waiting.popleft().key for _ in range(min(len(waiting), 1000))]
            for key in keys:
                self.held.forget(key)
            flow.say([wire.RETURN, 0, [list(key) for key in keys]])

    # ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def drain(self, why: str, now: float) -> None:
        if not self._is_draining:
            self.say(why)
            self._is_draining = True
            self._drain_by = now + self.options.drain_timeout
            self._signals = max(1, self._signals)

    def _maybe_leave(self, now: float) -> None:
        if not self._is_draining or self._exit is not None:
            return
        is_over = self._signals > 1 or (self._drain_by is not None and now >= self._drain_by)
        if self.link is None or is_over:
            if is_over and self.pool.running():
                self.say("running jobs are ended, and go back to the broker")
            self._exit = 0
            return
        if self.held.all or (self.link.is_up and not self._is_drained):
            return
        if self.link.flow is None or self.link.flow.is_idle():
            self._exit = 0

    def _look_at_files(self, now: float) -> float:
        assert self._watch is not None
        changed, next_look = self._watch.look(now)
        if changed and not self._is_draining:
            self._is_changed = True
            self.drain(f"{changed} has changed: running jobs finish, then the worker starts anew", now)
        return next_look

    @property
    def is_to_restart(self) -> bool:
        return self._is_changed and self._exit == 0


def _reap_strangers(server: int) -> None:
    """As PID 1 of a container it gets the orphans of others."""
    if os.getpid() != 1:
        return
    while True:
        try:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is None or found.si_pid == server:
                return
            os.waitpid(found.si_pid, os.WNOHANG)
        except ChildProcessError:
            return
