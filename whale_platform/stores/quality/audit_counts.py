"""How many trades Postgres has of each symbol and hour, and what the gap ledger says: for audit and repair.

The minutes are summed; of hours whose minutes retention has dropped the rollup still has the count. While minutes are
owed no rollup stands in for them. Read-only. Raises PostgresUnusableError.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from whale_platform.domain.market import MarketHour
from whale_platform.stores.asset_tables.materialisation import fetch_rows

WINDOWS, ROLLUP = "windows", "rollup"


@dataclass(frozen=True, slots=True)
class HourlyTradeCount:
    """Trades of one symbol and hour, with their first and last id; origin: `windows` or `rollup`."""

    trades: int
    first_id: int
    last_id: int
    origin: str


@dataclass(frozen=True, slots=True)
class LedgerGap:
    """Ids first_id..last_id, all missing when it was found; filled: how many came after all; detail: why not all."""

    exchange: str
    symbol: str
    first_id: int
    last_id: int
    state: str
    filled: int
    detail: str


_COUNTS = """
WITH minutes AS (
    SELECT exchange, symbol, date_bin('1 hour', window_start, 'epoch') AS hour, sum(trade_count)::bigint AS trades,
        min(first_trade_id) AS first_id, max(last_trade_id) AS last_id
    FROM trade_windows WHERE window_start >= %(start)s AND window_start < %(end)s GROUP BY 1, 2, 3
)
SELECT exchange, symbol, hour, trades, first_id, last_id, %(windows)s FROM minutes
UNION ALL SELECT exchange, symbol, hour, trade_count, first_trade_id, last_trade_id, %(rollup)s FROM hourly_rollups
WHERE hour >= %(start)s AND hour < least(%(end)s, %(kept)s)
    AND (exchange, symbol, hour) NOT IN (SELECT exchange, symbol, hour FROM minutes)
"""

_GAPS = """
SELECT g.exchange, g.symbol, g.first_id, g.last_id, g.state, g.filled, g.detail
FROM unnest(%(exchanges)s::text[], %(symbols)s::text[], %(firsts)s::bigint[], %(lasts)s::bigint[])
    AS asked (exchange, symbol, first_id, last_id)
JOIN ingest_gaps g ON (g.exchange, g.symbol) = (asked.exchange, asked.symbol)
    AND g.first_id <= asked.last_id AND g.last_id >= asked.first_id
ORDER BY 1, 2, 3
"""


def count_trades(dsn: str, start: datetime, end: datetime, kept: datetime) -> dict[MarketHour, HourlyTradeCount]:
    """By (exchange, symbol, hour): the trades of [start, end), from a full hour to a full minute, aware UTC.

    Minutes are owed from `kept` on: a rollup counts for earlier hours alone, of symbols without minutes there.
    """
    asked = {"start": start, "end": end, "kept": kept, "windows": WINDOWS, "rollup": ROLLUP}
    rows = fetch_rows(dsn, _COUNTS, asked)
    return {(exchange, symbol, hour): HourlyTradeCount(*rest) for exchange, symbol, hour, *rest in rows}


def read_sink_offsets(dsn: str) -> dict[tuple[str, int], tuple[int, str]]:
    """How far the sink has stored the topics, by (topic, partition): the next offset, and the id of the topic."""
    rows = fetch_rows(dsn, "SELECT topic, partition, next_offset, topic_id FROM sink_offsets", ())
    return {(topic, partition): (place, topic_id) for topic, partition, place, topic_id in rows}


def read_ledger_gaps(dsn: str, spans: Mapping[tuple[str, str], tuple[int, int]]) -> list[LedgerGap]:
    """The ledger's gaps that touch `spans`: {(exchange, symbol): (first id, last id)}; in order."""
    asked = {
        "exchanges": [exchange for exchange, _ in spans],
        "symbols": [symbol for _, symbol in spans],
        "firsts": [first for first, _ in spans.values()],
        "lasts": [last for _, last in spans.values()],
    }
    return [LedgerGap(*row) for row in fetch_rows(dsn, _GAPS, asked)]
