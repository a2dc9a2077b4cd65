"""A broker and workers of one's own, as children, for notebooks and tests. They end with this process."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from typing import Any, Dict, List, Optional, Union

from . import guard
from .app import App
from .client import Client

START = 30.0  # seconds that a program has to get ready
KEPT = 64 << 10  # characters of what it prints


class Program:
    """A child that ends with this process: see guard.py. A thread reads what it prints."""

    def __init__(self, command: List[str], environment: Optional[Dict[str, str]] = None) -> None:
        self._name = os.path.basename(command[0]) if "zebu-" in command[0] else "zebu worker"
        self._process = subprocess.Popen([sys.executable, "-I", guard.__file__, *command], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
                                         env={**os.environ, **(environment or {})})
        self.text = ""  # what it printed last
        self._has_ended = False
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        while data := os.read(self._process.stdout.fileno(), 1 << 16):
            with self._news:
                self.text = (self.text + data.decode("utf-8", "replace"))[-KEPT:]
                self._news.notify_all()
        with self._news:
            self._has_ended = True
            self._news.notify_all()

    def wait_for(self, pattern: str, timeout: float = START) -> "re.Match[str]":
        """Until the pattern is in what it printed. Raises RuntimeError with that if it ends before."""
        with self._news:
            self._news.wait_for(lambda: self._has_ended or re.search(pattern, self.text), timeout)
            found = re.search(pattern, self.text)
        if found is None:
            why = "ended" if self._has_ended else f"did not say {pattern!r} within {timeout:g} s"
            raise RuntimeError(f"{self._name} {why}: {self.text.strip()[-2000:]}")
        return found

    def stop(self) -> int:
        """Lets it end as on SIGTERM, and returns its exit code."""
        assert self._process.stdin is not None and self._process.stdout is not None
        if not self._process.stdin.closed:
            self._process.stdin.close()
        code = self._process.wait()
        self._reader.join()
        self._process.stdout.close()
        return code


def broker_program() -> str:
    """$ZEBU_BIN/zebu-broker, or the one of $PATH. Raises FileNotFoundError."""
    folder = os.environ.get("ZEBU_BIN")
    found = shutil.which("zebu-broker", path=folder) if folder else shutil.which("zebu-broker")
    if found is None:
        where = f"is not in ZEBU_BIN, {folder}" if folder else "is not in $PATH, and ZEBU_BIN is not set"
        raise FileNotFoundError(f"zebu-broker {where}")
    return found


class Broker:
    """A broker on free ports of this machine. Its jobs live in memory unless `store` names a file."""

    def __init__(self, *options: str, store: str = "memory") -> None:
        self._program = Program([broker_program(), "--clients", "tcp://127.0.0.1:*", "--consumers",
                                 "tcp://127.0.0.1:*", "--store", store, "--log-level", "warn", *options])
        found = self._program.wait_for(r"clients=(\S+) consumers=(\S+)")
        self.clients, self.consumers = found[1], found[2]

    @property
    def environment(self) -> Dict[str, str]:
        return {"ZEBU_BROKER": self.clients, "ZEBU_CONSUMERS": self.consumers}

    def client(self, **options: Any) -> Client:
        return Client(self.clients, **options)

    def worker(self, target: Union[str, App], *, concurrency: int = 2, pool: str = "processes",
               options: List[str] = []) -> Program:
        """A worker of an App, or of module:name. Returns when it is ready."""
        name, folder = _target_of(target)
        path = os.pathsep.join(part for part in [folder, os.environ.get("PYTHONPATH", ""), *sys.path] if part)
        program = Program([sys.executable, "-m", "zebu", "worker", name, "-c", str(concurrency), "--pool", pool,
                           *options], {**self.environment, "PYTHONPATH": path})
        try:
            program.wait_for(r"ready: ")
        except RuntimeError:
            program.stop()
            raise
        return program

    def stop(self) -> None:
        self._program.stop()


def _target_of(target: Union[str, App]) -> "tuple[str, str]":
    """module:name, and a folder to import it from."""
    if isinstance(target, str):
        return target, ""
    for module in list(sys.modules.values()):
        name = next((key for key, value in vars(module).items() if value is target), None)
        if name is None:
            continue
        file = getattr(module, "__file__", None)
        if module.__name__ != "__main__":
            return f"{module.__name__}:{name}", ""
        if file is not None:
            return f"{os.path.splitext(os.path.basename(file))[0]}:{name}", os.path.dirname(os.path.abspath(file))
    raise ValueError("a worker imports its tasks: put the App into a module, and pass it or 'module:name'. One that "
                     "was made at a prompt or in a notebook's cell cannot be imported")


class local:
    """``with zebu.local("tasks:app", workers=2) as client:`` a broker, and a worker with so many slots. Meanwhile tasks
    of an App that is passed as such submit to that broker."""

    def __init__(self, target: Union[str, App], *, workers: int = 2, pool: str = "processes") -> None:
        self._target, self._workers, self._pool = target, workers, pool

    def __enter__(self) -> Client:
        self.broker = Broker()
        try:
            self._worker = self.broker.worker(self._target, concurrency=self._workers, pool=self._pool)
        except BaseException:
            self.broker.stop()
            raise
        self.client = self.broker.client()
        if isinstance(self._target, App):
            self._before = self._target.broker
            self._target.conf(broker=self.broker.clients)
        return self.client

    def __exit__(self, *_: Any) -> None:
        if isinstance(self._target, App):
            self._target.broker = self._before
            self._target.reset_client()
        self.client.close()
        self._worker.stop()
        self.broker.stop()
