"""The slots of a worker, as seen by its loop: starts, feeds, interrupts, kills and replaces them. Never blocks."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from typing import Any, Dict, List, Optional, Protocol

import msgpack

from . import channel
from .channel import BadFrame
from .slots import Run, Slot, how_it_died, kill_group

FIRST_LIMIT = 16 << 20  # bytes of a result, until the broker says how many
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
MOST_FAILED_STARTS = 5


class Owner(Protocol):
    def on_done(self, run: Run, state: str, value: Any, run_us: int) -> None: ...
    def on_news(self, run: Run, done: Optional[float], note: str, output: str) -> None: ...
    def on_crash(self, run: Run, text: str, trace: List[str]) -> None: ...
    def on_unstarted(self, run: Run) -> None: ...
    def on_slots_changed(self) -> None: ...
    def on_unusable(self, text: str) -> None: ...
    def on_app(self, queues: List[str]) -> None: ...
    def say(self, text: str) -> None: ...


class Pool:
    def __init__(self, owner: Owner, target: str, pool: str, count: int, *, max_jobs: Optional[int],
                 max_memory: Optional[int], grace: float) -> None:
        self._owner, self._target, self._pool = owner, target, pool
        self._width = 1 if pool == "processes" else count
        self._count = count if pool == "processes" else 1
        self._max_jobs, self._max_memory, self._grace = max_jobs, max_memory, grace
        self.slots: Dict[int, Slot] = {}
        self.files: List[str] = []
        self.tasks: List[str] = []
        self.is_ready = self.is_ending = False
        self._next_number = self._next_seq = 0
        self._timed: Dict[int, Run] = {}
        self._limit = FIRST_LIMIT
        self._failed_starts = 0
        self._fork_at: Optional[float] = None
        self._start_server()

    # ── the fork-server ──────────────────────────────────────────────────────────────────────────────────────────────

    def _start_server(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self.control = ours
        self.is_ready = False
        self.tasks, self.files = [], []
        command = [sys.executable, "-m", "zebu.worker.forkserver", str(theirs.fileno()), self._target, self._pool,
                   str(self._width), str(os.getpid())]
        self._server = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
                                        start_new_session=True)
        theirs.close()

    def on_control(self, now: float) -> None:
        for _ in range(256):
            try:
                data = self.control.recv(1 << 17)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._on_server_gone(now)
                return
            message = msgpack.unpackb(data, strict_map_key=False)
            getattr(self, "_on_" + message[0])(now, *message[1:])

    def _on_failed(self, now: float, text: str, trace: str) -> None:
        self._owner.say(trace.rstrip())
        self.is_ending = True
        self._owner.on_unusable(f"{self._target} cannot be loaded: {text}")

    def _on_app(self, now: float, queues: List[str], has_async: bool) -> None:
        self._owner.on_app(queues)

    def _on_tasks(self, now: float, names: List[str]) -> None:
        self.tasks += names

    def _on_files(self, now: float, names: List[str]) -> None:
        self.files += names

    def _on_ready(self, now: float) -> None:
        self.is_ready = True
        self._fill(now)
        self._owner.on_slots_changed()

    def _on_forked(self, now: float, number: int, pid: int) -> None:
        slot = self.slots.get(number)
        if slot is not None:
            slot.pid = pid

    def _on_unforked(self, now: float, number: int, text: str) -> None:
        slot = self.slots.pop(number, None)
        if slot is not None:
            slot.close()
        self._start_failed(now, f"a slot cannot be started: {text}")

    def _on_exit(self, now: float, pid: int, status: int) -> None:
        slot = next((slot for slot in self.slots.values() if slot.pid == pid), None)
        if slot is not None:
            self.read(slot, now)  # what it said last
            self._lose(slot, now, how_it_died(status))

    def _on_server_gone(self, now: float) -> None:
        self.control.close()
        self._server.kill()  # it may have closed its end only
        self._server.wait()
        self.is_ready = False
        if self.is_ending:
            return
        self._owner.say("the process that starts slots has died, and is started again")
        for slot in list(self.slots.values()):
            if slot.pid:
                kill_group(slot.pid)
            self._lose(slot, now, "the process that started this slot died")
        self._start_server()

    # ── slots ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _fill(self, now: float) -> None:
        if not self.is_ready or self.is_ending or (self._fork_at is not None and now < self._fork_at):
            return
        self._fork_at = None
        while sum(not slot.is_leaving for slot in self.slots.values()) < self._count:
            self._next_number += 1
            slot = Slot(self._next_number, self._width)
            slot.frames.most = self._limit + channel.MOST_HEAD
            self.slots[slot.number] = slot
            try:
                socket.send_fds(self.control, [msgpack.packb(["fork", slot.number])],
                                [slot.theirs.fileno(), slot.page.fd, slot.tokens.reader])
            except OSError:  # the fork-server is gone, which is noticed by itself
                del self.slots[slot.number]
                slot.close()
                return
            finally:
                slot.theirs.close()

    def _start_failed(self, now: float, text: str) -> None:
        self._owner.say(text)
        self._failed_starts += 1
        self._fork_at = now + min(FIRST_PAUSE * 2**self._failed_starts, LONGEST_PAUSE)
        if self._failed_starts >= MOST_FAILED_STARTS:
            self._owner.on_unusable(f"no slot could be started {MOST_FAILED_STARTS} times: {text.splitlines()[0]}")

    def room(self) -> int:
        return sum(slot.room() for slot in self.slots.values())

    def capacity(self) -> int:
        return self._count * self._width

    def running(self) -> int:
        return sum(len(slot.runs) for slot in self.slots.values())

    def run(self, job: Any, message: List[Any], options: Dict[str, Any], now: float, depth: int) -> Optional[Run]:
        """Gives a job to a slot: a free one, or one with less than `depth` jobs; None if there is none. A job with a
        time limit needs a free one, since its time begins now."""
        slot = max(self.slots.values(), key=Slot.room, default=None)
        if slot is None or slot.room() <= 0:
            is_limited = options.get("soft_limit_ms") or options.get("hard_limit_ms")
            open_ones = [each for each in self.slots.values() if each.is_open()]
            if is_limited or not open_ones:
                return None
            slot = min(open_ones, key=lambda each: len(each.runs))
            if len(slot.runs) >= depth * slot.width:
                return None
        self._next_seq += 1
        run = Run(self._next_seq, job, slot, now)
        slot.runs[run.seq] = run
        if options.get("soft_limit_ms"):
            run.soft = now + options["soft_limit_ms"] / 1000
        if options.get("hard_limit_ms"):
            run.hard = now + options["hard_limit_ms"] / 1000
        if run.soft is not None or run.hard is not None:
            self._timed[run.seq] = run
        slot.tokens.give()
        slot.out += channel.pack([channel.RUN, run.seq, *message, self._limit])
        return run

    def limit_results(self, most: int) -> None:
        """What a message of the broker may have; a slot says no more."""
        self._limit = most
        for slot in self.slots.values():
            slot.frames.most = max(slot.frames.most, most + channel.MOST_HEAD)

    def flush(self) -> None:
        for slot in self.slots.values():
            if slot.out:
                self.write(slot)

    def recall(self, slot: Slot) -> List[Run]:
        """Takes back what a slot has and has not started, last first."""
        taken = []
        while slot.runs and slot.tokens.take():
            seq, run = slot.runs.popitem()
            self._timed.pop(seq, None)
            slot.recalled.add(seq)
            taken.append(run)
        return taken

    def stalled(self, now: float, patience: float) -> List[Slot]:
        """Slots whose job has run for so long that nothing should lie ready behind it."""
        return [slot for slot in self.slots.values() if len(slot.runs) > slot.width
                and now - max(slot.moved, next(iter(slot.runs.values())).began) > patience]

    def cancel(self, run: Run, now: float) -> None:
        run.kill_at = now + self._grace
        run.verdict = run.verdict or "cancel"
        self._timed[run.seq] = run
        self._interrupt(run, "cancel")

    def _interrupt(self, run: Run, reason: str) -> None:
        if self._pool == "processes":
            run.slot.page.interrupt(run.seq, reason)
            if run.slot.pid:
                try:
                    os.kill(run.slot.pid, signal.SIGUSR1)
                except ProcessLookupError:
                    pass
        else:
            self._say(run.slot, [channel.INTERRUPT, run.seq, reason])

    def _say(self, slot: Slot, message: List[Any]) -> None:
        slot.out += channel.pack(message)
        self.write(slot)

    def write(self, slot: Slot) -> None:
        try:
            while slot.out:
                sent = slot.ours.send(memoryview(slot.out)[:1 << 18])
                del slot.out[:sent]
        except BlockingIOError:
            pass
        except OSError:
            slot.out.clear()  # its end is noticed by its exit

    def read(self, slot: Slot, now: float) -> None:
        for _ in range(16):
            try:
                data = slot.ours.recv(1 << 18)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                if slot.pid and not slot.is_killed and not slot.is_leaving:
                    self.kill(slot)  # it closed its end, or is just ending
                return
            try:
                for message in slot.frames.feed(data):
                    self._take(slot, message, now)
            except (BadFrame, TypeError, ValueError, KeyError, IndexError) as error:
                self._owner.say(f"slot {slot.number} says what cannot be read, and is replaced: {error}")
                self.kill(slot)
                return

    def _take(self, slot: Slot, message: List[Any], now: float) -> None:
        kind = message[0]
        if kind == channel.READY:
            slot.is_ready = True
            self._failed_starts = 0
            self._owner.on_slots_changed()
        elif kind == channel.BROKEN:
            slot.is_leaving = True
            self._start_failed(now, f"{message[1]}\n{message[2].rstrip()}")
        elif kind == channel.SKIPPED:
            slot.recalled.discard(message[1])
            if not slot.recalled:
                self._owner.on_slots_changed()
        elif kind == channel.NEWS:
            run = slot.runs.get(message[1])
            if run is not None:
                done, note, output = message[2:5]
                if not (done is None or 0 <= float(done) <= 1) or type(note) is not str or type(output) is not str:
                    raise BadFrame("progress of other types")
                self._owner.on_news(run, done, note, output)
        elif kind == channel.DONE:
            seq, state, value, run_us, resident = message[1:6]
            if state not in ("succeeded", "failed", "cancelled") or (state == "succeeded") != (type(value) is bytes):
                raise BadFrame("an outcome of other types")
            run = slot.runs.pop(seq, None)
            slot.count += 1
            slot.moved = now
            if run is not None and run.verdict != "hard":
                self._timed.pop(seq, None)
                self._owner.on_done(run, state, value, int(run_us))
            self._maybe_retire(slot, int(resident), now)
            self._owner.on_slots_changed()

    def _maybe_retire(self, slot: Slot, resident: int, now: float) -> None:
        is_old = self._max_jobs is not None and slot.count >= self._max_jobs
        is_fat = self._max_memory is not None and resident > self._max_memory
        if is_old or is_fat:
            slot.is_leaving = True
        if slot.is_leaving:
            for run in self.recall(slot):
                self._owner.on_unstarted(run)
        if slot.is_leaving and not slot.runs:
            self._say(slot, [channel.LEAVE])
            self._fill(now)

    def kill(self, slot: Slot) -> None:
        slot.is_killed = True
        if slot.pid:
            kill_group(slot.pid)

    def _lose(self, slot: Slot, now: float, text: str) -> None:
        self.slots.pop(slot.number, None)
        trace, started = slot.page.trace(), slot.page.started
        slot.close()
        for run in reversed(list(slot.runs.values())):
            self._timed.pop(run.seq, None)
            if run.seq > started and not run.verdict:
                self._owner.on_unstarted(run)
            else:
                self._owner.on_crash(run, text, trace)
        if not slot.is_ready and not slot.is_leaving and not self.is_ending:
            self._start_failed(now, f"a slot ended before it was ready: {text}")
        self._fill(now)
        self._owner.on_slots_changed()

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def advance(self, now: float) -> float:
        """Limits and grace; when to call again at the latest."""
        self._fill(now)
        deadline = self._fork_at if self._fork_at is not None else now + 60.0
        for run in list(self._timed.values()):
            if run.soft is not None and now >= run.soft:
                run.soft = None
                self._interrupt(run, "soft")
            if run.hard is not None and now >= run.hard:
                run.hard = None
                self._over_hard_limit(run)
            if run.kill_at is not None and now >= run.kill_at:
                run.kill_at = None
                if self._pool == "processes":
                    self.kill(run.slot)
            times = [at for at in (run.soft, run.hard, run.kill_at) if at is not None]
            deadline = min([deadline, *times])
            if not times:
                self._timed.pop(run.seq, None)
        return deadline

    def _over_hard_limit(self, run: Run) -> None:
        run.verdict = run.verdict or "hard"
        if self._pool == "processes":
            self.kill(run.slot)
        else:
            # Its neighbours live in the same process: the attempt has failed, its place stays taken until it returns.
            self._interrupt(run, "cancel")
            self._owner.on_crash(run, "", [])

    def end(self, is_now: bool) -> None:
        """Lets idle slots leave; `is_now`: kills all of them."""
        self.is_ending = True
        for slot in self.slots.values():
            if is_now:
                self.kill(slot)
            elif not slot.runs:
                slot.is_leaving = True
                self._say(slot, [channel.LEAVE])

    def close(self) -> None:
        """Ends everything. The fork-server kills what is left when its control closes."""
        self.end(is_now=True)
        self.control.close()
        try:
            self._server.wait(5)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
