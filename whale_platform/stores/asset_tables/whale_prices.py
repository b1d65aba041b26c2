"""Table `whale_prices`: the prices around each whale, which the lake has (repair/price_rows.py reads them).

Writing a whale's row again replaces what is known now, since the lake may have got trades between; what it no longer
has stays as it was. Raises as `session` does.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from whale_platform.stores.asset_tables.materialisation import HourRange, Provenance, fetch_rows

WhaleRef = tuple[str, str, str, int, datetime]  # exchange, symbol, kind, trade id, event time


class WhalePriceRow(NamedTuple):
    """Prices in quote currency; None where there is none, or where nobody knows yet."""

    exchange: str
    symbol: str
    kind: str
    trade_id: int
    before: Decimal | None
    after_1: Decimal | None
    after_5: Decimal | None
    after_15: Decimal | None


_WHALES = """
SELECT exchange, symbol, kind, trade_id, event_time FROM whale_alerts
WHERE event_time >= %s AND event_time < %s ORDER BY event_time
"""

_WRITE = """
INSERT INTO whale_prices AS made (exchange, symbol, kind, trade_id, before, after_1, after_5, after_15, run_id,
    code_version)
VALUES %s ON CONFLICT (exchange, symbol, kind, trade_id) DO UPDATE SET before = coalesce(excluded.before, made.before),
    after_1 = coalesce(excluded.after_1, made.after_1), after_5 = coalesce(excluded.after_5, made.after_5),
    after_15 = coalesce(excluded.after_15, made.after_15), run_id = excluded.run_id,
    code_version = excluded.code_version, materialised_at = now()
WHERE (made.before, made.after_1, made.after_5, made.after_15) IS DISTINCT FROM (coalesce(excluded.before, made.before),
    coalesce(excluded.after_1, made.after_1), coalesce(excluded.after_5, made.after_5),
    coalesce(excluded.after_15, made.after_15))
"""


def read_whale_refs(dsn: str, hours: HourRange) -> list[WhaleRef]:
    """The whales of these hours, by event time."""
    return [
        (exchange, symbol, kind, trade_id, at)
        for exchange, symbol, kind, trade_id, at in fetch_rows(dsn, _WHALES, (hours.start, hours.end))
    ]


def write_prices(cursor: Cursor, rows: Sequence[WhalePriceRow], provenance: Provenance) -> None:
    """Insert or replace these rows, in the order of their keys, in the caller's transaction."""
    values = [(*row, provenance.run_id, provenance.code_version) for row in sorted(rows, key=lambda row: row[:4])]
    execute_values(cursor, _WRITE, values, page_size=1000)
