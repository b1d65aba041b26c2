"""Windows of raw trades in Quix Streams, with its own sink for Postgres. It runs in an environment of its own.

Its state is JSON, which has no decimals: numbers are whole units of 1e-8 there, and the notional is text.
"""

import os
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote, urlsplit

from quixstreams import Application
from quixstreams.models import TopicConfig
from quixstreams.sinks.community.postgresql import PostgreSQLSink

COMMIT_S = 0.1
WINDOW_MS = 60_000
UNIT = Decimal("1e-8")


def begin_window(trade: Any) -> dict[str, Any]:
    """The state of a window with one trade."""
    price, quantity = Decimal(trade["price"]), Decimal(trade["quantity"])
    units, size = int(price / UNIT), int(quantity / UNIT)
    return {
        "exchange": trade["exchange"],
        "symbol": trade["symbol"],
        "open": units,
        "high": units,
        "low": units,
        "close": units,
        "price_sum": units,
        "volume": size,
        "notional": str(price * quantity),
        "buy_volume": size if trade["side"] == "buy" else 0,
        "trade_count": 1,
        "first_trade_id": trade["trade_id"],
        "last_trade_id": trade["trade_id"],
        "last_event_time": trade["event_time"],
    }


def add_trade(window: dict[str, Any], trade: Any) -> dict[str, Any]:
    """The state with one more trade."""
    one = begin_window(trade)
    first, last = (window, one) if window["last_trade_id"] < one["last_trade_id"] else (one, window)
    for name in ("price_sum", "volume", "buy_volume", "trade_count"):
        one[name] += window[name]
    one["notional"] = str(Decimal(one["notional"]) + Decimal(window["notional"]))
    one["high"], one["low"] = max(window["high"], one["high"]), min(window["low"], one["low"])
    one["open"], one["close"] = first["open"], last["close"]
    one["first_trade_id"], one["last_trade_id"] = first["first_trade_id"], last["last_trade_id"]
    one["last_event_time"] = max(window["last_event_time"], one["last_event_time"])
    return one


def build_row(result: Any) -> dict[str, Any]:
    """The row of a window's state."""
    row = dict(result["value"])
    for name in ("open", "high", "low", "close", "price_sum", "volume", "buy_volume"):
        row[name] = row[name] * UNIT
    row["notional"] = Decimal(row["notional"])
    row["window_start"] = datetime.fromtimestamp(result["start"] // 1000, UTC)
    return row


def main() -> None:
    """Run until killed."""
    kafka, dsn, table, name, state, group = (
        os.environ[f"PEER_{one}"] for one in ("KAFKA", "DSN", "TABLE", "TOPIC", "STATE", "GROUP")
    )
    address = urlsplit(dsn)
    app = Application(
        broker_address=kafka,
        consumer_group=group,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=COMMIT_S,
        consumer_extra_config={
            "session.timeout.ms": 6_000,
            "heartbeat.interval.ms": 2_000,
        },  # as soon back as it can be
        state_dir=state,
        loglevel="WARNING",
    )
    topic = app.topic(
        name,
        timestamp_extractor=lambda trade, *_: trade["event_time"] // 1000,
        config=TopicConfig(num_partitions=2, replication_factor=1),
    )
    sink = PostgreSQLSink(
        host=address.hostname or "",
        port=address.port or 0,
        dbname=address.path.lstrip("/"),
        user=address.username or "",
        password=unquote(address.password or ""),
        table_name=table,
        schema_auto_update=False,
        primary_key_columns=["exchange", "symbol", "window_start"],
        upsert_on_primary_key=True,
        include_metadata=False,
    )
    windows = app.dataframe(topic).tumbling_window(WINDOW_MS, grace_ms=600_000).reduce(add_trade, begin_window)
    windows.current().apply(build_row).sink(sink)
    app.run()


if __name__ == "__main__":
    main()
