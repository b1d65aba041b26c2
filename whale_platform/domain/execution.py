"""What an order got for its size: its average price, and how far it moved the price against itself.

Table `whale_alerts` computes the same in its generated columns; both round alike, to 18 and 6 decimals.
"""

from decimal import ROUND_HALF_UP, Context, Decimal

_WIDE = Context(prec=120, rounding=ROUND_HALF_UP)
_PRICE, _BPS = Decimal("1e-18"), Decimal("1e-6")


def compute_vwap(notional: Decimal, quantity: Decimal) -> Decimal:
    """Return the average price by quantity, in the quote currency of `notional`."""
    return _round(_WIDE.divide(notional, quantity), _PRICE)


def compute_slippage_bps(side: str, first_price: Decimal, last_price: Decimal) -> Decimal:
    """Return how much worse the last price was for the taker than the first, in hundredths of a per cent of the first.

    Negative where the price moved in the taker's favour.
    """
    worse = _WIDE.subtract(last_price, first_price) if side == "buy" else _WIDE.subtract(first_price, last_price)
    return _round(_WIDE.divide(_WIDE.multiply(worse, Decimal(10_000)), first_price), _BPS)


def _round(number: Decimal, least: Decimal) -> Decimal:
    """Without trailing zeros, and zero without a sign, as Postgres has them."""
    return _WIDE.plus(number.quantize(least, context=_WIDE)).normalize(_WIDE)
