"""Dollars for amounts in other currencies: by the last price of a pair that leads to dollars, or not at all.

The ingester sees those prices, and writes rate and pair into each trade that needs them, so that every reader and
every recomputation has the same dollars. A price serves for RATE_AGE_US; where none is so near in time, the trade has
no dollar value: none is guessed. Nothing here fails.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import NamedTuple

RATE_AGE_US = 60_000_000  # how far, in event time, a price may lie from the trade that it converts
_EXACT = Context(prec=100, rounding=ROUND_HALF_EVEN)
_UNIT = Decimal("1e-18")
_MOST = Decimal(10) ** 20  # no message holds more


class UsdRate(NamedTuple):
    """US dollars for a unit of a currency; via: exchange and symbol of the pair; event_time: microseconds UTC."""

    usd: Decimal
    via: str
    event_time: int


def convert_to_usd(amount: Decimal, rate: Decimal) -> Decimal | None:
    """Return `amount` in US dollars, rounded half to even at 18 decimals; None where no message could hold it."""
    usd = _EXACT.multiply(amount, rate).quantize(_UNIT, context=_EXACT)
    return usd if 0 < usd < _MOST else None


def invert(price: Decimal) -> Decimal:
    """Return what a unit of the quote currency is worth in the base currency, at 18 decimals."""
    return _EXACT.divide(Decimal(1), price).quantize(_UNIT, context=_EXACT)


class RateBook:
    """The newest rate of each currency, by the trades that were told to it.

    `wanted`: the currencies that were asked for, so that no price of another one has to be recorded.
    """

    def __init__(self) -> None:
        self.wanted: set[str] = set()
        self._rates: dict[str, UsdRate] = {}
        self._is_reader = False

    def build_reader(self) -> "RateBook":
        """Return this book for trades that tell no rate, since they are of perpetuals or blocks."""
        reader = RateBook()
        reader.wanted, reader._rates, reader._is_reader = self.wanted, self._rates, True
        return reader

    def record(self, currency: str, rate: UsdRate) -> None:
        """A unit of `currency` was worth so much."""
        if not self._is_reader:
            self._rates[currency] = rate

    def find(self, currency: str, event_time: int) -> UsdRate | None:
        """Return the rate for a trade of that time; None where there is none within RATE_AGE_US of it."""
        self.wanted.add(currency)
        rate = self._rates.get(currency)
        return rate if rate is not None and abs(rate.event_time - event_time) <= RATE_AGE_US else None
