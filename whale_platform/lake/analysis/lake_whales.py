"""The whales of an hour as the lake's trades make them: single trades, sweeps and blocks, for the audit.

A sweep is what `domain/sweep.py` calls one, found by its `SweepTracker` among the fills of orders that may be large
enough; these DuckDB selects, which are few. Raises LakeError's subclasses.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import duckdb

from whale_platform.domain.names import BLOCK, SWEEP
from whale_platform.domain.sweep import SweepProgress, SweepTracker
from whale_platform.domain.trade import DOLLARS, usd_via

FETCH_ROWS = 10_000
MAX_THRESHOLD = Decimal(10**19)  # as a threshold: DECIMAL(38,18) holds no more, and no trade is worth it
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_FLOORS = """(SELECT unnest($exchanges) AS exchange, unnest($symbols) AS symbol,
    unnest($floors)::DECIMAL(38,18) AS floor)"""

_COLUMNS = """trade.exchange, trade.symbol, trade_id, trade.side, price, quantity, notional,
    epoch_us(trade.event_time), coalesce(source = 'import', false), coalesce(received_time > $settled, false),
    epoch_us(received_time), base, quote, coalesce(dense, true), trade.taker_order_id"""

_TRADES = """
SELECT {columns} FROM {rows} AS trade JOIN {floors} USING (exchange, symbol)
WHERE coalesce(fills, 1) = 1 AND coalesce(block, false) = $block AND list_contains($dollars, quote)
    AND notional >= floor AND event_time < $end
ORDER BY trade.exchange, trade.symbol, trade_id
"""

# A fill is looked at only where all trades of its time, side and order together are large enough.
_FILLS = """
WITH trade AS (
    SELECT *, CASE WHEN coalesce(dense, true) THEN trade_id ELSE topic_offset END AS place
    FROM {rows} JOIN {floors} USING (exchange, symbol)
    WHERE coalesce(fills, 1) = 1 AND NOT coalesce(block, false) AND list_contains($dollars, quote) AND event_time < $end
), large AS (
    SELECT exchange, symbol, event_time, side, taker_order_id, arg_min(trade_id, place) AS first_id
    FROM trade GROUP BY ALL HAVING count(*) > 1 AND sum(notional) >= any_value(floor)
)
SELECT {columns} FROM trade JOIN large
    ON (trade.exchange, trade.symbol, trade.event_time, trade.side)
        = (large.exchange, large.symbol, large.event_time, large.side)
    AND trade.taker_order_id IS NOT DISTINCT FROM large.taker_order_id
ORDER BY trade.exchange, trade.symbol, CASE WHEN coalesce(dense, true) THEN trade_id ELSE first_id END, place
"""


class LakeWhale(NamedTuple):
    """A trade, sweep or block of at least so many dollars, as the lake has it; imported, late: as of a minute.

    received_time is None where it was imported. Of a sweep, trade_id is that of its first fill, price that of its last;
    what follows the currencies is None of others.
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
    fills: int | None = None
    levels: int | None = None
    first_price: Decimal | None = None
    last_trade_id: int | None = None

    @property
    def usd_via(self) -> str | None:
        """How its dollars were found."""
        return usd_via(self.quote)

    @property
    def newest_id(self) -> int:
        """The id of the trade by which it became what it is."""
        return self.trade_id if self.last_trade_id is None else self.last_trade_id


class _Fill(NamedTuple):
    """One trade, as `SweepTracker` reads it, and the whale that it is alone."""

    trade_id: int
    price: Decimal
    quantity: Decimal
    side: str
    event_time: int
    dense: bool
    taker_order_id: str | None
    whale: LakeWhale
    block: bool = False
    sweep: SweepProgress | None = None
    notional_usd: Decimal | None = None
    usd_rate: Decimal | None = None


def read_whales(
    connection: duckdb.DuckDBPyConnection,
    rows: str,
    floors: Mapping[tuple[str, str], Decimal],
    kind: str,
    values: Mapping[str, object],
) -> Iterator[LakeWhale]:
    """Each whale of `kind` from its symbol's floor (US dollars) on, by exchange, symbol and id.

    rows: SQL of an hour's trades; values: `end` and `settled`. Aggregates are none, and no fills of one.
    """
    asked = {
        **values,
        "exchanges": [exchange for exchange, _ in floors],
        "symbols": [symbol for _, symbol in floors],
        "floors": [f"{min(floor, MAX_THRESHOLD):f}" for floor in floors.values()],
        "dollars": sorted(DOLLARS),
    }
    names = {"columns": _COLUMNS, "rows": rows, "floors": _FLOORS}
    if kind == SWEEP:
        fills = _read_fills(connection, _FILLS.format(**names), asked)
        yield from (one for one in _find_sweeps(fills) if one.notional_usd >= floors[one.exchange, one.symbol])
    else:
        found = _read_fills(connection, _TRADES.format(**names), {**asked, "block": kind == BLOCK})
        yield from (fill.whale for fill in found)


def _read_fills(connection: duckdb.DuckDBPyConnection, query: str, values: Mapping[str, object]) -> Iterator[_Fill]:
    """In the order of the query; a trade that is there twice comes once."""
    before: object = None
    cursor = connection.execute(query, values)
    while rows := cursor.fetchmany(FETCH_ROWS):
        for row in rows:
            if before != row[:3]:
                received = None if row[10] is None else _to_datetime(row[10])
                whale = LakeWhale(*row[:13])._replace(event_time=_to_datetime(row[7]), received_time=received)
                yield _Fill(row[2], row[4], row[5], row[3], row[7], row[13], row[14], whale)
            before = row[:3]


def _find_sweeps(fills: Iterable[_Fill]) -> Iterator[LakeWhale]:
    """The orders of several fills, each as it is after its last; `fills` of one order come together, in order."""
    tracker, market = SweepTracker(), ("", "")
    sweep: LakeWhale | None = None
    for fill in fills:
        if market != (fill.whale.exchange, fill.whale.symbol):
            tracker, market = SweepTracker(), (fill.whale.exchange, fill.whale.symbol)
        progress = tracker.add(fill)
        if progress is None:
            if sweep is not None and sweep.fills is not None:
                yield sweep
            sweep = fill.whale
        else:
            assert sweep is not None
            sweep = _add_fill(sweep, fill.whale, progress)
    if sweep is not None and sweep.fills is not None:
        yield sweep


def _add_fill(sweep: LakeWhale, fill: LakeWhale, progress: SweepProgress) -> LakeWhale:
    """`sweep` up to `fill`, the newest of it."""
    return fill._replace(
        trade_id=progress.first_id,
        quantity=progress.quantity,
        notional_usd=progress.notional,
        imported=sweep.imported or fill.imported,
        late=sweep.late or fill.late,
        fills=progress.fills,
        levels=progress.levels,
        first_price=progress.first_price,
        last_trade_id=fill.trade_id,
    )


def _to_datetime(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)
