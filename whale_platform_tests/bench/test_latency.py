"""Each trade counts with the first message or row that includes it, each whale as it was seen first, by its kind."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from whale_platform.bench.streaming.latency import WhaleArrival, first_seen, summarise_arrivals
from whale_platform.contracts.whale_alert import WhaleRow

SENT = 1_000_000_000_000_000  # microseconds
BEGIN = SENT / 1e6
BEGUN = datetime.fromtimestamp(BEGIN, UTC)


def arrive(
    trade_id: int, sent: float, seen: float, kind: str = "single_trade", received: float = 0.0, symbol: str = "A"
) -> WhaleArrival:
    """A whale's message; times in seconds after `BEGIN`."""
    at, reached = BEGUN + timedelta(seconds=sent), BEGUN + timedelta(seconds=received)
    whale = WhaleRow(
        "binance", symbol, kind, trade_id, "buy", "1", "1", "1", "1", "whale", at, reached, reached, "live", "run"
    )
    return WhaleArrival(whale, BEGIN + seen)


def watched(**found: Any) -> Any:
    """What a watch has noted."""
    return SimpleNamespace(**{"trades": {}, "windows": {}, "rows": {}, "whales": []} | found)


def test_a_trade_is_seen_with_the_first_message_that_includes_it_and_a_whale_once() -> None:
    watch = watched(
        trades={"binance:A": [(1, SENT - 1), (2, SENT), (3, SENT + 100_000), (4, SENT + 200_000), (5, SENT + 900_000)]},
        windows={"binance:A": [(2, BEGIN + 0.3), (4, BEGIN + 1.2), (4, BEGIN + 3.0)]},
        rows={"binance:A": [(3, BEGIN + 0.5)]},
        whales=[arrive(2, 0.0, 0.005), arrive(4, 0.5, 0.51), arrive(2, 0.0, 0.6)],
    )
    found = summarise_arrivals(watch, BEGIN, [BEGIN + 1])
    windows, rows, whales = (found[f"to_{name}_ms"] for name in ("trade_windows", "postgres", "whale_alerts"))
    assert (windows["count"], windows["p50"], windows["max"]) == (3, 1_000.0, 1_100.0), "ids 2, 3 and 4 are out"
    assert (rows["count"], rows["max"]) == (2, 500.0)
    assert (whales["count"], whales["max"]) == (2, 10.0)
    assert found["whales_at_checkpoints_ms"] == [10]


def test_kinds_are_measured_apart_and_a_sweep_by_the_message_of_the_fill_that_crosses() -> None:
    watch = watched(
        whales=[
            arrive(7, -1.0, 0.1, "sweep"),
            arrive(2, 0.0, 0.020, "sweep", received=0.012),
            arrive(2, 0.0, 0.031, "sweep", received=0.030),  # the same order, one fill later
            arrive(2, 0.0, 0.004, received=0.001),  # its first fill is a whale by itself
            arrive(3, 0.0, 0.006, received=0.001),  # another fill, with the order's time too
            arrive(2, 0.0, 0.050, "block", received=0.001),
            arrive(2, 0.0, 0.040, "sweep", received=0.010, symbol="B"),
        ]
    )
    found = summarise_arrivals(watch, BEGIN, [])
    sent, received = found["to_whale_alerts_by_kind_ms"], found["from_receipt_by_kind_ms"]
    assert {kind: (of["count"], of["max"]) for kind, of in sent.items()} == {
        "block": (1, 50.0),
        "single_trade": (2, 6.0),
        "sweep": (2, 40.0),
    }
    assert {kind: of["max"] for kind, of in received.items()} == {"block": 49.0, "single_trade": 5.0, "sweep": 30.0}
    assert found["to_whale_alerts_ms"]["count"] == 5


def test_whales_of_one_moment_are_all_seen() -> None:
    whales = [arrive(1, 0.0, 0.1), arrive(1, 0.0, 0.2, symbol="B"), arrive(2, 0.0, 0.3), arrive(1, 0.0, 0.4)]
    assert first_seen(whales) == whales[:3]
