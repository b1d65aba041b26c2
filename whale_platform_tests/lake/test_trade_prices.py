"""The prices around trades, against a plain walk over all trades; the same microsecond, silence and the lake's edge."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from whale_platform.domain.trade import Trade
from whale_platform.lake.analysis import trade_prices
from whale_platform_tests.lake.builders import START, lay, trade


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "lake" / "trades"


def at(one: Trade) -> trade_prices.TimedTradeKey:
    return (
        one.exchange,
        one.symbol,
        one.trade_id,
        datetime.fromtimestamp(0, UTC) + timedelta(microseconds=one.event_time),
    )


def plainly(trades: list[Trade], whale: Trade) -> trade_prices.SurroundingPrices:
    ours = sorted((one.event_time, one.trade_id, one.price) for one in trades if one.symbol == whale.symbol)
    found = trade_prices.SurroundingPrices()
    earlier = [one for one in ours if one[:2] < (whale.event_time, whale.trade_id)]
    if earlier and earlier[-1][0] >= whale.event_time - 900_000_000:
        found.before = earlier[-1][2]
    for seconds in trade_prices.SECONDS_AFTER:
        until = whale.event_time + seconds * 1_000_000
        if ours[-1][0] > until:
            found.after[seconds] = [one for one in ours if one[0] <= until][-1][2]
    return found


@pytest.mark.parametrize("seed", range(8))
def test_prices_are_those_of_a_plain_walk(root: Path, seed: int) -> None:
    chance = random.Random(seed)
    time, trades = {"BTCUSDT": 0, "ETHUSDT": 0}, []
    for number in range(400):
        symbol = chance.choice(list(time))
        time[symbol] += chance.choice(
            [0, 0, 1, 1_000, 999_999, 1_000_000, 9_000_000, 59_999_999, 60_000_000, 300_000_000]
        )
        event = int(START.timestamp()) * 1_000_000 + time[symbol]
        one = trade(number, symbol, price=str(chance.randint(1, 10**6)))
        trades.append(one._replace(event_time=event, received_time=event))
    lay(root, trades)
    whales = chance.sample(trades, 60)
    found = trade_prices.find_prices(root, map(at, whales))
    assert found == {at(one)[:3]: plainly(trades, one) for one in whales}
    assert {one.complete for one in found.values()} == {True, False}, "the last ones are not known yet"


def test_a_silent_symbol_has_come_so_far_once_it_trades_again(root: Path) -> None:
    whale, later = trade(0, price="100"), trade(1, price="130")._replace(event_time=trade(0, every_s=0).event_time)
    whale = whale._replace(event_time=later.event_time)
    lay(root, [whale, *(trade(number, "ETHUSDT", every_s=600) for number in range(40))])
    assert trade_prices.find_prices(root, [at(whale)])[at(whale)[:3]] == trade_prices.SurroundingPrices(), (
        "another symbol's trades say nothing"
    )
    lay(root, [later._replace(event_time=whale.event_time + 5 * 3_600_000_000)], first_offset=99)
    assert trade_prices.find_prices(root, [at(whale)])[at(whale)[:3]].after == dict.fromkeys(
        trade_prices.SECONDS_AFTER, Decimal(100)
    )


@pytest.mark.parametrize("dense", [True, False])
def test_a_trade_that_is_there_twice_is_not_the_last_of_its_moment(root: Path, dense: bool) -> None:
    """Without dense ids trades of one microsecond follow each other as in the topic, in which it came again later."""
    whale = trade(0)._replace(dense=dense)
    moment = whale.event_time + 500_000
    both = [trade(n, price=f"{n}00")._replace(event_time=moment, dense=dense) for n in (1, 2)]
    later = trade(9, price="900")._replace(event_time=moment + 2 * 3_600_000_000, dense=dense)
    lay(root, [whale, *both, later])
    lay(root, [whale, both[0]], first_offset=50)
    after = trade_prices.find_prices(root, [at(whale)])[at(whale)[:3]].after
    assert after == dict.fromkeys(trade_prices.SECONDS_AFTER, Decimal(200))


def test_nothing_is_asked_of_a_lake_that_lacks_the_hours(root: Path) -> None:
    lay(root, [trade(0)])
    whale = "binance", "BTCUSDT", 7, START - timedelta(days=3)
    assert trade_prices.find_prices(root, [whale]) == {whale[:3]: trade_prices.SurroundingPrices()}
    assert trade_prices.find_prices(root, []) == {}
