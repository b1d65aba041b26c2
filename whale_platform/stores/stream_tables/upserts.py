"""The SQL that stores the sink's rows. A statement may run again with the same rows and changes nothing then.

Windows only grow: an update with fewer trades than the stored row is a replay and is ignored; one with as many trades
is taken only where a value differs (a corrected stream run), so `run_id` names the run that found the numbers. What a
recomputation from the lake wrote (`recomputed_hours.py`) has authority: the stream changes it only with more trades,
and with more than it had when it was overruled. Whales: the first detection stays, and one that was taken back stays
away; a sweep grows as a window does, and of states with as many fills the first detection stays. Gaps: the later
message stays, whatever its clock said. Functions return how many rows were inserted or changed and raise psycopg2's
errors; call them inside `translate_errors()`. A statement must not hold one key twice.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from whale_platform.contracts.dead_letter import DeadLetterRow
from whale_platform.contracts.ingest_gap import GapRow
from whale_platform.contracts.stream_loss import LossRow
from whale_platform.contracts.trade_window import WindowRow
from whale_platform.contracts.whale_alert import WhaleRow
from whale_platform.domain.names import SWEEP
from whale_platform.stores.stream_tables.rows import MessageRef, RejectedMessage

PAGE = 1_000  # rows a statement: some 400 kB of SQL text

_TAKE = """
INSERT INTO trade_windows AS t (exchange, symbol, window_start, open, high, low, close, price_sum, volume, notional,
    buy_volume, trade_count, first_trade_id, last_trade_id, last_event_time, source, run_id, updated_at, made_from,
    topic_partition, topic_offset, base, quote, usd_via)
VALUES %s
ON CONFLICT (exchange, symbol, window_start) DO UPDATE SET
    open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
    price_sum = excluded.price_sum, volume = excluded.volume, notional = excluded.notional,
    buy_volume = excluded.buy_volume, trade_count = excluded.trade_count,
    first_trade_id = excluded.first_trade_id, last_trade_id = excluded.last_trade_id,
    last_event_time = excluded.last_event_time, source = excluded.source,
    run_id = excluded.run_id, updated_at = excluded.updated_at, made_from = excluded.made_from,
    topic_partition = excluded.topic_partition, topic_offset = excluded.topic_offset,
    base = coalesce(excluded.base, t.base), quote = coalesce(excluded.quote, t.quote),
    usd_via = coalesce(excluded.usd_via, t.usd_via),
    overruled_trades = CASE WHEN (t.made_from, excluded.made_from) = ('stream', 'lake')
        THEN greatest(t.overruled_trades, t.trade_count) ELSE t.overruled_trades END
"""

_DIFFERS = """
    (excluded.open, excluded.high, excluded.low, excluded.close, excluded.price_sum, excluded.volume, excluded.notional,
     excluded.buy_volume, excluded.first_trade_id, excluded.last_trade_id, excluded.last_event_time, excluded.source,
     coalesce(excluded.quote, t.quote), coalesce(excluded.usd_via, t.usd_via))
    IS DISTINCT FROM
    (t.open, t.high, t.low, t.close, t.price_sum, t.volume, t.notional, t.buy_volume, t.first_trade_id,
     t.last_trade_id, t.last_event_time, t.source, t.quote, t.usd_via)
"""

_WINDOWS = f"""{_TAKE} WHERE CASE WHEN (t.made_from, excluded.made_from) = ('lake', 'stream')
    THEN excluded.trade_count > greatest(t.trade_count, t.overruled_trades)
    ELSE excluded.trade_count > t.trade_count OR (excluded.trade_count = t.trade_count AND {_DIFFERS}) END
"""

_OVERRULED = f"{_TAKE} WHERE excluded.trade_count <> t.trade_count OR {_DIFFERS}"

_WHALES = """
INSERT INTO whale_alerts AS w (exchange, symbol, kind, trade_id, side, price, quantity, notional_usd, threshold_usd,
    tier, event_time, received_time, detected_time, source, run_id, made_from, topic_partition, topic_offset, base,
    quote, usd_via, notional, usd_rate, fills, levels, first_price, last_trade_id, sweep_first_id)
VALUES %s ON CONFLICT (exchange, symbol, kind, trade_id) DO UPDATE SET {changes}
"""

_CORRECTION = """side = excluded.side, price = excluded.price, quantity = excluded.quantity,
    notional_usd = excluded.notional_usd, threshold_usd = excluded.threshold_usd, tier = excluded.tier,
    event_time = excluded.event_time, source = excluded.source, run_id = excluded.run_id,
    made_from = excluded.made_from,
    topic_partition = excluded.topic_partition, topic_offset = excluded.topic_offset,
    base = coalesce(excluded.base, w.base), quote = coalesce(excluded.quote, w.quote),
    usd_via = coalesce(excluded.usd_via, w.usd_via), notional = coalesce(excluded.notional, w.notional),
    usd_rate = excluded.usd_rate, fills = excluded.fills, levels = excluded.levels,
    first_price = excluded.first_price, last_trade_id = excluded.last_trade_id,
    sweep_first_id = excluded.sweep_first_id,
    overruled_fills = CASE WHEN (w.made_from, excluded.made_from) = ('stream', 'lake')
        THEN greatest(w.overruled_fills, w.fills) ELSE w.overruled_fills END
"""

_GROWN = f"""{_CORRECTION}, received_time = excluded.received_time, detected_time = excluded.detected_time
WHERE w.kind = '{SWEEP}' AND CASE WHEN (w.made_from, excluded.made_from) = ('lake', 'stream')
    THEN excluded.fills > greatest(w.fills, w.overruled_fills)
    ELSE (excluded.fills, w.detected_time, w.run_id) > (w.fills, excluded.detected_time, excluded.run_id) END
"""

_RECEIVED = f"CASE WHEN w.kind = '{SWEEP}' THEN excluded.received_time ELSE w.received_time END"  # of its newest fill

_CORRECTED = f"""{_CORRECTION}, received_time = {_RECEIVED}
WHERE (excluded.side, excluded.price, excluded.quantity, excluded.notional_usd, excluded.threshold_usd,
    excluded.event_time, {_RECEIVED}, coalesce(excluded.usd_via, w.usd_via), coalesce(excluded.notional, w.notional),
    excluded.usd_rate, excluded.fills, excluded.levels, excluded.first_price, excluded.last_trade_id,
    excluded.sweep_first_id)
    IS DISTINCT FROM
    (w.side, w.price, w.quantity, w.notional_usd, w.threshold_usd, w.event_time, w.received_time, w.usd_via,
    w.notional, w.usd_rate, w.fills, w.levels, w.first_price, w.last_trade_id, w.sweep_first_id)
"""

_TAKEN_BACK = """
SELECT exchange, symbol, kind, trade_id FROM whales_taken_back
JOIN (VALUES %s) AS asked (exchange, symbol, kind, trade_id) USING (exchange, symbol, kind, trade_id)
"""

_GAPS = """
INSERT INTO ingest_gaps (exchange, symbol, first_id, last_id, cause, mode, state, found_time, closed_time, filled,
    progress_id, detail, updated_at)
VALUES %s
ON CONFLICT (exchange, symbol, first_id) DO UPDATE SET
    last_id = excluded.last_id, cause = excluded.cause, mode = excluded.mode, state = excluded.state,
    found_time = excluded.found_time, closed_time = excluded.closed_time, filled = excluded.filled,
    progress_id = excluded.progress_id, detail = excluded.detail, updated_at = excluded.updated_at
"""

_LOSSES = """
INSERT INTO stream_losses (reader, topic, partition, topic_id, first_offset, last_offset, cause, detail, found_at)
VALUES %s ON CONFLICT (reader, topic, partition, topic_id, found_at) DO NOTHING
"""

_DEAD_LETTERS = """
INSERT INTO dead_letter_counts AS d (exchange, kind, day, letters, first_time, last_time, last_reason, last_offset)
VALUES %s
ON CONFLICT (exchange, kind, day) DO UPDATE SET
    letters = d.letters + excluded.letters, first_time = least(d.first_time, excluded.first_time),
    last_time = greatest(d.last_time, excluded.last_time), last_reason = excluded.last_reason,
    last_offset = excluded.last_offset
"""

_REJECTS = """
INSERT INTO sink_rejects AS r (topic, partition, reason, messages, first_offset, last_offset)
VALUES %s
ON CONFLICT (topic, partition, reason) DO UPDATE SET
    messages = r.messages + excluded.messages, last_offset = excluded.last_offset, last_seen = now()
"""


def upsert_windows(cursor: Cursor, rows: Sequence[WindowRow]) -> int:
    """Insert or grow windows; their days' partitions must exist."""
    return _execute_in_pages(cursor, _WINDOWS, rows)


def overrule_windows(cursor: Cursor, rows: Sequence[WindowRow]) -> int:
    """Insert windows, or put them in the place of those that differ, whichever has more trades."""
    return _execute_in_pages(cursor, _OVERRULED, rows)


def insert_whales(cursor: Cursor, rows: Sequence[WhaleRow]) -> int:
    """Insert whales that are not known yet, and sweeps with more fills, without those that were taken back."""
    if not rows:
        return 0
    gone = execute_values(cursor, _TAKEN_BACK, [row.key for row in rows], page_size=len(rows), fetch=True)
    wanted = [row for row in rows if row.key not in set(gone)] if gone else rows
    return _execute_in_pages(cursor, _WHALES.format(changes=_GROWN), wanted)


def overrule_whales(cursor: Cursor, rows: Sequence[WhaleRow]) -> int:
    """Insert whales, or correct those that differ; the first detection's times stay, but a sweep's received_time."""
    return _execute_in_pages(cursor, _WHALES.format(changes=_CORRECTED), rows)


def upsert_gaps(cursor: Cursor, rows: Sequence[GapRow]) -> int:
    """Insert gaps or bring them up to date."""
    return _execute_in_pages(cursor, _GAPS, rows)


def insert_losses(cursor: Cursor, rows: Sequence[LossRow]) -> int:
    """Insert losses that are not known yet."""
    return _execute_in_pages(cursor, _LOSSES, rows)


def count_dead_letters(cursor: Cursor, rows: Sequence[DeadLetterRow]) -> int:
    """Add to the counts. Not repeatable by itself: the offsets in the same transaction make it so."""
    return _execute_in_pages(cursor, _DEAD_LETTERS, rows)


def count_rejects(cursor: Cursor, rejects: Sequence[RejectedMessage]) -> int:
    """Add to the counts by topic, partition and reason, with the first and newest offset, as `count_dead_letters`."""
    rows = []
    for (topic, partition, reason), group in groupby(sorted(rejects, key=_get_reject_key), key=_get_reject_key):
        offsets = [reject.origin.offset for reject in group]
        rows.append(_RejectRow(topic, partition, reason, len(offsets), min(offsets), max(offsets)))
    return _execute_in_pages(cursor, _REJECTS, rows)


class _RejectRow(NamedTuple):
    topic: str
    partition: int
    reason: str
    messages: int
    first_offset: int
    last_offset: int


def _get_reject_key(reject: RejectedMessage) -> tuple[str, int, str]:
    origin: MessageRef = reject.origin
    return origin.topic, origin.partition, reject.reason


def _execute_in_pages(cursor: Cursor, statement: str, rows: Sequence[tuple[object, ...]]) -> int:
    changed = 0
    for start in range(0, len(rows), PAGE):
        execute_values(cursor, statement, rows[start : start + PAGE], page_size=PAGE)
        changed += cursor.rowcount
    return changed
