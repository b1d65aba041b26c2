"""How fast a backlog becomes finished windows: the stream is held, a million trades are produced, and it is let go.

The trades are spread over symbols and a minute or two. Rounds before the last warm the JVM, whose compiler takes a
core for most of the first. Done is when every trade is in a window in Postgres. CPU seconds tell whose work it is.
"""

import os
import signal
import time
from decimal import Decimal
from typing import Any

import psutil

from whale_platform.bench.platform import Platform, wait_for
from whale_platform.bench.usage import cpu_seconds
from whale_platform.broker.producer import TradeProducer
from whale_platform.broker.reader import TopicReader
from whale_platform.domain import codec
from whale_platform.domain.names import RAW_TRADES, TRADE_WINDOWS
from whale_platform.domain.trade import Trade

SYMBOLS = 20


def measure(platform: Platform, trades: int, rounds: int) -> dict[str, Any]:
    """Drain times of `trades` backlogged trades, to the window topic and to Postgres, round by round."""
    results = [_drain(platform, f"bench_{number}", trades) for number in range(1, rounds + 1)]
    return {"trades": trades, "rounds": results, "trades_per_s": results[-1]["trades_per_s"]}


def _drain(platform: Platform, exchange: str, trades: int) -> dict[str, Any]:
    now = platform.status()
    bootstrap = now["urls"]["kafka"]
    stream = psutil.Process(now["services"]["stream"]["pid"])
    held = [stream, *stream.children(recursive=True)]
    reader = TopicReader(bootstrap, "bench")
    parts = reader.partitions(TRADE_WINDOWS)
    before = sum(reader.bounds(TRADE_WINDOWS, part)[1] for part in parts)
    for process in held:
        os.kill(process.pid, signal.SIGSTOP)
    begin = time.monotonic()
    try:
        _produce(bootstrap, exchange, trades)
    finally:
        produced = time.monotonic()
        for process in reversed(held):
            os.kill(process.pid, signal.SIGCONT)
    spent = cpu_seconds(platform)
    wait_for(
        "the window topic",
        lambda: sum(reader.bounds(TRADE_WINDOWS, part)[1] for part in parts) >= before + trades,
        300,
        every=0.1,
    )
    drained = time.monotonic()
    spent = {name: round(cpu - spent.get(name, 0), 1) for name, cpu in cpu_seconds(platform).items()}
    reader.close()
    counts = "select exchange, sum(trade_count) from trade_windows group by exchange"
    wait_for("Postgres", lambda: [exchange, str(trades)] in platform.sql(counts), 300, every=0.2)
    return {
        "produce_s": round(produced - begin, 2),
        "to_window_topic_s": round(drained - produced, 2),
        "to_postgres_s": round(time.monotonic() - produced, 2),
        "trades_per_s": round(trades / (drained - produced)),
        "cpu_s": {name: cpu for name, cpu in spent.items() if cpu >= 0.5},
    }


def _produce(bootstrap: str, exchange: str, trades: int) -> None:
    producer = TradeProducer(bootstrap, "bench", linger_ms=20)
    now = int(time.time() * 1e6)
    price, quantity = Decimal("61837.63"), Decimal("0.02")
    for number in range(trades):
        symbol = f"S{number % SYMBOLS}-USD"
        moment = now - (trades - number) * 60
        trade = Trade(exchange, symbol, "S", "USD", number // SYMBOLS, price, quantity, "buy", moment, moment)
        producer.send(RAW_TRADES, codec.key(exchange, symbol), codec.encode(trade))
    producer.close(60)
