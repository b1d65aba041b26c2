"""What the live screen shows from Postgres: each symbol's newest window and the newest whales."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whale_platform.settings import Settings

WINDOWS = """
SELECT DISTINCT ON (exchange, symbol) exchange, symbol, window_start, close, vwap, notional, trade_count
FROM trade_windows WHERE window_start > (SELECT max(window_start) FROM trade_windows) - interval '10 minutes'
ORDER BY exchange, symbol, window_start DESC
"""
WHALES = """
SELECT event_time, exchange, symbol, side, price, quantity, notional_usd
FROM whale_alerts ORDER BY event_time DESC, exchange, symbol, trade_id DESC LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Window:
    """A symbol's newest minute; money in the quote currency."""

    exchange: str
    symbol: str
    start: datetime
    close: Decimal
    vwap: Decimal
    notional: Decimal
    trades: int


@dataclass(frozen=True, slots=True)
class Whale:
    """One large trade; `usd` is its notional."""

    time: datetime
    exchange: str
    symbol: str
    side: str
    price: Decimal
    quantity: Decimal
    usd: Decimal


@dataclass(frozen=True, slots=True)
class Feed:
    """The newest rows; `problem` says why there are none."""

    windows: list[Window] = field(default_factory=list)
    whales: list[Whale] = field(default_factory=list)
    problem: str = ""


def read(settings: "Settings", whales: int = 8) -> Feed:
    """The newest rows now; a database that is away gives an empty feed with the reason."""
    from whale_platform.stores import connection

    try:
        with connection.session(settings.dsn(), "whale-screen") as conn, conn.cursor() as cursor:
            cursor.execute(WINDOWS)
            windows = [Window(*row) for row in cursor.fetchall()]
            cursor.execute(WHALES, (whales,))
            return Feed(windows, [Whale(*row) for row in cursor.fetchall()])
    except (connection.StoreAway, connection.SchemaMismatch, connection.BadDsn, OSError) as error:
        return Feed(problem=str(error))
