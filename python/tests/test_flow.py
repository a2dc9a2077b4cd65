from __future__ import annotations

from typing import Any, List

import pytest

from zebu import wire
from zebu.flow import Flow

PART = 1024


class Pipe:
    """A flow, and what it handed to the socket."""

    def __init__(self, **limits: Any) -> None:
        self.frames: List[bytes] = []
        self.flow = Flow(self.frames.append, PART, 1 << 20, 1.0)
        self.now = 100.0

    def pump(self) -> List[Any]:
        """What leaves now, as messages."""
        begin = len(self.frames)
        self.flow.pump(self.now)
        return [wire.read(frame) for frame in self.frames[begin:]]

    def acknowledge(self, after: float = 0.0) -> List[Any]:
        self.now += after
        self.flow.receive(wire.pack([wire.ACK, self.flow.sent]), self.now)
        return self.pump()

    def all(self) -> List[Any]:
        messages = self.pump()
        while more := self.acknowledge():
            messages += more
        return messages


def large(mark: int, parts: int = 3) -> List[Any]:
    return [wire.QUERY, mark, "list", {"after": "x" * (PART * parts - 100)}]


def whole(messages: List[Any]) -> List[Any]:
    """Puts parts together, as a broker does."""
    other = Flow(lambda frame: None, PART, 1 << 20, 1.0)
    return [m for m in (other.receive(wire.pack(each), 0) for each in messages) if m is not None]


def test_no_frame_leaves_while_the_window_is_full_but_beats_do() -> None:
    pipe = Pipe()
    for number in range(300):
        pipe.flow.say([wire.WAIT, [bytes(16)]])
    first = pipe.pump()
    assert 0 < len(first) < 300 and PART <= pipe.flow.sent < PART + 64
    assert pipe.pump() == []
    pipe.flow.say_now([wire.BEAT], pipe.now)
    assert wire.read(pipe.frames[-1]) == [wire.BEAT]
    assert len(first) + len(pipe.acknowledge()) + len(pipe.all()) == 300


def test_the_window_doubles_when_acks_are_quick_and_halves_when_they_are_slow() -> None:
    pipe = Pipe()
    for _ in range(2000):
        pipe.flow.say([wire.WAIT, [bytes(16)]])
    pipe.pump()
    pipe.acknowledge(0.1)
    assert pipe.flow.window == 2 * PART
    pipe.acknowledge(0.1)
    assert pipe.flow.window == 4 * PART
    pipe.acknowledge(0.9)
    assert pipe.flow.window == 2 * PART
    for _ in range(3):
        pipe.acknowledge(0.9)
    assert pipe.flow.window == PART


def test_a_large_message_travels_in_parts_that_small_ones_pass() -> None:
    pipe = Pipe()
    assert pipe.flow.say(large(1)) is True
    assert pipe.flow.say([wire.WAIT, [bytes(16)]]) is False
    messages = pipe.all()
    kinds = [message[0] for message in messages]
    assert kinds.count(wire.PART) == 3 and kinds.index(wire.WAIT) < len(kinds) - 1
    assert all(len(message[4]) <= PART for message in messages if message[0] == wire.PART)
    assert sorted(m[0] for m in whole(messages)) == [wire.WAIT, wire.QUERY]


def test_the_last_part_passes_no_message_that_was_said_before_it() -> None:
    pipe = Pipe()
    pipe.flow.say(large(1, 4))
    pipe.flow.say(large(2, 2))
    pipe.flow.say(large(3, 3))
    assert [m[1] for m in whole(pipe.all())] == [1, 2, 3]


def test_a_barrier_passes_nothing() -> None:
    pipe = Pipe()
    pipe.flow.say(large(1))
    pipe.flow.say([wire.CANCEL, [bytes(16)]], is_barrier=True)
    pipe.flow.say([wire.WAIT, [bytes(16)]])
    messages = whole(pipe.all())
    assert [m[0] for m in messages] == [wire.WAIT, wire.QUERY, wire.CANCEL]


def test_hold_stops_a_message_and_go_begins_it_anew_under_another_number() -> None:
    pipe = Pipe()
    pipe.flow.say(large(1))
    (first,) = pipe.pump()
    pipe.flow.receive(wire.pack([wire.HOLD, first[1]]), pipe.now)
    pipe.flow.say(large(2))
    assert [m[1] for m in whole(pipe.acknowledge() + pipe.all())] == [2]
    pipe.flow.receive(wire.pack([wire.GO, first[1]]), pipe.now)
    again = pipe.all()
    assert again[0][2] == 0 and again[0][1] != first[1]
    assert [m[1] for m in whole(again)] == [1]


def test_hold_may_come_until_the_message_was_acknowledged() -> None:
    pipe = Pipe()
    pipe.flow.say(large(1, 2))
    first = pipe.pump() + pipe.acknowledge()
    assert len(first) == 2
    pipe.flow.receive(wire.pack([wire.HOLD, first[0][1]]), pipe.now)
    assert pipe.acknowledge() == []
    pipe.flow.receive(wire.pack([wire.GO, first[0][1]]), pipe.now)
    assert [m[1] for m in whole(pipe.all())] == [1]


def test_what_is_received_is_acknowledged_and_at_once_after_a_last_part() -> None:
    pipe = Pipe()
    frame = wire.pack([wire.ACCEPTED, [bytes(16)]])
    pipe.flow.receive(frame, pipe.now)
    assert pipe.pump() == []
    while pipe.flow.received < PART:
        pipe.flow.receive(frame, pipe.now)
    assert pipe.pump() == [[wire.ACK, pipe.flow.received]]
    pipe.flow.receive(wire.pack([wire.PART, 1, 0, 2, b"\x91"]), pipe.now)
    assert pipe.pump() == []
    assert pipe.flow.receive(wire.pack([wire.PART, 1, 1, 2, b"\x26"]), pipe.now) == [wire.DRAIN]
    assert pipe.pump() == [[wire.ACK, pipe.flow.received]]


def test_an_ack_goes_along_from_a_quarter_of_a_part_on() -> None:
    pipe = Pipe()
    while pipe.flow.received < PART // 4:
        pipe.flow.receive(wire.pack([wire.ACCEPTED, [bytes(16)]]), pipe.now)
    pipe.flow.say([wire.WAIT, []])
    assert pipe.pump() == [[wire.WAIT, []], [wire.ACK, pipe.flow.received]]


def test_echo_is_answered_behind_what_was_said_before() -> None:
    pipe = Pipe()
    pipe.flow.say(large(1))
    assert pipe.flow.receive(wire.pack([wire.ECHO, 7]), pipe.now) is None
    assert whole(pipe.all())[-1][0] == wire.QUERY
    assert wire.read(pipe.frames[-1]) == [wire.ECHO, 7]


def test_parts_that_do_not_fit_together_are_dropped_and_too_large_ones_refused() -> None:
    pipe = Pipe()
    assert pipe.flow.receive(wire.pack([wire.PART, 1, 5, 10, b"x"]), 0) is None
    with pytest.raises(wire.Malformed, match="in parts"):
        pipe.flow.receive(wire.pack([wire.PART, 2, 0, 1 << 30, b"x"]), 0)
    for number in range(3, 19):
        pipe.flow.receive(wire.pack([wire.PART, number, 0, 10, b"x"]), 0)
    with pytest.raises(wire.Malformed, match="16 at a time"):
        pipe.flow.receive(wire.pack([wire.PART, 99, 0, 10, b"x"]), 0)


@pytest.mark.parametrize("seed", range(60))
def test_whatever_is_said_arrives_once_and_in_the_order_that_the_protocol_asks_for(seed: int) -> None:
    import random
    source, pipe = random.Random(seed), Pipe()
    broker = Flow(lambda frame: None, PART, 1 << 20, 1.0)
    said, heard, held = [], [], []
    for number in range(40):
        message = large(number, source.randint(1, 4)) if source.random() < 0.4 else [wire.QUERY, number, "broker", {}]
        said.append(number)
        pipe.flow.say(message)
        if source.random() < 0.5:
            for each in pipe.pump() if source.random() < 0.5 else pipe.acknowledge():
                if each[0] == wire.PART and source.random() < 0.1:
                    held.append(each[1])
                    broker._halves.pop(each[1], None)
                    pipe.flow.receive(wire.pack([wire.HOLD, each[1]]), pipe.now)
                elif each[0] != wire.PART or each[1] not in held:
                    message_or_none = broker.receive(wire.pack(each), 0)
                    heard += [message_or_none[1]] if message_or_none else []
    for number in held:
        pipe.flow.receive(wire.pack([wire.GO, number]), pipe.now)
    for each in pipe.all() + pipe.all():
        message_or_none = broker.receive(wire.pack(each), 0)
        heard += [message_or_none[1]] if message_or_none else []
    assert sorted(heard) == said and pipe.flow.is_idle()
