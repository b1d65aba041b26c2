"""The prices around trades, to the microsecond: what a symbol last traded at before each, and so many seconds after.

One definition, for every report, page and back-test: the price after k seconds is that of the last trade at or before
that moment, and is not known before the lake has a later trade of the same symbol; the price before is that of the
trade before it, if that is not older than a quarter of an hour. Blocks, agreed off the book, are no prices. Trades of
one microsecond come in the order of their ids; where those have gaps by design, in that of the topic, where the one
that came twice came first, and the price before is that of an earlier time, since other fills of the trade's own order
have its time. Trades are asked for hour
by hour, so memory stays flat. Raises LakeError's subclasses.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby

import duckdb

from whale_platform.domain.market import Market
from whale_platform.lake.delta import table
from whale_platform.lake.delta.table import LakeFile
from whale_platform.lake.duckdb import engine
from whale_platform.storage.folders import Folder

MEMORY = "200MB"  # it goes on once a minute beside the trades
SECONDS_AFTER = (1, 10, 60, 300, 900)
LOOK_BACK = timedelta(minutes=15)
LONGEST_AFTER = timedelta(seconds=max(SECONDS_AFTER))
TimedTradeKey = tuple[str, str, int, datetime]  # exchange, symbol, trade id, event time (aware)

_MOST = 10**16 - 1  # ids have at most 16 digits (domain/epochs.py)
_PLACE = "epoch_us({time})::HUGEINT * 10000000000000000 + {id}"  # in the order of a symbol's trades
_NUMBER = "CASE WHEN coalesce(dense, true) THEN trade_id ELSE coalesce(topic_offset, trade_id) END"
_HELD = _PLACE.format(time="event_time", id=_NUMBER)
_BEFORE = _PLACE.format(time="event_time", id="CASE WHEN dense THEN trade_id ELSE 0 END") + " - 1"
_AFTER = _PLACE.format(time="event_time + to_seconds(seconds)", id=_MOST)
# To join by place costs far more than to read. So only what a mark can fall on is joined: all trades of the seconds
# that have a mark, and the last one of each other second.
_AROUND = f"""
WITH asked AS (
    SELECT unnest($exchanges) AS exchange, unnest($symbols) AS symbol, unnest($ids)::BIGINT AS trade_id,
        unnest($times)::TIMESTAMPTZ AS event_time
), around AS NOT MATERIALIZED (
    SELECT * FROM {{rows}} WHERE (exchange, symbol) IN (SELECT (exchange, symbol) FROM asked)
        AND NOT coalesce(block, false) AND event_time >= $since AND event_time <= $until
), doubled AS (
    SELECT exchange, symbol, trade_id, min(topic_offset) AS first_offset FROM around WHERE NOT dense
    GROUP BY exchange, symbol, trade_id HAVING count(*) > 1
), held AS NOT MATERIALIZED (
    SELECT exchange, symbol, epoch_us(event_time) // 1000000 AS second, coalesce(dense, true) AS dense,
        {{{{'price': price, 'at': event_time}}}} AS traded, {_HELD} AS place
    FROM around ANTI JOIN doubled ON around.exchange = doubled.exchange AND around.symbol = doubled.symbol
        AND around.trade_id = doubled.trade_id AND topic_offset > first_offset
), last AS (
    SELECT exchange, symbol, second, bool_and(dense) AS dense, max(place) AS place, arg_max(traded, place) AS traded
    FROM held GROUP BY exchange, symbol, second
), ordered AS (
    SELECT exchange, symbol, bool_and(dense) AS dense FROM last GROUP BY exchange, symbol
), wanted AS (
    SELECT asked.*, seconds, epoch_us(event_time) // 1000000 + seconds AS second,
        CASE WHEN seconds = 0 THEN {_BEFORE} ELSE {_AFTER} END AS place
    FROM asked JOIN ordered USING (exchange, symbol) CROSS JOIN (SELECT unnest($seconds) AS seconds) AS marks
), near AS (
    SELECT exchange, symbol, place, traded FROM last UNION ALL
    SELECT exchange, symbol, place, traded FROM held SEMI JOIN wanted USING (exchange, symbol, second)
)
SELECT wanted.exchange, wanted.symbol, wanted.trade_id, seconds, traded.price, traded.at
FROM wanted ASOF JOIN near ON wanted.exchange = near.exchange AND wanted.symbol = near.symbol
    AND wanted.place >= near.place
"""
_REACHED = """
SELECT exchange, symbol, max(event_time) FROM {rows}
WHERE (exchange, symbol) IN (SELECT (unnest($exchanges), unnest($symbols))) GROUP BY ALL
"""


@dataclass(slots=True)
class SurroundingPrices:
    """Of one trade, in quote currency: `before`, and by seconds `after`; None where there is none, or not yet."""

    before: Decimal | None = None
    after: dict[int, Decimal | None] = field(default_factory=lambda: dict.fromkeys(SECONDS_AFTER))

    @property
    def complete(self) -> bool:
        """Whether every price after it is known."""
        return None not in self.after.values()


def find_prices(root: Folder, trades: Iterable[TimedTradeKey]) -> dict[tuple[str, str, int], SurroundingPrices]:
    """The prices around each of `trades`, which the lake need not have itself."""
    asked = sorted(trades, key=lambda one: one[3])
    found = {trade[:3]: SurroundingPrices() for trade in asked}
    files = table.list_files(table.open_table(root)) if asked else []
    with engine.connect(root, MEMORY) as connection:
        for _, some in groupby(asked, lambda one: one[3].replace(minute=0, second=0, microsecond=0)):
            _add_prices_of_hour(connection, root, files, list(some), found)
    return found


def _add_prices_of_hour(
    connection: duckdb.DuckDBPyConnection,
    root: Folder,
    files: Sequence[LakeFile],
    keys: list[TimedTradeKey],
    found: Mapping[tuple[str, str, int], SurroundingPrices],
) -> None:
    """Of trades of one hour."""
    first, last = keys[0][3] - LOOK_BACK, keys[-1][3] + LONGEST_AFTER
    near = [file.path for file in files if first - table.HOUR < file.start <= last]
    if not near:
        return
    reached = _find_newest_times(connection, root, files, {Market(*one[:2]) for one in keys}, last)
    exchanges, symbols, ids, times = (list(column) for column in zip(*keys, strict=True))
    values = {
        "exchanges": exchanges,
        "symbols": symbols,
        "ids": ids,
        "times": times,
        "seconds": [0, *SECONDS_AFTER],
        "since": first,
        "until": last,
    }
    at = {one[:3]: one[3] for one in keys}
    with engine.translate_duckdb_errors():
        rows = connection.execute(_AROUND.format(rows=engine.select_rows(root, near)), values).fetchall()
    for exchange, symbol, trade_id, seconds, price, traded in rows:
        prices, time = found[exchange, symbol, trade_id], at[exchange, symbol, trade_id]
        if not seconds:
            prices.before = price if traded >= time - LOOK_BACK else None
        elif traded >= time and reached.get(Market(exchange, symbol), time) > time + timedelta(seconds=seconds):
            prices.after[seconds] = price


def _find_newest_times(
    connection: duckdb.DuckDBPyConnection,
    root: Folder,
    files: Sequence[LakeFile],
    symbols: set[Market],
    last: datetime,
) -> dict[Market, datetime]:
    """The time of a trade of each symbol after `last`, the first hours that show one; else of its newest."""
    reached: dict[Market, datetime] = {}
    left = set(symbols)
    for start, some in groupby(files, lambda file: file.start):
        if start < (last - LONGEST_AFTER).astimezone(UTC).replace(minute=0, second=0, microsecond=0) or not left:
            continue
        exchanges, names = (list(column) for column in zip(*sorted(left), strict=True))
        statement = _REACHED.format(rows=engine.select_rows(root, [file.path for file in some]))
        with engine.translate_duckdb_errors():
            rows = connection.execute(statement, {"exchanges": exchanges, "symbols": names}).fetchall()
        reached |= {(exchange, symbol): until for exchange, symbol, until in rows}
        left -= {(exchange, symbol) for exchange, symbol, until in rows if until > last}
    return reached
