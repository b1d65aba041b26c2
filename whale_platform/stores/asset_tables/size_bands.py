"""Table `size_bands`: each minute by the size of its orders, which the lake has (repair/band_rows.py computes them).

Table `size_band_minutes` has of how many of the lake's rows each minute was made.

The lake is the only source, so what it says of a time replaces what was there. Raises as `open_transaction` does.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from whale_platform.domain.size_bands import BANDS, MarketBands
from whale_platform.stores.asset_tables.materialisation import (
    HourRange,
    Provenance,
    fetch_rows,
    open_exclusive_transaction,
)

TABLE = "size_bands"
_SUMS = dict.fromkeys(("buy_usd", "sell_usd"), "trim_scale(sum({}))") | dict.fromkeys(
    ("buy_orders", "sell_orders"), "sum({})::bigint"
)
# Of each array one of its sums, null where no row has one.
SUMMED_ARRAYS = ", ".join(
    f"CASE WHEN count({name}) > 0 "
    f"THEN ARRAY[{', '.join(total.format(f'{name}[{band}]') for band in range(1, BANDS + 1))}] END"
    for name, total in _SUMS.items()
)

_WRITE = """
INSERT INTO size_bands (exchange, symbol, window_start, trades, unvalued_trades, buy_usd, sell_usd, buy_orders,
    sell_orders, run_id, code_version)
VALUES %s
"""
_TEMPLATE = "(%s, %s, %s, %s, %s, %s::numeric[], %s::numeric[], %s::bigint[], %s::bigint[], %s, %s)"
_DELETE = "DELETE FROM {} WHERE window_start >= %s AND window_start < %s"
_WRITE_MINUTES = "INSERT INTO size_band_minutes (window_start, lake_rows) VALUES %s"
_HOURS = """
SELECT exchange, symbol, date_bin('1 hour', window_start, 'epoch') AS hour, sum(trades)::bigint,
    sum(unvalued_trades)::bigint, {arrays}
FROM size_bands WHERE window_start >= %s AND window_start < %s
GROUP BY exchange, symbol, hour ORDER BY hour, exchange, symbol
"""
_STORED = """
SELECT date_bin('1 hour', window_start, 'epoch') AS hour, sum(lake_rows)::bigint FROM size_band_minutes
WHERE window_start >= %s AND window_start < %s GROUP BY hour
"""


def open_transaction(dsn: str) -> AbstractContextManager[Cursor]:
    """A transaction in which nobody else writes bands: who reads the lake in it writes nothing older than is there."""
    return open_exclusive_transaction(dsn, TABLE)


def replace_bands(
    cursor: Cursor,
    start: datetime,
    end: datetime,
    rows: Sequence[MarketBands],
    lake_rows: Mapping[datetime, int],
    provenance: Provenance,
) -> None:
    """Put `rows` in the place of all minutes of [start, end), in a transaction of `open_transaction`.

    lake_rows: by minute how many the lake has.
    """
    delete_bands(cursor, start, end)
    made = (provenance.run_id, provenance.code_version)
    values = [(*row[:5], *(None if sums is None else list(sums) for sums in row[5:]), *made) for row in rows]
    execute_values(cursor, _WRITE, values, template=_TEMPLATE, page_size=1000)
    execute_values(cursor, _WRITE_MINUTES, sorted(lake_rows.items()), page_size=1000)


def delete_bands(cursor: Cursor, start: datetime, end: datetime) -> None:
    """Delete all minutes of [start, end)."""
    for table in (TABLE, "size_band_minutes"):
        cursor.execute(_DELETE.format(table), (start, end))


def read_hourly_bands(dsn: str, hours: HourRange) -> list[MarketBands]:
    """The sums of these hours by hour, exchange and symbol, as far as their minutes are stored."""
    return [MarketBands(*row) for row in fetch_rows(dsn, _HOURS.format(arrays=SUMMED_ARRAYS), (hours.start, hours.end))]


def count_lake_rows(dsn: str, hours: HourRange) -> dict[datetime, int]:
    """{hour: of how many of the lake's rows its minutes were made} of those of these hours that have a minute."""
    return dict(fetch_rows(dsn, _STORED, (hours.start, hours.end)))
