"""Finds closed hours that differ between lake and Postgres, and recomputes them from the lake, up to their reports.

The same work whoever asks for it: the repair service, Dagster, or a person, one of them at a time. An hour is compacted
first, so that a trade that came twice is counted once. Raises LakeError, PostgresUnusableError and
what Spark raises; what was stored until then stays, and is right.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from whale_platform.contracts import trade_window, whale_alert
from whale_platform.contracts.errors import MessageFormatError
from whale_platform.contracts.whale_alert import WhaleRow
from whale_platform.domain.id_ranges import HeldIds
from whale_platform.domain.market import Market, MarketHour
from whale_platform.domain.whale import ThresholdPeriod, build_threshold_periods, select_periods
from whale_platform.lake.analysis import aggregate_fills, id_counts
from whale_platform.lake.delta import table as lake
from whale_platform.lake.duckdb import engine
from whale_platform.lake.errors import DamagedFileError
from whale_platform.lake.maintenance import rewrite
from whale_platform.repair import band_rows, hidden_whales, price_rows
from whale_platform.repair.completeness import find_complete, find_differing, select_within
from whale_platform.repair.differing_sweeps import find_differing_sweeps
from whale_platform.settings import Settings
from whale_platform.stores.asset_tables import recomputed_hours, thresholds, whale_prices
from whale_platform.stores.asset_tables.materialisation import HOUR, HourRange, Provenance
from whale_platform.stores.asset_tables.recomputed_hours import RecomputedWhale, StreamRowSnapshot, WhaleKey
from whale_platform.stores.errors import RowRejectedError
from whale_platform.stores.postgres.advisory_lock import hold_advisory_lock
from whale_platform.stores.quality import audit_counts as ledger
from whale_platform.stores.quality.audit_counts import HourlyTradeCount

if TYPE_CHECKING:
    from whale_platform.stream.batch_recompute import BatchSession

# A transaction's, so that their windows fit in memory: no more windows than trades, and Postgres may have more of them.
TRADES_AT_ONCE, HOURS_AT_ONCE = 200_000, 24


@dataclass(slots=True)
class RecomputeCounts:
    """What was read and changed."""

    hours: list[datetime] = field(default_factory=list)
    trades: int = 0
    windows: int = 0
    windows_changed: int = 0
    windows_gone: int = 0
    whales: int = 0
    whales_new: int = 0
    whales_taken_back: int = 0

    def to_dict(self) -> dict[str, int]:
        """Every number by its name."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "hours"}


def find_wrong_hours(
    settings: Settings, dsn: str, hours: Iterable[datetime], failed: dict[datetime, str]
) -> dict[datetime, dict[MarketHour, tuple[int, int]]]:
    """Of these hours those that a recomputation would change: {hour: {key: (trades in the lake, in Postgres)}}.

    A symbol's hour is compared by itself, by its trades, not by rows, and by its sweeps. Where the lake has fewer it
    must hold the hour whole, else nothing would change. An hour with a damaged file is put into `failed`, with the
    reason.
    """
    found: dict[datetime, dict[MarketHour, tuple[int, int]]] = {}
    limits = build_threshold_periods(thresholds.read_threshold_history(dsn), settings.threshold_usd)
    for hour in hours:
        with collect_failure(hour, failed):
            if differs := _find_differing_counts(settings, dsn, hour, limits):
                found[hour] = differs
    return found


def recompute_hours(
    settings: Settings,
    dsn: str,
    session: "BatchSession",
    hours: HourRange,
    provenance: Provenance,
    lake_is_whole: bool = False,
    on_progress: Callable[[datetime], None] = lambda hour: None,
) -> RecomputeCounts:
    """Recompute these hours. `lake_is_whole`: somebody knows that it holds all of them; `on_progress` is called at each
    hour."""
    from whale_platform.stream import (
        batch_recompute,  # Spark's libraries cost much where there turns out to be nothing to do
    )

    root, out = settings.trades_lake, RecomputeCounts()
    limits = build_threshold_periods(thresholds.read_threshold_history(dsn), settings.threshold_usd)
    for hour in rewrite.find_hours_to_compact(root, hours.start, hours.end):
        rewrite.rewrite_hour(root, hour, {"run": provenance.run_id, "why": "recompute"})
        on_progress(hour)
    for part in split_hours(hours, lake.list_files(lake.open_table(root), hours.start, hours.end)):
        # 1. what Postgres has, before the lake is read: what comes later can't be judged by it
        counted, before = _count_stored_trades(dsn, part), recomputed_hours.read_row_snapshot(dsn, part)
        # 2. what the lake has, at one version
        files = lake.list_files(lake.open_table(root), part.start, part.end)
        paths, now = [file.path for file in files], int(datetime.now(UTC).timestamp() * 1000)
        there = sorted({file.start for file in files})
        held = id_counts.count_ids(root, part.start, part.end, files=files)
        known = {*held, *counted} if lake_is_whole else _find_whole_hours(dsn, held, counted)
        over = {hour for hour in there if hour + HOUR <= datetime.now(UTC)}
        windows = [
            trade_window.decode_window(value, now)
            for value in batch_recompute.recompute_windows(session, root, paths, provenance.run_id)
        ]
        of_part = select_periods(limits, part.start, part.end)
        whales = [
            whale_alert.decode_whale(value, now)
            for value in batch_recompute.recompute_whales(session, root, paths, of_part, provenance.run_id)
        ]
        if before.whales:
            made = _find_last_states(whales)
            with engine.connect(root) as connection:
                lowered = hidden_whales.find_lowered(before.whales, made)
                within = partial(aggregate_fills.find_within_aggregates, connection, root, paths)
                hidden = hidden_whales.find_hidden(lowered, within)
            before, remnants = before.exclude_whales(hidden), hidden_whales.find_remnants(made, hidden)
            whales = [row for row in whales if row.key not in remnants]
        before = before if lake_is_whole else select_within(before, held)
        # 3. the lake's word counts for what it holds whole
        sure, imported = {key for key in known if key[2] in over}, {key[2].date() for key in held if held[key].alone}
        near = whale_prices.read_whale_refs(dsn, HourRange(part.start - HOUR, part.end + HOUR))
        asked = {*near, *((*row.key, row.event_time) for row in whales)}
        around = partial(price_rows.find_whale_prices, root, asked)
        stored = recomputed_hours.store_recomputed(
            dsn, part, windows, whales, sure, provenance, before, imported, around
        )
        band_rows.store_whole_hours(root, dsn, part, provenance)
        out.hours += there
        out.trades += sum(window.trade_count for window in windows)
        out.windows, out.whales = out.windows + len(windows), out.whales + len({row.key for row in whales})
        out.windows_changed += stored.windows
        out.windows_gone += stored.windows_deleted
        out.whales_new += stored.whales
        out.whales_taken_back += stored.whales_taken_back
        on_progress(part.start)
    return out


def split_hours(hours: HourRange, files: Iterable[lake.LakeFile]) -> Iterator[HourRange]:
    """Those of `hours` that have trades, in order, as stretches of at most so many trades, or of a single hour."""
    trades: dict[datetime, int] = {}
    for file in files:
        trades[file.start] = trades.get(file.start, 0) + file.rows
    begun: datetime | None = None
    count = 0
    for hour in sorted(trades):
        if begun is not None and (count + trades[hour] > TRADES_AT_ONCE or hour >= begun + HOURS_AT_ONCE * HOUR):
            yield HourRange(begun, min(hour, begun + HOURS_AT_ONCE * HOUR))
            begun, count = None, 0
        begun, count = begun or hour, count + trades[hour]
    if begun is not None:
        yield HourRange(begun, min(hours.end, begun + HOURS_AT_ONCE * HOUR))


def repair_hours(
    settings: Settings,
    dsn: str,
    hours: Sequence[datetime],
    provenance: Provenance,
    spark: Callable[[], AbstractContextManager["BatchSession"]],
    failed: dict[datetime, str],
    on_progress: Callable[[datetime], None] = lambda hour: None,
) -> dict[datetime, RecomputeCounts]:
    """Make those of `hours` again that are wrong; Spark is started only where there are some.

    An hour that is damaged or whose rows are refused is put into `failed`, with the reason, and keeps no other waiting.
    """
    found = find_wrong_hours(settings, dsn, hours, failed)
    done: dict[datetime, RecomputeCounts] = {}
    if found:
        with spark() as session:
            for hour in found:
                with collect_failure(hour, failed):
                    done[hour] = recompute_hours(
                        settings, dsn, session, HourRange(hour, hour + HOUR), provenance, on_progress=on_progress
                    )
    return done


def lock_batch(
    dsn: str, provenance: Provenance, on_wait: Callable[[str], None] | None = None
) -> AbstractContextManager[None]:
    """Held around Spark's start and all that follows: a second batch would need its memory too, to do the same work.

    Raises AdvisoryLockHeldError where another is under way, or waits for its end, and calls `on_wait` with the reason
    meanwhile.
    """
    return hold_advisory_lock(dsn, "another recomputation from the lake", provenance.run_id, on_wait)


@contextmanager
def collect_failure(hour: datetime, failed: dict[datetime, str]) -> Iterator[None]:
    """What is wrong with the data of this one hour goes into `failed`, so that the others go on."""
    try:
        yield
    except (DamagedFileError, RowRejectedError, MessageFormatError) as error:
        failed[hour] = str(error)


def _find_differing_counts(
    settings: Settings, dsn: str, hour: datetime, limits: Sequence[ThresholdPeriod]
) -> dict[MarketHour, tuple[int, int]]:
    root, asked = settings.trades_lake, HourRange(hour, hour + HOUR)
    counted, fills = _count_stored_trades(dsn, asked), id_counts.count_trades(root, hour)
    if not fills:
        return {}
    counts = find_differing(fills, counted)
    grown, lowered = find_differing_sweeps(root, dsn, hour, limits, {Market(*key[:2]) for key in fills})
    keys = {key for key in counts if fills.get(key, 0) > _get_trade_count(counted, key)}
    keys |= {(*key[:2], hour) for key in grown}
    if lowered or counts - keys:  # where the lake has less it must hold the hour whole, and reach what it has less of
        held = id_counts.count_ids(root, hour, asked.end)
        known = _find_whole_hours(dsn, held, counted)
        reached = select_within(StreamRowSnapshot({}, lowered), held).whales
        keys |= known & {*counts, *((*key[:2], hour) for key in reached)}
    return {key: (fills.get(key, 0), _get_trade_count(counted, key)) for key in sorted(keys)}


def _find_whole_hours(
    dsn: str, lake: dict[MarketHour, HeldIds], counts: dict[MarketHour, HourlyTradeCount]
) -> set[MarketHour]:
    spans: dict[tuple[str, str], tuple[int, int]] = {}
    for key, held in lake.items():
        first, last = spans.get(key[:2], (held.ids.first, held.ids.last))
        spans[key[:2]] = min(first, held.ids.first), max(last, held.ids.last)
    return find_complete(lake, counts, ledger.read_ledger_gaps(dsn, spans))


def _find_last_states(whales: Iterable[WhaleRow]) -> dict[WhaleKey, RecomputedWhale]:
    """Of each whale that with the most fills."""
    rows = {row.key: row for row in sorted(whales, key=lambda row: row.fills or 0)}
    return {
        key: RecomputedWhale(
            row.event_time, row.fills, row.trade_id if row.last_trade_id is None else row.last_trade_id
        )
        for key, row in rows.items()
    }


def _count_stored_trades(dsn: str, hours: HourRange) -> dict[MarketHour, HourlyTradeCount]:
    return ledger.count_trades(dsn, hours.start, hours.end, hours.end)


def _get_trade_count(counts: dict[MarketHour, HourlyTradeCount], key: MarketHour) -> int:
    return counts[key].trades if key in counts else 0
