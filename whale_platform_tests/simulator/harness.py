"""A simulator in this process, on a free port, with real sockets to it."""

import asyncio
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
import websocket

from whale_platform.exchanges.simulation.play import Play
from whale_platform.settings import Settings
from whale_platform.simulator.service import build_play, serve_play
from whale_platform.simulator.serving.faults import Faults, NoFaults
from whale_platform.supervision.runtime.heartbeat import Heartbeat
from whale_platform.supervision.runtime.runner import ServiceContext


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def settings(home: Path, **given: Any) -> Settings:
    """Settings of a simulator in `home`, from nothing but `given`."""
    base: dict[str, Any] = {
        "home": home,
        "source": "simulator",
        "simulator_port": free_port(),
        "symbols": ("BTC", "ETH"),
    }
    return Settings(_env_file=None, **(base | given))  # type: ignore[call-arg]


def context_of(given: Settings) -> ServiceContext:
    """What a service is given."""
    return ServiceContext(given, Heartbeat("simulator"), structlog.get_logger())


class Running:
    """A running simulator."""

    def __init__(self, context: ServiceContext) -> None:
        self.context = context
        self.port = context.settings.simulator_port

    def numbers(self) -> dict[str, Any]:
        """What its next beat will say."""
        return self.context.heartbeat.numbers

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, Any, dict[str, str]]:
        """Status, JSON and headers of one GET."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                return answer.status, json.load(answer), dict(answer.headers)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.load(refused), dict(refused.headers)

    @contextmanager
    def connect(self, path: str, **options: Any) -> Iterator[Any]:
        """A websocket-client connection; `recv` waits at most 20 s."""
        client = websocket.WebSocket(**options)
        client.settimeout(300)
        try:
            client.connect(f"ws://127.0.0.1:{self.port}{path}")
            yield client
            client.close(timeout=1)
        finally:
            client.shutdown()


@contextmanager
def simulator(home: Path, faults: Faults | None = None, play: Play | None = None, **given: Any) -> Iterator[Running]:
    """Run a simulator until the block ends; by default it plays what the settings ask for."""
    context = context_of(settings(home, **given))
    play = play or build_play(context.settings)
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(asyncio.run(serve_play(context, play, faults or NoFaults()))))
    thread.start()
    try:
        while context.heartbeat.state == "starting" and thread.is_alive():
            thread.join(0.01)
        yield Running(context)
    finally:
        context.stop.set()
        thread.join(300)
    assert codes == [0]


def trades(client: Any, count: int) -> list[dict[str, Any]]:
    """The next `count` trades of a Binance connection."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        frame = json.loads(client.recv())
        data = frame.get("data", frame)
        if data.get("e") == "trade":
            found.append(data)
    return found


def of_type(client: Any, kind: str, count: int) -> list[dict[str, Any]]:
    """The next `count` Coinbase frames of this type."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        frame = json.loads(client.recv())
        if frame["type"] == kind:
            found.append(frame)
    return found
