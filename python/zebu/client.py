"""The client for threads. It is a concurrent.futures.Executor, so that as_completed, wait and run_in_executor work."""

from __future__ import annotations

import atexit
import concurrent.futures
import itertools
import logging
import os
import threading
import time
import weakref
from collections import deque
from typing import (TYPE_CHECKING, Any, Callable, Deque, Dict, Iterable, Iterator, List, Literal, Mapping, Optional,
                    Sequence, TypeVar, Union, overload)

from . import values, wire
from .calls import call_of
from .core import Core, Job, Request, Sink
from .errors import ClosedError, Disconnected, ZebuError
from .futures import AsyncFuture, Future
from .link import endpoints_of
from .session import Session

if TYPE_CHECKING:
    from typing import ParamSpec

    from .app import Bound, Task
    from .signature import Signature

    P = ParamSpec("P")
    R = TypeVar("R")

log = logging.getLogger("zebu")
DEFAULT_BROKER = "tcp://127.0.0.1:5555"


def broker_of(broker: Union[str, Sequence[str], None]) -> List[str]:
    return endpoints_of(broker or os.environ.get("ZEBU_BROKER"), DEFAULT_BROKER)


class Client(concurrent.futures.Executor):
    """A session with the broker, of this process. Made at import or before a fork it is harmless: it connects at its
    first use, and a forked child gets a session of its own.

    broker: one endpoint, several behind commas, or a list, tried in turn; default: $ZEBU_BROKER, or the local one.
    max_jobs, max_bytes: what may be submitted and unanswered, as while the broker is away.
    when_full: beyond that, submit waits ("wait"; for full_timeout seconds, if set) or raises ClientFull ("fail").
    serializer: for tasks that are called by name; a Task has its App's.
    """

    def __init__(self, broker: Union[str, Sequence[str], None] = None, *, name: Optional[str] = None,
                 max_jobs: int = 100_000, max_bytes: int = 64 << 20, when_full: Literal["wait", "fail"] = "wait",
                 full_timeout: Optional[float] = None, serializer: Optional[values.Serializer] = None) -> None:
        self._endpoints = broker_of(broker)
        self._name = name
        if when_full not in ("wait", "fail"):
            raise ValueError(f'when_full is "wait" or "fail", not {when_full!r}')
        self.max_jobs, self.max_bytes, self.when_full, self.full_timeout = max_jobs, max_bytes, when_full, full_timeout
        self._serializer = serializer
        self._session: Optional[Session] = None
        self._lock = threading.Lock()
        self._is_closed = False
        _clients.add(self)

    # ── jobs ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    if TYPE_CHECKING:
        @overload  # type: ignore[override]
        def submit(self, task: Task[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]: ...
        @overload
        def submit(self, task: Bound[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]: ...
        @overload
        def submit(self, task: Signature[R], /, *args: Any, **kwargs: Any) -> Future[R]: ...
        @overload
        def submit(self, task: str, /, *args: Any, **kwargs: Any) -> Future[Any]: ...

    def submit(self, task: Any, /, *args: Any, **kwargs: Any) -> Any:
        """A job of a task, or of any task by its name. Raises CannotTravel for arguments that msgpack cannot carry."""
        return self.send(task, args, kwargs)

    def send(self, task: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] = {}, **options: Any) -> Future[Any]:
        """submit, with options: client.send("mail.send", ["a@b.org"], priority=9, delay=60)."""
        call = call_of(task, tuple(args), kwargs, options, self._serializer)
        session = self._open()
        future: Future[Any] = Future(call.id, call.convert, self._cancel_quietly, session.relay)
        sink: Sink = future
        if not call.wait:
            sink = IgnoredResult(future)
        job = Job(call.id, call.entry, call.wait, call.size, sink)
        try:
            session.take_room(job, self)
            session.tell(lambda core: core.submit(job))
        except BaseException:  # the client is full, or Ctrl-C
            session.give_back(job)
            raise
        return future

    def map(self, task: Any, *iterables: Iterable[Any], timeout: Optional[float] = None, chunksize: int = 1,
            window: int = 10_000, ordered: bool = True, return_exceptions: bool = False) -> Iterator[Any]:
        """The results, of iterables of any length: at most `window` jobs are under way. ordered: as submitted, else as
        they come. `chunksize` is there for concurrent.futures, and ignored: messages are batched anyway."""
        if window < 1:
            raise ValueError("window is at least 1")
        calls = zip(*iterables)
        until = None if timeout is None else time.monotonic() + timeout
        first = deque(self.send(task, args) for args in itertools.islice(calls, window))
        results = self._in_order if ordered else self._as_they_come
        return results(task, calls, first, until, return_exceptions)

    def _in_order(self, task: Any, calls: Iterator[Any], under_way: Deque[Future[Any]], until: Optional[float],
                  return_exceptions: bool) -> Iterator[Any]:
        try:
            while under_way:
                future = under_way.popleft()
                try:
                    yield _outcome(future, until, return_exceptions)
                except BaseException:
                    future.cancel()
                    raise
                under_way.extend(self.send(task, args) for args in itertools.islice(calls, 1))
        finally:
            for future in under_way:
                future.cancel()

    def _as_they_come(self, task: Any, calls: Iterator[Any], first: Deque[Future[Any]], until: Optional[float],
                      return_exceptions: bool) -> Iterator[Any]:
        under_way = set(first)
        try:
            while under_way:
                left = None if until is None else max(0.0, until - time.monotonic())
                done, _ = concurrent.futures.wait(under_way, left, concurrent.futures.FIRST_COMPLETED)
                if not done:
                    raise TimeoutError(f"{len(under_way)} jobs are unfinished")
                for future in [each for each in under_way if each in done]:
                    under_way.discard(future)
                    under_way.update(self.send(task, args) for args in itertools.islice(calls, 1))
                    yield _outcome(future, None, return_exceptions)
        finally:
            for future in under_way:
                future.cancel()

    def future(self, id: str) -> Future[Any]:
        """That of a job that somebody submitted, here or elsewhere."""
        raw = wire.id_bytes(id)
        session = self._open()
        future: Future[Any] = Future(raw, None, self._cancel_quietly, session.relay)
        future.on_accepted()
        job = Job(raw, None, True, 0, future)
        session.tell(lambda core: core.wait(job))
        return future

    def cancel(self, id: str, timeout: Optional[float] = 10.0) -> str:
        """Cancels a job, and returns its state: cancelled, running (its consumer was told), or how it had ended."""
        raw = wire.id_bytes(id)
        return str(self._answer(lambda core, reply: core.cancel(raw, reply), timeout))

    def _cancel_quietly(self, id: bytes) -> None:
        session = self._session
        if session is not None and not self._is_closed or session is not None and session.thread.is_alive():
            session.tell(lambda core: core.cancel(id))

    # ── questions and commands ───────────────────────────────────────────────────────────────────────────────────────

    def query(self, what: str, *, timeout: Optional[float] = 10.0, **params: Any) -> Any:
        """QUERY of docs/protocol.md: jobs, list, queues, consumers, broker."""
        return self._request(wire.QUERY, what, params, timeout)

    def command(self, what: str, *, timeout: Optional[float] = 60.0, **params: Any) -> Any:
        """COMMAND of docs/protocol.md: pause, resume, purge, retry, drain."""
        return self._request(wire.COMMAND, what, params, timeout)

    def status(self, id: str, timeout: Optional[float] = 10.0) -> Optional[Dict[str, Any]]:
        """All that the broker says of a job; None if it does not have it."""
        found = self.query("jobs", ids=[wire.id_bytes(id)], timeout=timeout)
        return found[0] if found else None

    def _request(self, kind: int, what: str, params: Dict[str, Any], timeout: Optional[float]) -> Any:
        asked: List[Request] = []

        def ask(core: Core, reply: Callable[[Any], None]) -> None:
            asked.append(Request(kind, what, params, reply))
            core.ask(asked[0])

        def drop(core: Core) -> None:
            if asked:
                core.drop(asked[0])

        return self._answer(ask, timeout, drop)

    def _answer(self, ask: Callable[[Core, Callable[[Any], None]], None], timeout: Optional[float],
                drop: Optional[Callable[[Core], None]] = None) -> Any:
        session = self._open()
        answer: concurrent.futures.Future[Any] = concurrent.futures.Future()

        def reply(value: Any) -> None:
            if answer.done():
                return
            if isinstance(value, Exception):
                answer.set_exception(value)
            else:
                answer.set_result(value)

        session.tell(lambda core: ask(core, reply))
        try:
            return answer.result(timeout)
        except concurrent.futures.TimeoutError:
            if drop is not None:
                session.tell(drop)
            raise Disconnected(f"no answer within {timeout} s: {session.core.why_down}") from None

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _open(self) -> Session:
        session = self._session
        if session is not None and session.has_begun and session.pid == os.getpid() and not self._is_closed:
            if session.core.refused is not None:
                raise session.core.refused
            return session
        with self._lock:
            if self._is_closed:
                raise ClosedError("cannot submit jobs after shutdown: the client is closed")
            if self._session is None:
                this = weakref.ref(self)
                self._session = Session(self._endpoints, self._name, lambda: this() is not None)
            self._session.begin()
            return self._session

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As of any Executor: takes no more jobs; with `wait` returns when all have their outcome."""
        with self._lock:
            self._is_closed = True
            session = self._session
        if session is None:
            return
        if cancel_futures:
            session.tell(_cancel_all)
        session.is_stopping = True
        session.wake()
        if wait:
            while session.thread.is_alive():
                session.thread.join(1.0)  # in pieces, so that Ctrl-C is heard

    def close(self, timeout: float = 5.0) -> bool:
        """Waits until the broker has answered every submission, but for no outcome, and ends the session. Returns
        False if some were unanswered after that time."""
        with self._lock:
            self._is_closed = True
            session = self._session
        if session is None or session.pid != os.getpid() or not session.thread.is_alive():
            return True
        session.stop_by = time.monotonic() + timeout
        session.wake()
        while session.thread.is_alive() and time.monotonic() < session.stop_by + 2.0:
            session.thread.join(1.0)
        return session.left == 0 and not session.thread.is_alive()

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> Literal[False]:
        """After an exception the jobs go on, and are not waited for."""
        if exc_type is None:
            self.shutdown(wait=True)
        else:
            self.close()
        return False

    def _forget_parent(self) -> None:
        self._lock = threading.Lock()
        session, self._session = self._session, None
        if session is not None:
            session.core.link.abandon()
            _of_parents.append(session)


class IgnoredResult:
    """The sink of a job whose outcome nobody wants: its future ends when the job is accepted."""

    def __init__(self, future: Union[Future[Any], AsyncFuture]) -> None:
        self._future = future
        self.on_attached, self.on_failed = future.on_attached, future.on_failed
        self.on_settled, self.on_progress = future.on_settled, future.on_progress

    def on_accepted(self) -> None:
        self._future.on_accepted()
        self._future.on_ignored()


def _outcome(future: Future[Any], until: Optional[float], return_exceptions: bool) -> Any:
    try:
        return future.result(None if until is None else max(0.0, until - time.monotonic()))
    except (ZebuError, concurrent.futures.CancelledError) as error:
        if not return_exceptions:
            raise
        return error


def _cancel_all(core: Core) -> None:
    for id in core.own_ids():
        core.cancel(id)


_clients: "weakref.WeakSet[Client]" = weakref.WeakSet()
_of_parents: List[Session] = []  # kept, so that their sockets are not closed from a child


def _after_fork() -> None:
    for client in list(_clients):
        client._forget_parent()


def _at_exit() -> None:
    for client in list(_clients):
        if not client.close():
            log.warning("the broker has not answered all submissions; those jobs may be lost")


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
