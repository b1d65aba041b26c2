"""Asks the lake and Postgres, hour by hour, for the audit of values, whales and size bands.

One hour is in memory at a time. Raises PostgresUnusableError and LakeError's subclasses.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from whale_platform.audit.compare_bands import DUE_AFTER, BandHour, BandMinute, compare_bands, find_due
from whale_platform.audit.compare_values import ComparedHour, DifferenceCollector, compare_sums
from whale_platform.audit.compare_whales import WhaleComparison
from whale_platform.audit.reconcile import SystemCounts
from whale_platform.audit.threshold_history import ThresholdHistory
from whale_platform.domain.market import MarketHour
from whale_platform.domain.names import WHALE_KINDS
from whale_platform.lake.analysis import hour_values, id_counts, size_bands
from whale_platform.lake.analysis.hour_values import HourValues
from whale_platform.lake.delta import table
from whale_platform.lake.errors import DamagedFileError
from whale_platform.repair.changed_hours import LOOK_BACK_DAYS
from whale_platform.settings import Settings
from whale_platform.stores.asset_tables.thresholds import read_threshold_history
from whale_platform.stores.quality import audit_values as tables

HOUR = timedelta(hours=1)
REMADE_AFTER = timedelta(hours=1)  # Dagster looks twice an hour for rollups whose minutes have changed


def compare_hours(
    settings: Settings,
    counts: SystemCounts,
    settled_until: datetime,
    now: datetime,
    damaged: Mapping[datetime, DamagedFileError],
) -> SystemCounts:
    """`counts` with what differs in their hours, and what has not arrived yet.

    An hour with a `damaged` file is told under each symbol that another place has there; where none has, it is raised.
    """
    dsn, differences = settings.dsn("dagster"), DifferenceCollector()
    limits = ThresholdHistory(read_threshold_history(dsn), settings.threshold_usd)
    for hour, error in damaged.items():
        keys = [key for key in {*counts.kafka, *counts.postgres} if key[2] == hour]
        if not keys:
            raise error
        for key in keys:
            differences.add(key, "damaged file in lake", str(error))
    doubled = {hour for (*_, hour), held in counts.lake.items() if held.doubled}
    hours = {hour for *_, hour in (*counts.lake, *counts.postgres)}
    hours |= tables.find_whale_hours(dsn, counts.start, counts.end)
    bands = _BandCollector(settings, counts, now)
    with hour_values.open_hours(settings.trades_lake, counts.start, counts.end, settled_until) as lake:
        for hour in sorted(hours - {*damaged}):
            _compare_hour(dsn, lake, hour, counts, hour not in doubled, now, limits, differences)
            bands.compare(hour, differences)
    return replace(counts, differences=differences.group_by_market_hour(), not_yet=differences.not_yet)


def _compare_hour(
    dsn: str,
    lake: HourValues,
    hour: datetime,
    counts: SystemCounts,
    distinct: bool,
    now: datetime,
    limits: ThresholdHistory,
    differences: DifferenceCollector,
) -> None:
    end = min(hour + HOUR, counts.end)
    minutes, windows = lake.read_minutes(hour, end, distinct), tables.read_window_sums(dsn, hour, end)
    rollups = tables.read_rollup_sums(dsn, hour, end) if end == hour + HOUR else {}
    compare_sums(ComparedHour(hour, minutes, windows, rollups, now - REMADE_AFTER, counts.ids_in_transit), differences)
    symbols = {(exchange, symbol) for exchange, symbol, _ in minutes}
    floors = {name: low for name in symbols if (low := limits.find_floor(*name, hour, end)) is not None}
    begun = hour >= counts.lake_since and hour >= counts.home_start
    comparison = WhaleComparison(
        hour,
        limits,
        windows,
        hour >= counts.postgres_since,
        partial(lake.find_within_aggregates, hour),
        partial(_is_in_transit, counts),
        differences,
    )
    for kind in WHALE_KINDS:
        alerts = (one for one in tables.read_alerts(dsn, hour, end, kind) if begun or one[:2] in symbols)
        comparison.compare(kind, lake.read_whales(hour, end, floors, kind), alerts)


class _BandCollector:
    """Asks both places for the size bands of an hour."""

    def __init__(self, settings: Settings, counts: SystemCounts, now: datetime) -> None:
        self._root, self._dsn, self._counts = settings.trades_lake, settings.dsn("dagster"), counts
        self._due = find_due(now, tables.find_band_times(self._dsn, now - DUE_AFTER))
        span = id_counts.find_time_span(self._root)
        days = min(LOOK_BACK_DAYS, settings.retention_days)  # of which repair/band_rows.py computes what lacks
        self._owed_since = max(counts.postgres_since, span[1] - HOUR - timedelta(days=days)) if span else counts.end
        self._lost = {*counts.kafka, *counts.postgres} - {*counts.lake}

    def compare(self, hour: datetime, differences: DifferenceCollector) -> None:
        """Add what differs; nothing of an hour that retention leaves to no lake."""
        if hour < self._counts.lake_since:
            return
        end = min(hour + HOUR, self._counts.end)
        stored = tables.read_bands(self._dsn, hour, end)
        # The lake as it is after that: it has all that the bands were made of.
        opened = table.open_table(self._root)
        paths = [file.path for file in table.list_files(opened, hour, hour + HOUR)]
        changes = table.list_minute_changes(opened, hour)
        rows = size_bands.count_rows(self._root, paths, hour, end)
        minutes = {
            at: BandMinute(rows.get(at, 0), stored.made_of.get(at, 0), changes.get(at), stored.made_at.get(at))
            for at in {*rows, *stored.made_of, *stored.made_at}
        }
        lake = {
            (one.exchange, one.symbol, one.start): one for one in size_bands.read_bands(self._root, paths, hour, end)
        }
        lost = {(exchange, symbol) for exchange, symbol, at in self._lost if at == hour}
        owed = hour >= self._owed_since
        compare_bands(BandHour(hour, lake, stored.bands, minutes, owed, self._due, lost), differences)


def _is_in_transit(counts: SystemCounts, system: str, key: MarketHour, trade_id: int) -> bool:
    """Whether that trade has not arrived in the place yet, by how far it has come or because it was sent just now."""
    held, waiting = counts.kafka.get(key), counts.ids_in_transit.get(key, {}).get(system)
    runs = [waiting] if waiting else []
    return any(one.count_within(trade_id, trade_id) for one in (*runs, *([held.alone] if held else ())))
