"""The simulator's OKX beside the contract: silence, pings, and messages that are in part wrong."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from whale_platform.exchanges.okx import simulator as okx_simulator
from whale_platform_tests.exchanges.played_fills import BEFORE, QuietFills
from whale_platform_tests.simulator.harness import Running, free_port, simulator

PATH = "/okx/ws/v5/business"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """OKX with one quiet instrument."""
    play = QuietFills("okx", "BTC-USDT")
    with simulator(tmp_path, play=play, simulator_port=free_port(), exchanges=("okx",)) as found:
        yield found


def subscription(*symbols: str, channel: str = "trades-all") -> str:
    return json.dumps({"id": "7", "op": "subscribe", "args": [{"channel": channel, "instId": one} for one in symbols]})


def answers(client: Any, count: int) -> list[dict[str, Any]]:
    return [json.loads(client.recv()) for _ in range(count)]


def test_a_connection_on_which_nothing_moves_is_closed(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(okx_simulator, "IDLE_S", 0.2)
    with running.connect(PATH) as client:
        client.send(subscription("BTC-USDT"))
        answers(client, 1)
        opcode, frame = client.recv_data_frame(True)
        assert (opcode, int.from_bytes(frame.data[:2], "big")) == (8, okx_simulator.CLOSE_IDLE)


def test_a_ping_is_answered(running: Running) -> None:
    with running.connect(PATH) as client:
        client.send("ping")
        assert client.recv() == "pong"


def test_each_channel_of_a_message_is_answered_by_itself(running: Running) -> None:
    with running.connect(PATH) as client:
        client.send(subscription("NOSUCH-USDT", "BTC-USDT"))
        refused, confirmed = answers(client, 2)
        assert (refused["event"], refused["code"], refused["id"]) == ("error", "60018", "7")
        assert confirmed["arg"] == {"channel": "trades-all", "instId": "BTC-USDT"}
        client.send(subscription("BTC-USDT", channel="trades"))
        (wrong,) = answers(client, 1)
        assert (wrong["event"], wrong["code"]) == ("error", "60018"), "it is a channel of the public address"
        for message in ("pang", "[]", '{"op":"subscribe","args":[]}', '{"op":"subscribe","args":[5]}'):
            client.send(message)
            assert answers(client, 1)[0]["code"] == "60012"


def test_history_is_paged_down_from_an_id_and_errors_have_status_200(running: Running) -> None:
    status, page, _ = running.get("/okx/api/v5/market/history-trades?instId=BTC-USDT&type=1&after=500&limit=1000")
    assert (status, [int(row["tradeId"]) for row in page["data"]]) == (200, list(range(499, 399, -1)))
    _, newest, _ = running.get("/okx/api/v5/market/trades?instId=BTC-USDT&limit=2")
    assert [int(row["tradeId"]) for row in newest["data"]] == [BEFORE, BEFORE - 1]
    for path in ("market/trades?instId=NOSUCH", "public/instruments?instType=SPOT&instId=NOSUCH"):
        status, refused, _ = running.get(f"/okx/api/v5/{path}")
        assert (status, refused["code"], refused["data"]) == (200, "51001", [])
    assert running.get("/okx/api/v5/market/trades?instId=BTC-USDT&limit=x")[1]["code"] == "51000"
    assert running.get("/okx/api/v5/public/instruments")[0] == 400
    assert running.get("/okx/api/v5/public/instruments?instType=SWAP")[1]["data"] == []
    assert running.get("/okx/api/v5/nonsense")[0] == 404
