"""What the two exchanges say around the trades: control messages, refusals, REST errors, closing."""

import json
import socket
import struct
from pathlib import Path
from typing import Any

import pytest
import websocket
from websockets.frames import Frame, Opcode

from whale_platform.simulator.service import main
from whale_platform.simulator.serving.subscription_hub import frame_text
from whale_platform.supervision.runtime import exit_codes
from whale_platform_tests.simulator.harness import context_of, of_type, settings, simulator, trades


def asked(client: Any, message: object) -> Any:
    client.send(message if isinstance(message, str) else json.dumps(message))
    return json.loads(client.recv())


def test_binance_control_messages(tmp_path: Path) -> None:
    with simulator(tmp_path, simulator_rate=1) as running, running.connect("/binance/ws") as client:
        assert asked(client, {"method": "LIST_SUBSCRIPTIONS", "id": 1}) == {"result": [], "id": 1}
        assert asked(client, {"method": "SUBSCRIBE", "params": ["foo@trade"], "id": "a"}) == {"result": None, "id": "a"}
        assert asked(client, {"method": "LIST_SUBSCRIPTIONS", "id": 2}) == {"result": ["foo@trade"], "id": 2}
        assert asked(client, {"method": "UNSUBSCRIBE", "params": ["foo@trade"], "id": 3}) == {"result": None, "id": 3}
        assert asked(client, {"method": "LIST_SUBSCRIPTIONS", "id": 4}) == {"result": [], "id": 4}
        wrongs: list[object] = [{"method": "DANCE", "id": 5}, {"method": "SUBSCRIBE", "params": "x", "id": 5}, [], "5"]
        for wrong in wrongs:
            assert asked(client, wrong)["code"] == 2
        assert asked(client, "{")["code"] == 3


def test_an_unknown_binance_stream_is_silent_beside_the_others(tmp_path: Path) -> None:
    address = "/binance/stream?streams=foousdt@trade/btcusdt@trade/btcusdt@aggTrade"
    with simulator(tmp_path, simulator_rate=300) as running, running.connect(address) as client:
        heard = [json.loads(client.recv()) for _ in range(100)]
    assert {frame["stream"] for frame in heard} == {"btcusdt@trade"}


def test_unsubscribing_ends_the_trades(tmp_path: Path) -> None:
    with simulator(tmp_path, simulator_rate=1000) as running, running.connect("/binance/ws/btcusdt@trade") as client:
        trades(client, 10)
        client.send('{"method":"UNSUBSCRIBE","params":["btcusdt@trade"],"id":9}')
        while json.loads(client.recv()).get("id") != 9:
            pass
        assert asked(client, {"method": "LIST_SUBSCRIPTIONS", "id": 10}) == {"result": [], "id": 10}


def test_binance_rest_errors(tmp_path: Path) -> None:
    with simulator(tmp_path) as running:
        base = "/binance/api/v3"
        assert running.get(f"{base}/ping")[:2] == (200, {})
        assert running.get(f"{base}/time")[1]["serverTime"] > 10**12
        assert running.get(f"{base}/exchangeInfo?symbol=BTCUSDT")[1]["symbols"][0]["status"] == "TRADING"
        for path, code in (
            (f"{base}/exchangeInfo?symbol=FOOUSDT", -1121),
            (f"{base}/historicalTrades?symbol=FOOUSDT", -1121),
            (f"{base}/historicalTrades", -1102),
            (f"{base}/historicalTrades?symbol=BTCUSDT&fromId=-1", -1100),
            (f"{base}/historicalTrades?symbol=BTCUSDT&limit=x", -1100),
        ):
            status, value, _ = running.get(path)
            assert (status, value["code"]) == (400, code)
        assert running.get(f"{base}/nothing")[0] == 404
        assert running.get("/nosuch")[0] == 404


def test_coinbase_rest_errors(tmp_path: Path) -> None:
    with simulator(tmp_path) as running:
        assert running.get("/coinbase/products/BTC-USD")[1]["quote_currency"] == "USD"
        assert running.get("/coinbase/time")[1]["iso"].endswith("Z")
        status, rows, headers = running.get("/coinbase/products/BTC-USD/trades?limit=10&after=5")
        assert (status, rows, "CB-AFTER" in headers) == (200, [], False)
        assert running.get("/coinbase/products/BTC-USD/trades?after=x")[0] == 400
        for path in ("/coinbase/products/FOO-USD", "/coinbase/products/FOO-USD/trades", "/coinbase/x"):
            assert running.get(path)[:2] == (404, {"message": "NotFound"})


def test_one_unknown_product_refuses_the_whole_subscription(tmp_path: Path) -> None:
    with simulator(tmp_path, simulator_rate=500) as running, running.connect("/coinbase") as client:
        wanted = {"type": "subscribe", "product_ids": ["BTC-USD", "FOO-USD"], "channels": ["matches"]}
        error = asked(client, wanted)
        assert (error["type"], error["reason"]) == ("error", "FOO-USD is not a valid product")
        assert running.numbers()["state"] == "waiting"
        answer = asked(client, wanted | {"product_ids": ["BTC-USD"]})
        assert answer == {"type": "subscriptions", "channels": [{"name": "matches", "product_ids": ["BTC-USD"]}]}
        assert [one["trade_id"] for one in of_type(client, "match", 3)] == [1, 2, 3]


def test_a_later_coinbase_subscriber_is_told_the_last_match_and_misses_none_after_it(tmp_path: Path) -> None:
    wanted = json.dumps({"type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["matches", "heartbeat"]})
    with simulator(tmp_path, simulator_rate=2000) as running, running.connect("/coinbase") as first:
        first.send(wanted)
        of_type(first, "match", 50)
        with running.connect("/coinbase") as second:
            second.send(wanted)
            assert json.loads(second.recv())["type"] == "subscriptions"
            last = json.loads(second.recv())
            assert last["type"] == "last_match"
            follows = of_type(second, "match", 3)
            assert [one["trade_id"] for one in follows] == [last["trade_id"] + more for more in (1, 2, 3)]
            assert of_type(second, "heartbeat", 1)[0]["last_trade_id"] == 0


@pytest.mark.parametrize(
    "message",
    [
        "{",
        "[]",
        '{"type":"dance"}',
        '{"type":"subscribe"}',
        '{"type":"subscribe","channels":["matches"]}',
        '{"type":"subscribe","channels":[{"name":{}}],"product_ids":["BTC-USD"]}',
        '{"type":"subscribe","channels":["matches"],"product_ids":[{}]}',
        '{"type":"subscribe","channels":["nothing"],"product_ids":["BTC-USD"]}',
    ],
)
def test_a_wrong_coinbase_message_gets_an_error_frame(tmp_path: Path, message: str) -> None:
    with simulator(tmp_path) as running, running.connect("/coinbase") as client:
        assert asked(client, message)["type"] == "error"


def test_coinbase_closes_who_does_not_subscribe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whale_platform.exchanges.coinbase.simulator.SUBSCRIBE_WITHIN_S", 0.05)
    with simulator(tmp_path) as running, running.connect("/coinbase") as client:
        opcode, payload = client.recv_data()
    assert (opcode, struct.unpack("!H", payload[:2])[0]) == (websocket.ABNF.OPCODE_CLOSE, 1008)


def test_stopping_closes_with_going_away(tmp_path: Path) -> None:
    with simulator(tmp_path, simulator_rate=1) as running, running.connect("/binance/ws") as client:
        running.context.stop.set()
        opcode, payload = client.recv_data()
    assert (opcode, struct.unpack("!H", payload[:2])[0]) == (websocket.ABNF.OPCODE_CLOSE, 1001)


def test_an_unknown_address_is_no_websocket(tmp_path: Path) -> None:
    with simulator(tmp_path) as running:
        refused = pytest.raises(websocket.WebSocketBadStatusException, match="404")
        with refused, running.connect("/binance/nothing"):
            pass


def test_a_client_that_does_not_read_loses_the_connection_and_the_others_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whale_platform.simulator.serving.subscription_hub.MAX_UNSENT", 100_000)
    with simulator(tmp_path, simulator_rate=20_000) as running:
        small = ((socket.SOL_SOCKET, socket.SO_RCVBUF, 4096),)
        address = "/binance/ws/btcusdt@trade"
        with running.connect(address) as reader, running.connect(address, sockopt=small):
            ids = [one["t"] for one in trades(reader, 2000)]
            while running.numbers()["dropped_clients"] == 0:
                ids += [one["t"] for one in trades(reader, 500)]
    assert ids == list(range(1, len(ids) + 1))


class Halving:
    """Refuses Coinbase, and gives Binance every payload twice."""

    def accept(self, exchange: str) -> bool:
        return exchange == "binance"

    def outgoing(self, _exchange: str, _client: int, payloads: list[bytes]) -> list[bytes]:
        return [payload for payload in payloads for _ in range(2)]


def test_the_seam_for_faults(tmp_path: Path) -> None:
    with simulator(tmp_path, faults=Halving(), simulator_rate=300) as running:
        with running.connect("/binance/ws/btcusdt@trade") as client:
            assert [one["t"] for one in trades(client, 6)] == [1, 1, 2, 2, 3, 3]
        refused = pytest.raises(websocket.WebSocketBadStatusException, match="503")
        with refused, running.connect("/coinbase"):
            pass


def test_a_taken_port_is_told_and_tried_again(tmp_path: Path) -> None:
    with simulator(tmp_path / "one") as running:
        context = context_of(settings(tmp_path / "two", simulator_port=running.port))
        assert main(context) == exit_codes.RETRY
        assert "set WHALE_SIMULATOR_PORT" in context.heartbeat.detail


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_frames_are_as_the_library_makes_them(size: int) -> None:
    payload = b"x" * size
    assert frame_text(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)
