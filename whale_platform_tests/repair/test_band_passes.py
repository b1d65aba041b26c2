"""When the repair service refreshes size bands, and the process that does it."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from whale_platform.repair import band_passes
from whale_platform.repair.band_passes import MODULE, BandPasses
from whale_platform.stores.asset_tables.materialisation import HOUR
from whale_platform_tests.lake.builders import START, lay, trade
from whale_platform_tests.support.postgres_server import database, empty_database, postgres_server, query

__all__ = ["database", "empty_database", "postgres_server"]


class Runs:
    """The hours that were named; `answers` are given one after the other."""

    def __init__(self, *answers: dict[str, Any] | str | None) -> None:
        self.named: list[list[str]] = []
        self._answers = list(answers)

    def __call__(self, command: Sequence[str]) -> dict[str, Any] | str | None:
        assert command[:3] == [sys.executable, "-m", MODULE]
        self.named.append(list(command[3:]))
        return self._answers.pop(0)


def test_all_hours_come_first_then_those_with_new_files_and_what_was_left(tmp_path: Path) -> None:
    root = tmp_path / "trades"
    first, later = START.isoformat(), START.replace(hour=START.hour + 1, minute=5).isoformat()
    done: dict[str, Any] = {"left": [], "failed": []}
    runs = Runs(None, {"left": [first], "failed": []}, done, "stream is behind", done)
    passes = BandPasses(root, runs, lambda: None, every_s=0.0, first_s=0.0)
    passes.update()
    assert runs.named == [], "there is no lake yet"
    lay(root, [trade(1)])
    for _ in range(4):
        passes.update()
    assert runs.named == [["all"], ["all"], [first]], "what failed again, what was left, and then nothing"
    lay(root, [trade(200), trade(3, every_s=1300)], first_offset=5)
    passes.update()
    lay(root, [trade(300)], first_offset=7)
    for _ in range(2):
        passes.update()
    wanted = [START.replace(minute=3).isoformat(), later]
    assert runs.named[3:] == [wanted, wanted], "from the first minute with new trades on; what was ended stays waiting"


def test_nothing_begins_while_the_trades_need_the_machine_or_before_its_time(tmp_path: Path) -> None:
    root = tmp_path / "trades"
    lay(root, [trade(1)])
    waits, runs = ["the stream is behind", "the stream is behind", None], Runs({"left": [], "failed": []})
    passes = BandPasses(root, runs, lambda: waits.pop(0), every_s=3_600.0, first_s=0.0)
    for _ in range(2):
        passes.update()
    assert runs.named == []
    passes.update()
    lay(root, [trade(2)], first_offset=5)
    passes.update()
    assert runs.named == [["all"]], "the next one is due in an hour"


def test_an_hour_that_failed_is_begun_as_a_whole_when_it_gets_another_file(tmp_path: Path) -> None:
    root = tmp_path / "trades"
    lay(root, [trade(1)])
    done: dict[str, Any] = {"left": [], "failed": []}
    runs = Runs({"left": [], "failed": [START.isoformat()]}, done, done)
    passes = BandPasses(root, runs, lambda: None, every_s=0.0, first_s=0.0)
    for _ in range(2):
        passes.update()
    assert runs.named == [["all"]], "until then nothing is tried"
    for number in (200, 300):
        lay(root, [trade(number)], first_offset=number)
        passes.update()
    assert runs.named[1:] == [[START.isoformat()], [START.replace(minute=5).isoformat()]]


def test_what_fails_as_a_whole_is_tried_again_after_twice_as_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, now = tmp_path / "trades", [0.0]
    lay(root, [trade(1)])
    monkeypatch.setattr(band_passes, "time", SimpleNamespace(monotonic=lambda: now[0]))
    runs = Runs(*[None] * 8, {"left": [], "failed": []}, None, None)
    passes, begun = BandPasses(root, runs, lambda: None, every_s=60.0, first_s=0.0), []

    def run_for(seconds: int) -> None:
        for _ in range(0, seconds, 20):
            now[0] += 20
            before = len(runs.named)
            passes.update()
            begun.extend([now[0]] * (len(runs.named) - before))

    run_for(12_000)
    waits = [later - earlier for earlier, later in pairwise(begun)]
    assert waits == [60, 120, 240, 480, 960, 1_920, 3_600, 3_600], "and at least once an hour"
    lay(root, [trade(2)], first_offset=5)
    run_for(100)
    assert begun[-1] - begun[-2] == 60, "after a success as at first"


@pytest.mark.server
@pytest.mark.process
def test_the_process_stores_bands_and_says_what_is_left(tmp_path: Path, database: str) -> None:
    environment = os.environ | {"WHALE_HOME": str(tmp_path), "WHALE_POSTGRES_DSN": database}
    lay(tmp_path / "lake" / "trades", [trade(number, every_s=3_600) for number in range(8)])

    def run(*hours: str, **more: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", MODULE, *hours]
        return subprocess.run(command, env=environment | more, capture_output=True, text=True, check=False)

    done = run("all")
    left = json.loads(done.stdout)["left"]
    assert (done.returncode, len(left)) == (0, 2)
    assert json.loads(run(*left).stdout) == {"left": [], "failed": []}
    assert query(database, "SELECT count(*), count(DISTINCT run_id) FROM size_bands") == [(8, 2)]
    torn = next((tmp_path / "lake" / "trades").glob("date=*/hour=12/*.parquet"))
    torn.write_bytes(b"torn")
    hours = [hour.isoformat() for hour in (START + 2 * HOUR, START + HOUR)]
    damaged = run(*hours)
    assert (damaged.returncode, json.loads(damaged.stdout)) == (0, {"left": [], "failed": hours[:1]})
    assert torn.name in damaged.stderr
    broken = run("all", WHALE_POSTGRES_DSN="postgresql://whale@127.0.0.1:1/whale")
    assert broken.returncode == 1
    assert "size bands can't be refreshed" in broken.stderr + broken.stdout
