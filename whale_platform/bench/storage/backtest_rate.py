"""How many trades a second a back-test reads, over a lake that is generated for it in SQL."""

import resource
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from whale_platform.backtest.rules import AlertRule
from whale_platform.backtest.run import BacktestRequest, run_backtest
from whale_platform.lake.delta import commits, table
from whale_platform.lake.delta.table import HOUR
from whale_platform.lake.duckdb import engine, parquet_writer

START = datetime(2025, 1, 6, tzinfo=UTC)
SYMBOLS = 20
# Trades in bursts of one millisecond, as real ones come; prices swing, sizes are lognormal with a median of $800.
_TRADES = """
SELECT 'bench' AS exchange, 'SYM' || market || 'USDT' AS symbol, 'SYM' || market AS base, 'USDT' AS quote,
    ($hour * $count + row_number() OVER (PARTITION BY market ORDER BY n))::BIGINT AS trade_id, 1 AS fills,
    true AS dense,
    (100 + market + round(5 * sin(ms / 200000.0 + market), 2))::DECIMAL(38,18) AS price,
    greatest(0.00001, 7.4 * exp(1.5 * sqrt(-2 * ln((hash(n, 1) % 1000000 + 1) / 1000001)) * cos(hash(n, 2) % 1000000)))
        ::DECIMAL(18,5)::DECIMAL(38,18) AS quantity,
    NULL::DECIMAL(38,18) AS notional_wide, CASE WHEN hash(n // 3) % 2 = 0 THEN 'buy' ELSE 'sell' END AS side,
    make_timestamptz($start + ms * 1000) AS event_time, make_timestamptz($start + ms * 1000 + 50000) AS received_time,
    'simulated' AS source, NULL::VARCHAR AS taker_order_id, false AS block, NULL::VARCHAR AS buyer,
    NULL::VARCHAR AS seller, NULL::DECIMAL(38,18) AS usd_rate, NULL::VARCHAR AS usd_pair,
    NULL::DECIMAL(38,18) AS usd_exact, 0 AS topic_partition, ($hour * $count + n)::BIGINT AS topic_offset
FROM (
    SELECT n, hash(n // 5) % $symbols AS market, (n // 5) * 5 * 3600000 // $count AS ms FROM range($count) AS every(n)
)
"""


def measure_backtest(root: Path, hours: int, per_hour: int) -> dict[str, Any]:
    """Trades a second of a back-test of two rules over `hours` of `per_hour` trades, CPU a million, memory at most."""
    generate_lake(root, hours, per_hour)
    rules = [
        AlertRule(name="sweeps", kind=("sweep",), minimum_usd=Decimal(50_000)),
        AlertRule(name="all", minimum_usd=Decimal(100_000), cooldown_s=60),
    ]
    request = BacktestRequest(rules, START, START + timedelta(hours=hours))
    began, cpu = time.perf_counter(), time.process_time()
    result = run_backtest(root, request, lambda *_: None)
    took, used = time.perf_counter() - began, time.process_time() - cpu
    return {
        "trades": result.trades,
        "seconds": round(took, 2),
        "trades_per_s": round(result.trades / took),
        "cpu_s_per_million": round(used / result.trades * 1e6, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "alerts": {rule.name: rule.alerts for rule in result.rules},
    }


def generate_lake(root: Path, hours: int, per_hour: int) -> None:
    """Write `hours` sorted files of `per_hour` trades each, from START on."""
    table.create_table(root)
    for hour in range(hours):
        start = START + hour * HOUR
        with engine.connect(root) as connection:
            values = {
                "hour": hour,
                "count": per_hour,
                "symbols": SYMBOLS,
                "start": int(start.timestamp()) * 1_000_000,
            }
            connection.execute(f"CREATE TEMP TABLE generated AS {_TRADES}", values)
            file = parquet_writer.write_sorted(connection, "FROM generated", root, start)
        commits.append_files(root, [file], "bench", {0: (hour + 1) * per_hour}, {"why": "bench"})
