"""The scan of the lake for alerts, against a plain walk over all trades."""

import math
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from whale_platform.domain.names import SINGLE_TRADE, SWEEP
from whale_platform.domain.sweep import SweepTracker
from whale_platform.domain.trade import Trade
from whale_platform.lake.analysis import alert_selection
from whale_platform.lake.analysis.alert_scan import AlertScan, ScanRequest, scan_alerts
from whale_platform.lake.analysis.alert_selection import AlertConditions
from whale_platform.lake.maintenance import rewrite
from whale_platform_tests.lake.builders import START, lay, trade

SECOND = 1_000_000
HORIZONS = (SECOND, 10 * SECOND, 60 * SECOND, 300 * SECOND, 900 * SECOND)
HOUR = timedelta(hours=1)
BEGIN = int(START.timestamp()) * SECOND
Key = tuple[str, str, int]  # symbol, kind, trade id


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "lake" / "trades"


def make_trades(seed: int, count: int = 1500) -> list[Trade]:
    """Of two symbols, over some three hours; many in one moment, and silences that are longer than an hour."""
    chance = random.Random(seed)
    steps = [0, 0, 0, 0, 1, 1_000, SECOND, 7 * SECOND, 59_999_999]
    last, trades = {"BTCUSDT": (0, 0), "ETHUSDT": (0, 0)}, []
    for _ in range(count):
        symbol = chance.choice(list(last))
        number, time = last[symbol]
        time += 4000 * SECOND if chance.random() < 0.001 else chance.choice(steps)
        last[symbol] = number + 1, time
        trades.append(
            trade(
                number, symbol, price=f"100.{chance.randint(10, 99)}", quantity=str(chance.choice((1, 2, 3, 9)))
            )._replace(event_time=BEGIN + time, received_time=BEGIN + time, side=chance.choice(("buy", "buy", "sell")))
        )
    return trades


def request(start: datetime = START, end: datetime = START + 9 * HOUR, floor: str = "500") -> ScanRequest:
    thresholds = [(0, Decimal(700)), (BEGIN + 1800 * SECOND, None), (BEGIN + 3600 * SECOND, Decimal("900.45"))]
    return ScanRequest(start, end, HORIZONS, lambda *_: Decimal(floor), lambda *_: thresholds, shares=True)


def quiet(*_: object) -> None:
    """Shows no progress."""


def find_plainly(trades: list[Trade], floor: str = "500") -> dict[Key, tuple[Decimal, Trade]]:
    """Dollars and newest fill by key."""
    found = {}
    trackers: dict[str, SweepTracker] = {}
    for one in trades:
        if one.notional >= Decimal(floor):
            found[one.symbol, SINGLE_TRADE, one.trade_id] = one.notional, one
        progress = trackers.setdefault(one.symbol, SweepTracker()).add(one)
        if progress is not None and progress.notional >= Decimal(floor):
            found[one.symbol, SWEEP, progress.first_id] = progress.notional, one
    return found


def move_plainly(trades: list[Trade], whale: Trade) -> list[float]:
    ours = sorted((one.event_time, one.trade_id, one.price) for one in trades if one.symbol == whale.symbol)
    sign = 1 if whale.side == "buy" else -1
    return [
        float(sign * 10_000 * ([one for one in ours if one[0] <= until][-1][2] / whale.price - 1))
        if ours[-1][0] > until
        else math.nan
        for until in (whale.event_time + horizon for horizon in HORIZONS)
    ]


def read(scan: AlertScan, **conditions: Any) -> dict[Key, tuple[Decimal, list[float]]]:
    found, columns = alert_selection.select_alerts(scan, AlertConditions(**conditions))
    return {
        (one.symbol, one.kind, one.trade_id): (one.usd, after)
        for one, after in zip(found, columns.moves.tolist(), strict=True)
    }


@pytest.mark.parametrize("compacted", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_alerts_and_the_moves_after_them_are_those_of_a_plain_walk(root: Path, seed: int, compacted: bool) -> None:
    trades = make_trades(seed)
    lay(root, trades)
    lay(root, trades[100:200], first_offset=len(trades))  # again, as a trade may be there twice
    if compacted:
        for hour in rewrite.find_hours_to_compact(root):
            rewrite.rewrite_hour(root, hour, {"run": "test"})
    expected = find_plainly(trades)
    with scan_alerts(root, request(), quiet) as scan:
        found = read(scan)
    assert {key: usd for key, (usd, _) in found.items()} == {key: usd for key, (usd, _) in expected.items()}
    for key, (_, whale) in expected.items():
        assert found[key][1] == pytest.approx(move_plainly(trades, whale), rel=1e-6, abs=1e-6, nan_ok=True)
    assert any(math.isnan(moves[-1]) for _, moves in found.values()), "the last ones are not known yet"


def test_conditions_select_what_they_name(root: Path) -> None:
    trades = make_trades(5)
    lay(root, trades)
    plain = find_plainly(trades)
    with scan_alerts(root, request(), quiet) as scan:
        assert set(read(scan, symbol="ETHUSDT", side="sell")) == {
            key for key, (_, fill) in plain.items() if key[0] == "ETHUSDT" and fill.side == "sell"
        }
        assert set(read(scan, kinds=(SWEEP,))) == {key for key in plain if key[1] == SWEEP}
        exact = sorted(usd for usd, _ in plain.values())[len(plain) // 2]
        assert set(read(scan, least_usd=exact)) == {key for key, (usd, _) in plain.items() if usd >= exact}
        assert not read(scan, exchange="coinbase")

        def holds(usd: Decimal, time: int) -> bool:
            if time < BEGIN + 1800 * SECOND:
                return usd >= 700
            return time >= BEGIN + 3600 * SECOND and usd >= Decimal("900.45")

        held = {key for key, (usd, fill) in plain.items() if holds(usd, fill.event_time)}
        assert held and set(read(scan, held=True)) == held


def test_a_share_is_of_the_minute_up_to_the_alert(root: Path) -> None:
    trades = make_trades(6)
    lay(root, trades)
    plain = find_plainly(trades)
    shares = {}
    for key, (usd, fill) in plain.items():
        traded = sum(
            one.notional
            for one in trades
            if one.symbol == key[0]
            and fill.event_time - 60 * SECOND < one.event_time
            and (one.event_time, one.trade_id) <= (fill.event_time, fill.trade_id)
        )
        shares[key] = usd / traded
    with scan_alerts(root, request(), quiet) as scan:
        for share in (0.1, 0.3, 0.6):
            assert set(read(scan, share=share)) == {key for key, found in shares.items() if float(found) >= share}


def test_an_order_whose_ids_have_no_order_is_no_more_than_its_minute(root: Path) -> None:
    """The ids of its fills are hashes: some are greater than its last one's, and are traded with it all the same."""
    fills = [
        trade(number, quantity="3")._replace(dense=False, event_time=BEGIN, side="buy") for number in (900, 100, 500)
    ]
    earlier = trade(700, quantity="11")._replace(dense=False, event_time=BEGIN - SECOND)
    lay(root, [earlier, *fills])
    with scan_alerts(root, request(START - HOUR), quiet) as scan:
        assert ("BTCUSDT", SWEEP, 900) in read(scan, share=0.4)
        assert ("BTCUSDT", SWEEP, 900) not in read(scan, share=0.46), "9 of 20"


def test_a_part_of_an_hour_has_the_alerts_of_that_part_and_the_prices_after_it(root: Path) -> None:
    trades = make_trades(7)
    lay(root, trades)
    start, end = START + timedelta(minutes=13), START + timedelta(minutes=58)
    first, last = (int(time.timestamp()) * SECOND for time in (start, end))
    expected = {key: fill for key, (_, fill) in find_plainly(trades).items() if first <= fill.event_time < last}
    with scan_alerts(root, request(start, end), quiet) as scan:
        found = read(scan)
    assert set(found) == set(expected) and len(found) > 5
    for key, (_, moves) in found.items():
        assert moves == pytest.approx(move_plainly(trades, expected[key]), rel=1e-6, abs=1e-6, nan_ok=True)


def test_controls_are_ordinary_trades_one_a_side_and_two_minutes(root: Path) -> None:
    trades = make_trades(8)
    lay(root, trades)
    sums: defaultdict[tuple[str, int, str], Decimal] = defaultdict(Decimal)
    for one in trades:
        sums[one.symbol, one.event_time, one.side] += one.notional
    moments = {key[:2] for key, usd in sums.items() if usd >= 500}
    with scan_alerts(root, request(), quiet) as scan:
        columns = alert_selection.select_controls(scan)
        markets = dict(scan.connection.execute("SELECT m, symbol FROM markets").fetchall())
    names = [markets[number] for number in columns.market.tolist()]
    times, sells = columns.time.tolist(), columns.sell.tolist()
    ordinary = {
        (one.symbol, one.event_time, one.side == "sell"): one
        for one in trades
        if (one.symbol, one.event_time) not in moments
    }
    keys = list(zip(names, times, sells, strict=True))
    assert set(keys) <= set(ordinary)
    buckets = [(name, time // (120 * SECOND), sell) for name, time, sell in keys]
    assert sorted(buckets) == sorted({(name, time // (120 * SECOND), sell) for name, time, sell in ordinary})


def test_quotes_without_a_dollar_value_and_markets_without_a_floor_have_no_alerts(root: Path) -> None:
    lay(
        root,
        [trade(1, "ETHTRY", quantity="99"), trade(1, "BTCUSDT", quantity="99"), trade(1, "SOLUSDT", quantity="99")],
    )
    asked = ScanRequest(
        START, START + HOUR, HORIZONS, lambda _, name: None if name == "SOLUSDT" else Decimal(1), lambda *_: []
    )
    with scan_alerts(root, asked, quiet) as scan:
        assert set(read(scan)) == {("BTCUSDT", SINGLE_TRADE, 1)}


def test_volatility_is_that_of_the_quarter_of_an_hour_before(root: Path) -> None:
    calm = [trade(number, every_s=30, price=str(100 + number % 2)) for number in range(120)]
    wild = [trade(number, every_s=30, price=str(100 + 9 * (number % 3))) for number in range(120, 240)]
    lay(root, calm + wild)
    with scan_alerts(root, request(floor="1"), quiet) as scan:
        _, columns = alert_selection.select_alerts(scan, AlertConditions())
    classes = columns.volatility.tolist()
    assert classes[0] == 0, "nothing is known before the first minutes"
    assert max(classes[8:110]) < max(classes[160:])
    assert columns.time.tolist() == sorted(columns.time.tolist())
    assert datetime.fromtimestamp(columns.time[0] / 1e6, UTC) == START


def test_a_market_that_is_silent_for_hours_has_its_prices_once_it_trades_again(root: Path) -> None:
    whale = trade(1, price="100", quantity="99")
    other = [trade(number, "ETHUSDT", every_s=900)._replace(quantity=Decimal(1)) for number in range(30)]
    again = trade(2, price="200")._replace(event_time=whale.event_time + 6 * 3600 * SECOND)
    lay(root, [whale, *other])
    with scan_alerts(root, request(end=START + HOUR), quiet) as scan:
        assert all(map(math.isnan, read(scan)["BTCUSDT", SINGLE_TRADE, 1][1])), "another market's trades say nothing"
    lay(root, [again], first_offset=99)
    with scan_alerts(root, request(end=START + HOUR), quiet) as scan:
        assert read(scan)["BTCUSDT", SINGLE_TRADE, 1][1] == [0.0] * 5
