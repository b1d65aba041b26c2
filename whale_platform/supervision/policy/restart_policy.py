"""The supervisor's decisions: what is known of one service in, one action out. Pure: no clock, no process.

Level-triggered: the same view always gives the same decision, so a missed event can't be missed for good. Nothing is
killed for being slow: silence alone proves nothing, what the processes did meanwhile does.
"""

from dataclasses import dataclass
from typing import Literal

from whale_platform.supervision.processes.process_activity import NO_ACTIVITY, STARVED_SHARE, ProcessActivity

ShownState = Literal["waiting", "starting", "ready", "degraded", "blocked", "backoff", "stopped"]
WORKING_STATES: frozenset[str] = frozenset({"ready", "degraded"})
START_STOPPED_S = 30.0
START_CPU_S = 600.0  # without a line in the log, a word or a step: ten times the dearest start known


@dataclass(frozen=True, slots=True)
class LoopSilence:
    """For how long `who` (a loop of the service) has not got on, and what its processes did meanwhile. Seconds.

    `allowed_s`: what is usual; `allowed_wait_s`: what the loop asked for, since it waits for somebody else.
    """

    who: str = ""
    for_s: float = 0.0
    allowed_s: float = 30.0
    allowed_wait_s: float = 0.0
    most_cpu_s: float = 10.0
    activity: ProcessActivity = NO_ACTIVITY


def explain_hang(silence: LoopSilence) -> str:
    """Why the service hangs, in words; empty where it does not, or where that can't be told yet.

    It is stopped, or runs in circles, or is blocked. A starved process is none of these: it waits for the processor, so
    it is given all the time it takes to use `most_cpu_s`.
    """
    activity = silence.activity
    if silence.for_s < silence.allowed_s:
        return ""
    since = f"{silence.who or 'it'} has not got on for {silence.for_s:.0f} s"
    if activity.stopped_s >= silence.allowed_s / 2:
        return f"no sign of life: {since}, one of its processes is stopped"
    if silence.for_s < silence.allowed_wait_s or activity.observed_s < silence.allowed_s / 2:
        return ""
    if activity.cpu_s >= silence.most_cpu_s:
        return f"no sign of life: {since}, in which {activity.cpu_s:.0f} s of CPU were used"
    if activity.waited_s >= STARVED_SHARE * activity.observed_s:
        return ""
    return f"no sign of life: {since}, and does not wait for the CPU"


@dataclass(frozen=True, slots=True)
class ServiceView:
    """All that is known of a service. Times: monotonic seconds.

    `reported` is the state the living process gives itself (from its beat, or `ready` from its check); `hang_reason` is
    why its silence is deadly, empty while it is not; `completed` a one-shot's success; `blocked` what a person must do;
    `missing` the needs that are not ready; `retry_at` the end of the back-off; `reason` why the last run ended.
    """

    now: float
    alive: bool = False
    reported: ShownState = "starting"
    detail: str = ""
    hang_reason: str = ""
    preparing: bool = False
    completed: bool = False
    blocked: str | None = None
    missing: tuple[str, ...] = ()
    retry_at: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StartService:
    """Decides: start the service now."""


@dataclass(frozen=True, slots=True)
class KeepState:
    """Leave it; `state` and `detail` are what to show."""

    state: ShownState
    detail: str = ""


@dataclass(frozen=True, slots=True)
class KillService:
    """End it with its whole process group."""

    reason: str


def explain_stuck_start(
    activity: ProcessActivity, idle_s: float, progress_s: float, cpu_since_output_s: float, idle_limit_s: float
) -> str:
    """Why a start is to be ended, in words; empty where it is not.

    `idle_s`: since it last used the CPU, waited for it or said anything; `progress_s`: since a loop of it came round;
    `cpu_since_output_s`: CPU used since it last said anything.
    """
    if activity.stopped_s >= min(START_STOPPED_S, idle_limit_s):
        return f"its start stands still: one of its processes has been stopped for {activity.stopped_s:.0f} s"
    if min(idle_s, progress_s) >= idle_limit_s:
        return f"its start stands still: no CPU used and nothing said for {idle_s:.0f} s"
    if cpu_since_output_s >= START_CPU_S and progress_s >= idle_limit_s:
        return f"its start goes nowhere: {cpu_since_output_s:.0f} s of CPU used without a word"
    return ""


def decide_restart(view: ServiceView) -> StartService | KeepState | KillService:
    """What to do about one service now."""
    if view.alive:
        if view.hang_reason:
            return KillService(view.hang_reason)
        return KeepState(view.reported, view.detail)
    if view.preparing:
        return KeepState("starting", "preparing")
    if view.completed:
        return KeepState("ready", "done")
    if view.blocked is not None:
        return KeepState("blocked", view.blocked)
    if view.missing:
        return KeepState("waiting", f"for {', '.join(view.missing)}")
    if view.now < view.retry_at:
        return KeepState("backoff", f"{view.reason}; again in {view.retry_at - view.now:.1f} s")
    return StartService()
