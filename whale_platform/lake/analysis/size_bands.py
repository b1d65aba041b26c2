"""Sums of the lake's trades by market, minute and size band (domain/size_bands.py).

All fills of an order have one trade time, side and order id. Where those are up to 64 consecutive ids, as nearly all
are, or one trade, the group is the order; only the other groups are looked at row by row: there are more, an id is
missing among them, a trade is there twice, or ids are not contiguous. A missing id ends an order, as in
`domain/sweep.py`; a gap that is filled later puts it together again, with the next look. A trade that the lake has
twice counts once, and an aggregate beside its fills as compaction leaves it. Raises LakeError's subclasses.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from whale_platform.domain.size_bands import BAND_EDGES_USD, BANDS, MarketBands
from whale_platform.lake.analysis.sweeps import BLOCK_SQL
from whale_platform.lake.delta.schema import COLUMN_NAMES
from whale_platform.lake.duckdb import engine
from whale_platform.lake.maintenance import rewrite
from whale_platform.storage.folders import Folder

MEMORY_LIMIT = "200MB"  # half of what is usual: it is at work each minute, and takes no longer
_KEY = "exchange, symbol, event_time, side, taker_order_id, aggregate"
_BAND = " + ".join(f"(usd >= {edge})::INTEGER" for edge in BAND_EDGES_USD)
_SUM_COLUMNS = ", ".join(
    total.format(f"FILTER (side = '{side}' AND band = {band})")
    for total in ("coalesce(sum(usd) {}, 0::DECIMAL(38,18))", "count(usd) {}")
    for side in ("buy", "sell")
    for band in range(BANDS)
)
# Consecutive ids are told by their lowest six bits: as many different ones as fills. count(DISTINCT) costs half as much
# again as the whole statement.
_DIFFERENT_IDS = "bit_count(bit_or(1::UBIGINT << (trade_id & 63)::UBIGINT)::BIT)"
_BANDS = f"""
WITH fills AS (
    SELECT exchange, symbol, event_time, side, taker_order_id, trade_id, topic_offset, topic_partition,
        coalesce(fills, 1) AS fills, CASE WHEN fills > 1 THEN trade_id END AS aggregate,
        coalesce(dense, true) AS dense, {engine.USD_SQL} AS usd
    FROM {{rows}} WHERE event_time >= $start AND event_time < $end AND NOT {BLOCK_SQL}
), groups AS (
    SELECT {_KEY}, sum(usd) AS usd, sum(fills) AS trades, coalesce(sum(fills) FILTER (usd IS NULL), 0) AS unvalued,
        count(*) = 1 OR (bool_and(dense) AND aggregate IS NULL AND max(trade_id) - min(trade_id) + 1 = count(*)
            AND {_DIFFERENT_IDS} = count(*)) AS whole
    FROM fills GROUP BY {_KEY}
), odd AS (
    SELECT fills.* FROM fills SEMI JOIN (SELECT * FROM groups WHERE NOT whole) AS cut
        ON fills.exchange = cut.exchange AND fills.symbol = cut.symbol AND fills.event_time = cut.event_time
        AND fills.side = cut.side AND fills.taker_order_id IS NOT DISTINCT FROM cut.taker_order_id
        AND fills.aggregate IS NOT DISTINCT FROM cut.aggregate
    QUALIFY row_number() OVER (PARTITION BY fills.exchange, fills.symbol, fills.trade_id
        ORDER BY topic_offset NULLS LAST, topic_partition) = 1
), islands AS (
    SELECT *, CASE WHEN dense THEN trade_id - row_number() OVER (PARTITION BY {_KEY} ORDER BY trade_id) END AS island
    FROM odd
), orders AS (
    SELECT exchange, symbol, event_time, side, usd, trades, unvalued FROM groups WHERE whole UNION ALL
    SELECT exchange, symbol, event_time, side, sum(usd), sum(fills), coalesce(sum(fills) FILTER (usd IS NULL), 0)
    FROM islands GROUP BY {_KEY}, island
)
SELECT exchange, symbol, epoch_us(event_time) // 60000000 AS minute, sum(trades)::BIGINT, sum(unvalued)::BIGINT,
    count(usd), {{sums}}
FROM (SELECT *, {_BAND} AS band FROM orders) GROUP BY exchange, symbol, minute ORDER BY minute, exchange, symbol
"""
_AGGREGATES = "SELECT max(fills) > 1 FROM {rows} WHERE event_time >= $start AND event_time < $end"
_COUNT = """
SELECT epoch_us(event_time) // 60000000 AS minute, count(*) FROM {rows}
WHERE event_time >= $start AND event_time < $end GROUP BY minute
"""


def read_bands(root: Folder, paths: Iterable[str], start: datetime, end: datetime) -> list[MarketBands]:
    """Return the minutes of [start, end), aware full minutes, by time and market. `paths`: all files of their hours."""
    stored, times = engine.select_rows(root, paths), {"start": start, "end": end}
    with engine.connect(root, MEMORY_LIMIT) as connection:
        if connection.execute(_AGGREGATES.format(rows=stored), times).fetchone() == (True,):
            distinct = rewrite.select_distinct(connection, f"SELECT {', '.join(COLUMN_NAMES)} FROM {stored}")
            stored = f"({distinct})"
        rows = connection.execute(_BANDS.format(rows=stored, sums=_SUM_COLUMNS), times).fetchall()
    found = []
    for exchange, symbol, minute, trades, unvalued, valued, *sums in rows:
        parts = (sums[first : first + BANDS] if valued else None for first in range(0, len(sums), BANDS))
        at = datetime.fromtimestamp(minute * 60, UTC)
        found.append(MarketBands(exchange, symbol, at, trades, unvalued, *parts))
    return found


def count_rows(root: Folder, paths: Iterable[str], start: datetime, end: datetime) -> dict[datetime, int]:
    """{minute: all rows of these files, as they are stored} of the minutes of [start, end) that have some."""
    with engine.connect(root, MEMORY_LIMIT) as connection:
        statement = _COUNT.format(rows=engine.select_rows(root, paths))
        rows = connection.execute(statement, {"start": start, "end": end}).fetchall()
    return {datetime.fromtimestamp(minute * 60, UTC): count for minute, count in rows}
