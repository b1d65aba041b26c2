"""The endless, reproducible sequence of one market's trades: the nth is the same in every run with the same seed.

Only times belong to a run. The sequence is cut into blocks of 2,048 trades, each with a random generator of its own,
so that any place in it is reached without walking there. Within a block trades come as taker orders: one side, one
moment, from 1 to 735 fills that walk the book; the sizes of one order's fills go together, so that sweeps pass the
thresholds that single fills rarely do. Sometimes a hundred orders rush in within a tenth of a second.
"""

import math
import random
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from whale_platform.simulator.play.market_profile import FILLS_CUMULATIVE, MarketProfile

BLOCK_TRADES = 2048
_SAME_ORDER = 0.6  # how far the fills of one order share their size, as a correlation of normal scores
_OWN = math.sqrt(1 - _SAME_ORDER**2)
_LEVEL_STEP = 0.37  # of the fills of a sweep, so many go one price level further
_RUSH_CHANCE = 0.0006
_RUSH_GAP = 0.02
_GAP_CORRECTION = 1 / (1 - _RUSH_CHANCE * 100)


class TradePrint(NamedTuple):
    """One trade without its time. `order`: the number of its taker order's first fill; `sold`: the taker did.

    price in ticks, size in steps. gap: pause before it in mean pauses between orders (0 within an order); `rush`:
    one of a burst, where the pause is capped.
    """

    number: int
    order: int
    sold: bool
    price: int
    size: int
    gap: float
    rush: bool


def generate_prints(seed: int, market: MarketProfile, start: int) -> Iterator[TradePrint]:
    """The market's trades from number `start` (0 is the first) on, without end."""
    block = start // BLOCK_TRADES
    while True:
        for one in _block(seed, market, block):
            if one.number >= start:
                yield one
        block += 1


def _block(seed: int, market: MarketProfile, block: int) -> Iterator[TradePrint]:
    rng = random.Random(f"{seed}:{market.key[0]}:{market.key[1]}:{block}")
    ticks = 10.0**market.price_decimals
    here, there = (_anchor(seed, market, at) * ticks for at in (block, block + 1))
    steps = 10.0**market.size_decimals * ticks / market.usd
    scores, logs = market.sizes.scores, market.sizes.logs
    gauss, uniform, last = rng.gauss, rng.random, BLOCK_TRADES - 1
    done, rushing, sold, drift = 0, 0, uniform() < 0.5, 0.0
    while done < BLOCK_TRADES:
        if uniform() > 0.74:
            sold = not sold
        rushing = rushing - 1 if rushing else (rng.randint(50, 150) if uniform() < _RUSH_CHANCE else 0)
        gap = _gap(rng, rushing > 0)
        order, fills = block * BLOCK_TRADES + done, 1 + bisect_left(FILLS_CUMULATIVE, uniform())
        common, own = gauss(0.0, 1.0) * _SAME_ORDER, _OWN
        direction = -1 if sold else 1
        first = max(1, round(here + (there - here) * done / last + drift))
        price = first
        for _ in range(min(fills, BLOCK_TRADES - done)):
            usd = math.exp(_interpolate(common + own * gauss(0.0, 1.0), scores, logs))
            yield TradePrint(
                block * BLOCK_TRADES + done, order, sold, price, max(1, round(usd * steps / price)), gap, rushing > 0
            )
            done, gap = done + 1, 0.0
            if uniform() < _LEVEL_STEP:
                price = max(1, price + direction)
        drift = 0.98 * (drift + 0.5 * (price - first) + gauss(0.0, 1.0))


def _gap(rng: random.Random, burst: bool) -> float:
    """Mean 1 over all: half of the pauses are short, as in real feeds (median a quarter of the mean)."""
    if burst:
        return _RUSH_GAP * rng.random()
    return rng.expovariate(1.0) * (0.12 if rng.random() < 0.5 else 1.88) * _GAP_CORRECTION


def _anchor(seed: int, market: MarketProfile, block: int) -> float:
    """The price at the start of a block: slow waves, a few per cent around the market's level."""
    phase = random.Random(f"{seed}:{market.key[0]}:{market.key[1]}").random() * 1000
    waves = (math.sin(phase * n + block / period) / n for n, period in ((1, 200.0), (2, 62.0), (3, 14.0)))
    return market.price * math.exp(0.02 * sum(waves))


def _interpolate(score: float, scores: tuple[float, ...], logs: tuple[float, ...]) -> float:
    if score <= scores[0]:
        return logs[0]
    if score >= scores[-1]:
        return logs[-1]
    at = bisect_left(scores, score)
    part = (score - scores[at - 1]) / (scores[at] - scores[at - 1])
    return logs[at - 1] + part * (logs[at] - logs[at - 1])
