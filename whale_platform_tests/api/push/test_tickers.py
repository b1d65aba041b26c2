"""The topic `tickers`: what changed, once for all clients, thinned for slow ones, resumed; and its bytes, counted."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale_platform.api.push.clients.message_schema import SCHEMA
from whale_platform.api.push.fanout.client_limits import StreamFilter
from whale_platform.api.push.fanout.client_queue import MAX_TICKS, ClientQueue
from whale_platform.api.push.fanout.hub import PushHub
from whale_platform.api.push.fanout.trade_samples import sample_trades
from whale_platform.contracts.trade_window import WindowRow
from whale_platform_tests.api.push.builders import trade
from whale_platform_tests.stores.builders import WINDOW

START = WINDOW.window_start
SYMBOLS = 500
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
Prices = dict[str, str]


def join(hub: PushHub, *topics: str, wanted: StreamFilter | None = None) -> ClientQueue:
    queue = ClientQueue()
    queue.topics = dict.fromkeys(topics, wanted or StreamFilter())
    hub.join(queue)
    return queue


def window(symbol: str, close: str, count: int = 1, minute: int = 0, exchange: str = "binance") -> WindowRow:
    return WINDOW._replace(
        exchange=exchange,
        symbol=symbol,
        close=close,
        trade_count=count,
        window_start=START + timedelta(minutes=minute),
    )


def publish(hub: PushHub, *rows: WindowRow) -> None:
    hub.publish_tick(rows, {})
    hub.publish_tickers()


def read(texts: list[str]) -> list[dict[str, Any]]:
    """The messages, each of which keeps to the schema."""
    messages = [json.loads(text) for text in texts]
    for message in messages:
        VALIDATOR.validate(message)
    return messages


def closes(messages: list[dict[str, Any]]) -> list[Prices]:
    """Of each message of tickers: closes by symbol, whatever the exchange and minute."""
    tickers = [message["tickers"] for message in messages if message["type"] == "tickers"]
    return [{symbol: close for group in groups for symbol, close in group["closes"].items()} for groups in tickers]


def test_only_markets_whose_close_or_minute_changed_are_pushed() -> None:
    hub = PushHub()
    client = join(hub, "tickers")
    publish(hub, window("A", "1"), window("B", "2"))
    publish(hub, window("A", "1", 2), window("B", "2.5", 2))
    publish(hub, window("A", "1", 3))
    publish(hub, window("A", "1", minute=1), window("B", "3", 3, minute=-1))
    messages = read(client.drain())
    assert closes(messages) == [{"A": "1", "B": "2"}, {"B": "2.5"}, {"A": "1"}]
    assert [message["tickers"][0]["minute"] for message in messages] == [
        "2024-08-08T12:00:00Z",
        "2024-08-08T12:00:00Z",
        "2024-08-08T12:01:00Z",
    ]


def test_what_changes_often_is_pushed_once_a_call_and_nothing_where_nothing_changed() -> None:
    hub = PushHub()
    client = join(hub, "tickers")
    for count in range(1, 11):
        hub.publish_tick([window("A", str(count), count)], sample_trades([trade(count)])[0])
    assert client.drain() == [], "ticks of windows and trades are not for it"
    hub.publish_tickers()
    hub.publish_tickers()
    assert closes(read(client.drain())) == [{"A": "10"}]


def test_one_text_is_shared_by_all_with_a_filter_and_filters_are_kept() -> None:
    hub = PushHub()
    everything = [join(hub, "tickers") for _ in range(3)]
    coinbase = join(hub, "tickers", wanted=StreamFilter(exchanges=frozenset({"coinbase"})))
    some = join(hub, "tickers", wanted=StreamFilter(symbols=frozenset({"A", "C"})))
    none = join(hub, "tickers", wanted=StreamFilter(symbols=frozenset({"X"})))
    publish(hub, window("A", "1"), window("B", "2"), window("C", "3", exchange="coinbase"))
    first, *others = [client.drain() for client in everything]
    assert all(texts[0] is first[0] for texts in others)
    assert closes(read(first)) == [{"A": "1", "B": "2", "C": "3"}]
    assert [group["exchange"] for group in json.loads(first[0])["tickers"]] == ["binance", "coinbase"]
    assert closes(read(coinbase.drain())) == [{"C": "3"}]
    assert closes(read(some.drain())) == [{"A": "1", "C": "3"}]
    assert none.drain() == []


def test_a_client_that_reads_nothing_holds_little_and_gets_the_newest() -> None:
    hub = PushHub()
    slow, quick = join(hub, "tickers"), join(hub, "tickers")
    for number in range(1, 501):
        publish(hub, window("A", str(number), number), *([window("B", "7")] if number == 3 else []))
        assert len(quick.drain()) == 1
        assert len(slow._ticks) <= MAX_TICKS
    assert slow.close_reason is None and slow.thinned > 400
    assert closes(read(slow.drain()))[-1] == {"A": "500"}
    hub.publish_tick([window("B", "8", 2)], {})
    assert slow.drain() == []


def test_what_was_thinned_loses_no_market() -> None:
    hub = PushHub()
    slow = join(hub, "tickers")
    for number in range(3 * MAX_TICKS):
        publish(hub, window(f"S{number}", str(number)))
    found = dict[str, str]()
    for some in closes(read(slow.drain())):
        found |= some
    assert found == {f"S{number}": str(number) for number in range(3 * MAX_TICKS)}


def test_a_subscription_begins_with_all_and_who_comes_back_gets_what_it_missed_or_is_told_what_to_fetch() -> None:
    hub = PushHub()
    publish(hub, window("A", "1"), window("B", "2"))
    seq = hub.seq
    assert closes(read(hub.render_missed("tickers", StreamFilter(), None))) == [{"A": "1", "B": "2"}]
    publish(hub, window("A", "5", 2))
    assert closes(read(hub.render_missed("tickers", StreamFilter(), (hub.epoch, seq)))) == [{"A": "5"}]
    assert hub.render_missed("tickers", StreamFilter(), (hub.epoch, hub.seq)) == []
    for since in (("another", seq), (hub.epoch, hub.seq + 1)):
        gap, newest = read(hub.render_missed("tickers", StreamFilter(), since))
        assert (gap["type"], gap["topic"], gap["fetch"]) == ("gap", "tickers", "/latest")
        assert closes([newest]) == [{"A": "5", "B": "2"}]


def test_windows_that_were_lost_are_a_gap_of_the_tickers_too() -> None:
    hub = PushHub()
    both, tickers, whales = join(hub, "windows", "tickers"), join(hub, "tickers"), join(hub, "whales")
    publish(hub, window("A", "1"))
    both.drain(), tickers.drain()
    seq = hub.seq
    hub.publish_gap("windows", "offsets have expired")
    assert [(one["type"], one["topic"]) for one in read(both.drain())] == [("gap", "windows"), ("gap", "tickers")]
    assert [one["topic"] for one in read(tickers.drain())] == ["tickers"]
    assert whales.drain() == []
    (gap,) = read(hub.render_missed("tickers", StreamFilter(), (hub.epoch, seq)))
    assert gap["type"] == "gap", "what was held may be outdone"


@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 2), st.integers(1, 3), st.booleans()), max_size=40))
def test_who_was_there_and_who_comes_back_end_with_the_same(steps: list[tuple[str, int, int, bool]]) -> None:
    hub, counts = PushHub(), dict[tuple[str, int], int]()
    there, found, back = join(hub, "tickers"), Prices(), Prices()
    since: tuple[str, int] | None = None
    for symbol, minute, close, away in steps:
        counts[symbol, minute] = counts.get((symbol, minute), 0) + 1
        publish(hub, window(symbol, str(close), counts[symbol, minute], minute))
        for some in closes(read(there.drain())):
            found |= some
        if not away:
            for some in closes(read(hub.render_missed("tickers", StreamFilter(), since))):
                back |= some
            since = (hub.epoch, hub.seq)
    for some in closes(read(hub.render_missed("tickers", StreamFilter(), since))):
        back |= some
    assert back == found


def test_hundreds_of_markets_that_all_change_take_less_than_a_tenth_of_their_windows() -> None:
    hub = PushHub()
    list_of_all, shown = (
        join(hub, "tickers"),
        join(hub, "windows", wanted=StreamFilter(symbols=frozenset({"X0007USDT"}))),
    )
    everything = join(hub, "windows")
    publish(hub, *(window(f"X{number:04d}USDT", str(Decimal(number) + Decimal("0.123"))) for number in range(SYMBOLS)))
    sizes = [sum(map(len, client.drain())) for client in (list_of_all, shown, everything)]
    assert sizes[0] + sizes[1] < 20_000, "bytes a second of a page"
    assert sizes[0] * 10 < sizes[2]


@pytest.mark.parametrize("topic", ["windows", "tickers"])
def test_every_message_keeps_to_the_schema(topic: str) -> None:
    hub = PushHub()
    client = join(hub, topic, "trades", "status")
    hub.publish_tick([window("A", "1")], sample_trades([trade(1)])[0])
    hub.publish_tickers()
    hub.publish_status(feed="ready", detail="", stale=False, reason=None)
    hub.publish_gap("windows", "offsets have expired")
    kinds = {message["type"] for message in read(client.drain())}
    assert kinds == {topic, "trades", "status", "gap"}
