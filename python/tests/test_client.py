from __future__ import annotations

import asyncio
import concurrent.futures
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

import zebu
import worker_tasks as tasks
from conftest import FakeBroker, eventually, welcome
from zebu import wire
from zebu.local import Broker


def test_a_job_by_name_and_by_task(client: zebu.Client) -> None:
    assert client.submit("fib", 30).result(30) == 832040
    future = client.submit(tasks.add, 2, b=3)
    assert future.result(30) == 5
    assert future.state == "succeeded" and future.attempt == 1 and future.done() and not future.cancelled()
    assert tasks.add.submit(1).result(30) == 11


def test_concurrent_futures_works_with_it_unchanged(client: zebu.Client) -> None:
    futures = [client.submit("echo", n) for n in range(200)]
    assert sorted(f.result() for f in concurrent.futures.as_completed(futures, 30)) == list(range(200))
    done, not_done = concurrent.futures.wait([client.submit("fail", "x"), client.submit("pause", 20)], 30,
                                             concurrent.futures.FIRST_EXCEPTION)
    assert len(done) == len(not_done) == 1
    not_done.pop().cancel()
    assert isinstance(client, concurrent.futures.Executor)


def test_run_in_executor_works_with_it_unchanged(client: zebu.Client) -> None:
    async def run() -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(client, tasks.fib, 20)

    assert asyncio.run(run()) == 6765


def test_map_takes_iterables_of_any_length_and_holds_a_window(client: zebu.Client) -> None:
    drawn = 0

    def numbers() -> Any:
        nonlocal drawn
        while True:
            yield drawn
            drawn += 1

    results = client.map("echo", numbers(), window=50)
    assert [next(results) for _ in range(200)] == list(range(200))
    assert drawn <= 252
    results.close()  # type: ignore[attr-defined]
    assert sorted(client.map("echo", range(300), window=20, ordered=False)) == list(range(300))
    assert list(client.map(tasks.add, [1, 2], [3, 4])) == [4, 6]
    assert [type(r) for r in client.map("fail", ["a"], return_exceptions=True)] == [zebu.JobFailed]
    with pytest.raises(zebu.JobFailed):
        list(client.map("fail", ["a", "b"]))


def test_ten_thousand_pending_futures(client: zebu.Client) -> None:
    futures = [client.send("echo", [n], transient=True, queue="nobody-serves") for n in range(10_000)]
    eventually(lambda: all(f.state == "accepted" for f in futures), "all accepted")
    for future in futures:
        future.cancel()
    done, not_done = concurrent.futures.wait(futures, 60)
    assert not not_done and all(f.cancelled() for f in done)


def test_cancel_of_a_running_job(client: zebu.Client, tmp_path: Any) -> None:
    path = tmp_path / "started"
    future = client.submit("pause", 100, str(path))
    eventually(path.exists, "the start")
    assert future.cancel() is True
    with pytest.raises(concurrent.futures.CancelledError):
        future.result(30)
    assert future.state == "cancelled" and future.cancel() is True
    finished = client.submit("echo", 1)
    finished.result(30)
    assert finished.cancel() is False
    assert client.cancel(finished.id) == "succeeded"


def test_progress_and_output_come_while_the_job_runs(client: zebu.Client) -> None:
    future = client.submit(tasks.words, "a b c")
    assert "".join(future.stream(30)) == "a b c "
    assert future.result(30) == 3
    assert future.progress == zebu.Progress(1.0, "counted", "a b c ")


def test_a_failure_has_its_cause_and_trace(client: zebu.Client) -> None:
    with pytest.raises(zebu.JobFailed) as info:
        client.submit("fail", "no luck").result(30)
    error = info.value
    assert (error.type, error.message, error.kind) == ("RuntimeError", "no luck", "failure")
    assert error.trace[0].startswith("fail (") and error.cause is not None and error.cause.type == "KeyError"
    assert error.__cause__ is error.cause


def test_refusals_have_the_brokers_words(client: zebu.Client) -> None:
    with pytest.raises(zebu.Refused) as info:
        client.send("echo", [1], priority=12).result(30)
    assert info.value.code == "bad_job" and "priority" in info.value.message
    with pytest.raises(zebu.Refused) as info:
        client.send("echo", [1], only_served=True, queue="nobody-serves-this").result(30)
    assert info.value.code == "no_consumer"
    with pytest.raises(zebu.Refused, match="bad_request"):
        client.query("nonsense")
    with pytest.raises(zebu.TooLarge, match="the job has .* bytes, and a message may have"):
        client.submit("echo", "x" * (20 << 20)).result(30)


def test_large_arguments_and_results_travel_in_parts(client: zebu.Client) -> None:
    text = "x" * 3_000_000
    assert client.submit("echo", text).result(60) == text


def test_a_unique_job_is_shared_and_its_future_takes_the_other_id(client: zebu.Client) -> None:
    first = client.send("pause", [0.5], unique="one")
    second = client.send("pause", [0.5], unique="one")
    assert first.result(30) == second.result(30) == "slept"
    assert first.id == second.id


def test_queries_commands_and_futures_of_other_programs(client: zebu.Client, stack: Broker) -> None:
    future = client.submit("echo", [1])
    future.result(30)
    status = client.status(future.id)
    assert status is not None and status["state"] == "succeeded" and status["attempts"][0]["ended"] == "succeeded"
    with stack.client() as other:
        assert other.future(future.id).result(30) == [1]
        with pytest.raises(zebu.UnknownJob):
            other.future("01a20039-a532-7000-94a7-066dea86e798").result(30)
    assert client.status("01a20039-a532-7000-94a7-066dea86e798") is None
    assert client.command("pause", queue="other", reason="a test") == {"paused": 1}
    assert client.command("resume", queue="other") == {"resumed": 1}


def test_an_ignored_result_ends_the_future_when_the_job_is_accepted(client: zebu.Client) -> None:
    future = client.send("pause", [0.1], ignore_result=True)
    assert future.result(30) is None and future.state == "accepted"


def test_expiry(client: zebu.Client) -> None:
    with pytest.raises(zebu.JobExpired):
        client.send("echo", [1], expires_in=0.05, queue="nobody-serves").result(30)


def test_callbacks_run_in_a_thread_that_does_not_beat(client: zebu.Client) -> None:
    names = []
    for _ in range(20):
        future = client.submit("echo", 1)
        future.add_done_callback(lambda f: names.append(threading.current_thread().name))
        future.add_done_callback(lambda f: 1 / 0)  # logged, and harms nobody
    eventually(lambda: len(names) == 20)
    assert "zebu-session" not in names
    assert client.submit("echo", 2).result(30) == 2


def test_while_the_broker_is_away_submit_fails_waits_or_gives_up_as_the_caller_chose() -> None:
    away = "tcp://127.0.0.1:1"
    with pytest.raises(zebu.ClientFull, match="5 submissions with"):
        client = zebu.Client(away, max_jobs=5, when_full="fail")
        for n in range(6):
            client.submit("echo", n)
    began = time.monotonic()
    with pytest.raises(zebu.ClientFull, match=r"after 0.2 s"):
        other = zebu.Client(away, max_bytes=1000, full_timeout=0.2)
        for n in range(6):
            other.submit("echo", "x" * 400)
    assert time.monotonic() - began >= 0.2
    with pytest.raises(zebu.Disconnected, match="no answer within 0.1 s"):
        zebu.Client(away).query("broker", timeout=0.1)
    assert client.close(timeout=0.1) is False and other.close(timeout=0.1) is False


def test_room_comes_back_when_the_broker_answers(stack: Broker) -> None:
    with stack.client(max_jobs=10) as client:
        assert [f.result(60) for f in [client.submit("echo", n) for n in range(300)]] == list(range(300))


def test_after_close_futures_fail_and_submit_is_refused(stack: Broker) -> None:
    client = stack.client()
    future = client.submit("pause", 0.3)
    assert client.close() is True
    with pytest.raises(zebu.ClosedError):
        future.result(10)
    with pytest.raises(RuntimeError):
        client.submit("echo", 1)


def test_shutdown_waits_for_outcomes_and_can_cancel(stack: Broker) -> None:
    client = stack.client()
    future = client.submit("pause", 0.2)
    client.shutdown()
    assert future.done() and future.result() == "slept"
    client = stack.client()
    future = client.submit("pause", 100)
    client.shutdown(cancel_futures=True)
    assert future.cancelled()


def test_a_bad_endpoint_is_an_error_at_once() -> None:
    with pytest.raises(ValueError, match="'localhost' is not an endpoint of a broker: tcp://HOST:PORT"):
        zebu.Client("localhost")
    with pytest.raises(ValueError, match="has no port"):
        zebu.Client("tcp://localhost")


def test_endpoints_are_tried_in_turn(stack: Broker) -> None:
    with zebu.Client(["tcp://127.0.0.1:1", stack.clients]) as client:
        assert client.submit("echo", 1).result(30) == 1
    with zebu.Client(f"tcp://127.0.0.1:1,{stack.clients}") as client:
        assert client.submit("echo", 1).result(30) == 1


def test_a_forked_child_has_a_session_of_its_own(client: zebu.Client) -> None:
    mine = client.submit("pause", 1.0)
    pid = os.fork()
    if pid == 0:
        code = 9
        try:
            try:
                mine.result(1)
            except zebu.ForkError:
                code = 0 if client.submit("echo", 5).result(30) == 5 else 2
            client.close()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert mine.result(30) == "slept" and client.submit("echo", 6).result(30) == 6


def test_a_refused_session_ends_with_the_brokers_words(fake: FakeBroker) -> None:
    client = zebu.Client(fake.endpoint)
    future = client.submit("echo", 1)
    fake.hear()
    fake.say([wire.ERROR, "version", "speak 3\x1b", {"type": wire.HELLO, "major": 3, "minor": 0}])
    with pytest.raises(zebu.SessionRefused, match=r"version: speak 3\\x1b"):
        future.result(10)
    with pytest.raises(zebu.SessionRefused):
        client.submit("echo", 1)


def test_nonsense_from_the_broker_is_dropped(fake: FakeBroker) -> None:
    with zebu.Client(fake.endpoint) as client:
        future = client.submit("echo", 1)
        fake.hear()
        fake.say(welcome())
        submit = fake.hear()
        id = submit[2][0][0]
        for frame in (b"", b"\xc1", b"\x90", b"\x91\x14", wire.pack([wire.DONE, [[id], 5, [id, 1, "succeeded", 7, 0]]]),
                      wire.pack([wire.DONE, [[id, 1, "failed", {"type": 5}, 0]]]), wire.pack([99, "later"]),
                      wire.pack([wire.PROGRESS, [[id, "x"], 3]]), wire.pack([wire.ANSWER, 77, b"\xc1"])):
            fake.say_bytes(frame)
        fake.say([wire.DONE, [[id, 1, "succeeded", b"\x07", 10]]])
        assert future.result(10) == 7


def test_a_result_that_is_no_value_is_an_error_of_its_reader_only(fake: FakeBroker) -> None:
    client = zebu.Client(fake.endpoint)
    futures = [client.submit("echo", n) for n in range(2)]
    fake.hear()
    fake.say(welcome())
    ids = []
    while len(ids) < 2:
        ids += [entry[0] for entry in fake.hear()[2]]
    fake.say([wire.DONE, [[ids[0], 1, "succeeded", b"\xc1", 1], [ids[1], 1, "succeeded", b"\x01", 1]]])
    with pytest.raises(zebu.ZebuError, match="cannot be read"):
        futures[0].result(10)
    assert futures[1].result(10) == 1
    client.close(0.1)


def test_the_grant_is_kept(fake: FakeBroker) -> None:
    client = zebu.Client(fake.endpoint)
    for n in range(20):
        client.submit("echo", n)
    fake.hear()
    fake.say(welcome(grant=3))
    ids = [entry[0] for entry in fake.hear()[2]]
    while len(ids) < 3:
        ids += [entry[0] for entry in fake.hear()[2]]
    assert len(ids) == 3
    with pytest.raises(AssertionError, match="says nothing"):
        fake.hear(patience=0.3)
    fake.say([wire.ACCEPTED, ids[:2]])
    more = fake.hear()[2]
    assert len(more) <= 2
    client.close(0.1)


def test_a_cancel_is_said_again_behind_the_submit_of_its_job(fake: FakeBroker) -> None:
    client = zebu.Client(fake.endpoint)
    future = client.submit("echo", 1)
    fake.hear()
    fake.say(welcome())
    id = fake.hear()[2][0][0]
    future.cancel()
    assert fake.hear() == [wire.CANCEL, [id]]
    fake.forget()
    assert fake.hear()[0] == wire.HELLO
    fake.say(welcome())
    assert fake.hear()[2][0][0] == id
    assert fake.hear() == [wire.CANCEL, [id]]
    fake.say([wire.ACCEPTED, [id]])
    fake.say([wire.ENDING, [[id, "cancelled"]]])
    assert not future.cancelled()
    fake.say([wire.DONE, [[id, 0, "cancelled", None, 0]]])
    with pytest.raises(concurrent.futures.CancelledError):
        future.result(10)
    client.close(0.1)


def test_a_job_that_was_never_sent_is_cancelled_here() -> None:
    client = zebu.Client("tcp://127.0.0.1:1")
    future = client.submit("echo", 1)
    future.cancel()
    with pytest.raises(concurrent.futures.CancelledError):
        future.result(10)
    assert client.close(0.1) is True


SCRIPT = """
import sys, zebu
client = zebu.Client(sys.argv[1])
print("ready", flush=True)
with client:
    client.submit("pause", 100).result()
"""


def test_ctrl_c_ends_a_program_that_waits(stack: Broker) -> None:
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, stack.clients], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    watcher = stack.client()
    eventually(lambda: any(job["task"] == "pause" for job in watcher.query("list", state="running")["jobs"]))
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode in (130, -2, 1) and b"KeyboardInterrupt" in errors
    for job in watcher.query("list", state="running")["jobs"]:
        watcher.cancel(job["id"])
    watcher.close()


def test_a_script_that_ends_without_waiting_has_its_jobs_accepted(stack: Broker) -> None:
    script = "import sys, zebu\nf = zebu.Client(sys.argv[1]).send('echo', [1], unique='fire')\nprint(f.id)"
    done = subprocess.run([sys.executable, "-c", script, stack.clients], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    with stack.client() as client:
        assert client.status(done.stdout.decode().strip()) is not None


def test_the_command_call(stack: Broker) -> None:
    def call(*arguments: str) -> Any:
        return subprocess.run([sys.executable, "-m", "zebu", "call", "-b", stack.clients, *arguments],
                              capture_output=True, text=True, timeout=60)

    assert call("fib", "30").stdout == "832040\n"
    failed = call("fail", '"no \\u001b luck"')
    assert failed.returncode == 1 and "RuntimeError: no \\x1b luck" in failed.stderr and "\x1b" not in failed.stderr
    assert call("echo", "abc").returncode == 2 and "is not JSON" in call("echo", "abc").stderr
