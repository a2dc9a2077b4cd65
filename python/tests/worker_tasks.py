"""The tasks that the tests' workers run."""

from __future__ import annotations

import asyncio
import ctypes
import dataclasses
import datetime
import decimal
import os
import socket
import subprocess
import threading
import time
import uuid
from typing import Any, Dict, Generator, List, Optional

import zebu

app = zebu.App()
started = []


@app.slot_init
def initialise() -> None:
    started.append(os.getpid())


@app.task(name="add")
def add(a: int, b: int = 10) -> int:
    return a + b


@app.task(name="initialised")
def initialised() -> bool:
    return started == [os.getpid()]


@app.task(name="echo")
def echo(value: Any) -> Any:
    return value


@app.task(name="fib")
def fib(n: int) -> int:
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


@app.task(name="large")
def large(size: int) -> str:
    return "x" * size


@app.task(name="fail")
def fail(message: str) -> None:
    try:
        {}["key"]  # type: ignore[index]
    except KeyError as error:
        raise RuntimeError(message) from error


@app.task(name="picky", retries=5, retry_delay=0.01, retry_on=(OSError,))
def picky(kind: str) -> None:
    raise OSError("again") if kind == "os" else ValueError("never again")


@app.task(name="third_time", bind=True, retries=5)
def third_time(ctx: zebu.Context) -> int:
    if ctx.attempt < 3:
        raise zebu.Retry("not yet", after=0.01)
    return ctx.attempt


@app.task(name="give_up", retries=5)
def give_up() -> None:
    raise zebu.PermanentFailure("3 files", type="scan.Infected")


@app.task(name="about", bind=True)
def about(ctx: zebu.Context) -> Dict[str, Any]:
    return {"id": ctx.job_id, "attempt": ctx.attempt, "task": ctx.task, "queue": ctx.queue, "headers": ctx.headers,
            "has_deadline": ctx.deadline is not None, "same": zebu.context() is ctx, "retries": ctx.retries}


@app.task(name="pause")
def pause(seconds: float, path: Optional[str] = None) -> str:
    """In Python's own sleep, which a signal ends."""
    if path is not None:
        with open(path, "a") as file:
            file.write(f"{os.getpid()}\n")
    time.sleep(seconds)
    if path is not None:
        with open(path + ".end", "a") as file:
            file.write("ended\n")
    return "slept"


@app.task(name="deaf")
def deaf(path: str) -> None:
    """Notices nothing, and has started a program."""
    child = subprocess.Popen(["sleep", "1000"])
    with open(path, "w") as file:
        file.write(f"{child.pid}\n")
    while True:
        try:
            time.sleep(1000)
        except BaseException:
            pass


@app.task(name="soft")
def soft() -> str:
    try:
        time.sleep(1000)
    except zebu.SoftLimit:
        return "cleaned up"
    return "?"


@app.task(name="hold_the_gil")
def hold_the_gil(seconds: int) -> str:
    ctypes.PyDLL(None).sleep(seconds)  # PyDLL keeps the lock
    return "held"


@app.task(name="hold_the_gil_in_a_thread")
def hold_the_gil_in_a_thread(seconds: int) -> str:
    thread = threading.Thread(target=hold_the_gil, args=[seconds])
    thread.start()
    thread.join()
    return "held"


@app.task(name="leave")
def leave(code: int) -> None:
    os._exit(code)


@app.task(name="segfault")
def segfault() -> None:
    ctypes.string_at(0)


@app.task(name="forks")
def forks() -> int:
    os.fork()
    return os.getppid()


@app.task(name="pid")
def pid() -> int:
    return os.getpid()


@app.task(name="words", bind=True)
def words(ctx: zebu.Context, text: str) -> Generator[Any, None, int]:
    parts = text.split()
    for at, word in enumerate(parts, 1):
        yield word + " "
        yield at / len(parts)
    ctx.progress(1, note="counted")
    return len(parts)


@app.task(name="sleepy")
async def sleepy(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "woke"


@app.task(name="patient", bind=True)
def patient(ctx: zebu.Context) -> None:
    ctx.output("begun")
    ctx.wait(1000)
    ctx.raise_if_cancelled()


@dataclasses.dataclass
class Point:
    x: int
    y: decimal.Decimal
    at: Optional[datetime.datetime] = None


@app.task(name="shift")
def shift(point: Point, by: decimal.Decimal, ids: List[uuid.UUID]) -> Point:
    assert isinstance(point, Point) and isinstance(by, decimal.Decimal) and isinstance(ids[0], uuid.UUID)
    return Point(point.x + len(ids), point.y + by, point.at)


@app.task(name="bad_result")
def bad_result() -> Any:
    return {"a": [1, {2}]}


@app.task(name="shout")
def shout(count: int) -> None:
    for number in range(count):
        zebu.context().output(f"line {number}\n")


@app.task(name="nested")
def nested(n: int) -> int:
    """Submits a job of its own, and waits for it."""
    return add.submit(n, 1).result(20) + 1


@app.task(name="close_everything")
def close_everything() -> None:
    os.closerange(3, 1000)


@app.task(name="garble")
def garble() -> None:
    """Writes nonsense to every socket that it finds."""
    for descriptor in range(3, 100):
        try:
            with socket.socket(fileno=os.dup(descriptor)) as found:
                found.send(b"\xff" * 100_000)
        except OSError:
            pass
    time.sleep(1000)
