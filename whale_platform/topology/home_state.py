"""The present state of a home, from its files alone: the supervisor's state, its lease, the services' heartbeats.

Nothing here talks to a server or imports one's client, so `status` answers at once even where all hang.
"""

import time
from pathlib import Path
from typing import Any

from whale_platform.files import disk_usage
from whale_platform.homes import Home
from whale_platform.supervision.control.service_commands import RESTART_ORDER
from whale_platform.supervision.control.state_files import (
    SUPERVISOR,
    list_parts,
    own_supervisor_name,
    read_state,
)
from whale_platform.supervision.runtime import heartbeat, lease

ALL_READY, NOT_RUNNING, NOT_READY = 0, 3, 4
HUNG_S = 30.0
WORKS = frozenset({"ready", "degraded"})
AS_WANTED = WORKS | {"stopped"}


def take_snapshot(home: Home) -> dict[str, Any]:
    """{home, running, stopping, supervisor, source, checkout, urls, ports, disk, services}; seconds and bytes.

    A service's entry: state, pid, uptime_s, last_beat_s (null without a heartbeat), restarts, last_exit, detail,
    old_code (what it runs where that is not the `checkout`, else empty), still_s (for how long its start has done
    nothing, null while it does not start), short_lives (how many in a row ended before or soon after it was ready), and
    the numbers of its beat. `source.kind` is live, simulator or replay; `source.state` live, playing, …
    `disk`: {state: ok or degraded, detail, disks: {home: {free, total}}, stores: {kafka: bytes, …}}.
    """
    now = time.time()
    pid, published = _read_published(home.path, SUPERVISOR)
    states = {SUPERVISOR: (pid, published)}
    if pid is None:
        states |= {name: _read_published(home.path, name) for name in map(own_supervisor_name, list_parts(home.path))}
    at_work = [state for holder, state in states.values() if holder is not None]
    published = max(at_work, key=lambda state: float(state.get("at", 0)), default=published)
    checkout = published.get("checkout", "")
    services = {
        name: _describe_service(
            home, name, {**entry, "old_code": _find_old_code(name, entry, checkout)}, now, holder is not None
        )
        for holder, state in states.values()
        if not at_work or holder is not None
        for name, entry in state.get("services", {}).items()
    }
    silent = max((now - float(state.get("at", now)) for state in at_work), default=None)
    return {
        "home": str(home.path),
        "running": bool(at_work),
        "stopping": any(state.get("stopping") for state in at_work),
        "supervisor": {"pid": pid, "silent_s": None if silent is None else round(silent, 1)},
        "source": _describe_source(home, services),
        "checkout": checkout,
        "urls": published.get("urls", {}),
        "ports": published.get("ports", {}),
        "disk": _describe_disk(home.path),
        "services": services,
    }


def _read_published(home: Path, supervisor: str) -> tuple[int | None, dict[str, Any]]:
    """The pid of a supervisor, None where it is not at work, and what it publishes, nothing where it only starts."""
    pid = lease.find_lease_holder(home, supervisor)
    published = read_state(home, supervisor) or {}
    return pid, published if pid in (None, published.get("pid")) else {}


def _describe_disk(home: Path) -> dict[str, Any]:
    trouble = disk_usage.describe_low_disks(home)
    return {
        "state": "degraded" if trouble else "ok",
        "detail": trouble,
        "disks": {
            name: {"free": one.free, "total": one.total} for name, one in disk_usage.read_disk_spaces(home).items()
        },
        "stores": disk_usage.read_store_sizes(home),
    }


def status_exit_code(state: dict[str, Any]) -> int:
    """0 all ready or stopped as wanted, 3 not running, 4 something is not ready."""
    if not state["running"]:
        return NOT_RUNNING
    hung = state["supervisor"]["silent_s"] > HUNG_S
    ready = state["services"] and all(service["state"] in AS_WANTED for service in state["services"].values())
    return ALL_READY if ready and not hung and not state["stopping"] else NOT_READY


def _find_old_code(name: str, entry: dict[str, Any], checkout: str) -> str:
    code = str(entry.get("code", ""))
    return code if name in RESTART_ORDER and entry["pid"] is not None and code != checkout else ""


def _describe_service(home: Home, name: str, entry: dict[str, Any], now: float, running: bool) -> dict[str, Any]:
    if not running:
        entry = {**entry, "state": "stopped", "pid": None, "started": None, "detail": ""}
    last = heartbeat.read_heartbeat(home.path, name) if entry["pid"] is not None else None
    if last is not None and last.pid != entry["pid"]:
        last = None
    started = entry["started"]
    return {
        "state": entry["state"],
        "pid": entry["pid"],
        "uptime_s": round(now - started, 1) if started is not None else None,
        "last_beat_s": round(now - last.at, 1) if last is not None else None,
        "restarts": entry["restarts"],
        "last_exit": entry["last_exit"],
        "detail": entry["detail"],
        "old_code": entry["old_code"] if running else "",
        "still_s": entry.get("still_s"),
        "short_lives": entry.get("short_lives", 0),
        **(
            {("says" if key == "state" else key): value for key, value in last.numbers.items()}
            if last is not None
            else {}
        ),
    }


def _describe_source(home: Home, services: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if home.source == "live":
        return {"kind": "live", "state": "live", "trades_sent": None}
    simulator = services.get("simulator", {})
    more = {"files": list(home.files), "times": home.times} if home.source == "replay" else {}
    return {
        "kind": home.source,
        "state": simulator.get("says", "waiting"),
        "trades_sent": simulator.get("trades_sent", 0),
        **more,
    }
