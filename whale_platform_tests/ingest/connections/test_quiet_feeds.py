"""Connections on which nothing trades: renewed without a time between where the exchange shows nothing of before."""

import dataclasses
import threading

import pytest
from websockets.sync.server import ServerConnection, serve

from whale_platform.exchanges.binance.adapter import Binance
from whale_platform.ingest.connections import connection, connection_slot, retry
from whale_platform_tests.ingest.connections.conftest import SYMBOL, Start, mute
from whale_platform_tests.ingest.fake_binance import FakeBinance, until


def test_a_quiet_feed_without_history_is_renewed_without_a_time_between(
    fake: FakeBinance, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The replacement stands before the silent one is closed, so no end is counted and nothing is missed."""
    monkeypatch.setattr(connection, "PING_S", 0.05)
    monkeypatch.setattr(connection_slot, "QUIET_S", 0.2)
    seen: list[int] = []
    fake.on_connect = lambda client: seen.append(len(fake.clients))
    exchange = dataclasses.replace(Binance(fake.ws_url, fake.rest_url), shows_earlier=False)
    one, producer = start(exchange, silence_s=0.3)
    until(lambda: len(seen) >= 3, "two renewals")
    assert seen[0] == 1 and all(count >= 2 for count in seen[1:])
    assert one.reconnects == 0 and one.describe_trouble() == ""
    assert one.strands[0]._silence.allowed_s > 0.3, "a quiet feed is renewed ever more rarely"
    fake.trade(SYMBOL, 3)
    until(lambda: producer.ids(SYMBOL) == [1000, 1001, 1002], "the trades, each once")


def test_a_half_open_connection_without_history_is_ended_and_not_renewed(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PING_S", 0.1)
    monkeypatch.setattr(connection, "DEAD_S", 0.6)
    monkeypatch.setattr(retry, "FIRST_S", 30.0)
    met: list[ServerConnection] = []

    def hold(client: ServerConnection) -> None:
        met.append(client)
        mute(client)

    with serve(hold, "127.0.0.1", 0, ping_interval=None) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        one, _ = start(dataclasses.replace(Binance(url), shows_earlier=False), silence_s=0.3)
        until(lambda: one.reconnects == 1, "the dead connection to be noticed")
        assert "nothing at all" in one.describe_status() and len(met) == 1
        one.close()
        server.shutdown()


def test_silences_that_are_given_up_do_not_make_the_waits_longer(
    fake: FakeBinance, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "HEALTHY_S", 0.0)
    one, _ = start(silence_s=0.1)
    until(lambda: one.reconnects >= 3, "three silences")
    assert one.strands[0]._backoff._failures == 0
