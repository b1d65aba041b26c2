"""What CI and people type: validate, materialise, execute; each stands in the UI as a run."""

import json
import stat
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import psutil
import pytest

from whale_platform.bench.harness.platform import Platform
from whale_platform.settings import ROOT
from whale_platform_tests.e2e.running.conftest import settings_of
from whale_platform_tests.e2e.running.dagster.conftest import SYMBOLS, key
from whale_platform_tests.e2e.running.dagster.webserver import ask, runs
from whale_platform_tests.stores.builders import WINDOW

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
DEFINITIONS = ("-m", "whale_platform.definitions")
SCHEDULES = (
    '{schedulesOrError(repositorySelector: {repositoryName: "__repository__", repositoryLocationName: '
    '"whale_platform"}) {... on Schedules {results {name scheduleState {status}}}}}'
)

JOBS = (
    *("retention", "checkpoint_reset", "dagster_housekeeping", "stream_checks"),
    *("lake_compaction", "lake_retention", "lake_vacuum", "late_trades"),
)
MAKE = ("asset", "materialize", *DEFINITIONS, "--select", "hourly_rollups,whale_reports")
NO_HOUR = "1999-01-01-00:00"
EACH_COMMAND = """
import json, sys
from dagster._cli import create_dagster_cli
ends = []
for words in json.loads(sys.argv[1]):
    try:
        create_dagster_cli().main(words, standalone_mode=False)
        ends.append("done")
    except Exception as error:
        ends.append(str(error))
print(json.dumps(ends))
"""
EACH_CHECK = """
from dagster_dg_cli.cli import cli
for words in (["check", "toml"], ["check", "defs"], ["list", "defs"]):
    assert not cli.main(words, standalone_mode=False), words
    print("-- accepted", words)
"""


def run_each(env: dict[str, str], *commands: tuple[str, ...]) -> tuple[list[str], str]:
    """Dagster's commands in one process, since loading it is most of the work: how each ended, what all printed."""
    argv = [sys.executable, "-W", "ignore", "-c", EACH_COMMAND, json.dumps(commands)]
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    *printed, ends = done.stdout.splitlines()
    return json.loads(ends), "\n".join([*printed, done.stderr])


@pytest.fixture(scope="module")
def ends(platform: Platform, hours: list[datetime]) -> dict[str, str]:
    """How each command ended: the jobs by their names, the hours by their keys."""
    env = psutil.Process(platform.status()["services"]["dagster-daemon"]["pid"]).environ()
    commands: dict[str, tuple[str, ...]] = {job: ("job", "execute", *DEFINITIONS, "-j", job) for job in JOBS[1:]}
    commands |= {hour: (*MAKE, "--partition", hour) for hour in (key(hours[0]), NO_HOUR)}
    told, said = run_each(env, *commands.values())
    print(said)
    return dict(zip(commands, told, strict=True))


def test_the_code_location_is_loaded_and_the_schedules_run(url: str) -> None:
    found = ask(url, "{workspaceOrError {... on Workspace {locationEntries {name loadStatus}}}}")
    assert found["workspaceOrError"]["locationEntries"] == [{"name": "whale_platform", "loadStatus": "LOADED"}]
    schedules = ask(url, SCHEDULES)["schedulesOrError"]["results"]
    stopped = {one["name"] for one in schedules if one["scheduleState"]["status"] != "RUNNING"}
    assert stopped == {"thresholds_every_day", "lake_retention_every_night"}
    assert len(schedules) == 17


def test_both_families_of_commands_accept_the_definitions(platform: Platform) -> None:
    platform.run_command("dagster", "definitions", "validate", *DEFINITIONS)
    settings = settings_of(platform)
    known = {"WHALE_DAGSTER_DSN": settings.dagster_dsn_text(), "WHALE_HOME": str(settings.home)}
    argv, env = [sys.executable, "-W", "ignore", "-c", EACH_CHECK], {**platform.env, **known}
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.count("-- accepted") == 3, done.stdout + done.stderr


def test_hours_are_made_by_the_command_line_and_stand_in_the_ui(
    platform: Platform, url: str, hours: list[datetime], ends: dict[str, str]
) -> None:
    assert ends[key(hours[0])] == "done"
    platform.run_command("dagster", *MAKE, "--partition-range", f"{key(hours[1])}...{key(hours[2])}")
    # The other hours are a schedule's to make, whenever its time comes.
    ours = f"from hourly_rollups where exchange = '{WINDOW.exchange}' and hour between '{hours[0]}' and '{hours[2]}'"
    made = platform.sql(f"select hour, count(*), sum(trade_count), count(distinct run_id) {ours} group by 1")
    assert [row[1:] for row in made] == [[str(len(SYMBOLS)), str(60 * 2 * len(SYMBOLS)), "1"]] * 3
    makers = {row[0] for row in platform.sql(f"select distinct run_id {ours}")}
    assert len(makers) == 2
    assert [run["status"] for run in runs(url) if run["runId"] in makers] == ["SUCCESS"] * 2


def test_maintenance_runs_by_the_command_line(platform: Platform, url: str, ends: dict[str, str]) -> None:
    platform.run_command("dagster", "job", "execute", *DEFINITIONS, "-j", JOBS[0])
    assert [ends[job] for job in JOBS[1:]] == ["done"] * len(JOBS[1:])
    assert {one["jobName"] for one in runs(url) if one["status"] == "SUCCESS"} >= set(JOBS)


def test_another_dagster_beside_the_platform_starts_nothing_and_keeps_nothing_alive(
    platform: Platform, tmp_path: Path
) -> None:
    settings = settings_of(platform)
    env = {**platform.env, "WHALE_HOME": str(settings.home), "DAGSTER_HOME": str(tmp_path)}
    before = platform.status()["services"]["sink"]["pid"]

    ended, said = run_each(env, ("sensor", "list", *DEFINITIONS), ("job", "execute", *DEFINITIONS, "-j", "sink"))
    assert ended == ["done"] * 2, said
    assert said.count("[STOPPED]") == said.count("Sensor: ") > 0 and "[RUNNING]" not in said, said
    assert "kept by the supervisor" in said, said
    assert platform.status()["services"]["sink"]["pid"] == before


def test_an_hour_that_can_not_be_is_refused(ends: dict[str, str]) -> None:
    assert f"must have a PartitionsDefinition containing the passed partition key `{NO_HOUR}`" in ends[NO_HOUR]


def test_what_the_services_write_is_for_their_user_alone(platform: Platform) -> None:
    home = Path(platform.status()["home"])
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    written = [*home.glob("run/*.beat.json"), home / "kafka" / "data", home / "postgres", home / "dagster"]
    assert len(written) > 5
    assert [path for path in written if path.stat().st_mode & 0o077] == []
