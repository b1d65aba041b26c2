"""When a sweep's impact is larger than chance, on real trades: what docs/concepts/whales.md has as a table."""

import math
from bisect import bisect_right
from itertools import groupby, pairwise

from whale_platform.domain.trade import Trade
from whale_platform_tests.lake.builders import captured

SECONDS = (1, 10, 60)
DAY_S = 86_400
# Y by its standard error, after each of SECONDS
EXPECTED = {
    ("BTCUSDT", "2024-08-08"): (11.8, 5.9, 2.2),
    ("BTCUSDT", "2024-08-09"): (9.3, 4.2, 1.5),
    ("ETHUSDT", "2024-08-08"): (10.0, 5.2, 0.3),
    ("ETHUSDT", "2024-08-09"): (7.1, 1.4, 0.6),
}


def read_captures() -> dict[tuple[str, str], list[Trade]]:
    """Trades by symbol and day, by id."""
    found: dict[tuple[str, str], list[Trade]] = {}
    for one in captured():
        day = "2024-08-08" if one.event_time < 1_723_161_600_000_000 else "2024-08-09"
        found.setdefault((one.symbol, day), []).append(one)
    return {key: sorted(trades, key=lambda one: one.trade_id) for key, trades in found.items()}


def measure_errors(trades: list[Trade], seconds: int) -> float:
    """How many of its standard errors Y is above none, by plain least squares."""
    times, prices = [one.event_time for one in trades], [float(one.price) for one in trades]
    span = (times[-1] - times[0]) / 1e6
    volume = sum(float(one.notional) for one in trades) / span * DAY_S
    closes = [float(list(some)[-1].price) for _, some in groupby(trades, lambda one: one.event_time // 60_000_000)]
    changes = [math.log(after / before) for before, after in pairwise(closes)]
    volatility = math.sqrt(sum(change**2 for change in changes) / len(changes) * 1440)
    sizes, moves, place = [], [], 0
    for (time, side), some in groupby(trades, lambda one: (one.event_time, one.side)):
        fills = list(some)
        first, place = place, place + len(fills)
        notional, until = sum(float(one.notional) for one in fills), time + seconds * 1_000_000
        if len(fills) > 1 and notional >= 10_000 and first and times[-1] > until:
            sizes.append(volatility * math.sqrt(notional / volume))
            moved = prices[bisect_right(times, until) - 1] / prices[first - 1] - 1
            moves.append(moved if side == "buy" else -moved)
    squares = sum(size**2 for size in sizes)
    factor = sum(size * moved for size, moved in zip(sizes, moves, strict=True)) / squares
    rest = sum((moved - factor * size) ** 2 for size, moved in zip(sizes, moves, strict=True))
    return factor / math.sqrt(rest / (len(sizes) - 1) / squares)


def test_the_impact_of_real_sweeps_is_larger_than_chance_after_a_second_and_not_after_a_minute() -> None:
    found = {
        key: tuple(round(measure_errors(trades, seconds), 1) for seconds in SECONDS)
        for key, trades in read_captures().items()
    }
    assert found == EXPECTED
