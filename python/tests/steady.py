"""Whether memory, threads and descriptors of clients and of a worker stay as they are over many jobs:

    steady.py [JOBS]        default: 1,000,000 by each kind of client

It starts a broker and a worker with two slots, and prints what each process had after a fifth of the jobs (at least
10,000), and at the end. Exits with 1 if one has grown by more than MOST_GROWTH, or something is left after close."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import pathlib
import subprocess
import sys
import threading
import time
from typing import Any, Dict, Iterator, List

TESTS = pathlib.Path(__file__).parent
sys.path[:0] = [str(TESTS.parent), str(TESTS)]

import zebu  # noqa: E402
from zebu.local import Broker  # noqa: E402

MOST_GROWTH = 4 << 20  # bytes; one of a hundred bytes a job would be 10 MB in 100,000 jobs
KINDS = ("threads", "asyncio")


def resident(pid: int) -> int:
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def family(pid: int) -> List[int]:
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid] + [each for child in children for each in family(int(child))]


def state_of(pids: List[int]) -> Dict[str, Any]:
    return {"resident": {pid: resident(pid) for pid in pids},
            "threads": {pid: len(os.listdir(f"/proc/{pid}/task")) for pid in pids},
            "descriptors": {pid: len(os.listdir(f"/proc/{pid}/fd")) for pid in pids}}


# ── a client, in a process of its own ────────────────────────────────────────────────────────────────────────────────


class Numbers:
    """Those of a map, and a look at the processes when so many have been drawn."""

    def __init__(self, count: int, worker: int) -> None:
        self.count, self.worker, self.looks = count, worker, []  # type: ignore[var-annotated]
        self.warm = max(count // 5, 10_000)

    def __iter__(self) -> Iterator[int]:
        for number in range(self.count):
            if number == self.warm:
                self.look()
            yield number

    def look(self) -> None:
        gc.collect()
        self.looks.append(state_of([os.getpid(), *family(self.worker)]))


def left_over(before: Dict[str, Any]) -> List[str]:
    """Threads, descriptors and tasks that were not there before, once those that end have had their time."""
    me, until = os.getpid(), time.monotonic() + 10
    while True:
        gc.collect()
        now = state_of([me])
        left = [f"{now[what][me] - before[what][me]} {what}" for what in ("threads", "descriptors")
                if now[what][me] > before[what][me]]
        left += [f"thread {thread.name}" for thread in threading.enumerate() if thread is not threading.main_thread()]
        if not left or time.monotonic() > until:
            return left
        time.sleep(0.02)


def with_threads(endpoint: str, numbers: Numbers) -> None:
    with zebu.Client(endpoint) as client:
        future = client.submit("echo", 0)
        future.add_done_callback(lambda _: None)  # which has a thread of its own
        future.result(60)
        wanted = 0
        for result in client.map("echo", numbers, window=1000):
            assert result == wanted
            wanted += 1
        numbers.look()


async def with_asyncio(endpoint: str, numbers: Numbers) -> None:
    tasks = asyncio.all_tasks()
    async with zebu.AsyncClient(endpoint) as client:
        wanted = 0
        async for result in client.map("echo", numbers, window=1000):
            assert result == wanted
            wanted += 1
        numbers.look()
    assert asyncio.all_tasks() == tasks


def run_client(kind: str, endpoint: str, count: int, worker: int) -> None:
    numbers = Numbers(count, worker)
    asyncio.run(asyncio.sleep(0))  # what the interpreter loads for it
    before = state_of([os.getpid()])
    began = time.monotonic()
    if kind == "threads":
        with_threads(endpoint, numbers)
    else:
        asyncio.run(with_asyncio(endpoint, numbers))
    seconds = time.monotonic() - began
    print(json.dumps({"looks": numbers.looks, "left": left_over(before), "seconds": seconds, "client": os.getpid()}))


# ── the run ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def run(count: int) -> List[str]:
    """What is wrong."""
    broker = Broker()
    os.environ["PYTHONPATH"] = os.pathsep.join([str(TESTS.parent), str(TESTS), os.environ.get("PYTHONPATH", "")])
    worker = broker.worker("worker_tasks:app", concurrency=2)
    wrong = []
    try:
        with broker.client() as client:
            (only,) = client.query("consumers")["consumers"]
        pid = int(only["name"].rpartition("-")[2])
        for kind in KINDS:
            done = subprocess.run([sys.executable, __file__, kind, broker.clients, str(count), str(pid)], check=True,
                                  stdout=subprocess.PIPE)
            told = json.loads(done.stdout)
            print(f"{kind}: {count:,} jobs, {count / told['seconds']:,.0f} a second")
            wrong += judge(kind, told)
    finally:
        if worker.stop() != 0:
            wrong.append(f"the worker: {worker.text}")
        broker.stop()
    return wrong


def judge(kind: str, told: Dict[str, Any]) -> List[str]:
    wrong = [f"{kind}: left after close: {what}" for what in told["left"]]
    warm, end = told["looks"]
    for number, pid in enumerate(end["resident"]):
        name = f"{kind}: the client" if int(pid) == told["client"] else f"{kind}: process {number} of the worker"
        if pid not in warm["resident"]:
            wrong.append(f"{name} is another one")
            continue
        growth = end["resident"][pid] - warm["resident"][pid]
        print(f"  {name}: {warm['resident'][pid] / 1048576:.1f} MiB, {growth / 1048576:+.2f} MiB at the end; "
              f"{end['threads'][pid]} threads, {end['descriptors'][pid]} descriptors")
        if growth > MOST_GROWTH:
            wrong.append(f"{name} has grown by {growth:,} bytes")
        for what in ("threads", "descriptors"):
            if end[what][pid] > warm[what][pid]:
                wrong.append(f"{name} has {end[what][pid] - warm[what][pid]} {what} more")
    return wrong


if __name__ == "__main__":
    if len(sys.argv) > 2:
        run_client(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        faults = run(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
        print("\n".join(faults) or "steady")
        sys.exit(bool(faults))
