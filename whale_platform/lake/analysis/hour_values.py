"""Sums of the lake's trades by symbol and minute, and the large ones among them, for the audit: hour by hour.

A minute is one row of an aggregate, so an hour of millions of trades needs no more memory than one of hundreds; large
trades are handed over as they are read. An hour in which a trade is there twice, or which holds aggregates beside
their fills, is first reduced to each trade once, as compaction does. Raises LakeError's subclasses.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import duckdb

from whale_platform.domain.trade import DOLLARS, usd_via
from whale_platform.domain.window import WindowDetail, WindowSums
from whale_platform.lake.analysis import aggregate_fills
from whale_platform.lake.delta import table
from whale_platform.lake.delta.schema import COLUMN_NAMES
from whale_platform.lake.delta.table import LakeFile
from whale_platform.lake.duckdb import engine
from whale_platform.lake.maintenance import rewrite
from whale_platform.storage.folders import Folder

FETCH_ROWS = 10_000
MAX_THRESHOLD = Decimal(10**19)  # as a threshold: DECIMAL(38,18) holds no more, and no trade is worth it
MINUTE_US = 60_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_MINUTES = """
SELECT exchange, symbol, epoch_us(event_time) // {minute} AS minute, sum(coalesce(fills, 1))::BIGINT, sum(quantity),
    sum(notional), coalesce(sum(quantity) FILTER (side = 'buy'), 0::DECIMAL(38,18)), arg_min(price, trade_id),
    max(price), min(price), arg_max(price, trade_id), min(trade_id), max(trade_id + coalesce(fills, 1) - 1),
    coalesce(bool_or(source = 'import'), false), coalesce(bool_or(received_time > $settled), false),
    sum(CASE WHEN coalesce(fills, 1) = 1 THEN price
        ELSE (price::DECIMAL(28,18) * fills::DECIMAL(9,0))::DECIMAL(38,18) END),
    epoch_us(max(event_time)), max(base), max(quote)
FROM {rows} WHERE event_time < $end GROUP BY exchange, symbol, minute
"""

_LARGE = """
SELECT exchange, symbol, trade_id, side, price, quantity, notional, epoch_us(event_time),
    coalesce(source = 'import', false), coalesce(received_time > $settled, false), epoch_us(received_time), base, quote
FROM {rows} JOIN (SELECT unnest($exchanges) AS exchange, unnest($symbols) AS symbol,
    unnest($floors)::DECIMAL(38,18) AS floor) USING (exchange, symbol)
WHERE coalesce(fills, 1) = 1 AND list_contains($dollars, quote) AND notional >= floor AND event_time < $end
ORDER BY exchange, symbol, trade_id
"""


@dataclass(frozen=True, slots=True)
class LakeMinute:
    """imported: some of its trades were; late: some came so lately that they may lack elsewhere."""

    sums: WindowSums
    imported: bool
    late: bool
    detail: WindowDetail


class LargeTrade(NamedTuple):
    """A trade of at least so many dollars, as the lake has it; imported, late: as of a minute.

    received_time is None where it was imported.
    """

    exchange: str
    symbol: str
    trade_id: int
    side: str
    price: Decimal
    quantity: Decimal
    notional_usd: Decimal
    event_time: datetime
    imported: bool
    late: bool
    received_time: datetime | None
    base: str
    quote: str

    @property
    def usd_via(self) -> str | None:
        """How its dollars were found."""
        return usd_via(self.quote)


class HourValues:
    """The lake's hours at one version; `settled_until`: trades received later may lack elsewhere."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, root: Folder, files: list[LakeFile], settled_until: datetime
    ):
        self._connection, self._root, self._settled = connection, root, settled_until
        self._files: dict[datetime, list[str]] = {}
        for file in files:
            self._files.setdefault(file.start, []).append(file.path)

    def read_minutes(
        self, hour: datetime, end: datetime, distinct: bool
    ) -> dict[tuple[str, str, datetime], LakeMinute]:
        """By (exchange, symbol, minute), up to `end`; `distinct`: the hour is known to hold each trade once."""
        rows = engine.select_trades(self._root, self._files.get(hour, ()))
        if not distinct:
            stored = engine.select_rows(self._root, self._files[hour])
            unique = rewrite.select_distinct(self._connection, f"SELECT {', '.join(COLUMN_NAMES)} FROM {stored}")
            rows = f"(SELECT *, {engine.NOTIONAL_SQL} AS notional FROM ({unique}))"
        query = _MINUTES.format(rows=rows, minute=MINUTE_US)
        found = {}
        for exchange, symbol, minute, *rest in self._connection.execute(query, self._build_time_values(end)).fetchall():
            at = datetime.fromtimestamp(minute * 60, UTC)
            detail = WindowDetail(rest[12], _to_datetime(rest[13]), rest[14], rest[15], usd_via(rest[15]))
            found[exchange, symbol, at] = LakeMinute(WindowSums(*rest[:10]), rest[10], rest[11], detail)
        return found

    def read_large_trades(
        self, hour: datetime, end: datetime, floors: Mapping[tuple[str, str], Decimal]
    ) -> Iterator[LargeTrade]:
        """Each trade from its symbol's floor (US dollars) on, by exchange, symbol and id; aggregates are none.

        Iterate to the end before the next question is asked.
        """
        query = _LARGE.format(rows=engine.select_trades(self._root, self._files.get(hour, ())))
        parameters = {
            **self._build_time_values(end),
            "exchanges": [exchange for exchange, _ in floors],
            "symbols": [symbol for _, symbol in floors],
            "floors": [f"{min(floor, MAX_THRESHOLD):f}" for floor in floors.values()],
            "dollars": sorted(DOLLARS),
        }
        before: object = None
        cursor = self._connection.execute(query, parameters)
        while rows := cursor.fetchmany(FETCH_ROWS):
            for row in rows:
                if before != row[:3]:  # a trade that is there twice is one whale
                    received = None if row[10] is None else _to_datetime(row[10])
                    yield LargeTrade(*row)._replace(event_time=_to_datetime(row[7]), received_time=received)
                before = row[:3]

    def find_within_aggregates(
        self, hour: datetime, trades: Collection[aggregate_fills.TradeKey]
    ) -> set[aggregate_fills.TradeKey]:
        """Those of `trades` that the hour has only within an aggregate."""
        return aggregate_fills.find_within_aggregates(self._connection, self._root, self._files.get(hour, ()), trades)

    def _build_time_values(self, end: datetime) -> dict[str, object]:
        return {"end": end.astimezone(UTC), "settled": self._settled.astimezone(UTC)}


def _to_datetime(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


@contextmanager
def open_hours(root: Folder, start: datetime, end: datetime, settled_until: datetime) -> Iterator[HourValues]:
    """The hours of [start, end), from a full hour on, aware UTC. Raises LakeNotFoundError."""
    files = table.list_files(table.open_table(root), start, end)
    with engine.connect(root) as connection:
        yield HourValues(connection, root, files, settled_until)
