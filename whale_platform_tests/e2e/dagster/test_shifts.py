"""The services in Dagster's care, the whole platform running: killed, terminated, stopped, started; no trade is lost.

What took how long (the aim is 30 s) is printed and kept in `WHALE_ARTEFACTS`, where that is set; no machine is so slow
that it may take three times as long.
"""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from whale_platform import homes
from whale_platform.bench.platform import Platform, wait_for
from whale_platform.cli import state
from whale_platform_tests.e2e.dagster.webserver import launch, runs, terminate

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
WORKERS = ("ingester", "stream", "sink")


def pids(platform: Platform) -> dict[str, int]:
    """Of what is ready; a stream's driver and the workers of Dagster runs by names of their own."""
    there = homes.current(platform.base)  # read here: a `whale status` a second would take what is to be measured
    assert there is not None
    services, home = state.snapshot(there)["services"], there.path
    found = {name: entry["pid"] for name, entry in services.items() if entry["state"] == "ready" and entry["pid"]}
    for worker in WORKERS:
        shift = home / "run" / f"{worker}.shift.json"
        if worker in found and shift.exists():
            found[f"{worker}'s run worker"] = json.loads(shift.read_text())["pid"]
    with contextlib.suppress(KeyError, StopIteration, psutil.Error):
        below = psutil.Process(found["stream"]).children(recursive=True)
        found["Spark driver"] = next(one.pid for one in below if "java" in one.name())
    return found


def kill(platform: Platform, what: str) -> float:
    """SIGKILL; seconds until everything is ready again and that pid has been followed by another."""
    before = pids(platform)
    begun = time.monotonic()
    os.kill(before[what], signal.SIGKILL)

    def back() -> bool:
        now = pids(platform)
        return now.keys() >= before.keys() and now[what] != before[what]

    wait_for(f"{what} after kill -9", back, 90, 0.2)
    return time.monotonic() - begun


def unfinished(url: str) -> list[tuple[str, str]]:
    """(worker, run id) of the shifts that are not finished; scheduled jobs come and go beside them."""
    running = [run for run in runs(url) if run["status"] in ("QUEUED", "STARTING", "STARTED")]
    return [(run["jobName"], run["runId"]) for run in running if run["jobName"] in WORKERS]


def ledger(platform: Platform) -> list[list[str]]:
    """Symbols whose windows do not hold every id once."""
    return platform.sql(
        "select exchange, symbol, max(last_trade_id) - min(first_trade_id) + 1, sum(trade_count) from trade_windows "
        "where exchange like 'sim%' group by 1, 2 "
        "having max(last_trade_id) - min(first_trade_id) + 1 <> sum(trade_count)"
    )


def settled(platform: Platform) -> Callable[[], bool]:
    def still() -> bool:
        services = platform.status()["services"]
        return services["sink"].get("lag") == 0 and not ledger(platform)

    return still


def test_whatever_is_killed_comes_back_and_no_trade_is_lost(platform: Platform, url: str) -> None:
    home = Path(platform.status()["home"])
    terminate_and_wait(platform, url, "sink")
    took: dict[str, float] = {}
    for what in (
        *("ingester", "Spark driver", "sink", "ingester's run worker", "stream's run worker", "sink's run worker"),
        *("dagster-code", "dagster-daemon", "dagster-web"),
    ):
        took[what] = round(kill(platform, what), 1)
    report("seconds to be back after kill -9", took)

    for worker in WORKERS:
        shift: dict[str, Any] = json.loads((home / "run" / f"{worker}.shift.json").read_text())
        assert [run for name, run in unfinished(url) if name == worker] == [shift["run_id"]], "one, and none stuck"
        one_at_a_time(home / "run" / f"{worker}.lease.log")
    terminate_and_wait(platform, url, "ingester")  # its code server is not the one that launched it

    launch(url, "ingester_stop")
    wait_for("the ingester's stop", lambda: platform.status()["services"]["ingester"]["state"] == "stopped", 120)
    wait_for("every trade of every symbol in the windows", settled(platform), 120)
    assert platform.sql("select count(*) from ingest_gaps where state = 'unrepaired'") == [["0"]]

    platform.down()
    wait_for("every process to end", lambda: not platform.processes(), 60)
    platform.up("--source", "simulator", "--rate", "50")
    assert platform.status()["services"]["ingester"]["state"] == "stopped", "it stays stopped"
    assert "by run " in platform.status()["services"]["ingester"]["detail"]
    launch(url, "ingester_start")
    wait_for("the ingester", lambda: "ingester" in pids(platform), 120)


def terminate_and_wait(platform: Platform, url: str, service: str) -> None:
    before = pids(platform)[service]
    terminate(url, dict(unfinished(url))[service])
    wait_for(f"the next shift of the {service}", lambda: pids(platform).get(service) not in (None, before), 120)


def one_at_a_time(log: Path) -> None:
    """The lock is the kernel's, so grants never overlap; of all that held it only the last is alive."""
    granted = [line.split() for line in log.read_text().splitlines() if line.endswith("granted")]
    holders = [int(words[3]) for words in granted]
    assert len(holders) == len(set(holders))
    assert [pid for pid in holders if psutil.pid_exists(pid)] == holders[-1:]


def report(what: str, figures: dict[str, float]) -> None:
    """Printed, and kept beside the screenshots."""
    print(f"{what}: {figures}")
    if folder := os.environ.get("WHALE_ARTEFACTS"):
        (Path(folder) / "kills.json").write_text(json.dumps({what: figures}, indent=2))
