"""Whether stream or sink have fallen behind, by their heartbeats: then work that can wait does, and trades need not.

Nothing waits for ever: a machine that is always too small still has its lake compacted and its late trades counted.
Dagster's schedules call `explain_stream_lag`, which itself ends after `LONGEST_WAIT_S`. A caller that polls (the repair
service) uses `explain_pressure`, which also sees that a start is not finished, and bounds the wait itself.
"""

import time
from pathlib import Path

from whale_platform.supervision.control import state_files
from whale_platform.supervision.policy.restart_policy import WORKING_STATES
from whale_platform.supervision.runtime import heartbeat

FRESH_S = 30.0
LONGEST_WAIT_S = 2 * 3600.0
SINK_LAG = 10_000  # messages; it writes more than that a second
WATCHED_SERVICES = ("stream", "sink")
IGNORED_STATES = ("stopped", "blocked")  # by a person, or until one acts


def explain_stream_lag(home: Path) -> str | None:
    """Why upkeep should wait now, in one sentence; None where it need not."""
    found, now = heartbeat.read_heartbeat(home, "stream"), time.time()
    since = found.numbers.get("behind_since") if found is not None else None
    if found is None or since is None or now - found.at > FRESH_S or now - since > LONGEST_WAIT_S:
        return None
    return f"the stream has been behind for {now - since:.0f} s, so upkeep waits: {found.detail}"


def explain_pressure(home: Path) -> str | None:
    """Why what can wait should wait now: stream or sink are starting, silent or behind. None where neither is.

    One that no supervisor keeps in this home, or that was stopped or is blocked, is not waited for.
    """
    return next(filter(None, (_explain_service_pressure(home, service) for service in WATCHED_SERVICES)), None)


def _explain_service_pressure(home: Path, service: str) -> str | None:
    kept = state_files.read_working_state(home, service)
    entry = (kept or {}).get("services", {}).get(service)
    told, now = heartbeat.read_heartbeat(home, service), time.time()
    fresh = told is not None and now - told.at <= FRESH_S
    # 1. who keeps it says that it is not at work
    if not fresh if entry is None else entry["state"] in IGNORED_STATES:
        return None
    if entry is not None and entry["state"] not in WORKING_STATES:
        return f"{service} is {entry['state']}{_format_detail(entry['detail'])}"
    # 2. its own word
    if told is None or not fresh:
        return f"{service} has not sent a heartbeat for {FRESH_S:.0f} s"
    if told.state == "starting":
        return f"{service} is starting{_format_detail(told.detail)}"
    if (since := told.numbers.get("behind_since")) is not None:
        return f"{service} has been behind for {now - since:.0f} s{_format_detail(told.detail)}"
    if service == "sink" and (lag := told.numbers.get("lag") or 0) > SINK_LAG:
        return f"{service} is {lag:,} messages behind"
    return None


def _format_detail(detail: str) -> str:
    return f": {detail}" if detail else ""
