"""The repair service: within minutes of a late trade its hour is right again, with or without Dagster.

It follows the log of the lake. A closed hour that gets new files has late trades, whether the watermark dropped them or
a hole was filled in the background, and is compared with Postgres; every hour all closed hours of the last days are.
The comparing, and the computing where there is something wrong, is done by a process of its own (`work.py`), so that
its libraries and Spark's JVM are there only as long as they are needed. What fails as a whole is tried again, each time
after twice as long; an hour that fails by itself, when it gets another file or when all are compared. While the stream
is behind nothing is done, since the trades go first.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from whale_platform.lake.schema import exists
from whale_platform.repair.touched import Touched, closed
from whale_platform.supervision import codes, overload
from whale_platform.supervision.service import ServiceContext

LOOK_S = 20.0
FIRST_S = 120.0  # after a start the others come first
ALL_S = 3600.0
AGAIN_S = 120.0
WORK_MOST_S = 2 * 3600.0  # a week of everything takes minutes; what hangs for so long is begun anew
END_S = 5.0

Work = Callable[[ServiceContext, Iterable[datetime] | None], dict[str, Any] | None]


def main(context: ServiceContext) -> int:
    """Run until `context.stop`; returns the exit code."""
    return run(context, _work)


def run(context: ServiceContext, work: Work, look_s: float = LOOK_S, first_s: float = FIRST_S) -> int:
    """`work(context, hours)` compares and repairs these hours, all where None; None: it failed."""
    root = context.settings.trades_lake
    log = Touched(root)
    waiting: set[datetime] = set()
    sums: dict[str, int] = {}
    broken: set[datetime] = set()
    again_s = AGAIN_S
    all_at, not_before = time.monotonic() + first_s, time.monotonic() + first_s
    context.tell("ready")
    while not context.stop.wait(look_s):
        context.progress()
        # 1. which hours have new files, or may have
        news = log.look() if exists(root) else set()
        if news is None:
            all_at = min(all_at, not_before)
        waiting |= news or set()
        # 2. those of them that are over, or all where that is due
        known = closed(context.settings, datetime.now(UTC))
        waiting = {hour for hour in waiting if hour >= known.start}  # an import or a replay brings older ones
        due, everything = {hour for hour in waiting if hour < known.end}, exists(root) and time.monotonic() >= all_at
        if time.monotonic() < not_before or not (due or everything):
            continue
        if why := overload.reason(context.settings.home):
            context.tell("ready", why)
            continue
        # 3. compare and repair; where nothing could be, all stay waiting
        done = work(context, None if everything else due)
        if context.stop.is_set():
            break
        if done is None:
            not_before, again_s = time.monotonic() + again_s, min(2 * again_s, ALL_S)
            context.tell("degraded", "hours can't be repaired now, trying again: see the log")
            continue
        waiting, again_s = waiting - due, AGAIN_S
        failed = {datetime.fromisoformat(hour) for hour in done.pop("failed", ())}
        broken = failed if everything else broken - due | failed
        all_at = time.monotonic() + ALL_S if everything else all_at
        for name, count in done.items():
            sums[name] = sums.get(name, 0) + count
        context.beat.numbers.update(sums)
        if broken:
            context.tell("degraded", f"{len(broken)} hours can't be repaired, from {min(broken)} on: see the log")
        else:
            context.tell("ready")
    context.tell("stopping")
    return codes.CLEAN


def _work(context: ServiceContext, hours: Iterable[datetime] | None) -> dict[str, Any] | None:
    named = ["all"] if hours is None else [hour.astimezone(UTC).isoformat() for hour in sorted(hours)]
    command = [sys.executable, "-m", "whale_platform.repair.work", *named]
    began = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as child:
        while child.poll() is None:
            context.progress()
            if context.stop.wait(0.5) or time.monotonic() - began > WORK_MOST_S:
                _end(child)
        assert child.stdout is not None
        said = child.stdout.read()
    if child.returncode != 0:
        return None
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def _end(child: "subprocess.Popen[str]") -> None:
    child.terminate()
    try:
        child.wait(END_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
