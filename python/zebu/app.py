"""Tasks: functions with a name and options. An App is a collection of them, and knows the broker.

Importing a module with an App opens no connection: the client connects at its first use."""

from __future__ import annotations

import datetime
import functools
import importlib
import inspect
import os
import pkgutil
import sys
import typing
from typing import (Any, Callable, Coroutine, Dict, Generator, Generic, List, Mapping, Optional, Sequence, Tuple, Type,
                    TypeVar, Union, overload)

from typing import Concatenate, ParamSpec

from . import options as job_options
from . import values, wire
from .calls import call_of
from .client import Client
from .context import Context
from .futures import Future
from .options import Duration
from .run import execute
from .signature import Signature

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])


class Bound(Generic[P, R]):
    """A task with options of this call: task.options(priority=9)."""

    def __init__(self, task: "Task[P, R]", chosen: Mapping[str, Any]) -> None:
        self.task, self.chosen = task, chosen

    def submit(self, *args: P.args, **kwargs: P.kwargs) -> "Future[R]":
        return self.task.send(args, kwargs, **self.chosen)

    delay = submit

    def s(self, *args: Any, **kwargs: Any) -> "Signature[R]":
        return Signature(self.task, args, kwargs, self.chosen)


class Task(Generic[P, R]):
    """A function that workers run. Calling it runs it here; `submit` makes a job of it."""

    def __init__(self, app: "App", function: Callable[..., Any], name: str, bind: bool,
                 retry_on: Optional[Tuple[Type[BaseException], ...]], chosen: Mapping[str, Any]) -> None:
        self.app, self.function, self.name, self.bind, self.retry_on = app, function, name, bind, retry_on
        self.chosen = job_options.checked(chosen)
        self.is_async = inspect.iscoroutinefunction(function)
        self.is_generator = inspect.isgeneratorfunction(function)
        if inspect.isasyncgenfunction(function):
            raise TypeError(f"{name} is an async generator: make it a generator, or use zebu.context().output(text)")
        self.__doc__, self.__name__, self.__wrapped__ = function.__doc__, name, function
        self.__module__ = function.__module__
        signature = inspect.signature(function)
        parameters = list(signature.parameters.values())
        if bind and not parameters:
            raise TypeError(f"{name} is bound, so its first parameter is the context: it has none")
        self.signature = signature.replace(parameters=parameters[1:] if bind else parameters)
        self._converters: Optional[Dict[str, Optional[values.Converter]]] = None
        self._hints: Optional[Dict[str, Any]] = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        result = self.call(Context(task=self.name), list(args), dict(kwargs))
        return result  # type: ignore[no-any-return]

    def call(self, context: Context, args: List[Any], kwargs: Mapping[str, Any]) -> Any:
        return self.function(context, *args, **kwargs) if self.bind else self.function(*args, **kwargs)

    def submit(self, *args: P.args, **kwargs: P.kwargs) -> "Future[R]":
        return self.send(args, kwargs)

    delay = submit

    def send(self, args: Sequence[Any] = (), kwargs: Mapping[str, Any] = {}, **options: Any) -> "Future[R]":
        """submit, with options."""
        if self.app.is_eager:
            return self._run_here(tuple(args), dict(kwargs), options)
        return self.app.client.send(self, args, kwargs, **options)

    def apply_async(self, args: Sequence[Any] = (), kwargs: Optional[Mapping[str, Any]] = None,
                    **options: Any) -> "Future[R]":
        """submit, with Celery's names for options: countdown, eta, expires, time_limit, soft_time_limit."""
        return self.send(args, kwargs or {}, **job_options.from_celery(options))

    def s(self, *args: Any, **kwargs: Any) -> "Signature[R]":
        """A call that is made later, with more arguments or none."""
        return Signature(self, args, kwargs, {})

    def options(self, *, queue: Optional[str] = None, priority: Optional[int] = None, retries: Optional[int] = None,
                retry_delay: Optional[Duration] = None, retry_factor: Optional[float] = None,
                retry_cap: Optional[Duration] = None, retry_jitter: Optional[float] = None,
                delay: Optional[Duration] = None, run_at: Optional[datetime.datetime] = None,
                expires_in: Optional[Duration] = None, expires_at: Optional[datetime.datetime] = None,
                soft_limit: Optional[Duration] = None, hard_limit: Optional[Duration] = None,
                result_ttl: Optional[Duration] = None, unique: Optional[str] = None,
                unique_while: Optional[str] = None, unique_for: Optional[Duration] = None,
                headers: Optional[Mapping[str, str]] = None, private: Optional[bool] = None,
                transient: Optional[bool] = None, only_served: Optional[bool] = None, acks: Optional[str] = None,
                ignore_result: Optional[bool] = None) -> Bound[P, R]:
        """This task with options, in seconds or timedeltas, and datetimes with a time zone."""
        return Bound(self, job_options.checked({k: v for k, v in locals().items() if k != "self"}))

    def map(self, *iterables: Any, window: int = 10_000, ordered: bool = True, **more: Any) -> typing.Iterator[R]:
        """Client.map of this task."""
        return self.app.client.map(self, *iterables, window=window, ordered=ordered, **more)

    def check_arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        try:
            self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}: {error}") from None

    def bind_arguments(self, args: Any, kwargs: Any) -> Tuple[List[Any], Dict[str, Any]]:
        """Of decoded ones, converted by the annotations. Raises with the argument that does not fit."""
        if not isinstance(args, list) or not isinstance(kwargs, dict):
            raise TypeError("arguments are a list, keyword arguments a map")
        self.check_arguments(args, kwargs)
        if self._converters is None:
            hints = self._annotations()
            self._converters = {name: values.converter(hints[name], self.app.serializer) if name in hints else None
                                for name in self.signature.parameters}
        if not any(self._converters.values()):
            return args, kwargs
        bound = self.signature.bind(*args, **kwargs)
        for name, value in bound.arguments.items():
            convert = self._converters[name]
            if convert is None:
                continue
            kind = self.signature.parameters[name].kind
            try:
                if kind is inspect.Parameter.VAR_POSITIONAL:
                    bound.arguments[name] = tuple(map(convert, value))
                elif kind is inspect.Parameter.VAR_KEYWORD:
                    bound.arguments[name] = {key: convert(each) for key, each in value.items()}
                else:
                    bound.arguments[name] = convert(value)
            except Exception as error:
                raise TypeError(f"argument {name} of {self.name}: {error}") from error
        return list(bound.args), bound.kwargs

    @functools.cached_property
    def convert_result(self) -> Optional[values.Converter]:
        hints = self._annotations()
        kind = hints.get("return")
        if self.is_generator:
            args = typing.get_args(kind)
            kind = args[2] if len(args) == 3 else None
        return values.converter(kind, self.app.serializer) if kind is not None else None

    def _annotations(self) -> Dict[str, Any]:
        if self._hints is None:
            try:
                self._hints = typing.get_type_hints(self.function, include_extras=True)
            except Exception:  # a name that exists for a type checker only
                self._hints = {}
        return self._hints

    def _run_here(self, args: Tuple[Any, ...], kwargs: Dict[str, Any], options: Mapping[str, Any]) -> "Future[R]":
        """Eager mode: as a worker would, in this thread, without a broker and without retries."""
        call = call_of(self, args, kwargs, options, None)
        future: Future[R] = Future(call.id, call.convert)
        id, _, queue, packed, wired = call.entry

        def report(done: Optional[float], note: str, output: str) -> None:
            end = len(future.progress.output.encode())
            future.on_progress([id, 1, done, note, output, end, 0])

        context = Context(wire.id_text(id), 1, self.name, queue, wired, report)
        state, value = execute(self, context, packed, wired.get("kwargs"))
        future.on_settled(1, state, value, 0)
        return future

    def __repr__(self) -> str:
        return f"<zebu task {self.name}>"


class AsyncTask(Task[P, R]):
    """Of an ``async def``: calling it gives its coroutine."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:  # type: ignore[override]
        result = self.call(Context(task=self.name), list(args), dict(kwargs))
        return result  # type: ignore[no-any-return]


class _Decorator:
    """@app.task(...), typed by what it decorates."""

    def __init__(self, app: "App", **how: Any) -> None:
        self._app, self._how = app, how

    @overload  # type: ignore[misc]
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]]) -> AsyncTask[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, Generator[Any, Any, R]]) -> Task[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R]) -> Task[P, R]: ...

    def __call__(self, function: Callable[..., Any]) -> Any:
        return self._app.add(function, **self._how)


class _BoundDecorator(_Decorator):
    """The same with bind=True: the context is no argument of the job."""

    @overload  # type: ignore[misc, override]
    def __call__(self, function: Callable[Concatenate[Context, P], Coroutine[Any, Any, R]]) -> AsyncTask[P, R]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[Context, P], Generator[Any, Any, R]]) -> Task[P, R]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[Context, P], R]) -> Task[P, R]: ...

    def __call__(self, function: Callable[..., Any]) -> Any:
        return self._app.add(function, **self._how)


class App:
    """queue: of its tasks, unless they say otherwise. broker: as for Client. defaults: options of all its jobs."""

    def __init__(self, *, queue: Optional[str] = None, broker: Union[str, Sequence[str], None] = None,
                 serializer: Optional[values.Serializer] = None, eager: bool = False, **defaults: Any) -> None:
        self.defaults = job_options.checked({"queue": queue, **defaults})
        self.broker, self.serializer, self.is_eager = broker, serializer, eager
        self.tasks: Dict[str, Task[Any, Any]] = {}
        self.initialisers: List[Callable[[], Any]] = []
        self._client: Optional[Client] = None

    @property
    def queue(self) -> str:
        return str(self.defaults.get("queue", "default"))

    @property
    def queues(self) -> List[str]:
        """Those of its tasks."""
        return sorted({str(task.chosen.get("queue", self.queue)) for task in self.tasks.values()} or {self.queue})

    @property
    def client(self) -> Client:
        """Through which tasks submit; made at its first use."""
        if self._client is None:
            self._client = Client(self.broker)
        return self._client

    @client.setter
    def client(self, client: Client) -> None:
        self._client = client

    def conf(self, *, task_always_eager: Optional[bool] = None, broker: Union[str, Sequence[str], None] = None) -> None:
        """Changes settings: task_always_eager runs every job where it is submitted, as tests want it."""
        if task_always_eager is not None:
            self.is_eager = task_always_eager
        if broker is not None:
            self.broker = broker
            self.reset_client()

    def reset_client(self) -> None:
        """Closes the client; the next job makes a new one."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    @overload  # type: ignore[misc]
    def task(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...
    @overload
    def task(self, function: Callable[P, Generator[Any, Any, R]], /) -> Task[P, R]: ...
    @overload
    def task(self, function: Callable[P, R], /) -> Task[P, R]: ...
    @overload
    def task(self, *, bind: typing.Literal[True], name: Optional[str] = ...,
             retry_on: Optional[Tuple[Type[BaseException], ...]] = ..., **options: Any) -> _BoundDecorator: ...
    @overload
    def task(self, *, name: Optional[str] = ..., retry_on: Optional[Tuple[Type[BaseException], ...]] = ...,
             **options: Any) -> _Decorator: ...

    def task(self, *function: Any, **how: Any) -> Any:
        """Makes a task of a function. name: module.function by default. bind: the first parameter is the Context.
        retry_on: only these exceptions are worth a retry. The others are options, as of Task.options."""
        if function:
            return self.add(*function, **how)
        return (_BoundDecorator if how.get("bind") else _Decorator)(self, **how)

    def add(self, function: Callable[..., Any], *, bind: bool = False, name: Optional[str] = None,
            retry_on: Optional[Tuple[Type[BaseException], ...]] = None, **options: Any) -> Task[Any, Any]:
        name = name or f"{_module_of(function)}.{function.__qualname__}"
        if name in self.tasks:
            raise ValueError(f"there are two tasks {name!r}: give one of them another name=")
        kind: Type[Task[Any, Any]] = AsyncTask if inspect.iscoroutinefunction(function) else Task
        if retry_on is not None and not isinstance(retry_on, tuple):
            retry_on = (retry_on,)
        task = kind(self, function, name, bind, retry_on, options)
        self.tasks[name] = task
        return task

    def slot_init(self, function: F) -> F:
        """Runs a function in each slot's process before its first job."""
        self.initialisers.append(function)
        return function

    def autodiscover(self, *packages: str) -> None:
        """Imports all modules of the packages, so that their tasks are known."""
        for package in packages:
            module = importlib.import_module(package)
            for found in pkgutil.walk_packages(getattr(module, "__path__", []), package + "."):
                importlib.import_module(found.name)


def _module_of(function: Callable[..., Any]) -> str:
    """That of a script is called as a worker will import it."""
    module: str = function.__module__
    if module != "__main__":
        return module
    main: Optional[str] = getattr(sys.modules.get("__main__"), "__file__", None)
    return os.path.splitext(os.path.basename(main))[0] if main else "__main__"


def load(target: str) -> App:
    """The App at module:name; the name is `app` by default. Raises ImportError or TypeError that says what is there."""
    module_name, _, name = target.partition(":")
    module = importlib.import_module(module_name)
    found = getattr(module, name or "app", None)
    if isinstance(found, App):
        return found
    apps = sorted(key for key, value in vars(module).items() if isinstance(value, App))
    hint = f"; there is {', '.join(f'{module_name}:{app}' for app in apps)}" if apps else ""
    raise TypeError(f"{module_name}:{name or 'app'} is not a zebu.App{hint}")
