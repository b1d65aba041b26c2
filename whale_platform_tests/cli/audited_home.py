"""A home whose Kafka, Postgres and lake hold the same trades, for the audit by the command line."""

import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from confluent_kafka import Producer
from typer.testing import CliRunner, Result

from whale_platform.audit import collect
from whale_platform.broker import topics
from whale_platform.cli.app import app
from whale_platform.contracts import raw_trade
from whale_platform.domain.names import RAW_TRADES
from whale_platform.domain.trade import Trade
from whale_platform.home_mark import HOME_MARK
from whale_platform.homes import open_home
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.lake.delta import commits, table
from whale_platform.lake.delta.schema import COLUMN_NAMES
from whale_platform.lake.delta.table import HOUR
from whale_platform.lake.duckdb import engine, parquet_writer
from whale_platform.repair import band_rows
from whale_platform.settings import Settings
from whale_platform.stores.asset_tables.materialisation import HourRange
from whale_platform_tests.lake.builders import lay
from whale_platform_tests.stores.asset_tables.test_materialisation import MAKER, store
from whale_platform_tests.stores.quality.test_stream_quality import wide

MINUTE = timedelta(minutes=1)
IDS = range(1000, 1120)


def last_hour() -> datetime:
    """The start of the last full hour that is settled."""
    return collect.find_settled_end(Settings(), datetime.now(UTC)).replace(minute=0) - HOUR


def trades(start: datetime, ids: range) -> list[Trade]:
    """One every two seconds from `start` on."""
    stamps = (int((start + timedelta(seconds=2 * n)).timestamp()) * 1_000_000 for n in range(len(ids)))
    price, size = Decimal("100.5"), Decimal(2)
    pair = ("binance", "BTCUSDT", "BTC", "USDT")
    return [Trade(*pair, n, price, size, "buy", at, at + 5) for n, at in zip(ids, stamps, strict=True)]


class Place:
    """A home whose Kafka, Postgres and lake hold ids 1000 to 1119 of the last settled hour, thirty a minute."""

    def __init__(self, base: Path, bootstrap: KafkaCluster, dsn: str) -> None:
        self.base, self.bootstrap, self.dsn, self.start = base, bootstrap, dsn, last_hour()
        home = open_home(base, "simulator").path
        mark = {**json.loads((home / HOME_MARK).read_text()), "created": (self.start - HOUR).timestamp()}
        (home / HOME_MARK).write_text(json.dumps(mark))
        self.lake = home / "lake" / "trades"
        self.whole = {one.trade_id: one for one in trades(self.start, IDS)}

    def fill(self, lacking: Iterable[int] = ()) -> None:
        ids = [n for n in IDS if n not in set(lacking)]
        self.send(*ids)
        topic = topics.describe_topics(self.bootstrap, [RAW_TRADES])[RAW_TRADES]
        lay(self.lake, [self.whole[n] for n in ids], topic_id=topic.topic_id)
        for minute in range(4):
            first = IDS[0] + 30 * minute
            self.count(minute, sum(first <= n < first + 30 for n in ids))
        self.band()

    def band(self) -> None:
        """Compute the size bands of the hour."""
        band_rows.store_whole_hours(self.lake, self.dsn, HourRange(self.start, self.start + HOUR), MAKER)

    def count(self, minute: int, count: int) -> None:
        first = IDS[0] + 30 * minute
        at, seen = self.start + minute * MINUTE, self.start + HOUR
        row = wide(minute, first, first + 29, count)._replace(
            window_start=at, updated_at=seen, notional=f"{201 * count}"
        )
        price, volume = "100.5", str(2 * count)
        row = row._replace(open=price, high=price, low=price, close=price, volume=volume, buy_volume=volume)
        row = row._replace(price_sum=f"{Decimal(price) * count}", last_event_time=at + timedelta(seconds=58))
        store(self.dsn, [row])

    def send(self, *ids: int, late: bool = False) -> None:
        producer = Producer({"bootstrap.servers": str(self.bootstrap), "enable.idempotence": True})
        for n in ids:
            sent = int(time.time() * 1000) if late else self.whole[n].event_time // 1000
            producer.produce(RAW_TRADES, raw_trade.encode_trade(self.whole[n]), b"binance:BTCUSDT", 0, timestamp=sent)
        assert producer.flush(300) == 0

    def without(self, *ids: int) -> None:
        """Rewrite the lake's hour without these ids."""
        with engine.connect(self.lake) as connection:
            files = table.list_files(table.open_table(self.lake))
            rows = engine.select_rows(self.lake, [file.path for file in files])
            listed = ", ".join(map(str, ids))
            query = f"SELECT {', '.join(COLUMN_NAMES)} FROM {rows} WHERE trade_id NOT IN ({listed})"
            file = parquet_writer.write_sorted(connection, query, self.lake, self.start)
        commits.replace_files(self.lake, lambda _: ([file], files), {})

    def audit(self, *more: str) -> Result:
        hour = ("--from", f"{self.start:%Y-%m-%dT%H:%M}", "--to", f"{self.start + HOUR:%Y-%m-%dT%H:%M}")
        return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["audit", "--home", str(self.base), *hour, *more])
