"""The commands of `zebu` that ask the broker and change what it has."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
from typing import Any, Callable, Iterator, List

import pytest

import zebu
from conftest import eventually
from zebu.local import Broker

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def own() -> Iterator[Broker]:
    """A broker and a worker with two slots, whose queues these tests pause and purge."""
    broker = Broker()
    worker = broker.worker("worker_tasks:app", concurrency=2, options=["-Q", "default,other", "-n", "the-worker"])
    yield broker
    worker.stop()
    broker.stop()


@pytest.fixture
def run(own: Broker) -> Run:
    def call(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([sys.executable, "-m", "zebu", *arguments], env={**os.environ, **own.environment},
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                              timeout=60, **options)

    return call


def said(done: "subprocess.CompletedProcess[str]", code: int = 0) -> str:
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def objects(done: "subprocess.CompletedProcess[str]", code: int = 0) -> List[Any]:
    return [json.loads(line) for line in said(done, code).splitlines()]


def test_a_paused_queue_is_shown_cancelled_in_and_resumed(own: Broker, run: Run) -> None:
    with own.client() as client:
        assert said(run("pause", "other", "--reason", "we\x1b[2Jmove")) == (
            "queue other is paused: running jobs continue, no new ones start\n")
        future = client.send("echo", [{"a": 1}], queue="other")
        eventually(lambda: future.state == "accepted", "its acceptance")
        table = said(run("queues"))
        assert table.startswith("QUEUE") and r"we\x1b[2Jmove" in table and "\x1b" not in table
        (queue,) = objects(run("queues", "other", "--json"))
        assert queue["queued"] == 1 and queue["paused"] is True
        assert [job["id"] for job in objects(run("list", "--queue", "other", "--json"))] == [future.id]
        assert re.search(rf"{future.id} +queued +other +echo +0 ", said(run("list", "--state", "queued")))
        assert said(run("list", "--state", "running")).count("\n") == 1
        (job,) = objects(run("status", future.id, "--json"))
        assert job["state"] == "queued" and job["args"] == [{"a": 1}]
        text = said(run("status", future.id))
        assert re.search(r"^state +queued$", text, re.M) and re.search(r'^args +\[{"a": 1}\]$', text, re.M)
        assert re.search(r"^submitted_ms +20\d\d-\d\d-\d\d .* UTC$", text, re.M)
        assert said(run("cancel", future.id)) == f"{future.id}  cancelled\n"
        assert said(run("cancel", future.id)) == f"{future.id}  cancelled\n"  # so it is
        assert said(run("resume", "other")) == "queue other is resumed\n"
        assert said(run("resume", "other")) == "queue other was not paused\n"


def test_a_running_job_is_cancelled_and_one_that_has_ended_is_not(own: Broker, run: Run) -> None:
    with own.client() as client:
        done = client.submit("echo", 1)
        assert done.result(60) == 1
        running = client.submit("pause", 1000)
        eventually(lambda: (client.status(running.id) or {}).get("state") == "running", "the start")
        assert said(run("cancel", running.id, done.id), 1) == (
            f"{running.id}  cancelled\n{done.id}  too late: succeeded\n")
        unknown = done.id[:-3] + "000" if not done.id.endswith("000") else done.id[:-12] + "0" * 12
        (told,) = objects(run("cancel", unknown, "--json"), 1)
        assert told["cancelled"] is False and "does not have job" in told["message"]
        assert said(run("status", unknown), 1) == f"id            {unknown}\nstate         unknown\n\n"


def test_failed_jobs_are_listed_retried_and_forgotten(own: Broker, run: Run) -> None:
    with own.client() as client:
        failed = [client.submit("fail", f"oops\n{number}") for number in range(3)]
        for future in failed:
            future.exception(60)
        table = said(run("list", "--state", "failed", "--task", "fail", "--limit", "2"))
        assert table.count("RuntimeError: oops\\n") == 2 and table.count("\n") == 3
        retried = said(run("retry", failed[0].id))
        assert re.fullmatch(rf"{failed[0].id} -> [0-9a-f-]{{36}}\n", retried)
        client.future(retried.split()[2]).exception(60)
        assert said(run("retry", failed[0].id), 1) == f"{failed[0].id} has not failed\n"
        assert said(run("retry", "--task", "fail")) == "3 jobs are queued again\n"
        eventually(lambda: client.query("queues", queue="default")["queues"][0]["failed"] == 3, "their failure")
        assert "use --yes" in run("purge", "default", "--state", "failed").stderr
        assert said(run("purge", "default", "--state", "failed", "--yes")) == (
            "queue default: 3 jobs are forgotten\n")
        run("pause", "other")
        futures = [client.send("echo", [n], queue="other") for n in range(1500)]
        eventually(lambda: all(future.state == "accepted" for future in futures), "their acceptance")
        assert len(objects(run("list", "--queue", "other", "--state", "queued", "--all", "--json"))) == 1500
        assert len(objects(run("list", "--queue", "other", "--limit", "1200", "--json"))) == 1200
        assert said(run("purge", "other", "--yes")) == "queue other: 1,500 jobs are cancelled\n"
        run("resume", "other")


def test_consumers_are_shown(run: Run) -> None:
    table = said(run("consumers"))
    assert re.search(r"^the-worker +default,other +2 +processes +0 +serving ", table, re.M)
    (consumer,) = objects(run("consumers", "the-worker", "--json"))
    assert consumer["slots"] == 2 and "echo" in consumer["tasks"]
    assert "nobody" in run("consumers", "nobody").stderr and run("consumers", "nobody").returncode == 1
    assert run("queues", "nothing").returncode == 1


@pytest.mark.parametrize("arguments, code, text", [
    (["status", "no-id"], 2, "'no-id' is not the id of a job"),
    (["cancel", "no-id"], 2, "'no-id' is not the id of a job"),
    (["retry"], 2, "give ids, --queue or --task, or --all-failed"),
    (["retry", "--all-failed", "--task", "x"], 2, "give ids, --queue or --task, or --all-failed"),
    (["purge", "a b"], 2, "a name of 1 to 128 bytes without spaces"),
    (["list", "--state", "waiting"], 2, "invalid choice: 'waiting'"),
    (["list", "--limit", "0"], 2, "'0' is not a number"),
    (["queues", "-b", "nowhere"], 2, "'nowhere' is not an endpoint of a broker"),
    (["call", "worker_tasks:app"], 2, "worker_tasks:app is not a task; there is worker_tasks:about"),
    (["call", "worker_tasks:add", "1", "2", "3"], 2, "add: too many positional arguments"),
    (["call", "worker_tasks:add", "one"], 2, "'one' is not JSON; a text needs quotes"),
    (["call", "worker_tasks:add", "b=1", "b=2"], 2, "the keyword argument b is given twice"),
    (["call", "no_such_module:add"], 2, "no_such_module cannot be loaded: ModuleNotFoundError"),
])
def test_wrong_words_are_refused_with_what_would_be_right(arguments: List[str], code: int, text: str, run: Run) -> None:
    done = run(*arguments)
    assert done.returncode == code and text in done.stderr, done.stderr


def test_a_broker_that_is_away_is_said() -> None:
    done = subprocess.run([sys.executable, "-m", "zebu", "queues", "-b", "tcp://127.0.0.1:1"], text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 1 and "no broker has answered at tcp://127.0.0.1:1" in done.stderr


def test_call_takes_a_task_of_a_module_with_its_options(own: Broker, run: Run, tmp_path: pathlib.Path) -> None:
    assert said(run("call", "worker_tasks:add", "1", "b=2")) == "3\n"
    assert said(run("call", "add", "1", "b=2", "-q", "other")) == "3\n"
    assert said(run("call", "worker_tasks:shift", '{"x": 1, "y": "1.5"}', '"2"', json.dumps([str(zebu.wire.id_text(
        zebu.wire.new_id()))]))) == '{"x": 2, "y": "3.5", "at": null}\n'
    (tmp_path / "mine.py").write_text("import zebu\napp = zebu.App(queue='other')\n"
                                      "@app.task(name='about', headers={'from': 'here'})\ndef about(): ...\n")
    about = json.loads(said(run("call", "mine:about", cwd=tmp_path)))
    assert about["queue"] == "other" and about["headers"] == {"from": "here"}
