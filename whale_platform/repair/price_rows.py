"""The prices around whales as the lake has them, in the form in which Postgres keeps them.

A lake that is not there yet knows of none. Raises LakeError's subclasses.
"""

from collections.abc import Iterable
from pathlib import Path

from whale_platform.lake.analysis import trade_prices
from whale_platform.lake.delta.schema import exists
from whale_platform.stores.asset_tables.whale_prices import PriceRow, Whale


def look(root: Path, whales: Iterable[Whale]) -> list[PriceRow]:
    """A row for each of `whales`."""
    if not exists(root):
        return []
    found = trade_prices.around(root, whales)
    return [
        PriceRow(*key, one.before, *(one.after[minutes] for minutes in trade_prices.AFTER))
        for key, one in found.items()
    ]
