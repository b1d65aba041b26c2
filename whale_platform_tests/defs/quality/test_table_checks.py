from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from whale_platform.defs.quality.table_checks import CHECKS, lately, losses_result
from whale_platform.defs.shared.store_resource import Store
from whale_platform.stores.quality.stream_quality import Loss


def test_a_fresh_database_passes_every_check(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHALE_POSTGRES_DSN", database)
    monkeypatch.setenv("WHALE_HOME", str(tmp_path))
    done = dg.materialize([*CHECKS], resources={"store": Store()}, selection=dg.AssetSelection.checks(*CHECKS))
    assert [evaluation.passed for evaluation in done.get_asset_check_evaluations()] == [True] * len(CHECKS)


def test_what_is_lost_fails_and_a_query_that_only_began_anew_is_told() -> None:
    at = datetime(2026, 11, 28, tzinfo=UTC)
    anew = [Loss("windows", "raw_crypto_trades", part, "none", "nothing lost. Torn.", at) for part in (0, 1)]
    result = losses_result(anew)
    assert result.passed
    assert {name: value.value for name, value in result.metadata.items() if name != "ledger"} == {
        "lost_ranges": 0,
        "began_anew": 1,
    }
    assert "Torn." in str(result.metadata["ledger"].value)
    assert not losses_result([*anew, Loss("whales", "raw_crypto_trades", 0, "expired", "7 to 9", at)]).passed


def test_lately_is_24_full_hours() -> None:
    assert lately().count == 24
