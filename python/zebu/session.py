"""The thread of a Client: it alone talks to the broker, and runs no user code.

    caller's thread: submit -> inbox -> [wake]      session's thread: inbox -> Core -> Link -> broker
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import socket
import threading
import time
from collections import deque
from typing import Any, Callable, Deque, Optional, Protocol, Sequence

import zmq

from .core import Core, Job
from .errors import ClientFull, ClosedError, ZebuError
from .futures import Callbacks

log = logging.getLogger("zebu")


class Limits(Protocol):
    """What a client may have submitted and unanswered, and what it does beyond that."""

    max_jobs: int
    max_bytes: int
    when_full: Any
    full_timeout: Optional[float]


class Session:
    """The thread of one process, and what it shares with the callers. `is_wanted` says whether anybody still has the
    client."""

    def __init__(self, endpoints: Sequence[str], name: Optional[str], is_wanted: Callable[[], bool]) -> None:
        self.pid = os.getpid()
        self._is_wanted = is_wanted
        self.core = Core(endpoints, name, self._count_freed)
        self.inbox: Deque[Callable[[Core], None]] = deque()
        # No Condition: its methods are Python, and Ctrl-C inside them would leave it locked for ever.
        self._room_lock = threading.Lock()
        self._waiting: "Deque[queue.SimpleQueue[None]]" = deque()  # callers that wait for room
        self.jobs = self.bytes = 0  # submitted and unanswered
        self.left = 0  # those that were unanswered when the session was closed
        self._freed_jobs = self._freed_bytes = 0
        self._has_ended = False
        self._late_lock = threading.RLock()  # a callback may come back here
        self.callbacks = Callbacks()
        self._is_signalled = False
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        self.is_stopping = False  # end when every job has its outcome
        self.stop_by: Optional[float] = None  # end when every job is answered, at the latest then
        self.thread = threading.Thread(target=self._run, name="zebu-session", daemon=True)
        self.has_begun = False

    def begin(self) -> None:
        """Starts the thread. May be called again, as after Ctrl-C in the middle of it."""
        if self.thread.ident is None and not self.thread.is_alive():
            self.thread.start()
        self.has_begun = True

    def tell(self, what: Callable[[Core], None]) -> None:
        self.inbox.append(what)
        if self._has_ended:
            self._refuse_late()
        else:
            self.wake()

    def wake(self) -> None:
        if not self._is_signalled:
            self._is_signalled = True
            try:
                self._wake_writer.send(b"!")
            except (BlockingIOError, OSError):
                pass  # it is awake, or has ended

    def relay(self, fn: Callable[[Any], Any], future: Any) -> None:
        """Runs a future's callback: never in the session's thread."""
        if threading.get_ident() == self.thread.ident:
            self.callbacks.run(fn, future)
        else:
            fn(future)

    def take_room(self, job: Job, limits: Limits) -> None:
        """Waits for it, or raises ClientFull, as the limits say. Ctrl-C may come at any point of this."""
        if self._got_room(job, limits):
            return
        if limits.when_full == "fail":
            raise ClientFull(f"{self.jobs:,} submissions with {self.bytes:,} bytes are unanswered, and the limits are "
                             f"{limits.max_jobs:,} and {limits.max_bytes:,}: {self.core.why_down}")
        patience = limits.full_timeout
        until = None if patience is None else time.monotonic() + patience
        while self.thread.is_alive():
            waiter: "queue.SimpleQueue[None]" = queue.SimpleQueue()
            self._waiting.append(waiter)
            if self._got_room(job, limits):
                return
            left = 1.0 if until is None else until - time.monotonic()
            if left <= 0:
                raise ClientFull(f"{self.jobs:,} submissions are still unanswered after {patience} s: "
                                 f"{self.core.why_down}")
            try:
                waiter.get(timeout=min(left, 1.0))
            except queue.Empty:
                with contextlib.suppress(ValueError):  # it was just taken out
                    self._waiting.remove(waiter)
        raise ClosedError("the client was closed")

    def _got_room(self, job: Job, limits: Limits) -> bool:
        with self._room_lock:
            if self.jobs >= limits.max_jobs or (self.jobs > 0 and self.bytes >= limits.max_bytes):
                return False
            self.jobs += 1
            self.bytes += job.size
            job.has_room = True
            return True

    def give_back(self, job: Job) -> None:
        """The room of a job that its caller was kept from submitting."""
        with self._room_lock:
            if job.has_room:
                self.jobs -= 1
                self.bytes -= job.size

    def _count_freed(self, size: int) -> None:
        self._freed_jobs += 1
        self._freed_bytes += size

    def _give_room(self) -> None:
        if self._freed_jobs:
            with self._room_lock:
                self.jobs -= self._freed_jobs
                self.bytes -= self._freed_bytes
                self._freed_jobs = self._freed_bytes = 0
            while self._waiting:
                self._waiting.popleft().put(None)

    def _run(self) -> None:
        try:
            while not self._round():
                pass
            self.left = self.core.unaccepted()
            self.core.link.close()
            self.core.fail_all(ClosedError("the client was closed"))
        except BaseException as error:  # a bug here must not leave callers waiting for ever
            log.exception("the session's thread ended")
            self.core.refused = None
            self.core.fail_all(ZebuError(f"the session's thread ended: {error!r}"))
        finally:
            self._has_ended = True
            self._refuse_late()
            self._give_room()
            self.callbacks.stop()
            self._wake_reader.close()
            self._wake_writer.close()

    def _refuse_late(self) -> None:
        """What came when the thread had ended, or was about to. In the thread or, behind it, in a caller's."""
        with self._late_lock:
            while self.inbox:
                self.core.refused = None
                self.inbox.popleft()(self.core)
                self.core.fail_all(ClosedError("the client was closed"))

    def _round(self) -> bool:
        """One turn of the loop; True when it is over."""
        core, link, now = self.core, self.core.link, time.monotonic()
        for _ in range(min(len(self.inbox), 1000)):
            self.inbox.popleft()(core)
        core.pump(now)
        deadline = link.advance(now)
        core.pump(now)
        self._give_room()
        if self._is_over(now):
            return True
        wait = 0.0 if self.inbox else max(0.0, min(deadline - now, 1.0))
        wake = self._wake_reader.fileno()  # by its number, as which select answers
        readable, _, _ = zmq.select([wake, *([link.socket] if link.socket else [])], [], [], wait)
        if wake in readable:
            try:
                self._wake_reader.recv(64)
            except BlockingIOError:
                pass
        self._is_signalled = False  # also of a caller whom Ctrl-C kept from writing the byte
        if link.socket is not None:
            link.read(time.monotonic())
        return False

    def _is_over(self, now: float) -> bool:
        if not self._is_wanted() and self.stop_by is None:  # nobody has the client any more
            self.is_stopping = True
        if self.inbox:
            return False
        if self.stop_by is not None:
            is_said = self.core.unaccepted() == 0 and (self.core.link.flow is None or self.core.link.flow.is_idle())
            return is_said or now >= self.stop_by or self.core.refused is not None
        return self.is_stopping and self.core.pending() == 0
