"""The audit proven by planted faults: on a real broker, database and lake each one is found, at its symbol and hour."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from whale_platform.domain.hours_of_week import get_hour_of_week
from whale_platform.domain.whale import ALWAYS
from whale_platform.lake.delta.table import HOUR
from whale_platform.stores.asset_tables.thresholds import remove_threshold, set_threshold
from whale_platform_tests.audit.sound_place import (
    BESIDE,
    BESIDE_SWEEP,
    BESIDE_WHALE,
    BTC,
    CUT,
    ETH,
    HOURS,
    MINUTE,
    SUMS,
    TWICE,
    Place,
    delete_whale,
)
from whale_platform_tests.lake.builders import lay
from whale_platform_tests.support.kafka_server import KafkaServer
from whale_platform_tests.support.postgres_server import database, empty_database, postgres_server, query

__all__ = ["database", "empty_database", "postgres_server"]


def test_every_planted_fault_is_found_where_it_is_and_nothing_else(
    kafka: KafkaServer, database: str, tmp_path: Path
) -> None:
    place = Place(tmp_path, kafka, database)
    place.fill()
    assert place.audit() == {}, "no fault, and yet a finding"
    at, every = {(BTC, 1)}, {(symbol, hour) for symbol in (BTC, ETH) for hour in range(HOURS)}
    swapped = place.one(BTC, 1)._replace(side="sell" if place.one(BTC, 1).side == "buy" else "buy")
    beyond = place.one(BTC, 1, 7)._replace(trade_id=10**12)
    drop = "DELETE FROM trade_windows WHERE symbol = %s"
    tables: list[tuple[str, Callable[[], object], set[tuple[str, int]], str]] = [
        ("a fill doubled", lambda: place.window("trade_count = trade_count + 1"), at, "doubled in Postgres: 1"),
        ("a fill skipped", lambda: place.window("trade_count = trade_count - 1"), at, "missing in Postgres: 1"),
        ("a trade in the minute after", place.shift, at, "trades: 2 (10:05: 1 in Postgres, 2 in the lake"),
        ("a quantity rounded", lambda: place.window("volume = round(volume, 8)"), at, "volume: 1"),
        ("the 18th decimal", lambda: place.window("notional = notional + 1e-18"), at, "notional: 1"),
        ("buy volume", lambda: place.window("buy_volume = buy_volume - 1e-10"), at, "buy_volume: 1"),
        ("the price of the open", lambda: place.window("open = high"), at, "open: 1"),
        ("the price of the close", lambda: place.window("close = open"), at, "close: 1"),
        (
            "beside the sums",
            lambda: place.window(BESIDE),
            at,
            "price_sum: 1|last_event_time: 1|base: 1|quote: 1|usd_via: 1",
        ),
        ("an id beyond the range", lambda: place.window("last_trade_id = 1e12"), at, "last_id: 1"),
        (
            "a lost minute",
            lambda: query(database, f"{drop} AND window_start = %s", BTC, _minute(place)),
            at,
            "minute mi",
        ),
        ("a whale too many", lambda: place.add_whale(BTC), at, "whale too many: 1 (trade 1132 "),
        ("a whale of no market", lambda: place.add_whale("ANYUSDT"), {("ANYUSDT", 1)}, "whale too many: 1"),
        ("a whale too few", lambda: query(database, *delete_whale(place)), at, "whale missing: 1 (trade 1131 "),
        ("a whale's price", lambda: place.whale("price = price + 0.01"), at, "whale price: 1 (trade 1131: 6"),
        ("a whale's side", lambda: place.whale("side = translate(side, 'buy', 'sel') || 'l'"), at, "whale side"),
        ("beside a whale", lambda: place.whale(BESIDE_WHALE), at, "received_time: 1|whale base|whale quote|usd_via: 1"),
        ("a sweep too few", lambda: query(database, *delete_whale(place, 21)), at, "whale missing: 1 (sweep 1141 of"),
        ("a sweep too many", place.add_sweep, at, "whale too many: 1 (sweep 1132 of"),
        ("a sweep cut off", lambda: place.sweep(CUT), at, "whale fills: 1 (sweep 1141: 2 in Postgres, 3 in the lake"),
        ("beside a sweep", lambda: place.sweep(BESIDE_SWEEP), at, "whale levels|first_price: 1|last_trade_id: 1"),
        ("a sweep's sums", lambda: place.sweep(SUMS), at, "whale quantity|whale notional_usd|whale notional:"),
        ("a wrong threshold", lambda: place.whale("threshold_usd = 49999"), at, "whale threshold_usd: 1 (trade 1131"),
        (
            "a wrong tier",
            lambda: place.whale("tier = 'whale'"),
            at,
            "whale tier: 1 (trade 1131: whale where it is giant",
        ),
        ("a low rollup", lambda: query(database, *_rollup(place)), at, "rollup trades: 1 (119 in the rollup, 120 in"),
        ("a band's dollars", lambda: place.bands("buy_usd[2] = buy_usd[2] + 1e-18"), at, "bands buy_usd: 1 (10:05: "),
        ("bands counted twice", lambda: place.bands(TWICE), at, "bands trades: 1 (10:05: 4 in Postgres, 2|bands buy_o"),
        ("bands without dollars", lambda: place.bands("sell_usd = NULL"), at, "bands sell_usd: 1 (10:05: none in"),
        ("bands lost", place.lose_bands, at, "bands missing: 1 (10:05 with 2 trades"),
        ("bands of no trade", lambda: place.add_bands("ANYUSDT"), {("ANYUSDT", 1)}, "bands too many: 1 (10:05 with 2"),
        ("a symbol lost", lambda: query(database, drop, ETH), {one for one in every if one[0] == ETH}, "Postgres: 120"),
        ("Postgres empty", lambda: query(database, "TRUNCATE trade_windows"), every, "missing in Postgres: 120"),
    ]
    lakes: list[tuple[str, Callable[[], object], set[tuple[str, int]], str]] = [
        ("an id skipped", lambda: place.fill_lake(place.without(place.one(BTC, 1, 50))), at, "missing in lake: 1"),
        ("the last of a batch", lambda: place.fill_lake(place.without(place.one(ETH, 2, 119))), {(ETH, 2)}, "lake: 1"),
        ("a row doubled", lambda: lay(place.lake, [place.one(BTC, 1)], 10**6), at, "doubled in lake: 1"),
        ("a side swapped", lambda: place.fill_lake(place.with_changed(swapped)), at, "buy_volume: 1"),
        ("an id from nowhere", lambda: lay(place.lake, [beyond], 10**6), at, "missing in Kafka: 1"),
        ("an hour lost", place.lose_hour, {(BTC, 1), (ETH, 1)}, "missing in lake: 120"),
        ("a file torn", place.tear, {(BTC, 1), (ETH, 1)}, "damaged file in lake: 1 ("),
    ]
    found: dict[str, tuple[dict[tuple[str, int], str], set[tuple[str, int]], str]] = {}
    for name, plant, where, words in tables:
        plant()
        found[name] = place.audit(), where, words
        place.fill_postgres(list(place.trades.values()))
    for name, plant, where, words in lakes:
        plant()
        found[name] = place.audit(), where, words
        place.fill_lake(place.trades.values())
    place.swallow()
    assert not [text for text in place.audit().values() if "too many" in text], "it is within an aggregate"
    place.fill_lake(place.trades.values())
    assert place.audit() == {}, "mended, and yet a finding"
    query(database, *delete_whale(place))
    at_its_minute = f"window_start = '{place.start + HOUR + 5 * MINUTE:%Y-%m-%d %H:%M}+00'"
    for before in ("topic_offset = NULL", "usd_via = NULL"):
        query(database, f"UPDATE trade_windows SET {before} WHERE {at_its_minute}")
        assert place.audit() == {}, f"the stream that made {before} had no dollar value for it, or nobody knows"
        query(database, f"UPDATE trade_windows SET topic_offset = 1, usd_via = 'peg:USDT' WHERE {at_its_minute}")
    assert "whale missing" in place.audit()[BTC, 1]
    place.fill_postgres(list(place.trades.values()))
    place.stop_whales()
    assert place.audit() == {} and place.verdict() == "not yet", "the whales' query has not come so far"
    place.fill_postgres(list(place.trades.values()))
    assert place.verdict() == "ok"
    hours: list[Decimal | None] = [None] * 168
    hours[get_hour_of_week(place.start + HOUR)] = Decimal(10**9)
    set_threshold(database, "sim_binance", BTC, Decimal(50_000), ALWAYS, hours=hours)
    found["whales of an hour that has a higher threshold"] = place.audit(), at, "whale too many: 6 (trade 1131 of"
    remove_threshold(database, "sim_binance", BTC, ALWAYS)
    place.send([place.one(BTC, 1, 70)])
    found["a message doubled"] = place.audit(), at, "doubled in Kafka: 1"
    gone = place.one(BTC, 1, 50)
    place.fill_kafka(place.without(gone))
    found["a message skipped"] = place.audit(), at, "missing in Kafka: 1"
    place.fill_lake(place.without(gone))
    place.fill_postgres(place.without(gone))
    found["an id nowhere"] = place.audit(), at, "missing everywhere, unexplained: 1"
    missed = {
        name: told
        for name, (told, where, words) in found.items()
        if set(told) != where or not all(_says(place, text, words) for text in told.values())
    }
    assert missed == {}, f"{len(missed)} of {len(found)} planted faults were not found as they are"


def _says(place: Place, text: str, words: str) -> bool:
    return all(word.replace("10:05", f"{_minute(place):%H:%M}") in text for word in words.split("|"))


def _minute(place: Place) -> datetime:
    return place.start + HOUR + 5 * MINUTE


def _rollup(place: Place) -> tuple[str, str, datetime]:
    text = "UPDATE hourly_rollups SET trade_count = trade_count - 1 WHERE symbol = %s AND hour = %s"
    return text, BTC, place.start + HOUR
