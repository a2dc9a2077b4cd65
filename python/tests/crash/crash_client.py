"""The producer of a round, in Python: crash_client.py threads|asyncio ENDPOINT PLAN HEARD HOLD_US. Submits the jobs of
the plan, writes down what it hears of each at the moment that it hears it, and ends when all have their outcome.
Started again after kill -9, it asks for the jobs that it has written down, and submits those again that the broker
never had."""

from __future__ import annotations

import asyncio
import concurrent.futures
import pathlib
import queue
import sys
from typing import Any, Dict, List, Set

import zebu
from crash.book import RETRIES_OF_FLAKY, Book, Planned, now_ns, read_heard, read_plan

WINDOW = 200


class Producer:
    """What both kinds of client have in common: `todo`, and the book."""

    def __init__(self, plan: pathlib.Path, heard: pathlib.Path, hold_us: int) -> None:
        self.plan = read_plan(plan)
        self.known: Dict[int, str] = {}
        self.accepted: Set[str] = set()
        done: Set[str] = set()
        for line in read_heard(heard):
            if line.what == "submitted":
                self.known[int(line.text.split()[0])] = line.id
            else:
                (self.accepted if line.what == "accepted" else done).add(line.id)
        self.todo = [index for index in range(len(self.plan)) if self.known.get(index) not in done]
        self.todo.reverse()
        self.book = Book(heard)
        self.hold_us = hold_us

    def call_of(self, index: int) -> Any:
        """Task, arguments, options."""
        job: Planned = self.plan[index]
        options: Dict[str, Any] = {"priority": job.priority}
        if job.task == "rough":
            if job.kind in ("deaf", "stands"):
                options["hard_limit"] = 0.3
            return "rough", [job.kind, job.micros, self.hold_us], {**options, "queue": "rough"}
        failing = {"failing": 1000, "flaky": 1}.get(job.kind, 0)
        more: Dict[str, Any] = {"early": {"acks": "early"}, "late": {"delay": job.delay_ms / 1000},
                                "limited": {"hard_limit": 600}, "fresh": {"expires_in": 600},
                                "flaky": {"retries": RETRIES_OF_FLAKY, "retry_delay": 0.01}}.get(job.kind, {})
        if job.task == "nap":
            return "nap", [job.micros], {**options, "queue": "naps"}
        return job.task, [job.micros, failing], {**options, **more}

    def on_submitted(self, index: int, id: str, at: int) -> None:
        self.known[index] = id
        self.book.write("submitted", id, index, at)

    def on_accepted(self, id: str) -> None:
        if id not in self.accepted:
            self.accepted.add(id)
            self.book.write("accepted", id)

    def on_end(self, index: int, id: str, future: Any) -> None:
        """Writes the outcome down, or has the job submitted again."""
        if future.cancelled():
            return self.book.write("done", id, "cancelled")
        error = future.exception()
        if error is None:
            self.book.write("done", id, "succeeded", future.result())
        elif isinstance(error, zebu.JobFailed):
            self.book.write("done", id, f"failed {error.type}: {error.message}")
        elif isinstance(error, zebu.JobExpired):
            self.book.write("done", id, "expired")
        elif isinstance(error, zebu.UnknownJob) and id not in self.accepted:
            del self.known[index]
            self.todo.append(index)
        else:
            raise error


def with_threads(endpoint: str, producer: Producer) -> None:
    ended: "queue.SimpleQueue[zebu.Future[Any]]" = queue.SimpleQueue()
    under_way: Dict["zebu.Future[Any]", int] = {}
    unaccepted: Set["zebu.Future[Any]"] = set()
    with zebu.Client(endpoint, name="crash-client") as client:
        while producer.todo or under_way:
            while producer.todo and len(under_way) < WINDOW:
                index = producer.todo.pop()
                if index in producer.known:
                    future = client.future(producer.known[index])
                else:
                    at = now_ns()
                    task, args, options = producer.call_of(index)
                    future = client.send(task, args, **options)
                    producer.on_submitted(index, future.id, at)
                    unaccepted.add(future)
                under_way[future] = index
                future.add_done_callback(ended.put)
            for future in [each for each in unaccepted if each.state != "submitted"]:
                unaccepted.discard(future)
                if future.state != "refused":
                    producer.on_accepted(future.id)
                if producer.plan[under_way[future]].kind == "unwanted":
                    future.cancel()
            try:
                future = ended.get(timeout=0.01)
            except queue.Empty:
                continue
            unaccepted.discard(future)
            producer.on_end(under_way.pop(future), future.id, future)


async def with_asyncio(endpoint: str, producer: Producer) -> None:
    under_way: Dict[Any, int] = {}
    cancels: List["asyncio.Task[None]"] = []

    async def cancel(id: str) -> None:
        try:
            await client.cancel(id)
        except (zebu.Disconnected, concurrent.futures.CancelledError):
            pass  # the broker is dead: it then succeeds

    async with zebu.AsyncClient(endpoint, name="crash-async-client") as client:
        unaccepted: Set[Any] = set()
        while producer.todo or under_way:
            while producer.todo and len(under_way) < WINDOW:
                index = producer.todo.pop()
                if index in producer.known:
                    future = client.future(producer.known[index])
                else:
                    at = now_ns()
                    task, args, options = producer.call_of(index)
                    future = client.send(task, args, **options)
                    producer.on_submitted(index, future.id, at)
                    unaccepted.add(future)
                under_way[future] = index
            done, _ = await asyncio.wait(under_way, timeout=0.01, return_when=asyncio.FIRST_COMPLETED)
            for future in [each for each in unaccepted if each.state != "submitted"]:
                unaccepted.discard(future)
                if future.state != "refused":
                    producer.on_accepted(future.id)
                if producer.plan[under_way[future]].kind == "unwanted":
                    cancels.append(asyncio.ensure_future(cancel(future.id)))
            for future in done:
                producer.on_end(under_way.pop(future), future.id, future)
        for task in cancels:
            await task


def main() -> None:
    kind, endpoint, plan, heard, hold_us = sys.argv[1:]
    producer = Producer(pathlib.Path(plan), pathlib.Path(heard), int(hold_us))
    if kind == "threads":
        with_threads(endpoint, producer)
    else:
        asyncio.run(with_asyncio(endpoint, producer))


if __name__ == "__main__":
    main()
