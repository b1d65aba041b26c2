"""Plausibility bounds: a trade outside them is quarantined, so that it can't spoil a window or move the watermark.

The bounds follow from the widest decimals that Spark sums exactly (38 digits, 18 of them after the point) and from
what markets have shown: no coin has traded above a billion dollars, no spot fill above ten billion.
"""

from decimal import Decimal

from whale_platform.domain.epochs import EPOCH
from whale_platform.domain.trade import Trade

MIN_PRICE = Decimal("1e-12")
MAX_PRICE = Decimal("1e9")
MAX_QUANTITY = Decimal("1e15")
MAX_NOTIONAL = Decimal("1e12")
SAFE_QUANTITY = MAX_NOTIONAL / MAX_PRICE  # no more than this reaches the notional at any price
MAX_DECIMALS = 18
MAX_SPARSE_ID = 2**53  # ids that are not contiguous are in no epoch; JavaScript reads smaller ones exactly
FUTURE_US = 60_000_000
EARLIEST_US = 1_230_768_000_000_000  # 2009-01-01: before the first bitcoin nothing traded
_EIGHT = Decimal("1e-8")


def count_decimals(number: Decimal) -> int:
    """Digits after the point, without trailing zeros."""
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else MAX_DECIMALS + 1


def _has_few_decimals(price: Decimal, quantity: Decimal) -> bool:
    """Quick and sure where true: of the large exchanges' 8 decimals each, or few enough with their trailing zeros."""
    if price.same_quantum(_EIGHT) and quantity.same_quantum(_EIGHT):
        return True
    return _count_written_decimals(price) + _count_written_decimals(quantity) <= MAX_DECIMALS


def _count_written_decimals(number: Decimal) -> int:
    """Digits after the point of a finite number, with trailing zeros."""
    exponent = number.as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def explain_implausible(trade: Trade, now_us: int) -> str | None:
    """Why `trade` can't be real, or None. `now_us`: the best guess of the exchange's clock, microseconds UTC."""
    price, quantity = trade.price, trade.quantity
    if not (price.is_finite() and quantity.is_finite()):
        return f"price {price} or quantity {quantity} is not a number"
    if not MIN_PRICE <= price <= MAX_PRICE:
        return f"price {price} outside {MIN_PRICE} to {MAX_PRICE}"
    if not 0 < quantity <= MAX_QUANTITY:
        return f"quantity {quantity} outside 0 to {MAX_QUANTITY}"
    if quantity > SAFE_QUANTITY and trade.notional > MAX_NOTIONAL:
        return f"notional {trade.notional} above {MAX_NOTIONAL}"
    if not _has_few_decimals(price, quantity) and count_decimals(price) + count_decimals(quantity) > MAX_DECIMALS:
        return f"price {price} and quantity {quantity} have more than {MAX_DECIMALS} decimals together"
    if not 0 <= trade.trade_id < (EPOCH if trade.dense else MAX_SPARSE_ID):
        return f"trade id {trade.trade_id} outside 0 to {EPOCH if trade.dense else MAX_SPARSE_ID}"
    if trade.event_time < EARLIEST_US:
        return f"trade time {trade.event_time} before 2009"
    if trade.event_time > now_us + FUTURE_US:
        return f"trade time {(trade.event_time - now_us) / 1e6:.1f} s in the future"
    return None
