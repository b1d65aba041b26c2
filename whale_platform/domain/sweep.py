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

    __slots__ = ("_next_id", "_order", "_others", "_price", "_side", "_sums", "_time")

    def __init__(self, last: SweepFill | None = None) -> None:
        """`last`: the trade that came before, with its own progress."""
        self._sums: SweepProgress | SweepFill | None = None  # the order that the last trade belongs to; of one: itself
        self._next_id, self._time, self._side = 0, -1, ""
        self._order: str | None = None
        self._price = Decimal(0)
        # Without dense ids: the other orders of `_time`, each with its last price.
        self._others: dict[_Order, tuple[SweepProgress | SweepFill, Decimal]] = {}
        if last is not None and not last.block:
            self._begin(last)
            self._sums = last.sweep or last

    def add(self, fill: SweepFill) -> SweepProgress | None:
        """How far the order of `fill` has come with it; None where it is the order's first fill."""
        # 1. A block is none, and whatever follows it is another order.
        if fill.block:
            return None
        # 2. Another order begins, or, without dense ids, one of the same moment goes on.
        if (
            fill.event_time != self._time
            or fill.side != self._side
            or fill.taker_order_id != self._order
            or (fill.trade_id != self._next_id and fill.dense)
        ) and (fill.dense or not self._find_other(fill)):
            self._begin(fill)
            return None
        # 3. The order of the last trade goes on.
        sums, price, quantity = self._sums, fill.price, fill.quantity
        assert sums is not None
        if not isinstance(sums, SweepProgress):
            sums = _start(sums)
        progress = SweepProgress(
            sums.first_id,
            sums.fills + 1,
            sums.levels + (price != self._price),
            sums.first_price,
            _add(sums.quantity, quantity),
            _add(sums.notional, _multiply(price, quantity)),
            None if sums.usd is None else _add_usd(sums.usd, fill),
        )
        self._sums, self._price, self._next_id = progress, price, fill.trade_id + 1
        return progress if progress.notional < MOST_NOTIONAL else None

    def _begin(self, fill: SweepFill) -> None:
        self._sums, self._price = fill, fill.price
        self._next_id, self._time, self._side, self._order = (
            *(fill.trade_id + 1, fill.event_time, fill.side, fill.taker_order_id),
        )

    def _find_other(self, fill: SweepFill) -> bool:
        """Whether an order of this moment that was left for another goes on, which is the last trade's then."""
        if fill.event_time != self._time:
            self._others.clear()
            return False
        if self._sums is not None:
            self._others[self._side, self._order] = self._sums, self._price
        found = self._others.get((fill.side, fill.taker_order_id))
        if found is None:
            return False
        self._begin(fill)
        self._sums, self._price = found
        return True


def _add_usd(sum_so_far: Decimal, fill: SweepFill) -> Decimal | None:
    usd = None if fill.usd_rate is None else fill.notional_usd
    total = None if usd is None else _add(sum_so_far, usd)
    return total if total is not None and total < MOST_NOTIONAL else None


def _start(fill: SweepFill) -> SweepProgress:
    notional = _multiply(fill.price, fill.quantity)
    usd = None if fill.usd_rate is None else fill.notional_usd
    return SweepProgress(fill.trade_id, 1, 1, fill.price, fill.quantity, notional, usd)
