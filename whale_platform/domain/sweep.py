"""Sweeps: all fills of one taker order, as one whale.

The definition, for the stream, the recomputation and the back-test: a sweep is a maximal run of consecutive trade ids
of one symbol with the same trade time, taker's side and taker order id, where the exchange tells one. Blocks belong to
none. Where it tells none, two orders of one side in the same microsecond count as one.

`SweepTracker` follows the trades of one symbol in the order of their ids and carries the run's sums on: so whoever
reads a trade knows the order up to it, without a state of its own. Where a trade is missing the run ends, and begins
again behind it; the lake, in which the hole was filled, says what is right (stream/batch_recompute.py).
"""

from decimal import Context, Decimal
from typing import NamedTuple, Protocol

_EXACT = Context(prec=100)
MOST_NOTIONAL = Decimal(10) ** 20  # what is larger fits no message
_Order = tuple[str, str | None]  # the taker's side, and its order's id where the exchange tells


class SweepProgress(NamedTuple):
    """A taker order from its first fill to one of the later ones.

    first_id: trade id of the first fill, which identifies the sweep; fills: how many so far, at least two; levels:
    how many times the price has changed, plus one; first_price: quote currency for a base unit; quantity: base units;
    notional: quote currency, the exact sum of price times quantity; usd: the sum of its fills' US dollars where the
    quote currency is no dollar, None where one of them has no rate.
    """

    first_id: int
    fills: int
    levels: int
    first_price: Decimal
    quantity: Decimal
    notional: Decimal
    usd: Decimal | None = None


class SweepFill(Protocol):
    """What a sweep needs of a trade."""

    @property
    def trade_id(self) -> int:
        """The exchange's id, or the platform's where ids began again."""

    @property
    def price(self) -> Decimal:
        """Quote currency for a base unit."""

    @property
    def quantity(self) -> Decimal:
        """Base units."""

    @property
    def side(self) -> str:
        """The taker's side."""

    @property
    def event_time(self) -> int:
        """Trade time, microseconds UTC."""

    @property
    def notional_usd(self) -> Decimal | None:
        """US dollars; None where they are not known."""

    @property
    def usd_rate(self) -> Decimal | None:
        """US dollars for a unit of the quote currency, where that is no dollar."""

    @property
    def dense(self) -> bool:
        """Whether ids are contiguous."""

    @property
    def taker_order_id(self) -> str | None:
        """Of the taker's order."""

    @property
    def block(self) -> bool:
        """Whether the exchange calls it a block trade."""

    @property
    def sweep(self) -> SweepProgress | None:
        """How far its order had come, where that is known."""


class SweepTracker:
    """Follows one symbol, whose trades come in the order of ids, or, without dense ids, of the exchange's frames.

    Without dense ids nothing is known of what lies between two trades: those of one order belong together then.
    """

    def __init__(self, last: SweepFill | None = None) -> None:
        """`last`: the trade that came before, with its own progress."""
        self._next_id, self._time = 0, -1
        self._orders: dict[_Order, tuple[SweepProgress, Decimal]] = {}  # those of `_time`, with their last price
        if last is not None and not last.block:
            self._next_id, self._time = last.trade_id + 1, last.event_time
            self._orders[last.side, last.taker_order_id] = last.sweep or _begin(last), last.price

    def add(self, fill: SweepFill) -> SweepProgress | None:
        """How far the order of `fill` has come with it; None where it is the order's first fill."""
        if fill.block:
            return None
        if fill.event_time != self._time or (fill.dense and fill.trade_id != self._next_id):
            self._orders.clear()
        self._next_id, self._time = fill.trade_id + 1, fill.event_time
        order, price = (fill.side, fill.taker_order_id), fill.price
        known = self._orders.get(order) if self._orders else None
        if known is None:
            if fill.dense:
                self._orders.clear()
            self._orders[order] = _begin(fill), price
            return None
        sums, last_price = known
        progress = SweepProgress(
            sums.first_id,
            sums.fills + 1,
            sums.levels + (price != last_price),
            sums.first_price,
            _EXACT.add(sums.quantity, fill.quantity),
            _EXACT.add(sums.notional, _EXACT.multiply(price, fill.quantity)),
            _add_usd(sums.usd, fill),
        )
        self._orders[order] = progress, price
        return progress if progress.notional < MOST_NOTIONAL else None


def _add_usd(sum_so_far: Decimal | None, fill: SweepFill) -> Decimal | None:
    if fill.usd_rate is None or sum_so_far is None:
        return None
    usd = fill.notional_usd
    total = None if usd is None else _EXACT.add(sum_so_far, usd)
    return total if total is not None and total < MOST_NOTIONAL else None


def _begin(fill: SweepFill) -> SweepProgress:
    notional = _EXACT.multiply(fill.price, fill.quantity)
    usd = None if fill.usd_rate is None else fill.notional_usd
    return SweepProgress(fill.trade_id, 1, 1, fill.price, fill.quantity, notional, usd)
