"""A feed of one exchange on localhost, with its waits cut short."""

import threading
from collections.abc import Callable, Iterator

import pytest
from websockets.sync.server import ServerConnection

from whale_platform.exchanges.base import Exchange
from whale_platform.exchanges.binance.adapter import Binance
from whale_platform.ingest.connections import connection_manager, connection_slot, retry
from whale_platform.ingest.connections.connection_manager import ConnectionManager
from whale_platform.ingest.transport import websocket as sockets
from whale_platform_tests.ingest.fake_binance import FakeBinance
from whale_platform_tests.ingest.fakes import Log, RecordingProducer, pipeline

SYMBOL = "AAAUSDT"
Start = Callable[..., tuple[ConnectionManager, RecordingProducer]]


def mute(client: ServerConnection) -> None:
    """Read nothing and answer nothing, as a peer does behind a cut cable."""
    client.protocol.receive_data = lambda data: None  # type: ignore[method-assign]
    threading.Event().wait(3)


@pytest.fixture
def start(fake: FakeBinance, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start a feed; it is closed after the test."""
    monkeypatch.setattr(sockets, "TICK_S", 0.05)
    monkeypatch.setattr(retry, "FIRST_S", 0.02)
    monkeypatch.setattr(connection_manager, "LOOK_S", 0.02)
    monkeypatch.setattr(connection_slot, "OVERLAP_S", 0.1)
    feeds: list[ConnectionManager] = []

    def begin(
        exchange: Exchange | None = None, silence_s: float = 60.0, symbols: tuple[str, ...] = (SYMBOL,)
    ) -> tuple[ConnectionManager, RecordingProducer]:
        producer = RecordingProducer()
        exchange = exchange or Binance(fake.ws_url, fake.rest_url)
        one = ConnectionManager(exchange, symbols, pipeline(exchange, symbols, producer), silence_s, Log())
        feeds.append(one)
        one.start()
        return one, producer

    yield begin
    for one in feeds:
        one.close()
        assert one.join(300)
