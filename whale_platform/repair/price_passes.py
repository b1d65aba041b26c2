"""When the prices around whales are looked for: where some may be known by now and are not stored.

Whether there are any is one query to Postgres; only then a process (`price_work.py`) opens the lake.
"""

import sys
from collections.abc import Sequence
from typing import Any

from whale_platform.lake.delta.schema import table_exists
from whale_platform.stores.asset_tables import whale_prices
from whale_platform.supervision.runtime.runner import ServiceContext

COMMAND = (sys.executable, "-m", "whale_platform.repair.price_work")


class PriceWork:
    """See minute_passes.PassWork. The heartbeat's `whales_priced` counts the whales whose prices have changed."""

    def __init__(self, context: ServiceContext) -> None:
        self._settings, self._numbers = context.settings, context.heartbeat.numbers

    def find_command(self) -> Sequence[str] | None:
        """The process where a whale is due. Raises PostgresError and OSError."""
        there = table_exists(self._settings.trades_lake)
        return COMMAND if there and whale_prices.read_due_whales(self._settings.dsn("dagster"), 1) else None

    def take_answer(self, done: dict[str, Any]) -> None:
        """Count them."""
        self._numbers["whales_priced"] = (self._numbers.get("whales_priced") or 0) + done["whales_priced"]
