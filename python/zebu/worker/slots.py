"""A slot as the worker sees it, and a job in it."""

from __future__ import annotations

import os
import signal
import socket
from typing import Any, Dict, Optional, Set

from .channel import Frames, Page, Tokens


class Run:
    """A job in a slot. `verdict` is set when its process has to die for it: hard or cancel."""

    __slots__ = ("seq", "job", "slot", "began", "soft", "hard", "kill_at", "verdict", "is_interrupted")

    def __init__(self, seq: int, job: Any, slot: "Slot", now: float) -> None:
        self.seq, self.job, self.slot, self.began = seq, job, slot, now
        self.soft: Optional[float] = None
        self.hard: Optional[float] = None
        self.kill_at: Optional[float] = None
        self.verdict = ""
        self.is_interrupted = False


class Slot:
    def __init__(self, number: int, width: int) -> None:
        self.number, self.width = number, width
        self.ours, self.theirs = socket.socketpair()
        self.ours.setblocking(False)
        self.page, self.tokens = Page.create(), Tokens.create()
        self.frames = Frames(0)
        self.out = bytearray()
        self.pid = 0
        self.is_ready = self.is_leaving = self.is_killed = False
        self.runs: Dict[int, Run] = {}  # in the order in which they start
        self.recalled: Set[int] = set()  # jobs that it has, will not start, and has not yet come to
        self.count = 0  # jobs that it has ended
        self.moved = 0.0  # when it ended the last one

    def is_open(self) -> bool:
        return self.is_ready and not self.is_leaving and not self.is_killed and not self.recalled

    def room(self) -> int:
        return self.width - len(self.runs) if self.is_open() else 0

    def close(self) -> None:
        self.ours.close()
        self.page.close()
        self.tokens.close()


def kill_group(pid: int) -> None:
    for kill in (os.killpg, os.kill):  # the group exists a moment after the process
        try:
            kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass


def how_it_died(status: int) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            return f"the process was killed by {signal.Signals(number).name}"
        except ValueError:
            return f"the process was killed by signal {number}"
    return f"the process exited with code {os.WEXITSTATUS(status)}"
