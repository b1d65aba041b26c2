"""The asset through Dagster itself: the files of HOME/import or those named; no file and a broken one are sentences."""

from pathlib import Path

import dagster as dg
import pytest

from whale_platform.bench.storage.dump_import import generate_dump, pack_dump
from whale_platform.defs.imports.assets import imported_trades
from whale_platform.defs.shared.platform_settings import PlatformSettings
from whale_platform.lake.delta import schema

STEP = "lake__imported_trades"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`HOME/import` of an empty live home."""
    (tmp_path / "import").mkdir()
    return tmp_path / "import"


def run(folder: Path, *files: Path, source: str = "live", **more: str) -> dg.ExecuteInProcessResult:
    platform = PlatformSettings(home=str(folder.parent), source=source)
    given = {**more, "files": [str(path) for path in files]}
    config = {"ops": {STEP: {"config": given}}} if files or more else {}
    return dg.materialize([imported_trades], run_config=config, resources={"platform": platform}, raise_on_error=False)


def told(done: dg.ExecuteInProcessResult) -> dict[str, object]:
    return events(done)[-1]


def events(done: dg.ExecuteInProcessResult) -> list[dict[str, object]]:
    """Of each file and, where all went well, of the whole run."""
    found = [event.step_materialization_data.materialization for event in done.get_asset_materialization_events()]
    return [{name: value.value for name, value in one.metadata.items()} for one in found]


def test_every_file_of_the_folder_is_imported_and_told(folder: Path) -> None:
    generate_dump(folder, 2400, hours=3)
    generate_dump(folder, 240, symbol="ETHUSDT", kind="aggTrades", hours=3)
    found = told(run(folder))
    assert (found["files"], found["hours"]) == (2, 3)
    assert found["rows"] == found["new_rows"]
    assert (found["first_hour"], found["last_hour"]) == ("2024-08-08T00:00:00+00:00", "2024-08-08T02:00:00+00:00")
    assert "| BTCUSDT-trades-2024-08-08.zip | 2,400 | 0 | 2,400 | 3 |" in str(found["by_file"])
    assert told(run(folder))["new_rows"] == 0


def test_only_the_files_named_are_imported(folder: Path, tmp_path: Path) -> None:
    generate_dump(folder, 24, hours=1)
    assert told(run(folder, generate_dump(tmp_path, 48, symbol="ETHUSDT", hours=1)))["rows"] == 48


def test_an_exchange_without_dumps_is_refused(folder: Path) -> None:
    generate_dump(folder, 24, hours=1)
    done = run(folder, exchange="coinbase")
    assert not done.success
    assert "only the dumps of binance are known" in str(done.failure_data_for_node(STEP))


def test_no_file_says_where_to_put_them(folder: Path) -> None:
    done = run(folder)
    assert not done.success
    assert f"put zips into {folder}" in str(done.failure_data_for_node(STEP))


def test_the_files_before_a_broken_one_are_events_of_their_own(folder: Path) -> None:
    generate_dump(folder, 2400, hours=3)
    pack_dump(folder / "ETHUSDT-trades-2024-08-08.zip", ["1,2,3"])
    stretch = [["2024-08-08-00:00", "2024-08-08-02:00"]]
    done = run(folder)
    assert not done.success
    assert events(done) == [{"new_rows": 2400, "hours_of_trades": stretch}]
    (folder / "ETHUSDT-trades-2024-08-08.zip").unlink()
    assert events(run(folder))[0] == {"new_rows": 0, "hours_of_trades": stretch}, "it may not be known yet"


def test_a_broken_file_is_a_sentence_and_changes_nothing(folder: Path) -> None:
    pack_dump(folder / "BTCUSDT-trades-2024-08-08.zip", ["1,2,3"])
    done = run(folder)
    assert "has other columns than spot trades" in str(done.failure_data_for_node(STEP))
    assert not schema.table_exists(folder.parent / "lake" / "trades")


def test_simulated_homes_take_no_real_trades(folder: Path) -> None:
    generate_dump(folder, 24, hours=1)
    assert "must not mix" in str(run(folder, source="simulator").failure_data_for_node(STEP))
