"""The lake's one table: its columns, and the two expressions that every reader needs.

Prices and quantities are decimal(38,18), the widest that Parquet readers agree on: any trade that the ingester lets
pass fits exactly (domain/plausibility.py). Their product mostly fits the same type once both are read as decimal(18,8);
where it doesn't (more than 8 decimals, or ten billion and more), `notional_wide` holds it, so nobody rounds.
"""

import re
from typing import NamedTuple

from whale_platform.lake.errors import LakeError
from whale_platform.storage import folders
from whale_platform.storage.folders import Folder

COMMIT_NAME = re.compile(r"\d{20}(\.json|\.checkpoint.*\.parquet)")
WIDE_DECIMAL, NARROW_DECIMAL = "decimal(38,18)", "decimal(18,8)"


class LakeColumn(NamedTuple):
    """One column: `delta` and `duck` name its type in Delta's and DuckDB's words."""

    name: str
    delta: str
    duck: str
    comment: str


COLUMNS = (
    LakeColumn("exchange", "string", "VARCHAR", "adapter name; sim_… for generated trades"),
    LakeColumn("symbol", "string", "VARCHAR", "as the exchange spells it"),
    LakeColumn("base", "string", "VARCHAR", "base currency"),
    LakeColumn("quote", "string", "VARCHAR", "quote currency"),
    LakeColumn("trade_id", "long", "BIGINT", "the exchange's id; with exchange and symbol the identity"),
    LakeColumn("fills", "integer", "INTEGER", "trades in this row: 1; more in imported aggregates, from trade_id on"),
    LakeColumn("dense", "boolean", "BOOLEAN", "whether the ids of this symbol have no holes by design"),
    LakeColumn("price", WIDE_DECIMAL, "DECIMAL(38,18)", "quote currency for one base unit, exact"),
    LakeColumn("quantity", WIDE_DECIMAL, "DECIMAL(38,18)", "base units, exact"),
    LakeColumn(
        "notional_wide",
        WIDE_DECIMAL,
        "DECIMAL(38,18)",
        "price x quantity where decimal(18,8) can't hold both; else null",
    ),
    LakeColumn("side", "string", "VARCHAR", "the taker's side: buy or sell"),
    LakeColumn("event_time", "timestamp", "TIMESTAMPTZ", "exchange's trade time, microseconds UTC"),
    LakeColumn("received_time", "timestamp", "TIMESTAMPTZ", "when the frame reached us; null where imported"),
    LakeColumn("source", "string", "VARCHAR", "live, repair, import, replay, simulated"),
    LakeColumn("taker_order_id", "string", "VARCHAR", "groups the fills of one order, where the exchange tells"),
    LakeColumn("block", "boolean", "BOOLEAN", "a block trade, or a liquidation; null: unknown, so neither"),
    LakeColumn("buyer", "string", "VARCHAR", "who bought, where the exchange publishes it"),
    LakeColumn("seller", "string", "VARCHAR", "who sold, where the exchange publishes it"),
    LakeColumn("usd_rate", WIDE_DECIMAL, "DECIMAL(38,18)", "US dollars for a unit of the quote currency; if no dollar"),
    LakeColumn("usd_pair", "string", "VARCHAR", "the pair that gave usd_rate, as exchange:symbol"),
    LakeColumn("usd_exact", WIDE_DECIMAL, "DECIMAL(38,18)", "US dollars by usd_rate; null where the quote is a dollar"),
    LakeColumn("topic_partition", "integer", "INTEGER", "of the message in raw_crypto_trades; null where imported"),
    LakeColumn("topic_offset", "long", "BIGINT", "of the message in raw_crypto_trades; null where imported"),
)
PARTITION_COLUMNS = (
    LakeColumn("date", "date", "DATE", "day of event_time, UTC"),
    LakeColumn("hour", "integer", "INTEGER", "hour of event_time, UTC"),
)
COLUMN_NAMES = tuple(column.name for column in COLUMNS)
IDENTITY = ("exchange", "symbol", "trade_id")
STATISTICS_COLUMNS = ("exchange", "symbol", "trade_id", "event_time", "topic_offset")

# The log and the files of old versions stay two days; vacuum deletes what no version of the last day needs.
TABLE_PROPERTIES: dict[str, str | None] = {
    "delta.checkpointInterval": "100",
    "delta.logRetentionDuration": "interval 2 days",
    "delta.deletedFileRetentionDuration": "interval 1 days",
    "delta.enableExpiredLogCleanup": "true",
}


def table_exists(root: Folder) -> bool:
    """Whether the table is there; costs no library. Raises LakeError where that can't be known.

    Its log's folder comes before its first commit: until then nobody reads. Data without a log is a broken table.
    """
    return has_commit(root) or any(name.startswith("date=") for name in _names(root))


def has_commit(root: Folder) -> bool:
    """Whether the table's log has a commit, or a checkpoint of many. Raises LakeError where that can't be known."""
    return any(COMMIT_NAME.fullmatch(name) for name in _names(root / "_delta_log"))


def _names(folder: Folder) -> list[str]:
    try:
        return folders.list_names(folder)
    except OSError as error:
        raise LakeError(f"the lake can't be reached: {error}") from None


def build_narrow_check(number: str) -> str:
    """SQL (DuckDB and Spark alike): whether decimal(18,8) holds this decimal(38,18) exactly."""
    return f"coalesce(try_cast({number} AS {NARROW_DECIMAL}) = {number}, false)"
