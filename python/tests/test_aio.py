from __future__ import annotations

import asyncio
import os
import time
from typing import Any, AsyncIterator, Awaitable, Callable

import pytest

import zebu
import worker_tasks as tasks
from conftest import KillableBroker, Worker
from zebu.local import Broker


def run(stack: Broker, work: Callable[[zebu.AsyncClient], Awaitable[Any]], **options: Any) -> Any:
    async def main() -> Any:
        async with zebu.AsyncClient(stack.clients, **options) as client:
            return await asyncio.wait_for(work(client), 60)

    return asyncio.run(main())


def test_a_job_is_awaited(stack: Broker) -> None:
    async def work(client: zebu.AsyncClient) -> None:
        assert await client.submit(tasks.add, 1, b=2) == 3
        assert await client.submit("fib", 30) == 832040
        assert await asyncio.gather(*[client.submit("echo", n) for n in range(500)]) == list(range(500))
        with pytest.raises(zebu.JobFailed, match="RuntimeError: bad"):
            await client.submit("fail", "bad")
        text = "x" * 2_000_000
        assert await client.submit("echo", text) == text

    run(stack, work)


def test_map_over_any_iterable_with_a_window(stack: Broker) -> None:
    async def numbers() -> AsyncIterator[int]:
        for n in range(300):
            yield n

    async def work(client: zebu.AsyncClient) -> None:
        assert [r async for r in client.map("echo", range(300), window=20)] == list(range(300))
        assert sorted([r async for r in client.map("echo", numbers(), window=20, ordered=False)]) == list(range(300))
        assert [r async for r in client.map(tasks.add, [1, 2], numbers())] == [1, 3]

    run(stack, work)


def test_cancel_stream_status_and_queries(stack: Broker) -> None:
    async def work(client: zebu.AsyncClient) -> None:
        future = client.submit("patient")
        async for piece in future.stream():
            assert piece == "begun"
            future.cancel()
        with pytest.raises(asyncio.CancelledError):
            await future
        while (status := await client.status(future.id)) is not None and status["state"] == "running":
            await asyncio.sleep(0.01)
        assert status is not None and status["state"] == "cancelled"
        assert await client.cancel(future.id) == "cancelled"
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.submit("pause", 100), 0.3)  # which cancels the job
        assert (await client.query("broker"))["protocol"].startswith("2.")
        words = client.submit(tasks.words, "a b")
        assert await words == 2 and words.progress.output == "a b "
        assert await client.future(words.id) == 2

    run(stack, work)


def test_limits_and_put(stack: Broker) -> None:
    async def work(client: zebu.AsyncClient) -> None:
        with pytest.raises(zebu.ClientFull):
            for n in range(100):
                client.submit("echo", n)
        futures = [await client.put("echo", n) for n in range(100)]
        assert await asyncio.gather(*futures) == list(range(100))

    run(stack, work, max_jobs=10)


def test_an_async_client_belongs_to_its_process(stack: Broker) -> None:
    async def work(client: zebu.AsyncClient) -> None:
        assert await client.submit("echo", 1) == 1
        pid = os.fork()
        if pid == 0:
            code = 9
            try:
                client.submit("echo", 1)
            except zebu.ForkError:
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert await client.submit("echo", 2) == 2

    run(stack, work)


def test_a_blocked_loop_loses_its_session_and_no_job(broker: KillableBroker,
                                                     start_worker: Callable[..., Worker]) -> None:
    start_worker(broker.consumers, "-c", "2").wait_ready()

    async def main() -> None:
        async with zebu.AsyncClient(broker.clients) as client:
            futures = [client.submit("echo", n) for n in range(20)]
            await futures[0]
            more = [client.submit("pause", 0.1) for _ in range(5)]
            await asyncio.sleep(0)
            time.sleep(4)  # longer than the liveness
            assert await asyncio.gather(*futures) == list(range(20))
            assert await asyncio.gather(*more) == ["slept"] * 5

    asyncio.run(main())
