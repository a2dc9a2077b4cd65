"""Futures of jobs: one for threads, which is a concurrent.futures.Future, and one for asyncio, which is an
asyncio.Future. Both are sinks of zebu.core. A result is decoded in the thread that asks for it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import os
import queue
import threading
from typing import Any, AsyncIterator, Callable, Iterator, List, NamedTuple, Optional, TypeVar

from . import wire
from .errors import ForkError, JobExpired, JobFailed, ZebuError
from .values import Converter, decode

T = TypeVar("T")
MOST_OUTPUT = 64 << 10  # characters of output that a future keeps


class Progress(NamedTuple):
    """`done` is from 0 to 1 or None: unknown. `output` is the newest 64 KiB."""

    done: Optional[float] = None
    note: str = ""
    output: str = ""


class Story:
    """What is known of a job: kept by the loop, read by others."""

    __slots__ = ("job_id", "state", "attempt", "progress", "run_us", "_number", "_end")

    def __init__(self, job_id: bytes) -> None:
        self.job_id, self.state, self.attempt, self.run_us = job_id, "submitted", 0, 0
        self.progress = Progress()
        self._number = self._end = 0

    def add(self, entry: List[Any]) -> str:
        """An entry of PROGRESS. Returns the output that is new."""
        attempt, done, note, output = entry[1:5]
        offset, number = wire.optional(entry, 5, 0), wire.optional(entry, 6, 0)
        if attempt < self.attempt:
            return ""
        old = self.progress
        if attempt > self.attempt:
            self.attempt, self._number, self._end, old = attempt, 0, 0, Progress()
        self.state = "running"
        size = len(output.encode())
        if size and offset < self._end:  # a repeat, in part
            output = output.encode()[self._end - offset:].decode("utf-8", "replace")
        self._end = max(self._end, offset + size)
        if number and number <= self._number:
            done, note = old.done, ""
        self._number = max(self._number, number)
        self.progress = Progress(done, note or old.note, (old.output + output)[-MOST_OUTPUT:])
        return str(output)

    def end(self, attempt: int, state: str, run_us: int) -> None:
        self.attempt, self.state, self.run_us = attempt, state, run_us


def read_result(data: bytes, convert: Optional[Converter], job_id: bytes) -> Any:
    try:
        value = decode(data)
        return value if convert is None else convert(value)
    except Exception as error:
        raise ZebuError(f"the result of job {wire.id_text(job_id)} cannot be read: {error}") from error


def error_of(job_id: bytes, attempt: int, state: str, value: Any) -> ZebuError:
    text = wire.id_text(job_id)
    if state == "failed":
        return JobFailed.of(value, text, attempt)
    return JobExpired(f"job {text} expired: its time passed before it started")


class _Raw:
    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class _Condition(threading.Condition):
    """``with`` takes the lock itself: Ctrl-C inside threading.Condition.__enter__, which is Python, would leave it
    locked for ever, and the session's thread with it."""

    __slots__ = ("__enter__", "__exit__")

    def __init__(self) -> None:
        super().__init__()
        self.__enter__ = self._lock.__enter__  # type: ignore[attr-defined,assignment]
        self.__exit__ = self._lock.__exit__  # type: ignore[attr-defined,assignment]


def _was_interrupted(error: RuntimeError) -> bool:
    """Ctrl-C at the moment at which Condition.wait has released its lock comes out as another exception."""
    return type(error) is RuntimeError and isinstance(error.__context__, KeyboardInterrupt)


class Future(concurrent.futures.Future[T]):
    """A job, seen from the program that submitted it.

    `cancel` asks the broker, and returns False only if the job has ended already; the future is `cancelled()` when the
    broker says that the job is. Callbacks run in a thread of their own, never in the one that beats.
    """

    def __init__(self, job_id: bytes, convert: Optional[Converter] = None,
                 canceller: Optional[Callable[[bytes], None]] = None,
                 relay: Optional[Callable[[Callable[[Any], Any], Any], None]] = None) -> None:
        super().__init__()
        self._condition = _Condition()
        self._story = Story(job_id)
        self._convert, self._canceller, self._relay = convert, canceller, relay
        self._pid = os.getpid()
        self._listeners: List["queue.SimpleQueue[Optional[str]]"] = []

    @property
    def id(self) -> str:
        """Of the job. It may change once: a job with a unique key may turn out to be another one's."""
        return wire.id_text(self._story.job_id)

    @property
    def state(self) -> str:
        """submitted, accepted, running (once it reports progress), succeeded, failed, cancelled, expired, refused."""
        return self._story.state

    @property
    def attempt(self) -> int:
        """The newest attempt that is known; 0: none has started."""
        return self._story.attempt

    @property
    def progress(self) -> Progress:
        return self._story.progress

    @property
    def run_time(self) -> float:
        """Seconds that the last attempt ran."""
        return self._story.run_us / 1e6

    def result(self, timeout: Optional[float] = None) -> T:
        self._check_process()
        try:
            value: Any = super().result(timeout)
        except RuntimeError as error:
            if _was_interrupted(error):
                raise KeyboardInterrupt from None
            raise
        if type(value) is _Raw:
            value = read_result(value.data, self._convert, self._story.job_id)
        return value  # type: ignore[no-any-return]

    def exception(self, timeout: Optional[float] = None) -> Optional[BaseException]:
        self._check_process()
        try:
            return super().exception(timeout)
        except RuntimeError as error:
            if _was_interrupted(error):
                raise KeyboardInterrupt from None
            raise

    def cancel(self) -> bool:
        self._check_process()
        if self.done():
            return self.cancelled()
        if self._canceller is not None:
            self._canceller(self._story.job_id)
        return True

    def running(self) -> bool:
        return self._story.state == "running"

    def add_done_callback(self, fn: Callable[[Any], Any]) -> None:
        if self._relay is None:
            super().add_done_callback(fn)
        else:
            super().add_done_callback(functools.partial(self._relay, fn))

    def stream(self, timeout: Optional[float] = None) -> Iterator[str]:
        """The output of the job, piece by piece as it comes, until it ends. Raises TimeoutError when nothing has come
        for `timeout` seconds."""
        self._check_process()
        pieces: "queue.SimpleQueue[Optional[str]]" = queue.SimpleQueue()
        self._listeners.append(pieces)
        if self._story.progress.output:
            yield self._story.progress.output
        super().add_done_callback(lambda future: pieces.put(None))
        while True:
            try:
                piece = pieces.get(timeout=timeout)
            except queue.Empty:
                raise TimeoutError(f"no output of job {self.id} for {timeout} s") from None
            if piece is None:
                return
            yield piece

    def _check_process(self) -> None:
        if self._pid != os.getpid() and not self.done():
            raise ForkError("this future belongs to the parent process; a forked child has only those that it submits")

    # What the loop says.

    def on_accepted(self) -> None:
        if self._story.state == "submitted":
            self._story.state = "accepted"

    def on_ignored(self) -> None:
        """Accepted, and nobody wants the outcome."""
        self.set_result(None)  # type: ignore[arg-type]

    def on_attached(self, to: bytes) -> None:
        self._story.job_id = to
        self._story.state = "accepted"

    def on_progress(self, entry: List[Any]) -> None:
        piece = self._story.add(entry)
        if piece:
            for listener in self._listeners:
                listener.put(piece)

    def on_settled(self, attempt: int, state: str, value: Any, run_us: int) -> None:
        self._story.end(attempt, state, run_us)
        if state == "succeeded":
            self.set_result(_Raw(value))  # type: ignore[arg-type]
        elif state == "cancelled":
            concurrent.futures.Future.cancel(self)
            self.set_running_or_notify_cancel()
        else:
            self.set_exception(error_of(self._story.job_id, attempt, state, value))

    def on_failed(self, error: ZebuError) -> None:
        if not self.done():
            self._story.state = "refused"
            self.set_exception(error)


class AsyncFuture(asyncio.Future):  # type: ignore[type-arg]
    """The same for asyncio: ``await`` it. As with any asyncio future, `cancel` ends the wait at once; the broker is
    asked to cancel the job. ``await client.cancel(future.id)`` tells what became of it."""

    def __init__(self, job_id: bytes, convert: Optional[Converter], canceller: Callable[[bytes], None],
                 loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._story = Story(job_id)
        self._convert, self._canceller = convert, canceller
        self._news: List["asyncio.Queue[Optional[str]]"] = []

    id = Future.id
    state = Future.state
    attempt = Future.attempt
    progress = Future.progress
    run_time = Future.run_time

    def cancel(self, msg: Optional[Any] = None) -> bool:
        if self.done():
            return False
        self._canceller(self._story.job_id)
        return super().cancel(msg)

    async def stream(self) -> AsyncIterator[str]:
        """The output of the job, piece by piece as it comes, until it ends."""
        pieces: "asyncio.Queue[Optional[str]]" = asyncio.Queue()
        self._news.append(pieces)
        if self._story.progress.output:
            yield self._story.progress.output
        self.add_done_callback(lambda future: pieces.put_nowait(None))
        while (piece := await pieces.get()) is not None:
            yield piece

    def on_accepted(self) -> None:
        if self._story.state == "submitted":
            self._story.state = "accepted"

    def on_ignored(self) -> None:
        if not self.done():
            self.set_result(None)

    def on_attached(self, to: bytes) -> None:
        self._story.job_id, self._story.state = to, "accepted"

    def on_progress(self, entry: List[Any]) -> None:
        piece = self._story.add(entry)
        if piece:
            for listener in self._news:
                listener.put_nowait(piece)

    def on_settled(self, attempt: int, state: str, value: Any, run_us: int) -> None:
        self._story.end(attempt, state, run_us)
        if self.done():
            return
        if state == "succeeded":
            try:
                self.set_result(read_result(value, self._convert, self._story.job_id))
            except ZebuError as error:
                self.set_exception(error)
        elif state == "cancelled":
            super().cancel()
        else:
            self.set_exception(error_of(self._story.job_id, attempt, state, value))

    def on_failed(self, error: ZebuError) -> None:
        if not self.done():
            self._story.state = "refused"
            self.set_exception(error)


class Callbacks:
    """A thread that runs the callbacks of futures, so that the session's thread runs no user code."""

    def __init__(self) -> None:
        self._queue: "queue.SimpleQueue[Any]" = queue.SimpleQueue()
        self._thread: Optional[threading.Thread] = None

    def run(self, fn: Callable[[Any], Any], future: Any) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="zebu-callbacks", daemon=True)
            self._thread.start()
        self._queue.put((fn, future))

    def stop(self) -> None:
        if self._thread is not None:
            self._queue.put(None)

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            fn, future = item
            try:
                fn(future)
            except Exception:
                concurrent.futures._base.LOGGER.exception("exception calling callback for %r", future)
            del item, fn, future
