"""Each trade counts with the first message or row that includes it, each whale as it was seen first."""

from types import SimpleNamespace
from typing import Any

from whale_platform.bench.streaming.latency import summarise_arrivals

SENT = 1_000_000_000_000_000  # microseconds
BEGIN = SENT / 1e6


def test_a_trade_is_seen_with_the_first_message_that_includes_it_and_a_whale_once() -> None:
    watch: Any = SimpleNamespace(
        trades={"binance:A": [(1, SENT - 1), (2, SENT), (3, SENT + 100_000), (4, SENT + 200_000), (5, SENT + 900_000)]},
        windows={"binance:A": [(2, BEGIN + 0.3), (4, BEGIN + 1.2), (4, BEGIN + 3.0)]},
        rows={"binance:A": [(3, BEGIN + 0.5)]},
        whales=[(SENT, BEGIN + 0.005), (SENT + 500_000, BEGIN + 0.51), (SENT, BEGIN + 0.6)],
    )
    found = summarise_arrivals(watch, BEGIN, [BEGIN + 1])
    windows, rows, whales = (found[f"to_{name}_ms"] for name in ("trade_windows", "postgres", "whale_alerts"))
    assert (windows["count"], windows["p50"], windows["max"]) == (3, 1_000.0, 1_100.0), "ids 2, 3 and 4 are out"
    assert (rows["count"], rows["max"]) == (2, 500.0)
    assert (whales["count"], whales["max"]) == (2, 10.0)
    assert found["whales_at_checkpoints_ms"] == [10]
