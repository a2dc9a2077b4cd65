"""Every block of code in docs/python.md and of Python in README.md runs."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
from typing import Dict, List

import pytest

from conftest import ROOT
from zebu import options
from zebu.__main__ import parser
from zebu.local import Broker

GUIDE = ROOT / "docs" / "python.md"


def blocks(text: str) -> List[str]:
    return re.findall(r"```python\n(.*?)```", text, re.S)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("guide")
    for block in blocks(GUIDE.read_text()):
        if block.startswith("# tasks.py"):
            (folder / "tasks.py").write_text(block)
    return folder


def run(code: str, folder: pathlib.Path, environment: Dict[str, str]) -> None:
    done = subprocess.run([sys.executable, "-W", "error::SyntaxWarning", "-c", code], cwd=folder, text=True,
                          capture_output=True, timeout=80, env={**os.environ, **environment})
    assert done.returncode == 0, code + done.stdout + done.stderr


def test_the_blocks_of_the_guide_run(folder: pathlib.Path) -> None:
    broker = Broker()
    path = f"{folder}{os.pathsep}{os.environ['PYTHONPATH']}"
    os.environ["PYTHONPATH"], before = path, os.environ["PYTHONPATH"]
    worker = broker.worker("tasks:app", concurrency=2)
    os.environ["PYTHONPATH"] = before
    kinds = []
    for block in blocks(GUIDE.read_text()):
        kind = block.partition("\n")[0]
        kinds.append(kind)
        if kind in ("# a program", "# values"):
            run(block, folder, {**broker.environment, "PYTHONPATH": path})
        elif kind == "# a test":
            (folder / "test_guide.py").write_text(block)
            run("import sys, pytest; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '-p', 'zebu.pytest_plugin',"
                " 'test_guide.py']))", folder, {"PYTHONPATH": path})
        else:
            assert kind == "# tasks.py", f"a block of unknown kind: {kind}"
    assert worker.stop() == 0
    broker.stop()
    assert kinds.count("# a program") >= 4 and "# a test" in kinds


def test_the_example_of_the_readme_runs(tmp_path: pathlib.Path) -> None:
    (block,) = blocks((ROOT / "README.md").read_text())
    assert len([line for line in block.splitlines() if line]) <= 12
    (tmp_path / "example.py").write_text(block)
    done = subprocess.run([sys.executable, "example.py"], cwd=tmp_path, text=True, capture_output=True, timeout=80)
    assert (done.returncode, done.stdout) == (0, "832040\n"), done.stderr


def test_the_guide_names_every_option() -> None:
    text = GUIDE.read_text()
    table = text[text.index("### Options"):text.index("### Context")]
    for name in [*options.FIELDS, *options.LOCAL]:
        assert f"`{name}`" in table, name
    commands = parser()._subparsers
    assert commands is not None
    worker = commands._group_actions[0].choices["worker"]  # type: ignore[index, call-overload]
    for action in worker._actions:
        for flag in action.option_strings:
            if flag not in ("-h", "--help"):
                assert f"`{flag}`" in text, flag


def test_the_guide_names_every_command_and_its_options() -> None:
    text = GUIDE.read_text()
    section = text[text.index("## The command line"):text.index("## Values")]
    commands = parser()._subparsers
    assert commands is not None
    choices = commands._group_actions[0].choices
    assert choices is not None
    for name, command in choices.items():  # type: ignore[attr-defined]
        if name in ("worker", "call"):
            continue
        (part,) = re.findall(rf"[`\n ]`?(?:zebu )?{name}( [^`]*)`", section)
        for action in command._actions:
            for flag in action.option_strings:
                if flag not in ("-h", "--help", "-b", "--broker", "--json", "--timeout"):
                    assert flag in part, f"{name} {flag}"
