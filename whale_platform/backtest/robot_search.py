"""Looks for robots in the lake: classes of like-sized takers' orders that come at regular times (robots.py).

Short periods are looked for hour by hour, the longest in stretches of four hours. A class is a market, a side and a
quantity up to a quarter more; two sets of classes overlap, so that no robot lies on a border. Raises LakeError's
subclasses.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from whale_platform.backtest.robots import LEAST_ORDERS, PERIODS_S, RobotScore, score_orders
from whale_platform.lake.analysis.taker_orders import ANY_MARKET, MarketChoice, TakerOrder, read_taker_orders
from whale_platform.storage.folders import Folder

HOUR, LONG = timedelta(hours=1), timedelta(hours=4)
LONG_PERIODS_S = (300,)
CLASS_RATIO = 1.25
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RobotRequest:
    """Orders of [start, end), aware UTC, from so many dollars on."""

    start: datetime
    end: datetime
    least_usd: float = 1000.0
    choice: MarketChoice = ANY_MARKET


@dataclass(frozen=True, slots=True)
class FoundRobot:
    """Orders at regular times. orders: those of its longest row; usd: dollars of them; trade_id: of the first one."""

    exchange: str
    symbol: str
    side: str
    first: datetime
    last: datetime
    trade_id: int
    orders: int
    usd: float
    period_s: int
    score: float
    chance: float


def find_robots(root: Folder, request: RobotRequest, progress: Callable[[int, int], None]) -> list[FoundRobot]:
    """Return the robots of the range, by their first order; `progress(hours done, of how many)`."""
    found = [
        _describe(score, row)
        for periods, orders in read_stretches(root, request, progress)
        for score, row in search_orders(orders)
        if score.period_s in periods  # a multiple belongs to the shorter one
    ]
    return sorted(found, key=lambda robot: (robot.first, robot.exchange, robot.symbol, robot.side))


def read_stretches(
    root: Folder, request: RobotRequest, progress: Callable[[int, int], None]
) -> Iterator[tuple[Sequence[int], list[TakerOrder]]]:
    """Yield the periods that are looked for with the orders of a market and side in a stretch of time, by time."""
    short = tuple(period for period in PERIODS_S if period not in LONG_PERIODS_S)
    stretches = [*_split(request, HOUR, short), *_split(request, LONG, LONG_PERIODS_S)]
    for number, (start, end, periods) in enumerate(stretches, 1):
        orders = read_taker_orders(root, start, end, request.least_usd, request.choice)
        for _, some in groupby(orders, lambda order: order[:3]):
            yield periods, list(some)
        progress(number, len(stretches))


def search_orders(orders: Sequence[TakerOrder]) -> list[tuple[RobotScore, list[TakerOrder]]]:
    """Return the robots among the orders of one market and side, which are in the order of time, each with its row."""
    scored = []
    for members in _group_by_size(orders):
        score = score_orders([order.time for order in members])
        if score is not None:
            scored.append((score, [members[index] for index in score.orders]))
    found, taken = [], set[int]()
    for score, row in sorted(scored, key=lambda one: one[0].chance):
        if len(row) >= LEAST_ORDERS and not taken.intersection(order.first_id for order in row):
            taken.update(order.first_id for order in row)
            found.append((score, row))
    return found


def _group_by_size(orders: Iterable[TakerOrder]) -> Iterator[list[TakerOrder]]:
    classes: dict[int, list[TakerOrder]] = defaultdict(list)
    for order in orders:
        place = 2 * math.log(order.quantity) / math.log(CLASS_RATIO)
        classes[2 * math.floor(place / 2)].append(order)
        classes[2 * math.floor((place + 1) / 2) - 1].append(order)
    return (members for members in classes.values() if len(members) >= LEAST_ORDERS)


def _describe(score: RobotScore, row: Sequence[TakerOrder]) -> FoundRobot:
    first, last = (EPOCH + timedelta(microseconds=order.time) for order in (row[0], row[-1]))
    usd = sum(order.usd for order in row)
    return FoundRobot(
        *row[0][:3], first, last, row[0].first_id, len(row), usd, score.period_s, score.score, score.chance
    )


def _split(
    request: RobotRequest, step: timedelta, periods_s: Sequence[int]
) -> Iterator[tuple[datetime, datetime, Sequence[int]]]:
    start = request.start
    while start < request.end:
        end = min(request.end, EPOCH + ((start - EPOCH) // step + 1) * step)
        yield start, end, periods_s
        start = end
