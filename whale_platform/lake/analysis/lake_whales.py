"""The whales of an hour as the lake's trades make them: single trades, sweeps, blocks and liquidations.

Sweeps are those of sweeps.py. Raises LakeError's subclasses.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import duckdb

from whale_platform.domain.names import SWEEP
from whale_platform.domain.trade import usd_via
from whale_platform.lake.analysis import sweeps
from whale_platform.lake.analysis.sweeps import LakeSweep
from whale_platform.lake.duckdb import engine
from whale_platform.storage.folders import Folder

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_TRADES = """
WITH floors AS ({floors})
SELECT exchange, symbol, trade_id, side, price, quantity, {usd} AS usd, epoch_us(event_time),
    coalesce(source = 'import', false), coalesce(received_time > $settled, false), epoch_us(received_time), base, quote,
    {notional} AS notional, usd_pair, usd_rate
FROM {rows} JOIN floors USING (exchange, symbol)
WHERE coalesce(fills, 1) = 1 AND {kind} = $kind AND {usd} >= floor AND event_time < $end
ORDER BY exchange, symbol, trade_id, topic_offset NULLS LAST, topic_partition
"""


@dataclass(frozen=True, slots=True)
class LakeHour:
    """The files of an hour, up to `end`; a trade that was received after `settled_until` is late. Aware, UTC."""

    root: Folder
    paths: Sequence[str]
    end: datetime
    settled_until: datetime


class LakeWhale(NamedTuple):
    """A whale of any kind, of at least so many dollars, as the lake has it; imported, late: as of a minute.

    received_time is None where it was imported. Of a sweep, trade_id is that of its first fill, price and received_time
    those of its last, as usd_rate; what follows usd_rate is None of others. before_sweeps: as in LakeSweep.
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
    notional: Decimal
    usd_pair: str | None = None
    usd_rate: Decimal | None = None
    fills: int | None = None
    levels: int | None = None
    first_price: Decimal | None = None
    last_trade_id: int | None = None
    before_sweeps: bool = False

    @property
    def usd_via(self) -> str | None:
        """How its dollars were found."""
        return usd_via(self.quote) or self.usd_pair

    @property
    def newest_id(self) -> int:
        """The id of the trade by which it became what it is."""
        return self.trade_id if self.last_trade_id is None else self.last_trade_id


def read_whales(
    connection: duckdb.DuckDBPyConnection, hour: LakeHour, floors: Mapping[tuple[str, str], Decimal], kind: str
) -> Iterator[LakeWhale]:
    """Each whale of `kind` from its symbol's floor (US dollars) on, by exchange, symbol and id.

    Aggregates are none, and no fills of one; a trade that is there twice comes once, as it came first.
    """
    if kind == SWEEP:
        for sweep in sweeps.read_sweeps(connection, hour.root, hour.paths, hour.end.astimezone(UTC), floors):
            yield _build_whale(sweep, hour.settled_until)
        return
    rows = engine.select_rows(hour.root, hour.paths)
    names = {"rows": rows, "floors": sweeps.FLOORS, "kind": sweeps.KIND_SQL}
    query = _TRADES.format(**names, usd=engine.USD_SQL, notional=engine.NOTIONAL_SQL)
    values = sweeps.build_floor_values(floors) | {"end": hour.end.astimezone(UTC), "kind": kind}
    cursor = connection.execute(query, values | {"settled": hour.settled_until.astimezone(UTC)})
    before: object = None
    while some := cursor.fetchmany(sweeps.FETCH_ROWS):
        for row in some:
            if before != row[:3]:
                received = None if row[10] is None else _to_datetime(row[10])
                yield LakeWhale(*row)._replace(event_time=_to_datetime(row[7]), received_time=received)
            before = row[:3]


def _build_whale(sweep: LakeSweep, settled_until: datetime) -> LakeWhale:
    latest = None if sweep.latest_time is None else _to_datetime(sweep.latest_time)
    return LakeWhale(
        exchange=sweep.exchange,
        symbol=sweep.symbol,
        trade_id=sweep.first_id,
        side=sweep.side,
        price=sweep.last_price,
        quantity=sweep.quantity,
        notional_usd=sweep.usd,
        event_time=_to_datetime(sweep.event_time),
        imported=sweep.imported,
        late=latest is not None and latest > settled_until,
        received_time=None if sweep.received_time is None else _to_datetime(sweep.received_time),
        base=sweep.base,
        quote=sweep.quote,
        notional=sweep.notional,
        usd_pair=sweep.usd_pair,
        usd_rate=sweep.usd_rate,
        fills=sweep.fills,
        levels=sweep.levels,
        first_price=sweep.first_price,
        last_trade_id=sweep.last_id,
        before_sweeps=sweep.before_sweeps,
    )


def _to_datetime(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)
