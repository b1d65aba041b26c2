"""The stream service as a process in a home of its own, the trades it is given, and what it has made of them."""

import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil

from whale_platform.broker.producer import TradeProducer
from whale_platform.broker.reader import TopicReader
from whale_platform.contracts import raw_trade
from whale_platform.domain.names import RAW_TRADES, TRADE_WINDOWS
from whale_platform.domain.trade import Trade
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.lake.delta import table
from whale_platform.lake.duckdb import engine
from whale_platform.lake.errors import LakeError
from whale_platform.settings import ROOT, StreamMode
from whale_platform.storage.folders import Folder

START = 1_723_161_240_000_000


@dataclass
class Stream:
    """The service under test in a home of its own, on the given broker."""

    home: Path
    bootstrap: KafkaCluster
    mode: StreamMode = "realtime"
    process: "subprocess.Popen[bytes] | None" = field(default=None)
    program: tuple[str, ...] = ("-m", "whale_platform.stream")

    def start(self) -> "Stream":
        env = {
            **os.environ,
            "WHALE_HOME": str(self.home),
            "WHALE_KAFKA_BOOTSTRAP": str(self.bootstrap),
            "WHALE_POSTGRES_DSN": "postgresql://nobody@127.0.0.1:1/none",
            "WHALE_STREAM_MODE": self.mode,
            "WHALE_THRESHOLD_USD": "50000",
        }
        words = [sys.executable, *self.program]
        with (self.home / "stream.log").open("ab") as log:
            self.process = subprocess.Popen(words, env=env, cwd=ROOT, stderr=log, start_new_session=True)
        return self

    def processes(self) -> list[psutil.Process]:
        """Driver and JVM."""
        assert self.process is not None
        driver = psutil.Process(self.process.pid)
        return [driver, *driver.children(recursive=True)]

    def kill(self) -> None:
        """kill -9 of driver and JVM, as the supervisor's next start would find them."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(600)


def trade(symbol: str, number: int, usd: str = "1") -> Trade:
    moment = START + number * 100_000
    side: Any = "buy" if number % 3 else "sell"
    return Trade("binance", symbol, "X", "USDT", number, Decimal(usd), Decimal(1), side, moment, moment)


def produce(bootstrap: KafkaCluster, trades: list[Trade]) -> None:
    """As an ingester does, in three transactions: there are markers between the trades and after the last one."""
    producer = TradeProducer(bootstrap, "test", writer="ingester-1-of-1")
    producer.claim(300)
    for number, item in enumerate(trades, 1):
        producer.send(RAW_TRADES, raw_trade.encode_key(item.exchange, item.symbol), raw_trade.encode_trade(item))
        if number in (len(trades) // 3, len(trades) * 2 // 3):
            producer._commit()
    assert producer.close(30) == 0


def messages(bootstrap: KafkaCluster, topic: str) -> list[dict[str, Any]]:
    reader = TopicReader(bootstrap, "test")
    try:
        return [
            json.loads(record.value or b"")
            for part in reader.list_partitions(topic)
            for record in reader.scan(topic, part, *reader.bounds(topic, part))
        ]
    finally:
        reader.close()


def totals(bootstrap: KafkaCluster) -> dict[tuple[str, int], tuple[int, Decimal]]:
    """{(symbol, window start): (count, volume)} of each window's largest update."""
    best: dict[tuple[str, int], tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    for row in messages(bootstrap, TRADE_WINDOWS):
        key = (row["symbol"], row["window_start"])
        best[key] = max(best[key], (row["trade_count"], Decimal(row["volume"])))
    return dict(best)


def expected(trades: list[Trade]) -> dict[tuple[str, int], tuple[int, Decimal]]:
    out: dict[tuple[str, int], tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    for item in trades:
        key = (item.symbol, item.event_time // 60_000_000 * 60_000_000)
        out[key] = (out[key][0] + 1, out[key][1] + item.quantity)
    return dict(out)


def lake_rows(root: Folder) -> list[tuple[str, int, Decimal]]:
    """(symbol, id, price x quantity) of every row in the lake, sorted."""
    try:
        paths = [file.path for file in table.list_files(table.open_table(root))]
        with engine.connect(root) as connection:
            query = f"SELECT symbol, trade_id, notional FROM {engine.select_trades(root, paths)} ORDER BY ALL"
            return connection.execute(query).fetchall()
    except LakeError:
        return []


def rows_of(trades: list[Trade]) -> list[tuple[str, int, Decimal]]:
    """What `lake_rows` has to be."""
    return sorted((one.symbol, one.trade_id, one.notional) for one in trades)
