"""Bytes under way in one session: the window, ACK, parts, HOLD and GO. It owns no socket and reads no clock.

    flow.say(message)  ->  [window]  ->  flow.pump(now)  ->  send(frame)
    frame received     ->  flow.receive(frame, now)      ->  whole messages

Three lines wait for the window: small messages in order; large ones, whose parts take turns with each other and with
the small ones; and barriers, which pass nothing that was said before them. See *Bytes under way* in docs/protocol.md.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Callable, Deque, Dict, List, Optional, Tuple

from . import wire
from .wire import Message

MOST_UNDER_WAY = 8 << 20
MOST_TURNS = 16  # messages whose parts take turns


class Large:
    """A message in parts. `number` is None until its first part leaves, and again after GO."""

    __slots__ = ("order", "frame", "number", "offset", "is_held", "end")

    def __init__(self, order: int, frame: bytes) -> None:
        self.order, self.frame = order, frame
        self.number: Optional[int] = None
        self.offset = 0
        self.is_held = False
        self.end = 0  # bytes of the session at which its last part ended


class Flow:
    def __init__(self, send: Callable[[bytes], None], max_part: int, max_message: int, beat: float) -> None:
        self._send = send
        self.max_part, self.max_message, self._beat = max_part, max_message, beat
        self.window = max_part
        self.sent = self.acknowledged = self.received = 0
        self._owed = 0
        self._owes_now = False
        self._probe: Optional[Tuple[int, float]] = None
        self._small: Deque[Tuple[int, bytes]] = deque()
        self._large: Deque[Large] = deque()
        self._barriers: Deque[Tuple[int, bytes]] = deque()
        self._unconfirmed: Deque[Large] = deque()
        self._order = self._last_number = 0
        self._halves: Dict[int, Tuple[bytearray, int]] = {}
        self.said = 0.0  # when the last frame left

    # ── sending ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def say(self, message: Message, *, is_barrier: bool = False) -> bool:
        """Puts a message in line. Returns whether it will travel in parts."""
        frame = wire.pack(message)
        self._order += 1
        if len(frame) > self.max_part:
            self._large.append(Large(self._order, frame))
            return True
        (self._barriers if is_barrier else self._small).append((self._order, frame))
        return False

    def say_now(self, message: Message, now: float) -> None:
        """BEAT, ACK, HOLD, GO, and an ECHO: they do not wait for the window."""
        self._hand_over(wire.pack(message), now)

    def has_large(self) -> bool:
        return bool(self._large)

    def is_idle(self) -> bool:
        """Whether all that was said has been handed to the socket."""
        return not (self._small or self._large or self._barriers)

    def has_room(self) -> bool:
        """Whether the lines are short: what waits here is a second copy of what its owner keeps."""
        return len(self._small) < 8 and len(self._large) < MOST_TURNS

    def _hand_over(self, frame: bytes, now: float) -> None:
        self._send(frame)
        self.sent += len(frame)
        self.said = now

    def pump(self, now: float) -> None:
        """Hands to the socket what the window lets through, and the ACK that is due."""
        is_part_next = False
        while self.sent - self.acknowledged < self.window:
            if self._barriers and self._barriers[0][0] < self._first_unsent():
                self._hand_over(self._barriers.popleft()[1], now)
            elif self._small and not (is_part_next and self._has_part()):
                self._hand_over(self._small.popleft()[1], now)
                is_part_next = True
            elif self._send_part(now):
                is_part_next = False
            elif self._small:
                is_part_next = False
            else:
                break
        else:
            if self._probe is None and self.sent - self.acknowledged >= self.window:
                self._probe = (self.sent, now)
        if self._owes_now or self._owed >= self.max_part or (self._owed >= self.max_part // 4 and self.said == now):
            self._owes_now, self._owed = False, 0
            self._hand_over(wire.pack([wire.ACK, self.received]), now)

    def _first_unsent(self) -> int:
        orders = [line[0][0] for line in (self._small,) if line]
        orders += [message.order for message in self._large]
        return min(orders, default=self._order + 1)

    def _has_part(self) -> bool:
        return any(self._may_send(message) for message in self._turn())

    def _turn(self) -> List[Large]:
        begun = [message for message in self._large if not message.is_held]
        return begun[:MOST_TURNS]

    def _may_send(self, message: Large) -> bool:
        """A last part passes no message that was said before it, but for those that the broker holds back."""
        if len(message.frame) - message.offset > self.max_part:
            return True
        before = any(o.order < message.order for o in self._large if not o.is_held and o is not message)
        return not before and not (self._small and self._small[0][0] < message.order)

    def _send_part(self, now: float) -> bool:
        for message in self._turn():
            if not self._may_send(message):
                continue
            if message.number is None:
                self._last_number += 1
                message.number, message.offset = self._last_number, 0
            piece = message.frame[message.offset : message.offset + self.max_part]
            header = [wire.PART, message.number, message.offset, len(message.frame), piece]
            message.offset += len(piece)
            self._large.remove(message)
            self._hand_over(wire.pack(header), now)
            if message.offset == len(message.frame):
                message.end = self.sent
                self._unconfirmed.append(message)
            else:
                # Behind the others that have begun, so that they take turns.
                self._large.insert(min(len(self._turn()), MOST_TURNS - 1), message)
            return True
        return False

    # ── receiving ────────────────────────────────────────────────────────────────────────────────────────────────────

    def receive(self, frame: bytes, now: float) -> Optional[Message]:
        """The message that this frame is, or completes; None if it was one of the flow's own. Raises Malformed."""
        self.received += len(frame)
        self._owed += len(frame)
        message = wire.read(frame)
        handler = self._OWN.get(message[0])
        if handler is None:
            return message
        result: Optional[Message] = handler(self, message, now)
        return result

    def _on_ack(self, message: Message, now: float) -> None:
        self.acknowledged = max(self.acknowledged, min(message[1], self.sent))
        if self._probe is not None and self.acknowledged >= self._probe[0]:
            is_quick = now - self._probe[1] <= self._beat / 2
            self.window = min(2 * self.window, MOST_UNDER_WAY) if is_quick else max(self.window // 2, self.max_part)
            self._probe = None
        while self._unconfirmed and self._unconfirmed[0].end <= self.acknowledged:
            self._unconfirmed.popleft()

    def _on_hold(self, message: Message, now: float) -> None:
        for large in self._large:
            if large.number == message[1]:
                large.is_held = True
        for large in list(self._unconfirmed):
            if large.number == message[1]:
                large.is_held = True
                self._unconfirmed.remove(large)
                self._large.appendleft(large)

    def _on_go(self, message: Message, now: float) -> None:
        for large in self._large:
            if large.number == message[1]:
                large.is_held, large.number, large.offset = False, None, 0

    def _on_part(self, message: Message, now: float) -> Optional[Message]:
        number, offset, total, piece = message[1:5]
        if offset == 0:
            if total > self.max_message or (number not in self._halves and len(self._halves) >= MOST_TURNS):
                raise wire.Malformed(f"a message of {total} bytes, or more than {MOST_TURNS} at a time, in parts")
            self._halves[number] = (bytearray(piece), total)
        else:
            half = self._halves.get(number)
            if half is None or len(half[0]) != offset or half[1] != total:
                self._halves.pop(number, None)
                return None
            half[0].extend(piece)
        data = self._halves[number][0]
        if len(data) < total:
            return None
        del self._halves[number]
        self._owes_now = True
        return wire.read(bytes(data))

    def _on_echo(self, message: Message, now: float) -> None:
        self.say(message[:2], is_barrier=True)

    def _on_beat(self, message: Message, now: float) -> None:
        pass

    _OWN: Dict[int, Callable[..., Any]] = {
        wire.ACK: _on_ack,
        wire.HOLD: _on_hold,
        wire.GO: _on_go,
        wire.PART: _on_part,
        wire.ECHO: _on_echo,
        wire.BEAT: _on_beat,
    }
