"""The rows of windows in Postgres, as a reader sees them: counted, watched while trades come, and read to the end.

All peers are polled alike, every POLL_S, by one query over the primary key. Raises PostgresError.
"""

import threading
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from whale_platform.bench.peers.exactness import WindowKey, WindowTotal
from whale_platform.stores.postgres.connection import connect, open_transaction, translate_errors

POLL_S = 0.004
PEER_TABLE = """
CREATE TABLE {table} (
    exchange text NOT NULL, symbol text NOT NULL, window_start timestamptz NOT NULL,
    open numeric NOT NULL, high numeric NOT NULL, low numeric NOT NULL, close numeric NOT NULL,
    price_sum numeric NOT NULL, volume numeric NOT NULL, notional numeric NOT NULL, buy_volume numeric NOT NULL,
    trade_count bigint NOT NULL, first_trade_id bigint NOT NULL, last_trade_id bigint NOT NULL,
    last_event_time bigint NOT NULL,
    PRIMARY KEY (exchange, symbol, window_start)
)
"""


def create_table(dsn: str, table: str) -> None:
    """Create an empty table of windows, in the place of one that a turn before has left."""
    with open_transaction(dsn, "whale-bench") as conn, conn.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {table}")
        cursor.execute(PEER_TABLE.format(table=table))


class WindowRows:
    """The rows of one table, over a connection that is kept. Not thread-safe."""

    def __init__(self, dsn: str, table: str) -> None:
        self._table = table
        self._conn = connect(dsn, "whale-bench", own_session=True)

    def count_trades(self, exchange: str) -> int:
        """Trades that are in the windows of an exchange."""
        return int(self._ask("SELECT coalesce(sum(trade_count), 0) FROM {table} WHERE exchange = %s", exchange)[0][0])

    def read_newest_ids(self, exchange: str) -> dict[str, int]:
        """The newest trade id that a row of each symbol includes."""
        query = "SELECT symbol, max(last_trade_id) FROM {table} WHERE exchange = %s GROUP BY symbol"
        return dict(self._ask(query, exchange))

    def read_windows(self, exchange: str) -> dict[WindowKey, WindowTotal]:
        """What is compared of every window of an exchange."""
        rows = self._ask(
            "SELECT symbol, (extract(epoch FROM window_start) * 1000000)::bigint, trade_count, volume "
            "FROM {table} WHERE exchange = %s",
            exchange,
        )
        return {
            WindowKey(exchange, symbol, int(start)): WindowTotal(count, volume) for symbol, start, count, volume in rows
        }

    def close(self) -> None:
        """Close the connection."""
        self._conn.close()

    def _ask(self, query: str, exchange: str) -> list[Any]:
        with translate_errors(), self._conn.cursor() as cursor:
            cursor.execute(query.format(table=self._table), (exchange,))
            return cursor.fetchall()


class RowWatch(threading.Thread):
    """Notes, from `start` to `stop`, when the newest trade of each symbol is first seen: {symbol: [(id, seen)]}."""

    def __init__(self, dsn: str, table: str, exchange: str) -> None:
        super().__init__(name="rows", daemon=True)
        self.seen: dict[str, list[tuple[int, float]]] = defaultdict(list)
        self._rows, self._exchange = WindowRows(dsn, table), exchange
        self._stopped = threading.Event()

    def run(self) -> None:
        """Poll until `stop`, in this thread."""
        newest: dict[str, int] = {}
        while not self._stopped.wait(POLL_S):
            for symbol, identity in self._rows.read_newest_ids(self._exchange).items():
                if identity > newest.get(symbol, -1):
                    newest[symbol] = identity
                    self.seen[symbol].append((identity, time.time()))
        self._rows.close()

    def stop(self) -> None:
        """End it."""
        self._stopped.set()
        self.join()


def list_row_latencies(
    times: Sequence[int], seen: Mapping[str, Sequence[tuple[int, float]]], symbols: int, begin: float, end: float
) -> list[float]:
    """Seconds from sending to the first row that includes it, of each trade sent from `begin` to `end` (epoch).

    times: see SteadyFeed; seen: see RowWatch. A trade that no row includes is left out.
    """
    found = []
    for number, sent in enumerate(times):
        if begin <= sent / 1e6 < end:
            rows = seen.get(f"S{number % symbols}-USD", ())
            place = bisect_left(rows, (number // symbols, 0.0))
            if place < len(rows):
                found.append(rows[place][1] - sent / 1e6)
    return found
