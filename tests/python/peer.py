#!/usr/bin/env python3
"""A client and a consumer written from docs/protocol.md alone: the second implementation that the tests play against.

  peer.py consumer ENDPOINT [--slots N] [--queue NAME]      runs echo, fib, fail and large until it is told to drain
  peer.py client ENDPOINT TASK JSON-ARGUMENTS [--queue NAME] [--cancel]   submits a job and prints how it ended
  peer.py golden FILE                                        reads the golden frames, and writes them again
"""

import argparse
import base64
import json
import os
import sys
import time

import msgpack
import zmq

MAJOR, MINOR = 2, 0
(HELLO, WELCOME, ERROR, BEAT, BYE, ECHO, PART, ACK, HOLD, GO) = range(1, 11)
(SUBMIT, ACCEPTED, REFUSED, WAIT, DONE, LEAVE, CANCEL, UNKNOWN, QUERY, ANSWER, ATTACHED, COMMAND, ENDING) = range(16, 29)
(CREDIT, ASSIGN, OUTCOME, KEPT, RETURN, STOP, DRAIN, PROGRESS, DRAINED) = range(32, 41)
FIRST_LIVENESS = 3.0
MOST_UNDER_WAY = 8 << 20


def uuid7():
    """RFC 9562: 48 bits of Unix milliseconds, then random ones around version and variant."""
    value = bytearray(int(time.time() * 1000).to_bytes(6, "big") + os.urandom(10))
    value[6] = 0x70 | value[6] & 0x0F
    value[8] = 0x80 | value[8] & 0x3F
    return bytes(value)


def pack(value):
    return msgpack.packb(value, use_bin_type=True)


def unpack(frame):
    return msgpack.unpackb(frame, raw=False, strict_map_key=False)


class Refused(Exception):
    """The broker does not take this peer, and trying again is in vain."""


class Session:
    """One connection to the broker: beats, counts bytes, cuts long messages into parts and puts them together."""

    is_newer = False  # it says more than this version of the protocol has, at each place where that is allowed

    def __init__(self, endpoint, role, instance, facts, context=None):
        self.socket = (context or zmq.Context.instance()).socket(zmq.DEALER)
        self.socket.setsockopt(zmq.SNDHWM, 0)
        self.socket.setsockopt(zmq.RCVHWM, 0)
        self.socket.setsockopt(zmq.LINGER, 500)
        self.socket.setsockopt(zmq.MAXMSGSIZE, -1)
        self.socket.connect(endpoint)
        self.liveness, self.beat, self.part, self.window = FIRST_LIVENESS, FIRST_LIVENESS / 3, 64 << 10, 64 << 10
        self.heard = self.said = time.monotonic()
        self.sent = self.acknowledged = self.received = self.owed = 0
        self.waiting = []  # [frame, message number or None, offset, number of earlier ones]
        self.halves = {}
        self.held = {}
        self.next_number = 1
        self.is_up = self.is_over = False
        self.over_after = None
        self.ready = []
        hello = [HELLO, MAJOR, MINOR, role, "python", instance, facts]
        if Session.is_newer:
            hello[2] = MINOR + 7
            hello[6] = {**facts, "features": ["future", "python"], "lanes": {"of": 4}}
            hello.append("more")
        self.socket.send(pack(hello))

    def say(self, *message):
        # BYE is the one whose number may be missing, so that what follows it would be taken for that.
        more = ["more"] if Session.is_newer and message[0] != BYE else []
        frame = pack(list(message) + more)
        if message[0] in (BEAT, ACK, HOLD, GO):
            return self._hand_over(frame)
        self.waiting.append([frame, None, 0])
        self._pump()

    def _hand_over(self, frame):
        self.socket.send(frame)
        self.sent += len(frame)
        self.said = time.monotonic()

    def _pump(self):
        """In order, which the protocol allows: a long message is not passed here."""
        while self.waiting and self.sent - self.acknowledged < self.window:
            entry = self.waiting[0]
            frame, number, offset = entry
            if number in self.held:
                return
            if len(frame) <= self.part:
                self.waiting.pop(0)
                self._hand_over(frame)
                continue
            if number is None:
                entry[1] = number = self.next_number
                self.next_number += 1
            piece = frame[offset : offset + self.part]
            self._hand_over(pack([PART, number, offset, len(frame), piece]))
            entry[2] += len(piece)
            if entry[2] == len(frame):
                self.waiting.pop(0)

    def hear(self, limit):
        """The next message, or None when the time is over or the session is."""
        until = time.monotonic() + limit
        while not self.ready and not self.is_over:
            now = time.monotonic()
            if self.is_up and now - self.said >= self.beat / 2:
                self.say(BEAT)
            if now - self.heard > self.liveness:
                self.is_over = True
                return None
            if now >= until:
                return None
            wait = min(until - now, self.beat / 4)
            if self.socket.poll(max(1, int(wait * 1000))):
                self._read()
        return self.ready.pop(0) if self.ready else None

    def _read(self):
        for _ in range(256):
            try:
                frame = self.socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                break
            self.heard = time.monotonic()
            self.received += len(frame)
            self.owed += len(frame)
            self._take(unpack(frame))
        if self.is_up and self.owed >= self.part // 4:
            self._acknowledge()

    def _acknowledge(self):
        self.owed = 0
        self.say(ACK, self.received)

    def _take(self, message):
        kind = message[0]
        if kind == WELCOME and not self.is_up:
            facts = message[4]
            self.liveness, self.beat = facts["liveness_ms"] / 1000, facts["beat_ms"] / 1000
            self.part = self.window = facts["max_part"]
            self.received = self.owed = self.sent = self.acknowledged = 0
            self.is_up = True
            self.ready.append(message)
        elif kind == ERROR and message[3].get("type") == HELLO:
            if "retry_after_ms" not in message[3]:
                raise Refused(message[2])
            self.is_over, self.over_after = True, message[3]["retry_after_ms"] / 1000
        elif kind == ERROR and message[1] == "no_session":
            self.is_over = True
        elif kind == BYE:
            self.is_over, self.over_after = True, (message[1] if len(message) > 1 else 100) / 1000
        elif kind == ERROR and Session.is_newer:
            raise Refused(message[2])
        elif not self.is_up or kind == BEAT:
            pass
        elif kind == ACK:
            if self.waiting and message[1] > self.acknowledged:
                self.window = min(2 * self.window, MOST_UNDER_WAY)
            self.acknowledged = max(self.acknowledged, message[1])
            self._pump()
        elif kind == HOLD:
            self._hold(message[1])
        elif kind == GO:
            self._go(message[1])
        elif kind == PART:
            self._take_part(*message[1:5])
        else:
            self.ready.append(message)

    def _hold(self, number):
        for entry in self.waiting:
            if entry[1] == number:
                entry[2] = 0
                self.held[number] = True

    def _go(self, number):
        self.held.pop(number, None)
        for entry in self.waiting:
            if entry[1] == number:
                entry[1] = None
        self._pump()

    def _take_part(self, number, offset, total, piece):
        half = self.halves.setdefault(number, bytearray()) if offset == 0 else self.halves.get(number)
        if half is None or len(half) != offset:
            self.halves.pop(number, None)
            return
        half += piece
        if len(half) == total:
            del self.halves[number]
            self._acknowledge()
            self.ready.append(unpack(bytes(half)))

    def close(self):
        if self.socket.closed:
            return
        if self.is_up and not self.is_over:
            self.say(BYE)
        self.socket.close()


def pause(session, tries):
    """Between two connections: what the broker said, or 100 ms, doubling to 2 s, with jitter."""
    after = session.over_after if session.over_after is not None else min(0.1 * 2**tries, 2.0)
    time.sleep(after * (0.5 + int.from_bytes(os.urandom(1), "big") / 512))


# ── a client ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def run_client(options):
    job, instance = uuid7(), uuid7()
    arguments = pack(json.loads(options.arguments))
    accepted = cancel_said = cancel_answered = False
    for tries in range(100):
        session = Session(options.endpoint, "client", instance, {})
        while not session.is_over:
            message = session.hear(60)
            if message is None:
                break
            kind = message[0]
            if kind == WELCOME:
                if accepted:
                    session.say(WAIT, [job])
                else:
                    session.say(SUBMIT, True, [[job, options.task, options.queue, arguments, {}]])
                if cancel_said and not cancel_answered:
                    session.say(CANCEL, [job])
            elif kind == ACCEPTED and job in message[1]:
                accepted = True
                if options.cancel and not cancel_said:
                    cancel_said = True
                    session.say(CANCEL, [job])
            elif kind == ENDING:
                cancel_answered = True
            elif kind == REFUSED:
                for entry in message[1]:
                    if entry[0] == job:
                        print(f"refused: {entry[1]}: {entry[2]}")
                        session.close()
                        return 1
            elif kind == UNKNOWN and job in message[1]:
                print("unknown")
                session.close()
                return 1
            elif kind == DONE:
                for entry in message[1]:
                    if entry[0] == job:
                        print(ending_of(entry))
                        session.close()
                        return 0 if entry[2] == "succeeded" else 1
        session.close()
        pause(session, tries)
    return 1


def ending_of(entry):
    state, value = entry[2], entry[3]
    if state == "succeeded":
        return json.dumps(unpack(value))
    if state == "failed":
        return f"failed: {value['type']}: {value['message']}"
    return state


# ── a consumer ───────────────────────────────────────────────────────────────────────────────────────────────────────


def fib(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


def fail(message):
    raise RuntimeError(message)


TASKS = {"echo": lambda value: value, "fib": fib, "fail": fail, "large": lambda size: "x" * size}


def run_job(task, arguments):
    if task not in TASKS:
        return "failed", {"type": "zebu::UnknownTask", "message": task, "trace": [], "kind": "permanent"}
    try:
        return "succeeded", pack(TASKS[task](*unpack(arguments)))
    except Exception as error:
        return "failed", {"type": type(error).__name__, "message": str(error), "trace": []}


class Consumer:
    def __init__(self, options):
        self.options = options
        self.instance = uuid7()
        self.outcomes = []  # [id, attempt, state, value, run_us], not KEPT, in the order in which they were sent
        self.kept = 0
        self.is_draining = False

    def run(self):
        tries = 0
        while True:
            facts = {
                "queues": [self.options.queue],
                "slots": self.options.slots,
                "tasks": sorted(TASKS),
                "pool": "python",
                "runs": [outcome[:2] for outcome in self.outcomes],
            }
            session = Session(self.options.endpoint, "consumer", self.instance, facts)
            self.kept = 0
            try:
                while not session.is_over:
                    message = session.hear(60)
                    if message is None:
                        continue
                    tries = 0
                    if self.handle(session, message):
                        session.close()
                        return 0
            finally:
                session.close()
            pause(session, tries)
            tries += 1

    def handle(self, session, message):
        """True when it may leave."""
        kind = message[0]
        if kind == WELCOME:
            print("ready", flush=True)
            session.say(CREDIT, max(1, self.options.slots - len(self.outcomes)))
            # Those that were sent in parts are confirmed by name, so their order does not matter.
            self.outcomes = [entry[:5] for entry in self.outcomes]
            for entry in self.outcomes:
                self.send(session, 0, entry)
        elif kind == ASSIGN:
            for job, attempt, task, _, arguments, _ in (entry[:6] for entry in message[1]):
                began = time.monotonic()
                state, value = run_job(task, arguments)
                entry = [job, attempt, state, value, int((time.monotonic() - began) * 1e6)]
                self.outcomes.append(entry)
                self.send(session, 0 if self.is_draining else 1, entry)
        elif kind == KEPT:
            names = [tuple(name) for name in message[2]] if len(message) > 2 else []
            self.outcomes = [entry for entry in self.outcomes if (entry[0], entry[1]) not in names]
            whole = [entry for entry in self.outcomes if not entry[5]]
            gone = {id(entry) for entry in whole[: message[1] - self.kept]}
            self.outcomes = [entry for entry in self.outcomes if id(entry) not in gone]
            self.kept = message[1]
        elif kind == DRAIN and not self.is_draining:
            self.is_draining = True
            session.say(DRAIN)
        elif kind == DRAINED:
            self.is_drained = True
        return self.is_draining and getattr(self, "is_drained", False) and not self.outcomes

    def send(self, session, credit, entry):
        message = [OUTCOME, credit, [entry[:5]]]
        is_in_parts = len(pack(message)) > session.part
        del entry[5:]
        entry.append(is_in_parts)
        session.say(*message)


# ── the golden frames ────────────────────────────────────────────────────────────────────────────────────────────────


def as_json(value):
    """As tests/golden/protocol.txt shows it: bin as {"bin": base64}."""
    if isinstance(value, bytes):
        return {"bin": base64.b64encode(value).decode()}
    if isinstance(value, list):
        return [as_json(each) for each in value]
    if isinstance(value, dict):
        return {key: as_json(each) for key, each in value.items()}
    return value


def read_golden(options):
    count = 0
    for line in open(options.file, encoding="utf-8"):
        if not line.strip() or line.startswith("#"):
            continue
        section, name, text, *shown = line.rstrip("\n").split(" ", 3)
        if section == "bad":
            continue  # they need not even be msgpack
        frame = bytes.fromhex(text)
        value = unpack(frame)
        expected = json.loads(shown[0])
        if as_json(value) != expected:
            print(f"{name}: {json.dumps(as_json(value))}, expected {shown[0]}")
            return 1
        if section == "frame" and pack(value) != frame:
            print(f"{name}: written again it is {pack(value).hex()}")
            return 1
        count += 1
    print(f"{count} frames")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    consumer = commands.add_parser("consumer")
    consumer.add_argument("endpoint")
    consumer.add_argument("--slots", type=int, default=1)
    consumer.add_argument("--queue", default="default")
    consumer.set_defaults(run=lambda options: Consumer(options).run())
    client = commands.add_parser("client")
    client.add_argument("endpoint")
    client.add_argument("task")
    client.add_argument("arguments")
    client.add_argument("--queue", default="default")
    client.add_argument("--cancel", action="store_true")
    client.set_defaults(run=run_client)
    golden = commands.add_parser("golden")
    golden.add_argument("file")
    golden.set_defaults(run=read_golden)
    for command in (consumer, client):
        command.add_argument("--newer", action="store_true")
    options = parser.parse_args()
    Session.is_newer = getattr(options, "newer", False)
    try:
        return options.run(options)
    except Refused as why:
        print(f"refused: {why}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
