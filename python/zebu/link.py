"""One peer's session with the broker, over as many connections as it takes. It runs in its owner's loop, a thread's or
asyncio's: the owner watches `socket`, and calls `read`, `advance` and `flush`. Nothing here blocks.

    start -> greeting (HELLO said) -> up (WELCOME heard) -> [silence, BYE, no_session] -> pausing -> greeting ...
                                   -> refused for good
"""

from __future__ import annotations

import os
import random
import time
from typing import Any, Dict, List, Optional, Protocol, Sequence, Union

import zmq

from . import wire
from .errors import SessionRefused
from .flow import Flow
from .wire import Message

FIRST_LIVENESS = 3.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
MOST_FRAMES, MOST_BYTES = 256, 1 << 20  # of one round


class Handler(Protocol):
    """The owner of a link. All of these are called from the loop."""

    def hello_facts(self) -> Dict[str, Any]: ...
    def on_up(self, facts: Dict[str, Any]) -> None: ...
    def on_message(self, message: Message) -> None: ...
    def on_down(self, why: str) -> None: ...
    def on_refused(self, error: SessionRefused) -> None: ...
    def on_trouble(self, text: str) -> None: ...


def endpoints_of(value: Union[str, Sequence[str], None], default: str) -> List[str]:
    """One endpoint, several behind commas, or a sequence of them. Raises ValueError for one that is none."""
    parts = value.split(",") if isinstance(value, str) else list(value or [])
    result = [part.strip() for part in parts if part.strip()] or [default]
    for endpoint in result:
        if not endpoint.startswith(("tcp://", "ipc://", "inproc://")):
            raise ValueError(f"{endpoint!r} is not an endpoint of a broker: tcp://HOST:PORT")
        if endpoint.startswith("tcp://") and not endpoint.rpartition(":")[2].isdigit():
            raise ValueError(f"{endpoint!r} has no port: tcp://HOST:PORT")
    return result


def default_name() -> str:
    """HOST-PID, as the other programs are called."""
    host = "".join(c for c in os.uname().nodename if c > " " and c != "\x7f") or "host"
    return wire.cut_text(host, 100) + f"-{os.getpid()}"


class Link:
    def __init__(self, endpoints: Sequence[str], role: str, name: str, handler: Handler) -> None:
        self._endpoints, self._role, self._name, self._handler = list(endpoints), role, name, handler
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.instance = wire.new_id()
        self.socket: Optional[zmq.Socket[bytes]] = None
        self.flow: Optional[Flow] = None  # while the session is up
        self.liveness, self.beat = FIRST_LIVENESS, FIRST_LIVENESS / 3
        self._heard = self._looked = 0.0
        self._next_try: Optional[float] = 0.0
        self._tries = self._turn = 0
        self._is_closing = self.is_over = False

    # ── what the owner's loop calls ──────────────────────────────────────────────────────────────────────────────────

    @property
    def is_up(self) -> bool:
        return self.flow is not None

    def advance(self, now: float) -> float:
        """Does what is due, and returns when to call again at the latest. Call it after each round of reading."""
        if self.is_over:
            return now + 60.0
        if self._next_try is not None:
            if now < self._next_try:
                return self._next_try
            self._greet(now)
        # A pause of our own is no silence of the broker: a look that comes late counts as one that came in time.
        if now - self._looked > self.beat:
            self._heard += now - self._looked
        self._looked = now
        patience = self.liveness if self.is_up or len(self._endpoints) == 1 else min(self.liveness, 1.0)
        if now - self._heard >= patience:
            self._down("the broker is silent", now)
            return self._next_try or now
        look = now + self.beat / 2
        if self.flow is None:
            return min(look, self._heard + patience)
        if now - self.flow.said >= self.beat * 0.8:
            self.flow.say_now([wire.BEAT], now)
        return min(look, self._heard + patience, self.flow.said + self.beat * 0.8)

    def read(self, now: float) -> bool:
        """Handles what has come, up to a bound, and returns whether there may be more."""
        budget = MOST_BYTES
        for _ in range(MOST_FRAMES):
            socket = self.socket
            if socket is None or budget <= 0:
                break
            try:
                frame = socket.recv(zmq.NOBLOCK)
                if socket.getsockopt(zmq.RCVMORE):
                    while socket.getsockopt(zmq.RCVMORE):
                        socket.recv(zmq.NOBLOCK)
                    self._handler.on_trouble("a message of more than one frame was dropped")
                    continue
            except zmq.Again:
                return False
            self._heard = now
            budget -= len(frame)
            try:
                self._take(frame, now)
            except wire.Malformed as error:
                self._handler.on_trouble(f"a message of the broker was dropped: {error}")
        return self.socket is not None

    def flush(self, now: float) -> None:
        if self.flow is not None:
            self.flow.pump(now)

    def restart(self, now: float) -> None:
        """Ends this session and begins a new one at once."""
        self._down("restarted", now, pause=0.0)

    def close(self, linger: float = 0.5) -> None:
        """Says BYE if there is a session, and ends. The messages in line must have left before."""
        if self.is_over:
            return
        self.is_over = True
        if self.flow is not None:
            self.flow.say_now([wire.BYE], time.monotonic())
        self._drop_socket(int(linger * 1000))
        self.flow = None
        self._context.term()

    def abandon(self) -> None:
        """In a forked child: the sockets are the parent's, and only forgotten."""
        self.is_over = True
        self.socket = self.flow = None

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _greet(self, now: float) -> None:
        socket = self._context.socket(zmq.DEALER)
        for option, value in ((zmq.SNDHWM, 0), (zmq.RCVHWM, 0), (zmq.LINGER, 0), (zmq.MAXMSGSIZE, -1)):
            socket.setsockopt(option, value)
        self.socket = socket
        self._next_try = None
        self._heard = self._looked = now
        try:
            socket.connect(self._endpoints[self._turn % len(self._endpoints)])
        except zmq.ZMQError as error:
            self._refuse(SessionRefused("system", f"{self._endpoints[self._turn % len(self._endpoints)]}: {error}"))
            return
        facts = self._handler.hello_facts()
        hello = [wire.HELLO, wire.MAJOR, wire.MINOR, self._role, self._name, self.instance, facts]
        socket.send(wire.pack(hello), zmq.NOBLOCK)

    def _send(self, frame: bytes) -> None:
        if self.socket is not None:
            self.socket.send(frame, zmq.NOBLOCK)

    def _drop_socket(self, linger_ms: int) -> None:
        if self.socket is not None:
            self.socket.close(linger=linger_ms)
            self.socket = None

    def _down(self, why: str, now: float, pause: Optional[float] = None) -> None:
        was_up = self.is_up
        self._drop_socket(0)
        self.flow = None
        if not was_up:
            self._turn += 1
        if pause is None:
            pause = min(FIRST_PAUSE * 2**self._tries, LONGEST_PAUSE) * random.uniform(0.5, 1.0)
            self._tries = min(self._tries + 1, 10)
        self._next_try = now + pause
        self._handler.on_down(why)

    def _refuse(self, error: SessionRefused) -> None:
        self.is_over = True
        self._drop_socket(0)
        self.flow = None
        self._handler.on_refused(error)

    def _take(self, frame: bytes, now: float) -> None:
        if self.flow is None:
            message: Optional[Message] = wire.read(frame)
        else:
            message = self.flow.receive(frame, now)
        if message is None or not wire.is_known(message):
            return
        kind = message[0]
        if kind == wire.WELCOME:
            self._on_welcome(message, now)
        elif kind == wire.ERROR:
            self._on_error(message, now)
        elif kind == wire.BYE:
            after = wire.optional(message, 1, 100)
            self._down("the broker stops", now, (after if type(after) is int else 100) / 1000)
        elif self.flow is not None:
            self._handler.on_message(message)

    def _on_welcome(self, message: Message, now: float) -> None:
        if self.flow is not None:
            return
        facts = message[4]
        for key in ("grant", "beat_ms", "liveness_ms", "max_message", "max_part"):
            if type(facts.get(key)) is not int or facts[key] < 1:
                self._refuse(SessionRefused("bad_message", f"the broker's WELCOME has no valid {key}"))
                return
        self.beat, self.liveness = facts["beat_ms"] / 1000, facts["liveness_ms"] / 1000
        self.flow = Flow(self._send, facts["max_part"], facts["max_message"], self.beat)
        self.flow.said = now
        self._tries = 0
        self._handler.on_up(facts)

    def _on_error(self, message: Message, now: float) -> None:
        code, text, about = message[1:4]
        if about.get("type") == wire.HELLO or self.flow is None:
            after = about.get("retry_after_ms")
            if type(after) is int:
                self._handler.on_trouble(f"{code}: {text}")
                self._down(text, now, after / 1000)
            else:
                self._refuse(SessionRefused(code, text))
        elif code == "no_session":
            self._down("the broker has forgotten this session", now, 0.0)
        elif code in ("replaced", "moved"):
            more = " ".join(str(each) for each in about.get("endpoints", []))
            self._refuse(SessionRefused(code, f"{text} {more}".strip()))
        else:
            self._handler.on_trouble(f"{code}: {text}")
