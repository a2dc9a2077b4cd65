"""What a type checker says of programs that use the package."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

PROGRAM = '''
import asyncio
from typing import Any, Generator
import zebu

app = zebu.App()

@app.task
def add(a: int, b: int = 1) -> int:
    return a + b

@app.task(retries=3)
async def later(x: str) -> bytes:
    return x.encode()

@app.task(bind=True, name="n")
def bound(ctx: zebu.Context, x: float) -> Generator[str, None, bool]:
    yield "a"
    return True

client = zebu.Client()
reveal_type(add(1))
reveal_type(add.submit(1, b=2))
reveal_type(later.submit("x"))
reveal_type(bound.submit(0.5).result())
reveal_type(add.options(priority=9).submit(1))
reveal_type(client.submit(add, 1))
reveal_type(client.submit("any", 1, 2))
reveal_type(add.s(1).clone(countdown=5).submit())
reveal_type(client.submit(add.options(priority=9).s(1)))
add.submit("x")
bound.submit()
client.submit(add, None)
add.options(priorty=1)

async def main() -> None:
    async with zebu.AsyncClient() as aio:
        reveal_type(await aio.submit(add, 1))
        reveal_type(await later("x"))
'''


def test_types_are_those_of_the_functions(tmp_path: pathlib.Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    cache = os.environ.get("ZEBU_MYPY_CACHE", str(tmp_path / "cache"))
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--cache-dir", cache,
                           "--config-file", str(pathlib.Path(__file__).parent.parent / "pyproject.toml"),
                           str(tmp_path / "program.py")],
                          capture_output=True, text=True, env={**os.environ, "MYPYPATH": os.environ["PYTHONPATH"]})
    revealed = [line.split('"')[1] for line in done.stdout.splitlines() if "Revealed type" in line]
    number = "zebu.futures.Future[builtins.int]"
    assert revealed == ["builtins.int", number, "zebu.futures.Future[builtins.bytes]", "builtins.bool", number, number,
                        "zebu.futures.Future[Any]", number, number, "builtins.int",
                        "builtins.bytes"], done.stdout + done.stderr
    errors = [line.split("[")[-1].rstrip("]") for line in done.stdout.splitlines() if ": error:" in line]
    assert errors == ["arg-type", "call-arg", "arg-type", "call-arg"], done.stdout
