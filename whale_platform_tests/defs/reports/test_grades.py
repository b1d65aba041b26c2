"""Grades through Dagster itself, on a real database, a made lake and what the simulator has planted."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from whale_platform.bench.detection.planted_world import lay_planted_world
from whale_platform.defs.reports.grades import detection_grades
from whale_platform.defs.resources import build_resources
from whale_platform.settings import Settings
from whale_platform.simulator.play.planted_orders import planted_path
from whale_platform_tests.backtest.test_grades import PLAN
from whale_platform_tests.lake.builders import lay, trade


@pytest.fixture
def platform(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a home of its own."""
    monkeypatch.setenv("WHALE_POSTGRES_DSN", database)
    monkeypatch.setenv("WHALE_HOME", str(tmp_path))
    return Settings()


def materialise(settings: Settings, day: str) -> dict[str, dg.MetadataValue[Any]]:
    done = dg.materialize([detection_grades], partition_key=day, resources=build_resources(home=str(settings.home)))
    return dict(done.asset_materializations_for_node(detection_grades.key.to_python_identifier())[0].metadata)


def test_a_planted_day_has_a_file_a_report_and_a_picture(platform: Settings) -> None:
    planted = lay_planted_world(Path(str(platform.trades_lake)), PLAN)
    planted_path(platform.home).write_text("".join(json.dumps(asdict(one)) + "\n" for one in planted))
    shown = materialise(platform, f"{PLAN.start:%Y-%m-%d}")
    assert shown["subjects"].value == "clusters, robots, sweeps"
    assert "data:image/png;base64," in str(shown["picture"].value) and "planted" in str(shown["report"].value)
    path = platform.home / "reports" / f"grades-{PLAN.start:%Y-%m-%d}.json"
    lines = json.loads(path.read_text())
    assert len(lines) == shown["graded"].value and path.with_suffix(".md").read_text().startswith("# Grades of")
    assert sum(line["recalled"] for line in lines if line["subject"] == "clusters") >= 4


def test_a_day_without_truth_says_that_there_is_nothing_to_grade(platform: Settings) -> None:
    lay(platform.trades_lake, [trade(number) for number in range(20)])
    shown = materialise(platform, "2026-01-02")
    assert (shown["graded"].value, shown["subjects"].value) == (0, "nothing to grade") and "picture" not in shown
    assert str(shown["report"].value).startswith("Nothing to grade")


def test_a_damaged_list_of_planted_orders_fails_the_run_with_one_line(platform: Settings) -> None:
    planted_path(platform.home).write_text("{\n")
    with pytest.raises(dg.Failure, match="is no list of planted orders"):
        materialise(platform, "2026-01-02")


def test_without_a_lake_the_run_fails_with_one_line(platform: Settings) -> None:
    with pytest.raises(dg.Failure, match="the lake can't be read"):
        materialise(platform, "2026-01-02")
