"""Rows as Markdown tables, numbers as people read them.

What stands in a cell may have come from an exchange: nothing in it becomes a link, a picture that is fetched, or HTML.
"""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

_ACTIVE = re.compile(r"[\\`|\[\]<>]")


def render_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; every column but the first is aligned right."""
    lines = [_render_row(head), _render_row([":---", *["---:"] * (len(head) - 1)])]
    return "\n".join([*lines, *(_render_row([str(cell) for cell in row]) for row in rows)])


def _render_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_escape_cell(cell) for cell in cells)} |"


def _escape_cell(text: str) -> str:
    return _ACTIVE.sub(r"\\\g<0>", "".join(char if char.isprintable() else " " for char in text))


def format_money(usd: Decimal) -> str:
    """`$1,234,567`; a minus in front."""
    return f"{'-' if usd < 0 else ''}${abs(usd):,.0f}"


def format_price(value: Decimal | str | None) -> str:
    """Every digit the exchange gave, thousands apart; a dash where there is none."""
    return "–" if value is None else f"{Decimal(value).normalize():,f}"


def format_percent(part: Decimal | float, digits: int = 1) -> str:
    """0.123 -> `12.3 %`."""
    return f"{float(part) * 100:.{digits}f} %"
