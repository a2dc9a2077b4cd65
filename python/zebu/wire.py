"""Messages and their bytes: docs/protocol.md as a table. The only module that knows msgpack's framing.

One message is one msgpack array ``[type, ...]``. `read` refuses what the protocol refuses, and passes over what a later
version may add: fields at the end of an array and keys of a map. If you change a shape here, tests/golden must agree.
"""

from __future__ import annotations

import os
import struct
import threading
import time
from typing import Any, Callable, Dict, List, Sequence, Tuple

import msgpack

MAJOR, MINOR = 2, 0
HELLO, WELCOME, ERROR, BEAT, BYE, ECHO, PART, ACK, HOLD, GO = range(1, 11)
SUBMIT, ACCEPTED, REFUSED, WAIT, DONE, LEAVE, CANCEL, UNKNOWN, QUERY, ANSWER, ATTACHED, COMMAND, ENDING = range(16, 29)
CREDIT, ASSIGN, OUTCOME, KEPT, RETURN, STOP, DRAIN, PROGRESS, DRAINED = range(32, 41)

MAX_ARRAY, MAX_MAP, MAX_DEPTH = 65_536, 1_024, 16
MAX_OUTPUT, MAX_NOTE = 64 << 10, 1_024
FINAL_STATES = frozenset(("succeeded", "failed", "cancelled", "expired"))

Message = List[Any]
Check = Callable[[Any], bool]


class Malformed(ValueError):
    """Bytes that are not a message of the protocol."""


# ── what a field may be ──────────────────────────────────────────────────────────────────────────────────────────────


def _uint(most: int) -> Check:
    return lambda x: type(x) is int and 0 <= x <= most


_U64 = _uint(2**64 - 1)
_MS = _uint(2**31 * 1000)


def _str(x: Any) -> bool:
    return type(x) is str


def _bin(x: Any) -> bool:
    return type(x) is bytes


def _bool(x: Any) -> bool:
    return type(x) is bool


def _map(x: Any) -> bool:
    return type(x) is dict and len(x) <= MAX_MAP and all(type(key) is str for key in x)


def _any(x: Any) -> bool:
    return True


def _id(x: Any) -> bool:
    return type(x) is bytes and len(x) == 16


def _name(x: Any) -> bool:
    return type(x) is str and 1 <= len(x.encode()) <= 128 and not any(c <= " " or "\x7f" <= c <= "\x9f" for c in x)


def _done(x: Any) -> bool:
    return x is None or (type(x) in (int, float) and 0 <= x <= 1)


def _role(x: Any) -> bool:
    return x in ("client", "consumer")


def _list(*checks: Check) -> Check:
    """A list of one thing, or of arrays that begin with the given fields."""
    if len(checks) == 1:
        check = checks[0]
        return lambda x: type(x) is list and all(map(check, x))
    count = len(checks)

    def entries(x: Any) -> bool:
        return type(x) is list and all(
            type(e) is list and len(e) >= count and all(c(f) for c, f in zip(checks, e)) for e in x
        )

    return entries


_CLAIMS = _list(_id, _U64)
# Entries of lists that only this peer judges are checked where they are handled: one bad entry costs itself only.
_LIST: Check = lambda x: type(x) is list  # noqa: E731

SHAPES: Dict[int, Tuple[str, Tuple[Check, ...]]] = {
    HELLO: ("HELLO", (_U64, _U64, _role, _name, _id, _map)),
    WELCOME: ("WELCOME", (_U64, _U64, _id, _map)),
    ERROR: ("ERROR", (_str, _str, _map)),
    BEAT: ("BEAT", ()),
    BYE: ("BYE", ()),
    ECHO: ("ECHO", (_U64,)),
    PART: ("PART", (_U64, _U64, _U64, _bin)),
    ACK: ("ACK", (_U64,)),
    HOLD: ("HOLD", (_U64,)),
    GO: ("GO", (_U64,)),
    SUBMIT: ("SUBMIT", (_bool, _LIST)),
    ACCEPTED: ("ACCEPTED", (_list(_id),)),
    REFUSED: ("REFUSED", (_list(_id, _str, _str, _MS),)),
    WAIT: ("WAIT", (_list(_id),)),
    DONE: ("DONE", (_LIST,)),
    LEAVE: ("LEAVE", (_list(_id),)),
    CANCEL: ("CANCEL", (_list(_id),)),
    UNKNOWN: ("UNKNOWN", (_list(_id),)),
    QUERY: ("QUERY", (_U64, _str, _map)),
    ANSWER: ("ANSWER", (_U64, _bin)),
    ATTACHED: ("ATTACHED", (_list(_id, _id),)),
    COMMAND: ("COMMAND", (_U64, _str, _map)),
    ENDING: ("ENDING", (_list(_id, _str),)),
    CREDIT: ("CREDIT", (_uint(65_535),)),
    ASSIGN: ("ASSIGN", (_LIST,)),
    OUTCOME: ("OUTCOME", (_uint(65_535), _LIST)),
    KEPT: ("KEPT", (_U64,)),
    RETURN: ("RETURN", (_uint(65_535), _CLAIMS)),
    STOP: ("STOP", (_CLAIMS,)),
    DRAIN: ("DRAIN", ()),
    PROGRESS: ("PROGRESS", (_LIST,)),
    DRAINED: ("DRAINED", ()),
}
_DONE_ENTRY = (_id, _U64, _str, _any, _U64)
_ASSIGN_ENTRY = (_id, _U64, _name, _name, _bin, _map)
_PROGRESS_ENTRY = (_id, _U64, _done, _str, _str)


def _fits(entry: Any, checks: Sequence[Check]) -> bool:
    return type(entry) is list and len(entry) >= len(checks) and all(c(f) for c, f in zip(checks, entry))


def is_done_entry(entry: Any) -> bool:
    """[id, attempt, state, value, run_us], with a value that its state has."""
    if not _fits(entry, _DONE_ENTRY):
        return False
    state, value = entry[2], entry[3]
    if state == "succeeded":
        return type(value) is bytes
    if state == "failed":
        return is_error(value)
    return True


def is_assign_entry(entry: Any) -> bool:
    return _fits(entry, _ASSIGN_ENTRY)


def is_progress_entry(entry: Any) -> bool:
    return _fits(entry, _PROGRESS_ENTRY)


def is_error(value: Any) -> bool:
    """The map of a failed attempt: type, message, trace; its causes are read at most 8 deep."""
    return (
        type(value) is dict
        and type(value.get("type")) is str
        and type(value.get("message")) is str
        and type(value.get("trace", [])) is list
        and all(type(line) is str for line in value.get("trace", []))
    )


# ── bytes ────────────────────────────────────────────────────────────────────────────────────────────────────────────

_packer = threading.local()


def pack(value: Any) -> bytes:
    """One msgpack value of plain types, as the protocol's own fields are."""
    packer = getattr(_packer, "packer", None)
    if packer is None:
        packer = _packer.packer = msgpack.Packer(use_bin_type=True)
    result: bytes = packer.pack(value)
    return result


def unpack(data: bytes) -> Any:
    return msgpack.unpackb(data, raw=False, strict_map_key=False, max_array_len=MAX_ARRAY, max_map_len=MAX_MAP)


def read(frame: bytes) -> Message:
    """The message in a frame. Raises Malformed with what was wrong; an unknown type is one that this version does not
    have, and is for the caller to pass over: see `is_known`."""
    try:
        message = unpack(frame)
    except Exception as error:  # msgpack raises a dozen types, ValueError and TypeError among them
        raise Malformed(f"not one msgpack value: {error or type(error).__name__}") from None
    if type(message) is not list or not message:
        raise Malformed("a message is an array that begins with its type")
    kind = message[0]
    if type(kind) is not int or kind < 0:
        raise Malformed("the type of a message is an unsigned integer")
    shape = SHAPES.get(kind)
    if shape is None:
        return message
    name, checks = shape
    if len(message) <= len(checks):
        raise Malformed(f"{name} is too short: {len(message)} elements")
    for place, check in enumerate(checks, 1):
        if not check(message[place]):
            raise Malformed(f"{name}: element {place} is not what it must be")
    if kind in (HELLO, WELCOME, ERROR, SUBMIT, ASSIGN, DONE, QUERY, COMMAND) and _is_too_deep(message, MAX_DEPTH):
        raise Malformed(f"{name} nests deeper than {MAX_DEPTH}")
    if kind == PART and (not message[4] or message[2] + len(message[4]) > message[3]):
        raise Malformed("PART is empty, or ends behind its message")
    return message


def is_known(message: Message) -> bool:
    return message[0] in SHAPES


def name_of(message: Message) -> str:
    return SHAPES[message[0]][0] if message[0] in SHAPES else f"type {message[0]}"


def _is_too_deep(value: Any, room: int) -> bool:
    if type(value) is dict:
        value = value.values()
    elif type(value) is not list:
        return False
    return room == 0 or any(_is_too_deep(each, room - 1) for each in value if type(each) in (list, dict))


# ── ids ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

_id_lock = threading.Lock()
_last_ms, _count = 0, 0
_pack_u64 = struct.Struct(">QQ").pack


def new_id() -> bytes:
    """A UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, a counter of 12 bits within them, 52 random bits, and ten bits
    of zeros that the protocol keeps for a shard. Those of one process ascend."""
    global _last_ms, _count
    now = time.time_ns() // 1_000_000
    with _id_lock:
        if now > _last_ms:
            _last_ms, _count = now, 0
        elif _count < 0xFFF:
            _count += 1
        else:
            _last_ms, _count = _last_ms + 1, 0
        ms, count = _last_ms, _count
    random = int.from_bytes(os.urandom(7), "big") & ((1 << 52) - 1)
    return _pack_u64(ms << 16 | 0x7000 | count, 0x8000_0000_0000_0000 | random << 10)


def _after_fork() -> None:
    global _id_lock
    _id_lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


def id_text(raw: bytes) -> str:
    """The canonical form of a UUID, in lower case."""
    h = raw.hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def id_bytes(text: str) -> bytes:
    """Raises ValueError for what is not the canonical form of a UUID."""
    try:
        raw = bytes.fromhex(text.replace("-", ""))
    except ValueError:
        raw = b""
    if len(raw) != 16 or id_text(raw) != text.lower():
        raise ValueError(f"{text!r} is not the id of a job: an id looks like 01a20039-a532-7000-94a7-066dea86e798")
    return raw


def cut_text(text: str, most: int) -> str:
    """Its beginning in at most `most` bytes of UTF-8, cut between characters; surrogates become U+FFFD."""
    data = clean_text(text).encode()
    return data.decode() if len(data) <= most else data[:most].decode("utf-8", "ignore")


def clean_text(text: str) -> str:
    """Without surrogates, which UTF-8 has no bytes for."""
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)


def optional(message: Message, place: int, default: Any) -> Any:
    """An element that an older peer leaves out."""
    return message[place] if len(message) > place else default
