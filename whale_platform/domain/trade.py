"""The one shape of a trade, from the exchange's socket to the lake.

Identity is (exchange, symbol, trade_id): Kafka key material, the order within a symbol and every primary key follow
from it. Construction checks nothing, because parse functions build tens of thousands a second; what is absurd is
told by `plausibility.explain_implausible`. A tuple with names for the same reason: it is made in a quarter of the
time that a frozen dataclass takes.
"""

from decimal import Context, Decimal
from typing import Literal, NamedTuple

from whale_platform.domain.rates import convert_to_usd
from whale_platform.domain.sweep import SweepProgress

EXACT = Context(prec=100)  # the default context would round products beyond 28 digits

Side = Literal["buy", "sell"]
Source = Literal["live", "repair", "import", "replay", "simulated"]


class Trade(NamedTuple):
    """One fill.

    exchange: the adapter's name, e.g. `binance`; generated trades carry `sim_binance`.
    symbol: as the exchange spells it, e.g. `BTCUSDT`, `BTC-USD`.
    trade_id: the exchange's id; contiguous per symbol where `dense`.
    price: quote currency for one base unit; quantity: base units. Exact decimals.
    side: the TAKER's side.
    event_time, received_time: microseconds since the epoch, UTC; exchange's trade time and our receipt of the frame.
    source: how it reached us. taker_order_id: groups the fills of one taker order, where the exchange tells.
    block: it is told beside the trades of the book, and is part of no window: a trade that the exchange itself calls a
    block trade, agreed off the book, or a liquidation where the exchange's market kind is that.
    buyer, seller: who traded, where the exchange publishes it.
    usd_rate: US dollars for a unit of the quote currency where that is no dollar; usd_pair: by which pair, as
    `exchange:symbol`; the ingester adds both (rates.py).
    sweep: its taker order as far as this fill, from the second one on; the ingester adds it (sweep.py).
    """

    exchange: str
    symbol: str
    base: str
    quote: str
    trade_id: int
    price: Decimal
    quantity: Decimal
    side: Side
    event_time: int
    received_time: int
    source: Source = "live"
    dense: bool = True
    taker_order_id: str | None = None
    block: bool = False
    buyer: str | None = None
    seller: str | None = None
    sweep: SweepProgress | None = None
    usd_rate: Decimal | None = None
    usd_pair: str | None = None

    @property
    def notional(self) -> Decimal:
        """Price times quantity in quote currency, exact."""
        return EXACT.multiply(self.price, self.quantity)

    @property
    def usd_via(self) -> str | None:
        """How `notional_usd` came about: `USD` (as it is), `peg:USDT` (a coin taken as a dollar), `binance:EURUSDT`."""
        return usd_via(self.quote) or (self.usd_pair if self.notional_usd is not None else None)

    @property
    def notional_usd(self) -> Decimal | None:
        """Notional in US dollars, or None where the quote currency had no dollar rate (never a guess)."""
        if usd_via(self.quote) is not None:
            return self.notional
        if self.usd_rate is None or self.usd_pair is None:
            return None
        return convert_to_usd(self.notional, self.usd_rate)


# The one list of coins that count as a dollar; everything asks `usd_via`, so a new coin is added here alone. A coin is
# not on it where another one of the same name has lost its peg, as XUSD has (November 2025).
PEGGED = frozenset(
    {
        *("USDT", "USDC", "FDUSD", "TUSD", "USDP", "PAX", "BUSD", "DAI", "PYUSD", "GUSD"),
        *("USD1", "U", "RLUSD", "USDS", "USDE", "USDG", "BFUSD"),
    }
)
DOLLARS = PEGGED | {"USD"}


def usd_via(quote: str) -> str | None:
    """How an amount in `quote` is US dollars as it stands; None where it is converted, or has no dollar value."""
    if quote == "USD":
        return "USD"
    return f"peg:{quote}" if quote in PEGGED else None


def explain_whaleless(quote: str) -> str | None:
    """On what it depends whether a trade in `quote` can be a whale, for a person; None where on nothing."""
    if usd_via(quote):
        return None
    return (
        f"amounts in {quote} have a dollar value only while a pair of {quote} and a dollar coin is ingested too; "
        "without one no whale can be found"
    )
