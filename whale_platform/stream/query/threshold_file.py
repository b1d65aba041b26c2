"""Brings whale thresholds from the Postgres table to the running query, without a restart.

A thread copies the table into one small JSON file when it has changed; Spark reads that file again at each batch (in
real-time mode: each checkpoint interval), as a scalar subquery. While the table can't be read (Postgres unavailable,
not yet migrated, being restored) or the copy can't be written, the last copy stays in force; with no copy yet, the
configured default does. The copy has what held before as well, so that trades that are read again late, after a
checkpoint was restarted, are judged by what held at their time: as far as the copy has room, which the log says. What
holds now and what is to hold later is in it in any case.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from whale_platform.domain.decimal_text import format_decimal
from whale_platform.domain.hours_of_week import HOURS_OF_WEEK
from whale_platform.domain.whale import (
    ThresholdChange,
    ThresholdPeriod,
    TierLimits,
    build_threshold_periods,
    build_tier_limits,
)
from whale_platform.settings import Settings
from whale_platform.storage import folders
from whale_platform.storage.errors import ObjectStoreError
from whale_platform.storage.folders import Folder
from whale_platform.stores.asset_tables.thresholds import read_threshold_history
from whale_platform.stores.errors import PostgresError

EVERY_S = 2.0
MOST_USD = Decimal("99999999999999999999")  # as Spark's widest decimal holds; what is set higher is as good as never
MAX_PERIODS, MAX_AMOUNTS = 500, 250_000  # that the copy keeps: what is older is judged by the oldest period in it
# [{"since": microseconds UTC, "limits": {"exchange:symbol": ["USD" of each tier]}}], oldest first. Where hours of the
# week have their own amounts these are three for each of the 168 hours, one hour after the other.
ThresholdCopy = list[dict[str, Any]]


class ThresholdFile:
    """`path` holds a ThresholdCopy; `refresh` copies the table's history into it. Raises ObjectStoreError at first."""

    def __init__(self, settings: Settings, log: Any) -> None:
        self.path: Folder = settings.stream_home / "stream" / "thresholds.json"
        self._settings = settings
        self._log = log
        self._trouble = ""
        self._history: list[ThresholdChange] | None = None  # as it was when it was copied last
        try:
            found: Any = json.loads(self.path.read_text())
        except ObjectStoreError:  # there may be a copy, which the default must not replace
            raise
        except (OSError, ValueError):
            found = {"*:*": format_decimal(settings.threshold_usd)}
        # a copy of a version that knew no history, or none yet
        periods: ThresholdCopy = [{"since": 0, "limits": found}] if isinstance(found, dict) else found
        table = [one | {"limits": _add_tiers(one["limits"])} for one in periods]
        if table != found:
            self._write(table)
        self._current: ThresholdCopy = table

    def refresh(self) -> None:
        """Copy the history if it can be read and differs; one without a catch-all row gets the default as one.

        Otherwise the last copy stays in force, and the reason is logged, once.
        """
        try:
            history = read_threshold_history(self._settings.dsn("stream"))
            if history != self._history:
                self._copy(history)
                self._history = history
        except (PostgresError, OSError) as error:
            if str(error) != self._trouble:
                self._log.warning("thresholds can't be copied, the last ones stay in force", error=str(error))
            self._trouble = str(error)
        else:
            self._trouble = ""

    def _copy(self, history: list[ThresholdChange]) -> None:
        periods = build_threshold_periods(history, self._settings.threshold_usd)
        kept = _select_newest(periods, datetime.now(UTC))
        table = encode_history(kept)
        if table != self._current:
            self._write(table)
            known = len(table[-1]["limits"])
            self._log.info("thresholds changed; in force from the next batch", thresholds=known)
        if len(kept) < len(periods):
            since = kept[1].valid_from if len(kept) > 1 else kept[0].valid_from
            self._log.warning("older thresholds don't fit into the stream's copy", judged_by_the_oldest_before=since)

    def _write(self, table: ThresholdCopy) -> None:
        folders.write_json(self.path, table)
        self._current = table


def encode_history(limits: Iterable[ThresholdPeriod]) -> ThresholdCopy:
    """What held when, as JSON can hold it; the first holds since ever."""
    epoch, found = datetime(1970, 1, 1, tzinfo=UTC), []
    for number, one in enumerate(limits):
        since = (one.valid_from - epoch) // timedelta(microseconds=1) if number else 0
        usd = {":".join(market): _format_tiers(one.list_limits(market)) for market in one.usd}
        found.append({"since": since, "limits": usd})
    return found


def _select_newest(periods: Sequence[ThresholdPeriod], now: datetime) -> Sequence[ThresholdPeriod]:
    """What holds now and later, and as much of what held before as there is room for."""
    amounts, kept = 0, 0
    for period in reversed(periods):
        amounts += len(TierLimits._fields) * (len(period.usd) + (HOURS_OF_WEEK - 1) * len(period.hours))
        if kept and periods[-kept].valid_from <= now and (kept >= MAX_PERIODS or amounts > MAX_AMOUNTS):
            break
        kept += 1
    return periods[-kept:]


def _format_tiers(limits: Iterable[TierLimits]) -> list[str]:
    return [format_decimal(min(amount, MOST_USD)) for one in limits for amount in one]


def _add_tiers(limits: dict[str, Any]) -> dict[str, list[str]]:
    """The limits of a copy; one that an earlier version wrote has single amounts."""
    return {
        market: _format_tiers([build_tier_limits(Decimal(usd))]) if isinstance(usd, str) else usd
        for market, usd in limits.items()
    }
