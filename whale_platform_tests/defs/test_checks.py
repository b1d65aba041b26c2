from pathlib import Path

import dagster as dg
import pytest

from whale_platform.defs.checks import CHECKS, contiguity_result, lately
from whale_platform.defs.store import Store
from whale_platform.stores.checks import Contiguity


def test_a_fresh_database_passes_every_check(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHALE_POSTGRES_DSN", database)
    monkeypatch.setenv("WHALE_HOME", str(tmp_path))
    done = dg.materialize([*CHECKS], resources={"store": Store()}, selection=dg.AssetSelection.checks(*CHECKS))
    assert [evaluation.passed for evaluation in done.get_asset_check_evaluations()] == [True] * len(CHECKS)


def test_a_missing_and_a_doubled_id_fail_and_are_named() -> None:
    found = [Contiguity("binance", "BTCUSDT", 1, 10, 9, 0), Contiguity("binance", "ETHUSDT", 1, 10, 11, 0)]
    result = contiguity_result([*found, Contiguity("binance", "SOLUSDT", 1, 10, 8, 2)])
    assert not result.passed
    numbers = {name: value.value for name, value in result.metadata.items() if name != "wrong"}
    assert numbers == {"symbols": 3, "trades": 28, "missing": 1, "doubled": 1}
    assert "BTCUSDT" in str(result.metadata["wrong"].value)
    assert "SOLUSDT" not in str(result.metadata["wrong"].value)


def test_lately_is_24_full_hours() -> None:
    assert lately().count == 24
