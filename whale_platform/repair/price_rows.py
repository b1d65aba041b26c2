"""The prices around whales as the lake has them, in the form in which Postgres keeps them.

A lake that is not there yet knows of none. Raises LakeError's subclasses.
"""

from collections.abc import Iterable
from datetime import datetime

from whale_platform.domain.names import BLOCK, LIQUIDATION
from whale_platform.lake.analysis import trade_prices
from whale_platform.lake.delta import table
from whale_platform.lake.delta.schema import table_exists
from whale_platform.storage.folders import Folder
from whale_platform.stores.asset_tables.whale_prices import WhalePriceRow, WhaleRef


def find_newest_hour(root: Folder) -> datetime | None:
    """The start (aware UTC) of the newest hour of which the lake has trades."""
    return max((file.start for file in table.list_files(table.open_table(root))), default=None)


def find_whale_prices(root: Folder, whales: Iterable[WhaleRef]) -> list[WhalePriceRow]:
    """A row for each of `whales`.

    A sweep and its first fill have the same prices around them. Blocks and liquidations are looked for by
    themselves: theirs are other ids than the trades'.
    """
    if not table_exists(root):
        return []
    asked = list(whales)
    rows: list[WhalePriceRow] = []
    beside = BLOCK, LIQUIDATION
    for some in ([key for key in asked if key[2] in beside], [key for key in asked if key[2] not in beside]):
        found = trade_prices.find_prices(root, {(*key[:2], *key[3:]) for key in some})
        for exchange, symbol, kind, trade_id, _ in some:
            prices = found[exchange, symbol, trade_id]
            one_s, ten_s, one, five, fifteen = (prices.after[seconds] for seconds in trade_prices.SECONDS_AFTER)
            rows.append(
                WhalePriceRow(exchange, symbol, kind, trade_id, prices.before, one_s, ten_s, one, five, fifteen)
            )
    return rows
