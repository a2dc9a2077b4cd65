"""What befalls real programs: kill -9, SIGSTOP, cut connections."""

from __future__ import annotations

import pathlib
import signal
import time
from typing import Callable

import pytest

import zebu
from conftest import KillableBroker, Proxy, Worker, eventually

Start = Callable[..., Worker]


def test_jobs_survive_kill_9_of_the_broker_and_run_once(patient_broker: KillableBroker, start_worker: Start,
                                                        tmp_path: pathlib.Path) -> None:
    broker = patient_broker
    start_worker(broker.consumers, "-c", "2").wait_ready()
    with zebu.Client(broker.clients) as client:
        path = tmp_path / "starts"
        running = [client.submit("pause", 3, str(path)) for _ in range(2)]
        waiting = [client.submit("echo", n) for n in range(50)]
        eventually(lambda: path.exists() and path.read_text().count("\n") == 2, "the starts")
        eventually(lambda: all(f.state != "submitted" for f in waiting), "their acceptance")
        broker.kill()
        meanwhile = [client.submit("echo", -n) for n in range(20)]
        broker.start()
        assert [f.result(60) for f in running] == ["slept", "slept"] and all(f.attempt == 1 for f in running)
        assert [f.result(60) for f in waiting] == list(range(50))
        assert [f.result(60) for f in meanwhile] == [-n for n in range(20)]
        assert path.read_text().count("\n") == 2


def test_outcomes_of_jobs_that_end_while_the_broker_is_dead_arrive(patient_broker: KillableBroker, start_worker: Start,
                                                                   tmp_path: pathlib.Path) -> None:
    broker = patient_broker
    worker = start_worker(broker.consumers, "-c", "1").wait_ready()
    with zebu.Client(broker.clients) as client:
        path = tmp_path / "starts"
        future = client.submit("pause", 1, str(path))
        eventually(path.exists, "the start")
        broker.kill()
        eventually((tmp_path / "starts.end").exists, "the end of the job")
        broker.start()
        assert future.result(60) == "slept" and future.attempt == 1
        assert path.read_text().count("\n") == 1
    assert worker.end() == 0


def test_a_transient_job_that_a_dead_broker_took_along_is_an_error(broker: KillableBroker) -> None:
    with zebu.Client(broker.clients) as client:
        future = client.send("echo", [1], transient=True)
        eventually(lambda: future.state == "accepted", "its acceptance")
        broker.kill()
        broker.start()
        with pytest.raises(zebu.UnknownJob):
            future.result(60)


@pytest.mark.parametrize("pause", [2, 5])
def test_a_broker_that_stands_still_loses_nobody(pause: int, broker: KillableBroker, start_worker: Start,
                                                 tmp_path: pathlib.Path) -> None:
    start_worker(broker.consumers, "-c", "1").wait_ready()
    with zebu.Client(broker.clients) as client:
        path = tmp_path / "starts"
        future = client.submit("pause", 1, str(path))
        eventually(path.exists, "the start")
        broker.signal(signal.SIGSTOP)
        time.sleep(pause)
        more = client.submit("echo", 1)
        broker.signal(signal.SIGCONT)
        assert future.result(60) == "slept" and future.attempt == 1 and more.result(60) == 1
        assert path.read_text().count("\n") == 1


def test_connections_that_are_cut_lose_no_job_and_run_none_twice(
        patient_broker: KillableBroker, start_worker: Start, tmp_path: pathlib.Path) -> None:
    near, far = Proxy(patient_broker.clients), Proxy(patient_broker.consumers)
    start_worker(far.endpoint, "-c", "2").wait_ready()
    path = tmp_path / "starts"
    with zebu.Client(near.endpoint) as client:
        futures = [client.submit("pause", 0.05, str(path)) for _ in range(60)]
        large = [client.submit("echo", "x" * 300_000) for _ in range(5)]
        for done in range(5, 60, 10):
            eventually(lambda: path.exists() and path.read_text().count("\n") >= done, f"{done} starts")
            near.cut()
            far.cut()
        assert [f.result(60) for f in futures] == ["slept"] * 60
        assert [len(f.result(60)) for f in large] == [300_000] * 5
        assert path.read_text().count("\n") == 60  # an attempt that was lost on its way has not started
    near.close()
    far.close()


def test_a_worker_that_stood_still_for_too_long_comes_back(broker: KillableBroker, start_worker: Start) -> None:
    worker = start_worker(broker.consumers, "-c", "1").wait_ready()
    with zebu.Client(broker.clients) as client:
        assert client.submit("echo", 1).result(60) == 1
        worker.process.send_signal(signal.SIGSTOP)
        eventually(lambda: not client.query("consumers")["consumers"], "the loss")
        future = client.submit("echo", 2)
        worker.process.send_signal(signal.SIGCONT)
        assert future.result(60) == 2


def test_a_client_that_stood_still_hears_its_outcomes(broker: KillableBroker, start_worker: Start) -> None:
    import os
    import subprocess
    import sys
    start_worker(broker.consumers, "-c", "1").wait_ready()
    script = ("import sys, zebu\nc = zebu.Client(sys.argv[1])\nf = c.submit('pause', 2)\n"
              "import time\nwhile f.state == 'submitted': time.sleep(0.01)\nprint('ready', flush=True)\n"
              "print(f.result(60), f.attempt)\nc.close()")
    process = subprocess.Popen([sys.executable, "-c", script, broker.clients], stdout=subprocess.PIPE,
                               env=os.environ.copy())
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGSTOP)
    time.sleep(5)
    process.send_signal(signal.SIGCONT)
    out, _ = process.communicate(timeout=60)
    assert out == b"slept 1\n"
