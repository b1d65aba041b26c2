"""The prices around whales as the lake has them, in the form in which Postgres keeps them.

A lake that is not there yet knows of none. Raises LakeError's subclasses.
"""

from collections.abc import Iterable

from whale_platform.lake.analysis import trade_prices
from whale_platform.lake.delta.schema import table_exists
from whale_platform.storage.folders import Folder
from whale_platform.stores.asset_tables.whale_prices import WhalePriceRow, WhaleRef


def find_whale_prices(root: Folder, whales: Iterable[WhaleRef]) -> list[WhalePriceRow]:
    """A row for each of `whales`."""
    if not table_exists(root):
        return []
    found = trade_prices.find_prices(root, whales)
    return [
        WhalePriceRow(*key, one.before, *(one.after[minutes] for minutes in trade_prices.MINUTES_AFTER))
        for key, one in found.items()
    ]
