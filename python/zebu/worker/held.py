"""The attempts that a worker holds, from ASSIGN until KEPT, and what of them the broker has yet to hear."""

from __future__ import annotations

from collections import deque
from typing import Any, Deque, Dict, List, Optional, Tuple

from .. import wire
from ..run import too_large
from .slots import Run

Key = Tuple[bytes, int]
_ROOM = 128  # bytes of an OUTCOME beside the value


class Held:
    """An attempt. It waits (`run` and `outcome` are None), runs, or has an outcome: an entry of OUTCOME."""

    __slots__ = ("key", "entry", "since", "run", "outcome", "number", "offset", "done", "note", "output", "is_told",
                 "is_stopped")

    def __init__(self, entry: List[Any], now: float) -> None:
        self.key: Key = (entry[0], entry[1])
        self.entry, self.since = entry, now
        self.run: Optional[Run] = None
        self.outcome: Optional[List[Any]] = None
        self.number = self.offset = 0  # reports and bytes of output so far
        self.done: Optional[float] = None
        self.note, self.output = "", ""  # not told yet
        self.is_told = True
        self.is_stopped = False

    def add_news(self, done: Optional[float], note: str, output: str) -> None:
        """Joins a report to those that have not left. Of more output than a message may have, the newest stays."""
        self.number += 1
        self.done, self.note = done, note or self.note
        self.output += output
        while len(self.output) > wire.MAX_OUTPUT // 4 and len(self.output.encode()) > wire.MAX_OUTPUT:
            half = len(self.output) // 2
            self.offset += len(self.output[:half].encode())
            self.output = self.output[half:]
        self.is_told = False

    def take_news(self, most: int) -> List[List[Any]]:
        """Entries of PROGRESS with at most `most` bytes of output each, so that none travels in parts: the OUTCOME
        could pass it."""
        entries: List[List[Any]] = []
        note = wire.cut_text(self.note, wire.MAX_NOTE)
        while self.output or not entries:
            piece = wire.cut_text(self.output, most)
            entries.append([*self.key, self.done, note, piece, self.offset, self.number])
            self.offset += len(piece.encode())
            self.output = self.output[len(piece):]
        self.note, self.is_told = "", True
        return entries


class HeldJobs:
    def __init__(self) -> None:
        self.all: Dict[Key, Held] = {}
        self.waiting: Deque[Held] = deque()
        self.unsaid: Deque[Held] = deque()  # with an outcome that this session has not said
        self.news: Dict[Key, Held] = {}
        self._whole: Deque[Key] = deque()  # said in whole OUTCOMEs of this session, in order
        self._kept = 0

    def add(self, held: Held) -> None:
        self.all[held.key] = held
        self.waiting.append(held)

    def finish(self, held: Held, state: str, value: Any, run_us: int) -> None:
        held.outcome = [*held.key, state, value, max(0, run_us)]
        held.run = None
        held.entry = held.entry[:2]
        self.unsaid.append(held)

    def active(self) -> int:
        """Those that wait or run."""
        return sum(held.outcome is None for held in self.all.values())

    def forget(self, key: Key) -> None:
        self.all.pop(key, None)
        self.news.pop(key, None)

    def begin_session(self) -> None:
        """Everything that has an outcome has to be said again."""
        self._whole.clear()
        self._kept = 0
        self.unsaid = deque(held for held in self.all.values() if held.outcome is not None)

    def take_outcomes(self, max_part: int, max_message: int) -> List[List[Any]]:
        """Entries for one OUTCOME; what does not fit into a message with others goes alone."""
        entries: List[List[Any]] = []
        size = 0
        while self.unsaid and len(entries) < 1000:
            held = self.unsaid[0]
            outcome = held.outcome
            assert outcome is not None
            bytes_of = len(outcome[3]) if type(outcome[3]) is bytes else len(wire.pack(outcome[3]))
            if bytes_of + _ROOM > max_message:
                outcome[2:4] = too_large(bytes_of, max_message)
                bytes_of = 256
            size += bytes_of + _ROOM
            if entries and size > max_part:
                break
            self.unsaid.popleft()
            entries.append(outcome)
        return entries

    def said(self, entries: List[List[Any]], is_in_parts: bool) -> None:
        if not is_in_parts:
            self._whole.extend((entry[0], entry[1]) for entry in entries)

    def kept(self, count: int, names: List[List[Any]]) -> None:
        while self._kept < count and self._whole:
            self._kept += 1
            self.forget(self._whole.popleft())
        for name in names:
            self.forget((name[0], name[1]))
