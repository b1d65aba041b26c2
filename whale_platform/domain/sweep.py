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
_add, _multiply = _EXACT.add, _EXACT.multiply
MOST_NOTIONAL = Decimal(10) ** 20  # what is larger fits no message
_Order = tuple[int, str, str | None]  # time, the taker's side, and its order's id where the exchange tells
KEPT_ORDERS = 512  # of a symbol whose ids are not contiguous: trades of one order may come apart


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
        """Whether it is told beside the trades of the book (trade.py)."""

    @property
    def sweep(self) -> SweepProgress | None:
        """How far its order had come, where that is known."""


class SweepTracker:
    """Follows one symbol, whose trades come in the order of ids, or, without dense ids, of the exchange's frames.

    Without dense ids nothing is known of what lies between two trades: all of one time, side and order belong together.
    """

    __slots__ = ("_next_id", "_order", "_price", "_side", "_sparse", "_sums", "_time")

    def __init__(self, last: SweepFill | None = None) -> None:
        """`last`: the trade that came before, with its own progress."""
        self._sums: SweepProgress | SweepFill | None = None  # the order that the last trade belongs to; of one: itself
        self._next_id, self._time, self._side = 0, -1, ""
        self._order: str | None = None
        self._price = Decimal(0)
        self._sparse: dict[_Order, tuple[SweepProgress | SweepFill, Decimal]] = {}  # and the last price
        if last is not None and not last.block:
            self._begin(last)
            self._sums = last.sweep or last
            if not last.dense:
                self._sparse[last.event_time, last.side, last.taker_order_id] = self._sums, last.price

    def add(self, fill: SweepFill) -> SweepProgress | None:
        """How far the order of `fill` has come with it; None where it is the order's first fill."""
        # 1. A block is none, and whatever follows it is another order.
        if fill.block:
            return None
        if not fill.dense:
            return self._add_sparse(fill)
        # 2. Another order begins.
        if (
            fill.event_time != self._time
            or fill.side != self._side
            or fill.trade_id != self._next_id
            or fill.taker_order_id != self._order
        ):
            self._begin(fill)
            return None
        # 3. The order of the last trade goes on.
        assert self._sums is not None
        progress = _extend(self._sums, self._price, fill)
        self._sums, self._price, self._next_id = progress, fill.price, fill.trade_id + 1
        return progress if progress.notional < MOST_NOTIONAL else None

    def _begin(self, fill: SweepFill) -> None:
        self._sums, self._price = fill, fill.price
        self._next_id, self._time, self._side, self._order = (
            *(fill.trade_id + 1, fill.event_time, fill.side, fill.taker_order_id),
        )

    def _add_sparse(self, fill: SweepFill) -> SweepProgress | None:
        order = fill.event_time, fill.side, fill.taker_order_id
        known = self._sparse.get(order)
        progress = None if known is None else _extend(*known, fill)
        self._sparse[order] = progress or fill, fill.price
        if len(self._sparse) > KEPT_ORDERS:
            del self._sparse[next(iter(self._sparse))]
        return progress if progress is not None and progress.notional < MOST_NOTIONAL else None


def _extend(sums: SweepProgress | SweepFill, last_price: Decimal, fill: SweepFill) -> SweepProgress:
    if not isinstance(sums, SweepProgress):
        sums = _start(sums)
    price, quantity = fill.price, fill.quantity
    return SweepProgress(
        sums.first_id,
        sums.fills + 1,
        sums.levels + (price != last_price),
        sums.first_price,
        _add(sums.quantity, quantity),
        _add(sums.notional, _multiply(price, quantity)),
        None if sums.usd is None else _add_usd(sums.usd, fill),
    )


def _add_usd(sum_so_far: Decimal, fill: SweepFill) -> Decimal | None:
    usd = None if fill.usd_rate is None else fill.notional_usd
    total = None if usd is None else _add(sum_so_far, usd)
    return total if total is not None and total < MOST_NOTIONAL else None


def _start(fill: SweepFill) -> SweepProgress:
    notional = _multiply(fill.price, fill.quantity)
    usd = None if fill.usd_rate is None else fill.notional_usd
    return SweepProgress(fill.trade_id, 1, 1, fill.price, fill.quantity, notional, usd)
