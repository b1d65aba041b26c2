"""What is known of a generated market: price level, ticks, share of all trades and the sizes of its fills.

The size tables are quantiles of real fills (Binance spot, 2024-08-08/09: 19,904 of BTCUSDT, 14,515 of ETHUSDT), the
fills per taker order likewise. Currencies that are not listed get a small share and a price drawn from their name.
"""

import math
import zlib
from dataclasses import dataclass
from itertools import accumulate
from statistics import NormalDist

from whale_platform.exchanges.registry import load_simulated
from whale_platform.exchanges.simulation.play import MarketKey
from whale_platform.exchanges.simulation.simulated_exchange import FillBuilder

_PRICES = {"BTC": 61_700.0, "ETH": 2_680.0, "SOL": 155.0, "XRP": 0.61, "DOGE": 0.107, "ADA": 0.345, "AVAX": 22.6}
_PRICES |= {"LINK": 10.4, "LTC": 60.7, "DOT": 4.75, "BNB": 510.0}
KNOWN_CURRENCIES = tuple(_PRICES)
_SHARES = {"BTC": 0.34, "ETH": 0.24, "SOL": 0.13, "XRP": 0.08, "DOGE": 0.06, "ADA": 0.04, "AVAX": 0.035, "LINK": 0.03}
_SHARES |= {"LTC": 0.025, "DOT": 0.02}
_OTHER_SHARE = 0.01

_BTC = {0.0001: 0.7, 0.05: 5.5, 0.25: 6.2, 0.5: 41, 0.75: 866, 0.9: 3_555, 0.95: 6_169, 0.99: 20_000, 0.999: 45_100}
_BTC |= {0.9999: 110_000, 0.99997: 427_000, 0.9999999: 1_500_000}
_ETH = {0.0001: 0.4, 0.05: 3.0, 0.25: 5.4, 0.5: 21, 0.75: 468, 0.9: 2_145, 0.95: 4_291, 0.99: 10_000, 0.999: 30_700}
_ETH |= {0.9999: 100_000, 0.99997: 140_000, 0.9999999: 600_000}

# Share of taker orders with so many fills; within a class, n fills have a chance proportional to 1/n.
_FILL_CLASSES = ((1, 1, 0.66), (2, 4, 0.2), (5, 9, 0.091), (10, 29, 0.0455), (30, 79, 0.0028), (80, 735, 0.0007))


def _fill_chances() -> list[float]:
    chances: list[float] = []
    for low, high, share in _FILL_CLASSES:
        whole = sum(1 / n for n in range(low, high + 1))
        chances += [share / n / whole for n in range(low, high + 1)]
    return chances


_CHANCES = _fill_chances()
FILLS_CUMULATIVE = list(accumulate(_CHANCES))
"""FILLS_CUMULATIVE[n - 1]: the chance of at most n fills in one taker order."""
MEAN_FILLS = sum(n * chance for n, chance in enumerate(_CHANCES, 1))


@dataclass(frozen=True, slots=True)
class FillSizes:
    """Fill notional in US dollars: knots of its logarithm over the normal score of its quantile."""

    scores: tuple[float, ...]
    logs: tuple[float, ...]


def _sizes(quantiles: dict[float, float], scale: float = 1.0) -> FillSizes:
    normal = NormalDist()
    return FillSizes(tuple(map(normal.inv_cdf, quantiles)), tuple(math.log(usd * scale) for usd in quantiles.values()))


_SIZES = {"BTC": _sizes(_BTC), "ETH": _sizes(_ETH)}
_OTHER_SIZES = _sizes(_ETH, 0.6)


@dataclass(frozen=True, slots=True)
class MarketProfile:
    """One symbol. Prices are whole ticks of 10^-price_decimals, sizes whole steps of 10^-size_decimals.

    `share`: its part of all trades, before normalising. `usd`: one unit of the quote currency in dollars. `build_fill`:
    how its exchange writes a trade.
    """

    key: MarketKey
    price: float
    usd: float
    price_decimals: int
    size_decimals: int
    share: float
    sizes: FillSizes
    build_fill: FillBuilder


def build_profile(market: MarketKey, base: str, quote: str) -> MarketProfile:
    """The market of a symbol in its exchange's spelling, and of its currencies."""
    simulated = load_simulated(market[0])
    usd = _PRICES.get(quote, 1.0)
    price = _price(base) / usd
    size_decimals = min(8, max(0, math.ceil(math.log10(price * usd))) + simulated.size_decimals)
    return MarketProfile(
        key=market,
        price=price,
        usd=usd,
        price_decimals=min(8, max(2, 4 - math.floor(math.log10(price)))),
        size_decimals=size_decimals,
        share=_SHARES.get(base, _OTHER_SHARE) * simulated.trade_share,
        sizes=_SIZES.get(base, _OTHER_SIZES),
        build_fill=simulated.build_fill,
    )


def _price(base: str) -> float:
    return _PRICES.get(base) or 0.05 * 10 ** (zlib.crc32(base.encode()) % 1000 / 400)
