"""The client of one system, in a process of its own: clients.py SYSTEM WHAT COUNT SLOTS. It warms up, says so, waits
for a line, does the work, and says how long that took. What a system's client needs to know is in the environment."""

import asyncio
import json
import os
import sys
import time
from collections import deque

import plain_tasks

WINDOW = 1000  # jobs under way
WARM = 200
VALUE = "x" * 64


class Zebu:
    options = {"transient": True}

    def __init__(self, slots):
        import zebu
        self.client = zebu.Client()

    def one(self):
        return self.client.send("echo", [VALUE], **self.options).result()

    def start(self, task, value):
        return self.client.send(task, [value], **self.options)

    def finish(self, future):
        return future.result()

    def windowed(self, task, value, count):
        under_way = deque()
        for _ in range(count):
            if len(under_way) == WINDOW:
                self.finish(under_way.popleft())
            under_way.append(self.start(task, value))
        while under_way:
            self.finish(under_way.popleft())

    echoes = naps = windowed

    def close(self):
        self.client.close()


class ZebuDurable(Zebu):
    options = {}


class ZebuAsync:
    def __init__(self, slots):
        import zebu
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.client = zebu.AsyncClient()

    def one(self):
        async def call():
            return await self.client.send("echo", [VALUE], transient=True)

        return self.loop.run_until_complete(call())

    def windowed(self, task, value, count):
        async def call():
            under_way = deque()
            for _ in range(count):
                if len(under_way) == WINDOW:
                    await under_way.popleft()
                under_way.append(self.client.send(task, [value], transient=True))
            while under_way:
                await under_way.popleft()

        self.loop.run_until_complete(call())

    echoes = naps = windowed

    def close(self):
        self.loop.run_until_complete(self.client.close())


class Celery(Zebu):
    def __init__(self, slots):
        import celery_tasks
        self.tasks = {"echo": celery_tasks.echo, "nap": celery_tasks.nap}

    def one(self):
        return self.tasks["echo"].delay(VALUE).get()

    def start(self, task, value):
        return self.tasks[task].delay(value)

    def finish(self, result):
        return result.get()

    def close(self):
        pass


class Rq(Zebu):
    """It has no call that waits for a result: its status is asked for."""

    def __init__(self, slots):
        import redis
        import rq
        self.queue = rq.Queue(connection=redis.Redis.from_url(os.environ["BENCH_REDIS"]))

    def one(self):
        return self.finish(self.start("echo", VALUE))

    def start(self, task, value):
        return self.queue.enqueue(getattr(plain_tasks, task), value)

    def finish(self, job):
        while job.get_status() != "finished":
            time.sleep(0.001)
        return job.result

    def close(self):
        pass


class Dask(Zebu):
    def __init__(self, slots):
        import distributed
        self.client = distributed.Client(os.environ["BENCH_DASK"])

    def one(self):
        return self.start("echo", VALUE).result()

    def start(self, task, value):
        return self.client.submit(getattr(plain_tasks, task), value, pure=False)


class Pool(Zebu):
    def __init__(self, slots):
        import multiprocessing
        self.pool = multiprocessing.Pool(slots)

    def one(self):
        return self.pool.apply(plain_tasks.echo, [VALUE])

    def start(self, task, value):
        return self.pool.apply_async(getattr(plain_tasks, task), [value])

    def finish(self, result):
        return result.get()

    def close(self):
        self.pool.terminate()


KINDS = {"zebu": Zebu, "zebu-durable": ZebuDurable, "zebu-asyncio": ZebuAsync, "celery": Celery, "rq": Rq,
         "rq-simple": Rq, "dask": Dask, "pool": Pool}


def main():
    system, what, count, slots = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    client = KINDS[system](slots)
    if what == "naps":
        client.naps("nap", 0.0, min(WARM, count))
    else:
        client.echoes("echo", VALUE, min(WARM, count))
        assert client.one() == VALUE
    print("warm", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    times = []
    if what == "naps":
        client.naps("nap", 0.1, count)
    elif what == "echoes":
        client.echoes("echo", VALUE, count)
    else:
        for _ in range(count):
            at = time.perf_counter()
            client.one()
            times.append(time.perf_counter() - at)
    print(json.dumps({"seconds": time.perf_counter() - began, "times": sorted(times)}), flush=True)
    sys.stdin.readline()  # until its memory has been read
    client.close()


if __name__ == "__main__":
    main()
