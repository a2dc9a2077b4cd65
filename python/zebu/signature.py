"""A call of a task that is not made yet: task.s(...)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Generic, Mapping, Optional, Sequence, Tuple, TypeVar

from . import options as job_options

if TYPE_CHECKING:
    from .app import Task
    from .futures import Future

R = TypeVar("R")


class Signature(Generic[R]):
    """A task with some of its arguments and options, as in Celery: arguments that come later stand before those that it
    has, and keyword arguments and options that come later replace them. It never changes; `clone` makes another one.
    Client.submit and Client.map take one in the place of a task."""

    __slots__ = ("task", "args", "kwargs", "options")

    def __init__(self, task: "Task[Any, R]", args: Sequence[Any], kwargs: Mapping[str, Any],
                 options: Mapping[str, Any]) -> None:
        self.task: Task[Any, R] = task
        self.args, self.kwargs = tuple(args), dict(kwargs)
        self.options: Dict[str, Any] = job_options.checked(options)
        try:
            task.signature.bind_partial(*self.args, **self.kwargs)
        except TypeError as error:
            raise TypeError(f"{task.name}: {error}") from None

    def joined(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tuple[Tuple[Any, ...], Dict[str, Any]]:
        """All arguments, with those that come now."""
        return (*args, *self.args), {**self.kwargs, **kwargs}

    def submit(self, *args: Any, **kwargs: Any) -> "Future[R]":
        all_args, all_kwargs = self.joined(args, kwargs)
        return self.task.send(all_args, all_kwargs, **self.options)

    delay = submit

    def apply_async(self, args: Sequence[Any] = (), kwargs: Optional[Mapping[str, Any]] = None,
                    **options: Any) -> "Future[R]":
        """submit, with Celery's names for options."""
        return self.clone(args, kwargs, **options).submit()

    def clone(self, args: Sequence[Any] = (), kwargs: Optional[Mapping[str, Any]] = None,
              **options: Any) -> "Signature[R]":
        """Another one, with more arguments and options; Celery's names for these count, too."""
        all_args, all_kwargs = self.joined(args, kwargs or {})
        return Signature(self.task, all_args, all_kwargs, {**self.options, **job_options.from_celery(options)})

    def __call__(self, *args: Any, **kwargs: Any) -> R:
        """Runs the task here."""
        all_args, all_kwargs = self.joined(args, kwargs)
        return self.task(*all_args, **all_kwargs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Signature) and (self.task, self.args, self.kwargs, self.options) == (
            other.task, other.args, other.kwargs, other.options)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        words = [*map(repr, self.args), *(f"{key}={value!r}" for key, value in self.kwargs.items())]
        return f"{self.task.name}({', '.join(words)})"
