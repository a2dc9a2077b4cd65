"""Arguments and results as msgpack. What msgpack has travels as it is; datetime, Decimal, UUID, Enum, dataclasses and
pydantic models are written in plain types and come back by the annotation of the parameter or the result; everything
else is refused where it is submitted, with its path: ``args[0]["a"][3]``.

    sent      as                        read back with the annotation
    datetime  msgpack timestamp         (always a datetime, in UTC)
    date, time, Decimal, UUID   str     date, time, Decimal, UUID
    timedelta seconds, a float          timedelta
    Enum      its value                 the Enum
    dataclass, pydantic model   map     the class
    tuple     array                     tuple
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import threading
import types
import typing
import uuid
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

import msgpack

from .errors import CannotTravel, printable

Path = Tuple[Any, ...]  # (parent path, step); a str as the first step is written as it is
Converter = Callable[[Any], Any]

MAX_DEPTH = 256
_PLAIN = frozenset((type(None), bool, int, float, str, bytes))
_STR = frozenset((str,))


class Serializer:
    """Teaches further types to an App: override both."""

    def to_plain(self, value: Any) -> Any:
        """The value in types that can travel, or NotImplemented."""
        return NotImplemented

    def from_plain(self, value: Any, annotation: Any) -> Any:
        """The value that a parameter or result of this annotation has, or NotImplemented."""
        return NotImplemented


def path_text(path: Path) -> str:
    steps: List[str] = []
    while path:
        path, step = path
        steps.append(step if not path and isinstance(step, str) else f"[{_quoted(step)}]")
    return "".join(reversed(steps))


def _quoted(step: Any) -> str:
    return '"' + printable(step)[:100] + '"' if isinstance(step, str) else repr(step)[:100]


def _refuse(path: Path, why: str) -> "typing.NoReturn":
    raise CannotTravel(f"{path_text(path)}: {why}")


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_packers = threading.local()


def encode(value: Any, name: str = "value", serializer: Optional[Serializer] = None) -> bytes:
    """msgpack bytes. Raises CannotTravel with the path, which begins with `name`."""
    plain = _plain(value, ((), name), 0, serializer)
    packer = getattr(_packers, "packer", None)
    if packer is None:
        packer = _packers.packer = msgpack.Packer(use_bin_type=True, datetime=True)
    try:
        data: bytes = packer.pack(plain)
        return data
    except (OverflowError, ValueError) as error:
        _packers.packer = None
        _find(plain, ((), name))
        raise CannotTravel(f"{name}: {error}") from None


def encode_kwargs(kwargs: Dict[str, Any], serializer: Optional[Serializer] = None) -> bytes:
    """Keys ascend, so that equal calls have equal bytes."""
    return encode({key: kwargs[key] for key in sorted(kwargs)}, "kwargs", serializer)


def _plain(value: Any, path: Path, depth: int, serializer: Optional[Serializer]) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if depth > MAX_DEPTH:
        _refuse((), f"{path_text(path)[:200]}…: nested deeper than {MAX_DEPTH}, or contains itself")
    if kind is datetime.datetime:
        if value.tzinfo is None:
            _refuse(path, "a datetime without a time zone: use datetime.now(timezone.utc)")
        return value  # msgpack writes its timestamp
    if kind is list or kind is tuple:
        if set(map(type, value)) <= _PLAIN:
            return value
        return [_plain(each, (path, at), depth + 1, serializer) for at, each in enumerate(value)]
    if kind is dict:
        if set(map(type, value)) <= _STR and set(map(type, value.values())) <= _PLAIN:
            return value
        return {_key(key, path): _plain(each, (path, key), depth + 1, serializer) for key, each in value.items()}
    return _plain(_simpler(value, path, serializer), path, depth + 1, serializer)


def _key(key: Any, path: Path) -> Any:
    if isinstance(key, enum.Enum):
        key = key.value
    if type(key) not in (str, int):
        _refuse(path, f"a key is {_a(key)}, and has to be a str or an int")
    return key


def _a(value: Any) -> str:
    name = type(value).__qualname__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _simpler(value: Any, path: Path, serializer: Optional[Serializer]) -> Any:
    """One step towards plain types."""
    if serializer is not None:
        simpler = serializer.to_plain(value)
        if simpler is not NotImplemented:
            return simpler
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime.datetime):  # of a subclass
        return datetime.datetime.combine(value.date(), value.timetz())
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, (decimal.Decimal, uuid.UUID)):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    old = getattr(value, "dict", None) if hasattr(value, "__fields__") else None
    dump = getattr(value, "model_dump", None) or old
    if dump is not None and not isinstance(value, type):
        return dump()
    for base in (bool, int, float, str, bytes, dict, list, tuple):
        if isinstance(value, base):
            return base(value)
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    hint = {"set": ", which msgpack does not have: use a list", "frozenset": ": use a list", "complex": ": use a list",
            "generator": ": use list()"}.get(type(value).__name__, "")
    _refuse(path, f"{_a(value)} cannot travel{hint}")


def _find(value: Any, path: Path) -> None:
    """The place that msgpack did not take."""
    if type(value) is int and not -(2**63) <= value < 2**64:
        _refuse(path, f"{_short(value)} has more than 64 bits")
    if type(value) is str:
        try:
            value.encode()
        except UnicodeEncodeError:
            _refuse(path, "a str that is not valid Unicode: it has surrogates")
    if type(value) in (list, tuple):
        for at, each in enumerate(value):
            _find(each, (path, at))
    if type(value) is dict:
        for key, each in value.items():
            _find(key, (path, key))
            _find(each, (path, key))


def _short(number: int) -> str:
    return f"an int of {number.bit_length()} bits" if number.bit_length() > 200 else str(number)


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def decode(data: bytes) -> Any:
    """Raises ValueError for bytes that are not one msgpack value."""
    try:
        return msgpack.unpackb(data, raw=False, strict_map_key=False, timestamp=3)
    except ValueError:
        raise
    except Exception as error:  # an unhashable key, a time out of range, msgpack's own
        raise ValueError(f"not a msgpack value that Python can hold: {error or type(error).__name__}") from None


def converter(annotation: Any, serializer: Optional[Serializer] = None) -> Optional[Converter]:
    """What makes a value of the annotated type from plain ones; None where they are the same."""
    if serializer is not None and annotation not in _PLAIN:
        usual = converter(annotation)

        def ours(value: Any) -> Any:
            result = serializer.from_plain(value, annotation) if serializer is not None else NotImplemented
            if result is not NotImplemented:
                return result
            return usual(value) if usual is not None else value

        return ours
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return converter(args[0])
    if origin in (Union, types.UnionType):
        return _union(args)
    if origin in (list, tuple, set, frozenset) or annotation in (tuple, set, frozenset):
        return _sequence(origin or annotation, args)
    if origin is dict and len(args) == 2:
        each = converter(args[1])
        return None if each is None else lambda v: {k: each(x) for k, x in v.items()}  # type: ignore[misc]
    return _of_class(annotation) if isinstance(annotation, type) else None


def _union(args: Tuple[Any, ...]) -> Optional[Converter]:
    others = [arg for arg in args if arg is not type(None)]
    converters = [converter(arg) for arg in others]
    if all(each is None for each in converters):
        return None
    exact = tuple(arg for arg, each in zip(others, converters) if each is None and isinstance(arg, type))

    def convert(value: Any) -> Any:
        if value is None or isinstance(value, exact):
            return value
        error: Optional[Exception] = None
        for each in converters:
            try:
                if each is not None:
                    return each(value)
            except Exception as this:
                error = error or this
        raise error or ValueError("of no type of the union")

    return convert


def _sequence(kind: Any, args: Tuple[Any, ...]) -> Optional[Converter]:
    if kind is tuple and args and args[-1] is not Ellipsis:
        places = [converter(arg) for arg in args]

        def fixed(value: Any) -> Any:
            if len(value) != len(places):
                raise ValueError(f"{len(places)} elements expected, got {len(value)}")
            return tuple(v if c is None else c(v) for c, v in zip(places, value))

        return fixed
    each = converter(args[0]) if args else None
    if each is None:
        return None if kind is list else kind
    return lambda value: kind(each(x) for x in value)  # type: ignore[misc]


def _of_class(kind: type) -> Optional[Converter]:
    if issubclass(kind, enum.Enum):
        return kind
    if kind in (decimal.Decimal, uuid.UUID):
        return lambda value: value if isinstance(value, kind) else kind(value)
    if kind in (datetime.date, datetime.time):
        return kind.fromisoformat  # type: ignore[attr-defined, no-any-return]
    if kind is datetime.timedelta:
        return lambda value: datetime.timedelta(seconds=value)
    if kind is datetime.datetime:
        return lambda v: v if isinstance(v, datetime.datetime) else datetime.datetime.fromisoformat(v)
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind)
    validate = getattr(kind, "model_validate", None) or (
        getattr(kind, "parse_obj", None) if hasattr(kind, "__fields__") else None)
    return validate


def _dataclass(kind: Any) -> Converter:
    hints = typing.get_type_hints(kind)
    converters = {field.name: converter(hints.get(field.name)) for field in dataclasses.fields(kind) if field.init}

    def convert(value: Any) -> Any:
        if isinstance(value, kind):
            return value
        if not isinstance(value, dict):
            raise TypeError(f"a map expected for {kind.__name__}, got {_a(value)}")
        unknown = value.keys() - converters.keys()
        if unknown:
            raise TypeError(f"{kind.__name__} has no field {', '.join(sorted(map(str, unknown)))}")
        return kind(**{k: v if (c := converters[k]) is None else c(v) for k, v in value.items()})

    return convert
