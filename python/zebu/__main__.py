"""The command `zebu`: worker, call, and what verbs.py has."""

from __future__ import annotations

import argparse
import concurrent.futures
import importlib
import json
import os
import re
import sys
from typing import Any, Dict, List, Optional, Tuple

from . import __version__, verbs
from .app import Task
from .client import Client
from .errors import JobFailed, ZebuError, printable
from .link import endpoints_of
from .options import LOCAL

DEFAULT_CONSUMERS = "tcp://127.0.0.1:5556"


def count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 4096:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 4096")
    return int(text)


def jobs(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of jobs from 1 on")
    return int(text)


def size(text: str) -> int:
    found = re.fullmatch(r"(\d+)\s*(|B|KiB|MiB|GiB)", text)
    if not found or int(found[1]) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size: 512MiB, 2GiB")
    return int(found[1]) << {"": 0, "B": 0, "KiB": 10, "MiB": 20, "GiB": 30}[found[2]]


def duration(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(|ms|s|m|h)", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration: 500ms, 30s, 5m")
    return float(found[1]) * {"": 1, "ms": 0.001, "s": 1, "m": 60, "h": 3600}[found[2]]


def name(text: str, what: str = "a queue or a task") -> str:
    try:
        return str(LOCAL["queue"](what, text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def names(text: str) -> List[str]:
    return [name(part.strip(), "a queue") for part in text.split(",")]


def endpoints(text: str) -> List[str]:
    try:
        return endpoints_of(text, DEFAULT_CONSUMERS)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="zebu", description="Tasks in Python for the Zebu job queue.")
    top.add_argument("--version", action="version", version=f"zebu (Python) {__version__}, protocol 2.0")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    worker = commands.add_parser("worker", help="run the tasks of an App", description="Runs the tasks of an App.")
    worker.add_argument("target", metavar="MODULE:APP", help="the App: module:name; the name is app by default")
    worker.add_argument("-b", "--broker", type=endpoints, metavar="ENDPOINT,...",
                        default=os.environ.get("ZEBU_CONSUMERS") or DEFAULT_CONSUMERS,
                        help="the broker's endpoint for consumers; default: $ZEBU_CONSUMERS, or " + DEFAULT_CONSUMERS)
    worker.add_argument("-c", "--concurrency", type=count, default=os.cpu_count() or 1, metavar="N",
                        help="jobs that run at the same time; default: one a core")
    worker.add_argument("--pool", choices=("processes", "threads", "async"), default="processes",
                        help="what a slot is; threads and async: all slots in one process, and nothing can be killed")
    worker.add_argument("-Q", "--queues", type=names, metavar="QUEUE,...",
                        help="the queues to serve; default: those of the App's tasks")
    worker.add_argument("-n", "--name", help="the name that the broker shows; default: HOST-PID")
    worker.add_argument("--reload", action="store_true", help="start anew when a source file changes")
    worker.add_argument("--max-jobs-per-child", type=jobs, metavar="N",
                        help="replace a slot's process after it has run so many jobs")
    worker.add_argument("--max-memory-per-child", type=size, metavar="SIZE",
                        help="replace a slot's process when it has more memory after a job: 512MiB")
    worker.add_argument("--cancel-grace", type=duration, default=5.0, metavar="DURATION",
                        help="how long a cancelled task may go on before its process is killed; default: 5s")
    worker.add_argument("--drain-timeout", type=duration, default=30.0, metavar="DURATION",
                        help="how long running jobs may take to end after SIGTERM; default: 30s")
    call = commands.add_parser("call", help="submit a job and print its result as JSON",
                               description="Submits a job, and prints its result as JSON.")
    call.add_argument("task", metavar="TASK", help="its name, or MODULE:TASK: its options are those of the module")
    call.add_argument("arguments", nargs="*", metavar="JSON", help="its arguments; NAME=JSON: a keyword argument")
    call.add_argument("-b", "--broker", help="the broker's endpoint for clients; default: $ZEBU_BROKER")
    call.add_argument("-q", "--queue", type=name, help="default: that of the task, or default")
    call.add_argument("--timeout", type=duration, metavar="DURATION", help="how long to wait; default: for ever")
    verbs.add_parsers(commands, name, duration, jobs)
    return top


def main(argv: Optional[List[str]] = None) -> int:
    options = parser().parse_args(argv)
    try:
        run = {"worker": run_worker, "call": run_call}.get(options.command, verbs.run)
        return run(options)
    except KeyboardInterrupt:
        return 130


def run_worker(options: argparse.Namespace) -> int:
    from .worker.agent import Agent, WorkerOptions

    agent = Agent(WorkerOptions(
        target=options.target, broker=options.broker, concurrency=options.concurrency, pool=options.pool,
        queues=options.queues, name=options.name, reload=options.reload, max_jobs=options.max_jobs_per_child,
        max_memory=options.max_memory_per_child, grace=options.cancel_grace, drain_timeout=options.drain_timeout))
    code = agent.run()
    if agent.is_to_restart:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    return code


def run_call(options: argparse.Namespace) -> int:
    try:
        args, kwargs = call_arguments(options.arguments)
        task, chosen = called(options.task)
        if isinstance(task, Task):
            task.check_arguments(args, kwargs)
        if options.queue is not None:
            chosen["queue"] = options.queue
        client = Client(options.broker or (task.app.broker if isinstance(task, Task) else None))
    except (ValueError, TypeError, ImportError) as error:
        print(f"zebu: {printable(str(error))}", file=sys.stderr)
        return 2
    future = None
    try:
        # By its name, since what is printed is the value that travels.
        future = client.send(task if isinstance(task, str) else task.name, args, kwargs, **chosen)
        print(verbs.as_json(future.result(options.timeout)))
        return 0
    except (TimeoutError, concurrent.futures.TimeoutError):
        assert future is not None
        print(f"zebu: job {future.id} has not finished within {options.timeout:g} s; it goes on", file=sys.stderr)
        return 1
    except ZebuError as error:
        print(f"zebu: {error}", file=sys.stderr)
        for line in error.trace if isinstance(error, JobFailed) else ():
            print(f"  {printable(line)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if future is not None:
            print(f"zebu: job {future.id} goes on; zebu cancel ends it", file=sys.stderr)
        raise
    finally:
        client.close()


def call_arguments(texts: List[str]) -> Tuple[List[Any], Dict[str, Any]]:
    """Raises ValueError for what is not JSON."""
    args: List[Any] = []
    kwargs: Dict[str, Any] = {}
    for text in texts:
        keyword = re.fullmatch(r"([A-Za-z_]\w*)=(.*)", text, re.S)
        value = keyword[2] if keyword else text
        try:
            decoded = json.loads(value)
        except ValueError:
            raise ValueError(f"{value!r} is not JSON; a text needs quotes: '\"{value}\"'") from None
        if keyword is None:
            args.append(decoded)
        elif keyword[1] in kwargs:
            raise ValueError(f"the keyword argument {keyword[1]} is given twice")
        else:
            kwargs[keyword[1]] = decoded
    return args, kwargs


def called(target: str) -> Tuple[Any, Dict[str, Any]]:
    """A task of a module with its options, or a name. Raises ImportError or TypeError that says what is there."""
    found = re.fullmatch(r"([A-Za-z_][\w.]*):([A-Za-z_]\w*)", target)
    if not found:  # a task in C++ may have two colons
        return target, {}
    sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(found[1])
    except Exception as error:
        raise ImportError(f"{found[1]} cannot be loaded: {type(error).__name__}: {error}") from error
    task = getattr(module, found[2], None)
    if not isinstance(task, Task):
        tasks = sorted(key for key, value in vars(module).items() if isinstance(value, Task))
        hint = f"; there is {', '.join(f'{found[1]}:{key}' for key in tasks[:20])}" if tasks else ""
        raise TypeError(f"{target} is not a task{hint}")
    return task, {**task.app.defaults, **task.chosen}


if __name__ == "__main__":
    sys.exit(main())
