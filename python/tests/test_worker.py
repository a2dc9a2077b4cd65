from __future__ import annotations

import concurrent.futures
import datetime
import decimal
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from typing import Any, Callable, List

import pytest

import zebu
import worker_tasks as tasks
from conftest import FakeBroker, KillableBroker, Worker, eventually, is_alive, welcome
from zebu import values, wire
from zebu.local import Broker

Start = Callable[..., Worker]


def test_every_kind_of_task_runs(client: zebu.Client) -> None:
    assert client.submit("initialised").result(60) is True
    assert client.submit(tasks.sleepy, 0.01).result(60) == "woke"
    assert client.submit(tasks.third_time).result(60) == 3
    about = client.send("about", headers={"traceparent": "00-1"}, hard_limit=50, retries=2).result(60)
    assert about["headers"] == {"traceparent": "00-1"} and about["same"] and about["has_deadline"]
    assert about["attempt"] == 1 and about["queue"] == "default" and about["retries"] == 2
    at = datetime.datetime.now(datetime.timezone.utc)
    point = tasks.shift.submit(tasks.Point(1, decimal.Decimal("1.5"), at), decimal.Decimal("2"), [uuid.uuid4()])
    assert point.result(60) == tasks.Point(2, decimal.Decimal("3.5"), at)


def test_failures_are_classified_by_the_task(client: zebu.Client) -> None:
    def failed(*call: Any) -> zebu.JobFailed:
        error = client.submit(*call).exception(60)
        assert isinstance(error, zebu.JobFailed)
        return error

    assert failed(tasks.picky, "value").attempt == 1
    assert failed(tasks.picky, "os").attempt == 6
    assert failed(tasks.give_up).type == "scan.Infected"
    assert failed("add", "x", 1, 2).type == "zebu::BadArguments"
    result = failed(tasks.bad_result)
    assert result.kind == "permanent" and 'result["a"][1]: a set cannot travel' in result.message


def test_limits_raise_in_the_task_and_then_kill_it(client: zebu.Client, tmp_path: pathlib.Path) -> None:
    assert client.send("soft", soft_limit=0.3).result(60) == "cleaned up"
    with pytest.raises(zebu.JobFailed) as info:
        client.send("pause", [100], soft_limit=0.3).result(60)
    assert info.value.type == "zebu::SoftLimit"
    path = tmp_path / "child"
    with pytest.raises(zebu.JobFailed) as info:
        client.send("deaf", [str(path)], hard_limit=2).result(60)
    assert info.value.type == "zebu::HardLimit" and "2 s" in info.value.message
    eventually(lambda: not is_alive(int(path.read_text())), "the end of what the task started")


def test_a_cancelled_task_is_interrupted_and_a_deaf_one_killed_with_what_it_started(
        client: zebu.Client, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "child"
    future = client.submit("deaf", str(path))
    eventually(lambda: path.exists() and path.read_text(), "the start")
    future.cancel()
    with pytest.raises(concurrent.futures.CancelledError):
        future.result(60)
    eventually(lambda: not is_alive(int(path.read_text())), "the end of what the task started")
    coroutine = client.submit("sleepy", 100)
    eventually(lambda: (client.status(coroutine.id) or {}).get("state") == "running")
    coroutine.cancel()
    with pytest.raises(concurrent.futures.CancelledError):
        coroutine.result(60)


def test_a_crash_costs_its_attempts_and_no_other_job(client: zebu.Client) -> None:
    neighbours = [client.submit("pause", 0.5) for _ in range(3)]
    left = client.submit("leave", 3).exception(60)
    assert isinstance(left, zebu.JobFailed) and left.kind == "crash" and "exited with code 3" in left.message
    segfault = client.submit("segfault").exception(60)
    assert isinstance(segfault, zebu.JobFailed) and "SIGSEGV" in segfault.message
    assert any("in segfault" in line for line in segfault.trace)
    assert all("zebu/worker" not in line for line in segfault.trace)
    assert [f.result(60) for f in neighbours] == ["slept"] * 3
    assert all(f.attempt == 1 for f in neighbours)


def test_a_task_that_closes_or_garbles_its_slots_descriptors_costs_its_own_job_only(client: zebu.Client) -> None:
    neighbour = client.submit("pause", 1)
    for task in ("close_everything", "garble"):
        error = client.submit(task).exception(60)
        assert isinstance(error, zebu.JobFailed) and error.kind == "crash"
    assert neighbour.result(60) == "slept" and neighbour.attempt == 1
    assert client.submit("echo", 1).result(60) == 1


def test_a_task_that_forks_returns_once(client: zebu.Client) -> None:
    client.submit("forks").result(60)
    assert client.submit("echo", 1).result(60) == 1


def test_short_jobs_that_lie_ready_in_a_slot_come_back_when_a_long_one_runs_before_them(client: zebu.Client) -> None:
    list(client.map("echo", range(500)))  # the worker learns that jobs are short, and has many at hand
    mixed = [client.submit("pause", 3) if n % 50 == 0 else client.submit("echo", n) for n in range(150)]
    began = time.monotonic()
    short = [future.result(60) for n, future in enumerate(mixed) if n % 50 != 0]
    assert len(short) == 147 and time.monotonic() - began < 30
    assert [future.result(60) for n, future in enumerate(mixed) if n % 50 == 0] == ["slept"] * 3
    assert all(future.attempt == 1 for future in mixed)


def test_a_cancel_never_hits_the_job_behind_it(client: zebu.Client) -> None:
    list(client.map("echo", range(200)))
    for _ in range(10):
        futures = [client.submit("pause", 0.005) for _ in range(20)]
        for future in futures[::2]:
            future.cancel()
        concurrent.futures.wait(futures, 60)
        assert all(future.result() == "slept" for future in futures[1::2])


def test_output_is_kept_in_order_and_bounded(client: zebu.Client) -> None:
    future = client.submit("shout", 20_000)
    future.result(60)
    lines = future.progress.output.splitlines()
    assert lines[-1] == "line 19999" and len(future.progress.output) <= 64 << 10
    numbers = [int(line[5:]) for line in lines if re.fullmatch(r"line \d{5}", line)]  # a gap may cut a line
    assert numbers == sorted(numbers) and len(numbers) > 1000


def test_a_task_may_submit_jobs_itself(broker: KillableBroker, start_worker: Start) -> None:
    start_worker(broker.consumers, "-c", "2", clients=broker.clients).wait_ready()
    with zebu.Client(broker.clients) as client:
        assert client.submit("nested", 3).result(60) == 5


@pytest.mark.parametrize("pool", ["threads", "async"])
def test_other_pools(pool: str, broker: KillableBroker, start_worker: Start) -> None:
    worker = start_worker(broker.consumers, "-c", "20", "--pool", pool, "--cancel-grace", "1s").wait_ready()
    with zebu.Client(broker.clients) as client:
        began = time.monotonic()
        futures = [client.submit("sleepy" if pool == "async" else "pause", 1) for _ in range(20)]
        assert len({f.result(60) for f in futures}) == 1
        assert time.monotonic() - began < 15
        assert client.submit("add", 1, b=2).result(60) == 3
        assert client.submit(tasks.third_time).result(60) == 3
        future = client.submit("patient")
        assert next(future.stream(60)) == "begun"
        future.cancel()
        concurrent.futures.wait([future], 60)
        assert future.cancelled()
        limited = client.send("sleepy", [100], hard_limit=0.3).exception(60)
        assert isinstance(limited, zebu.JobFailed) and limited.type == "zebu::HardLimit"
        assert client.submit("echo", 2).result(60) == 2
        crash = client.submit("leave", 4).exception(60)
        assert isinstance(crash, zebu.JobFailed) and crash.kind == "crash"
        assert client.submit("echo", 3).result(60) == 3
    assert worker.end() == 0


def test_a_task_that_holds_the_gil_stops_no_beat(broker: KillableBroker, start_worker: Start) -> None:
    worker = start_worker(broker.consumers, "-c", "2", "--pool", "threads").wait_ready()
    with zebu.Client(broker.clients) as client:
        future = client.submit("hold_the_gil", 5)  # longer than the liveness
        assert future.result(60) == "held" and future.attempt == 1
    assert worker.text.count("ready:") == 1


def test_sigterm_lets_running_jobs_finish_and_gives_the_others_back(broker: KillableBroker, start_worker: Start,
                                                                    tmp_path: pathlib.Path) -> None:
    worker = start_worker(broker.consumers, "-c", "1").wait_ready()
    with zebu.Client(broker.clients) as client:
        path = tmp_path / "started"
        running = client.submit("pause", 1.0, str(path))
        waiting = [client.submit("echo", n) for n in range(5)]
        eventually(path.exists, "the start")
        assert worker.end() == 0
        assert running.result(30) == "slept" and running.attempt == 1
        start_worker(broker.consumers, "-c", "1").wait_ready()
        assert [f.result(60) for f in waiting] == list(range(5)) and all(f.attempt == 1 for f in waiting)
        assert (client.status(waiting[0].id) or {})["losses"] == 0


def test_a_second_signal_or_the_timeout_ends_running_jobs_which_go_back(broker: KillableBroker, start_worker: Start,
                                                                        tmp_path: pathlib.Path) -> None:
    first = start_worker(broker.consumers, "-c", "1", "--drain-timeout", "500ms").wait_ready()
    with zebu.Client(broker.clients) as client:
        path = tmp_path / "started"
        future = client.submit("pause", 3, str(path))
        eventually(path.exists, "the start")
        assert first.end() == 0
        second = start_worker(broker.consumers, "-c", "1").wait_ready()
        eventually(lambda: path.read_text().count("\n") == 2, "the second start")
        second.process.send_signal(signal.SIGINT)
        second.process.send_signal(signal.SIGINT)
        assert second.process.wait(30) == 0
        start_worker(broker.consumers, "-c", "1").wait_ready()
        assert future.result(60) == "slept"


def test_nothing_is_left_after_kill_9_of_the_worker(broker: KillableBroker, start_worker: Start,
                                                    tmp_path: pathlib.Path) -> None:
    worker = start_worker(broker.consumers, "-c", "2").wait_ready()
    with zebu.Client(broker.clients) as client:
        path = tmp_path / "child"
        client.submit("deaf", str(path))
        eventually(lambda: path.exists() and path.read_text(), "the start")
        family = _descendants(worker.pid)
        assert len(family) >= 4 and int(path.read_text()) in family
        worker.end(signal.SIGKILL)
        eventually(lambda: not any(map(is_alive, family)), "the end of the family")
        client.close()


def _descendants(pid: int) -> List[int]:
    found = [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return found + [each for child in found for each in _descendants(child)]


def test_the_process_that_starts_slots_may_die(broker: KillableBroker, start_worker: Start) -> None:
    worker = start_worker(broker.consumers, "-c", "1").wait_ready()
    server = _descendants(worker.pid)[0]
    os.kill(server, signal.SIGKILL)
    with zebu.Client(broker.clients) as client:
        assert client.submit("echo", 1).result(60) == 1
    assert worker.end() == 0 and "is started again" in worker.text


def test_children_are_replaced_after_so_many_jobs_or_so_much_memory(broker: KillableBroker,
                                                                    start_worker: Start) -> None:
    worker = start_worker(broker.consumers, "-c", "1", "--max-jobs-per-child", "2").wait_ready()
    with zebu.Client(broker.clients) as client:
        pids = [client.submit("pid").result(60) for _ in range(6)]
        assert len(set(pids)) == 3
    assert worker.end() == 0
    start_worker(broker.consumers, "-c", "1", "--max-memory-per-child", "1MiB").wait_ready()
    with zebu.Client(broker.clients) as client:
        assert len({client.submit("pid").result(60) for _ in range(3)}) == 3


def test_reload_starts_anew_when_a_file_changes(broker: KillableBroker, start_worker: Start,
                                                tmp_path: pathlib.Path) -> None:
    source = "import zebu\napp = zebu.App()\n@app.task(name='version')\ndef version() -> int:\n    return {}\n"
    (tmp_path / "reloaded.py").write_text(source.format(1))
    worker = start_worker(broker.consumers, "-c", "1", "--reload", target="reloaded:app", cwd=tmp_path).wait_ready()
    with zebu.Client(broker.clients) as client:
        assert client.submit("version").result(60) == 1
        (tmp_path / "reloaded.py").write_text(source.format(2))
        worker.wait_ready(times=2)
        assert client.submit("version").result(60) == 2
    assert worker.end() == 0


@pytest.mark.parametrize("arguments, code, text", [
    (["no_such_module"], 1, "no_such_module cannot be loaded: ModuleNotFoundError"),
    (["worker_tasks:add"], 1, "worker_tasks:add is not a zebu.App; there is worker_tasks:app"),
    (["worker_tasks", "-c", "0"], 2, "'0' is not a number from 1 to 4096"),
    (["worker_tasks", "-Q", "a b"], 2, "a queue is a name"),
    (["worker_tasks", "-b", "nowhere"], 2, "'nowhere' is not an endpoint of a broker"),
    (["worker_tasks", "--max-memory-per-child", "lots"], 2, "'lots' is not a size: 512MiB, 2GiB"),
    (["worker_tasks", "--cancel-grace", "soon"], 2, "'soon' is not a duration"),
])
def test_wrong_words_are_refused_with_what_would_be_right(arguments: List[str], code: int, text: str) -> None:
    done = subprocess.run([sys.executable, "-m", "zebu", "worker", *arguments], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == code and text in done.stderr


def test_a_job_that_the_worker_cannot_read_ends_with_a_word(fake: FakeBroker, start_worker: Start) -> None:
    worker = start_worker(fake.endpoint, "-c", "1")
    hello = fake.hear()
    assert hello[3] == "consumer" and hello[6]["queues"] == ["default"] and "add" in hello[6]["tasks"]
    fake.say(welcome())
    assert fake.hear()[0] == wire.CREDIT
    good = [b"g" * 16, 1, "add", "default", values.encode([1, 2]), {}]
    fake.say([wire.ASSIGN, [[b"b" * 16, 1, "add", "default", 5, {}], good, 7]])
    outcomes = {}
    while len(outcomes) < 2:
        message = fake.hear([wire.CREDIT])
        assert message[0] == wire.OUTCOME
        outcomes.update({entry[0]: entry for entry in message[2]})
    assert outcomes[b"b" * 16][3]["type"] == "zebu::BadAssignment"
    assert outcomes[b"g" * 16][2:4] == ["succeeded", b"\x03"]
    fake.say([wire.KEPT, 2])
    fake.say([wire.DRAIN])
    assert fake.hear([wire.CREDIT])[0] == wire.DRAIN
    fake.say([wire.ASSIGN, [[b"l" * 16, 1, "add", "default", values.encode([1, 2]), {}]]])
    fake.say([wire.DRAINED])
    assert fake.hear()[2] == [[b"l" * 16, 1]]  # RETURN
    assert fake.hear() == [wire.BYE]
    assert worker.process.wait(30) == 0


def test_a_result_that_no_message_holds_is_a_failure(fake: FakeBroker, start_worker: Start) -> None:
    start_worker(fake.endpoint, "-c", "1")
    fake.hear()
    fake.say(welcome(max_message=10_000, max_part=4096))
    assert fake.hear()[0] == wire.CREDIT
    fake.say([wire.ASSIGN, [[b"l" * 16, 1, "large", "default", values.encode([50_000]), {}]]])
    outcome = fake.hear([wire.CREDIT])[2][0]
    assert outcome[3]["type"] == "zebu::ResultTooLarge" and "50,003 bytes" in outcome[3]["message"]
    fake.say([wire.ASSIGN, [[b"m" * 16, 1, "large", "default", values.encode([40 << 20]), {}]]])
    assert fake.hear([wire.CREDIT])[2][0][3]["type"] == "zebu::ResultTooLarge"


def test_local_and_its_children_end_together(tmp_path: pathlib.Path) -> None:
    with zebu.local(tasks.app, workers=1) as client:
        assert client.submit("add", 1).result(60) == 11
        assert tasks.add.submit(5).result(60) == 15
    script = ("import zebu, os, sys\nlocal = zebu.local('worker_tasks:app', workers=1)\nclient = local.__enter__()\n"
              "print(client.submit('pid').result(60), local.broker._program._process.pid, flush=True)\n"
              "sys.stdin.read()")
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    pids = [int(word) for word in process.stdout.readline().split()]
    assert len(pids) == 2 and all(map(is_alive, pids))
    process.kill()
    process.communicate()
    eventually(lambda: not any(map(is_alive, pids)), "the end of the children")


def test_the_fixture_of_the_pytest_plugin(zebu_broker: Any) -> None:
    zebu_broker.worker("worker_tasks:app", concurrency=1)
    with zebu.Client() as client:
        assert client.submit("fib", 10).result(60) == 55


def test_threads_that_submit_at_once_share_a_client(stack: Broker) -> None:
    with stack.client() as client:
        results: List[Any] = []

        def work(base: int) -> None:
            results.extend(f.result(60) for f in [client.submit("echo", base + n) for n in range(100)])

        threads = [threading.Thread(target=work, args=[100 * n]) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(results) == list(range(800))
