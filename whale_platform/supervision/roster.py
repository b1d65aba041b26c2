"""Whether a service needs a new shift: a pure function of what is seen. No clock, no process, no Dagster.

Level-triggered: asked every few seconds, the same view gives the same answer, so a missed event can't be missed for
good. A run that its storage calls alive, but that no process holds, would keep the service away for ever: it is
reaped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from whale_platform.supervision import backoff
from whale_platform.supervision.backoff import Backoff
from whale_platform.supervision.desired import Desired

STARTS_WITHIN_S = 60.0
TAKES_HOLD_WITHIN_S = 20.0
HUNG_S = 90.0
BACKOFF = Backoff(first_s=1.0, cap_s=120.0, healthy_after_s=60.0)


@dataclass(frozen=True, slots=True)
class Run:
    """One shift as its storage knows it. Times: epoch seconds; `launched` is None while queued."""

    run_id: str
    state: Literal["queued", "starting", "started", "done", "failed"]
    launched: float | None = None
    started: float | None = None
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds the shift's lease; `run_id` and `at`, its last sign of life, are unknown at its start."""

    pid: int
    run_id: str | None
    at: float | None


@dataclass(frozen=True, slots=True)
class Seen:
    """All that is known of a service's shifts. `runs`: newest first; `draining`: Dagster itself is to end."""

    now: float
    runs: Sequence[Run]
    holder: Holder | None
    desired: Desired
    draining: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """Begin a shift. `key` names the place in the row of shifts: the same key must never begin two."""

    key: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Leave it, because of `reason`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reap:
    """Say of run `run_id` that it has failed, because of `reason`, after ending process `kill` where there is one."""

    run_id: str
    reason: str
    kill: int | None = None


def decide(seen: Seen) -> Start | Wait | Reap:
    """What to do about one service now."""
    unfinished = [run for run in seen.runs if run.state not in ("done", "failed")]
    answers = [_unfinished(run, seen.holder, seen.now) for run in unfinished]
    for answer in answers:
        if isinstance(answer, Reap):
            return answer
    if answers:
        return answers[0]
    holder = seen.holder
    if holder is not None and holder.run_id is not None and _silent(holder, seen.now):
        return Reap(holder.run_id, "its run has ended, but its process hangs", holder.pid)
    if seen.draining:
        return Wait("Dagster is about to end")
    if not seen.desired.running:
        return Wait(f"stopped by {seen.desired.by}")
    if holder is not None:
        return Wait(f"the last shift is ending (pid {holder.pid})")
    until = retry_at(seen.runs, seen.desired.since)
    if 0 < until - seen.now <= BACKOFF.cap_s:  # further off only by a clock that has been set back
        return Wait(f"the last shifts failed: the next in {until - seen.now:.0f} s")
    return Start(f"after:{seen.runs[0].run_id if seen.runs else 'none'}")


def retry_at(runs: Sequence[Run], since: float) -> float:
    """When the next shift may begin, by the failures after `since`; a shift that ended well forgives them."""
    lives: list[backoff.Run] = []
    for run in runs:
        if run.state != "failed" or run.ended is None or run.ended < since:
            break
        begun = run.started if run.started is not None else run.ended
        lives.insert(0, backoff.Run(begun, run.ended, None))
    return lives[-1].ended + BACKOFF.delay(lives) if BACKOFF.short_lives(lives) else 0.0


def _unfinished(run: Run, holder: Holder | None, now: float) -> Wait | Reap:
    if run.state == "queued":
        return Wait(f"run {run.run_id[:8]} is queued")
    if run.state == "starting":
        if run.launched is not None and now - run.launched > STARTS_WITHIN_S:
            return Reap(run.run_id, f"it has not started within {STARTS_WITHIN_S:.0f} s")
        return Wait(f"run {run.run_id[:8]} is starting")
    if holder is not None and holder.run_id in (run.run_id, None):
        if _silent(holder, now):
            return Reap(run.run_id, f"its process has been silent for over {HUNG_S:.0f} s", holder.pid)
        return Wait(f"run {run.run_id[:8]} keeps it alive")
    if run.started is not None and now - run.started > TAKES_HOLD_WITHIN_S:
        return Reap(run.run_id, "its process is gone")
    return Wait(f"run {run.run_id[:8]} has just started")


def _silent(holder: Holder, now: float) -> bool:
    return holder.at is not None and now - holder.at > HUNG_S
