"""Whales as the lake's trades make them: those that `SweepTracker` finds when it reads every trade, and no others."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from whale_platform.domain.names import BLOCK, LIQUIDATION, SINGLE_TRADE, SWEEP
from whale_platform.domain.sweep import SweepProgress, SweepTracker
from whale_platform.domain.trade import Trade
from whale_platform.lake.analysis import hour_values
from whale_platform.lake.analysis.lake_whales import LakeWhale
from whale_platform.lake.delta.table import HOUR
from whale_platform_tests.lake.builders import START, lay, swallow, trade

SYMBOLS = ("BTCUSDT", "ETHBTC", "ODDUSDT")  # of the second most trades have a rate; the last's ids are not dense
RATED: dict[str, Any] = {"usd_rate": Decimal("0.333333333333333333"), "usd_pair": "binance:BTCUSDT"}
EXCHANGES = "bybit_liquidation", "sim_bybit_liquidation"
FLOORS = {("binance", symbol): Decimal(usd) for symbol, usd in zip(SYMBOLS, (900, 300, 700), strict=True)}


def random_trades(seed: int) -> list[Trade]:
    """Of three symbols in turn: times, sides, orders and prices that often repeat, ids that sometimes jump."""
    dice = random.Random(seed)
    trades: list[Trade] = []
    numbers, times = dict.fromkeys(SYMBOLS, 1_000), dict.fromkeys(SYMBOLS, trade(0).event_time)
    for _ in range(600):
        symbol = dice.choice(SYMBOLS)
        dense = symbol != "ODDUSDT"
        numbers[symbol] += 1 if dense and dice.random() < 0.9 else dice.randint(1, 9)
        times[symbol] += dice.choice((0, 0, 0, 1, 2_000_000))
        trades.append(
            trade(numbers[symbol], symbol, price=str(dice.randint(98, 101)), quantity=str(dice.randint(1, 4)))._replace(
                event_time=times[symbol],
                received_time=times[symbol] + 5,
                side=dice.choice(("buy", "buy", "sell")),
                taker_order_id=None if dense else dice.choice(("a", "b")),
                dense=dense,
                block=dice.random() < 0.05,
                **(RATED if symbol == "ETHBTC" and dice.random() < 0.95 else {}),
            )
        )
    return trades


def find_all(trades: list[Trade]) -> dict[tuple[str, int], SweepProgress]:
    """The last state of each sweep, by symbol and first id, of the trades as they came."""
    trackers = {symbol: SweepTracker() for symbol in SYMBOLS}
    found: dict[tuple[str, int], SweepProgress] = {}
    for one in trades:
        progress = trackers[one.symbol].add(one)
        if progress and (one.symbol != "ETHBTC" or progress.usd is not None):
            found[one.symbol, progress.first_id] = progress
    return found


def read(root: Path, kind: str, floors: Any = FLOORS) -> list[LakeWhale]:
    with hour_values.open_hours(root, START, START + HOUR, datetime.now(UTC) + HOUR) as lake:
        return list(lake.read_whales(START, START + HOUR, floors, kind))


@pytest.mark.parametrize("seed", range(4))
def test_the_lake_has_the_sweeps_that_the_tracker_finds(tmp_path: Path, seed: int) -> None:
    trades = random_trades(seed)
    lay(tmp_path / "lake", trades)
    large = {
        key: sums
        for key, sums in find_all(trades).items()
        if ((sums.usd if key[0] == "ETHBTC" else sums.notional) or 0) >= FLOORS["binance", key[0]]
    }
    assert {symbol for symbol, _ in large} == {*SYMBOLS}, "the trades have some"
    found = read(tmp_path / "lake", SWEEP)
    assert [one[:3] for one in found] == sorted(one[:3] for one in found)
    assert {
        one[1:3]: (one.trade_id, one.fills, one.levels, one.first_price, one.quantity, one.notional) for one in found
    } == {key: tuple(sums)[:6] for key, sums in large.items()}
    assert {one[1:3]: one.notional_usd for one in found} == {
        key: sums.notional if sums.usd is None else sums.usd for key, sums in large.items()
    }
    assert {one.usd_via for one in found} == {"peg:USDT", "binance:BTCUSDT"}
    by_id = {(one.symbol, one.trade_id): one for one in trades}
    for one in found:
        last = by_id[one.symbol, one.newest_id]
        assert (one.price, one.side, one.received_time) == (last.price, last.side, _to_time(last.received_time))
        assert one.event_time == _to_time(last.event_time)


def test_single_trades_blocks_and_liquidations_are_apart(tmp_path: Path) -> None:
    trades = random_trades(5)
    closed = [one._replace(exchange=name, block=True) for name in EXCHANGES for one in trades[:50]]
    lay(tmp_path / "more", [*trades, *closed])
    floors = dict.fromkeys(FLOORS, Decimal(300)) | {(name, "BTCUSDT"): Decimal(1) for name in EXCHANGES}
    wanted = sorted((one.exchange, one.trade_id) for one in closed if one.symbol == "BTCUSDT")
    found = [(one.exchange, one.trade_id) for one in read(tmp_path / "more", LIQUIDATION, floors)]
    assert found == wanted and {exchange for exchange, _ in wanted} == {*EXCHANGES}
    lay(tmp_path / "lake", [*trades, trades[0]])  # one is there twice
    for kind, block in ((SINGLE_TRADE, False), (BLOCK, True)):
        large = [one for one in trades if one.block == block and (one.notional_usd or 0) >= 300]
        wanted = sorted((one.symbol, one.trade_id) for one in large)
        for root in (tmp_path / "lake", tmp_path / "more"):
            assert wanted and [one[1:3] for one in read(root, kind, floors)] == wanted
    assert read(tmp_path / "lake", SWEEP, {}) == []


@pytest.mark.parametrize("first", [0, 1])
def test_a_trade_that_is_there_twice_is_the_one_that_came_first(tmp_path: Path, first: int) -> None:
    came = [trade(1, quantity="20"), trade(1, quantity="20")._replace(received_time=trade(1).received_time + 9)]
    lay(tmp_path / "lake", [came[first]], first_offset=7)
    lay(tmp_path / "lake", [came[1 - first]], first_offset=3)
    (found,) = read(tmp_path / "lake", SINGLE_TRADE)
    assert found.received_time == _to_time(came[1 - first].received_time)


def test_fills_within_an_aggregate_make_no_sweep(tmp_path: Path) -> None:
    root = tmp_path / "lake"
    trades = [
        trade(number, price="100", quantity="5")._replace(event_time=trade(1).event_time, side="buy")
        for number in range(1, 5)
    ]
    lay(root, trades)
    (whole,) = read(root, SWEEP)
    assert (whole.trade_id, whole.fills, whole.newest_id) == (1, 4, 4)
    swallow(root, START, like=4, first=4, fills=2)
    (rest,) = read(root, SWEEP)
    assert (rest.trade_id, rest.fills, rest.newest_id) == (1, 3, 3)


def _to_time(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
