"""Windows and whales that were computed again from the lake, with authority over what the stream wrote.

Of a symbol and hour that the lake holds whole, what it says is what is true: windows go up and down, windows and whales
that the lake does not have go, and each whale that goes is kept in `whales_taken_back` with the reason. That is so of
rows that were read before the lake was and are as they were then: what has come since, the lake could not have. Of any
other only what has grown is taken, as from the stream. Rollups and reports of the same hours, and reports of the hours
next to them, follow in the same transaction, so nobody sees half of it, and a run that is killed has changed nothing.
Rows are written in the order of their keys, as the sink writes them, so that neither waits for what the other holds.
Raises as `open_transaction` does.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from whale_platform.contracts.trade_window import WindowRow
from whale_platform.contracts.whale_alert import WhaleRow
from whale_platform.domain.market import MarketHour
from whale_platform.stores.asset_tables import rollups, whale_prices, whale_reports
from whale_platform.stores.asset_tables.materialisation import (
    STATEMENT_TIMEOUT_S,
    HourRange,
    Provenance,
    lock_materialisation,
)
from whale_platform.stores.asset_tables.whale_prices import WhalePriceRow
from whale_platform.stores.postgres.connection import open_transaction
from whale_platform.stores.stream_tables import upserts
from whale_platform.stores.stream_tables.change_notice import CHANNEL, build_recompute_notice
from whale_platform.stores.stream_tables.partitions import ensure_days

WhaleKey = tuple[str, str, str, int]  # exchange, symbol, kind, trade id


class RecomputedWhale(NamedTuple):
    """How far a whale has come. fills: None where it is no sweep; last_id: of its newest fill, else its own."""

    event_time: datetime
    fills: int | None
    last_id: int


@dataclass(frozen=True, slots=True)
class StreamRowSnapshot:
    """What Postgres has at one moment: windows as (trades, first id, last id), and whales."""

    windows: Mapping[MarketHour, tuple[int, int, int]]  # by exchange, symbol, minute
    whales: Mapping[WhaleKey, RecomputedWhale]

    def exclude_whales(self, keys: Collection[WhaleKey]) -> "StreamRowSnapshot":
        """These rows but for the whales of these keys."""
        return StreamRowSnapshot(self.windows, {key: one for key, one in self.whales.items() if key not in keys})


@dataclass(frozen=True, slots=True)
class StoredRowCounts:
    """Rows that were inserted, changed or deleted."""

    windows: int
    windows_deleted: int
    whales: int
    whales_taken_back: int
    rollups: int
    reports: int


_WINDOWS = """
SELECT exchange, symbol, window_start, trade_count, first_trade_id, last_trade_id
FROM trade_windows WHERE window_start >= %s AND window_start < %s
"""
_WHALES = """
SELECT exchange, symbol, kind, trade_id, event_time, fills, coalesce(last_trade_id, trade_id)
FROM whale_alerts WHERE event_time >= %s AND event_time < %s
"""

_DELETE_WINDOWS = """
DELETE FROM trade_windows USING (VALUES %s) AS gone (exchange, symbol, window_start, trades)
WHERE (trade_windows.exchange, trade_windows.symbol, trade_windows.window_start, trade_windows.trade_count)
    = (gone.exchange, gone.symbol, gone.window_start, gone.trades)
"""

_TAKE_BACK = """
WITH gone AS (
    DELETE FROM whale_alerts USING (VALUES %s) AS asked (exchange, symbol, kind, trade_id)
    WHERE (whale_alerts.exchange, whale_alerts.symbol, whale_alerts.kind, whale_alerts.trade_id)
        = (asked.exchange, asked.symbol, asked.kind, asked.trade_id)
    RETURNING whale_alerts.*
)
INSERT INTO whales_taken_back (exchange, symbol, kind, trade_id, side, price, quantity, notional_usd, threshold_usd,
    event_time, detected_time, run_id, fills, levels, first_price, last_trade_id, tier, reason,
    taken_back_by)
SELECT exchange, symbol, kind, trade_id, side, price, quantity, notional_usd, threshold_usd, event_time, detected_time,
    run_id, fills, levels, first_price, last_trade_id, tier,
    replace({reason}, 'whale', CASE kind WHEN 'single_trade' THEN 'trade' ELSE kind END), {by} FROM gone
ON CONFLICT (exchange, symbol, kind, trade_id) DO UPDATE SET side = excluded.side, price = excluded.price,
    quantity = excluded.quantity, notional_usd = excluded.notional_usd, threshold_usd = excluded.threshold_usd,
    tier = excluded.tier,
    event_time = excluded.event_time, detected_time = excluded.detected_time, run_id = excluded.run_id,
    fills = excluded.fills, levels = excluded.levels, first_price = excluded.first_price,
    last_trade_id = excluded.last_trade_id, reason = excluded.reason,
    taken_back_by = excluded.taken_back_by, taken_back_time = now()
"""

_RECOGNISE = """
DELETE FROM whales_taken_back USING (VALUES %s) AS again (exchange, symbol, kind, trade_id)
WHERE (whales_taken_back.exchange, whales_taken_back.symbol, whales_taken_back.kind, whales_taken_back.trade_id)
    = (again.exchange, again.symbol, again.kind, again.trade_id)
"""

TAKEN_BACK_REASON = "computed again from the lake, the hour has no such whale at or over the threshold that held then"


def read_row_snapshot(dsn: str, hours: HourRange) -> StreamRowSnapshot:
    """The windows and whales of these hours."""
    with (
        open_transaction(dsn, "whale-recompute", statement_timeout_s=STATEMENT_TIMEOUT_S) as conn,
        conn.cursor() as cursor,
    ):
        return StreamRowSnapshot(_read_window_extents(cursor, hours), _read_whale_states(cursor, hours))


def store_recomputed(
    dsn: str,
    hours: HourRange,
    windows: Sequence[WindowRow],
    whales: Sequence[WhaleRow],
    whole_hours: Collection[MarketHour],
    provenance: Provenance,
    snapshot: StreamRowSnapshot,
    imported: Collection[date] = (),
    find_prices: Callable[[], Sequence[WhalePriceRow]] = tuple,
) -> StoredRowCounts:
    """Store what the lake has of these hours, in one transaction; repeating it changes nothing.

    `whole_hours`: the symbols and hours of which the lake is known to hold every trade. `snapshot`: the rows that may
    be lowered or taken back where they are still so, read before the lake was. `imported`: days (UTC) with trades that
    the lake has from an import alone; retention lets them be. `find_prices`: reads those around the whales of these
    hours and of those next to them, while nobody else makes prices.
    """
    windows = [row._replace(made_from="lake") for row in windows]
    whales = [row._replace(made_from="lake") for row in whales]
    with (
        open_transaction(dsn, "whale-recompute", statement_timeout_s=STATEMENT_TIMEOUT_S) as conn,
        conn.cursor() as cursor,
    ):
        for table in ("trade_windows", "hourly_rollups", "whale_reports", whale_prices.TABLE):
            lock_materialisation(cursor, table)
        prices = find_prices()  # before any row is locked, for which the sink would wait
        ensure_days(cursor, {row.window_start.date() for row in windows})
        for day in sorted(imported):
            cursor.execute("INSERT INTO imported_days (day) VALUES (%s) ON CONFLICT DO NOTHING", (day,))
        changed, gone = _store_windows(cursor, hours, windows, whole_hours, snapshot)
        new, back = _store_whales(cursor, hours, whales, whole_hours, provenance, snapshot)
        made = rollups.write_rollups(cursor, hours, provenance, whole_hours)
        whale_prices.write_prices(cursor, prices, provenance)
        reported = whale_reports.write_reports(
            cursor, hours, provenance, whole_hours
        ) + whale_reports.rewrite_neighbours(cursor, provenance, whole_hours)
        if changed or gone or new or back:
            cursor.execute(
                "SELECT pg_notify(%s, %s)", (CHANNEL, build_recompute_notice(changed + gone, new + back, back))
            )
    return StoredRowCounts(changed, gone, new, back, made, reported)


def _store_windows(
    cursor: Cursor,
    hours: HourRange,
    windows: Sequence[WindowRow],
    whole_hours: Collection[MarketHour],
    snapshot: StreamRowSnapshot,
) -> tuple[int, int]:
    there = _read_window_extents(cursor, hours)
    new = {row.key: row for row in windows}
    overruled = {
        key
        for key in {*new, *there}
        if to_market_hour(*key) in whole_hours and (key not in there or there[key] == snapshot.windows.get(key))
    }
    changed = deleted = 0

    def kind(key: MarketHour) -> str:
        return "part" if key not in overruled else "whole" if key in new else "gone"

    for what, some in groupby(sorted({*new, *overruled}), kind):
        keys = list(some)
        if what == "gone":
            deleted += _execute_in_pages(cursor, _DELETE_WINDOWS, [(*key, there[key][0]) for key in keys])
        elif what == "whole":
            changed += upserts.overrule_windows(cursor, [new[key] for key in keys])
        else:
            changed += upserts.upsert_windows(cursor, [new[key] for key in keys])
    return changed, deleted


def _store_whales(
    cursor: Cursor,
    hours: HourRange,
    whales: Sequence[WhaleRow],
    whole_hours: Collection[MarketHour],
    provenance: Provenance,
    snapshot: StreamRowSnapshot,
) -> tuple[int, int]:
    rows = {row.key: row for row in sorted(whales, key=lambda row: row.fills or 0)}  # the last state of a sweep
    stored = _read_whale_states(cursor, hours)
    grown = {  # the sweeps that have, since the lake was read
        key for key, state in stored.items() if state.fills is not None and state != snapshot.whales.get(key)
    }
    kept = grown | rows.keys()
    gone = {
        key
        for key, state in stored.items()
        if key in snapshot.whales
        and key not in kept
        and to_market_hour(key[0], key[1], state.event_time) in whole_hours
    }
    statement = _TAKE_BACK.format(
        reason=_quote_literal(cursor, TAKEN_BACK_REASON), by=_quote_literal(cursor, provenance.run_id)
    )
    new = back = 0

    def kind(key: WhaleKey) -> str:
        return (
            "gone"
            if key in gone
            else "whole"
            if key not in grown and to_market_hour(key[0], key[1], rows[key].event_time) in whole_hours
            else "part"
        )

    for what, some in groupby(sorted({*rows, *gone}), kind):
        keys = list(some)
        if what == "gone":
            back += _execute_in_pages(cursor, statement, keys)
            continue
        _execute_in_pages(cursor, _RECOGNISE, keys)
        if what == "whole":
            new += upserts.overrule_whales(cursor, [rows[key] for key in keys])
        else:
            new += upserts.insert_whales(cursor, [rows[key] for key in keys])
    return new, back


def _read_window_extents(cursor: Cursor, hours: HourRange) -> dict[MarketHour, tuple[int, int, int]]:
    cursor.execute(_WINDOWS, (hours.start, hours.end))
    return {(exchange, symbol, minute): (*extent,) for exchange, symbol, minute, *extent in cursor.fetchall()}


def _read_whale_states(cursor: Cursor, hours: HourRange) -> dict[WhaleKey, RecomputedWhale]:
    cursor.execute(_WHALES, (hours.start, hours.end))
    return {
        (exchange, symbol, kind, number): RecomputedWhale(*state)
        for exchange, symbol, kind, number, *state in cursor.fetchall()
    }


def to_market_hour(exchange: str, symbol: str, time: datetime) -> MarketHour:
    """The key of the hour that `time` (aware) is in."""
    return exchange, symbol, time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _execute_in_pages(cursor: Cursor, statement: str, keys: Sequence[tuple[object, ...]]) -> int:
    count = 0
    for start in range(0, len(keys), upserts.PAGE):
        execute_values(cursor, statement, keys[start : start + upserts.PAGE], page_size=upserts.PAGE)
        count += cursor.rowcount
    return count


def _quote_literal(cursor: Cursor, text: str) -> str:
    return cursor.mogrify("%s", (text,)).decode().replace("%", "%%")
