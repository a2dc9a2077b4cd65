"""Frames between the worker, which beats, and its children, which run user code: a length of four bytes, then msgpack.
What the other side says is judged, not trusted: see `Frames`."""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import socket
import struct
from typing import Any, Iterator, List

import msgpack

# From the worker to a slot.
# [RUN, seq, id, attempt, task, queue, args, options, most bytes of the result], [INTERRUPT, seq, reason], [LEAVE]
RUN, INTERRUPT, LEAVE = "run", "interrupt", "leave"
# From a slot.
READY, DONE, NEWS, SKIPPED, BROKEN = "ready", "done", "news", "skipped", "broken"

MOST_HEAD = 1 << 20  # bytes of a frame beside arguments or a result
_PR_SET_PDEATHSIG = 1
_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep


class BadFrame(ValueError):
    """The other side says what cannot be read."""


def pack(message: Any) -> bytes:
    body: bytes = msgpack.packb(message, use_bin_type=True)
    return struct.pack(">I", len(body)) + body


class Frames:
    """Puts the frames of a stream together. Raises BadFrame for one of more than `most` bytes or that is no list."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[List[Any]]:
        self._data += data
        at = 0
        try:
            while len(self._data) - at >= 4:
                (size,) = struct.unpack_from(">I", self._data, at)
                if size > self.most:
                    raise BadFrame(f"a frame of {size} bytes")
                if len(self._data) - at - 4 < size:
                    break
                body = bytes(self._data[at + 4:at + 4 + size])
                at += 4 + size
                try:
                    message = msgpack.unpackb(body, raw=False, strict_map_key=False)
                except Exception as error:
                    raise BadFrame(f"not msgpack: {error}") from None
                if not isinstance(message, list) or not message:
                    raise BadFrame("not a list")
                yield message
        finally:
            del self._data[:at]


def receive(connection: socket.socket) -> List[Any]:
    """Blocks for one frame. Raises EOFError when the other side has gone."""
    (size,) = struct.unpack(">I", _exactly(connection, 4))
    message = msgpack.unpackb(_exactly(connection, size), raw=False, strict_map_key=False)
    return list(message)


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = connection.recv(min(size - len(data), 1 << 20))
        if not piece:
            raise EOFError
        data += piece
    return bytes(data)


class Page:
    """A page that a slot and the worker share: which job the slot runs, which one a signal is meant for, and behind
    that, in the same file, what faulthandler writes when the process dies.

        0: running (seq or 0)          8: interrupted (seq or 0)
        16: why: 1 cancel, 2 soft      24: started (the newest seq)      4096..: the trace
    """

    SIZE = 4096

    def __init__(self, fd: int) -> None:
        self.fd = fd
        os.ftruncate(fd, Page.SIZE)
        self._map = mmap.mmap(fd, Page.SIZE)

    @staticmethod
    def create() -> "Page":
        return Page(os.memfd_create("zebu-slot"))

    def _get(self, at: int) -> int:
        return int.from_bytes(self._map[at:at + 8], "little")

    def _set(self, at: int, value: int) -> None:
        self._map[at:at + 8] = value.to_bytes(8, "little")

    @property
    def running(self) -> int:
        return self._get(0)

    @running.setter
    def running(self, seq: int) -> None:
        self._set(0, seq)

    @property
    def started(self) -> int:
        return self._get(24)

    @started.setter
    def started(self, seq: int) -> None:
        self._set(24, seq)

    def interrupt(self, seq: int, reason: str) -> None:
        self._set(16, 2 if reason == "soft" else 1)
        self._set(8, seq)

    def interrupted(self) -> int:
        return self._get(8)

    def reason(self) -> str:
        return "soft" if self._get(16) == 2 else "cancel"

    def trace(self) -> List[str]:
        """What faulthandler wrote of the task, innermost first."""
        text = os.pread(self.fd, 16 << 10, Page.SIZE).decode("utf-8", "replace")
        lines = [line.strip() for line in text.splitlines() if line.strip().startswith("File ")]
        own = next((at for at, line in enumerate(lines) if _PACKAGE in line), len(lines))
        return lines[:min(own, 32)]

    def close(self) -> None:
        self._map.close()
        os.close(self.fd)


class Tokens:
    """A job that lies ready in a slot needs a token to start, and the worker can take tokens back: so both sides agree
    which jobs start, without waiting for each other. Jobs start in order, so the last ones are left without a token.
    A token is a byte in a pipe."""

    def __init__(self, reader: int, writer: int = -1) -> None:
        self.reader, self._writer = reader, writer

    @staticmethod
    def create() -> "Tokens":
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        return Tokens(reader, writer)

    def give(self) -> None:
        os.write(self._writer, b".")

    def take(self) -> bool:
        try:
            return os.read(self.reader, 1) == b"."
        except BlockingIOError:
            return False

    def close(self) -> None:
        os.close(self.reader)
        os.close(self._writer)


def die_with_parent(parent: int) -> None:
    """The kernel kills this process when its parent ends, however that happens."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def outlive_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, 0, 0, 0, 0)
