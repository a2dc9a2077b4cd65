"""What the tests share: brokers and workers that are real processes, and ways to harm them."""

from __future__ import annotations

import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any, Callable, Iterator, List, Optional

import pytest
import zmq

TESTS = pathlib.Path(__file__).parent
ROOT = TESTS.parent.parent
sys.path.insert(0, str(TESTS))
os.environ.setdefault("ZEBU_BIN", str(ROOT / "build" / "release" / "bin"))
os.environ["PYTHONPATH"] = os.pathsep.join([str(TESTS.parent), str(TESTS), os.environ.get("PYTHONPATH", "")])

import zebu  # noqa: E402
from zebu import wire  # noqa: E402
from zebu.local import Broker, broker_program  # noqa: E402
from zebu.pytest_plugin import zebu_broker  # noqa: E402, F401

PATIENCE = 40.0  # seconds: this machine may be busy


def eventually(is_true: Callable[[], Any], what: str = "the condition", patience: float = PATIENCE) -> Any:
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if result := is_true():
            return result
        time.sleep(0.01)
    raise AssertionError(f"{what} did not come true within {patience} s")


def is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


class KillableBroker:
    """A broker on fixed ports and a file, that may be killed and come back."""

    def __init__(self, folder: pathlib.Path, liveness: str = "3s") -> None:
        self._liveness = liveness
        ports = [_free_port(), _free_port()]
        self.clients, self.consumers = (f"tcp://127.0.0.1:{port}" for port in ports)
        self._store = folder / "zebu.db"
        self.process: Optional[subprocess.Popen[bytes]] = None
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [broker_program(), "--clients", self.clients, "--consumers", self.consumers, "--store",
             f"sqlite:{self._store}", "--log-level", "warn", "--liveness", self._liveness],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert self.process.stdout is not None
        assert b"ready" in self.process.stdout.readline()

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        assert self.process is not None and self.process.stdout is not None
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Proxy:
    """A TCP link to a broker that can be cut."""

    def __init__(self, endpoint: str) -> None:
        host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
        self._to = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._links: List[socket.socket] = []
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._to)
            except OSError:
                return
            self._links += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(1 << 16):
                other.sendall(data)
        except OSError:
            pass
        for each in (one, other):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self) -> None:
        """Resets every connection; new ones are taken."""
        links, self._links = self._links, []
        for link in links:
            try:
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                link.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.cuts += 1

    def close(self) -> None:
        self._listener.close()
        self.cut()


class FakeBroker:
    """One ROUTER that says what the test wants."""

    def __init__(self) -> None:
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.bind("tcp://127.0.0.1:*")
        self.endpoint = self.socket.getsockopt(zmq.LAST_ENDPOINT).decode().rstrip("\0")
        self.peer = b""
        self.peers: List[bytes] = []  # those that said HELLO

    def hear(self, ignore: Any = (), patience: float = PATIENCE) -> List[Any]:
        """The next message that is no BEAT or ACK. A peer that has not said HELLO is told so, and is not heard."""
        until = time.monotonic() + patience
        while self.socket.poll(max(0, int((until - time.monotonic()) * 1000))):
            peer, frame = self.socket.recv_multipart()
            message = wire.read(frame)
            if message[0] == wire.HELLO:
                self.peers.append(peer)
            elif peer not in self.peers:
                self.say([wire.ERROR, "no_session", "say HELLO first", {}], peer)
                continue
            if message[0] in (wire.BEAT, wire.ACK, *ignore):
                continue
            self.peer = peer
            return message
        raise AssertionError("the peer says nothing")

    def say(self, message: Any, peer: Optional[bytes] = None) -> None:
        self.socket.send_multipart([peer or self.peer, wire.pack(message)])

    def say_bytes(self, frame: bytes) -> None:
        self.socket.send_multipart([self.peer, frame])

    def forget(self) -> None:
        """The next message has to begin a new connection."""
        self.say([wire.ERROR, "no_session", "say HELLO first", {}])
        self.peers.remove(self.peer)

    def restart(self) -> None:
        self.peers.clear()
        self.socket.close()
        self.socket = self._context.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 0)
        eventually(self._bind, "binding again")

    def _bind(self) -> bool:
        try:
            self.socket.bind(self.endpoint)
            return True
        except zmq.ZMQError:
            return False

    def close(self) -> None:
        self.socket.close()
        self._context.term()


WELCOME_FACTS = {"grant": 100, "beat_ms": 1000, "liveness_ms": 3000, "max_message": 1 << 24, "max_part": 65536}


def welcome(**facts: Any) -> List[Any]:
    return [wire.WELCOME, 2, 0, b"b" * 16, {**WELCOME_FACTS, **facts}]


@pytest.fixture
def fake() -> Iterator[FakeBroker]:
    broker = FakeBroker()
    yield broker
    broker.close()


@pytest.fixture(scope="session")
def stack() -> Iterator[Broker]:
    """A broker and a worker with four slots, for the tests that harm neither."""
    from worker_tasks import app

    broker = Broker()
    worker = broker.worker("worker_tasks:app", concurrency=4, options=["--cancel-grace", "1s"])
    app.conf(broker=broker.clients)
    yield broker
    app.reset_client()
    assert worker.stop() == 0, worker.text
    broker.stop()


@pytest.fixture
def client(stack: Broker) -> Iterator[zebu.Client]:
    client = stack.client()
    yield client
    client.close()


@pytest.fixture
def broker(tmp_path: pathlib.Path) -> Iterator[KillableBroker]:
    broker = KillableBroker(tmp_path)
    yield broker
    broker.signal(signal.SIGCONT)
    broker.kill()


@pytest.fixture
def patient_broker(tmp_path: pathlib.Path) -> Iterator[KillableBroker]:
    """One that takes no silence of a busy machine for a death."""
    broker = KillableBroker(tmp_path, liveness="30s")
    yield broker
    broker.kill()


class Worker:
    """`zebu worker worker_tasks:app`, whose process the tests know."""

    def __init__(self, endpoint: str, *options: str, clients: str = "", target: str = "worker_tasks:app",
                 cwd: Optional[pathlib.Path] = None) -> None:
        self._text = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "zebu", "worker", target, "-b", endpoint, *options], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, cwd=cwd, env={**os.environ, "ZEBU_BROKER": clients or endpoint})
        self.pid = self.process.pid
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)

    @property
    def text(self) -> str:
        assert self.process.stdout is not None
        self._text += self.process.stdout.read() or b""
        return self._text.decode("utf-8", "replace")

    def wait_ready(self, times: int = 1) -> "Worker":
        eventually(lambda: self.text.count("ready: ") >= times or self.process.poll() is not None, "ready")
        assert self.text.count("ready: ") >= times, self.text
        return self

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@pytest.fixture
def start_worker() -> Iterator[Callable[..., Worker]]:
    workers: List[Worker] = []

    def start(*arguments: Any, **options: Any) -> Worker:
        workers.append(Worker(*arguments, **options))
        return workers[-1]

    yield start
    for worker in workers:
        if worker.process.poll() is None:
            worker.process.send_signal(signal.SIGCONT)
            worker.end(signal.SIGKILL)
        assert worker.process.stdout is not None
        worker.process.stdout.close()
