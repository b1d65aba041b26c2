"""A gap filler over a history that a test makes up; nothing waits and nothing is fetched."""

import json
import threading
from collections.abc import Callable
from typing import cast
from urllib.parse import parse_qs, urlparse

from whale_platform.domain.names import INGEST_GAPS
from whale_platform.exchanges.base import Exchange
from whale_platform.exchanges.binance.adapter import Binance
from whale_platform.ingest.backfill.gap_filler import GapFiller
from whale_platform.ingest.backfill.history_client import HistoryClient
from whale_platform.ingest.connections.connection_manager import ConnectionManager
from whale_platform.ingest.errors import HttpUnavailableError
from whale_platform.ingest.publishing.pipeline import Pipeline
from whale_platform.ingest.transport.rest_client import RestClient
from whale_platform.ingest.transport.rest_client import TimedResponse as Page
from whale_platform_tests.ingest.fake_binance import frame, past
from whale_platform_tests.ingest.fakes import Log, RecordingProducer, pipeline

A, B = "AAAUSDT", "BBBUSDT"
Answer = Callable[[str], bytes]


class Feedless:
    """A feed that has been up for long."""

    def __init__(self) -> None:
        self.reconnects = 0
        self.uptime_s = 1e9
        self.refused: dict[str, str] = {}

    def measure_uptime_s(self, _symbol: str) -> float:
        return self.uptime_s

    def count_reconnects(self, _symbol: str) -> int:
        return self.reconnects

    def refuse(self, symbol: str, reason: str) -> None:
        self.refused[symbol] = reason


class Clock(threading.Event):
    """Never set; waits are remembered, not waited."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return False


class Bench:
    """A pipeline with a hole in each of `symbols`, nothing of `silent`, and a repairer whose history is `answer`."""

    def __init__(
        self, answer: Answer, *symbols: str, silent: tuple[str, ...] = (), exchange: Exchange | None = None
    ) -> None:
        exchange = exchange or Binance()
        clock = Clock()
        self.waits = clock.waits
        self.requests: list[str] = []
        self.answer = answer
        self.producer = RecordingProducer()
        self.feed = Feedless()
        self.pipeline: Pipeline = pipeline(exchange, (*symbols, *silent), self.producer)
        self.now = 0.0
        self.rest = RestClient(exchange.name, self.get, lambda: self.now)
        history = HistoryClient(exchange, Clock(), self.rest)
        self.repairer = GapFiller(self.pipeline, cast(ConnectionManager, self.feed), history, clock, Log())
        for symbol in symbols:
            for number in (0, 1, 6):  # three begin a symbol
                self.pipeline.process_frame(frame(symbol, number).encode(), 10**15 * 2)

    def get(self, url: str, _timeout_s: float) -> Page:
        self.requests.append(url)
        return Page(self.answer(url), 0, 0)

    def state(self) -> list[str]:
        """State of each gap row, the last of each key."""
        rows = [json.loads(value) for value in self.producer.sent[INGEST_GAPS]]
        return list({(row["symbol"], row["first_id"]): row["state"] for row in rows}.values())


def history(last: int, *absent: int) -> Answer:
    """A history that reaches to `last`."""

    def answer(url: str) -> bytes:
        query = parse_qs(urlparse(url).query)
        limit = int(query["limit"][0])
        first = int(query.get("fromId", [str(last - limit + 1)])[0])
        found = [number for number in range(max(0, first), last + 1) if number not in absent]
        return json.dumps([past(number) for number in found[:limit]]).encode()

    return answer


def refusing(status: int, wait_s: float | None = None) -> Answer:
    def answer(url: str) -> bytes:
        raise HttpUnavailableError(f"HTTP {status}", status, wait_s)

    return answer
