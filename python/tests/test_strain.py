"""Much at once, and for long: threads that hold the interpreter's lock, 100,000 futures, 50,000 jobs in a row."""

from __future__ import annotations

import asyncio
import concurrent.futures
import ctypes
import os
import time
from typing import Any, Callable, List

import steady
import zebu
from conftest import KillableBroker, Worker, eventually

Start = Callable[..., Worker]


def test_a_thread_that_holds_the_gil_for_30_s_costs_no_session_while_100_000_futures_are_pending(
        broker: KillableBroker, start_worker: Start) -> None:
    """The broker takes a silence of 3 s for a death."""
    worker = start_worker(broker.consumers, "-c", "2").wait_ready()
    began = time.monotonic()
    with zebu.Client(broker.clients) as client:
        held = client.submit("hold_the_gil_in_a_thread", 30)
        futures: List[Any] = [client.send("echo", [n], queue="later") for n in range(100_000)]
        assert not any(future.done() for future in futures)
        eventually(lambda: all(future.state == "accepted" for future in futures), "that all are accepted")
        for future in futures[::10]:
            assert future.cancel()
        concurrent.futures.wait(futures[::10], 60)
        assert all(future.cancelled() for future in futures[::10])
        assert client.query("queues", queue="later")["queues"][0]["queued"] == 90_000
        assert client.submit("echo", 1).result(20) == 1  # the other slot goes on
        left = [future for number, future in enumerate(futures) if number % 10]
        other = start_worker(broker.consumers, "-c", "2", "-Q", "later").wait_ready()
        assert concurrent.futures.wait(left, 300).not_done == set()
        assert [future.result() for future in left] == [n for n in range(100_000) if n % 10]
        assert held.result(60) == "held" and held.attempt == 1 and time.monotonic() - began >= 30
        assert (client.status(held.id) or {})["losses"] == 0
    for each in (worker, other):
        assert each.end() == 0
        assert each.text.count("ready:") == 1


def test_a_client_whose_program_holds_the_gil_gets_its_session_back_with_every_job(
        broker: KillableBroker, start_worker: Start) -> None:
    start_worker(broker.consumers, "-c", "2").wait_ready()
    with zebu.Client(broker.clients) as client:
        futures = [client.submit("pause", 0.1) for _ in range(20)]
        eventually(lambda: all(future.state != "submitted" for future in futures), "that all are accepted")
        ctypes.PyDLL(None).sleep(5)  # longer than the liveness
        assert [future.result(60) for future in futures] == ["slept"] * 20
        assert all(future.attempt == 1 for future in futures)


def test_who_waits_takes_no_processor_time(broker: KillableBroker, start_worker: Start) -> None:
    worker = start_worker(broker.consumers, "-c", "2").wait_ready()

    async def wait_async() -> float:
        async with zebu.AsyncClient(broker.clients) as client:
            future = client.submit("pause", 2.5)
            await asyncio.sleep(0.5)
            began = time.process_time()
            await asyncio.sleep(1.5)
            took = time.process_time() - began
            assert await future == "slept"
            return took

    with zebu.Client(broker.clients) as client:
        future = client.submit("pause", 2.5)
        future.add_done_callback(lambda _: None)
        eventually(lambda: (client.status(future.id) or {}).get("state") == "running", "the start")
        of_worker = [_cpu(pid) for pid in steady.family(worker.pid)]
        began = time.process_time()
        time.sleep(1.5)
        assert time.process_time() - began < 0.15  # of a thread that spins it would be at least half of the time
        took = [_cpu(pid) - before for pid, before in zip(steady.family(worker.pid), of_worker)]
        assert all(each < 0.15 for each in took), took
        assert future.result(60) == "slept"
    assert asyncio.run(wait_async()) < 0.15


def _cpu(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_memory_threads_and_descriptors_of_clients_and_worker_stay_as_they_are_over_50_000_jobs() -> None:
    assert steady.run(50_000) == []


def test_what_grows_or_is_left_is_found() -> None:
    def look(resident: int, threads: int = 5) -> Any:
        return {"resident": {"7": resident}, "threads": {"7": threads}, "descriptors": {"7": 9}}

    told = {"client": 7, "left": ["1 threads"], "looks": [look(10 << 20), look(15 << 20, 6)]}
    assert steady.judge("x", told) == ["x: left after close: 1 threads", "x: the client has grown by 5,242,880 bytes",
                                       "x: the client has 1 threads more"]
