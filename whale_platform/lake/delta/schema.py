"""The lake's one table: its columns, and the two expressions that every reader needs.

Prices and quantities are decimal(38,18), the widest that Parquet readers agree on: any trade that the ingester lets
pass fits exactly (domain/plausibility.py). Their product mostly fits the same type once both are read as decimal(18,8);
where it doesn't (more than 8 decimals, or ten billion and more), `notional_wide` holds it, so nobody rounds.
"""

import re
from pathlib import Path
from typing import NamedTuple

COMMIT = re.compile(r"\d{20}(\.json|\.checkpoint.*\.parquet)")
WIDE, NARROW = "decimal(38,18)", "decimal(18,8)"


class Column(NamedTuple):
    """One column: `delta` and `duck` name its type in Delta's and DuckDB's words."""

    name: str
    delta: str
    duck: str
    comment: str


COLUMNS = (
    Column("exchange", "string", "VARCHAR", "adapter name; sim_… for generated trades"),
    Column("symbol", "string", "VARCHAR", "as the exchange spells it"),
    Column("base", "string", "VARCHAR", "base currency"),
    Column("quote", "string", "VARCHAR", "quote currency"),
    Column("trade_id", "long", "BIGINT", "the exchange's id; with exchange and symbol the identity"),
    Column("fills", "integer", "INTEGER", "trades in this row: 1; more in imported aggregates, from trade_id on"),
    Column("dense", "boolean", "BOOLEAN", "whether the ids of this symbol have no holes by design"),
    Column("price", WIDE, "DECIMAL(38,18)", "quote currency for one base unit, exact"),
    Column("quantity", WIDE, "DECIMAL(38,18)", "base units, exact"),
    Column("notional_wide", WIDE, "DECIMAL(38,18)", "price x quantity where decimal(18,8) can't hold both; else null"),
    Column("side", "string", "VARCHAR", "the taker's side: buy or sell"),
    Column("event_time", "timestamp", "TIMESTAMPTZ", "exchange's trade time, microseconds UTC"),
    Column("received_time", "timestamp", "TIMESTAMPTZ", "when the frame reached us; null where imported"),
    Column("source", "string", "VARCHAR", "live, repair, import, replay, simulated"),
    Column("taker_order_id", "string", "VARCHAR", "groups the fills of one order, where the exchange tells"),
    Column("topic_partition", "integer", "INTEGER", "of the message in raw_crypto_trades; null where imported"),
    Column("topic_offset", "long", "BIGINT", "of the message in raw_crypto_trades; null where imported"),
)
PARTITION = (
    Column("date", "date", "DATE", "day of event_time, UTC"),
    Column("hour", "integer", "INTEGER", "hour of event_time, UTC"),
)
NAMES = tuple(column.name for column in COLUMNS)
IDENTITY = ("exchange", "symbol", "trade_id")
STATISTICS = ("exchange", "symbol", "trade_id", "event_time", "topic_offset")

# The log and the files of old versions stay two days; vacuum deletes what no version of the last day needs.
PROPERTIES: dict[str, str | None] = {
    "delta.checkpointInterval": "100",
    "delta.logRetentionDuration": "interval 2 days",
    "delta.deletedFileRetentionDuration": "interval 1 days",
    "delta.enableExpiredLogCleanup": "true",
}


def exists(root: Path) -> bool:
    """Whether the table is there; costs no library.

    Its log's folder comes before its first commit: until then nobody reads. Data without a log is a broken table.
    """
    return committed(root) or any(root.glob("date=*"))


def committed(root: Path) -> bool:
    """Whether the table's log has a commit, or a checkpoint of many."""
    return any(COMMIT.fullmatch(path.name) for path in (root / "_delta_log").glob("0*"))


def fits_narrow(number: str) -> str:
    """SQL (DuckDB and Spark alike): whether decimal(18,8) holds this decimal(38,18) exactly."""
    return f"coalesce(try_cast({number} AS {NARROW}) = {number}, false)"
