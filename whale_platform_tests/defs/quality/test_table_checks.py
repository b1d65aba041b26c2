from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from whale_platform.defs.quality.table_checks import CHECKS, judge_gaps, judge_losses
from whale_platform.defs.resources import build_resources
from whale_platform.stores.quality.stream_quality import ReaderLoss


def test_a_fresh_database_passes_every_check(database: str, tmp_path: Path) -> None:
    resources = build_resources(home=str(tmp_path), postgres_dsn=database)
    done = dg.materialize([*CHECKS], resources=resources, selection=dg.AssetSelection.checks(*CHECKS))
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


def test_what_an_exchange_without_history_has_missed_is_told_and_is_no_warning() -> None:
    lasting = [("bybit_liquidation", "ROSEUSDT", 0), ("sim_hyperliquid", "BTC", 0)]
    result = judge_gaps(lasting)
    assert result.passed and result.metadata["ids"].value == 0
    assert "ROSEUSDT" in str(result.metadata["without_history"].value)
    result = judge_gaps([*lasting, ("binance", "BTCUSDT", 5)])
    assert not result.passed and result.metadata["ids"].value == 5
    assert "ROSEUSDT" not in str(result.metadata["by_symbol"].value)
