from __future__ import annotations

import datetime
import uuid
from typing import Any, Generator, List

import pytest

import zebu
from zebu import options
from zebu.app import load
from zebu.calls import call_of

app = zebu.App(eager=True, queue="py")


@app.task
def double(n: int) -> int:
    """Twice."""
    return 2 * n


@app.task(name="greet", bind=True, retries=3, retry_delay=1.5, priority=7)
def greet(ctx: zebu.Context, name: str, *, loud: bool = False) -> str:
    ctx.progress(0.5, "half")
    return f"{ctx.task} {name}{'!' if loud else ''}"


@app.task
async def later(id: uuid.UUID) -> uuid.UUID:
    assert isinstance(id, uuid.UUID)
    return id


@app.task(name="count")
def count(n: int) -> Generator[Any, None, int]:
    for number in range(n):
        yield f"{number} "
    yield 1.0
    return n


@app.task(name="fails")
def fails(kind: str) -> None:
    if kind == "permanent":
        raise zebu.PermanentFailure("for good", type="x.Y")
    if kind == "retry":
        raise zebu.Retry(after=5)
    if kind == "yield":
        raise SystemExit(3)
    raise ValueError("no \x1b[31mluck\u202e")


def test_a_task_is_called_like_the_function_that_it_was() -> None:
    assert double(4) == 8 and double.__doc__ == "Twice."
    assert greet("Ada", loud=True) == "greet Ada!"
    assert double.name == "test_app.double" and greet.name == "greet"


def test_eager_mode_runs_a_job_here_with_values_that_have_travelled() -> None:
    future = greet.submit("Ada", loud=True)
    assert future.result() == "greet Ada!" and future.state == "succeeded" and future.attempt == 1
    assert future.progress == zebu.Progress(0.5, "half", "")
    id = uuid.uuid4()
    assert later.submit(id).result() == id
    counted = count.submit(3)
    assert counted.result() == 3 and counted.progress.output == "0 1 2 " and counted.progress.done == 1


async def _in_a_loop() -> Any:
    return later.submit(uuid.UUID(int=1)).result()


def test_eager_mode_runs_coroutines_inside_of_a_running_loop() -> None:
    import asyncio
    assert asyncio.run(_in_a_loop()) == uuid.UUID(int=1)


def test_failures_carry_type_message_trace_and_kind() -> None:
    error = fails.submit("value").exception()
    assert isinstance(error, zebu.JobFailed)
    assert error.type == "ValueError" and error.message == "no \x1b[31mluck\u202e" and error.kind == "failure"
    assert str(error) == "ValueError: no \\x1b[31mluck\\u202e"
    assert error.trace[0].startswith("fails (") and len(error.trace) == 1
    permanent = fails.submit("permanent").exception()
    assert isinstance(permanent, zebu.JobFailed) and (permanent.type, permanent.kind) == ("x.Y", "permanent")
    retry = fails.submit("retry").exception()
    assert isinstance(retry, zebu.JobFailed) and retry.type == "zebu::Retry"
    left = fails.submit("yield").exception()
    assert isinstance(left, zebu.JobFailed) and left.type == "SystemExit"


def test_job_failed_survives_pickle() -> None:
    import pickle
    error = pickle.loads(pickle.dumps(zebu.JobFailed("T", "m", ["a"], "crash", None, "id", 2)))
    assert (error.type, error.message, error.trace, error.kind, error.attempt) == ("T", "m", ["a"], "crash", 2)


def test_arguments_that_do_not_fit_are_a_type_error_where_they_are_submitted() -> None:
    with pytest.raises(TypeError, match="test_app.double: missing a required argument: 'n'"):
        double.submit()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'quiet'"):
        greet.submit("Ada", quiet=True)  # type: ignore[call-arg]
    with pytest.raises(zebu.CannotTravel, match=r"args\[0\]: a set"):
        double.submit({1})  # type: ignore[arg-type]
    with pytest.raises(zebu.CannotTravel, match=r'kwargs\["loud"\]: an object'):
        greet.submit("a", loud=object())  # type: ignore[arg-type]


def test_arguments_that_the_annotations_refuse_fail_the_job_for_good() -> None:
    error = later.submit("no uuid").exception()  # type: ignore[arg-type]
    assert isinstance(error, zebu.JobFailed) and error.type == "zebu::BadArguments" and error.kind == "permanent"
    assert "argument id of test_app.later" in error.message


def test_a_function_that_is_no_task_cannot_be_submitted() -> None:
    client = zebu.Client("tcp://127.0.0.1:1")
    with pytest.raises(TypeError, match="is not a task: decorate it"):
        client.submit(len, [])  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="async generator"):
        @app.task
        async def generates() -> Any:
            yield 1
    with pytest.raises(ValueError, match="two tasks 'greet'"):
        app.add(lambda: None, name="greet")


def wired(target: Any, **more: Any) -> Any:
    return call_of(target, ("x",), {}, more, None).entry


def test_options_are_written_as_the_wire_has_them() -> None:
    entry = wired(greet.options(delay=datetime.timedelta(minutes=1), headers={"a": "b"}, queue="other",
                                retry_factor=1.5, transient=True, private=False))
    assert entry[1:3] == ["greet", "other"]
    assert entry[4] == {"retries": 3, "retry_delay_ms": 1500, "priority": 7, "delay_ms": 60_000, "headers": {"a": "b"},
                        "retry_factor": 1.5, "transient": True}
    at = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)
    assert wired("any", run_at=at, expires_at=at)[4] == {"run_at_ms": 1893456000000, "expires_at_ms": 1893456000000}
    assert wired(greet)[2] == "py" and wired("any")[2] == "default"


def test_unique_by_args_is_the_same_for_equal_calls_only() -> None:
    def key(*args: Any) -> str:
        return str(call_of("t", args, {}, {"unique": "by_args"}, None).entry[4]["unique"])

    assert key(1, "a") == key(1, "a") != key(1, "b")
    assert len(key()) < 200 and key().startswith("t:")


@pytest.mark.parametrize("more, text", [
    ({"priorty": 3}, "there is no option 'priorty'"),
    ({"priority": "high"}, "priority is a int"),
    ({"delay": -1}, "delay is a number of seconds"),
    ({"delay": "5s"}, "delay is a number of seconds"),
    ({"run_at": datetime.datetime(2030, 1, 1)}, "run_at is a datetime with a time zone"),
    ({"headers": {"a": 1}}, "headers is a map"),
    ({"acks": "never"}, "acks is one of early, late"),
    ({"queue": "a b"}, "queue is a name"),
    ({"queue": "\x1b"}, "queue is a name"),
    ({"transient": 1}, "transient is a bool"),
])
def test_bad_options_are_refused_where_they_are_written(more: Any, text: str) -> None:
    with pytest.raises(zebu.BadOption, match=text):
        wired("t", **more)


def test_celery_names_mean_the_same() -> None:
    at = datetime.datetime.now(datetime.timezone.utc)
    assert options.from_celery({"countdown": 5, "expires": 60, "time_limit": 9, "soft_time_limit": 8, "priority": 1}) \
        == {"delay": 5, "expires_in": 60, "hard_limit": 9, "soft_limit": 8, "priority": 1}
    assert options.from_celery({"eta": at, "expires": at}) == {"run_at": at, "expires_at": at}
    assert double.delay(2).result() == 4
    assert double.apply_async((3,), countdown=0).result() == 6


def test_load_finds_an_app_and_says_what_there_is_otherwise() -> None:
    assert load("test_app:app") is app and load("test_app") is app
    with pytest.raises(TypeError, match="test_app:double is not a zebu.App; there is test_app:app"):
        load("test_app:double")
    with pytest.raises(ImportError):
        load("no_such_module_at_all")


def test_context_outside_of_a_task_is_an_error_that_says_so() -> None:
    with pytest.raises(LookupError, match="there is no job here"):
        zebu.context()


def test_autodiscover_imports_every_module_of_a_package(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "found_by_zebu"
    package.mkdir()
    (package / "__init__.py").write_text("seen = []\n")
    (package / "one.py").write_text("from found_by_zebu import seen\nseen.append(1)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    app.autodiscover("found_by_zebu")
    import found_by_zebu  # type: ignore[import]
    seen: List[int] = found_by_zebu.seen
    assert seen == [1]
