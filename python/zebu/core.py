"""What a client has said and not yet heard an answer to. One thread or loop owns it; it blocks nowhere and knows no
futures: a job's `sink` hears what becomes of it. After a broken connection it says again what has no answer."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Optional, Protocol, Sequence

from . import wire
from .errors import Disconnected, SessionRefused, TooLarge, UnknownJob, ZebuError, printable, refusal
from .link import Link, default_name
from .values import decode
from .wire import Message

log = logging.getLogger("zebu")
_ENTRY_ROOM = 64  # bytes of an entry of SUBMIT beside its fields


class Sink(Protocol):
    """What becomes of a job. Called from the owner's loop."""

    def on_accepted(self) -> None: ...
    def on_attached(self, to: bytes) -> None: ...
    def on_settled(self, attempt: int, state: str, value: Any, run_us: int) -> None: ...
    def on_progress(self, entry: List[Any]) -> None: ...
    def on_failed(self, error: ZebuError) -> None: ...


class Job:
    """A submission, or a wait for the job of somebody else (`entry` is None)."""

    __slots__ = ("id", "entry", "wait", "size", "sink", "has_room", "is_ours", "is_sent", "was_sent", "is_accepted")

    def __init__(self, id: bytes, entry: Optional[List[Any]], wait: bool, size: int, sink: Sink) -> None:
        self.id, self.entry, self.wait, self.size, self.sink = id, entry, wait, size, sink
        self.has_room = False  # it counts in its client's limits
        self.is_sent = self.was_sent = False  # in this session, in any session
        self.is_ours = entry is not None
        self.is_accepted = entry is None


class Request:
    """A QUERY or a COMMAND. `reply` gets its answer or an exception, once."""

    __slots__ = ("kind", "what", "params", "reply", "number")

    def __init__(self, kind: int, what: str, params: Dict[str, Any], reply: Callable[[Any], None]) -> None:
        self.kind, self.what, self.params, self.reply = kind, what, params, reply
        self.number = 0


class Core:
    """The handler of a client's link. `freed(size)` is called for each submission that was answered."""

    def __init__(self, endpoints: Sequence[str], name: Optional[str], freed: Callable[[int], None]) -> None:
        self.link = Link(endpoints, "client", name or default_name(), self)
        self._freed = freed
        self._fresh: Deque[Job] = deque()  # to be submitted
        self._jobs: Dict[bytes, Job] = {}  # submitted or waited for, not settled
        self._attached: Dict[bytes, List[Job]] = {}  # by the id of the job that they got instead
        self._unanswered = 0  # said in this session
        self._open = 0  # submitted and unanswered, said or not
        self._grant = 0
        self._cancels: Dict[bytes, List[Callable[[Any], None]]] = {}
        self._asked: Deque[Request] = deque()
        self._requests: Dict[int, Request] = {}
        self._last_number = 0
        self.refused: Optional[SessionRefused] = None
        self.why_down = f"no broker has answered at {', '.join(endpoints)}"
        self._is_away = self._has_been_up = False

    # ── what the client wants ────────────────────────────────────────────────────────────────────────────────────────

    def submit(self, job: Job) -> None:
        if self.refused is not None:
            self._freed(job.size)
            job.sink.on_failed(self.refused)
            return
        self._jobs[job.id] = job
        self._fresh.append(job)
        self._open += 1

    def wait(self, job: Job) -> None:
        if job.id in self._jobs:
            self._attached.setdefault(job.id, []).append(job)
            return
        self._jobs[job.id] = job
        if self.link.flow is not None:
            self.link.flow.say([wire.WAIT, [job.id]])

    def cancel(self, id: bytes, reply: Optional[Callable[[Any], None]] = None) -> None:
        """`reply` gets the state that ENDING names, or an exception."""
        job = self._jobs.get(id)
        if job is not None and not job.is_accepted and not job.was_sent:
            self._those_of(id)  # _submit_some passes over it
            job.sink.on_settled(0, "cancelled", None, 0)
            if reply is not None:
                reply("cancelled")
            return
        is_new = id not in self._cancels
        self._cancels.setdefault(id, []).extend([reply] if reply is not None else [])
        if is_new and (job is None or job.is_accepted or job.is_sent):
            self._say_cancel(id)

    def _say_cancel(self, id: bytes) -> None:
        if self.link.flow is not None:
            # It must not pass the SUBMIT of its job, which may still be in parts.
            self.link.flow.say([wire.CANCEL, [id]], is_barrier=self.link.flow.has_large())

    def ask(self, request: Request) -> None:
        if self.refused is not None:
            request.reply(self.refused)
        else:
            self._asked.append(request)

    def drop(self, request: Request) -> None:
        """Nobody waits for its answer any more."""
        self._requests.pop(request.number, None)
        if request in self._asked:
            self._asked.remove(request)

    def own_ids(self) -> List[bytes]:
        """Of the jobs that this client submitted."""
        return [job.id for job in self._jobs.values() if job.is_ours]

    def pending(self) -> int:
        return len(self._jobs) + len(self._attached)

    def unaccepted(self) -> int:
        return self._open

    def pump(self, now: float) -> None:
        """Puts into line what the grant and the line's room allow, and lets it leave."""
        flow = self.link.flow
        if flow is None:
            return
        while self._asked:
            request = self._asked.popleft()
            self._last_number += 1
            request.number = self._last_number
            self._requests[request.number] = request
            flow.say([request.kind, request.number, request.what, request.params])
        while self._fresh and self._unanswered < self._grant and flow.has_room():
            self._submit_some(flow.max_part, flow.max_message)
        self.link.flush(now)

    def _submit_some(self, max_part: int, max_message: int) -> None:
        flow = self.link.flow
        assert flow is not None
        wait, size = self._fresh[0].wait, 0
        batch: List[Job] = []
        while self._fresh and self._unanswered < self._grant and len(batch) < 10_000:
            job = self._fresh[0]
            if self._jobs.get(job.id) is not job:
                self._fresh.popleft()  # cancelled before it was sent
                continue
            size += job.size + _ENTRY_ROOM
            if batch and (job.wait != wait or size > max_part):
                break
            self._fresh.popleft()
            if job.size + _ENTRY_ROOM > max_message:
                self._those_of(job.id)
                job.sink.on_failed(TooLarge(
                    "too_large", f"the job has {job.size:,} bytes, and a message may have {max_message:,}"))
                continue
            batch.append(job)
            job.is_sent = job.was_sent = True
            self._unanswered += 1
        if batch:
            flow.say([wire.SUBMIT, wait, [job.entry for job in batch]])
            for id in self._cancels.keys() & {job.id for job in batch} if self._cancels else ():
                self._say_cancel(id)

    # ── what the link says ───────────────────────────────────────────────────────────────────────────────────────────

    def hello_facts(self) -> Dict[str, Any]:
        return {}

    def on_up(self, facts: Dict[str, Any]) -> None:
        flow = self.link.flow
        assert flow is not None
        self._grant = facts["grant"]
        self._is_away, self._has_been_up = False, True
        self.why_down = "the broker is there and does not answer"
        self._unanswered = 0
        again = [job for job in self._jobs.values() if job.is_sent and not job.is_accepted]
        for job in again:
            job.is_sent = False
        self._fresh.extendleft(reversed(again))
        waits = [job.id for job in self._jobs.values() if job.is_accepted and job.wait]
        waits += [to for to in self._attached if to not in self._jobs]
        for at in range(0, len(waits), 2000):
            flow.say([wire.WAIT, waits[at:at + 2000]])
        for id in list(self._cancels):
            job_or_none = self._jobs.get(id)
            if job_or_none is None or job_or_none.is_accepted:
                self._say_cancel(id)

    def on_down(self, why: str) -> None:
        if not self._is_away:
            self._is_away = True
            log.warning("no session with the broker: %s; trying again", printable(why))
        if self._has_been_up:
            self.why_down = f"the session ended: {why}"
        requests, self._requests = self._requests, {}
        for request in requests.values():
            request.reply(Disconnected(f"the session ended before the answer came: {why}; look whether it was done"))

    def on_refused(self, error: SessionRefused) -> None:
        self.refused = error
        self.fail_all(error)

    def on_trouble(self, text: str) -> None:
        log.warning("%s", printable(text))

    def fail_all(self, error: ZebuError) -> None:
        for request in [*self._requests.values(), *self._asked]:
            request.reply(error)
        for replies in self._cancels.values():
            for reply in replies:
                reply(error)
        self._open = 0
        jobs = list(self._jobs.values()) + [job for group in self._attached.values() for job in group]
        for clearable in (self._requests, self._asked, self._cancels, self._jobs, self._attached, self._fresh):
            clearable.clear()  # type: ignore[attr-defined]
        for job in jobs:
            if not job.is_accepted:
                self._freed(job.size)
            job.sink.on_failed(error)

    def on_message(self, message: Message) -> None:
        handler = self._HANDLERS.get(message[0])
        if handler is not None:
            handler(self, message)

    def _answered(self, job: Job) -> None:
        if not job.is_accepted:
            job.is_accepted = True
            self._open -= 1
            if job.is_sent:
                self._unanswered = max(0, self._unanswered - 1)
            self._freed(job.size)

    def _on_accepted(self, message: Message) -> None:
        for id in message[1]:
            job = self._jobs.get(id)
            if job is not None and not job.is_accepted:
                self._answered(job)
                job.entry = None
                if not job.wait:
                    del self._jobs[id]
                job.sink.on_accepted()

    def _on_attached(self, message: Message) -> None:
        for id, to in (entry[:2] for entry in message[1]):
            job = self._jobs.pop(id, None)
            if job is None:
                continue
            self._answered(job)
            job.entry = None
            job.sink.on_attached(to)
            if job.wait:
                self._attached.setdefault(to, []).append(job)
            else:
                job.sink.on_accepted()

    def _on_refused(self, message: Message) -> None:
        for id, code, text, retry_after_ms in (entry[:4] for entry in message[1]):
            job = self._jobs.pop(id, None)
            if job is not None:
                self._answered(job)
                job.sink.on_failed(refusal(code, text, retry_after_ms / 1000 if retry_after_ms else None))

    def _those_of(self, id: bytes) -> List[Job]:
        job = self._jobs.pop(id, None)
        jobs = self._attached.pop(id, [])
        if job is not None:
            self._answered(job)
            jobs.append(job)
        return jobs

    def _on_done(self, message: Message) -> None:
        for entry in message[1]:
            if not wire.is_done_entry(entry):
                self.on_trouble("an entry of DONE cannot be read, and was dropped")
            elif entry[2] in wire.FINAL_STATES:
                for reply in self._cancels.pop(entry[0], ()):
                    reply(entry[2])
                for job in self._those_of(entry[0]):
                    job.sink.on_settled(entry[1], entry[2], entry[3], entry[4])

    def _on_unknown(self, message: Message) -> None:
        for id in message[1]:
            error = UnknownJob("unknown_job", f"the broker does not have job {wire.id_text(id)}: it was never "
                               "submitted, was forgotten, or was transient and the broker restarted")
            for reply in self._cancels.pop(id, ()):
                reply(error)
            job = self._jobs.get(id)
            if job is not None and not job.is_accepted:
                continue  # it answers an earlier CANCEL; the job itself has its own answer
            for each in self._those_of(id):
                each.sink.on_failed(error)

    def _on_ending(self, message: Message) -> None:
        for id, state in (entry[:2] for entry in message[1]):
            for reply in self._cancels.pop(id, ()):
                reply(state)

    def _on_progress(self, message: Message) -> None:
        for entry in message[1]:
            if not wire.is_progress_entry(entry):
                continue
            job = self._jobs.get(entry[0])
            for each in [*([job] if job is not None else []), *self._attached.get(entry[0], ())]:
                each.sink.on_progress(entry)

    def _on_answer(self, message: Message) -> None:
        if wire.optional(message, 3, False) is True:
            return
        request = self._requests.pop(message[1], None)
        if request is None:
            return
        try:
            answer = decode(message[2])
        except ValueError as error:
            request.reply(ZebuError(f"the broker's answer cannot be read: {error}"))
            return
        refused = answer.get("error") if isinstance(answer, dict) else None
        if isinstance(refused, dict) and "code" in refused:
            request.reply(refusal(str(refused["code"]), str(refused.get("message", ""))))
        else:
            request.reply(answer)

    _HANDLERS: Dict[int, Callable[["Core", Message], None]] = {
        wire.ACCEPTED: _on_accepted,
        wire.ATTACHED: _on_attached,
        wire.REFUSED: _on_refused,
        wire.DONE: _on_done,
        wire.UNKNOWN: _on_unknown,
        wire.ENDING: _on_ending,
        wire.PROGRESS: _on_progress,
        wire.ANSWER: _on_answer,
    }
