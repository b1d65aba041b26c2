"""When the repair service refreshes size bands, and the process that does it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from whale_platform.repair.band_passes import MODULE, BandWork
from whale_platform.stores.asset_tables.materialisation import HOUR
from whale_platform_tests.lake.builders import START, lay, trade
from whale_platform_tests.support.postgres_server import database, empty_database, postgres_server, query

__all__ = ["database", "empty_database", "postgres_server"]


def find_hours(work: BandWork) -> list[str]:
    """What the command names."""
    command = work.find_command()
    assert command is not None and command[:3] == [sys.executable, "-m", MODULE]
    return list(command[3:])


def test_all_hours_come_first_then_those_with_new_files_and_what_was_left(tmp_path: Path) -> None:
    root = tmp_path / "trades"
    first, later = START.isoformat(), START.replace(hour=START.hour + 1, minute=5).isoformat()
    done: dict[str, Any] = {"left": [], "failed": []}
    work = BandWork(root)
    assert work.find_command() is None, "there is no lake yet"
    lay(root, [trade(1)])
    assert [find_hours(work) for _ in range(2)] == [["all"], ["all"]], "what failed or was ended stays waiting"
    work.take_answer({"left": [first], "failed": []})
    assert find_hours(work) == [first]
    work.take_answer(done)
    assert work.find_command() is None
    lay(root, [trade(200), trade(3, every_s=1300)], first_offset=5)
    wanted = [START.replace(minute=3).isoformat(), later]
    assert find_hours(work) == wanted, "from the first minute with new trades on"
    lay(root, [trade(300)], first_offset=7)
    assert find_hours(work) == wanted
    work.take_answer(done)
    assert work.find_command() is None


def test_an_hour_that_failed_is_begun_as_a_whole_when_it_gets_another_file(tmp_path: Path) -> None:
    root, work = tmp_path / "trades", BandWork(tmp_path / "trades")
    lay(root, [trade(1)])
    assert find_hours(work) == ["all"]
    work.take_answer({"left": [], "failed": [START.isoformat()]})
    assert work.find_command() is None, "until then nothing is tried"
    for number, begin in ((200, START), (300, START.replace(minute=5))):
        lay(root, [trade(number)], first_offset=number)
        assert find_hours(work) == [begin.isoformat()]
        work.take_answer({"left": [], "failed": []})


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
