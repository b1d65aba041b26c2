"""Generated play through real sockets."""

import json
import time
from itertools import islice
from pathlib import Path

import pytest

from whale_platform.domain.catalogue import ListedPair
from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import LastTrade
from whale_platform.exchanges.binance.adapter import Binance
from whale_platform.exchanges.coinbase.adapter import Coinbase
from whale_platform.simulator.errors import PlaySetupError
from whale_platform.simulator.play.generated_play import HISTORY_TRADES, GeneratedPlay
from whale_platform.simulator.play.market_feed import build_fill
from whale_platform.simulator.play.market_profile import build_profile
from whale_platform.simulator.play.trade_generator import generate_prints
from whale_platform.simulator.service import build_play, state_path
from whale_platform_tests.simulator.harness import of_type, settings, simulator, trades

STREAMS = "/binance/stream?streams=btcusdt@trade/ethusdt@trade&timeUnit=MICROSECOND"
SUBSCRIBE = json.dumps(
    {"type": "subscribe", "product_ids": ["BTC-USD", "ETH-USD"], "channels": ["matches", "heartbeat"]}
)
BTC = ("binance", "BTCUSDT")


def expected(count: int, seed: int = 1) -> list[tuple[int, str, str, bool]]:
    of = build_profile(BTC, "BTC", "USDT")
    found = (build_fill(of, one, 0) for one in islice(generate_prints(seed, of, 0), count))
    return [(one.trade_id, one.price, one.size, one.side == "sell") for one in found]


def shown(found: list[dict[str, object]]) -> list[tuple[object, ...]]:
    return [(one["t"], one["p"], one["q"], one["m"]) for one in found if one["s"] == "BTCUSDT"]


def test_nothing_trades_before_someone_listens_and_then_ids_start_at_one(tmp_path: Path) -> None:
    with simulator(tmp_path, simulator_rate=2000) as running:
        assert running.numbers()["state"] == "waiting"
        assert running.get("/binance/api/v3/historicalTrades?symbol=BTCUSDT")[1] == []
        with running.connect("/binance/ws/btcusdt@trade") as client:
            heard = trades(client, 300)
    assert shown(heard) == expected(300)


def test_the_sequence_goes_on_after_a_restart_and_history_keeps_it(tmp_path: Path) -> None:
    with simulator(tmp_path, simulator_rate=2000) as running, running.connect(STREAMS) as client:
        first = trades(client, 200)
    stopped = json.loads(state_path(tmp_path).read_text())["places"]["binance:BTCUSDT"]
    with simulator(tmp_path, simulator_rate=2000) as running, running.connect(STREAMS) as client:
        while not (later := shown(trades(client, 1))):  # the other symbol's
            pass
        assert later[0][0] > stopped[0]
        _, page, _ = running.get("/binance/api/v3/historicalTrades?symbol=BTCUSDT&fromId=1&limit=1000")
    rows = [(row["id"], row["price"], row["qty"], row["isBuyerMaker"]) for row in page]
    assert rows == expected(len(rows))
    assert len(rows) > stopped[0]
    assert rows[: len(shown(first))] == shown(first)
    times = [row["time"] for row in page]
    assert times == sorted(times)
    assert times[stopped[0] - 1] == stopped[1] // 1000


def test_reissued_ids_carry_the_same_contents(tmp_path: Path) -> None:
    """As after a `kill -9`: the state file is older than the last trade sent."""
    with simulator(tmp_path, simulator_rate=2000) as running, running.connect(STREAMS) as client:
        trades(client, 100)
    saved = json.loads(state_path(tmp_path).read_text())
    saved["places"]["binance:BTCUSDT"][0] = 10
    state_path(tmp_path).write_text(json.dumps(saved))
    with simulator(tmp_path, simulator_rate=2000) as running, running.connect("/binance/ws/btcusdt@trade") as client:
        heard = shown(trades(client, 50))
    at = heard[0][0]
    assert isinstance(at, int)
    assert heard == expected(at + 49)[at - 1 :]


def test_times_are_the_moment_of_sending_in_the_unit_asked_for(tmp_path: Path) -> None:
    with simulator(tmp_path, simulator_rate=500) as running:
        before = time.time_ns() // 1000
        with running.connect(STREAMS) as micro, running.connect("/binance/stream?streams=btcusdt@trade") as milli:
            fine, coarse = trades(micro, 30), trades(milli, 5)
    assert all(before <= one["T"] == one["E"] <= time.time_ns() // 1000 for one in fine)
    assert all(before // 1000 <= one["T"] <= time.time_ns() // 1_000_000 for one in coarse)


def test_fills_of_one_order_share_side_time_and_taker(tmp_path: Path) -> None:
    with simulator(tmp_path, simulator_rate=5000) as running, running.connect("/coinbase") as client:
        client.send(SUBSCRIBE)
        heard = of_type(client, "match", 500)
    orders: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for one in heard:
        orders.setdefault((one["product_id"], one["taker_order_id"]), set()).add((one["time"], one["side"]))
    assert 10 < len(orders) < 500
    assert all(len(shared) == 1 for shared in orders.values())
    assert len({one["maker_order_id"] for one in heard if one["product_id"] == "BTC-USD"}) == sum(
        one["product_id"] == "BTC-USD" for one in heard
    )


def test_the_adapters_read_both_exchanges_and_rest_agrees_with_the_socket(tmp_path: Path) -> None:
    with simulator(tmp_path, simulator_rate=3000) as running:
        binance, coinbase = Binance(name="sim_binance", source="simulated"), Coinbase(name="sim_coinbase")
        with running.connect(STREAMS) as client:
            socket = [event for _ in range(200) for event in binance.parse(client.recv(), 1)]
        with running.connect("/coinbase") as client:
            client.send(coinbase.subscribe(["BTC-USD"], 1))
            events = [event for _ in range(100) for event in coinbase.parse(client.recv(), 1)]
        micro = {"X-MBX-TIME-UNIT": "MICROSECOND"}
        _, page, _ = running.get("/binance/api/v3/historicalTrades?symbol=BTCUSDT&fromId=1&limit=1000", micro)
        rest = {
            trade.trade_id: trade
            for trade in binance.parse_history("BTCUSDT", json.dumps(page).encode(), 1, "simulated")
        }
        _, rows, headers = running.get("/coinbase/products/BTC-USD/trades?limit=50&after=60")
        old = {
            trade.trade_id: trade for trade in coinbase.parse_history("BTC-USD", json.dumps(rows).encode(), 1, "live")
        }
    of_btc = [event for event in socket if isinstance(event, Trade) and event.symbol == "BTCUSDT"]
    assert [trade.trade_id for trade in of_btc] == list(range(1, len(of_btc) + 1))
    assert [rest[trade.trade_id] for trade in of_btc] == of_btc
    assert list(old) == list(range(59, 9, -1))
    assert (headers["CB-BEFORE"], headers["CB-AFTER"]) == ("59", "10")
    matches = [event for event in events if isinstance(event, Trade)]
    assert not any(isinstance(event, LastTrade) for event in events)
    for match in matches[9:59]:
        past = old[match.trade_id]
        assert (past.price, past.quantity, past.side, past.event_time) == (
            match.price,
            match.quantity,
            match.side,
            match.event_time,
        )


def test_the_rate_is_shared_and_counted(tmp_path: Path) -> None:
    with simulator(tmp_path, simulator_rate=3000) as running, running.connect(STREAMS) as client:
        heard = trades(client, 6000)
        while running.numbers()["trades_sent"] < 3000:
            trades(client, 100)
        numbers = running.numbers()
    assert (numbers["state"], numbers["kind"], numbers["subscribers"]) == ("playing", "generated", 1)
    btc = sum(one["s"] == "BTCUSDT" for one in heard)
    assert btc > 6000 - btc > 500


def test_another_seed_or_another_play_in_the_same_home_is_refused(tmp_path: Path) -> None:
    play = build_play(settings(tmp_path))
    for saved in (play.to_save() | {"seed": 2}, {"kind": "recorded"}):
        state_path(tmp_path).write_text(json.dumps(saved))
        with pytest.raises(PlaySetupError, match="fresh --home"):
            build_play(settings(tmp_path))
    state_path(tmp_path).write_text("{")
    with pytest.raises(PlaySetupError, match="fresh --home"):
        build_play(settings(tmp_path))


def test_wrong_symbols_are_refused(tmp_path: Path) -> None:
    for symbols in (("B C",), ("nosuch:BTC",), ()):
        with pytest.raises(PlaySetupError):
            build_play(settings(tmp_path, symbols=symbols))


def test_kept_times_are_bounded_and_older_ones_reckoned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whale_platform.simulator.play.generated_play.HISTORY_TRADES", 1000)
    play = GeneratedPlay(
        {("binance", "BTCUSDT"): ListedPair("BTCUSDT", "BTC", "USDT", "TRADING", True)}, 100.0, 1, None
    )
    feed = play._feeds[BTC]
    now = 1_700_000_000_000_000
    while feed.index < 5000:
        now += 30_000
        for _ in feed.order(now):
            pass
    assert HISTORY_TRADES == 2_000_000
    assert len(feed._times) <= 1000 + 735
    page = play.upward(BTC, 1, 10_000)
    assert [one.trade_id for one in page] == list(range(1, feed.index + 1))
    assert [one.time for one in page] == sorted(one.time for one in page)
