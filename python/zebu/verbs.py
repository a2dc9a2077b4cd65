"""The commands of `zebu` that ask the broker and change what it has: verbs of zebu-producer, with the same words."""

from __future__ import annotations

import argparse
import base64
import concurrent.futures
import datetime
import json
import sys
import time
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

from .client import Client
from .errors import Refused, ZebuError, printable
from .values import decode
from .wire import id_bytes

STATES = ("scheduled", "queued", "running", "succeeded", "failed", "cancelled", "expired")
MOST_IDS = 1000  # of one query


class Wrong(Exception):
    """What was asked for makes no sense: exit code 2."""


def add_parsers(commands: Any, name: Callable[[str], str], duration: Callable[[str], float],
                number: Callable[[str], int]) -> None:
    """`name`, `duration`, `number` read the text of an option."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("-b", "--broker", metavar="ENDPOINT,...",
                        help="the broker's endpoint for clients; default: $ZEBU_BROKER, or tcp://127.0.0.1:5555")
    common.add_argument("--json", action="store_true", help="print one object per line, for programs")

    def add(verb: str, run: Callable[[Client, argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = commands.add_parser(verb, parents=[common], help=text, description=text + ".")
        parser.set_defaults(verb=run)
        return parser

    add("queues", show_queues, "list the queues").add_argument("queue", nargs="?", type=name, metavar="QUEUE")
    add("consumers", show_consumers, "list the consumers").add_argument("consumer", nargs="?", metavar="NAME")
    listing = add("list", show_jobs, "list jobs, newest first")
    listing.add_argument("--state", choices=STATES, help="only jobs in this state")
    listing.add_argument("--queue", type=name, help="only jobs of this queue")
    listing.add_argument("--task", type=name, help="only jobs of this task")
    listing.add_argument("--limit", type=number, default=100, metavar="COUNT", help="at most so many; default: 100")
    listing.add_argument("--all", action="store_true", help="list all jobs, whatever --limit says")
    add("status", show_status, "show what the broker knows about jobs").add_argument("ids", nargs="+", metavar="ID")
    cancel = add("cancel", cancel_jobs, "cancel jobs, including running ones, and wait until they have ended")
    cancel.add_argument("ids", nargs="+", metavar="ID")
    cancel.add_argument("--timeout", type=duration, default=10.0, metavar="DURATION",
                        help="how long a running job may take to end; default: 10s")
    retry = add("retry", retry_jobs, "queue failed jobs again, as new jobs: by id, or all that match a filter")
    retry.add_argument("ids", nargs="*", metavar="ID")
    retry.add_argument("--queue", type=name, help="only jobs of this queue")
    retry.add_argument("--task", type=name, help="only jobs of this task")
    retry.add_argument("--all-failed", action="store_true", help="all failed jobs, of all queues and tasks")
    purge = add("purge", purge_queue, "cancel all queued jobs of a queue, or forget its failed ones")
    purge.add_argument("queue", type=name, metavar="QUEUE")
    purge.add_argument("--state", choices=("queued", "failed"), default="queued",
                       help="queued: cancel queued and scheduled jobs; failed: forget failed ones; default: queued")
    purge.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    pause = add("pause", pause_queue, "stop giving jobs of a queue to consumers")
    pause.add_argument("queue", type=name, metavar="QUEUE")
    pause.add_argument("--reason", default="", help="shown with the queue")
    add("resume", resume_queue, "end a queue's pause").add_argument("queue", type=name, metavar="QUEUE")


def run(options: argparse.Namespace) -> int:
    try:
        client = Client(options.broker)
    except ValueError as error:
        print(f"zebu: {error}", file=sys.stderr)
        return 2
    try:
        code: int = options.verb(client, options)
        return code
    except (Wrong, ZebuError) as error:
        print(f"zebu {options.command}: {error}", file=sys.stderr)
        return 2 if isinstance(error, Wrong) else 1
    finally:
        client.close()


# ── questions ────────────────────────────────────────────────────────────────────────────────────────────────────────


def show_queues(client: Client, options: argparse.Namespace) -> int:
    found = list(_pages(client, "queues", queue=options.queue))
    if options.json:
        return _print_json(found)
    _print_table(("QUEUE", "QUEUED", "SCHEDULED", "RUNNING", "FAILED", "IN", "OUT", "CONSUMERS", "PAUSED"), [
        (q["name"], q["queued"], q["scheduled"], q["running"], q["failed"], f"{q['in_rate']:.1f}/s",
         f"{q['out_rate']:.1f}/s", q["consumers"], (q["reason"] or "yes") if q["paused"] else "-") for q in found])
    return 0 if found or options.queue is None else _unknown(f"there is no queue {options.queue!r}")


def show_consumers(client: Client, options: argparse.Namespace) -> int:
    try:
        found = list(_pages(client, "consumers", consumer=options.consumer))
    except Refused as error:
        return _unknown(str(error))
    if options.json:
        return _print_json(found)
    _print_table(("CONSUMER", "QUEUES", "SLOTS", "POOL", "RUNNING", "STATE", "HEARD", "TASKS"), [
        (c["name"], ",".join(c["queues"]), c["slots"], c["pool"], c["running"],
         "draining" if c["draining"] else "serving", f"{c['heard_ms']} ms", ",".join(c["tasks"])) for c in found])
    return 0 if found or options.consumer is None else _unknown(f"there is no consumer {options.consumer!r}")


def show_jobs(client: Client, options: argparse.Namespace) -> int:
    most = None if options.all else options.limit
    jobs = _pages(client, "list", "jobs", most, state=options.state, queue=options.queue, task=options.task)
    if options.json:
        return _print_json(jobs)
    now = time.time() * 1000
    rows = [(job["id"], job["state"], job["queue"], job["task"], job["attempt"],
             _age((now - job["submitted_ms"]) / 1000), _error(job)) for job in jobs]
    _print_table(("ID", "STATE", "QUEUE", "TASK", "ATTEMPT", "AGE", "ERROR"), rows)
    return 0


def show_status(client: Client, options: argparse.Namespace) -> int:
    raw, found = _ids(options.ids), []
    for at in range(0, len(raw), MOST_IDS):
        found += client.query("jobs", ids=raw[at:at + MOST_IDS])
    jobs = [_readable(job) if job is not None else {"id": id, "state": "unknown"}
            for id, job in zip(options.ids, found)]
    if options.json:
        _print_json(jobs)
    for job in [] if options.json else jobs:
        for key, value in job.items():
            if value is not None and value != [] and value != {}:
                text = value if isinstance(value, str) else as_json(value)
                print(f"{key:<13} {_line(_time(value) if key.endswith('_ms') else text)}")
        print()
    return 1 if None in found else 0


# ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def cancel_jobs(client: Client, options: argparse.Namespace) -> int:
    """As zebu-producer: 1 unless all are cancelled in the end."""
    ids = options.ids
    _ids(ids)
    code = 0
    for id in ids:
        future = client.future(id)
        try:
            state = client.cancel(id)
            if state == "running":
                concurrent.futures.wait([future], options.timeout)
                state = future.state if future.done() else "running"
            how = state if state == "cancelled" else f"too late: {state}" if state != "running" else (
                f"still running after {options.timeout:g} s; it ends as soon as its consumer can end it")
        except ZebuError as error:
            how = str(error)
        code = code if how == "cancelled" else 1
        if options.json:
            print(json.dumps({"id": id, "cancelled": how == "cancelled", "message": how}))
        else:
            print(f"{id}  {_line(how)}")
    return code


def retry_jobs(client: Client, options: argparse.Namespace) -> int:
    filters = {key: value for key in ("queue", "task") if (value := getattr(options, key)) is not None}
    if bool(options.ids) + bool(filters) + options.all_failed != 1:
        raise Wrong("give ids, --queue or --task, or --all-failed")
    if not options.ids:
        count = client.command("retry", timeout=None, **filters)["retried"]
        return _told(options, {"retried": count}, f"{_jobs(count)} queued again")
    raw, made = _ids(options.ids), {}
    for at in range(0, len(raw), MOST_IDS):
        made.update(client.command("retry", ids=raw[at:at + MOST_IDS])["jobs"])
    for id in options.ids:
        new = made.get(id.lower())
        _told(options, {"id": id, "new": new}, f"{id} -> {new}" if new else f"{id} has not failed")
    return 0 if len(made) == len(set(options.ids)) else 1


def purge_queue(client: Client, options: argparse.Namespace) -> int:
    if not options.yes:
        if not sys.stdin.isatty():
            raise Wrong("purge cannot be undone, and stdin is not a terminal to ask for confirmation: use --yes")
        what = "cancel all queued jobs" if options.state == "queued" else "forget all failed jobs"
        if input(f"{what} of queue {options.queue}? [y/N] ").strip().lower() not in ("y", "yes"):
            return 1
    count = client.command("purge", timeout=None, queue=options.queue, state=options.state)["purged"]
    done = "cancelled" if options.state == "queued" else "forgotten"
    text = f"{_jobs(count)} {done}" if count is not None else f"its jobs are being {done}"
    return _told(options, {"purged": count}, f"queue {options.queue}: {text}")


def pause_queue(client: Client, options: argparse.Namespace) -> int:
    client.command("pause", queue=options.queue, reason=options.reason)
    return _told(options, {"paused": 1}, f"queue {options.queue} is paused: running jobs continue, no new ones start")


def resume_queue(client: Client, options: argparse.Namespace) -> int:
    count = client.command("resume", queue=options.queue)["resumed"]
    return _told(options, {"resumed": count}, f"queue {options.queue} {'is resumed' if count else 'was not paused'}")


# ── how it is asked and shown ────────────────────────────────────────────────────────────────────────────────────────


def _ids(texts: Sequence[str]) -> List[bytes]:
    try:
        return [id_bytes(text) for text in texts]
    except ValueError as error:
        raise Wrong(str(error)) from None


def _pages(client: Client, what: str, key: str = "", most: Optional[int] = None, **params: Any
           ) -> Iterator[Dict[str, Any]]:
    """The entries of all pages, or the first `most`."""
    chosen: Dict[str, Any] = {name: value for name, value in params.items() if value is not None}
    left = most
    while left is None or left > 0:
        page = client.query(what, limit=1000 if left is None else min(left, 1000), **chosen)
        yield from page[key or what]
        left = None if left is None else left - len(page[key or what])
        if page["next"] is None:
            return
        chosen["after"] = page["next"]


def _readable(job: Dict[str, Any]) -> Dict[str, Any]:
    """With arguments and result as values; those of a private job stay hidden."""
    return {key: decode(value) if key in ("args", "kwargs", "result") and isinstance(value, bytes) else value
            for key, value in job.items()}


def _plain(value: Any) -> Any:
    """What JSON has no type for."""
    if isinstance(value, bytes):
        return {"bin": base64.b64encode(value).decode()}
    return value.isoformat() if isinstance(value, datetime.datetime) else str(value)


def as_json(value: Any) -> str:
    return json.dumps(value, default=_plain)


def _print_json(items: Any) -> int:
    for item in items:
        print(as_json(item))
    return 0


def _told(options: argparse.Namespace, answer: Dict[str, Any], text: str) -> int:
    print(as_json(answer) if options.json else _line(text))
    return 0


def _unknown(text: str) -> int:
    print(f"zebu: {printable(text)}", file=sys.stderr)
    return 1


def _jobs(count: int) -> str:
    return "1 job is" if count == 1 else f"{count:,} jobs are"


def _line(text: Any) -> str:
    """What others wrote, on one line."""
    return printable(str(text)).replace("\n", "\\n").replace("\t", "\\t")


def _print_table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    cells = [list(head), *([_line(cell) for cell in row] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(head))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def _age(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{max(0.0, seconds):.1f}s"


def _time(ms: Any) -> str:
    moment = datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)
    return moment.isoformat(" ", "milliseconds").replace("+00:00", " UTC")


def _error(job: Dict[str, Any]) -> str:
    error = job.get("error")
    return f"{error['type']}: {error['message']}"[:200] if isinstance(error, dict) else "-"
