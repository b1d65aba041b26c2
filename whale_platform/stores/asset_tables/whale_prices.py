"""Table `whale_prices`: the prices around each whale, which the lake has (repair/price_rows.py reads them).

Writing a whale's row again replaces what is known now, since the lake may have got trades between; what it no longer
has stays as it was. Which rows may be incomplete follows from how far the stream of their market has come, so that
replayed days are as good as today. Raises as `session` does.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from whale_platform.stores.asset_tables.materialisation import (
    HourRange,
    Provenance,
    fetch_rows,
    open_exclusive_transaction,
)

WhaleRef = tuple[str, str, str, int, datetime]  # exchange, symbol, kind, trade id, event time

# After the last price's moment trades may be late for as long as the stream's watermark waits by default, and a little;
# what is later still makes the repair recompute the hour.
SETTLED_AFTER = timedelta(minutes=27)
GIVEN_UP_AFTER = timedelta(hours=2)  # after which a price that the lake has not got yet is no longer looked for
LOOK_BACK = timedelta(hours=24)
TABLE = "whale_prices"


class DueWhale(NamedTuple):
    """A whale whose prices may not all be known; `reached`: the newest event time of its market's stream."""

    exchange: str
    symbol: str
    kind: str
    trade_id: int
    event_time: datetime
    reached: datetime

    @property
    def key(self) -> tuple[str, str, str, int]:
        """Return the key of its row."""
        return self[:4]

    @property
    def ref(self) -> WhaleRef:
        """Return its key and event time."""
        return self[:5]


class WhalePriceRow(NamedTuple):
    """Prices in quote currency; None where there is none, or where nobody knows yet.

    settled: whether they need not be looked for again unless the hour is recomputed.
    """

    exchange: str
    symbol: str
    kind: str
    trade_id: int
    before: Decimal | None
    after_1s: Decimal | None
    after_10s: Decimal | None
    after_1: Decimal | None
    after_5: Decimal | None
    after_15: Decimal | None
    settled: bool = False

    @property
    def complete(self) -> bool:
        """Whether every price after it is known."""
        return None not in (self.after_1s, self.after_10s, self.after_1, self.after_5, self.after_15)


_WHALES = """
SELECT exchange, symbol, kind, trade_id, event_time FROM whale_alerts
WHERE event_time >= %s AND event_time < %s ORDER BY event_time
"""

# Markets are found by jumps along the index, as in queries/latest_states.py. OFFSET 0 keeps Postgres to the indexes: it
# would rather read all whales and all prices that there are once, which grow with the history.
_DUE = """
WITH RECURSIVE markets AS (
    (SELECT symbol, exchange FROM whale_alerts ORDER BY symbol, exchange LIMIT 1)
    UNION ALL SELECT later.* FROM markets CROSS JOIN LATERAL (
        SELECT symbol, exchange FROM whale_alerts w WHERE (w.symbol, w.exchange) > (markets.symbol, markets.exchange)
        ORDER BY symbol, exchange LIMIT 1) later
), edges AS (
    SELECT exchange, symbol, reached FROM markets CROSS JOIN LATERAL (
        SELECT last_event_time AS reached FROM trade_windows w
        WHERE w.exchange = markets.exchange AND w.symbol = markets.symbol ORDER BY window_start DESC LIMIT 1) newest
)
SELECT edges.exchange, edges.symbol, whale.kind, whale.trade_id, event_time, reached
FROM edges CROSS JOIN LATERAL (
    SELECT kind, trade_id, event_time FROM whale_alerts one WHERE one.exchange = edges.exchange
        AND one.symbol = edges.symbol AND one.event_time > edges.reached - %(look_back)s OFFSET 0
) whale LEFT JOIN LATERAL (
    SELECT * FROM whale_prices one WHERE (one.exchange, one.symbol, one.kind, one.trade_id)
        = (edges.exchange, edges.symbol, whale.kind, whale.trade_id) OFFSET 0
) p ON true
WHERE NOT coalesce(p.settled, false) AND reached > event_time + CASE
    WHEN p.after_1s IS NULL THEN interval '1 second' WHEN p.after_10s IS NULL THEN interval '10 seconds'
    WHEN p.after_1 IS NULL THEN interval '1 minute' WHEN p.after_5 IS NULL THEN interval '5 minutes'
    WHEN p.after_15 IS NULL THEN interval '15 minutes' ELSE %(settled_after)s END
ORDER BY event_time, edges.exchange, edges.symbol, whale.kind, whale.trade_id LIMIT %(most)s
"""

_WRITE = """
INSERT INTO whale_prices AS made (exchange, symbol, kind, trade_id, before, after_1s, after_10s, after_1, after_5,
    after_15, settled, run_id, code_version)
VALUES %s ON CONFLICT (exchange, symbol, kind, trade_id) DO UPDATE SET before = coalesce(excluded.before, made.before),
    after_1s = coalesce(excluded.after_1s, made.after_1s), after_10s = coalesce(excluded.after_10s, made.after_10s),
    after_1 = coalesce(excluded.after_1, made.after_1), after_5 = coalesce(excluded.after_5, made.after_5),
    after_15 = coalesce(excluded.after_15, made.after_15), settled = made.settled OR excluded.settled,
    run_id = excluded.run_id, code_version = excluded.code_version, materialised_at = now()
WHERE (made.before, made.after_1s, made.after_10s, made.after_1, made.after_5, made.after_15, made.settled)
    IS DISTINCT FROM (coalesce(excluded.before, made.before), coalesce(excluded.after_1s, made.after_1s),
        coalesce(excluded.after_10s, made.after_10s), coalesce(excluded.after_1, made.after_1),
        coalesce(excluded.after_5, made.after_5), coalesce(excluded.after_15, made.after_15),
        made.settled OR excluded.settled)
RETURNING true
"""


def read_whale_refs(dsn: str, hours: HourRange) -> list[WhaleRef]:
    """The whales of these hours, by event time."""
    return [
        (exchange, symbol, kind, trade_id, at)
        for exchange, symbol, kind, trade_id, at in fetch_rows(dsn, _WHALES, (hours.start, hours.end))
    ]


def read_due_whales(dsn: str, most: int) -> list[DueWhale]:
    """The oldest whales of the last day of their market of which a price may be known by now and is not stored."""
    values = {"look_back": LOOK_BACK, "settled_after": SETTLED_AFTER, "most": most}
    return [DueWhale(*row) for row in fetch_rows(dsn, _DUE, values)]


def store_prices(dsn: str, find: Callable[[], Sequence[WhalePriceRow]], provenance: Provenance) -> int:
    """Insert or replace the rows that `find` returns, in a transaction of its own; returns how many have changed.

    `find` reads the lake while nobody else makes prices, so that none replaces what a later look has found.
    """
    with open_exclusive_transaction(dsn, TABLE) as cursor:
        return write_prices(cursor, find(), provenance)


def write_prices(cursor: Cursor, rows: Sequence[WhalePriceRow], provenance: Provenance) -> int:
    """Insert or replace these rows, in the order of their keys; returns how many have changed.

    In the caller's transaction, in which they were found under the lock of TABLE.
    """
    values = [(*row, provenance.run_id, provenance.code_version) for row in sorted(rows, key=lambda row: row[:4])]
    return len(execute_values(cursor, _WRITE, values, page_size=1000, fetch=True))
