"""Robots and clusters that are planted among generated trades, with their truth: what they are graded against.

What is planted in an hour follows from the seed, the hour, the markets and their rates. A robot's size is chosen by its
noise: how many ordinary orders of like quantity and side are expected for each of its own. Robots are `twap` (sizes
within a twentieth) or `repeat` (one size); a `cluster` has an order of one side on several exchanges within a second.
Each order is written to a file beside the simulator's state before it is sent, one JSON object a line: truth, and the
contents that history needs; what is older than KEPT_DAYS is deleted. A last line without its end, which a killed
simulator leaves, is no order that was sent. Raises PlaySetupError where that file can't be read.
"""

import json
import math
import random
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Literal, NamedTuple

from whale_platform.domain.trade import Side
from whale_platform.exchanges.simulation.play import MarketKey
from whale_platform.files.atomic_files import write_text
from whale_platform.simulator.errors import PlaySetupError
from whale_platform.simulator.play.market_feed import PlantedPrint
from whale_platform.simulator.play.market_profile import MarketProfile
from whale_platform.simulator.play.trade_generator import generate_prints

PlantedKind = Literal["twap", "repeat", "cluster"]
PERIODS_S = (1, 5, 6, 10, 15, 30, 60)
MOST_ORDERS = 80  # of a robot
CLUSTERS_AN_HOUR = 6  # of each base that several exchanges trade
CLUSTER_SPREAD_S = 1.0
LEAST_USD, CLUSTER_USD = 1_250.0, (60_000.0, 250_000.0)  # $1,000 is the least that is searched
LIKE = math.sqrt(1.25)  # the same quantity, by so much more or less
HOUR_S, SECOND_US = 3600, 1_000_000
KEPT_DAYS, DAY_US = 2, 24 * HOUR_S * SECOND_US  # a day is graded in the night after it
_MEASURED_TRADES = 8_192


class PlantableMarket(NamedTuple):
    """order_usd: dollars of some ordinary orders, ascending; orders_per_s: how many ordinary ones come in a second."""

    profile: MarketProfile
    base: str
    orders_per_s: float
    order_usd: Sequence[float]

    @property
    def key(self) -> MarketKey:
        """Exchange and symbol."""
        return self.profile.key


class PlantedOrder(NamedTuple):
    """time: µs UTC at which it is due; group: which robot or cluster, of so many `orders`; usd: about so many dollars.

    noise: ordinary orders of like quantity and side that are expected for each order of a robot; period_s: of a robot.
    """

    time: int
    group: str
    kind: PlantedKind
    market: MarketKey
    side: Side
    usd: float
    orders: int
    noise: float | None = None
    period_s: int | None = None


@dataclass(frozen=True, slots=True)
class PlantedTrade:
    """A planted order as it was sent: one trade. exchange: as in the lake; steps: its size in the market's steps."""

    group: str
    kind: PlantedKind
    exchange: str
    symbol: str
    side: Side
    trade_id: int
    time: int
    usd: float
    orders: int
    noise: float | None
    period_s: int | None
    steps: int


def measure_market(seed: int, profile: MarketProfile, base: str, orders_per_s: float) -> PlantableMarket:
    """Return the market with the sizes of its first ordinary orders."""
    scale = profile.usd / 10.0 ** (profile.price_decimals + profile.size_decimals)
    prints = islice(generate_prints(seed, profile, 0), _MEASURED_TRADES)
    orders = groupby(prints, key=lambda one: one.order)
    dollars = sorted(sum(one.price * one.size for one in fills) * scale for _, fills in orders)
    return PlantableMarket(profile, base, orders_per_s, dollars)


def plan_hour(seed: int, hour: int, markets: Sequence[PlantableMarket], noises: Sequence[float]) -> list[PlantedOrder]:
    """Return what is planted in the hour `hour` (of the epoch), by time: a robot in each market, clusters in each base.

    noises: wished for the robots, in turn; the nearest that a market has is taken, and stands in the order.
    """
    dice = random.Random(f"planted:{seed}:{hour}")
    markets = sorted(markets, key=lambda market: market.key)
    planted: list[PlantedOrder] = []
    for number, market in enumerate(markets):
        group = f"{seed}-{hour}-{number}"
        planted += _plan_robot(dice, hour, group, market, noises[(number + hour) % len(noises)])
    bases: dict[str, dict[str, MarketKey]] = defaultdict(dict)
    for market in markets:
        bases[market.base].setdefault(market.key[0], market.key)
    for base, keys in sorted(bases.items()):
        for number in range(CLUSTERS_AN_HOUR if len(keys) > 1 else 0):
            planted += _plan_cluster(dice, hour, f"{seed}-{hour}-{base}-{number}", list(keys.values()))
    return sorted(planted)


def choose_usd(market: PlantableMarket, period_s: int, noise: float) -> tuple[float, float]:
    """Return the dollars of a robot's orders whose noise is nearest to `noise`, and that noise."""
    count = len(market.order_usd)
    places = (count - 1 - int((count - 1) * 0.6 * (step / 60) ** 3) for step in range(61))
    dollars = {max(LEAST_USD, market.order_usd[place] * LIKE) for place in places}
    found = {usd: count_like(market, usd) * period_s for usd in dollars}
    best = min(sorted(dollars), key=lambda usd: abs(math.log((found[usd] + 0.05) / (noise + 0.05))))
    return best, found[best]


def count_like(market: PlantableMarket, usd: float) -> float:
    """How many ordinary orders of one side and of about `usd` dollars are expected in a second."""
    low, high = (bisect_left(market.order_usd, usd * factor) for factor in (1 / LIKE, LIKE))
    return (high - low) / len(market.order_usd) * market.orders_per_s / 2


def _plan_robot(
    dice: random.Random, hour: int, group: str, market: PlantableMarket, noise: float
) -> Iterator[PlantedOrder]:
    period_s, side = dice.choice(PERIODS_S), _choose_side(dice)
    kind: PlantedKind = "twap" if dice.random() < 0.5 else "repeat"
    count = min(MOST_ORDERS, (HOUR_S - 60) // period_s)
    start = hour * HOUR_S + dice.uniform(5, HOUR_S - 10 - count * period_s)
    usd, found = choose_usd(market, period_s, noise)
    for number in range(count):
        time = start + number * period_s + dice.gauss(0, min(0.01 * period_s, 0.2))
        amount = usd * (dice.uniform(0.95, 1.05) if kind == "twap" else 1.0)
        yield PlantedOrder(
            int(time * SECOND_US), group, kind, market.key, side, amount, count, round(found, 3), period_s
        )


def _plan_cluster(dice: random.Random, hour: int, group: str, keys: Sequence[MarketKey]) -> Iterator[PlantedOrder]:
    start, side = hour * HOUR_S + dice.uniform(5, HOUR_S - 10), _choose_side(dice)
    members = dice.sample(keys, dice.randint(2, min(4, len(keys))))
    for number, key in enumerate(members):
        time = start + (dice.uniform(0, CLUSTER_SPREAD_S) if number else 0.0)
        yield PlantedOrder(int(time * SECOND_US), group, "cluster", key, side, dice.uniform(*CLUSTER_USD), len(members))


def _choose_side(dice: random.Random) -> Side:
    return "buy" if dice.random() < 0.5 else "sell"


class Planting:
    """Returns planted orders as they become due, and keeps what was sent. path: its file; None: in memory alone."""

    def __init__(self, seed: int, noises: Sequence[float], path: Path | None) -> None:
        self._seed, self._noises, self._path = seed, noises, path
        self.sent = read_planted(path) if path is not None else []
        if path is not None and path.exists():
            _write_planted(path, self.sent)  # without a torn last line, to which the next one would be appended
        self._pruned_day: int | None = None
        self._markets: dict[MarketKey, PlantableMarket] = {}
        self._coming: list[PlantedOrder] = []
        self._planned_hour: int | None = None

    def find_overlay(self, market: MarketKey) -> dict[int, PlantedPrint]:
        """What was planted in a market before, by index."""
        name = f"sim_{market[0]}"
        return {
            one.trade_id - 1: PlantedPrint(one.side == "sell", one.steps)
            for one in self.sent
            if (one.exchange, one.symbol) == (name, market[1])
        }

    def add_market(self, profile: MarketProfile, base: str, orders_per_s: float) -> None:
        """Plant in this market too."""
        self._markets[profile.key] = measure_market(self._seed, profile, base, orders_per_s)

    def take_due(self, now: int) -> list[PlantedOrder]:
        """The orders that have become due by `now` (µs UTC); those of the time before the first call are left out."""
        self._prune(now)
        hour = now // SECOND_US // HOUR_S
        if self._noises and hour != self._planned_hour:
            plan = plan_hour(self._seed, hour, list(self._markets.values()), self._noises)
            self._coming += [one for one in plan if self._planned_hour is not None or one.time >= now]
            self._planned_hour = hour
        due = bisect_left(self._coming, now + 1, key=lambda order: order.time)
        taken, self._coming = self._coming[:due], self._coming[due:]
        return taken

    def build_print(self, order: PlantedOrder) -> PlantedPrint:
        """The order in its market's steps, at the level of its price, so that like dollars are like quantities."""
        profile = self._markets[order.market].profile
        quantity = order.usd / (profile.price * profile.usd)
        return PlantedPrint(order.side == "sell", max(1, round(quantity * 10.0**profile.size_decimals)))

    def record(self, order: PlantedOrder, planted: PlantedPrint, trade_id: int, time: int) -> None:
        """Keep that an order is sent, before it is."""
        sent = PlantedTrade(
            *(order.group, order.kind, f"sim_{order.market[0]}", order.market[1], order.side, trade_id, time),
            *(round(order.usd, 2), order.orders, order.noise, order.period_s, planted.size),
        )
        if self._path is None:
            self.sent.append(sent)
        else:
            with self._path.open("a") as file:
                file.write(_encode_line(sent))

    def _prune(self, now: int) -> None:
        """Once a day of `now` (µs UTC), delete what is older than KEPT_DAYS from the file."""
        if self._path is not None and now // DAY_US != self._pruned_day:
            self._pruned_day = now // DAY_US
            known = read_planted(self._path)
            kept = [one for one in known if one.time >= now - KEPT_DAYS * DAY_US]
            if len(kept) < len(known):
                _write_planted(self._path, kept)


def planted_path(home: Path) -> Path:
    """Where a home keeps what was planted."""
    return home / "planted-orders.jsonl"


def read_planted(path: Path) -> list[PlantedTrade]:
    """Return what was planted, in the order of sending; none where there is no file."""
    try:
        return [PlantedTrade(**json.loads(line)) for line in path.read_text().split("\n")[:-1]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        raise PlaySetupError(f"{path} is no list of planted orders ({error}): take a fresh --home") from None


def _write_planted(path: Path, planted: Sequence[PlantedTrade]) -> None:
    write_text(path, "".join(map(_encode_line, planted)))


def _encode_line(planted: PlantedTrade) -> str:
    return json.dumps(asdict(planted)) + "\n"
