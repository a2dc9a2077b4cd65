"""The ledger of the crash rounds finds what it is there for."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import pytest

from crash.book import Begun, Heard, Planned
from crash.ledger import Ledger

ID = "01a20039-a532-7000-94a7-066dea86e798"
SECOND = 1_000_000_000


def begun(attempt: int, at: float, *, is_to_fail: bool = False, end: Optional[float] = None) -> Begun:
    return Begun(ID, attempt, is_to_fail, f"mark-{attempt}-{at}", int(at * SECOND),
                 None if end is None else int(end * SECOND))


def complaints(kind: str, *, attempts: List[Begun], dead: int = 0, heard: Optional[List[str]] = None,
               last: str = "succeeded mark-1-1", all_lived: bool = False, accepted: bool = True, delay_ms: int = 0,
               status: Optional[Dict[str, Any]] = None) -> List[str]:
    """Of a job with these attempts, of which the first `dead` ones were those of consumers that died."""
    ledger = Ledger(all_lived)
    ledger.add_plan(ID, Planned(kind, delay_ms=delay_ms))
    ledger.add_heard(Heard(ID, "submitted", "0"), [])
    ledger.jobs[ID].submitted = SECOND // 2
    if accepted:
        ledger.add_heard(Heard(ID, "accepted"), [])
    for text in [last] if heard is None else heard:
        ledger.add_heard(Heard(ID, "done", text), [])
    for number, attempt in enumerate(attempts):
        ledger.add_begun(attempt, number >= dead)
    ledger.add_last(ID, status or {"losses": 0, "crashes": 0}, last)
    return [text.partition("\n")[0] for text in ledger.complaints()]


def test_what_is_right_is_no_complaint() -> None:
    assert complaints("plain", attempts=[begun(1, 1, end=2)]) == []
    assert complaints("plain", attempts=[begun(1, 0.7), begun(2, 1, end=2)], dead=1, last="succeeded mark-2-1") == []
    flaky = [begun(1, 1, is_to_fail=True, end=2), begun(2, 3, end=4)]
    assert complaints("flaky", attempts=flaky, last="succeeded mark-2-3") == []
    assert complaints("failing", attempts=[begun(1, 1, is_to_fail=True)], last="failed RuntimeError: mark-1-1") == []
    assert complaints("early", attempts=[begun(1, 1)], last="failed zebu::ConsumerLost: gone") == []
    assert complaints("unwanted", attempts=[], last="cancelled") == []
    assert complaints("deaf", attempts=[begun(1, 1)], last="failed zebu::HardLimit: 0.3 s") == []


@pytest.mark.parametrize("wrong, job", [
    ("it was never accepted", {"kind": "plain", "attempts": [], "accepted": False, "heard": []}),
    ("its producer heard no outcome", {"kind": "plain", "attempts": [begun(1, 1)], "heard": []}),
    ("its outcome has changed", {"kind": "plain", "attempts": [begun(1, 1)], "heard": ["succeeded other"]}),
    ("nobody cancelled it", {"kind": "plain", "attempts": [], "last": "cancelled"}),
    ("no attempt had its result", {"kind": "plain", "attempts": [begun(1, 1)], "last": "succeeded other"}),
    ("it cannot succeed, and has", {"kind": "failing", "attempts": [begun(1, 1)]}),
    ("it crashed, and no crash is counted", {"kind": "exits", "attempts": [begun(1, 1)]}),
    ("it has no final state", {"kind": "plain", "attempts": [], "last": "running"}),
    ("it has expired", {"kind": "fresh", "attempts": [], "last": "expired"}),
    ("no attempt failed in this way", {"kind": "failing", "attempts": [begun(1, 1)], "last": "failed X: other"}),
    ("it has failed", {"kind": "plain", "attempts": [begun(1, 1)], "last": "failed X: y"}),
    ("it has failed", {"kind": "early", "attempts": [begun(1, 1)], "last": "failed X: y", "all_lived": True}),
    ("it began before its delay had passed", {"kind": "late", "attempts": [begun(1, 1)], "delay_ms": 600}),
    ("it is at most once, and ran more often", {"kind": "early", "attempts": [begun(1, 1), begun(2, 2)], "dead": 1}),
    ("a loss or a crash is counted, and all consumers lived",
     {"kind": "plain", "attempts": [begun(1, 1)], "all_lived": True, "status": {"losses": 1, "crashes": 0}}),
    ("consumers that lived began an attempt twice",
     {"kind": "plain", "attempts": [begun(1, 1, is_to_fail=True, end=1.5), begun(1, 2)]}),
    ("it ran again, though its consumer lived", {"kind": "plain", "attempts": [begun(1, 1, end=2), begun(2, 3)]}),
    ("it ran twice at once, though its consumer lived",
     {"kind": "plain", "attempts": [begun(1, 1, is_to_fail=True, end=4), begun(2, 3)]}),
])
def test_each_wrong_is_found(wrong: str, job: Dict[str, Any]) -> None:
    assert complaints(**job) == [wrong]


def test_a_job_whose_producer_died_before_it_left_is_excused_and_its_attempts_are_judged() -> None:
    ledger = Ledger(False)
    ledger.add_heard(Heard(ID, "submitted", "0 5"), [Planned()])
    assert ledger.complaints() == []
    other = ID.replace("8", "9")
    for attempt in (begun(1, 1, end=2), begun(2, 3)):
        ledger.add_begun(attempt._replace(job=other), True)
    assert len(ledger.complaints()) == 1
