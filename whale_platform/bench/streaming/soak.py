"""Half an hour under load with everything at once: the stream killed, the lake compacted and vacuumed, then audited.

Each kill is a change of mode, too: who restarts with more than ten seconds of trades behind catches up in
micro-batches, and returns to real time.

Compaction and vacuum work in this process, beside the stream's, on the hour that is being written; vacuum keeps
nothing of what compaction has replaced. What counts is the audit's answer at the end.
"""

import json
import os
import random
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import psutil

from whale_platform.bench.harness.platform import Platform, wait_for
from whale_platform.lake.errors import ConcurrentCommitError
from whale_platform.lake.maintenance import retention, rewrite
from whale_platform.stream.query.mode_policy import Mode

UPKEEP_S = 120.0
SETTLE_S = 260.0  # three minutes until trades count as settled, and a full minute of them


def measure_soak(platform: Platform, seconds: float, kills: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Load for `seconds` with `kills` of the Spark driver at random moments; what was done and what the audit says."""
    home = Path(platform.status()["home"])
    root = home / "lake" / "trades"
    end, dice = time.monotonic() + seconds, random.Random(time.time_ns())
    due = sorted(time.monotonic() + dice.uniform(30, seconds - 60) for _ in range(kills))
    done: dict[str, Any] = {"kills": 0, "back_s": [], "compactions": 0, "files_compacted": 0, "files_vacuumed": 0}
    upkeep = time.monotonic() + UPKEEP_S
    while time.monotonic() < end:
        time.sleep(1)
        if due and time.monotonic() >= due[0]:
            due.pop(0)
            done["back_s"].append(_kill_stream(platform))
            done["kills"] += 1
            tell(f"killed the stream; ready again after {done['back_s'][-1]:g} s")
        if time.monotonic() >= upkeep:
            upkeep += UPKEEP_S
            _compact_and_vacuum(root, done)
            tell(f"{done['compactions']} compactions, {done['files_vacuumed']} files vacuumed")
    loaded = retention.list_days(root)
    tell("waiting for the last trades to settle")
    time.sleep(SETTLE_S)
    answer = platform.audit("--json")
    said = json.loads(answer.stdout)
    return {
        "seconds": seconds,
        **done,
        "modes": count_modes(home),
        "files_at_the_end": sum(day.files for day in loaded),
        "bytes_a_trade": round(sum(day.size for day in loaded) / max(1, sum(day.rows for day in loaded)), 2),
        "audit_exit_code": answer.returncode,
        "audit": {name: value for name, value in said.items() if name != "lines"},
    }


def _compact_and_vacuum(root: Path, done: dict[str, Any]) -> None:
    for hour in rewrite.find_hours_to_compact(root, None, datetime.now(UTC)):
        try:
            found = rewrite.rewrite_hour(root, hour, {"why": "soak"})
        except ConcurrentCommitError:
            continue
        if found is not None:
            done["compactions"] += 1
            done["files_compacted"] += found.files_before
    done["files_vacuumed"] += len(retention.vacuum(root, 0, dry_run=False, confirmed=True).paths)


def count_modes(home: Path) -> dict[str, int]:
    """How often the windows' query changed to each mode without a restart."""
    told = "".join(path.read_text(errors="replace") for path in sorted((home / "logs").glob("stream.log*")))
    changes = [line for line in told.splitlines() if "the windows' query changes its mode" in line]
    return {mode: sum(f"mode={mode}" in line for line in changes) for mode in get_args(Mode)}


def _kill_stream(platform: Platform) -> float:
    service = psutil.Process(platform.status()["services"]["stream"]["pid"])
    begin = time.monotonic()
    for process in (*service.children(recursive=True), service):
        os.kill(process.pid, signal.SIGKILL)

    def back() -> bool:
        found = platform.status()["services"]["stream"]
        return bool(found["state"] in ("ready", "degraded") and found["pid"] not in (None, service.pid))

    wait_for("the stream", back, 900, every=1)
    return round(time.monotonic() - begin, 1)
