"""The programs of a round: a broker, two consumers in C++, four workers in Python, a producer in C++ and two in Python;
and unless the round only kills, links between them and the broker."""

from __future__ import annotations

import os
import pathlib
import re
import signal
import subprocess
import sys
import time
from typing import Dict, List, NamedTuple, Optional

from crash.book import Planned, write_plan, write_plan_with_ids
from crash.links import Link, Loop
from zebu.local import broker_program

TESTS = pathlib.Path(__file__).parent.parent


class RoundFailed(AssertionError):
    pass


def children_of(pid: int) -> List[int]:
    """All below a process, while it lives."""
    try:
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    found = [int(child) for child in text.split()]
    return found + [each for child in found for each in children_of(child)]


def send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


class Mortal:
    """A program that is started again after it was killed. What it says goes into a file for each life."""

    def __init__(self, name: str, command: List[str], folder: pathlib.Path) -> None:
        self.name, self.command, self._folder = name, command, folder
        self.environment: Dict[str, str] = {}
        self.process: Optional[subprocess.Popen[bytes]] = None
        self.lives = 0
        self._stopped: List[int] = []

    @property
    def log(self) -> pathlib.Path:
        return self._folder / f"{self.name}.{self.lives}.log"

    def start(self) -> None:
        self.lives += 1
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, **self.environment}, start_new_session=True)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stand_still(self, with_children: bool) -> None:
        self._stopped = [self.pid, *(children_of(self.pid) if with_children else [])]
        for pid in self._stopped:
            send(pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Only those that it stopped: a task may have stopped its own process."""
        for pid in reversed(self._stopped):
            send(pid, signal.SIGCONT)
        self._stopped = []

    def is_finished(self) -> bool:
        """With 0. Raises if it ended in another way that nobody caused."""
        assert self.process is not None
        code = self.process.poll()
        if code is None or code == -signal.SIGKILL:
            return False
        if code != 0:
            raise RoundFailed(f"{self.name} ended by itself with {code}: {self.log.read_text()[-2000:]}")
        return True

    def end(self, patience: float = 40.0) -> None:
        """As on SIGTERM, with 0."""
        assert self.process is not None
        try:
            code = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise RoundFailed(f"{self.name} does not stop: {self.log.read_text()[-2000:]}") from None
        if code != 0:
            raise RoundFailed(f"{self.name} stopped with {code}: {self.log.read_text()[-2000:]}")


class Life:
    def __init__(self, begun: pathlib.Path) -> None:
        self.begun = begun
        self.was_excused = False  # it was silent for long, or a process of it was killed


class Consumer(Mortal):
    def __init__(self, name: str, command: List[str], folder: pathlib.Path, may_die: bool,
                 link: Optional[Link]) -> None:
        super().__init__(name, command, folder)
        self.may_die, self.link = may_die, link
        self.is_python = "zebu" in command
        self.histories: List[Life] = []

    def start(self) -> None:
        self.histories.append(Life(self._folder / f"{self.name}.{self.lives}.begun"))
        self.environment["ZEBU_CRASH_BEGUN"] = str(self.histories[-1].begun)
        super().start()


class Submitter(Mortal):
    """`plans`: of a producer in Python. `named`: of one in C++."""

    def __init__(self, name: str, command: List[str], folder: pathlib.Path, link: Optional[Link]) -> None:
        super().__init__(name, command, folder)
        self.link = link
        self.heard = folder / f"{name}.heard"
        self.plans: List[Planned] = []
        self.named: Dict[str, Planned] = {}


class Options(NamedTuple):
    folder: pathlib.Path
    kind: str  # kills, living, both
    liveness: float
    window: int
    hold_us: int  # how long a task keeps the interpreter's lock


class Cast:
    def __init__(self, options: Options) -> None:
        self.options, folder = options, options.folder
        self.clients = self.consumers_endpoint = "tcp://127.0.0.1:*"
        self.broker = Mortal("broker", [], folder)
        self.consumers: List[Consumer] = []
        self.submitters: List[Submitter] = []
        self._loop = Loop() if options.kind != "kills" else None
        self._began = time.monotonic()
        self._story = (folder / "story").open("w")

    def start_broker(self) -> None:
        liveness = f"{int(self.options.liveness * 1000)}ms"
        self.broker.command = [
            broker_program(), "--clients", self.clients, "--consumers", self.consumers_endpoint, "--liveness", liveness,
            "--window", str(self.options.window), "--store", self.store, "--max-crashes", "50", "--max-losses", "100"]
        self.broker.start()
        if not self.clients.endswith("*"):
            return
        until = time.monotonic() + 30
        while time.monotonic() < until:
            found = re.search(r"clients=(\S+) consumers=(\S+)", self.broker.log.read_text())
            if found:
                self.clients, self.consumers_endpoint = found[1], found[2]
                return
            time.sleep(0.01)
        raise RoundFailed(f"the broker does not start: {self.broker.log.read_text()}")

    @property
    def store(self) -> str:
        return f"sqlite:{self.options.folder / 'zebu.db'}"

    def _link(self, endpoint: str) -> Optional[Link]:
        return Link(self._loop, endpoint) if self._loop is not None else None

    def add_consumers(self) -> None:
        for name, pool, may_die in (("cpp-1", "processes", False), ("cpp-2", "threads", True)):
            self._add_consumer(name, may_die, program("crash-consumer"), "--broker", "--pool", pool, "--slots", "2",
                               "--liveness", f"{int(self.options.liveness * 1000)}ms", "--name", name)
        for name, pool, may_die in (("py-1", "processes", False), ("py-2", "processes", True),
                                    ("py-threads", "threads", True), ("py-async", "async", True)):
            # Those that only workers in Python know have queues of their own: where only consumers in C++ serve one,
            # the broker refuses a task that they do not know.
            queues = "default,naps,rough" if pool == "processes" else "default,naps"
            self._add_consumer(name, may_die, [sys.executable, "-m", "zebu", "worker", "crash.crash_tasks:app"], "-b",
                               "--pool", pool, "-c", "2", "-Q", queues, "-n", name)

    def _add_consumer(self, name: str, may_die: bool, command: List[str], flag: str, *more: str) -> None:
        link = self._link(self.consumers_endpoint)
        endpoint = link.endpoint if link is not None else self.consumers_endpoint
        consumer = Consumer(name, [*command, flag, endpoint, *more], self.options.folder, may_die, link)
        self.consumers.append(consumer)
        consumer.start()

    def add_producer(self, name: str, kind: str, plan: List[Planned]) -> None:
        """kind: threads or asyncio, in Python; cpp."""
        link = self._link(self.clients)
        endpoint = link.endpoint if link is not None else self.clients
        file = self.options.folder / f"{name}.plan"
        submitter = Submitter(name, [], self.options.folder, link)
        if kind == "cpp":
            submitter.named = write_plan_with_ids(file, plan)
            submitter.command = [*program("crash-producer"), endpoint, str(file), str(submitter.heard)]
        else:
            write_plan(file, plan)
            submitter.plans = plan
            submitter.command = [sys.executable, str(TESTS / "crash" / "crash_client.py"), kind, endpoint, str(file),
                                 str(submitter.heard), str(self.options.hold_us)]
        self.submitters.append(submitter)
        submitter.start()

    def have_submitters_finished(self) -> bool:
        return all([submitter.is_finished() for submitter in self.submitters])

    def tell(self, what: str) -> None:
        """What befalls the programs, for whoever looks for a fault."""
        print(f"{(time.monotonic() - self._began) * 1000:.0f} ms: {what}", file=self._story, flush=True)

    def stop(self) -> None:
        """SIGTERM to all that still run; each has to exit with 0."""
        for consumer in self.consumers:
            send(consumer.pid, signal.SIGTERM)
        for consumer in self.consumers:
            consumer.end()
        send(self.broker.pid, signal.SIGTERM)
        self.broker.end()

    def everybody(self) -> List[Mortal]:
        return [self.broker, *self.consumers, *self.submitters]

    def close(self) -> None:
        """Whatever has happened, nothing is left."""
        for mortal in self.everybody():
            if mortal.process is not None and mortal.process.poll() is None:
                mortal.go_on()
                mortal.kill()
        if self._loop is not None:
            self._loop.close()
        self._story.close()


def program(name: str) -> List[str]:
    found = pathlib.Path(broker_program()).parent / name
    if not found.exists():
        raise RoundFailed(f"{found} is not built: scripts/build release {name}")
    return [str(found)]
