"""Sums over exchanges are of one market kind, whoever makes them."""

from dataclasses import dataclass

import pytest

from whale_platform.exchanges.errors import MixedKindsError
from whale_platform.exchanges.market_kinds import MARKET_KINDS, build_exchange_condition, choose_kind, group_by_kind
from whale_platform.exchanges.registry import EXCHANGES, find_market_kind


@dataclass(frozen=True, slots=True)
class Line:
    exchange: str
    number: int = 0


def test_rows_are_grouped_by_kind_with_spot_first_and_in_their_order() -> None:
    rows = [Line(name, n) for n, name in enumerate(["hyperliquid", "binance", "binance_block", "sim_hyperliquid", "x"])]
    rows.append(Line("bybit_liquidation", 5))
    groups = group_by_kind(rows)
    assert {kind: [row.number for row in some] for kind, some in groups.items()} == {
        "spot": [1, 4],
        "perpetual": [0, 3],
        "block": [2],
        "liquidation": [5],
    }
    assert list(groups) == list(MARKET_KINDS)
    assert list(group_by_kind([Line("coinbase")])) == ["spot"]


def test_what_nobody_says_is_spot_or_the_kind_of_the_exchanges_that_are_named() -> None:
    assert [choose_kind(names) for names in ([], ["binance", "kraken"], ["sim_hyperliquid"], ["elsewhere"])] == [
        *("spot", "spot", "perpetual", "spot")
    ]
    assert choose_kind([], ["liquidation"]) == "liquidation" and choose_kind(["kraken"], ["liquidation"]) == "spot"
    assert choose_kind([], ["liquidation", "sweep"]) == choose_kind([], ["block"]) == "spot"
    with pytest.raises(MixedKindsError, match=r"binance \(spot\) and hyperliquid \(perpetual\) are not summed up"):
        choose_kind(["binance", "hyperliquid"])


@pytest.mark.parametrize("name", [*EXCHANGES, *(f"sim_{name}" for name in EXCHANGES), "elsewhere"])
def test_each_exchange_meets_the_condition_of_its_kind_alone(name: str) -> None:
    conditions = {kind: build_exchange_condition(kind) for kind in MARKET_KINDS}
    meets = [kind for kind, one in conditions.items() if (name in one.names) == (one.operator == "in")]
    assert meets == [find_market_kind(name)]
