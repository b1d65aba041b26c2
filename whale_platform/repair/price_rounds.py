"""When the prices around whales are looked for: every minute, where some may be known by now and are not stored.

Whether there are any is one query to Postgres; only then a process of its own (`price_work.py`) opens the lake. What
fails is tried again, each time after twice as long. The trades go first, as for repairs.
"""

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from whale_platform.lake.delta.schema import table_exists
from whale_platform.repair.work_process import WorkHold, run_command
from whale_platform.stores.asset_tables import whale_prices
from whale_platform.stores.errors import PostgresError
from whale_platform.supervision.runtime.runner import ServiceContext

ROUND_S = 60.0
LONGEST_S = 3600.0
COMMAND = (sys.executable, "-m", "whale_platform.repair.price_work")
RunCommand = Callable[[ServiceContext, Sequence[str], WorkHold], dict[str, Any] | str | None]


class PriceRounds:
    """One round after the other, in the loop of the repair service."""

    def __init__(self, context: ServiceContext, run: RunCommand = run_command) -> None:
        self._context, self._run = context, run
        self._hold = WorkHold(context.settings.home)
        self._wait_s = ROUND_S
        self._next_at = time.monotonic() + ROUND_S
        self._priced = 0

    def run_if_due(self) -> None:
        """Do a round where it is time for one. Raises nothing: what fails is logged, and tried again."""
        if time.monotonic() < self._next_at or self._hold.reason_to_wait():
            return
        done = self._do_round()
        if isinstance(done, str):  # it had to make way for the trades
            self._next_at = time.monotonic() + ROUND_S
            return
        self._hold.reset()
        self._wait_s = min(2 * self._wait_s, LONGEST_S) if done is None else ROUND_S
        self._next_at = time.monotonic() + self._wait_s
        if done:
            self._priced += done.get("whales_priced", 0)
            self._context.heartbeat.numbers["whales_priced"] = self._priced

    def _do_round(self) -> dict[str, Any] | str | None:
        settings = self._context.settings
        try:
            if not table_exists(settings.trades_lake) or not whale_prices.read_due_whales(settings.dsn("dagster"), 1):
                return {}
        except (PostgresError, OSError) as error:
            self._context.log.warning("the prices around whales can't be looked for now", error=str(error))
            return None
        return self._run(self._context, COMMAND, self._hold)
