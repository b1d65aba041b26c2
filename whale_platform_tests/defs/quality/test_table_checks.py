from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from whale_platform.defs.quality.table_checks import CHECKS, judge_losses, last_full_hours
from whale_platform.defs.shared.store_resource import StoreResource
from whale_platform.stores.quality.stream_quality import ReaderLoss


def test_a_fresh_database_passes_every_check(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHALE_POSTGRES_DSN", database)
    monkeypatch.setenv("WHALE_HOME", str(tmp_path))
    done = dg.materialize([*CHECKS], resources={"store": StoreResource()}, selection=dg.AssetSelection.checks(*CHECKS))
    assert [evaluation.passed for evaluation in done.get_asset_check_evaluations()] == [True] * len(CHECKS)


def test_what_is_lost_fails_and_a_query_that_only_began_anew_is_told() -> None:
    at = datetime(2026, 11, 28, tzinfo=UTC)
    anew = [ReaderLoss("windows", "raw_crypto_trades", part, "none", "nothing lost. Torn.", at) for part in (0, 1)]
    result = judge_losses(anew)
    assert result.passed
    assert {name: value.value for name, value in result.metadata.items() if name != "ledger"} == {
        "lost_ranges": 0,
        "began_anew": 1,
    }
    assert "Torn." in str(result.metadata["ledger"].value)
    assert not judge_losses([*anew, ReaderLoss("whales", "raw_crypto_trades", 0, "expired", "7 to 9", at)]).passed


def test_lately_is_24_full_hours() -> None:
    assert last_full_hours().count == 24
