"""Sweeps of the lake against those of Postgres: what an import's aggregate hides, and what nobody could have told."""

from collections.abc import Collection
from datetime import UTC, datetime
from decimal import Decimal

from whale_platform.audit.compare_values import DifferenceCollector
from whale_platform.audit.compare_whales import WhaleComparison
from whale_platform.audit.threshold_history import ThresholdHistory
from whale_platform.domain.names import SWEEP
from whale_platform.lake.analysis.aggregate_fills import IdSpan
from whale_platform.lake.analysis.lake_whales import LakeWhale
from whale_platform.stores.quality.audit_values import StoredAlert

HOUR = datetime(2026, 1, 2, 10, tzinfo=UTC)
PRICE, EACH = Decimal(100), Decimal(20_000)  # dollars a fill


def lake_sweep(first: int, fills: int) -> LakeWhale:
    sums = EACH * fills
    return LakeWhale(
        *("binance", "BTCUSDT", first, "buy", PRICE, sums / PRICE, sums, HOUR, False, False, HOUR, "BTC", "USDT", sums),
        fills=fills,
        levels=1,
        first_price=PRICE,
        last_trade_id=first + fills - 1,
    )


def stored_sweep(first: int, fills: int) -> StoredAlert:
    sums, limit = EACH * fills, Decimal(50_000)
    return StoredAlert(
        *("binance", "BTCUSDT", first, "buy", PRICE, sums / PRICE, sums, limit, HOUR, HOUR, "BTC", "USDT", "peg:USDT"),
        fills=fills,
        levels=1,
        first_price=PRICE,
        last_trade_id=first + fills - 1,
        notional=sums,
        tier="whale",
    )


def compare(
    lake: list[LakeWhale], stored: list[StoredAlert], aggregate: tuple[int, int] = (0, 0), reached: int = 100
) -> list[str]:
    """What is told. aggregate: first and last id of the one that the lake has; reached: its newest id."""

    def within(spans: Collection[IdSpan]) -> set[IdSpan]:
        return {one for one in spans if one[2] <= aggregate[1] and aggregate[0] <= one[3]}

    told, limits = DifferenceCollector(), ThresholdHistory((), Decimal(50_000))
    comparison = WhaleComparison(HOUR, limits, {}, True, within, lambda system, key, number: number > reached, told)
    comparison.compare(SWEEP, lake, stored)
    return [one.kind for some in told.group_by_market_hour().values() for one in some]


def test_a_sweep_that_an_aggregate_has_taken_fills_of_is_not_wrong() -> None:
    live = [stored_sweep(10, 6)]
    assert compare([lake_sweep(10, 3)], live, (13, 16)) == [], "of its last fills"
    assert compare([lake_sweep(12, 4)], live, (9, 11)) == [], "of its first: what is left of it is not owed"
    assert compare([], live, (9, 15)) == []


def test_without_an_aggregate_each_of_these_is_told() -> None:
    live = [stored_sweep(10, 6)]
    assert "whale fills" in compare([lake_sweep(10, 3)], live)
    assert sorted(compare([lake_sweep(12, 4)], live)) == ["whale missing", "whale too many"]
    assert compare([], live) == ["whale too many"]
    assert compare([lake_sweep(10, 3)], live, reached=14) == [], "the lake has not come to its last fill"
    assert compare([lake_sweep(10, 6)], live) == []


def test_a_sweep_is_owed_unless_it_was_streamed_before_there_were_any() -> None:
    sweep = lake_sweep(10, 3)
    assert compare([sweep], []) == ["whale missing"]
    assert compare([sweep._replace(before_sweeps=True)], []) == []
    assert "whale fills" in compare([sweep._replace(before_sweeps=True)], [stored_sweep(10, 2)]), "what is there is"
