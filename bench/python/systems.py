"""The servers and workers of each system, on free ports, and what they cost: read from /proc."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
TICK = os.sysconf("SC_CLK_TCK")
sys.path[:0] = [str(ROOT / "python"), str(HERE)]
os.environ.setdefault("ZEBU_BIN", str(pathlib.Path(os.environ.get("ZEBU_BUILD", ROOT / "build" / "release")) / "bin"))
os.environ["PYTHONPATH"] = f"{ROOT / 'python'}:{HERE}"
os.environ["C_FORCE_ROOT"] = "1"  # Celery warns root of pickle, which it does not use here


class Missing(Exception):
    """A system whose programs are not installed."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(is_true, what, patience=60):
    until = time.monotonic() + patience
    while time.monotonic() < until:
        try:
            if is_true():
                return
        except Exception as error:  # not there yet
            what = f"{str(what).partition(': ')[0]}: {error}"
        time.sleep(0.05)
    raise SystemExit(f"run_python: {what}: not within {patience} s")


def family(pid):
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [pid] + [each for child in children for each in family(int(child))]


def cpu(pid):
    """Seconds of a process, those below it, and those that it has waited for."""
    total = 0
    for each in family(pid):
        try:
            fields = pathlib.Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(field) for field in fields[11:15])
    return total / TICK


def memory(pid):
    """Bytes of a process and those below it; what they share counts once."""
    total = 0
    for each in family(pid):
        try:
            text = pathlib.Path(f"/proc/{each}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) << 10
    return total


class System:
    """`servers` and `workers` are processes; `environment` is for the client."""

    needs = ()

    def __init__(self, slots, what):
        missing = [name for name in self.needs if shutil.which(name) is None and not self._has_module(name)]
        if missing:
            raise Missing(", ".join(missing))
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="zebu-bench-"))
        self.processes, self.servers, self.workers, self.environment = [], [], [], {}
        try:
            self.start(slots, what)
        except BaseException:
            self.stop()
            raise

    @staticmethod
    def _has_module(name):
        try:
            __import__(name)
        except ImportError:
            return False
        return True

    def start(self, slots, what):
        raise NotImplementedError

    def run(self, *command):
        log = (self.folder / f"{len(self.processes)}.log").open("wb")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=HERE,
                                   env={**os.environ, **self.environment}, start_new_session=True)
        log.close()
        self.processes.append(process)
        return process.pid

    def stop(self):
        for process in reversed(self.processes):
            below = family(process.pid)
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                pass
            for pid in below:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            process.wait()
        shutil.rmtree(self.folder)


class Zebu(System):
    """pool: of its worker; in_memory: where the broker has its jobs."""

    store, pools = "memory", {"echoes": "processes", "trips": "processes", "naps": "threads"}

    def start(self, slots, what):
        from zebu.local import broker_program
        ports = free_port(), free_port()
        clients, consumers = (f"tcp://127.0.0.1:{port}" for port in ports)
        self.environment = {"ZEBU_BROKER": clients, "ZEBU_CONSUMERS": consumers}
        store = self.store.format(self.folder)
        self.servers = [self.run(broker_program(), "--clients", clients, "--consumers", consumers, "--store", store,
                                 "--log-level", "warn")]
        self.workers = [self.run(sys.executable, "-m", "zebu", "worker", "zebu_tasks:app", "-c", str(slots), "--pool",
                                 self.pools[what])]
        import zebu
        client = zebu.Client(clients)
        try:
            wait_until(lambda: client.query("consumers", timeout=5)["consumers"], "the worker of Zebu")
        finally:
            client.close()


class ZebuDurable(Zebu):
    store = "sqlite:{}/zebu.db"


class ZebuProcesses(Zebu):
    pools = {"naps": "processes"}


class OnRedis(System):
    needs = ("redis-server", "redis")

    def start(self, slots, what):
        port = free_port()
        self.environment = {"BENCH_REDIS": f"redis://127.0.0.1:{port}/0"}
        self.servers = [self.run("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                                 "--appendonly", "no", "--dir", str(self.folder))]
        import redis
        self.redis = redis.Redis(port=port)
        wait_until(self.redis.ping, "Redis")
        self.start_workers(slots, what)


class Celery(OnRedis):
    needs = ("redis-server", "redis", "celery")

    def start_workers(self, slots, what):
        pool = "threads" if what == "naps" else "prefork"
        self.workers = [self.run(sys.executable, "-m", "celery", "-A", "celery_tasks", "worker", "-c", str(slots),
                                 "--pool", pool, "-l", "ERROR")]
        os.environ.update(self.environment)
        from celery import Celery as App
        app = App("bench", broker=self.environment["BENCH_REDIS"])
        wait_until(lambda: app.control.ping(timeout=1), "the worker of Celery")
        app.close()


class Rq(OnRedis):
    """A worker process a slot, which forks for each job, as it does by default."""

    needs, worker = ("redis-server", "redis", "rq"), "rq.Worker"

    def start_workers(self, slots, what):
        import rq
        self.workers = [self.run("/usr/bin/rq", "worker", "--url", self.environment["BENCH_REDIS"], "--worker-class",
                                 self.worker, "--quiet") for _ in range(slots)]
        wait_until(lambda: rq.Worker.count(connection=self.redis) == slots, "the workers of RQ")


class RqSimple(Rq):
    """One that runs jobs in its own process."""

    worker = "rq.SimpleWorker"


class Dask(System):
    needs = ("distributed",)

    def start(self, slots, what):
        address = f"tcp://127.0.0.1:{free_port()}"
        self.environment = {"BENCH_DASK": address}
        self.servers = [self.run(sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1",
                                 "--port", address.rpartition(":")[2], "--no-dashboard")]
        processes, threads = (1, slots) if what == "naps" else (slots, 1)
        self.workers = [self.run(sys.executable, "-m", "distributed.cli.dask_worker", address, "--nworkers",
                                 str(processes), "--nthreads", str(threads), "--no-dashboard", "--local-directory",
                                 str(self.folder))]
        import distributed
        client = distributed.Client(address, timeout="60s")
        client.wait_for_workers(processes, timeout=60)
        client.close()


class Pool(System):
    """multiprocessing.Pool, which the client starts: no broker."""

    def start(self, slots, what):
        pass


SYSTEMS = {"pool": Pool, "zebu": Zebu, "zebu-asyncio": Zebu, "zebu-durable": ZebuDurable,
           "zebu-processes": ZebuProcesses, "celery": Celery, "rq": Rq, "rq-simple": RqSimple, "dask": Dask}
