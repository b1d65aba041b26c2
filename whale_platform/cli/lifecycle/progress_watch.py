"""Waits for a command's effect as long as anything moves, by what the supervisor publishes.

The supervisor itself ends what stands still and starts it again; a command only has to notice that there is nothing to
wait for any more: nothing moves, or a service comes up again and again and never gets ready.
"""

import re
import time
from typing import Any

from whale_platform.homes import Home
from whale_platform.supervision.processes.log_pipes import read_last_line
from whale_platform.topology import home_state

STILL_S = 600.0  # twice what the supervisor gives a start that does nothing
WORKED_S = 60.0
TOO_MANY_FAILURES = 8
REPORT_EVERY_S = 10.0
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class ProgressWatch:
    """Give it every snapshot."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._begun = self._moved_at = self._said_at = time.monotonic()
        self._token: object = None
        self._since: dict[str, tuple[str, float]] = {}
        self._failures: dict[str, int] = {}

    def hopeless_reason(self, now: dict[str, Any]) -> str:
        """Why to wait no longer, for a person; empty while there is hope."""
        services, at = now["services"], time.monotonic()
        token = now["running"], now["stopping"], {name: _build_token(entry) for name, entry in services.items()}
        stills = [entry.get("still_s") for entry in services.values()]
        silent_s = now["supervisor"]["silent_s"] if now.get("supervisor") else None
        judged = silent_s is not None and silent_s < home_state.HUNG_S  # a start under way is the supervisor's to judge
        if token != self._token or (judged and any(still is not None for still in stills)):
            self._token, self._moved_at = token, at
        for name, entry in services.items():
            if self._since.get(name, ("", 0.0))[0] != entry["state"]:
                self._since[name] = entry["state"], at
            failures = max(entry["restarts"], entry.get("short_lives", 0))  # a step before the start may fail as well
            before = self._failures.setdefault(name, failures)
            if entry["state"] not in home_state.WORKS and failures - before >= TOO_MANY_FAILURES:
                return f"{name} does not stay up: {entry['detail'] or entry['state']}"
        if at - self._moved_at > STILL_S:
            pending = "; ".join(self.describe_pending(now)) or "not even the supervisor"
            return f"nothing has moved for {STILL_S:.0f} s: {pending}"
        return ""

    def elapsed_s(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._begun

    def is_report_due(self) -> bool:
        """Whether a person has heard nothing for a while; taken once."""
        if time.monotonic() - self._said_at < REPORT_EVERY_S:
            return False
        self._said_at = time.monotonic()
        return True

    def describe_pending(self, now: dict[str, Any]) -> list[str]:
        """A line for each service that is not ready: its state, for how long, what it says, what it did last.

        One for all those together that wait for another.
        """
        late = {name: entry for name, entry in now["services"].items() if entry["state"] not in home_state.AS_WANTED}
        later = [f"{name} ({entry['detail']})" for name, entry in late.items() if entry["state"] == "waiting"]
        found = [self._line(name, entry) for name, entry in late.items() if entry["state"] != "waiting"]
        return [*found, f"then {', '.join(later)}"] if later else found

    def _line(self, name: str, entry: dict[str, Any]) -> str:
        for_s = time.monotonic() - self._since.get(name, ("", self._begun))[1]
        words = [f"{name} {entry['state']} for {for_s:.0f} s", entry["detail"]]
        still_s = entry.get("still_s")
        if still_s is not None and still_s >= WORKED_S:
            words.append(f"it has done nothing for {still_s:.0f} s")
        if entry["pid"] is not None and (
            last := _strip_colours(read_last_line(self._home.path / "logs" / f"{name}.log"))
        ):
            words.append(f"its log ends: {last}")
        return ", ".join(filter(None, words))


def _strip_colours(text: str) -> str:
    return "".join(char for char in _COLOURS.sub("", text)[:100] if char.isprintable())


def _build_token(entry: dict[str, Any]) -> tuple[Any, ...]:
    return entry["state"], entry["detail"], entry["pid"], entry["restarts"]
