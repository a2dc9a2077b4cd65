"""The process that has the user's modules and forks slots from them, so that a new slot costs a millisecond and shares
their memory. It has no thread and no socket of ZeroMQ. When the worker is gone, so are all slots and what they started.

    worker -> [pages and sockets as descriptors] fork N      -> ready, forked N PID, exit PID STATUS
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import traceback
from typing import Any, Dict, List

import msgpack

from ..app import App, load
from .channel import die_with_parent, outlive_parent
from .slot import slot_main

MOST_TASKS = 1024


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    target, pool, width, parent = sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    die_with_parent(parent)  # an import may hang
    try:
        sys.path.insert(0, os.getcwd())
        app = load(target)
        if not app.tasks:
            raise TypeError(f"{target} has no tasks")
        if len(app.tasks) > MOST_TASKS:
            raise TypeError(f"{target} has {len(app.tasks)} tasks, and a worker may have {MOST_TASKS}")
    except BaseException as error:
        text = "".join(traceback.format_exception(error))
        say(control, "failed", f"{type(error).__name__}: {error}", text[-30_000:])
        sys.exit(1)
    outlive_parent()
    say(control, "app", app.queues, bool([t for t in app.tasks.values() if t.is_async]))
    for names in chunks(sorted(app.tasks)):
        say(control, "tasks", names)
    for files in chunks(sorted({str(f) for m in list(sys.modules.values()) if (f := getattr(m, "__file__", None))})):
        say(control, "files", files)
    say(control, "ready")
    gc.collect()
    gc.freeze()  # what the slots share is not touched by their collections
    Server(control, app, pool, width).serve()


def chunks(names: List[str]) -> List[List[str]]:
    return [names[at:at + 200] for at in range(0, len(names), 200)]


def say(control: socket.socket, *message: Any) -> None:
    try:
        control.send(msgpack.packb(message))
    except OSError:
        sys.exit(0)  # the worker is gone


class Server:
    def __init__(self, control: socket.socket, app: App, pool: str, width: int) -> None:
        self.control, self.app, self.pool, self.width = control, app, pool, width
        self.slots: Dict[int, int] = {}

    def serve(self) -> None:
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        os.set_blocking(reader, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        try:
            while True:
                ready, _, _ = select.select([self.control, reader], [], [])
                if reader in ready:
                    os.read(reader, 512)
                    self.reap()
                if self.control in ready and not self.obey((reader, writer)):
                    return
        finally:
            if os.getpid() == os.getpgrp():
                for pid in self.slots:
                    kill_group(pid)

    def reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self.slots:
                del self.slots[pid]
                kill_group(pid)  # what the slot's tasks started and left
                say(self.control, "exit", pid, status)

    def obey(self, wakeup: Any) -> bool:
        """False when the worker is gone."""
        data, descriptors, _, _ = socket.recv_fds(self.control, 4096, 4)
        if not data:
            return False
        command, number = msgpack.unpackb(data)
        if command == "fork":
            sys.stdout.flush()
            sys.stderr.flush()
            parent = os.getpid()
            try:
                pid = os.fork()
            except OSError as error:
                say(self.control, "unforked", number, str(error))
                pid = -1
            if pid == 0:
                self.become_slot(parent, descriptors, wakeup)
            for descriptor in descriptors:
                os.close(descriptor)
            if pid > 0:
                self.slots[pid] = number
                say(self.control, "forked", number, pid)
        return True

    def become_slot(self, parent: int, descriptors: List[int], wakeup: Any) -> None:
        status = 70
        try:
            die_with_parent(parent)
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self.control.close()
            for descriptor in wakeup:
                os.close(descriptor)
            gc.unfreeze()
            slot_main(self.app, self.pool, self.width, *descriptors)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            try:
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(status)


def kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


if __name__ == "__main__":
    main()
