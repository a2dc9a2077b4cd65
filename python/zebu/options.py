"""The options of a job, in seconds and datetimes, and how the wire writes them.

If you add an option: FIELDS here, the parameters of App.task and Task.options, docs/python.md."""

from __future__ import annotations

import datetime
from typing import Any, Callable, Dict, Mapping, Tuple, Union

from .errors import BadOption, printable

Duration = Union[int, float, datetime.timedelta]


def milliseconds(name: str, value: Any) -> int:
    if isinstance(value, datetime.timedelta):
        value = value.total_seconds()
    if type(value) not in (int, float) or not 0 <= value <= 2**31:
        raise BadOption(f"{name} is a number of seconds from 0 to {2**31}, or a timedelta, not {value!r}")
    return max(1, int(round(value * 1000))) if value else 0


def unix_ms(name: str, value: Any) -> int:
    if not isinstance(value, datetime.datetime) or value.tzinfo is None:
        raise BadOption(f"{name} is a datetime with a time zone, as datetime.now(timezone.utc), not {value!r}")
    return max(0, round(value.timestamp() * 1000))


def _of(*kinds: type) -> Callable[[str, Any], Any]:
    def check(name: str, value: Any) -> Any:
        if type(value) not in kinds:
            raise BadOption(f"{name} is a {' or a '.join(kind.__name__ for kind in kinds)}, not {value!r}")
        return value

    return check


def _name(name: str, value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value.encode("utf-8", "replace")) <= 128 or not value.isprintable() \
            or " " in value:
        raise BadOption(f"{name} is a name of 1 to 128 bytes without spaces, not {printable(repr(value))[:200]}")
    return value


def _headers(name: str, value: Any) -> Dict[str, str]:
    if not isinstance(value, Mapping) or not all(type(k) is str and type(v) is str for k, v in value.items()):
        raise BadOption(f"{name} is a map of str to str, not {value!r}")
    return dict(value)


def _one_of(*words: str) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        if value not in words:
            raise BadOption(f"{name} is one of {', '.join(words)}, not {value!r}")
        return str(value)

    return check


# The option, its key on the wire, and what makes the one of the other.
FIELDS: Dict[str, Tuple[str, Callable[[str, Any], Any]]] = {
    "priority": ("priority", _of(int)),
    "retries": ("retries", _of(int)),
    "retry_delay": ("retry_delay_ms", milliseconds),
    "retry_factor": ("retry_factor", _of(int, float)),
    "retry_cap": ("retry_cap_ms", milliseconds),
    "retry_jitter": ("retry_jitter", _of(int, float)),
    "delay": ("delay_ms", milliseconds),
    "run_at": ("run_at_ms", unix_ms),
    "expires_in": ("expires_in_ms", milliseconds),
    "expires_at": ("expires_at_ms", unix_ms),
    "soft_limit": ("soft_limit_ms", milliseconds),
    "hard_limit": ("hard_limit_ms", milliseconds),
    "result_ttl": ("result_ttl_ms", milliseconds),
    "unique": ("unique", _of(str)),
    "unique_while": ("unique_while", _one_of("queued", "unfinished")),
    "unique_for": ("unique_for_ms", milliseconds),
    "headers": ("headers", _headers),
    "private": ("private", _of(bool)),
    "transient": ("transient", _of(bool)),
    "only_served": ("only_served", _of(bool)),
    "acks": ("acks", _one_of("early", "late")),
}
# These do not travel as options: the queue has its own place, the other one is this client's affair.
LOCAL: Dict[str, Callable[[str, Any], Any]] = {"queue": _name, "ignore_result": _of(bool)}
DEFAULTS: Mapping[str, Any] = {"transient": False, "only_served": False, "private": False}


def checked(options: Mapping[str, Any]) -> Dict[str, Any]:
    """Those that are set. Raises BadOption for one that is unknown or of the wrong type."""
    result = {}
    for name, value in options.items():
        if value is None:
            continue
        if name in LOCAL:
            LOCAL[name](name, value)
        elif name in FIELDS:
            FIELDS[name][1](name, value)
        else:
            raise BadOption(f"there is no option {name!r}: there are {', '.join(sorted([*FIELDS, *LOCAL]))}")
        result[name] = value
    return result


def to_wire(options: Mapping[str, Any]) -> Dict[str, Any]:
    """The map of SUBMIT, of checked options."""
    result = {}
    for name, value in options.items():
        if name in FIELDS and value != DEFAULTS.get(name, ""):
            key, convert = FIELDS[name]
            result[key] = convert(name, value)
    return result


def from_celery(options: Dict[str, Any]) -> Dict[str, Any]:
    """Celery's names for the same things."""
    result = dict(options)
    for theirs, ours in (("countdown", "delay"), ("eta", "run_at"), ("soft_time_limit", "soft_limit"),
                         ("time_limit", "hard_limit"), ("result_expires", "result_ttl")):
        if theirs in result:
            result[ours] = result.pop(theirs)
    if "expires" in result:
        expires = result.pop("expires")
        result["expires_at" if isinstance(expires, datetime.datetime) else "expires_in"] = expires
    return result
