"""Sums of the lake's trades by symbol and minute, and the whales among them, for the audit: hour by hour.

A minute is one row of an aggregate, so an hour of millions of trades needs no more memory than one of hundreds; whales
are handed over as they are read. An hour in which a trade is there twice, or which holds aggregates beside their fills,
is first reduced to each trade once, as compaction does. Raises LakeError's subclasses.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import duckdb

from whale_platform.domain.trade import usd_via
from whale_platform.domain.window import SPARSE_OFFSETS, SPARSE_TIMES, WindowDetail, WindowSums
from whale_platform.lake.analysis import aggregate_fills, lake_whales
from whale_platform.lake.analysis.lake_whales import LakeWhale
from whale_platform.lake.delta import table
from whale_platform.lake.delta.schema import COLUMN_NAMES
from whale_platform.lake.delta.table import LakeFile
from whale_platform.lake.duckdb import engine
from whale_platform.lake.maintenance import rewrite
from whale_platform.storage.folders import Folder

MINUTE_US = 60_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_ORDER = (  # of a market's trades, as compute_windows has it
    f"CASE WHEN coalesce(dense, true) THEN trade_id "
    f"ELSE epoch_us(event_time) % {SPARSE_TIMES} * {SPARSE_OFFSETS} + topic_offset % {SPARSE_OFFSETS} END"
)
_MINUTES = """
SELECT exchange, symbol, epoch_us(event_time) // {minute} AS minute, sum(coalesce(fills, 1))::BIGINT, sum(quantity),
    sum(notional), coalesce(sum(quantity) FILTER (side = 'buy'), 0::DECIMAL(38,18)), arg_min(price, {order}),
    max(price), min(price), arg_max(price, {order}), min(trade_id), max(trade_id + coalesce(fills, 1) - 1),
    coalesce(bool_or(source = 'import'), false), coalesce(bool_or(received_time > $settled), false),
    sum(CASE WHEN coalesce(fills, 1) = 1 THEN price
        ELSE (price::DECIMAL(28,18) * fills::DECIMAL(9,0))::DECIMAL(38,18) END),
    epoch_us(max(event_time)), max(base), max(quote)
FROM {rows} WHERE event_time < $end AND NOT coalesce(block, false) GROUP BY exchange, symbol, minute
"""

_IN_ORDER = (  # a release that found no sweeps wrote no `block`
    "SELECT bool_and(source NOT IN ('repair', 'import') AND coalesce(dense, true) AND block IS NOT NULL) FROM {rows}"
)


@dataclass(frozen=True, slots=True)
class LakeMinute:
    """imported: some of its trades were; late: some came so lately that they may lack elsewhere."""

    sums: WindowSums
    imported: bool
    late: bool
    detail: WindowDetail


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
        query = _MINUTES.format(rows=rows, minute=MINUTE_US, order=_ORDER)
        found = {}
        for exchange, symbol, minute, *rest in self._connection.execute(query, self._build_time_values(end)).fetchall():
            at = datetime.fromtimestamp(minute * 60, UTC)
            detail = WindowDetail(rest[12], _to_datetime(rest[13]), rest[14], rest[15], usd_via(rest[15]))
            found[exchange, symbol, at] = LakeMinute(WindowSums(*rest[:10]), rest[10], rest[11], detail)
        return found

    def read_whales(
        self, hour: datetime, end: datetime, floors: Mapping[tuple[str, str], Decimal], kind: str
    ) -> Iterator[LakeWhale]:
        """Each whale of this kind from its symbol's floor (US dollars) on, by exchange, symbol and id.

        Aggregates are none, and no fills of one. Iterate to the end before the next question is asked.
        """
        if not floors:
            return iter(())
        files = lake_whales.LakeHour(self._root, self._files.get(hour, ()), end, self._settled)
        return lake_whales.read_whales(self._connection, files, floors, kind)

    def came_in_order(self, hour: datetime) -> bool:
        """Whether all trades of the hour came live and in the order of their ids, and sweeps were found meanwhile."""
        rows = engine.select_rows(self._root, self._files.get(hour, ()))
        return self._connection.execute(_IN_ORDER.format(rows=rows)).fetchone() != (False,)

    def find_within_aggregates(
        self, hour: datetime, spans: Collection[aggregate_fills.IdSpan]
    ) -> set[aggregate_fills.IdSpan]:
        """Those of `spans` of which the hour has some id only within an aggregate."""
        return aggregate_fills.find_within_aggregates(self._connection, self._root, self._files.get(hour, ()), spans)

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
