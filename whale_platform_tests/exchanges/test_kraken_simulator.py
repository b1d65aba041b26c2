"""The simulator's Kraken beside the contract: snapshots, repeated subscriptions, and history by time."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from whale_platform_tests.exchanges.played_fills import BEFORE, START_US, QuietFills
from whale_platform_tests.simulator.harness import Running, free_port, simulator

PATH, TRADES = "/kraken/v2", "/kraken/0/public/Trades?pair="


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Kraken with one quiet pair."""
    play = QuietFills("kraken", "BTC/USD")
    with simulator(tmp_path, play=play, simulator_port=free_port(), exchanges=("kraken",)) as found:
        yield found


def ask(client: Any, message: object) -> None:
    client.send(message if isinstance(message, str) else json.dumps(message))


def subscription(*symbols: str, method: str = "subscribe", snapshot: bool = True) -> dict[str, Any]:
    params = {"channel": "trade", "symbol": list(symbols), "snapshot": snapshot}
    return {"method": method, "params": params, "req_id": 7}


def answers(client: Any, count: int) -> list[dict[str, Any]]:
    """Those that are no heartbeat."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        frame = json.loads(client.recv())
        if frame.get("channel") != "heartbeat":
            found.append(frame)
    return found


def test_a_connection_is_greeted_and_a_pair_that_is_subscribed_shows_its_newest_trades(running: Running) -> None:
    with running.connect(PATH) as client:
        ask(client, subscription("XBT/USD", "BTC/USD"))
        greeting, refused, confirmed, snapshot = answers(client, 4)
        assert greeting["channel"] == "status"
        assert (refused["error"], refused["symbol"]) == ("Currency pair not supported XBT/USD", "XBT/USD")
        assert confirmed["result"] == {"channel": "trade", "symbol": "BTC/USD", "snapshot": True}
        assert (snapshot["type"], len(snapshot["data"])) == ("snapshot", 50)
        assert [row["trade_id"] for row in snapshot["data"]] == list(range(BEFORE - 49, BEFORE + 1))
        while json.loads(client.recv()).get("channel") != "heartbeat":
            pass


def test_a_subscription_that_repeats_is_an_error_and_one_may_be_without_a_snapshot(running: Running) -> None:
    with running.connect(PATH) as client:
        ask(client, subscription("BTC/USD", snapshot=False))
        ask(client, subscription("BTC/USD"))
        ask(client, subscription("BTC/USD", method="unsubscribe"))
        ask(client, subscription("BTC/USD", method="unsubscribe"))
        _, first, again, ended, nothing = answers(client, 5)
        assert (first["success"], again["success"], again["error"]) == (True, False, "Already subscribed")
        assert (ended["method"], ended["success"], nothing["success"]) == ("unsubscribe", True, False)
        for message in ("nonsense", "[]", '{"method":"subscribe"}', '{"method":"subscribe","params":{"symbol":["A"]}}'):
            ask(client, message)
            assert answers(client, 1)[0]["error"] == "Malformed request"


def test_history_is_requested_by_time(running: Running) -> None:
    def ids(query: str) -> list[int]:
        status, body, _ = running.get(f"{TRADES}{query}")
        assert (status, body["error"]) == (200, [])
        return [row[6] for row in body["result"]["XBTUSD"]]

    assert ids("XBTUSD") == list(range(BEFORE - 999, BEFORE + 1))
    assert ids("XBTUSD&since=0") == list(range(1, 1001))
    at = (START_US + 1_001 * 700) * 1000
    assert ids(f"XBTUSD&since={at}") == list(range(701, 1701)), "after that time"
    assert ids(f"XBTUSD&since={at - 1}&count=2") == [700, 701]
    assert ids(f"XBTUSD&since={at * 2}") == []


def test_errors_of_rest_have_status_200(running: Running) -> None:
    for path in ("Trades?pair=BTC/USD", "Trades", "AssetPairs?pair=NOSUCH"):
        assert running.get(f"/kraken/0/public/{path}")[:2] == (200, {"error": ["EQuery:Unknown asset pair"]})
    assert running.get(f"{TRADES}XBTUSD&count=x")[1] == {"error": ["EGeneral:Invalid arguments"]}
    assert running.get("/kraken/0/public/nonsense")[0] == 404
    (pair,) = running.get("/kraken/0/public/AssetPairs")[1]["result"].values()
    assert (pair["altname"], pair["wsname"], pair["status"]) == ("XBTUSD", "XBT/USD", "online")
