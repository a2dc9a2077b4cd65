"""A process that runs user code: one job at a time, or `width` of them in threads or in an event loop. It knows nothing
of the broker. Signals interrupt the main thread of a slot that runs one job at a time; the shared page says which job a
signal was meant for, so that one which comes late does not hit the next."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import random
import signal
import socket
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, List, Optional, Set

from .. import wire
from ..app import App
from ..context import Context
from ..run import State, execute, execute_async, failure, too_large
from . import channel
from .channel import Frames, Page, Tokens

REPORT_EVERY = 0.1  # seconds between two reports of one job
_PAGE = os.sysconf("SC_PAGE_SIZE")


def slot_main(app: App, pool: str, width: int, connection_fd: int, page_fd: int,
              tokens_fd: int) -> None:
    connection, page = socket.socket(fileno=connection_fd), Page(page_fd)
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    os.lseek(page_fd, Page.SIZE, os.SEEK_SET)
    faulthandler.enable(file=page_fd)
    random.seed()
    voice = Voice(connection)
    try:
        for initialise in app.initialisers:
            initialise()
    except BaseException as error:
        voice.say(channel.BROKEN, f"{getattr(initialise, '__qualname__', initialise)}: {type(error).__name__}: {error}",
                  traceback.format_exc()[-30_000:])
        return
    kind = {"processes": OneByOne, "threads": InThreads, "async": InLoop}[pool]
    kind(app, width, connection, page, Tokens(tokens_fd), voice).serve()


class Voice:
    """What the slot says. Threads share it. ``with voice:`` keeps the signals that interrupt the main thread from
    cutting a frame in two: they wait until the outermost block ends."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._lock, self._pid = connection, threading.Lock(), os.getpid()
        self.depth = 0  # of blocks in the main thread
        self.deferred: Optional[Callable[[], None]] = None

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self.depth += 1

    def __exit__(self, *_: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            self.depth -= 1
            if self.depth == 0 and self.deferred is not None:
                deferred, self.deferred = self.deferred, None
                deferred()

    def say(self, *message: Any) -> None:
        if os.getpid() != self._pid:  # a task forked, and its copy came back here
            os._exit(0)
        data = channel.pack(message)
        with self, self._lock:
            self._connection.sendall(data)


class Reporter:
    """Progress of one job: at once, or a tenth of a second after the last report; all of it before the outcome."""

    def __init__(self, voice: Voice, seq: int) -> None:
        self._voice, self._seq = voice, seq
        self._lock = threading.Lock()
        self._last = 0.0
        self._done: Optional[float] = None
        self._note, self._output = "", ""
        self._is_dirty = False
        self._timer: Optional[threading.Timer] = None

    def report(self, done: Optional[float], note: str, output: str) -> None:
        with self._voice, self._lock:
            self._done = self._done if done is None else done
            self._note = note or self._note
            self._output += output
            self._is_dirty = True
            left = self._last + REPORT_EVERY - time.monotonic()
            if left <= 0 or len(self._output) > wire.MAX_OUTPUT // 8:
                self._flush()
            elif self._timer is None:
                self._timer = threading.Timer(left, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        with self._voice, self._lock:
            self._flush()

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._is_dirty:
            output, self._output = self._output, ""
            pieces = [output[at:at + 8192] for at in range(0, len(output), 8192)] or [""]
            for piece in pieces:
                self._voice.say(channel.NEWS, self._seq, self._done, self._note, piece)
            self._note, self._is_dirty = "", False
            self._last = time.monotonic()


class Slot:
    """What the three kinds have in common."""

    def __init__(self, app: App, width: int, connection: socket.socket, page: Page, tokens: Tokens,
                 voice: Voice) -> None:
        self.app, self.width, self.connection, self.page, self.voice = app, width, connection, page, voice
        self.tokens = tokens
        self.contexts: Dict[int, Context] = {}

    def serve(self) -> None:
        raise NotImplementedError

    def begin(self, message: List[Any]) -> Any:
        """The task, its context, the reporter, the arguments, the keyword arguments."""
        seq, job_id, attempt, name, queue, args, options = message[1:8]
        task = self.app.tasks.get(name)
        reporter = Reporter(self.voice, seq)
        context = Context(wire.id_text(job_id), attempt, name, queue, options, reporter.report)
        self.contexts[seq] = context
        return task, context, reporter, args, options.get("kwargs")

    def end(self, seq: int, reporter: Reporter, state: State, began: float, most: int) -> None:
        if state[0] == "succeeded" and len(state[1]) + 128 > most:
            state = too_large(len(state[1]), most)
        run_us = int((time.perf_counter() - began) * 1e6)
        self.contexts.pop(seq, None)
        reporter.flush()
        self.voice.say(channel.DONE, seq, *state, run_us, _resident_bytes())

    def interrupt(self, seq: int, reason: str) -> None:
        context = self.contexts.get(seq)
        if context is not None:
            context.fire(reason)


def unknown(name: str) -> State:
    return failure("zebu::UnknownTask", f"this worker has no task {name}", "permanent")


class OneByOne(Slot):
    """One job at a time in the main thread, where a signal can raise. Others may lie ready behind it."""

    def serve(self) -> None:
        self._seq = 0
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._task: Optional["asyncio.Task[Any]"] = None
        signal.signal(signal.SIGUSR1, self._on_signal)
        self.voice.say(channel.READY)
        frames = Frames(1 << 31)
        while data := self.connection.recv(1 << 18):
            for message in frames.feed(data):
                if message[0] == channel.LEAVE:
                    return
                if message[0] == channel.RUN and self.tokens.take():
                    self._run(message)
                elif message[0] == channel.RUN:
                    self.voice.say(channel.SKIPPED, message[1])

    def _run(self, message: List[Any]) -> None:
        task, context, reporter, args, kwargs = self.begin(message)
        seq, began = message[1], time.perf_counter()
        self.page.started = seq

        def enter() -> None:
            self._seq = self.page.running = seq
            if self.page.interrupted() == seq:  # the signal came a moment too early
                self._on_signal()

        def leave() -> None:
            self._seq = self.page.running = 0

        state = unknown(message[4]) if task is None else execute(task, context, args, kwargs, enter, leave, self._drive)
        self.end(seq, reporter, state, began, message[8])

    def _drive(self, coroutine: Any) -> Any:
        """One loop for all coroutines of this slot, so that what they keep in it stays usable."""
        if self._loop is None:
            self._loop = _new_loop()
            asyncio.set_event_loop(self._loop)
        self._task = self._loop.create_task(coroutine)
        try:
            return self._loop.run_until_complete(self._task)
        finally:
            self._task = None

    def _on_signal(self, *_: Any) -> None:
        seq = self._seq
        if seq == 0 or self.page.interrupted() != seq:
            return
        if self.voice.depth > 0:
            self.voice.deferred = self._on_signal
            return
        context = self.contexts[seq]
        if context.reason == self.page.reason():
            return
        context.fire(self.page.reason())
        if self._task is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)
        else:
            raise context.interruption()


class InThreads(Slot):
    """`width` jobs at a time in threads. The main thread hears of cancels; nothing can be killed, so tasks look at
    their context. Others may lie ready behind them."""

    def serve(self) -> None:
        self._lock = threading.Lock()
        with ThreadPoolExecutor(self.width, "zebu-slot") as pool:
            self.voice.say(channel.READY)
            while True:
                try:
                    message = channel.receive(self.connection)
                except EOFError:
                    os._exit(0)  # the worker is gone, and threads cannot be ended
                if message[0] == channel.LEAVE:
                    return
                if message[0] == channel.INTERRUPT:
                    with self._lock:
                        self.interrupt(message[1], message[2])
                elif message[0] == channel.RUN:
                    pool.submit(self._run, message)

    def _run(self, message: List[Any]) -> None:
        try:
            with self._lock:  # an interruption comes before the token was taken back, or finds the context
                if not self.tokens.take():
                    self.voice.say(channel.SKIPPED, message[1])
                    return
                self.page.started = message[1]
                task, context, reporter, args, kwargs = self.begin(message)
            began = time.perf_counter()
            state = unknown(message[4]) if task is None else execute(task, context, args, kwargs)
            self.end(message[1], reporter, state, began, message[8])
        except OSError:
            os._exit(0)


class InLoop(Slot):
    """`width` coroutines at a time in one event loop; other tasks run in threads beside it."""

    def serve(self) -> None:
        loop = _new_loop()
        asyncio.set_event_loop(loop)
        loop.set_default_executor(ThreadPoolExecutor(self.width, "zebu-slot"))
        loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self.running: Dict[int, "asyncio.Task[None]"] = {}
        self.coroutines: Set[int] = set()
        self.is_over = asyncio.Event()
        self._places = asyncio.Semaphore(self.width)
        threading.Thread(target=self._listen, args=[asyncio.get_running_loop()], daemon=True).start()
        self.voice.say(channel.READY)
        await self.is_over.wait()

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            try:
                message = channel.receive(self.connection)
            except EOFError:
                os._exit(0)
            loop.call_soon_threadsafe(self._take, message)

    def _take(self, message: List[Any]) -> None:
        if message[0] == channel.LEAVE:
            self.is_over.set()
        elif message[0] == channel.INTERRUPT:
            self.interrupt(message[1], message[2])
            if message[1] in self.coroutines:  # others run in threads, and look at their context
                self.running[message[1]].cancel()
        elif message[0] == channel.RUN:
            self.running[message[1]] = asyncio.ensure_future(self._run(message))

    async def _run(self, message: List[Any]) -> None:
        seq = message[1]
        async with self._places:
            if self.tokens.take():
                self.page.started = seq
                task, context, reporter, args, kwargs = self.begin(message)
                if task is not None and task.is_async:
                    self.coroutines.add(seq)
                began = time.perf_counter()
                state = unknown(message[4]) if task is None else await execute_async(task, context, args, kwargs)
                self.coroutines.discard(seq)
                self.end(seq, reporter, state, began, message[8])
            else:
                self.voice.say(channel.SKIPPED, seq)
            self.running.pop(seq, None)


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def _resident_bytes() -> int:
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * _PAGE
