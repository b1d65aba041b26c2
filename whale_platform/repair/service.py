"""The repair service: within minutes of a late trade its hour is right again, with or without Dagster.

It follows the log of the lake. A closed hour that gets new files has late trades, whether the watermark dropped them or
a gap was filled in the background, and is compared with Postgres; every hour all closed hours of the last days are. The
comparing, and the computing where there is something wrong, is done by a process of its own (`work.py`), so that its
libraries and Spark's JVM are there only as long as they are needed. What fails as a whole is tried again, each time
after twice as long; an hour that fails by itself, when it gets another file or when all are compared. Between two such
looks it has the prices around new whales and the size bands of the last minutes stored (`minute_passes.py`).

The trades go first: while stream or sink are starting, silent or behind nothing is begun, and a process at work that
sees them so for `END_AFTER_S` is ended; what it has stored is whole hours, and what is left stays waiting. Two hours
after something was due first, it is done all the same and not ended, since a machine that is always too small must have
its late trades counted too.
"""

import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from whale_platform.lake.delta.schema import table_exists
from whale_platform.repair.band_passes import BandWork
from whale_platform.repair.changed_hours import ChangedHours, list_closed_hours
from whale_platform.repair.minute_passes import MinutePasses
from whale_platform.repair.price_passes import PriceWork
from whale_platform.repair.work_process import WorkHold, run_command
from whale_platform.supervision.runtime import exit_codes
from whale_platform.supervision.runtime.heartbeat import ServiceState
from whale_platform.supervision.runtime.runner import ServiceContext

LOOK_S = 20.0
FIRST_S = 120.0  # after a start the others come first
ALL_S = 3600.0
AGAIN_S = 120.0

Work = Callable[[ServiceContext, Iterable[datetime] | None, WorkHold], dict[str, Any] | str | None]


def main(context: ServiceContext) -> int:
    """Run until `context.stop`; returns the exit code."""
    passes = [MinutePasses(context, work) for work in (PriceWork(context), BandWork(context.settings.trades_lake))]

    def look_too() -> None:
        for one in passes:
            if not context.stop.is_set():
                one.run_if_due()

    return run_loop(context, _run_repair, look_too=look_too)


def run_loop(
    context: ServiceContext,
    work: Work,
    interval_s: float = LOOK_S,
    first_s: float = FIRST_S,
    look_too: Callable[[], None] = lambda: None,
) -> int:
    """`work(context, hours, hold)` compares and repairs these hours, all where None; `look_too` is called at each look.

    `work` returns {what: how many}; why it has to wait, in words; or None where it failed.
    """
    root = context.settings.trades_lake
    log, hold = ChangedHours(root), WorkHold(context.settings.home)
    waiting: set[datetime] = set()
    sums: dict[str, int] = {}
    broken: set[datetime] = set()
    trouble, again_s = "", AGAIN_S
    all_at, not_before = time.monotonic() + first_s, time.monotonic() + first_s
    context.report_state("ready")
    while not context.stop.wait(interval_s):
        context.record_progress()
        look_too()
        if context.stop.is_set():
            break
        # 1. which hours have new files, or may have
        news = log.poll() if table_exists(root) else set()
        if news is None:
            all_at = min(all_at, not_before)
        waiting |= news or set()
        # 2. those of them that are over, or all where that is due
        known = list_closed_hours(context.settings, datetime.now(UTC))
        waiting = {hour for hour in waiting if hour >= known.start}  # an import or a replay brings older ones
        due, everything = (
            {hour for hour in waiting if hour < known.end},
            table_exists(root) and time.monotonic() >= all_at,
        )
        if time.monotonic() < not_before or not (due or everything):
            continue
        # 3. the trades go first
        if why := hold.reason_to_wait():
            _report_trouble(context, trouble, f"the repair waits: {why}")
            continue
        # 4. compare and repair; where nothing could be, all stay waiting
        done = work(context, None if everything else due, hold)
        if context.stop.is_set():
            break
        if isinstance(done, str):
            not_before = time.monotonic() + AGAIN_S
            _report_trouble(context, trouble, f"the repair waits: {done}")
            continue
        if done is None:
            not_before, again_s = time.monotonic() + again_s, min(2 * again_s, ALL_S)
            trouble = "hours can't be repaired now, trying again: see the log"
            _report_trouble(context, trouble)
            continue
        hold.reset()
        waiting, again_s = waiting - due, AGAIN_S
        failed = {datetime.fromisoformat(hour) for hour in done.pop("failed", ())}
        broken = failed if everything else broken - due | failed
        all_at = time.monotonic() + ALL_S if everything else all_at
        for name, count in done.items():
            sums[name] = sums.get(name, 0) + count
        context.heartbeat.numbers.update(sums)
        trouble = f"{len(broken)} hours can't be repaired, from {min(broken)} on: see the log" if broken else ""
        _report_trouble(context, trouble)
    context.report_state("stopping")
    return exit_codes.CLEAN


def _run_repair(
    context: ServiceContext, hours: Iterable[datetime] | None, hold: WorkHold
) -> dict[str, Any] | str | None:
    named = ["all"] if hours is None else [hour.astimezone(UTC).isoformat() for hour in sorted(hours)]
    return run_command(context, [sys.executable, "-m", "whale_platform.repair.work", *named], hold)


def _report_trouble(context: ServiceContext, problem: str, reason: str = "") -> None:
    """What is in the way; a detail whose numbers alone change is no news for the log."""
    state: ServiceState = "degraded" if problem else "ready"
    detail = "; ".join(filter(None, (problem, reason)))
    if (state, bool(detail)) == (context.heartbeat.state, bool(context.heartbeat.detail)):
        context.heartbeat.detail = detail
    else:
        context.report_state(state, detail)
