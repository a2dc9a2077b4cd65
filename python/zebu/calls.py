"""A call of a task, made ready to travel."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, Optional, Tuple, Union

from . import options as job_options
from . import values, wire

if TYPE_CHECKING:
    from .app import Bound, Task
    from .signature import Signature

Target = Union[str, "Task[Any, Any]", "Bound[Any, Any]", "Signature[Any]"]


class Call:
    """`entry` is that of SUBMIT; `convert` makes the caller's type of the decoded result."""

    __slots__ = ("id", "task", "entry", "wait", "size", "convert")

    def __init__(self, id: bytes, task: str, entry: List[Any], wait: bool, size: int,
                 convert: Optional[values.Converter]) -> None:
        self.id, self.task, self.entry, self.wait, self.size, self.convert = id, task, entry, wait, size, convert


def call_of(target: Any, args: Tuple[Any, ...], kwargs: Mapping[str, Any], extra: Mapping[str, Any],
            serializer: Optional[values.Serializer]) -> Call:
    """Raises CannotTravel, BadOption, or TypeError for arguments that the task does not take."""
    from .app import Bound, Task
    from .signature import Signature

    if isinstance(target, str):
        return _call(target, args, kwargs, extra, serializer, None)
    if isinstance(target, Signature):
        args, kwargs = target.joined(args, kwargs)
        extra, target = {**target.options, **extra}, target.task
    if isinstance(target, Bound):
        extra = {**target.chosen, **extra}
        target = target.task
    if isinstance(target, Task):
        target.check_arguments(args, kwargs)
        merged = {**target.app.defaults, **target.chosen, **extra} if extra or target.app.defaults else target.chosen
        return _call(target.name, args, kwargs, merged, target.app.serializer or serializer, target.convert_result)
    raise TypeError(f"{target!r} is not a task: decorate it with @app.task, or name a task of another program as a str."
                    " Functions themselves do not travel")


def _call(task: str, args: Tuple[Any, ...], kwargs: Mapping[str, Any], options: Mapping[str, Any],
          serializer: Optional[values.Serializer], convert: Optional[Callable[[Any], Any]]) -> Call:
    job_options.LOCAL["queue"]("the name of a task", task)
    options = job_options.checked(options) if options else {}
    packed = values.encode(args, "args", serializer)
    wired: Dict[str, Any] = {}
    keywords = b""
    if kwargs:
        keywords = values.encode_kwargs(dict(kwargs), serializer)
    if options:
        if options.get("unique") == "by_args":
            digest = hashlib.sha256(b"%d:%s%s" % (len(packed), packed, keywords)).hexdigest()
            options = {**options, "unique": f"{task[:100]}:{digest}"}
        wired = job_options.to_wire(options)
    if keywords:
        wired["kwargs"] = keywords
    size = len(packed) + len(keywords) + len(task) + (len(wire.pack(wired)) - len(keywords) if options else 0)
    id = wire.new_id()
    entry = [id, task, options.get("queue", "default"), packed, wired]
    return Call(id, task, entry, not options.get("ignore_result", False), size, convert)
