"""Runs one attempt of a task: arguments in, state and value of OUTCOME out. Used by slots and in eager mode."""

from __future__ import annotations

import asyncio
import os
import threading
import traceback
from typing import TYPE_CHECKING, Any, Callable, Dict, Generator, List, Optional, Tuple, Union

from . import values, wire
from .context import Context, current
from .errors import CannotTravel, Interrupted, JobFailed, PermanentFailure, Retry

if TYPE_CHECKING:
    from .app import Task

State = Tuple[str, Any]
MOST_MESSAGE, MOST_TRACE, MOST_CAUSES = 32 << 10, 64, 8
_HERE = os.path.dirname(__file__) + os.sep


def failure(type: str, message: str, kind: str = "failure", trace: Optional[List[str]] = None, **more: Any) -> State:
    value: Dict[str, Any] = {"type": wire.cut_text(type, 256) or "?", "message": wire.cut_text(message, MOST_MESSAGE),
                             "trace": trace or []}
    if kind != "failure":
        value["kind"] = kind
    return "failed", {**value, **more}


def too_large(size: int, most: int) -> State:
    return failure("zebu::ResultTooLarge", f"the result has {size:,} bytes, and a message may have {most:,}",
                   "permanent")


def type_name(error: BaseException) -> str:
    """As the error's type is shown: ValueError, module.Error."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # __str__ of an exception may itself raise
        return "(the text of this exception cannot be made)"


def _trace(error: BaseException) -> List[str]:
    """Innermost first, without the frames that are this package's."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"{f.name} ({f.filename}:{f.lineno})" for f in frames if not f.filename.startswith(_HERE)]
    return [wire.cut_text(line, 512) for line in lines[::-1][:MOST_TRACE]]


def error_of(error: BaseException, depth: int = 0) -> Dict[str, Any]:
    name, message, trace = type_name(error), _text(error), _trace(error)
    if isinstance(error, PermanentFailure):
        name = error.type
    if isinstance(error, JobFailed):
        name, message, trace = error.type, error.message, [*error.trace, *trace][:MOST_TRACE]
    _, value = failure(name, message, "failure", trace)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and depth < MOST_CAUSES:
        value["cause"] = error_of(cause, depth + 1)
    return dict(value)


def outcome_of_error(error: BaseException, task: "Task[Any, Any]", context: Context) -> State:
    """How an attempt ended that raised."""
    if isinstance(error, (Interrupted, asyncio.CancelledError)) and context.reason == "cancel":
        return "cancelled", None
    if isinstance(error, Retry):
        value = error_of(error)
        value["type"] = "zebu::Retry"
        if error.after is not None:
            value["retry_after_ms"] = max(0, min(round(error.after * 1000), 2**31 * 1000))
        return "failed", value
    value = error_of(error)
    if isinstance(error, PermanentFailure):
        value["kind"] = "permanent"
    elif context.reason == "soft":
        value["type"] = "zebu::SoftLimit"
        value["message"] = value["message"] or "the soft limit of the job has passed"
    elif task.retry_on is not None and not isinstance(error, task.retry_on):
        value["kind"] = "permanent"
    return "failed", value


def outcome_of_result(result: Any, task: "Task[Any, Any]") -> State:
    try:
        return "succeeded", values.encode(result, "result", task.app.serializer)
    except CannotTravel as error:
        return failure("zebu.CannotTravel", str(error), "permanent")


def arguments_of(task: "Task[Any, Any]", args: bytes, kwargs: Optional[bytes]) -> Union[State, Tuple[List[Any], Any]]:
    """What to call the function with, or how the attempt has failed: ("failed", ...)."""
    try:
        return task.bind_arguments(values.decode(args), values.decode(kwargs) if kwargs else {})
    except Exception as error:
        return failure("zebu::BadArguments", _text(error), "permanent")


def execute(task: "Task[Any, Any]", context: Context, args: bytes, kwargs: Optional[bytes],
            enter: Callable[[], None] = lambda: None, leave: Callable[[], None] = lambda: None,
            drive: Optional[Callable[[Any], Any]] = None) -> State:
    """In this thread. Between `enter` and `leave` it may be interrupted. `drive` runs a coroutine to its end."""
    bound = arguments_of(task, args, kwargs)
    if bound[0] == "failed":
        return bound  # type: ignore[return-value]
    token = current.set(context)
    try:
        try:
            enter()
            result = task.call(context, *bound)
            if task.is_async:
                result = (drive or drive_apart)(result)
            elif task.is_generator:
                result = drain(result, context)
        finally:
            leave()
        return outcome_of_result(result, task)
    except BaseException as error:
        leave()  # an interruption may have come in the middle of it
        return outcome_of_error(error, task, context)
    finally:
        current.reset(token)


async def execute_async(task: "Task[Any, Any]", context: Context, args: bytes, kwargs: Optional[bytes]) -> State:
    """In an event loop: a coroutine here, any other task in a thread of the loop's pool."""
    if not task.is_async:
        return await asyncio.to_thread(execute, task, context, args, kwargs)
    bound = arguments_of(task, args, kwargs)
    if bound[0] == "failed":
        return bound  # type: ignore[return-value]
    token = current.set(context)
    try:
        return outcome_of_result(await task.call(context, *bound), task)
    except BaseException as error:
        return outcome_of_error(error, task, context)
    finally:
        current.reset(token)


def drain(generator: Generator[Any, None, Any], context: Context) -> Any:
    """Each text that it yields is output, each number the fraction done; what it returns is the result."""
    while True:
        try:
            item = next(generator)
        except StopIteration as end:
            return end.value
        if isinstance(item, str):
            context.output(item)
        elif isinstance(item, (int, float)):
            context.progress(item)
        else:
            generator.close()
            raise TypeError(f"a task that is a generator yields str (output) or a number from 0 to 1 (progress), "
                            f"not {item!r:.200}")


def drive_apart(coroutine: Any) -> Any:
    """Runs a coroutine to its end, in a thread of its own if this one has a running loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    result: List[Any] = []

    def run() -> None:
        try:
            result.append((asyncio.run(coroutine), None))
        except BaseException as error:
            result.append((None, error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    value, error = result[0]
    if error is not None:
        raise error
    return value
