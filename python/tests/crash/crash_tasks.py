"""The tasks of a round's workers. Each attempt writes down that it begins, before all else, and that it ends, into the
file $ZEBU_CRASH_BEGUN: one file for each process that the round starts. `work` is that of tests/crash/consumer.cpp."""

from __future__ import annotations

import asyncio
import ctypes
import itertools
import os
import pathlib
import signal
import time
from typing import Optional

import zebu
from crash.book import Book, now_ns

app = zebu.App()
_file = pathlib.Path(os.environ["ZEBU_CRASH_BEGUN"])
_book = Book(_file)
_count = itertools.count()


def begin(ctx: zebu.Context, is_to_fail: bool) -> str:
    mark = f"{_file.stem}@{os.getpid()}-{next(_count)}"
    _book.write(ctx.job_id, ctx.attempt, int(is_to_fail), mark, now_ns())
    return mark


def end(mark: str) -> None:
    _book.write("ended", mark, now_ns())


@app.task(name="work", bind=True)
def work(ctx: zebu.Context, micros: int, failing: int, line: Optional[int] = None) -> str:
    """failing: so many first attempts fail."""
    mark = begin(ctx, ctx.attempt <= failing)
    time.sleep(micros / 1e6)
    end(mark)
    ctx.raise_if_cancelled()
    if ctx.attempt <= failing:
        raise RuntimeError(mark)
    return mark


@app.task(name="nap", bind=True, queue="naps")
async def nap(ctx: zebu.Context, micros: int) -> str:
    mark = begin(ctx, False)
    await asyncio.sleep(micros / 1e6)
    end(mark)
    return mark


@app.task(name="rough", bind=True, queue="rough")
def rough(ctx: zebu.Context, how: str, micros: int, hold_us: int) -> str:
    """What a process may do to itself. The first attempt of those that crash does, the next one succeeds."""
    does_crash = how in ("exits", "segfaults") and ctx.crashes == 0
    mark = begin(ctx, does_crash)
    time.sleep(micros / 1e6)
    if how == "holds":
        ctypes.PyDLL(None).usleep(hold_us)  # PyDLL keeps the lock of the interpreter
    while how == "stands":  # its hard limit ends it, whoever lets it go on
        os.kill(os.getpid(), signal.SIGSTOP)
    while how == "deaf":
        try:
            time.sleep(1000)
        except BaseException:
            pass
    end(mark)
    if how == "exits" and does_crash:
        os._exit(7)
    if how == "segfaults" and does_crash:
        ctypes.string_at(0)
    if how == "forks":
        os.fork()
    return mark
