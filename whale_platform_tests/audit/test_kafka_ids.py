"""Ids read from messages: as the ingester writes them, as anyone else would, and what is no trade."""

import json
from datetime import UTC, datetime
from decimal import Decimal

from whale_platform.audit.kafka_ids import count_kafka_ids
from whale_platform.contracts.raw_trade import encode_trade
from whale_platform.domain.trade import Trade

HOUR = datetime(2026, 11, 21, 10, tzinfo=UTC)
US = int(HOUR.timestamp()) * 1_000_000
TRADE = Trade("binance", "BTCUSDT", "BTC", "USDT", 7, Decimal("1.5"), Decimal("2"), "buy", US, US + 5)
KEY = ("binance", "BTCUSDT", HOUR)
ALL = (0, 2**62)
READ = (False, ())


def at(trade_id: int, time: int = US) -> bytes:
    return encode_trade(TRADE._replace(trade_id=trade_id, event_time=time))


def test_ids_by_symbol_and_hour_with_doubles() -> None:
    other = encode_trade(TRADE._replace(symbol="币安人生USDT", trade_id=3, dense=False))
    later = US + 3_600_000_000
    found = count_kafka_ids(
        [(READ, [at(1), at(2), at(2), other, at(3, later - 1), at(4, later), at(5, later - 1)])], *ALL
    )
    assert (found.messages, found.unreadable) == (7, 0)
    assert {key: (list(held.ids), held.doubled, held.dense) for key, held in found.held.items()} == {
        KEY: ([(1, 3), (5, 5)], 1, True),
        ("binance", "币安人生USDT", HOUR): ([(3, 3)], 0, False),
        ("binance", "BTCUSDT", HOUR.replace(hour=11)): ([(4, 4)], 0, True),
    }


def test_only_the_times_asked_for_count() -> None:
    found = count_kafka_ids([(READ, [at(1, US - 1), at(2), at(3, US + 10), at(4, US + 11)])], US, US + 11)
    assert list(found.held[KEY].ids) == [(2, 3)]
    assert list(found.beyond["binance", "BTCUSDT"]) == [(1, 1), (4, 4)], "they are no hole"


def test_what_a_place_has_not_read_yet_waits_for_it_alone() -> None:
    later = US + 3_600_000_000
    batches = [
        (READ, [at(1)]),
        ((False, ("lake",)), [at(2)]),
        ((False, ("lake", "Postgres")), [at(1), at(3), at(4, later)]),
    ]
    found = count_kafka_ids(batches, *ALL)
    assert {place: list(ids) for place, ids in found.waiting[KEY].items()} == {"lake": [(2, 3)], "Postgres": [(3, 3)]}
    assert list(found.waiting["binance", "BTCUSDT", HOUR.replace(hour=11)]["lake"]) == [(4, 4)]


def test_what_was_sent_just_now_is_alone_unless_it_was_there_before() -> None:
    told: list[int] = []
    found = count_kafka_ids([(READ, [at(1), at(2)]), ((True, ()), [at(2), at(3)])], *ALL, told.append)
    assert (list(found.held[KEY].alone), found.held[KEY].doubled, told) == ([(3, 3)], 1, [2, 4])


def test_other_spellings_of_the_same_trade_are_read_alike() -> None:
    row = json.loads(at(9))
    spaced = json.dumps(row).encode()
    turned = json.dumps(dict(reversed(row.items())), separators=(",", ":")).encode()
    tricky = encode_trade(TRADE._replace(trade_id=10, taker_order_id="event_time:1,trade_id:5,"))
    found = count_kafka_ids([(READ, [at(8), spaced, turned, tricky, turned.replace(b":9,", b":11,")])], *ALL)
    assert (list(found.held[KEY].ids), found.held[KEY].doubled, found.unreadable) == ([(8, 11)], 1, 0)


def test_what_is_no_trade_is_counted() -> None:
    broken = [
        b"",
        b"no JSON",
        b"[]",
        b"{}",
        at(1).replace(b":1,", b":null,", 2),
        at(1).replace(b'"trade_id":1', b'"x":1'),
        at(1).replace(b'"v":2', b'"v":99'),
        encode_trade(TRADE._replace(symbol='ODD"SYM')),
    ]
    huge = at(1).replace(b'"trade_id":1', b'"trade_id":99999999999999999999')
    assert count_kafka_ids([(READ, [*broken, huge])], *ALL).unreadable == len(broken) + 1
    found = count_kafka_ids([(READ, [at(1), huge, at(1).replace(b'"trade_id":1', b'"trade_id":x'), at(2)])], *ALL)
    assert (found.unreadable, list(found.held[KEY].ids)) == (2, [(1, 2)])
