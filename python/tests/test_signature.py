from __future__ import annotations

from typing import List

import pytest

import zebu
import worker_tasks
from zebu.calls import call_of
from zebu.values import decode

app = zebu.App(eager=True)


@app.task(name="join")
def join(*words: str, between: str = " ") -> str:
    return between.join(words)


@app.task(name="subtract", priority=7)
def subtract(a: int, b: int) -> int:
    return a - b


def test_arguments_that_come_later_stand_before_those_that_are_there() -> None:
    assert subtract.s(2).submit(10).result() == 8
    assert subtract.s(2).delay(10).result() == 8
    assert subtract.s(b=2).submit(10).result() == 8
    assert subtract.s(10, 2).submit().result() == 8
    assert subtract.s(2).apply_async((10,)).result() == 8
    assert join.s("c", between="-").submit("a", "b").result() == "a-b-c"
    assert join.s("c", between="-").submit("a", between="+").result() == "a+c"
    assert subtract.s(2)(10) == 8


def test_a_clone_has_more_and_the_first_is_as_it_was() -> None:
    first = join.s("z")
    second = first.clone(("a",), {"between": "/"}, countdown=5, queue="slow")
    assert first == join.s("z") and first.options == {}
    assert second.args == ("a", "z") and second.options == {"delay": 5, "queue": "slow"}
    assert second.clone(queue="fast").options == {"delay": 5, "queue": "fast"}
    assert repr(second) == "join('a', 'z', between='/')"
    assert second != first and first != "join"


def test_options_of_task_and_signature_meet_in_the_call() -> None:
    hurried = subtract.options(priority=9).s(2).clone(expires=60)
    _, task, _, args, wired = call_of(hurried, (1,), {}, {}, None).entry
    assert (task, decode(args), wired["priority"], wired["expires_in_ms"]) == ("subtract", [1, 2], 9, 60_000)
    assert call_of(subtract.s(2), (1,), {}, {"priority": 1}, None).entry[4]["priority"] == 1
    assert call_of(subtract.s(2), (1,), {}, {}, None).entry[4]["priority"] == 7


def test_what_cannot_be_called_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="subtract: too many positional arguments"):
        subtract.s(1, 2, 3)
    with pytest.raises(TypeError, match="subtract: got an unexpected keyword argument 'c'"):
        subtract.s(c=3)
    with pytest.raises(zebu.BadOption, match="there is no option 'priorty'"):
        subtract.s(1).clone(priorty=1)
    with pytest.raises(TypeError, match="subtract: missing a required argument: 'b'"):
        subtract.s(1).submit()


def test_a_client_takes_one_in_the_place_of_a_task(client: zebu.Client) -> None:
    assert client.submit(worker_tasks.add.s(b=5), 1).result(60) == 6
    results: List[int] = list(client.map(worker_tasks.add.s(5), range(3)))
    assert results == [5, 6, 7]
