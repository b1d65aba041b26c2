"""A supervisor over tiny services, as a real process of its own.

Run as a script: `fake_services.py HOME SCENARIO`. The services are this same file with `--service NAME KIND`.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from whale_platform.supervision.control.state_files import read_state
from whale_platform.supervision.deployment import Deployment
from whale_platform.supervision.errors import LeaseRefusedError, ServiceBlockedError
from whale_platform.supervision.policy.backoff import RestartBackoff
from whale_platform.supervision.policy.service_spec import ServiceSpec
from whale_platform.supervision.processes import setup_programs
from whale_platform.supervision.processes.log_pipes import LogPipes
from whale_platform.supervision.runtime import exit_codes, heartbeat, log_setup
from whale_platform.supervision.supervisor import Supervisor
from whale_platform_tests.support.cpu_limit import enter_group

ME = Path(__file__).resolve()
ROOT = ME.parents[2]
SILENT_S = 2.0  # for those that fall silent; the others only on a machine that stalls, which is not their test


HANGS = ("sleeps", "loops", "family", "child")


def fake_spec(name: str, kind: str, **more: Any) -> ServiceSpec:
    """A spec whose process runs `serve(kind)` below."""
    more.setdefault("silent_after_s", 60)
    more.setdefault("loops_after_cpu_s", more["silent_after_s"] / 3)
    more.setdefault("backoff", RestartBackoff(0.05, 0.4, 1.0))
    return ServiceSpec(name, lambda: (sys.executable, str(ME), "--service", name, kind), **more)


def blocked_prepare() -> None:
    raise ServiceBlockedError("install the thing")


def takes_long(mark: Path) -> None:
    """A step with a child, that writes its pid to `mark`."""
    program = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
    setup_programs.run_program(("sh", "-c", 'sleep 600 & exec "$@"', "sh", sys.executable, "-c", program, str(mark)))


def scenario(name: str, home: Path) -> list[ServiceSpec]:
    """The specs of each scenario, in start order."""
    good = fake_spec("one", "good")
    if name == "chain":
        return [
            fake_spec("first", "flaky", has_heartbeat=False, one_shot=True),
            fake_spec("base", "good", needs=("first",)),
            fake_spec("top", "good", needs=("base",)),
        ]
    if name == "upgrade":
        return [
            fake_spec("first", "flaky", has_heartbeat=False, one_shot=True),
            fake_spec("base", "good", needs=("first",)),
            good,
        ]
    if name == "whole":
        topics = fake_spec("topics", "flaky", has_heartbeat=False, one_shot=True)
        return [
            topics,
            fake_spec("simulator", "good"),
            fake_spec("stream", "good"),
            fake_spec("sink", "good", needs=("topics",)),
        ]
    if name == "family":
        return [fake_spec("parent", "family", silent_after_s=SILENT_S), good]
    if name == "hangs":
        return [*(fake_spec(kind, kind, silent_after_s=SILENT_S) for kind in HANGS), good]
    if name == "hard":
        return [fake_spec("hard", "hard", silent_after_s=SILENT_S, loops_after_cpu_s=10)]
    if name == "prepares":
        return [fake_spec("one", "good", prepare=lambda: takes_long(home / "step"))]
    if name == "slow":
        return [fake_spec("slow", "slow", silent_after_s=SILENT_S, idle_limit_s=SILENT_S)]
    if name == "still":
        return [fake_spec("still", "still", idle_limit_s=SILENT_S)]
    if name == "frozen-family":
        return [fake_spec("parent", "deaf")]
    if name == "blocked":
        return [fake_spec("stuck", "blocked"), good]
    if name == "blocked-prepare":
        return [fake_spec("stuck", "good", prepare=blocked_prepare), good]
    if name == "server":
        ready = home / "answers"
        return [fake_spec("server", "silent", has_heartbeat=False, is_ready=ready.exists, silent_after_s=SILENT_S)]
    if name == "talker":
        return [fake_spec("talker", "talker")]
    if name == "stubborn":
        return [fake_spec("stubborn", "deaf", stop_grace_s=0.5)]
    return [good]


def serve(name: str, kind: str) -> None:
    """One fake service; its home comes by the environment, as a real one's does."""
    home = Path(os.environ["WHALE_HOME"])
    with (home / "order").open("a") as log:
        log.write(f"start {name}\n")
    if kind == "hard":
        enter_group(Path((home / "group").read_text()))
    me = heartbeat.Heartbeat(name, state="starting" if kind == "still" else "ready")
    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN if kind == "deaf" else lambda *_: stopped.append(1))
    if kind == "flaky":
        tries = home / "tries"
        tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
        print("not yet", flush=True)
        sys.exit(0 if len(tries.read_text()) >= 3 else exit_codes.RETRY)
    if kind == "blocked" and not (home / "unblock").exists():
        me.state, me.detail = "blocked", "turn the key"
        heartbeat.write_heartbeat(home, me)
        sys.exit(exit_codes.BLOCKED)
    if kind == "slow":
        work(3 * SILENT_S)
    if kind in ("sleeps", "loops"):
        threading.Thread(target=beat_for_ever, args=(home, me), daemon=True).start()
    if kind in ("family", "child", "deaf"):
        subprocess.Popen(
            [sys.executable, "-c", "import signal,time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"]
        )
    count = 0
    while not stopped:
        if kind in ("silent", "still"):
            heartbeat.write_heartbeat(home, me)  # a beat alone is not progress
            time.sleep(0.2)
            continue
        if (home / f"hang-{name}").exists():
            while kind == "loops":
                pass
            time.sleep(600)
        if kind == "hard":
            work(0.15)
        me.progress["main"] = me.progress.get("main", 0) + 1
        heartbeat.write_heartbeat(home, me)
        for _ in range(2000 if kind == "talker" else 0):
            print(f"line {count} {'x' * 40}", flush=False)
            count += 1
        sys.stdout.flush()
        fresh = home / f"count.{name}.new"
        fresh.write_text(str(count))
        fresh.replace(home / "count")  # whoever reads it never sees it empty
        time.sleep(0.05)
    with (home / "order").open("a") as log:
        log.write(f"stop {name}\n")
    print("last words", flush=True)


def work(cpu_s: float) -> None:
    """Use so much of the processor."""
    until_s = time.process_time() + cpu_s
    while time.process_time() < until_s:
        pass


def beat_for_ever(home: Path, me: heartbeat.Heartbeat) -> None:
    """As the thread of a service's frame does, whatever its main loop does."""
    while True:
        heartbeat.write_heartbeat(home, me)
        time.sleep(0.5)


def supervise(home: Path, name: str) -> None:
    """What a test starts as its own process."""
    log_setup.configure_logging("INFO")
    home.mkdir(parents=True, exist_ok=True)

    def keeper(where: Path, names: list[str]) -> LogPipes:
        return LogPipes(where, names, limit=200_000, grace_s=1.0)

    def checkout() -> str:
        return (home / "checkout").read_text() if (home / "checkout").exists() else ""

    about = {"home": str(home), "source": "simulator"}
    try:
        Supervisor(home, scenario(name, home), about, keeper, Deployment(checkout, 0.2)).run()
    except LeaseRefusedError as refused:
        sys.exit(str(refused))


class SupervisorRun:
    """A supervisor process under test."""

    def __init__(self, home: Path, name: str) -> None:
        self.home = home.resolve()
        self.process = subprocess.Popen(
            [sys.executable, str(ME), str(self.home), name],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )

    def services(self) -> dict[str, dict[str, Any]]:
        """What it publishes, nothing where it is not (yet) this process's state."""
        state = read_state(self.home)
        return dict(state["services"]) if state and state["pid"] == self.process.pid else {}

    def wait(self, what: Callable[[dict[str, dict[str, Any]]], bool], most_s: float = 300) -> dict[str, dict[str, Any]]:
        """Until `what` holds for the published services."""
        wait_for_result(lambda: (now := self.services()) and what(now), most_s)
        return self.services()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(150)


def wait_for_result(what: Callable[[], Any], most_s: float = 300) -> Any:
    """The first true answer; fails the test where none comes."""
    deadline = time.monotonic() + most_s
    while time.monotonic() < deadline:
        if answer := what():
            return answer
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def all_ready(services: dict[str, dict[str, Any]]) -> bool:
    return all(service["state"] == "ready" for service in services.values())


def find_marked(home: Path) -> list[int]:
    """Pids of living processes with this home's mark, grandchildren included."""
    out = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("WHALE_HOME") == str(home.resolve()) and process.status() != psutil.STATUS_ZOMBIE:
                out.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return out


@contextmanager
def run_supervisor(home: Path, name: str) -> Iterator[SupervisorRun]:
    run = SupervisorRun(home, name)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.stop()
        if run.process.stderr is not None:
            run.process.stderr.close()
        for pid in find_marked(home):
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(pid).kill()


if __name__ == "__main__":
    if sys.argv[1] == "--service":
        serve(*sys.argv[2:])
    else:
        supervise(Path(sys.argv[1]), sys.argv[2])
