"""Dollars for amounts in other currencies: by the last price of a pair that leads to dollars, or not at all.

The ingester sees those prices, and writes rate and pair into each trade that needs them, so that every reader and
every recomputation has the same dollars. A price serves for RATE_AGE_US; where none is so near in time, the trade has
no dollar value: none is guessed. Nothing here fails.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import NamedTuple

RATE_AGE_US = 60_000_000  # how far, in event time, a price may lie from the trade that it converts
_EXACT = Context(prec=100, rounding=ROUND_HALF_EVEN)
_RANKED = ("USD", "USDT", "USDC")
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
    """The newest rates of each currency, by the trades that were told to it.

    A pair with US dollars counts before one with USDT, that before USDC, and those before all other coins: one print
    on a market where nobody trades must not be the rate while a better one is fresh. `wanted`: the currencies that were
    asked for, so that no price of another one has to be recorded.
    """

    def __init__(self) -> None:
        self.wanted: set[str] = set()
        self._rates: dict[str, list[UsdRate | None]] = {}  # by rank
        self._is_reader = False

    def build_reader(self) -> "RateBook":
        """Return this book for trades that tell no rate, since they are of perpetuals or blocks."""
        reader = RateBook()
        reader.wanted, reader._rates, reader._is_reader = self.wanted, self._rates, True
        return reader

    def record(self, currency: str, coin: str, rate: UsdRate) -> None:
        """A unit of `currency` was worth so much in a pair with `coin`; a price older than the known one is ignored."""
        if self._is_reader:
            return
        known = self._rates.setdefault(currency, [None] * (len(_RANKED) + 1))
        rank = _RANKED.index(coin) if coin in _RANKED else len(_RANKED)
        before = known[rank]
        if before is None or rate.event_time >= before.event_time:
            known[rank] = rate

    def find(self, currency: str, event_time: int) -> UsdRate | None:
        """Return the rate for a trade of that time; None where there is none within RATE_AGE_US of it."""
        self.wanted.add(currency)
        fresh = (
            rate
            for rate in self._rates.get(currency, ())
            if rate is not None and abs(rate.event_time - event_time) <= RATE_AGE_US
        )
        return next(fresh, None)
