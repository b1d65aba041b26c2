"""What CI and people type: validate, materialise, execute; each stands in the UI as a run."""

import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from whale_platform.bench.harness.platform import Platform, PlatformError
from whale_platform.settings import ROOT
from whale_platform_tests.e2e.dagster.conftest import HOURS, SYMBOLS, past, settings_of
from whale_platform_tests.e2e.dagster.webserver import ask, runs

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
DEFINITIONS = ("-m", "whale_platform.definitions")
SCHEDULES = (
    '{schedulesOrError(repositorySelector: {repositoryName: "__repository__", repositoryLocationName: '
    '"whale_platform"}) {... on Schedules {results {name scheduleState {status}}}}}'
)

JOBS = (
    *("retention", "checkpoint_reset", "dagster_housekeeping", "stream_checks"),
    *("lake_compaction", "lake_retention", "lake_vacuum", "late_trades"),
)
EACH_JOB = """
import sys
from dagster._cli import create_dagster_cli
for job in sys.argv[1:]:
    words = ["job", "execute", "-m", "whale_platform.definitions", "-j", job]
    create_dagster_cli().main(words, standalone_mode=False)
"""
EACH_CHECK = """
from dagster_dg_cli.cli import cli
for words in (["check", "toml"], ["check", "defs"], ["list", "defs"]):
    assert not cli.main(words, standalone_mode=False), words
    print("-- accepted", words)
"""


def key(hours: int) -> str:
    return f"{past(hours):%Y-%m-%d-%H:%M}"


def test_the_code_location_is_loaded_and_the_schedules_run(url: str) -> None:
    found = ask(url, "{workspaceOrError {... on Workspace {locationEntries {name loadStatus}}}}")
    assert found["workspaceOrError"]["locationEntries"] == [{"name": "whale_platform", "loadStatus": "LOADED"}]
    schedules = ask(url, SCHEDULES)["schedulesOrError"]["results"]
    stopped = {one["name"] for one in schedules if one["scheduleState"]["status"] != "RUNNING"}
    assert stopped == {"thresholds_every_day", "lake_retention_every_night"}
    assert len(schedules) == 12


def test_both_families_of_commands_accept_the_definitions(platform: Platform) -> None:
    platform.run_command("dagster", "definitions", "validate", *DEFINITIONS)
    settings = settings_of(platform)
    known = {"WHALE_DAGSTER_DSN": settings.dagster_dsn_text(), "WHALE_HOME": str(settings.home)}
    argv, env = [sys.executable, "-W", "ignore", "-c", EACH_CHECK], {**platform.env, **known}
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.count("-- accepted") == 3, done.stdout + done.stderr


def test_hours_are_made_by_the_command_line_and_stand_in_the_ui(platform: Platform, url: str) -> None:
    make = ("dagster", "asset", "materialize", *DEFINITIONS, "--select", "hourly_rollups,whale_reports")
    platform.run_command(*make, "--partition", key(HOURS))
    platform.run_command(*make, "--partition-range", f"{key(HOURS - 1)}...{key(HOURS - 2)}")
    # The other hours are a schedule's to make, whenever its time comes.
    ours = f"from hourly_rollups where hour between '{past(HOURS)}' and '{past(HOURS - 2)}'"
    made = platform.sql(f"select hour, count(*), sum(trade_count), count(distinct run_id) {ours} group by 1")
    assert [row[1:] for row in made] == [[str(len(SYMBOLS)), str(60 * 2 * len(SYMBOLS)), "1"]] * 3
    makers = {row[0] for row in platform.sql(f"select distinct run_id {ours}")}
    assert len(makers) == 2
    assert [run["status"] for run in runs(url) if run["runId"] in makers] == ["SUCCESS"] * 2


def test_maintenance_runs_by_the_command_line(platform: Platform, url: str) -> None:
    """The first as people type it; for the others Dagster's command line is loaded once, which is most of the work."""
    platform.run_command("dagster", "job", "execute", *DEFINITIONS, "-j", JOBS[0])
    env = psutil.Process(platform.status()["services"]["dagster-daemon"]["pid"]).environ()
    argv = [sys.executable, "-W", "ignore", "-c", EACH_JOB, *JOBS[1:]]
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {one["jobName"] for one in runs(url) if one["status"] == "SUCCESS"} >= set(JOBS)


def test_another_dagster_beside_the_platform_starts_nothing_and_keeps_nothing_alive(
    platform: Platform, tmp_path: Path
) -> None:
    settings = settings_of(platform)
    env = {**platform.env, "WHALE_HOME": str(settings.home), "DAGSTER_HOME": str(tmp_path)}
    before = platform.status()["services"]["sink"]["pid"]

    def dagster(*words: str) -> "subprocess.CompletedProcess[str]":
        argv = [sys.executable, "-W", "ignore", "-m", "dagster", *words]
        return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)

    listed = dagster("sensor", "list", *DEFINITIONS).stdout
    assert listed.count("[STOPPED]") == listed.count("Sensor: ") > 0 and "RUNNING" not in listed, listed
    shown = dagster("job", "execute", *DEFINITIONS, "-j", "sink")
    assert shown.returncode == 0 and "kept by the supervisor" in shown.stderr, shown.stderr
    assert platform.status()["services"]["sink"]["pid"] == before


def test_an_hour_that_can_not_be_is_refused(platform: Platform) -> None:
    with pytest.raises(
        PlatformError, match="must have a PartitionsDefinition containing the passed partition key `1999-01-01-00:00`"
    ):
        platform.run_command(
            *("dagster", "asset", "materialize", *DEFINITIONS, "--select", "hourly_rollups"),
            *("--partition", "1999-01-01-00:00"),
        )


def test_what_the_services_write_is_for_their_user_alone(platform: Platform) -> None:
    home = Path(platform.status()["home"])
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    written = [*home.glob("run/*.beat.json"), home / "kafka" / "data", home / "postgres", home / "dagster"]
    assert len(written) > 5
    assert [path for path in written if path.stat().st_mode & 0o077] == []
