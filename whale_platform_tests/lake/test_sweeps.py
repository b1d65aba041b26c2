"""Sweeps from the lake, against the tracker that follows trades one by one, and on real trades."""

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from whale_platform.domain.sweep import SweepTracker
from whale_platform.domain.trade import Trade, usd_via
from whale_platform.exchanges.coinbase.adapter import Coinbase
from whale_platform.lake.analysis import sweeps
from whale_platform.lake.analysis.sweeps import LakeSweep
from whale_platform.lake.delta import table
from whale_platform.lake.duckdb import engine
from whale_platform_tests.lake.builders import START, captured, lay, swallow, trade
from whale_platform_tests.support.captures import coinbase_frames

RATE = Decimal("1.087654321")
FAR = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "lake" / "trades"


def read(root: Path, floor: str = "0", end: datetime = FAR) -> list[LakeSweep]:
    files = table.list_files(table.open_table(root))
    with engine.connect(root) as connection:
        pairs = connection.execute(
            f"SELECT DISTINCT exchange, symbol FROM {engine.select_rows(root, [file.path for file in files])}"
        ).fetchall()
        floors = {(exchange, symbol): Decimal(floor) for exchange, symbol in pairs}
        return list(sweeps.read_sweeps(connection, root, [file.path for file in files], end, floors))


def follow(trades: Iterable[Trade], floor: str = "0") -> list[LakeSweep]:
    """The last state of each sweep of which the dollars are known, as the tracker gives it."""
    trackers: dict[tuple[str, str], SweepTracker] = {}
    found: dict[tuple[str, str, int, int], LakeSweep] = {}
    for one in trades:
        key = one.exchange, one.symbol
        progress = trackers.setdefault(key, SweepTracker()).add(one)
        if progress is not None and (usd_via(one.quote) or progress.usd is not None):
            first, fills, levels, price, quantity, notional, usd = progress
            dollars = notional if usd_via(one.quote) else usd
            found[*key, first, one.event_time] = LakeSweep(
                *(*key, first, one.trade_id, one.side, fills, levels, price, one.price, quantity, notional),
                usd=dollars or Decimal(0),
                usd_pair=one.usd_pair,
                usd_rate=one.usd_rate,
                event_time=one.event_time,
                taker_order_id=one.taker_order_id,
                base=one.base,
                quote=one.quote,
                imported=False,
                received_time=one.received_time,
                latest_time=None,
                before_sweeps=False,
            )
    rows = [one for one in found.values() if one.usd >= Decimal(floor)]
    return sorted(rows, key=lambda one: (one.exchange, one.symbol, one.first_id))


def make_trades(seed: int, dense: bool = True, orders: bool = False) -> Iterator[Trade]:
    """Trades in which times, sides and orders often repeat; some ids are missing, and some trades are blocks."""
    chance, time, order, number = random.Random(seed), 0, 0, 0
    for _ in range(300):
        number += chance.choices([1, 2], [9, 1])[0]
        time += chance.choice([0, 0, 0, 1, 1_000_000])
        order += chance.choice([0, 0, 1])
        event = trade(0).event_time + time
        one = trade(number, price=str(chance.randint(100, 102)), quantity=f"0.{chance.randint(1, 10**8):08}")._replace(
            event_time=event,
            received_time=event + chance.randint(1, 9),
            side=chance.choice(("buy", "buy", "buy", "sell")),
            dense=dense,
            taker_order_id=f"order {order}" if orders else None,
            block=chance.random() < 0.05,
        )
        if seed % 2:
            one = one._replace(quote="EUR")
        yield one._replace(usd_rate=RATE, usd_pair="x:EURUSDT") if seed % 2 and chance.random() < 0.95 else one


def hide_arrival(rows: Iterable[LakeSweep]) -> list[LakeSweep]:
    """The tracker knows of no latest arrival."""
    return [row._replace(latest_time=None) for row in rows]


@pytest.mark.parametrize("orders", [False, True])
@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_the_lakes_sweeps_are_the_trackers(root: Path, seed: int, dense: bool, orders: bool) -> None:
    trades = list(make_trades(seed, dense, orders))
    in_topic = trades if not dense else random.Random(seed).sample(trades, len(trades))
    lay(root, in_topic)
    expected = follow(trades)
    assert len(expected) > 20 and any(one.fills > 3 and one.levels > 2 for one in expected)
    assert hide_arrival(read(root)) == hide_arrival(expected)
    floor = str(sorted(one.usd for one in expected)[-5])
    assert hide_arrival(read(root, floor)) == hide_arrival(follow(trades, floor)), "the fifth reaches it exactly"


def test_a_sweep_of_a_release_that_found_none_is_known_by_its_file(root: Path) -> None:
    lay(root, [trade(number, every_s=0)._replace(side="buy") for number in range(2)])
    path = root / table.list_files(table.open_table(root))[0].path
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE old AS SELECT * EXCLUDE (block, date, hour) FROM '{path}'")
        connection.execute(f"COPY old TO '{path}' (FORMAT parquet)")
    lay(root, [trade(number, every_s=0)._replace(side="sell") for number in (2, 3)], first_offset=2)
    assert [(one.first_id, one.before_sweeps) for one in read(root)] == [(0, True), (2, False)]


def test_a_filled_gap_joins_what_it_cut(root: Path) -> None:
    fills = [trade(number, every_s=0)._replace(side="buy") for number in range(5)]
    lay(root, [*fills[:2], *fills[3:]])
    assert [(one.first_id, one.fills) for one in read(root)] == [(0, 2), (3, 2)]
    lay(root, fills[2:3], first_offset=9)
    assert [(one.first_id, one.fills, one.last_id) for one in read(root)] == [(0, 5, 4)]


def test_a_trade_that_is_there_twice_counts_once(root: Path) -> None:
    fills = [trade(number, every_s=0)._replace(side="buy") for number in range(3)]
    lay(root, fills)
    lay(root, fills[1:], first_offset=9)
    (one,) = read(root)
    assert (one.fills, one.quantity) == (3, Decimal(6))


def test_an_aggregate_is_no_fill(root: Path) -> None:
    lay(root, [trade(number, every_s=0)._replace(side="buy") for number in range(5)])
    swallow(root, START, like=2, first=2, fills=4)
    assert [(one.first_id, one.last_id) for one in read(root)] == [(0, 1)]


def test_symbols_hours_and_quotes_are_kept_apart(root: Path) -> None:
    at = START + timedelta(hours=1)
    late = [trade(n, every_s=0)._replace(side="buy", event_time=trade(1, every_s=3600).event_time) for n in (7, 8)]
    foreign = [trade(n, "ETHTRY", 0)._replace(side="buy") for n in (1, 2)]
    lay(
        root,
        [trade(1, every_s=0), trade(3, "ETHUSDT", 0), trade(4, "ETHUSDT", 0)._replace(side="buy"), *late, *foreign],
    )
    assert [(one.symbol, one.first_id) for one in read(root)] == [("BTCUSDT", 7), ("ETHUSDT", 3)]
    assert [one.symbol for one in read(root, end=at)] == ["ETHUSDT"], "the end is not included"


def test_real_sweeps_are_those_of_an_independent_count(root: Path) -> None:
    trades = sorted(captured(), key=lambda one: (one.symbol, one.trade_id))
    lay(root, trades)
    large = read(root, "50000")
    assert hide_arrival(large) == hide_arrival(follow(trades, "50000"))
    sums: dict[tuple[str, int, str], list[Trade]] = {}
    for one in trades:
        sums.setdefault((one.symbol, one.event_time, one.side), []).append(one)
    groups = [some for some in sums.values() if sum(one.notional for one in some) >= 50_000]
    singles = [some for some in groups if len(some) == 1]
    assert len(groups) == 120 and len(large) + len(singles) == 120
    assert sum(one.notional >= 100_000 for one in large) + sum(some[0].notional >= 100_000 for some in singles) == 42
    largest = max(large, key=lambda one: one.notional)
    assert (largest.symbol, largest.side, largest.fills, largest.levels) == ("ETHUSDT", "sell", 219, 110)
    assert round(largest.notional) == 1_341_815


def test_time_and_side_find_the_orders_that_coinbase_names(root: Path) -> None:
    parsed = (event for frame in coinbase_frames() for event in Coinbase().parse(frame, 0))
    trades = [event._replace(quote="USD") for event in parsed if isinstance(event, Trade)]  # those in BTC too
    true = {(one.symbol, one.first_id, one.last_id) for one in follow(trades)}
    lay(root, [one._replace(taker_order_id=None) for one in trades])
    found = {(one.symbol, one.first_id, one.last_id) for one in read(root)}
    assert len(trades) == 97 and len(true) == 16
    assert found == true, "recall and precision are 1: no two orders of one side share a microsecond"
