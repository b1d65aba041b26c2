"""A small lake for tests: trades with known ids and times, laid down as the stream would."""

import gzip
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from whale_platform.contracts import raw_trade
from whale_platform.domain.trade import Trade
from whale_platform.lake.delta import commits, table
from whale_platform.lake.delta.table import HOUR
from whale_platform.lake.duckdb import engine, parquet_writer
from whale_platform.lake.maintenance import kafka_spool, rewrite
from whale_platform.storage import folders
from whale_platform.storage.folders import Folder
from whale_platform_tests.support.captures import binance_files, decode_frame

START = datetime(2026, 1, 2, 10, tzinfo=UTC)


def trade(
    number: int, symbol: str = "BTCUSDT", every_s: float = 1.0, price: str = "100.5", quantity: str = "2"
) -> Trade:
    """Trade `number`, `every_s` after the one before; the first at START."""
    time = int((START + timedelta(seconds=number * every_s)).timestamp() * 1_000_000)
    return Trade(
        "binance",
        symbol,
        symbol[:3],
        symbol[3:],
        number,
        Decimal(price),
        Decimal(quantity),
        "buy" if number % 2 else "sell",
        time,
        time + 5,
    )


def lay(root: Folder, trades: Iterable[Trade], first_offset: int = 0, topic_id: str = "topic") -> int:
    """Append the trades as one commit, as messages from `first_offset` on in partition 0; returns the version."""
    table.create_table(root)
    numbered = [(0, first_offset + n, raw_trade.encode_trade(one)) for n, one in enumerate(trades)]
    hours: dict[datetime, list[tuple[int, int, bytes]]] = {}
    for message in numbered:
        at = datetime.fromtimestamp(raw_trade.decode_trade(message[2]).event_time / 1e6, UTC)
        hours.setdefault(at.replace(minute=0, second=0, microsecond=0), []).append(message)
    path, added = folders.scratch_folder(root) / "laid.json", []
    path.parent.mkdir(parents=True, exist_ok=True)
    for start, found in sorted(hours.items()):
        assert kafka_spool.spool_messages(path, found, start) == len(found)
        with engine.connect(root) as connection:
            file = parquet_writer.write_sorted(connection, kafka_spool.select_spooled(path), root, start)
        name = file.path.replace(parquet_writer.SORTED_PREFIX, "part-")
        folders.move_file(root / file.path, root / name)
        added.append(table.NewFile(name, file.start, file.rows, file.size, file.stats))
    return commits.append_files(root, added, topic_id, {0: first_offset + len(numbered)}, {"test": True})


def swallow(root: Folder, hour: datetime, like: int, first: int, fills: int = 2, symbol: str = "BTCUSDT") -> None:
    """An import brings the aggregate of `fills` trades from id `first` on; else it is as the trade `like`."""
    there = engine.select_rows(
        root, [file.path for file in table.list_files(table.open_table(root), hour, hour + HOUR)]
    )
    aggregate = (
        f"SELECT * EXCLUDE (date, hour) REPLACE ('import' AS source, {first}::BIGINT AS trade_id, {fills} AS fills, "
        "NULL::TIMESTAMPTZ AS received_time, NULL::INTEGER AS topic_partition, NULL::BIGINT AS topic_offset) "
        f"FROM {there} WHERE trade_id = {like} AND symbol = '{symbol}'"
    )
    rewrite.rewrite_hour(root, hour, {"run": "import"}, lambda _: aggregate, ("import/aggregate", 1), distinct=True)


def captured() -> Iterator[Trade]:
    """The real trades of the Binance captures, with their receive times; skips where they are absent."""
    for path in binance_files():
        with gzip.open(path, "rt") as file:
            for line in file:
                received, frame = line.split(" ", 1)
                found = decode_frame(frame)
                one = found.get("data", found)
                if one.get("e") == "trade":
                    yield Trade(
                        "binance",
                        one["s"],
                        one["s"][:3],
                        one["s"][3:],
                        one["t"],
                        Decimal(one["p"]),
                        Decimal(one["q"]),
                        "sell" if one["m"] else "buy",
                        one["T"] * 1000,
                        int(received) // 1000,
                    )


def ids(root: Folder, start: datetime | None = None, hours: int = 1) -> list[tuple[str, int]]:
    """(symbol, trade_id) of every row, sorted; doubled ones twice."""
    end = None if start is None else start + hours * HOUR
    paths = [file.path for file in table.list_files(table.open_table(root), start, end)]
    with engine.connect(root) as connection:
        rows = connection.execute(f"SELECT symbol, trade_id FROM {engine.select_trades(root, paths)} ORDER BY ALL")
        return [(str(symbol), int(number)) for symbol, number in rows.fetchall()]
