"""What a replayed day must have left in every place, compared with the oracle."""

import contextlib
import json
import urllib.request
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from whale_platform.bench.harness.platform import Platform, PlatformError, wait_for
from whale_platform.broker.errors import BrokerError
from whale_platform.broker.reader import TopicReader
from whale_platform.contracts import raw_trade
from whale_platform.domain.names import RAW_TRADES
from whale_platform.domain.trade import Trade
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform_tests.e2e import oracle


def raw_trades(platform: Platform) -> list[Trade]:
    return list(wait_for("the broker to give them", lambda: _raw_trades(platform), meanwhile=(BrokerError,)))


def _raw_trades(platform: Platform) -> list[Trade]:
    reader = TopicReader(KafkaCluster(platform.status()["urls"]["kafka"]), "test")
    try:
        return [
            raw_trade.decode_trade(record.value)
            for part in reader.list_partitions(RAW_TRADES)
            for record in reader.scan(RAW_TRADES, part, *reader.bounds(RAW_TRADES, part))
            if record.value is not None
        ]
    finally:
        reader.close()


def check(platform: Platform, expected: list[dict[str, Any]]) -> None:
    """Topic, windows and whales against the oracle."""
    raw = raw_trades(platform)
    told = [(t.exchange, t.symbol, t.trade_id, t.price, t.quantity, t.side, t.event_time) for t in raw]
    names = ("exchange", "symbol", "id", "price", "quantity", "side", "time")
    assert sorted(told) == [tuple(fill[name] for name in names) for fill in expected]
    for key in {row[:2] for row in told}:
        ids = [row[2] for row in told if row[:2] == key]
        assert ids == sorted(ids), f"{key} is out of order in the topic"

    check_tables(platform, expected)
    check_api(platform, expected)
    check_lake(platform, expected)
    assert platform.sql("select count(*) from ingest_gaps where state = 'open'") == [["0"]]


def check_tables(platform: Platform, expected: list[dict[str, Any]]) -> None:
    """Windows and whales in Postgres against the oracle."""
    rows = platform.sql(
        "select exchange, symbol, (extract(epoch from window_start) * 1000000)::bigint, open, high, low, close, "
        "volume, notional, buy_volume, sell_volume, trade_count, first_trade_id, last_trade_id from trade_windows"
    )
    assert by_key(rows) == oracle.windows(expected)

    whales = platform.sql(
        "select exchange, symbol, trade_id, side, notional_usd from whale_alerts where kind = 'single_trade'"
    )
    threshold = Decimal(platform.env["WHALE_THRESHOLD_USD"])
    assert {(e, s, int(i)): (side, Decimal(usd)) for e, s, i, side, usd in whales} == oracle.whales(expected, threshold)
    names = ("exchange", "symbol", "id", "last", "fills", "side", "first", "price", "quantity", "notional")
    sweeps = platform.sql(
        "select exchange, symbol, trade_id, last_trade_id, fills, side, trim_scale(first_price), trim_scale(price), "
        "trim_scale(quantity), trim_scale(notional_usd) from whale_alerts where kind = 'sweep'"
    )
    due = [[sweep[name] for name in names] for sweep in oracle.sweeps(expected, threshold)]
    assert sorted([*map(str, row[:6]), *map(Decimal, row[6:])] for row in sweeps) == sorted(
        [*map(str, row[:6]), *row[6:]] for row in due
    )


def check_api(platform: Platform, expected: list[dict[str, Any]]) -> None:
    """`/latest` and `/whales/summary` against the oracle; the first is in memory and follows the tables."""
    threshold = Decimal(platform.env["WHALE_THRESHOLD_USD"])
    address = platform.status()["urls"]["dashboard"]

    def get(path: str) -> Any:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            f"{address}{path}", timeout=60
        ) as answer:
            return json.load(answer)

    def told() -> dict[tuple[str, str], dict[str, Any]]:
        return {(one["exchange"], one["symbol"]): latest_of(one) for one in get("/latest")["symbols"]}

    due = oracle.latest(expected, threshold)
    with contextlib.suppress(PlatformError):
        wait_for("/latest to follow", lambda: told() == due, 300)
    assert told() == due
    found = get("/whales/summary")
    hours = [
        (micros(row["hour"]), row["whales"], *map(Decimal, (row["buy_usd"], row["sell_usd"]))) for row in found["hours"]
    ]
    assert {
        **{name: Decimal(found[name]) for name in ("buy_usd", "sell_usd")},
        "whales": found["whales"],
        "hours": hours,
        "sizes": {one["from_usd"]: (one["buys"], one["sells"]) for one in found["sizes"] if one["buys"] + one["sells"]},
        "top": [Decimal(one["notional_usd"]) for one in found["top"]],
    } == oracle.summary(expected, threshold)


def latest_of(one: dict[str, Any]) -> dict[str, Any]:
    """An entry of `/latest` in the oracle's shape."""
    window, whale = one["window"], one["last_whale"]
    money = ("open", "high", "low", "close", "volume", "notional", "buy_volume", "sell_volume")
    large = ("price", "quantity", "notional_usd")
    spans = {
        name: one[name]
        and (*(Decimal(one[name][field]) for field in ("change", "volume", "notional")), one[name]["trades"])
        for name in ("hour", "day")
    }
    return {
        "price": Decimal(one["price"]),
        "window": (micros(window["start"]), *(Decimal(window[name]) for name in money), window["trades"]),
        **spans,
        "whale": whale and (whale["trade_id"], whale["side"], *(Decimal(whale[name]) for name in large)),
    }


def micros(time: str) -> int:
    """Microseconds since the epoch."""
    return (datetime.fromisoformat(time) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def check_reports(platform: Platform, expected: list[dict[str, Any]]) -> None:
    """Whale reports, and the first day's page, against the oracle."""
    threshold = Decimal(platform.env["WHALE_THRESHOLD_USD"])
    rows = platform.sql(
        "select exchange, symbol, (extract(epoch from hour) * 1000000)::bigint, whales, buy_usd, sell_usd, "
        "market_notional, share, largest from whale_reports"
    )

    def price(text: str | None) -> Decimal | None:
        return None if text is None else Decimal(text)

    found = {
        (row[0], row[1], int(row[2])): (
            int(row[3]),
            *map(Decimal, row[4:8]),
            [
                (one["trade_id"], *(price(one[name]) for name in ("before", "after_1", "after_5", "after_15")))
                for one in json.loads(row[8])
            ],
        )
        for row in rows
    }
    assert found == oracle.reports(expected, threshold)
    day_us = 24 * oracle.HOUR_US
    first = min(fill["time"] for fill in expected) // day_us
    day = f"{datetime.fromtimestamp(first * 86_400, UTC):%Y-%m-%d}"
    platform.run_command(
        *("dagster", "asset", "materialize", "-m", "whale_platform.definitions", "--select", "daily_market_report"),
        *("--partition", day),
    )
    text = (Path(platform.status()["home"]) / "reports" / f"market-{day}.md").read_text()
    own = [fill for fill in expected if fill["time"] // day_us == first]
    assert oracle.page(own, threshold) in text, text[:1000]
    for prices in oracle.windows(own, day_us).values():
        assert " | ".join(f"{price.normalize():,f}" for price in prices[:4]) in text, text[:3000]


def check_lake(platform: Platform, expected: list[dict[str, Any]]) -> None:
    """Every trade is in the lake once, and the audit finds nothing wrong."""
    query = "select exchange, symbol, trade_id, price, quantity, side, epoch_us(event_time) from trades order by all"

    def rows() -> list[list[str]]:
        printed = platform.run_command("query", query, "--format", "csv", check=False).stdout
        return [line.split(",") for line in printed.splitlines()[1:]]

    wait_for("the lake to have all", lambda: len(rows()) >= len(expected), 300, every=3)
    names = ("exchange", "symbol", "id", "price", "quantity", "side", "time")
    assert [(*row[:2], int(row[2]), *map(Decimal, row[3:5]), row[5], int(row[6])) for row in rows()] == [
        tuple(fill[name] for name in names) for fill in expected
    ]
    audit = platform.audit()  # size bands come last
    assert (audit.returncode, "nothing is wrong" in audit.stdout) == (0, True), audit.stdout + audit.stderr


def check_repair(platform: Platform, expected: list[dict[str, Any]]) -> None:
    """Tables that have lost everything are made again from the lake, to the last digit."""
    starts = sorted(start for _, _, start in oracle.windows(expected, 60 * oracle.MINUTE_US))
    first, last = (f"{datetime.fromtimestamp(start / 1e6, UTC):%Y-%m-%d-%H:%M}" for start in (starts[0], starts[-1]))
    platform.sql("truncate trade_windows, whale_alerts")
    platform.run_command(
        *("dagster", "asset", "materialize", "-m", "whale_platform.definitions", "--select", "lake/windows_from_lake"),
        *("--partition-range", f"{first}...{last}"),
    )
    check_tables(platform, expected)


def check_hours(platform: Platform, expected: list[dict[str, Any]]) -> None:
    """Rollups, made twice by Dagster in one run each, against the same oracle by the hour."""
    hours = oracle.windows(expected, 60 * oracle.MINUTE_US)
    starts = sorted(datetime.fromtimestamp(start / 1e6, UTC) for _, _, start in hours)
    first, last = (f"{start:%Y-%m-%d-%H:%M}" for start in (starts[0], starts[-1]))
    for _ in range(2):
        platform.run_command(
            *("dagster", "asset", "materialize", "-m", "whale_platform.definitions", "--select"),
            *("hourly_rollups,whale_reports", "--partition-range", f"{first}...{last}"),
        )
        rows = platform.sql(
            "select exchange, symbol, (extract(epoch from hour) * 1000000)::bigint, open, high, low, close, volume, "
            "notional, buy_volume, sell_volume, trade_count, first_trade_id, last_trade_id from hourly_rollups"
        )
        assert by_key(rows) == hours
    check_reports(platform, expected)


def by_key(rows: list[list[str]]) -> dict[tuple[str, str, int], tuple[Any, ...]]:
    """Printed rows in the oracle's shape."""
    return {
        (row[0], row[1], int(row[2])): (*map(Decimal, row[3:11]), int(row[11]), int(row[12]), int(row[13]))
        for row in rows
    }
