"""Bounded queues, thinning, fairness and filters, without a server."""

import asyncio
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from whale_platform.api.errors import SubscriptionRejectedError
from whale_platform.api.http.origins import is_origin_allowed
from whale_platform.api.push.clients.client_messages import (
    PingMessage,
    SubscribeMessage,
    UnsubscribeMessage,
    parse_message,
)
from whale_platform.api.push.fanout import message_text
from whale_platform.api.push.fanout.client_limits import ClientLimits, ConnectionLimiter, FrameBucket, StreamFilter
from whale_platform.api.push.fanout.client_queue import MAX_NOTICES, MAX_TICKS, TOO_SLOW, ClientQueue
from whale_platform.api.push.fanout.hub import PushHub
from whale_platform.api.push.fanout.message_text import format_iso
from whale_platform.api.push.fanout.trade_samples import sample_trades
from whale_platform.api.push.sources.topic_tailer import TailCallbacks, TopicTailer
from whale_platform.broker.reader import KafkaRecord
from whale_platform.contracts.trade_window import WindowRow
from whale_platform.domain.names import RAW_TRADES
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform_tests.api.push.builders import trade
from whale_platform_tests.stores.builders import WINDOW


def box_of(hub: PushHub, *topics: str, wanted: StreamFilter | None = None) -> ClientQueue:
    box = ClientQueue()
    box.topics = dict.fromkeys(topics, wanted or StreamFilter())
    hub.join(box)
    return box


def window(count: int, symbol: str = "BTCUSDT") -> WindowRow:
    return WINDOW._replace(trade_count=count, symbol=symbol)


def said(box: ClientQueue) -> list[dict[str, Any]]:
    return [json.loads(text) for text in box.drain()]


def test_a_tick_is_written_once_per_filter() -> None:
    hub = PushHub()
    boxes = [box_of(hub, "windows", "trades") for _ in range(3)]
    hub.publish_tick([window(1)], sample_trades([trade(1)])[0])
    first, *others = (box.drain() for box in boxes)
    assert len(first) == 2
    assert all(text is same for other in others for text, same in zip(first, other, strict=True))


def test_a_window_that_has_not_grown_is_not_said_again() -> None:
    hub = PushHub()
    box = box_of(hub, "windows")
    for count in (2, 2, 1, 3):
        hub.publish_tick([window(count)], {})
    assert [message["windows"][0]["trade_count"] for message in said(box)] == [2, 3]


def test_a_client_that_reads_nothing_holds_little_and_gets_the_newest_and_the_sums() -> None:
    hub = PushHub()
    slow, quick = box_of(hub, "windows", "trades"), box_of(hub, "windows", "trades")
    for number in range(1, 1_001):
        hub.publish_tick([window(number)], sample_trades([trade(number)])[0])
        assert len(quick.drain()) == 2
        assert len(slow._ticks) <= MAX_TICKS
    assert (quick.thinned, slow.close_reason) == (0, None)
    assert hub.thinned > 900
    messages = said(slow)
    assert [m for m in messages if m["type"] == "windows"][-1]["windows"][0]["trade_count"] == 1_000
    samples = [one for m in messages if m["type"] == "trades" for one in m["trades"]]
    assert sum(one["count"] for one in samples) == 1_000
    assert sum(Decimal(one["volume"]) for one in samples) == 4_000


def test_who_reads_no_notices_is_dropped_and_the_others_stay() -> None:
    hub = PushHub()
    slow, quick = box_of(hub, "status"), box_of(hub, "status")
    for number in range(MAX_NOTICES + 1):
        hub.publish_status(detail=str(number))
        quick.drain()
    assert slow.close_reason is not None
    assert slow.close_reason[0] == TOO_SLOW
    assert quick.close_reason is None
    hub.leave(slow)
    assert (hub.dropped, hub.clients) == (1, 1)


def test_a_send_that_takes_too_long_ends_in_a_drop() -> None:
    async def scene() -> None:
        hub = PushHub()
        stuck, idle = box_of(hub, "windows"), box_of(hub, "windows")
        stuck.task = asyncio.create_task(asyncio.sleep(60))
        stuck.sending_since = 1e-9
        hub.drop_stale_clients(0.0, lambda key: True)
        assert stuck.close_reason is not None
        assert idle.close_reason is None
        with pytest.raises(asyncio.CancelledError):
            await stuck.task

    asyncio.run(scene())


def test_filters() -> None:
    hub = PushHub()
    btc = box_of(hub, "windows", wanted=StreamFilter(symbols=frozenset({"BTCUSDT"})))
    coinbase = box_of(hub, "windows", wanted=StreamFilter(exchanges=frozenset({"coinbase"})))
    large = box_of(hub, "trades", wanted=StreamFilter(min_notional_usd=Decimal(1_000)))
    hub.publish_tick([window(1), window(1, "ETHUSDT")], sample_trades([trade(1)])[0])
    hub.publish_tick([], sample_trades([trade(2, quantity="2000")])[0])
    assert [one["symbol"] for message in said(btc) for one in message["windows"]] == ["BTCUSDT"]
    assert said(coinbase) == []
    assert [one["trade_id"] for message in said(large) for one in message["trades"]] == [2]


def test_who_comes_back_gets_the_windows_that_changed_or_is_told_what_to_fetch() -> None:
    hub = PushHub()
    hub.publish_tick([window(1), window(1, "ETHUSDT")], {})
    seq = hub.seq
    hub.publish_tick([window(2)], {})
    (missed,) = map(json.loads, hub.render_missed("windows", StreamFilter(), (hub.epoch, seq)))
    assert [(one["symbol"], one["trade_count"]) for one in missed["windows"]] == [("BTCUSDT", 2)]
    gap, newest = map(json.loads, hub.render_missed("windows", StreamFilter(), ("another", seq)))
    assert (gap["type"], gap["fetch"], len(newest["windows"])) == ("gap", "/windows", 2)
    hub.publish_gap("windows", "offsets have expired")
    assert json.loads(hub.render_missed("windows", StreamFilter(), (hub.epoch, seq))[0])["type"] == "gap"


def test_who_subscribes_to_a_market_begins_with_its_last_two_windows() -> None:
    hub = PushHub()
    starts = [WINDOW.window_start + timedelta(minutes=minute) for minute in range(3)]
    hub.publish_tick([window(1)._replace(window_start=start) for start in starts], {})
    hub.publish_tick([window(1, "ETHUSDT")], {})
    wanted = StreamFilter(symbols=frozenset({"BTCUSDT"}))
    (newest,) = map(json.loads, hub.render_missed("windows", wanted, None))
    assert [one["window_start"] for one in newest["windows"]] == [format_iso(start) for start in starts[1:]]
    assert hub.render_missed("windows", StreamFilter(symbols=frozenset({"XRPUSDT"})), None) == []


def test_a_window_is_written_only_for_those_who_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    render = message_text.render_window

    def count(row: WindowRow) -> str:
        written.append(row.symbol)
        return render(row)

    monkeypatch.setattr(message_text, "render_window", count)
    hub = PushHub()
    boxes = [box_of(hub, "windows", wanted=StreamFilter(symbols=frozenset({name}))) for name in ("A", "B", "B")]
    hub.publish_tick([window(1, name) for name in "ABCDEFGH"], {})
    assert all(said(box) for box in boxes)
    assert sorted(written) == ["A", "B"]


@given(st.lists(st.tuples(st.sampled_from(["A", "B"]), st.integers(1, 10**8 - 1), st.booleans()), max_size=30))
def test_samples_add_up_exactly(trades: list[tuple[str, int, bool]]) -> None:
    values = [
        trade(number, symbol, quantity=f"0.{units:08d}", side="buy" if buy else "sell")
        for number, (symbol, units, buy) in enumerate(trades)
    ]
    out, unread = sample_trades([*values, b"junk", None])
    assert unread == 2
    for (_, symbol), one in out.items():
        units = [units for name, units, _ in trades if name == symbol]
        assert (one.count, one.volume) == (len(units), sum(units) * Decimal("1e-8"))
        assert one.buy_volume == sum(units for name, units, buy in trades if name == symbol and buy) * Decimal("1e-8")
        assert one.notional == one.volume * Decimal("2.5")


def test_the_protocol() -> None:
    assert parse_message('{"ping":7}', 9) == PingMessage(7)
    assert parse_message('{"unsubscribe":{"topics":["trades"]}}', 9) == UnsubscribeMessage(("trades",))
    asked = '{"subscribe":{"topics":["whales"],"symbols":["X"],"min_notional_usd":"5.5","since":{"epoch":"e","seq":3}}}'
    wanted = StreamFilter(frozenset({"X"}), frozenset(), Decimal("5.5"))
    assert parse_message(asked, 9) == SubscribeMessage(("whales",), wanted, None, ("e", 3))


@given(st.one_of(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)))
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(SubscriptionRejectedError):
        parse_message(text, 9)


@pytest.mark.parametrize(
    "value",
    [
        {"topics": ["nothing"]},
        {"topics": []},
        {"topics": ["whales"], "symbols": "X"},
        {"topics": ["whales"], "symbols": ["X"] * 10},
        {"topics": ["whales"], "kinds": ["cluster"]},
        {"topics": ["whales"], "kinds": "sweep"},
        {"topics": ["whales"], "tiers": ["huge"]},
        {"topics": ["whales"], "min_notional_usd": "-1"},
        {"topics": ["whales"], "min_notional_usd": "1e99"},
        {"topics": ["whales"], "min_notional_usd": True},
        {"topics": ["whales"], "cursor": "x"},
        {"topics": ["whales"], "since": 3},
        {"topics": ["whales"], "more": 1},
        {"topics": [{}]},
    ],
)
def test_wrong_subscriptions_are_refused(value: object) -> None:
    with pytest.raises(SubscriptionRejectedError):
        parse_message(json.dumps({"subscribe": value}), 9)


def test_doors_and_bucket() -> None:
    doors = ConnectionLimiter(ClientLimits(clients=3, per_address=2))
    doors.acquire("a")
    doors.acquire("a")
    with pytest.raises(SubscriptionRejectedError, match="one address"):
        doors.acquire("a")
    doors.acquire("b")
    with pytest.raises(SubscriptionRejectedError, match=r"too many clients$"):
        doors.acquire("c")
    doors.release("a")
    doors.acquire("c")
    bucket = FrameBucket(0.0, 2)
    assert [bucket.try_take() for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    ("origin", "good"),
    [
        (None, True),
        ("http://here:1", True),
        ("https://ally.example", True),
        ("http://here:2", False),
        ("https://evil.example", False),
        ("null", False),
        ("", False),
    ],
)
def test_origins(origin: str | None, good: bool) -> None:
    headers = {"host": "here:1"} | ({} if origin is None else {"origin": origin})
    assert is_origin_allowed(Headers(headers), frozenset({"https://ally.example"})) is good


def test_whoever_wants_the_state_alone_is_spared_the_numbers() -> None:
    hub, state, status = PushHub(), ClientQueue(), ClientQueue()
    state.topics, status.topics = {"state": StreamFilter()}, {"status": StreamFilter()}
    hub.join(state)
    hub.join(status)
    hub.publish_status(stale=False, trades_per_s=1.0)
    hub.publish_status(stale=False, trades_per_s=2.0)
    hub.publish_status(stale=False, trades_per_s=2.0)
    hub.publish_status(stale=True, trades_per_s=0.0)
    assert [json.loads(text)["stale"] for text in state.drain()] == [False, True]
    assert [json.loads(text)["trades_per_s"] for text in status.drain()] == [1.0, 2.0, 0.0]


def test_a_message_that_nobody_thought_of_is_left_out_and_said() -> None:
    def prepare(records: list[KafkaRecord]) -> object:
        raise ValueError(len(records))

    lost: list[str] = []
    callbacks = TailCallbacks(
        lambda start: None, prepare, lambda batch: None, lambda name, why: lost.append(name), lambda *_: None
    )
    tail = TopicTailer(KafkaCluster("127.0.0.1:1"), [RAW_TRADES], callbacks)

    async def scene() -> None:
        tail._loop = asyncio.get_running_loop()
        await asyncio.to_thread(tail._deliver_batch, [KafkaRecord(RAW_TRADES, 0, 0, 0, None, b"")])

    asyncio.run(scene())
    assert lost == [RAW_TRADES]


@pytest.mark.parametrize("broken", [{"price": "1.2.3"}, {"quantity": "."}, {"event_time": 10**30}, {"exchange": ""}])
def test_a_trade_of_another_kind_is_counted_not_sampled(broken: dict[str, Any]) -> None:
    found, unread = sample_trades([trade(1), trade(2, **broken)])
    assert (found["binance", "BTCUSDT"].count, unread) == (1, 1)


def test_the_newest_trade_of_a_sample_is_the_latest_however_late_another_comes() -> None:
    """A trade that was missing is repaired an hour later, between live ones."""
    live, old = trade(1000, price="61000"), trade(500, price="58000", event_time=1_723_114_800_000_000)
    for found in (sample_trades([live, old])[0], sample_trades([old, live])[0]):
        (one,) = found.values()
        assert (one.newest.price, one.count) == ("61000", 2)
    (first,), (second,) = sample_trades([live])[0].values(), sample_trades([old])[0].values()
    assert first.merge(second).newest == second.merge(first).newest == first.newest
