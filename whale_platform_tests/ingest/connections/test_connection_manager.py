"""Connections against a fake exchange on localhost."""

import dataclasses
import json
import threading
import time
from http import HTTPStatus

import pytest
from websockets.sync.server import ServerConnection, serve

from whale_platform.domain.names import DEAD_LETTERS
from whale_platform.exchanges.base import Keepalive
from whale_platform.exchanges.binance.adapter import Binance
from whale_platform.exchanges.coinbase.adapter import Coinbase
from whale_platform.ingest.connections import (
    connection,
    connection_manager,
    connection_slot,
    retry,
    subscriptions,
)
from whale_platform.ingest.transport import websocket as sockets
from whale_platform_tests.ingest.connections.conftest import SYMBOL, Start, mute
from whale_platform_tests.ingest.fake_binance import FakeBinance, until


def test_trades_flow_and_the_status_says_so(fake: FakeBinance, start: Start) -> None:
    one, producer = start()
    until(lambda: len(fake.clients) == 1, "the connection")
    fake.trade(SYMBOL, 50)
    until(lambda: len(producer.ids(SYMBOL)) == 50, "the trades")
    assert one.describe_status() == "connected 1 symbols"


def test_it_connects_again_after_every_kind_of_close(fake: FakeBinance, start: Start) -> None:
    one, producer = start()
    for code in (1000, 1008, 1011, 1012, 4001):
        until(lambda: len(fake.clients) == 1, "the connection")
        fake.trade(SYMBOL, 3)  # the first of a new symbol are believed when three are near each other
        until(lambda: producer.ids(SYMBOL)[-1:] == [fake.last[SYMBOL]], "the trades")
        fake.drop(code)
    until(lambda: one.reconnects == 5, "five ends")
    assert producer.ids(SYMBOL) == list(range(1000, 1015))


def test_heartbeats_do_not_fool_the_data_watchdog(fake: FakeBinance, start: Start) -> None:
    start(silence_s=0.3)
    until(lambda: len(fake.clients) == 1, "the connection")
    deadline = time.monotonic() + 60
    while fake.handshakes < 2 and time.monotonic() < deadline:
        fake.say('{"e":"heartbeat"}')
        time.sleep(0.02)
    assert fake.handshakes >= 2


def test_a_renewal_makes_before_it_breaks(fake: FakeBinance, start: Start) -> None:
    seen: list[int] = []
    fake.on_connect = lambda client: seen.append(len(fake.clients))
    exchange = dataclasses.replace(Binance(fake.ws_url, fake.rest_url), max_life_s=0.5)
    one, producer = start(exchange)
    until(lambda: len(fake.clients) >= 1, "the connection")
    deadline = time.monotonic() + 60
    while fake.handshakes < 4 and time.monotonic() < deadline:
        fake.trade(SYMBOL)
        time.sleep(0.01)
    assert seen[0] == 1 and all(count >= 2 for count in seen[1:])
    assert one.reconnects == 0
    fake.trade(SYMBOL)
    until(lambda: producer.ids(SYMBOL)[-1:] == [fake.last[SYMBOL]], "the last trade")
    assert producer.ids(SYMBOL) == fake.ids(SYMBOL)


def test_an_exchange_that_is_going_down_is_left_for_a_new_connection(fake: FakeBinance, start: Start) -> None:
    _, producer = start()
    until(lambda: len(fake.clients) == 1, "the connection")
    fake.trade(SYMBOL)
    fake.say('{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}')
    until(lambda: len(fake.clients) == 2, "the replacement beside the old one")
    fake.trade(SYMBOL)
    until(lambda: len(fake.clients) == 1, "the old one to be closed")
    fake.trade(SYMBOL)
    until(lambda: producer.ids(SYMBOL) == [1000, 1001, 1002], "the trades, each once")


def test_a_frame_too_large_is_never_read_and_costs_only_the_connection(fake: FakeBinance, start: Start) -> None:
    one, producer = start()
    until(lambda: len(fake.clients) == 1, "the connection")
    fake.say("x" * (sockets.MAX_FRAME + 1))
    until(lambda: one.reconnects == 1 and len(fake.clients) == 1, "the next connection")
    letters = [json.loads(value) for value in producer.sent[DEAD_LETTERS]]
    assert [letter["reason"] for letter in letters] == [
        f"a frame of {sockets.MAX_FRAME + 1} bytes; at most {sockets.MAX_FRAME} are read"
    ]
    fake.trade(SYMBOL, 3)
    until(lambda: producer.ids(SYMBOL) == [1000, 1001, 1002], "the trades")


def test_a_half_open_connection_is_noticed(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PING_S", 0.1)
    monkeypatch.setattr(connection, "DEAD_S", 0.4)
    monkeypatch.setattr(retry, "FIRST_S", 30.0)
    with serve(mute, "127.0.0.1", 0, ping_interval=None) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        one, _ = start(Binance(f"ws://127.0.0.1:{server.socket.getsockname()[1]}"))
        until(lambda: one.reconnects == 1, "the dead connection to be noticed")
        assert "nothing at all" in one.describe_status()
        one.close()
        server.shutdown()


def test_an_exchange_that_wants_messages_gets_them_again_and_again(fake: FakeBinance, start: Start) -> None:
    text = json.dumps({"op": "ping", "params": ["ping"], "id": 0})
    exchange = dataclasses.replace(Binance(fake.ws_url, fake.rest_url), keepalive=Keepalive(text, 0.2))
    one, _ = start(exchange)
    until(lambda: fake.asked.count(["ping"]) >= 3, "three of them")
    assert fake.asked[0] == [f"{SYMBOL.lower()}@trade"]
    assert one.reconnects == 0


@pytest.mark.parametrize(
    ("status", "says"), [(451, "not served"), (403, "firewall"), (429, "too many"), (418, "banned")]
)
def test_a_refusal_is_told_and_waited_out(fake: FakeBinance, start: Start, status: int, says: str) -> None:
    fake.answer = lambda path: (HTTPStatus(status), "")
    fake.retry_after = "3600"
    one, _ = start()
    until(lambda: one.attempted, "the first attempt")
    assert says in one.describe_status() and "next try in" in one.describe_status()
    assert fake.handshakes == 1


def test_nobody_there_is_told_and_tried_again(fake: FakeBinance, start: Start) -> None:
    exchange = Binance(fake.ws_url, fake.rest_url)
    fake.close()
    one, _ = start(exchange)
    until(lambda: one.reconnects >= 3, "some attempts")
    assert one.describe_trouble() != "" and not one.is_up()


def test_one_refused_symbol_does_not_stop_the_others(start: Start) -> None:
    asked: list[list[str]] = []

    def talk(client: ServerConnection) -> None:
        for message in client:
            products = json.loads(message)["product_ids"]
            asked.append(products)
            if "BAD-USD" in products:
                reason = "BAD-USD is not a valid product"
                client.send(json.dumps({"type": "error", "message": "Failed to subscribe", "reason": reason}))
                continue
            channels = [{"name": "matches", "product_ids": products}]
            client.send(json.dumps({"type": "subscriptions", "channels": channels}))
            for number in (7, 8, 9):
                client.send(json.dumps(match(number)))

    with serve(talk, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        exchange = Coinbase(f"ws://127.0.0.1:{port}", f"http://127.0.0.1:{port}")
        one, producer = start(exchange, symbols=("BAD-USD", "AAA-USD"))
        until(lambda: producer.ids("AAA-USD") == [7, 8, 9], "the other symbol's trades")
        assert asked == [["BAD-USD", "AAA-USD"], ["AAA-USD"]]
        assert list(one.refused) == ["BAD-USD"] and one.reconnects == 0
        one.close()
        server.shutdown()


def match(number: int) -> dict[str, object]:
    """A Coinbase match."""
    return {
        "type": "match",
        "trade_id": number,
        "side": "sell",
        "size": "1.5",
        "price": "10.25",
        "product_id": "AAA-USD",
        "time": "2024-01-01T00:00:00.000001Z",
    }


def test_a_full_producer_stops_the_reading_and_closing_still_works(fake: FakeBinance, start: Start) -> None:
    one, producer = start()
    until(lambda: len(fake.clients) == 1, "the connection")
    producer.room.clear()
    fake.trade(SYMBOL, 100)
    until(producer.waited.is_set, "the reader to be held")
    one.close()
    assert not one.join(0.2)
    producer.refusing = True
    assert one.join(300)
    assert len(producer.ids(SYMBOL)) == 0


def test_a_socket_s_thread_that_hangs_is_seen(fake: FakeBinance, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_manager, "HUNG_S", 0.5)
    one, producer = start()
    goes_on = threading.Event()
    take = one.strands[0]._pipeline.process_frame

    def stuck(frame: bytes, received_us: int) -> object:
        assert goes_on.wait(300)
        return take(frame, received_us)

    monkeypatch.setattr(one.strands[0]._pipeline, "process_frame", stuck)
    until(lambda: len(fake.clients) == 1, "the connection")
    until(lambda: not one.is_hanging(), "both threads to come round")
    fake.trade(SYMBOL, 3)
    until(one.is_hanging, "the hang to be seen")
    goes_on.set()
    until(lambda: producer.ids(SYMBOL) != [] and not one.is_hanging(), "the socket to go on")


def test_symbols_whose_message_is_not_answered_are_seen_and_get_another_connection(
    fake: FakeBinance, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two connections one gets answers that can't be used: its symbol is told of, and served once they can."""
    monkeypatch.setattr(subscriptions, "RESPONSE_S", 0.1)
    monkeypatch.setattr(connection_slot, "PATIENCE_S", 0.3)
    fake.mute = {"bbbusdt@trade"}
    exchange = dataclasses.replace(Binance(fake.ws_url, fake.rest_url), symbols_per_connection=1)
    one, producer = start(exchange, symbols=(SYMBOL, "BBBUSDT"))
    until(lambda: one.strands[1].reconnects >= 2, "the connection to be given up, twice")
    said = "binance does not answer the subscription of 1 symbols (BBBUSDT)"
    until(lambda: one.describe_silent_symbols() == said, "the symbol")
    assert one.strands[0].reconnects == 0 and len(fake.refusals) >= 6
    fake.mute = set()
    until(lambda: one.describe_silent_symbols() == "" and one.is_up(), "the subscription")
    fake.trade("BBBUSDT", 3)
    until(lambda: producer.ids("BBBUSDT") == [1000, 1001, 1002], "the trades")
    assert producer.sent[DEAD_LETTERS], "the answers that can't be used are kept"
