"""A home whose Kafka, Postgres, lake and reports hold the same hours, in which one thing at a time is spoilt."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path

from confluent_kafka import Producer

from whale_platform.audit import collect, render
from whale_platform.broker import topics
from whale_platform.contracts import raw_trade
from whale_platform.contracts.whale_alert import WhaleRow
from whale_platform.domain.names import RAW_TRADES
from whale_platform.domain.trade import EXACT, Side, Trade
from whale_platform.domain.whale import build_tier_limits, find_tier
from whale_platform.domain.window import WindowSums, merge_sums
from whale_platform.lake.delta import commits, table
from whale_platform.lake.delta.table import HOUR
from whale_platform.settings import Settings
from whale_platform.storage import folders
from whale_platform.stores.asset_tables import rollups
from whale_platform.stores.asset_tables.materialisation import HourRange
from whale_platform_tests.lake.builders import lay, swallow
from whale_platform_tests.lake.test_size_bands import follow
from whale_platform_tests.stores.asset_tables.test_materialisation import MAKER, store, store_bands
from whale_platform_tests.stores.builders import WHALE, WINDOW
from whale_platform_tests.stream.query.test_checkpoints import stand_at
from whale_platform_tests.support.kafka_server import KafkaServer
from whale_platform_tests.support.postgres_server import query

BTC, ETH = "BTCUSDT", "ETHUSDT"
HOURS, EACH = 3, 120  # trades a symbol and hour, two a minute
MINUTE = timedelta(minutes=1)
THRESHOLD = Decimal(50_000)
SWEPT = (21, 22, 23)  # of each forty trades
_COPY = """
INSERT INTO whale_alerts SELECT exchange, symbol, kind, trade_id - 9, side, price, quantity, notional_usd,
    threshold_usd, event_time, received_time, detected_time, source, run_id, base, quote, usd_via, made_from,
    topic_partition, topic_offset, notional, usd_rate, fills, levels, first_price, last_trade_id
FROM whale_alerts WHERE symbol = %s AND trade_id = %s"""
CURRENCIES = "base = 'ETH', quote = 'USD', usd_via = 'USD'"
BESIDE = f"price_sum = price_sum + 1e-8, last_event_time = window_start, {CURRENCIES}"
BESIDE_WHALE = f"received_time = event_time, {CURRENCIES}"
BESIDE_SWEEP = "levels = levels - 1, first_price = first_price + 1, last_trade_id = last_trade_id + 1"
CUT = "fills = 2, levels = 2"
TWICE = "trades = 2 * trades, buy_orders = (SELECT array_agg(2 * one) FROM unnest(buy_orders) AS one)"
SUMS = "quantity = quantity + 1e-18, notional = notional + 1e-18, notional_usd = notional_usd + 1e-18"


class Place:
    """Three hours of two symbols that are right everywhere, and what it takes to spoil and to mend each place."""

    def __init__(self, home: Path, kafka: KafkaServer, dsn: str) -> None:
        self.kafka, self.dsn, self.now = kafka, dsn, datetime.now(UTC)
        given = {"home": home, "postgres_dsn": dsn, "kafka_bootstrap": str(kafka.bootstrap), "source": "simulator"}
        self.settings = Settings.model_validate(given)
        self.start = collect.find_settled_end(self.settings, self.now).replace(minute=0) - (HOURS + 1) * HOUR
        self.lake = self.settings.trades_lake
        self.trades = {(one.symbol, one.trade_id): one for symbol in (BTC, ETH) for one in self._trades(symbol)}
        query(dsn, "UPDATE whale_thresholds SET updated_at = %s", self.start - HOUR)

    def _trades(self, symbol: str) -> Iterable[Trade]:
        first, price = (1_000, Decimal("61837.12345678")) if symbol == BTC else (7_000, Decimal("2011.5"))
        for number in range(HOURS * EACH):
            swept = number % 40 in SWEPT  # three fills of one order, each of 25,000 dollars or so
            shift = min(SWEPT) - number % 40 if swept else 0
            at = int((self.start + timedelta(seconds=30 * (number + shift) + 7)).timestamp() * 1_000_000)
            more = Decimal(30) if number % 40 == 11 else 25_000 // price if swept and symbol == ETH else Decimal(0)
            quantity = Decimal("0.0123456789") * (1 + number % 5) + more + (Decimal("0.4") if swept else 0)
            side: Side = "sell" if swept or not number % 3 else "buy"
            pair = ("sim_binance", symbol, symbol[:3], "USDT")
            yield Trade(*pair, first + number, price + number % 7, quantity, side, at, at + 5_000, "simulated")

    def one(self, symbol: str, hour: int, number: int = 11) -> Trade:
        """The trade of that number in the hour; the eleventh is a whale."""
        return [one for one in self.trades.values() if one.symbol == symbol][hour * EACH + number]

    def fill_kafka(self, trades: Iterable[Trade]) -> None:
        self.kafka.fresh_topics()
        self.send(trades)

    def send(self, trades: Iterable[Trade]) -> None:
        producer = Producer({"bootstrap.servers": str(self.kafka.bootstrap), "enable.idempotence": True})
        for one in trades:
            producer.produce(RAW_TRADES, raw_trade.encode_trade(one), one.symbol, 0, timestamp=one.event_time // 1000)
        assert producer.flush(300) == 0

    def fill_lake(self, trades: Iterable[Trade]) -> None:
        folders.delete_folder(self.lake.parent)
        topic = topics.describe_topics(self.kafka.bootstrap, [RAW_TRADES])[RAW_TRADES]
        lay(self.lake, trades, topic_id=topic.topic_id)
        commits.append_files(
            self.lake, [], topic.topic_id, {0: len(self.trades)}, {}
        )  # it has read all, whatever it has

    def fill_postgres(self, trades: Iterable[Trade]) -> None:
        """Windows and whales as they follow from the trades, by exact sums of this file's own; rollups from them.

        Size bands by orders that are followed trade by trade.
        """
        trades = [*trades]
        query(self.dsn, "TRUNCATE trade_windows, whale_alerts, hourly_rollups, size_bands, size_band_minutes")
        minutes: dict[tuple[str, datetime], list[Trade]] = defaultdict(list)
        for one in trades:
            minutes[one.symbol, _time(one).replace(second=0)].append(one)
        windows = []
        for (symbol, at), some in minutes.items():
            sums = merge_sums([_sums(one) for one in some])
            windows.append(
                WINDOW._replace(
                    exchange="sim_binance",
                    symbol=symbol,
                    window_start=at,
                    open=str(sums.open),
                    high=str(sums.high),
                    low=str(sums.low),
                    close=str(sums.close),
                    volume=f"{sums.volume:f}",
                    notional=f"{sums.notional:f}",
                    buy_volume=f"{sums.buy_volume:f}",
                    price_sum=str(sum(one.price for one in some)),
                    last_event_time=max(map(_time, some)),
                    topic_partition=0,
                    topic_offset=some[-1].trade_id,
                    base=symbol[:3],
                    quote="USDT",
                    usd_via="peg:USDT",
                    trade_count=sums.trades,
                    first_trade_id=sums.first_id,
                    last_trade_id=sums.last_id,
                    updated_at=at + MINUTE,
                )
            )
        whales = [_whale([one], "single_trade") for one in trades if one.notional >= THRESHOLD]
        assert len(whales) == 2 * HOURS * EACH // 40
        for _, same in groupby(trades, lambda one: (one.symbol, one.event_time)):
            if len(fills := list(same)) > 1:
                whales.append(_whale(fills, "sweep"))
        assert len(whales) == 4 * HOURS * EACH // 40
        store(self.dsn, windows, whales)
        rollups.materialise_rollups(self.dsn, HourRange(self.start, self.start + HOURS * HOUR), MAKER)
        store_bands(self.dsn, self.start, self.start + HOURS * HOUR, follow(trades))

    def fill(self) -> None:
        self.fill_kafka(self.trades.values())
        self.fill_lake(self.trades.values())
        self.fill_postgres(list(self.trades.values()))

    def verdict(self) -> str:
        return collect.run_audit(
            self.settings, self.start, self.start + HOURS * HOUR, self.now, self.start - HOUR
        ).verdict

    def stop_whales(self) -> None:
        """The whales' query stops before the whale of BTC's second hour."""
        query(self.dsn, *delete_whale(self))
        topic_id = topics.describe_topics(self.kafka.bootstrap, [RAW_TRADES])[RAW_TRADES].topic_id
        place = [*self.trades].index((BTC, self.one(BTC, 1).trade_id))
        stand_at(self.settings.stream_home, "whales", topic_id, {0: place})

    def audit(self) -> dict[tuple[str, int], str]:
        """What is wrong, in words, by symbol and number of the hour."""
        found = collect.run_audit(self.settings, self.start, self.start + HOURS * HOUR, self.now, self.start - HOUR)
        assert {line.symbol for line in found.lines} >= {BTC}
        wrong = [line for line in found.lines if line.verdict == "wrong"]
        return {(line.symbol, (line.hour - self.start) // HOUR): render.describe_line(line) for line in wrong}

    def without(self, *gone: Trade) -> list[Trade]:
        return [one for one in self.trades.values() if one not in gone]

    def with_changed(self, changed: Trade) -> list[Trade]:
        whole = {**self.trades, (changed.symbol, changed.trade_id): changed}
        return list(whole.values())

    def window(self, change: str, symbol: str = BTC, hour: int = 1, minute: int = 5) -> None:
        """UPDATE one window."""
        at = self.start + hour * HOUR + minute * MINUTE
        query(self.dsn, f"UPDATE trade_windows SET {change} WHERE symbol = %s AND window_start = %s", symbol, at)

    def bands(self, change: str, hour: int = 1) -> None:
        """UPDATE the size bands of one minute of BTC."""
        at = self.start + hour * HOUR + 5 * MINUTE
        query(self.dsn, f"UPDATE size_bands SET {change} WHERE symbol = %s AND window_start = %s", BTC, at)

    def lose_bands(self) -> None:
        """BTC's minute has none; the minute is on record as computed."""
        at = self.start + HOUR + 5 * MINUTE
        query(self.dsn, "DELETE FROM size_bands WHERE symbol = %s AND window_start = %s", BTC, at)

    def add_bands(self, symbol: str) -> None:
        """A market that has no trade has a minute."""
        at = self.start + HOUR + 5 * MINUTE
        query(
            self.dsn,
            "INSERT INTO size_bands SELECT exchange, %s, window_start, trades, unvalued_trades, buy_usd, sell_usd, "
            "buy_orders, sell_orders, run_id, code_version FROM size_bands WHERE symbol = %s AND window_start = %s",
            symbol,
            BTC,
            at,
        )

    def whale(self, change: str) -> None:
        """UPDATE the whale of BTC's second hour."""
        where = "symbol = %s AND trade_id = %s"
        query(self.dsn, f"UPDATE whale_alerts SET {change} WHERE {where}", BTC, self.one(BTC, 1).trade_id)

    def sweep(self, change: str) -> None:
        """UPDATE the first sweep of BTC's second hour."""
        where = "kind = 'sweep' AND symbol = %s AND trade_id = %s"
        query(self.dsn, f"UPDATE whale_alerts SET {change} WHERE {where}", BTC, self.one(BTC, 1, 21).trade_id)

    def add_sweep(self) -> None:
        """Two trades of BTC's second hour that are no order."""
        query(self.dsn, f"{_COPY} AND kind = 'sweep'", BTC, self.one(BTC, 1, 21).trade_id)

    def tear(self) -> None:
        hour = self.start + HOUR
        for path in (self.lake / table.hour_folder(hour)).glob("*.parquet"):
            path.write_bytes(path.read_bytes()[:-200] + bytes(200))

    def lose_hour(self) -> None:
        gone = table.list_files(table.open_table(self.lake), self.start + HOUR, self.start + 2 * HOUR)
        commits.replace_files(self.lake, lambda _: ([], gone), {})

    def shift(self) -> None:
        """A trade is counted in the minute after its own."""
        self.window("trade_count = trade_count - 1")
        self.window("trade_count = trade_count + 1", minute=6)

    def swallow(self) -> None:
        """An import brings an aggregate of BTC's whale in the second hour and a trade that was missed after it."""
        one = self.one(BTC, 1)
        self.fill_lake(self.without(self.one(BTC, 1, 12)))
        swallow(self.lake, self.start + HOUR, one.trade_id, one.trade_id)

    def add_whale(self, symbol: str) -> None:
        more = "event_time, received_time, detected_time, source, run_id"
        query(
            self.dsn,
            f"INSERT INTO whale_alerts SELECT exchange, %s, kind, trade_id + 1, side, price, quantity, notional_usd, "
            f"threshold_usd, {more} FROM whale_alerts WHERE symbol = %s AND trade_id = %s",
            symbol,
            BTC,
            self.one(BTC, 1).trade_id,
        )


def _whale(fills: list[Trade], kind: str) -> WhaleRow:
    """What the stream says of the whale of these fills."""
    first, last = fills[0], fills[-1]
    row = WHALE._replace(
        exchange="sim_binance",
        symbol=last.symbol,
        kind=kind,
        trade_id=first.trade_id,
        side=last.side,
        price=str(last.price),
        quantity=str(sum(one.quantity for one in fills)),
        notional_usd=f"{sum(one.notional for one in fills):f}",
        notional=f"{sum(one.notional for one in fills):f}",
        threshold_usd=str(THRESHOLD),
        tier=find_tier(build_tier_limits(THRESHOLD), sum((one.notional for one in fills), Decimal(0))),
        event_time=_time(last),
        received_time=_time(last) + timedelta(microseconds=last.received_time - last.event_time),
        topic_partition=0,
        topic_offset=last.trade_id,
        base=last.base,
        quote=last.quote,
        usd_via=last.usd_via,
    )
    if kind == "single_trade":
        return row
    levels = sum(1 for _ in groupby(fills, lambda one: one.price))
    return row._replace(fills=len(fills), levels=levels, first_price=str(first.price), last_trade_id=last.trade_id)


def _time(one: Trade) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=one.event_time)


def _sums(one: Trade) -> WindowSums:
    bought = one.quantity if one.side == "buy" else Decimal(0)
    notional = EXACT.multiply(one.price, one.quantity)
    price = one.price
    return WindowSums(1, one.quantity, notional, bought, price, price, price, price, one.trade_id, one.trade_id)


def delete_whale(place: Place, number: int = 11) -> tuple[str, str, int]:
    """What deletes the whale, or with 21 the first sweep, of BTC's second hour, as `query` takes it."""
    return "DELETE FROM whale_alerts WHERE symbol = %s AND trade_id = %s", BTC, place.one(BTC, 1, number).trade_id
