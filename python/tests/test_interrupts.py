"""Ctrl-C, wherever a program is."""

from __future__ import annotations

import os
import pathlib
import random
import signal
import subprocess
import sys
import time
from typing import Callable, Iterator

import pytest

from conftest import KillableBroker, Worker, _free_port, eventually, is_alive
from zebu.local import Broker

Start = Callable[..., Worker]

# A client has nothing to say to a broker that is away; it waits for one that is there and has no worker.
WAITS = {
    "a result": "f.result()",
    "any of several": "concurrent.futures.wait([f])",
    "as they come": "list(concurrent.futures.as_completed([f]))",
    "a map": "list(client.map('nobody', range(9), window=3))",
    "an unordered map": "list(client.map('nobody', range(9), window=3, ordered=False))",
    "a stream": "list(f.stream())",
    "a full client": "[full.submit('nobody', n) for n in range(9)]",
    "a question": "full.query('broker', timeout=None)",
    "the end of a block": "client.shutdown()",
    "the end of the program": "import atexit; full.submit('nobody'); sys.exit(0)",
}
SCRIPT = """
import concurrent.futures, os, sys, zebu
client = zebu.Client(sys.argv[1])
full = zebu.Client(sys.argv[2], max_jobs=3)
f = client.submit('nobody')
os.write(1, b'here')
try:
    {}
finally:
    client.close()
"""


@pytest.fixture(scope="module")
def lonely() -> Iterator[Broker]:
    """A broker without workers."""
    broker = Broker()
    yield broker
    broker.stop()


def interrupt(script: str, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    """Ctrl-C while it waits, and again while it ends."""
    process = subprocess.Popen([sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.read(4) == b"here"
    time.sleep(0.3)  # until it waits; if it does not yet, it is interrupted before
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.mark.parametrize("what", WAITS)
def test_ctrl_c_ends_a_program_that_waits_for(what: str, lonely: Broker) -> None:
    began = time.monotonic()
    done = interrupt(SCRIPT.format(WAITS[what]), lonely.clients, f"tcp://127.0.0.1:{_free_port()}")
    if what != "the end of the program":
        assert b"KeyboardInterrupt" in done.stderr and done.returncode in (-signal.SIGINT, 1), done
    assert time.monotonic() - began < 20  # not the 5 s for each client that a program's end may take, several times


@pytest.mark.parametrize("wait", ["await client.submit('nobody')", "[r async for r in client.map('nobody', [1])]",
                                  "await client.query('broker', timeout=None)"])
def test_ctrl_c_ends_an_asyncio_program(wait: str, lonely: Broker) -> None:
    script = ("import asyncio, os, sys, zebu\nasync def main():\n"
              "    async with zebu.AsyncClient(sys.argv[1]) as client:\n"
              f"        os.write(1, b'here')\n        {wait}\nasyncio.run(main())")
    endpoint = f"tcp://127.0.0.1:{_free_port()}" if "query" in wait else lonely.clients
    done = interrupt(script, endpoint)
    assert b"KeyboardInterrupt" in done.stderr or b"CancelledError" in done.stderr, done


def test_ctrl_c_at_any_moment_breaks_no_client(stack: Broker) -> None:
    """As in a notebook, where the client goes on."""
    script = """
import os, random, signal, sys, time, zebu
def hit(*_): raise KeyboardInterrupt
signal.signal(signal.SIGALRM, hit)
client, dice, kept, hits = zebu.Client(sys.argv[1], max_jobs=20), random.Random(int(sys.argv[2])), [], 0
until = time.monotonic() + 8
while time.monotonic() < until or hits % 25:
    try:
        signal.setitimer(signal.ITIMER_REAL, dice.uniform(0.00005, 0.004))
        while True:
            kept.append(client.send('echo', [1], transient=True))
            if len(kept) % 3 == 0:
                kept[-1].result(20)
    except KeyboardInterrupt:
        hits += 1
    if hits % 25 == 0:
        for future in kept:
            future.result(20)
        kept.clear()
assert client.submit('echo', 7).result(20) == 7
assert client._session.jobs <= 0, client._session.jobs
client.close()
print(hits)
"""
    seed = random.randrange(1 << 30)
    done = subprocess.run([sys.executable, "-c", script, stack.clients, str(seed)], capture_output=True, timeout=90)
    assert done.returncode == 0, f"seed {seed}: {done.stderr.decode()}"
    assert int(done.stdout) >= 100


def test_a_wake_up_that_ctrl_c_prevented_delays_the_next_jobs_once(stack: Broker) -> None:
    with stack.client() as client:
        assert client.submit("echo", 0).result(60) == 0
        session = client._session
        assert session is not None
        session._is_signalled = True  # as the caller has left it, who then wrote no byte
        began = time.monotonic()
        for number in range(200):
            assert client.send("echo", [number], transient=True).result(60) == number
        assert time.monotonic() - began < 10  # each would wait for the session's next beat


def test_ctrl_c_ends_the_command_call(stack: Broker) -> None:
    process = subprocess.Popen([sys.executable, "-m", "zebu", "call", "-b", stack.clients, "pause", "30"],
                               stderr=subprocess.PIPE)
    with stack.client() as client:
        eventually(lambda: client.query("list", task="pause", state="running")["jobs"], "the start")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 130 and b"Traceback" not in err
        for job in client.query("list", task="pause", state="running")["jobs"]:
            client.cancel(job["id"])


def test_ctrl_c_at_any_moment_of_a_workers_start_leaves_nothing(broker: KillableBroker, tmp_path: pathlib.Path) -> None:
    mark = f"ZEBU_TEST={tmp_path}"
    for number in range(12):
        process = subprocess.Popen([sys.executable, "-m", "zebu", "worker", "worker_tasks:app", "-b", broker.consumers],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   env={**os.environ, "ZEBU_TEST": str(tmp_path)})
        time.sleep(0.12 * number)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=40)
        assert process.returncode in (0, 1, 130, -signal.SIGINT), out
    eventually(lambda: not _with_environment(mark), "the end of all of them")


def _with_environment(mark: str) -> "list[int]":
    found = []
    for path in pathlib.Path("/proc").iterdir():
        try:
            if path.name.isdigit() and mark.encode() in (path / "environ").read_bytes().split(b"\0"):
                found += [int(path.name)] * is_alive(int(path.name))
        except OSError:
            pass
    return found
