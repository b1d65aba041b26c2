"""Recorded play through real sockets."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from whale_platform.simulator.errors import PlaySetupError
from whale_platform.simulator.service import build_play, main, state_path
from whale_platform.supervision.runtime import exit_codes
from whale_platform_tests.simulator.harness import Running, context_of, of_type, settings, simulator, trades
from whale_platform_tests.simulator.test_capture_files import line
from whale_platform_tests.support.captures import (
    binance_files,
    binance_frames,
    coinbase_file,
    coinbase_frames,
)

BOTH = "/binance/stream?streams=btcusdt@trade/ethusdt@trade"
NS, START = 10**18, 1723161255342


def recording(tmp_path: Path, count: int, every_ns: int = 1_000_000) -> Path:
    path = tmp_path / "feed.txt"
    path.write_text("".join(line(number + 1, NS + number * every_ns) for number in range(count)))
    return path


def finished(running: Running) -> dict[str, object]:
    while running.numbers().get("state") != "finished":
        time.sleep(0.01)
    return running.numbers()


def test_the_whole_binance_capture_arrives_as_it_was_captured(tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "source": "replay",
        "replay_files": tuple(binance_files()),
        "replay_speed": 1e6,
        "replay_times": "original",
    }
    with simulator(tmp_path, **given) as running, running.connect(BOTH) as client:
        heard = [client.recv() for _ in range(34_419)]
        numbers = finished(running)
        assert sorted(heard) == sorted(frame for frame in binance_frames() if '@trade"' in frame)
        assert (numbers["trades_sent"], numbers["kind"]) == (34_419, "recorded")
        first = min(json.loads(frame)["data"]["t"] for frame in heard if "btcusdt" in frame)
        _, page, _ = running.get(f"/binance/api/v3/historicalTrades?symbol=BTCUSDT&fromId={first}&limit=1000")
        assert [row["id"] for row in page] == list(range(first, first + 1000))


def test_the_coinbase_capture_with_its_own_last_matches(tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "source": "replay",
        "replay_files": (coinbase_file(),),
        "replay_speed": 1e6,
        "replay_times": "original",
    }
    frames = list(coinbase_frames())
    matches = [frame for frame in frames if frame.startswith('{"type":"match"')]
    products = sorted({json.loads(frame)["product_id"] for frame in matches})
    subscribe = json.dumps({"type": "subscribe", "product_ids": products, "channels": ["matches"]})
    with simulator(tmp_path, **given) as running:
        with running.connect("/coinbase") as client:
            client.send(subscribe)
            heard = [client.recv() for _ in range(1 + len(products) + len(matches))]
        finished(running)
        with running.connect("/coinbase") as client:
            client.send(subscribe)
            again = of_type(client, "last_match", len(products))
    assert json.loads(heard[0])["type"] == "subscriptions"
    real = {frame for frame in frames if "last_match" in frame and json.loads(frame)["product_id"] in products}
    assert set(heard[1 : 1 + len(products)]) == real
    assert heard[1 + len(products) :] == matches
    played = {product: max(json.loads(m)["trade_id"] for m in matches if f'"{product}"' in m) for product in products}
    assert {one["product_id"]: one["trade_id"] for one in again} == played


def test_it_waits_for_listeners_and_history_holds_only_what_was_played(tmp_path: Path) -> None:
    path = recording(tmp_path, 400, every_ns=5_000_000)
    with simulator(tmp_path / "home", source="replay", replay_files=(path,)) as running:
        assert running.numbers()["state"] == "waiting"
        history = "/binance/api/v3/historicalTrades?symbol=BTCUSDT&fromId=1&limit=1000"
        assert running.get(history)[1] == []
        with running.connect("/binance/ws/foousdt@trade"):
            assert running.get(history)[1] == []
        with running.connect("/binance/ws") as client:
            client.send('{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}')
            heard = trades(client, 5)
            ids = [row["id"] for row in running.get(history)[1]]
        assert [one["t"] for one in heard] == [1, 2, 3, 4, 5]
        assert ids == list(range(1, len(ids) + 1))
        assert 5 <= len(ids) < 400


@pytest.mark.parametrize("speed", [1.0, 50.0])
def test_times_shifted_to_now_shrink_with_the_speed(tmp_path: Path, speed: float) -> None:
    path = tmp_path / "feed.txt"
    later = line(2, NS + 10**8).replace("1723161255342", "1723161255442").replace("1723161255343", "1723161255452")
    path.write_text(line(1, NS) + later)
    before = time.time_ns() // 1000
    with (
        simulator(tmp_path / "home", source="replay", replay_files=(path,), replay_speed=speed) as running,
        running.connect("/binance/ws/btcusdt@trade?timeUnit=MICROSECOND") as client,
    ):
        first, second = trades(client, 2)
    assert before <= first["T"] <= time.time_ns() // 1000
    assert first["E"] - first["T"] == int(1000 / speed)
    assert second["T"] - first["T"] == int(100_000 / speed)
    assert second["E"] - first["T"] == int(110_000 / speed)


def test_a_restart_goes_on_where_it_was_with_the_same_times(tmp_path: Path) -> None:
    path = recording(tmp_path, 600)
    given: dict[str, Any] = {"source": "replay", "replay_files": (path,), "symbols": ("BTCUSDT",)}
    history = "/binance/api/v3/historicalTrades?symbol=BTCUSDT&fromId=1&limit=1000"
    with simulator(tmp_path / "home", **given) as running, running.connect("/binance/ws/btcusdt@trade") as client:
        heard = trades(client, 50)
    played = json.loads(state_path(tmp_path / "home").read_text())["played"]
    assert 50 <= played < 600
    with simulator(tmp_path / "home", **(given | {"replay_speed": 1000.0})) as running:
        assert [row["id"] for row in running.get(history)[1]] == list(range(1, played + 1))
        with running.connect("/binance/ws/btcusdt@trade") as client:
            rest = trades(client, 600 - played)
            finished(running)
            page = running.get(history)[1]
    assert [one["t"] for one in rest] == list(range(played + 1, 601))
    assert [row["time"] for row in page] == [page[0]["time"]] * 600
    assert [row["time"] for row in page[:50]] == [one["T"] for one in heard]
    with simulator(tmp_path / "home", **given) as running:
        assert finished(running)["trades_sent"] == 600


def test_what_cannot_be_played_blocks_with_one_line(tmp_path: Path) -> None:
    path = recording(tmp_path, 3)
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"replay_files": ()}, "nothing to replay"),
        ({"replay_files": (tmp_path / "absent",)}, "can't be read"),
        ({"replay_files": (path,), "exchanges": ("coinbase",)}, "set WHALE_EXCHANGES"),
    )
    for given, said in cases:
        context = context_of(settings(tmp_path / "home", source="replay", **given))
        assert main(context) == exit_codes.BLOCKED
        assert context.heartbeat.state == "blocked"
        assert said in context.heartbeat.detail
        assert "\n" not in context.heartbeat.detail


def test_a_home_keeps_one_replay(tmp_path: Path) -> None:
    path = recording(tmp_path, 3)
    play = build_play(settings(tmp_path, source="replay", replay_files=(path,)))
    state_path(tmp_path).write_text(json.dumps(play.to_save()))
    with pytest.raises(PlaySetupError, match="another replay"):
        build_play(settings(tmp_path, source="replay", replay_files=(path,), replay_times="original"))


def test_it_waits_for_each_exchange_in_the_files(tmp_path: Path) -> None:
    files = (recording(tmp_path, 20), coinbase_file())
    with (
        simulator(tmp_path / "home", source="replay", replay_files=files, replay_speed=1e9) as running,
        running.connect("/binance/ws/btcusdt@trade") as binance,
    ):
        assert running.get("/binance/api/v3/historicalTrades?symbol=BTCUSDT")[1] == []
        with running.connect("/coinbase") as coinbase:
            coinbase.send('{"type":"subscribe","product_ids":["SKL-USD"],"channels":["matches"]}')
            assert [one["t"] for one in trades(binance, 20)] == list(range(1, 21))
            assert of_type(coinbase, "last_match", 1)[0]["product_id"] == "SKL-USD"
