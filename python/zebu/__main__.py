"""The command `zebu`: worker, call."""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import re
import sys
from typing import List, Optional

from . import __version__
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


def names(text: str) -> List[str]:
    result = [part.strip() for part in text.split(",")]
    for name in result:
        try:
            LOCAL["queue"]("a queue", name)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
    return result


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
    call = commands.add_parser("call", help="submit a job and print its result as JSON")
    call.add_argument("task")
    call.add_argument("arguments", nargs="*", metavar="JSON", help="its arguments")
    call.add_argument("-b", "--broker", help="the broker's endpoint for clients; default: $ZEBU_BROKER")
    call.add_argument("-q", "--queue", default="default")
    call.add_argument("--timeout", type=duration, metavar="DURATION", help="how long to wait; default: for ever")
    return top


def main(argv: Optional[List[str]] = None) -> int:
    options = parser().parse_args(argv)
    try:
        return run_worker(options) if options.command == "worker" else run_call(options)
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
    arguments = []
    for text in options.arguments:
        try:
            arguments.append(json.loads(text))
        except ValueError:
            print(f"zebu: {text!r} is not JSON; a text needs quotes: '\"{text}\"'", file=sys.stderr)
            return 2
    try:
        client = Client(options.broker)
    except ValueError as error:
        print(f"zebu: {error}", file=sys.stderr)
        return 2
    try:
        future = client.send(options.task, arguments, queue=options.queue)
        print(json.dumps(future.result(options.timeout), default=str))
        return 0
    except (TimeoutError, concurrent.futures.TimeoutError):
        print(f"zebu: job {future.id} has not finished within {options.timeout:g} s; it goes on", file=sys.stderr)
        return 1
    except ZebuError as error:
        print(f"zebu: {error}", file=sys.stderr)
        for line in error.trace if isinstance(error, JobFailed) else ():
            print(f"  {printable(line)}", file=sys.stderr)
        return 1
    finally:
        client.close()


if __name__ == "__main__":
    sys.exit(main())
