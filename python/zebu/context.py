"""What a running task can ask of its job and say about it."""

from __future__ import annotations

import contextvars
import datetime
import threading
import time
from typing import Any, Callable, Dict, Mapping, Optional

from . import wire
from .errors import Cancelled, SoftLimit

# done (or None: unchanged or unknown), note, output
Report = Callable[[Optional[float], str, str], None]


def _nowhere(done: Optional[float], note: str, output: str) -> None:
    pass


class Context:
    """Of one attempt. A task gets it as its first parameter (``bind=True``), or anywhere by zebu.context()."""

    def __init__(self, job_id: str = "", attempt: int = 1, task: str = "", queue: str = "default",
                 options: Optional[Mapping[str, Any]] = None, report: Report = _nowhere) -> None:
        options = options or {}
        self.job_id, self.attempt, self.task, self.queue = job_id, attempt, task, queue
        self.headers: Dict[str, str] = dict(options.get("headers") or {})
        self.retries = int(options.get("retries", 0))
        self.failures, self.crashes, self.losses = (int(options.get(key, 0)) for key in
                                                    ("failures", "crashes", "losses"))
        self.is_private = bool(options.get("private", False))
        self._limits = [options[key] / 1000 for key in ("soft_limit_ms", "hard_limit_ms") if options.get(key)]
        self._report = report
        self._began = time.monotonic()
        self._fired = threading.Event()
        self._reason = ""  # cancel or soft: why it fired

    def progress(self, done: Optional[float] = None, note: str = "") -> None:
        """The fraction done, from 0 to 1, or None: unknown; and the current step. May be called in an inner loop."""
        if done is not None:
            if not isinstance(done, (int, float)) or done != done:
                raise TypeError(f"progress takes a number from 0 to 1, or None, not {done!r}")
            done = min(1.0, max(0.0, float(done)))
        self._report(done, wire.cut_text(str(note), wire.MAX_NOTE), "")

    def output(self, text: str) -> None:
        """Appends to the output that the job shows before its result is there."""
        if not isinstance(text, str):
            raise TypeError(f"output takes a str, not {text!r}")
        self._report(None, "", wire.clean_text(text))

    @property
    def cancelled(self) -> bool:
        """Whether the job was cancelled or its soft limit has passed."""
        return self._fired.is_set()

    def raise_if_cancelled(self) -> None:
        if self._fired.is_set():
            raise self.interruption()

    def wait(self, seconds: float) -> bool:
        """Sleeps; False as soon as the job is cancelled or its soft limit passes."""
        return not self._fired.wait(seconds)

    @property
    def deadline(self) -> Optional[datetime.datetime]:
        """When the first of the two limits is reached."""
        left = self.remaining()
        return None if left is None else datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=left)

    def remaining(self) -> Optional[float]:
        """Seconds until then."""
        return min(self._limits) - (time.monotonic() - self._began) if self._limits else None

    # For those that run the task.

    def fire(self, reason: str) -> None:
        if not self._reason or reason == "cancel":
            self._reason = reason
        self._fired.set()

    @property
    def reason(self) -> str:
        return self._reason

    def interruption(self) -> BaseException:
        if self._reason == "soft":
            return SoftLimit("the soft limit of the job has passed")
        return Cancelled("the job was cancelled")


current: "contextvars.ContextVar[Context]" = contextvars.ContextVar("zebu_context")


def context() -> Context:
    """That of the attempt that runs here. Raises LookupError outside of a task."""
    try:
        return current.get()
    except LookupError:
        raise LookupError("there is no job here: zebu.context() is for code that a task runs") from None
