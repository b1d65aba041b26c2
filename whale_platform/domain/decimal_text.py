"""Decimals as text, exactly: the one spelling that messages, files and reports share."""

from decimal import Decimal


def format_decimal(number: Decimal) -> str:
    """`number` exactly, without exponent and trailing zeros: Decimal('1E+3') -> '1000', Decimal('0.50') -> '0.5'."""
    text = str(number)
    if "E" in text:
        text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text if text not in ("", "-", "-0") else "0"
