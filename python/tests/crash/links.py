"""TCP links to a broker that can be cut, stall, and become slow. One thread carries all of them."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from typing import Any, Awaitable, Callable, List, Optional, Set, Tuple

PIECE = 16 << 10


class Loop:
    """The thread of the links."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="links", daemon=True)
        self._thread.start()

    def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        async def call() -> Any:
            return await work()

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(10)

    def close(self) -> None:
        async def end() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.run(end)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class Link:
    """There is towards the target, back from it. A stalled way holds what comes until it goes on."""

    def __init__(self, loop: Loop, target: str) -> None:
        host, _, port = target.removeprefix("tcp://").rpartition(":")
        self._loop, self._target = loop, (host, int(port))
        self.rate, self.delay = 0, 0.0  # bytes a second (0: as fast as it goes), seconds; each way
        self._writers: Set[asyncio.StreamWriter] = set()
        self._ways: List[asyncio.Event] = []

        async def start() -> str:
            self._ways = [asyncio.Event(), asyncio.Event()]
            for way in self._ways:
                way.set()
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
            return f"tcp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

        self.endpoint: str = loop.run(start)

    def set(self, rate: int = 0, delay: float = 0.0) -> None:
        self.rate, self.delay = rate, delay

    def stall(self, there: bool, back: bool) -> None:
        async def change() -> None:
            for way, is_stalled in zip(self._ways, (there, back)):
                way.clear() if is_stalled else way.set()

        self._loop.run(change)

    def cut(self) -> None:
        """Both ends of every connection see a reset; what was on its way is lost."""
        async def reset() -> None:
            for writer in self._writers:
                raw = writer.get_extra_info("socket")
                if raw is not None:
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            self._writers.clear()

        self._loop.run(reset)

    async def _accept(self, near_reader: asyncio.StreamReader, near_writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            near_writer.transport.abort()
            return
        self._writers |= {near_writer, far_writer}
        await asyncio.gather(self._carry(near_reader, far_writer, 0), self._carry(far_reader, near_writer, 1))
        self._writers -= {near_writer, far_writer}

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: int) -> None:
        line: "asyncio.Queue[Tuple[float, Optional[bytes]]]" = asyncio.Queue(64)
        delivery = asyncio.ensure_future(self._deliver(line, writer, way))
        loop = asyncio.get_running_loop()
        try:
            while data := await reader.read(PIECE):
                await line.put((loop.time() + self.delay, data))
        except OSError:
            pass
        await line.put((0.0, None))
        await delivery

    async def _deliver(self, line: "asyncio.Queue[Tuple[float, Optional[bytes]]]", writer: asyncio.StreamWriter,
                       way: int) -> None:
        loop, is_broken = asyncio.get_running_loop(), False
        while True:
            due, data = await line.get()
            if data is None:
                writer.close()
                return
            if is_broken:
                continue
            await asyncio.sleep(max(due - loop.time(), len(data) / self.rate if self.rate else 0.0))
            await self._ways[way].wait()
            try:
                writer.write(data)
                await writer.drain()
            except OSError:
                is_broken = True
