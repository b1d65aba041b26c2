"""The alerts that the stream wrote, as a back-test compares them with the lake's. Raises PostgresUnusableError."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from whale_platform.stores.asset_tables.materialisation import fetch_rows

_ALERTS = """
SELECT exchange, symbol, kind, trade_id, event_time, notional_usd FROM whale_alerts
WHERE event_time >= %s AND event_time < %s ORDER BY event_time, exchange, symbol, kind, trade_id
"""


class LiveAlert(NamedTuple):
    """A row of `whale_alerts`; trade_id: of a sweep that of its first fill; usd: US dollars, of all of its fills."""

    exchange: str
    symbol: str
    kind: str
    trade_id: int
    event_time: datetime
    usd: Decimal


def read_live_alerts(dsn: str, start: datetime, end: datetime) -> list[LiveAlert]:
    """Return the alerts of [start, end), aware, by time."""
    return [LiveAlert(*row) for row in fetch_rows(dsn, _ALERTS, (start, end))]
