"""How fast a backlog becomes finished windows: the stream is stopped, a million trades are produced, and it is started.

It is stopped as a person stops it, so that whoever keeps it alive knows. The trades are spread over symbols of unequal
shares, so over unequal partitions, and over a time of their own. Each round meets a cold JVM, as every real backlog
does; the rate counts from the first window on. Done is when every trade is in a window in Postgres; then count and
volume of each window are compared. CPU seconds tell whose work it is.
"""

import itertools
import time
from bisect import bisect
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from whale_platform.bench.harness.platform import Platform, wait_for
from whale_platform.bench.harness.process_usage import read_cpu_seconds
from whale_platform.broker.producer import TradeProducer
from whale_platform.broker.reader import TopicReader
from whale_platform.contracts import raw_trade
from whale_platform.domain.names import RAW_TRADES, TRADE_WINDOWS
from whale_platform.domain.trade import Trade
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.supervision.control import desired_state

SYMBOLS = 20
NO_RATE = 0.001  # trades a second beside them: one would move the watermark to now
MAX_HOURS_OF_ROUNDS = 0.1  # less than the watermark waits
GOLDEN = 0.6180339887498949  # spreads numbers evenly whatever their count
Totals = dict[tuple[str, int], tuple[int, Decimal]]  # {(symbol, minute since the epoch): (trades, volume)}


def measure_backlog(platform: Platform, trades: int, rounds: int, hours: float) -> dict[str, Any]:
    """Drain times of `trades` of the last `hours`, to the first window and to all of them in Postgres, by round."""
    results = [_drain(platform, f"bench_{number}", trades, hours) for number in range(1, rounds + 1)]
    return {"trades": trades, "rounds": results, "trades_per_s": results[-1]["trades_per_s"]}


def _drain(platform: Platform, exchange: str, trades: int, hours: float) -> dict[str, Any]:
    now = platform.status()
    bootstrap, home = KafkaCluster(now["urls"]["kafka"]), Path(now["home"])
    reader = TopicReader(bootstrap, "bench")

    def windows() -> int:
        return sum(reader.bounds(TRADE_WINDOWS, part)[1] for part in reader.list_partitions(TRADE_WINDOWS))

    def counted() -> int:
        rows = platform.sql(f"select sum(trade_count) from trade_windows where exchange = '{exchange}'")
        return int(rows[0][0] or 0)

    desired_state.write_desired_state(home, "stream", False, "the benchmark")
    wait_for("the stream to stop", lambda: platform.status()["services"]["stream"]["pid"] is None, 600)
    before = windows()
    begin = time.monotonic()
    try:
        expected = _produce(bootstrap, exchange, trades, hours)
    finally:
        produced = time.monotonic()
        desired_state.write_desired_state(home, "stream", True, "the benchmark")
    wait_for(
        "the first window",
        lambda: windows() > before,
        every=0.1,
        moves=lambda: sum(read_cpu_seconds(platform).values()),
    )
    first, spent = time.monotonic(), read_cpu_seconds(platform)
    wait_for("Postgres", lambda: counted() >= trades, 300, 0.2, moves=lambda: (windows(), counted()))
    drained = time.monotonic()
    spent = {name: round(cpu - spent.get(name, 0), 1) for name, cpu in read_cpu_seconds(platform).items()}
    offsets = [reader.bounds(RAW_TRADES, part)[1] for part in reader.list_partitions(RAW_TRADES)]
    reader.close()
    found = _read_totals(platform, exchange)
    return {
        "partition_ends": offsets,
        "windows": len(expected),
        "windows_wrong": sum(found.get(key) != totals for key, totals in (expected | found).items()),
        "produce_s": round(produced - begin, 2),
        "to_first_window_s": round(first - produced, 2),
        "to_postgres_s": round(drained - produced, 2),
        "trades_per_s": round(trades / (drained - first)),
        "cpu_s": {name: cpu for name, cpu in spent.items() if cpu >= 0.5},
    }


def _produce(bootstrap: KafkaCluster, exchange: str, trades: int, hours: float) -> Totals:
    producer = TradeProducer(bootstrap, "bench", linger_ms=20)
    now, step = int(time.time() * 1e6), hours * 3600e6 / trades
    shares = list(itertools.accumulate(1 / number for number in range(1, SYMBOLS + 1)))
    ids: dict[str, int] = defaultdict(int)
    counts: dict[tuple[str, int], int] = defaultdict(int)
    cents: dict[tuple[str, int], int] = defaultdict(int)
    for number in range(trades):
        symbol = f"S{bisect(shares, number * GOLDEN % 1 * shares[-1])}-USD"
        ids[symbol] += 1
        moment, hundredths = now - int((trades - number) * step), 1 + number % 7
        trade = Trade(
            *(exchange, symbol, "S", "USD", ids[symbol], Decimal("61837.63"), Decimal(hundredths) / 100, "buy"),
            *(moment, moment),
        )
        producer.send(RAW_TRADES, raw_trade.encode_key(exchange, symbol), raw_trade.encode_trade(trade))
        window = (symbol, moment // 60_000_000)
        counts[window] += 1
        cents[window] += hundredths
    producer.close(60)
    return {window: (count, Decimal(cents[window]) / 100) for window, count in counts.items()}


def _read_totals(platform: Platform, exchange: str) -> Totals:
    rows = platform.sql(
        "select symbol, extract(epoch from window_start)::bigint / 60, trade_count, volume from trade_windows "
        f"where exchange = '{exchange}'"
    )
    return {(symbol, int(minute)): (int(count), Decimal(volume)) for symbol, minute, count, volume in rows}
