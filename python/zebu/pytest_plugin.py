"""Fixtures for the tests of programs that use Zebu: `zebu_broker` starts the real one, on free ports."""

from __future__ import annotations

from typing import Any, Iterator, List, Union

import pytest

from .app import App
from .local import Broker, Program


@pytest.fixture
def zebu_broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    """A broker of this test's own, its jobs in memory. Clients and workers that name no broker use it.
    ``zebu_broker.worker("tasks:app")`` starts a worker, which ends with the test."""
    try:
        broker = _Broker()
    except FileNotFoundError as error:
        pytest.fail(str(error))
    for name, value in broker.environment.items():
        monkeypatch.setenv(name, value)
    yield broker
    for worker in broker.workers:
        worker.stop()
    broker.stop()


class _Broker(Broker):
    def __init__(self) -> None:
        super().__init__()
        self.workers: List[Program] = []

    def worker(self, target: Union[str, App], **options: Any) -> Program:
        program = super().worker(target, **options)
        self.workers.append(program)
        return program
