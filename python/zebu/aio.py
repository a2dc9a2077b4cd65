"""The client for asyncio. It lives in the loop of its user: a loop that is blocked for longer than the liveness loses
its session and gets it back, with every job."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import (TYPE_CHECKING, Any, AsyncIterable, AsyncIterator, Deque, Dict, Iterable, List, Mapping,
                    Optional, Sequence, Set, Union, overload)

import zmq

from . import values, wire
from .calls import call_of
from .client import IgnoredResult, broker_of
from .core import Core, Job, Request, Sink
from .errors import ClientFull, ClosedError, Disconnected, ForkError, ZebuError
from .futures import AsyncFuture

if TYPE_CHECKING:
    from .app import Bound, P, R, Task
    from .signature import Signature


class AsyncClient:
    """``async with AsyncClient() as client: await client.submit(task, 1)``. Parameters as of Client; beyond the limits
    submit raises ClientFull, and ``await client.put(...)`` waits for room."""

    def __init__(self, broker: Union[str, Sequence[str], None] = None, *, name: Optional[str] = None,
                 max_jobs: int = 100_000, max_bytes: int = 64 << 20,
                 serializer: Optional[values.Serializer] = None) -> None:
        self._endpoints, self._name, self._serializer = broker_of(broker), name, serializer
        self.max_jobs, self.max_bytes = max_jobs, max_bytes
        self._core: Optional[Core] = None
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._pid = 0
        self._jobs = self._bytes = 0
        self._room: Deque[asyncio.Future[None]] = deque()
        self._watched: Optional[zmq.Socket[bytes]] = None
        self._watched_fd = -1
        self._timer: Optional[asyncio.TimerHandle] = None
        self._is_scheduled = self._is_closed = False

    async def __aenter__(self) -> "AsyncClient":
        self._open()
        return self

    async def __aexit__(self, kind: Any, *rest: Any) -> None:
        await self.close()

    # ── jobs ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    if TYPE_CHECKING:
        @overload
        def submit(self, task: Task[P, R], /, *args: P.args, **kwargs: P.kwargs) -> "asyncio.Future[R]": ...
        @overload
        def submit(self, task: Bound[P, R], /, *args: P.args, **kwargs: P.kwargs) -> "asyncio.Future[R]": ...
        @overload
        def submit(self, task: Signature[R], /, *args: Any, **kwargs: Any) -> "asyncio.Future[R]": ...
        @overload
        def submit(self, task: str, /, *args: Any, **kwargs: Any) -> AsyncFuture: ...

    def submit(self, task: Any, /, *args: Any, **kwargs: Any) -> Any:
        """A job of a task, or of any task by its name: an AsyncFuture to await."""
        return self.send(task, args, kwargs)

    def send(self, task: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] = {}, **options: Any) -> AsyncFuture:
        """submit, with options."""
        core = self._open()
        call = call_of(task, tuple(args), kwargs, options, self._serializer)
        if self._is_full():
            raise ClientFull(f"{self._jobs:,} submissions with {self._bytes:,} bytes are unanswered: {core.why_down}")
        assert self._loop is not None
        future = AsyncFuture(call.id, call.convert, self._cancel_quietly, self._loop)
        self._jobs += 1
        self._bytes += call.size
        sink: Sink = future
        if not call.wait:
            sink = IgnoredResult(future)
        core.submit(Job(call.id, call.entry, call.wait, call.size, sink))
        self._schedule()
        return future

    async def put(self, task: Any, /, *args: Any, **kwargs: Any) -> AsyncFuture:
        """submit, as soon as there is room. Returns the future; its outcome is awaited apart."""
        await self.wait_for_room()
        return self.send(task, args, kwargs)

    async def wait_for_room(self) -> None:
        self._open()
        while self._is_full():
            assert self._loop is not None
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._room.append(waiter)
            await waiter

    async def map(self, task: Any, *iterables: Union[Iterable[Any], AsyncIterable[Any]], window: int = 10_000,
                  ordered: bool = True, return_exceptions: bool = False) -> AsyncIterator[Any]:
        """The results, of iterables (async ones too) of any length: at most `window` jobs are under way."""
        calls = _zip(iterables)
        under_way: Deque[AsyncFuture] = deque()
        pending: Set[AsyncFuture] = set()
        is_over, drawn = False, 0
        try:
            while True:
                while not is_over and len(under_way) + len(pending) < window:
                    args = await anext(calls, None)
                    if args is None:
                        is_over = True
                        break
                    future = await self.put(task, *args)
                    drawn += 1
                    if drawn % 100 == 0:
                        await asyncio.sleep(0)  # the loop has to beat
                    if ordered:
                        under_way.append(future)
                    else:
                        pending.add(future)
                if ordered and under_way:
                    done = [under_way.popleft()]
                elif pending:
                    finished, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                    pending -= finished
                    done = list(finished)
                else:
                    return
                for future in done:
                    try:
                        result = await future
                    except ZebuError as error:
                        if not return_exceptions:
                            raise
                        result = error
                    yield result
        finally:
            for future in [*under_way, *pending]:
                future.cancel()

    def future(self, id: str) -> AsyncFuture:
        """That of a job that somebody submitted, here or elsewhere."""
        core, raw = self._open(), wire.id_bytes(id)
        assert self._loop is not None
        future = AsyncFuture(raw, None, self._cancel_quietly, self._loop)
        future.on_accepted()
        core.wait(Job(raw, None, True, 0, future))
        self._schedule()
        return future

    async def cancel(self, id: str, timeout: Optional[float] = 10.0) -> str:
        """Cancels a job, and returns its state: cancelled, running (its consumer was told), or how it had ended."""
        core, raw = self._open(), wire.id_bytes(id)
        answer = self._answer()
        core.cancel(raw, answer.settle)
        return str(await self._within(answer, timeout))

    def _cancel_quietly(self, id: bytes) -> None:
        if self._core is not None and not self._is_closed:
            self._core.cancel(id)
            self._schedule()

    # ── questions and commands ───────────────────────────────────────────────────────────────────────────────────────

    async def query(self, what: str, *, timeout: Optional[float] = 10.0, **params: Any) -> Any:
        return await self._request(wire.QUERY, what, params, timeout)

    async def command(self, what: str, *, timeout: Optional[float] = 60.0, **params: Any) -> Any:
        return await self._request(wire.COMMAND, what, params, timeout)

    async def status(self, id: str, timeout: Optional[float] = 10.0) -> Optional[Dict[str, Any]]:
        """All that the broker says of a job; None if it does not have it."""
        found = await self.query("jobs", ids=[wire.id_bytes(id)], timeout=timeout)
        return found[0] if found else None

    async def _request(self, kind: int, what: str, params: Dict[str, Any], timeout: Optional[float]) -> Any:
        core, answer = self._open(), self._answer()
        request = Request(kind, what, params, answer.settle)
        core.ask(request)
        try:
            return await self._within(answer, timeout)
        finally:
            core.drop(request)

    def _answer(self) -> "_Answer":
        assert self._loop is not None
        return _Answer(self._loop.create_future())

    async def _within(self, answer: "_Answer", timeout: Optional[float]) -> Any:
        self._schedule()
        try:
            return await asyncio.wait_for(answer.future, timeout)
        except asyncio.TimeoutError:
            why = self._core.why_down if self._core is not None else ""
            raise Disconnected(f"no answer within {timeout} s: {why}") from None

    # ── the loop ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _is_full(self) -> bool:
        return self._jobs >= self.max_jobs or (self._jobs > 0 and self._bytes >= self.max_bytes)

    def _open(self) -> Core:
        if self._is_closed:
            raise ClosedError("the client is closed")
        if self._core is None:
            self._loop, self._pid = asyncio.get_running_loop(), os.getpid()
            self._core = Core(self._endpoints, self._name, self._freed)
            self._schedule()
        if self._pid != os.getpid():
            raise ForkError("this AsyncClient belongs to the parent process: make one in the child")
        if self._core.refused is not None:
            raise self._core.refused
        return self._core

    def _freed(self, size: int) -> None:
        self._jobs -= 1
        self._bytes -= size
        while self._room and not self._is_full():
            waiter = self._room.popleft()
            if not waiter.done():
                waiter.set_result(None)
                break

    def _schedule(self) -> None:
        if not self._is_scheduled and self._loop is not None:
            self._is_scheduled = True
            self._loop.call_soon(self._round)

    def _round(self) -> None:
        self._is_scheduled = False
        core, loop = self._core, self._loop
        if core is None or loop is None or core.link.is_over:
            self._watch(None)
            return
        has_more = core.link.read(loop.time())
        now = loop.time()
        core.pump(now)
        deadline = core.link.advance(now)
        core.pump(now)
        self._watch(core.link.socket)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(deadline, self._round)
        # The descriptor tells of changes only, so what is there already must be asked for after each send and receive.
        if has_more or (core.link.socket is not None and core.link.socket.poll(0)):
            self._schedule()

    def _watch(self, socket: Optional["zmq.Socket[bytes]"]) -> None:
        if socket is self._watched or self._loop is None:
            return
        if self._watched_fd >= 0:
            self._loop.remove_reader(self._watched_fd)
            self._watched_fd = -1
        self._watched = socket
        if socket is not None:
            self._watched_fd = int(socket.getsockopt(zmq.FD))
            self._loop.add_reader(self._watched_fd, self._round)

    async def close(self, timeout: float = 5.0) -> bool:
        """Waits until the broker has answered every submission, but for no outcome, and ends the session. Returns
        False if some were unanswered after that time."""
        if self._is_closed or self._core is None or self._loop is None:
            self._is_closed = True
            return True
        core, until = self._core, self._loop.time() + timeout
        while core.refused is None and self._loop.time() < until:
            is_said = core.link.flow is None or core.link.flow.is_idle()
            if core.unaccepted() == 0 and is_said:
                break
            self._schedule()
            await asyncio.sleep(0.005)
        self._is_closed = True
        is_done = core.unaccepted() == 0
        self._watch(None)
        if self._timer is not None:
            self._timer.cancel()
        core.link.close()
        core.fail_all(ClosedError("the client was closed"))
        for waiter in self._room:
            if not waiter.done():
                waiter.set_exception(ClosedError("the client was closed"))
        return is_done


class _Answer:
    def __init__(self, future: "asyncio.Future[Any]") -> None:
        self.future = future

    def settle(self, value: Any) -> None:
        if self.future.done():
            return
        if isinstance(value, Exception):
            self.future.set_exception(value)
        else:
            self.future.set_result(value)


async def _zip(iterables: Sequence[Union[Iterable[Any], AsyncIterable[Any]]]) -> AsyncIterator[List[Any]]:
    iterators: List[Any] = [aiter(each) if isinstance(each, AsyncIterable) else iter(each) for each in iterables]
    while iterators:
        row: List[Any] = []
        for iterator in iterators:
            try:
                row.append(await anext(iterator) if isinstance(iterator, AsyncIterator) else next(iterator))
            except (StopIteration, StopAsyncIteration):
                return
        yield row
