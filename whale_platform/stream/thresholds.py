"""Whale thresholds on their way from the Postgres table to the running query, without a restart.

A thread copies the table into one small JSON file when it has changed; Spark reads that file again at each batch (in
real-time mode: each checkpoint interval), as a scalar subquery. While the table can't be read (Postgres away, not yet
migrated, being restored) or the copy can't be written, the last copy stays in force; with no copy yet, the configured
default does.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from whale_platform.domain.codec import plain
from whale_platform.settings import Settings
from whale_platform.stores.connection import BadDsn, RowRefused, SchemaMismatch, StoreAway
from whale_platform.stores.thresholds import read_thresholds
from whale_platform.supervision.beat import write_json

EVERY_S = 2.0
UNREADABLE = (StoreAway, SchemaMismatch, BadDsn, RowRefused)


class ThresholdFile:
    """`path` holds `{"exchange:symbol": "USD"}`; `refresh` copies the table into it."""

    def __init__(self, settings: Settings, log: Any) -> None:
        self.path: Path = settings.stream_home / "stream" / "thresholds.json"
        self._settings = settings
        self._log = log
        self._trouble = ""
        try:
            self._current: dict[str, str] = json.loads(self.path.read_text())
        except (OSError, ValueError):
            self._write({"*:*": plain(settings.threshold_usd)})

    def refresh(self) -> None:
        """Copy the table if it can be read and differs; a table without a catch-all row gets the default as one.

        Otherwise the last copy stays in force, and the reason is logged, once.
        """
        try:
            table = as_map(read_thresholds(self._settings.dsn("stream")))
            table.setdefault("*:*", plain(self._settings.threshold_usd))
            if table != self._current:
                self._write(table)
                self._log.info("thresholds changed; in force from the next batch", thresholds=len(table))
        except (*UNREADABLE, OSError) as error:
            if str(error) != self._trouble:
                self._log.warning("thresholds can't be copied, the last ones stay in force", error=str(error))
            self._trouble = str(error)
        else:
            self._trouble = ""

    def _write(self, table: dict[str, str]) -> None:
        write_json(self.path, table)
        self._current = table


def as_map(rows: list[tuple[str, str, Decimal]]) -> dict[str, str]:
    """[(exchange, symbol, USD)] -> {"exchange:symbol": "USD"}."""
    return {f"{exchange}:{symbol}": plain(usd) for exchange, symbol, usd in rows}
