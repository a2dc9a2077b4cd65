"""The conversations of tests/golden, played to this client and this worker."""

from __future__ import annotations

import base64
import json
import pathlib
import threading
from typing import Any, Callable, Dict, List

import pytest

import zebu
from conftest import ROOT, FakeBroker, Worker

FILES = sorted((ROOT / "tests" / "golden" / "conversations").glob("*.jsonl"))


def from_json(value: Any, names: Dict[str, Any]) -> Any:
    if isinstance(value, dict):
        if set(value) == {"bin"}:
            return base64.b64decode(value["bin"])
        return {key: from_json(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [from_json(each, names) for each in value]
    if isinstance(value, str) and value.startswith("$"):
        return names[value]
    return value


def fits(expected: Any, said: Any, names: Dict[str, Any]) -> bool:
    if expected == "*":
        return True
    if isinstance(expected, str) and expected.startswith("$"):
        return bool(names.setdefault(expected, said) == said)
    if isinstance(expected, dict) and set(expected) == {"bin"}:
        return bool(base64.b64decode(expected["bin"]) == said)
    if isinstance(expected, dict):
        return isinstance(said, dict) and all(k in said and fits(v, said[k], names) for k, v in expected.items())
    if isinstance(expected, list):
        if not isinstance(said, list):
            return False
        is_open = bool(expected) and expected[-1] == "..."
        fixed = expected[:-1] if is_open else expected
        return (len(said) >= len(fixed) if is_open else len(said) == len(fixed)) and all(
            fits(e, s, names) for e, s in zip(fixed, said))
    return bool(expected == said)


def play(broker: FakeBroker, lines: List[Any]) -> int:
    """Returns the exit code that the last line asks for."""
    names: Dict[str, Any] = {}
    ignored: List[int] = []
    for line in lines:
        if line[0] == "expect":
            said = broker.hear(ignored)
            assert fits(line[1], said, names), f"expected {line[1]}, heard {said}"
        elif line[0] == "say":
            broker.say(from_json(line[1], names))
        elif line[0] == "ignore":
            ignored.append(line[1])
        elif line[0] == "reconnect":
            broker.forget()
        elif line[0] == "restart":
            broker.restart()
        elif line[0] == "ends":
            return int(line[1])
        else:
            raise AssertionError(f"an unknown line: {line}")
    return 0


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_conversation(file: pathlib.Path, fake: FakeBroker, start_worker: Callable[..., Worker]) -> None:
    lines = [json.loads(line) for line in file.read_text().splitlines() if not line.startswith("#")]
    peer, lines = lines[0], lines[1:]
    if peer["role"] == "consumer":
        worker = start_worker(fake.endpoint, "-c", "1")
        wanted = play(fake, lines)
        if lines[-1][0] == "ends":
            assert worker.process.wait(20) == wanted, worker.text
        elif "refused" in file.stem:
            assert worker.process.wait(20) == 1
            assert "this broker speaks version 3" in worker.text
        return
    outcome: List[Any] = []

    def submit() -> None:
        with zebu.Client(fake.endpoint) as client:
            outcome.append(client.submit(peer["task"], *peer["arguments"]).exception(30))

    thread = threading.Thread(target=submit)
    thread.start()
    wanted = play(fake, lines)
    thread.join(30)
    assert len(outcome) == 1 and (outcome[0] is not None) == bool(wanted)


def test_there_are_conversations_of_both_roles() -> None:
    assert {file.stem.partition("-")[0] for file in FILES} == {"client", "consumer"}
