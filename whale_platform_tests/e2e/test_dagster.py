"""Dagster as part of `up`: it answers, makes assets on request, comes back when killed, and leaves nothing behind."""

import contextlib
import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from whale_platform.bench.platform import Platform, wait_for

pytestmark = pytest.mark.e2e
PARTS = ("dagster-code", "dagster-web", "dagster-daemon")
HOUR = "2024-08-08-12:00"


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    made = Platform(tmp_path)
    try:
        made.up("--source", "simulator", "--rate", "20")
        yield made
    finally:
        made.down()


def ask(url: str, query: str) -> Any:
    """The answer of Dagster's GraphQL; None where it does not answer."""
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(f"{url}/graphql", body, {"Content-Type": "application/json"})
    with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["data"]
    return None


def locations(url: str) -> Any:
    data = ask(url, "{workspaceOrError {... on Workspace {locationEntries {name loadStatus}}}}")
    return data and data["workspaceOrError"]["locationEntries"]


def test_dagster_runs_beside_the_stream_and_outlives_kill_9(platform: Platform) -> None:
    now = platform.status()
    url = now["urls"]["dagster"]
    assert locations(url) == [{"name": "whale_platform", "loadStatus": "LOADED"}]
    schedules = ask(
        url,
        '{schedulesOrError(repositorySelector: {repositoryName: "__repository__", '
        'repositoryLocationName: "whale_platform"}) {... on Schedules {results {name scheduleState {status}}}}}',
    )
    assert {one["name"]: one["scheduleState"]["status"] for one in schedules["schedulesOrError"]["results"]} == {
        "every_day": "RUNNING",
        "every_hour": "RUNNING",
        "checks_every_hour": "RUNNING",
        "repair_hours": "RUNNING",
        "retention_every_night": "RUNNING",
    }

    platform.whale("dagster", "definitions", "validate", "-m", "whale_platform.definitions")
    platform.whale(
        *("dagster", "asset", "materialize", "-m", "whale_platform.definitions"),
        *("--select", "hourly_rollups,whale_reports", "--partition", HOUR),
    )
    runs = ask(url, "{runsOrError {... on Runs {results {status assets {key {path}}}}}}")["runsOrError"]["results"]
    assert [one["status"] for one in runs] == ["SUCCESS"], "a run by the command line stands in the UI"

    before = {name: now["services"][name]["pid"] for name in PARTS}
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)

    def back() -> bool:
        services = platform.status()["services"]
        return all(services[n]["state"] == "ready" and services[n]["pid"] != before[n] for n in PARTS)

    wait_for("Dagster after kill -9", back, 90)
    assert locations(url) == [{"name": "whale_platform", "loadStatus": "LOADED"}]
    assert platform.status()["services"]["stream"]["pid"] == now["services"]["stream"]["pid"]
    platform.down()
    wait_for("every process to end", lambda: not platform.processes(), 15)
