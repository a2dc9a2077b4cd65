"""All that was written down about the jobs of a round, and what is wrong with it; as tests/crash/ledger.cpp."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Set

from crash.book import Begun, Heard, Planned

MILLISECOND = 1_000_000


class Attempt:
    def __init__(self, begun: Begun, lived: bool) -> None:
        self.begun, self.lived = begun, lived


class Job:
    def __init__(self) -> None:
        self.plan: Optional[Planned] = None  # None: its producer died before it had written down what it submits
        self.is_accepted = False
        self.is_sure = False  # its producer submits it until it is accepted
        self.submitted: Optional[int] = None
        self.heard: List[str] = []
        self.attempts: List[Attempt] = []
        self.last = ""  # what the broker says in the end
        self.losses = self.crashes = 0


class Ledger:
    """all_lived: no consumer was killed or silent for long, so that no job has an excuse."""

    def __init__(self, all_lived: bool) -> None:
        self._all_lived = all_lived
        self.jobs: Dict[str, Job] = {}

    def job(self, id: str) -> Job:
        return self.jobs.setdefault(id, Job())

    def add_plan(self, id: str, plan: Planned) -> None:
        """Of a producer that knows the ids before it starts."""
        job = self.job(id)
        job.plan, job.is_sure = plan, True

    def add_heard(self, heard: Heard, plans: List[Planned]) -> None:
        """`plans`: of a producer in Python, which says by number what it submitted."""
        job = self.job(heard.id)
        if heard.what == "submitted":
            words = heard.text.split()
            if plans:
                job.plan = plans[int(words[0])]
            job.submitted = job.submitted or int(words[-1])
        else:
            job.is_accepted = True
            if heard.what == "done":
                job.heard.append(heard.text)

    def add_begun(self, begun: Begun, lived: bool) -> None:
        """lived: the consumer was neither killed nor silent for long, nor was a process of it killed."""
        self.job(begun.job).attempts.append(Attempt(begun, lived))

    def accepted(self) -> List[str]:
        return [id for id, job in self.jobs.items() if job.is_accepted]

    def add_last(self, id: str, status: Optional[Dict[str, Any]], outcome: str) -> None:
        job = self.job(id)
        job.last = outcome
        if status is not None:
            job.losses, job.crashes = status["losses"], status["crashes"]

    def complaints(self) -> List[str]:
        found = [(id, job, self._complaint(job)) for id, job in self.jobs.items()]
        return [f"{wrong}\n{described(id, job)}" for id, job, wrong in found if wrong]

    def _complaint(self, job: Job) -> str:
        plan = job.plan
        if plan is not None and (job.is_accepted or job.is_sure):
            wrong = self._about_outcome(job, plan) or _about_time(job, plan)
            if wrong:
                return wrong
            if plan.kind == "early" and len(job.attempts) > 1:
                return "it is at most once, and ran more often"
        if self._all_lived:
            may_crash = plan is not None and plan.kind in ("exits", "segfaults")
            if job.losses > 0 or job.crashes > int(may_crash):
                return "a loss or a crash is counted, and all consumers lived"
        return _about_attempts(job.attempts)

    def _about_outcome(self, job: Job, plan: Planned) -> str:
        if not job.is_accepted:
            return "it was never accepted"
        if not job.heard:
            return "its producer heard no outcome"
        if any(heard != job.last for heard in job.heard):
            return "its outcome has changed"
        if job.last == "cancelled":
            return "" if plan.kind == "unwanted" else "nobody cancelled it"
        is_named = any(job.last.endswith(" " + attempt.begun.mark) for attempt in job.attempts)
        if job.last.startswith("succeeded"):
            if plan.kind in ("failing", "deaf", "stands"):
                return "it cannot succeed, and has"
            if plan.kind in ("exits", "segfaults") and job.crashes == 0:
                return "it crashed, and no crash is counted"
            return "" if is_named else "no attempt had its result"
        if not job.last.startswith("failed"):
            return "it has no final state" if job.last != "expired" else "it has expired"
        if plan.kind == "failing":
            return "" if is_named else "no attempt failed in this way"
        if plan.kind in ("deaf", "stands") and job.last.startswith("failed zebu::HardLimit"):
            return ""
        # An attempt that was lost with its consumer is not repeated.
        return "" if plan.kind == "early" and not self._all_lived else "it has failed"


def _about_time(job: Job, plan: Planned) -> str:
    """Times on the wire have whole milliseconds."""
    if job.submitted is None:
        return ""
    due = job.submitted + (plan.delay_ms - 1) * MILLISECOND
    is_early = any(attempt.begun.at < due for attempt in job.attempts)
    return "it began before its delay had passed" if is_early else ""


def _about_attempts(attempts: List[Attempt]) -> str:
    """A consumer that lived begins no attempt twice, and what succeeded there is not begun again by anybody. But one
    that was silent may begin late what it was given long ago, and has been taken from it since."""
    attempts = sorted(attempts, key=lambda attempt: attempt.begun.at)
    lived: Set[int] = set()
    for at, attempt in enumerate(attempts):
        if not attempt.lived:
            continue
        if attempt.begun.attempt in lived:
            return "consumers that lived began an attempt twice"
        lived.add(attempt.begun.attempt)
        later = next((each for each in attempts[at + 1:]
                      if each.lived or each.begun.attempt >= attempt.begun.attempt), None)
        if later is None:
            continue
        if not attempt.begun.is_to_fail:
            return "it ran again, though its consumer lived"
        if attempt.begun.end is None or attempt.begun.end > later.begun.at:
            return "it ran twice at once, though its consumer lived"
    return ""


def described(id: str, job: Job) -> str:
    text = f"  job {id}, plan {job.plan}, {job.losses} losses, {job.crashes} crashes"
    text += "".join(f"\n  heard: {heard}" for heard in job.heard) + f"\n  the broker says: {job.last}"
    for attempt in sorted(job.attempts, key=lambda attempt: attempt.begun.at):
        begun = attempt.begun
        text += (f"\n  attempt {begun.attempt} as {begun.mark} at {begun.at} until {begun.end}"
                 + ("" if attempt.lived else ", in a consumer that was killed or silent"))
    return text
