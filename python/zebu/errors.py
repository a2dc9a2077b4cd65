"""What can go wrong, as exceptions. Texts that came from others are shown without control characters."""

from __future__ import annotations

import unicodedata
from typing import Any, Dict, List, Mapping, Optional


def printable(text: str) -> str:
    """The text with control characters, surrogates and bidirectional overrides as escapes, so that it cannot drive a
    terminal. Line ends and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in "\n\t" or unicodedata.category(c) not in _UNSEEN else _escape(c) for c in text)


_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def _escape(c: str) -> str:
    return c.encode("unicode_escape").decode()


class ZebuError(Exception):
    """Every exception of this package."""


class CannotTravel(ZebuError, TypeError):
    """A value that msgpack cannot carry, with its path: args[0]["a"][3]."""


class BadOption(ZebuError, ValueError):
    """An option of a job that is unknown or out of range."""


class Disconnected(ZebuError):
    """The broker cannot be reached, and the caller did not want to wait for it."""


class ClosedError(ZebuError, RuntimeError):
    """The client was closed."""


class ForkError(ZebuError, RuntimeError):
    """A future or a client of the parent process, used in a forked child."""


class ClientFull(ZebuError):
    """The client holds as many unanswered submissions as its limits allow."""


class SessionRefused(ZebuError):
    """The broker does not take this program, and trying again is in vain: its words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {printable(message)}")
        self.code, self.message = code, message


class Refused(ZebuError):
    """The broker refused the job or the request: its code and its words. `retry_after` is in seconds, or None."""

    def __init__(self, code: str, message: str, retry_after: Optional[float] = None) -> None:
        super().__init__(f"{code}: {printable(message)}")
        self.code, self.message, self.retry_after = code, message, retry_after

    def __reduce__(self) -> Any:
        return type(self), (self.code, self.message, self.retry_after)


class QueueFull(Refused):
    """The queue is at its limit of jobs or bytes."""


class TooLarge(Refused):
    """The job does not fit into a message."""


class UnknownJob(Refused):
    """The broker does not have this job: it was never submitted, or was forgotten."""


_REFUSALS: Mapping[str, type] = {"queue_full": QueueFull, "too_large": TooLarge, "unknown_job": UnknownJob}


def refusal(code: str, message: str, retry_after: Optional[float] = None) -> Refused:
    kind = _REFUSALS.get(code, Refused)
    error: Refused = kind(code, message, retry_after)
    return error


class JobFailed(ZebuError):
    """The job ended in state ``failed``. `cause` is the error that led to this one; `kind` is failure, permanent or
    crash; `trace` is innermost first."""

    def __init__(self, type: str, message: str, trace: List[str], kind: str = "failure",
                 cause: Optional["JobFailed"] = None, job_id: str = "", attempt: int = 0) -> None:
        super().__init__(f"{printable(type)}: {printable(message)}")
        self.type, self.message, self.trace, self.kind, self.cause = type, message, trace, kind, cause
        self.job_id, self.attempt = job_id, attempt
        self.__cause__ = cause

    def __reduce__(self) -> Any:
        return JobFailed, (self.type, self.message, self.trace, self.kind, self.cause, self.job_id, self.attempt)

    @staticmethod
    def of(value: Dict[str, Any], job_id: str = "", attempt: int = 0, depth: int = 8) -> "JobFailed":
        """From the map on the wire."""
        cause = value.get("cause")
        is_cause = depth > 0 and isinstance(cause, dict) and isinstance(cause.get("type"), str)
        trace = [line for line in value.get("trace", []) if isinstance(line, str)]
        return JobFailed(str(value["type"]), str(value.get("message", "")), trace, str(value.get("kind", "failure")),
                         JobFailed.of(cause, job_id, attempt, depth - 1) if is_cause and cause else None,
                         job_id, attempt)


class JobExpired(ZebuError):
    """The job's time passed before it started."""


# ── what a task raises ───────────────────────────────────────────────────────────────────────────────────────────────


class Retry(ZebuError):
    """Raised by a task: try this job again, after so many seconds instead of the job's own delay. Uses a retry."""

    def __init__(self, message: str = "", *, after: Optional[float] = None) -> None:
        super().__init__(message)
        self.after = after


class PermanentFailure(ZebuError):
    """Raised by a task: the job has failed, however many retries are left. `type` is shown to the submitter."""

    def __init__(self, message: str = "", *, type: str = "zebu.PermanentFailure") -> None:
        super().__init__(message)
        self.type = type


class Interrupted(BaseException):
    """Raised inside a running task from outside. Not an Exception, so that a task's own handlers let it through."""


class Cancelled(Interrupted):
    """The job was cancelled."""


class SoftLimit(Interrupted):
    """The job's soft limit has passed: clean up and return, or let it through."""
