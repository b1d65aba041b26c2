"""Keeps an exchange's list of symbols fresh, and brings refused symbols back. One thread an exchange.

The whole list is asked for once a day, and after a growing wait while it is not known. A refused symbol is asked for
after `FIRST_S`, then ever rarer up to `CAP_S`; where many are due, the whole list costs the exchange less. What was
read is kept in the home: it is used where the exchange's REST side is unavailable at the next start.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whale_platform.domain import catalogue
from whale_platform.exchanges.base import Exchange
from whale_platform.exchanges.errors import InvalidFrameError
from whale_platform.files.atomic_files import write_json
from whale_platform.ingest.background_thread import BackgroundThread
from whale_platform.ingest.connections.connection_manager import ConnectionManager
from whale_platform.ingest.errors import HttpUnavailableError
from whale_platform.ingest.publishing.pipeline import Pipeline
from whale_platform.ingest.transport.rest_client import RestClient

DAY_S = 86_400.0
FIRST_S = 60.0
CAP_S = 3600.0
AGAIN_S = 2.0  # before the second request for a list that is not known at all
IDLE_S = 1.0
FEW = 3  # requests for single symbols in a row
NOT_THERE = (400, 404, 410)


@dataclass(slots=True)
class _Wait:
    wait_s: float
    until: float


class SymbolLister(BackgroundThread):
    """`start`; ends when `stop` is set. `outdated`: the list gives other symbols than the ingester has begun with."""

    def __init__(
        self,
        pipeline: Pipeline,
        feed: ConnectionManager,
        rest: RestClient,
        home: Path,
        fits: Callable[[], bool],
        stop: threading.Event,
        log: Any,
    ) -> None:
        """`fits`: whether the symbols that the list gives for the settings are those of the feeds."""
        self.outdated = False
        self._exchange, self._pipeline, self._feed = pipeline.exchange, pipeline, feed
        self._rest, self._home, self._fits, self._stop = rest, home, fits, stop
        self._log = log.bind(exchange=self._exchange.name)
        self._whole = _Wait(AGAIN_S, 0.0)
        self._refused: dict[str, _Wait] = {}
        super().__init__(f"lister-{self._exchange.name}")

    def step(self, now: float, clock_s: float) -> None:
        """Ask what is due; `now` is monotonic, `clock_s` the epoch's, by which the list ages."""
        due = self._find_due_symbols(now)
        if self._exchange.listing_url() is None:  # the feed alone tells whether the exchange refuses them still
            for symbol in due:
                self._postpone(self._refused[symbol], now)
                self._feed.accept(symbol)
            return
        read_at = self._exchange.listed.read_at
        if len(due) > FEW or read_at is None or clock_s - read_at > DAY_S:
            if now >= self._whole.until:
                self._request_whole_list(now, due)
            return
        for symbol in due:
            self._request_symbol(symbol, now)

    def _run(self) -> None:
        while not self._stop.wait(IDLE_S):
            self.step(time.monotonic(), time.time())

    def _find_due_symbols(self, now: float) -> list[str]:
        refused = self._feed.refused
        self._refused = {symbol: self._refused.get(symbol) or _Wait(FIRST_S, now + FIRST_S) for symbol in refused}
        return [symbol for symbol, wait in self._refused.items() if now >= wait.until]

    def _request_whole_list(self, now: float, due: list[str]) -> None:
        try:
            read_symbol_list(self._exchange, self._rest, self._home)
        except (HttpUnavailableError, OSError) as trouble:
            self._log.warning(
                "the list of symbols is unavailable", reason=str(trouble), kept=len(self._exchange.listed)
            )
            wait_s = trouble.wait_s if isinstance(trouble, HttpUnavailableError) else None
            self._postpone(self._whole, now, wait_s)
            if self._exchange.listed.read_at is None:  # symbols may wait for it
                self._whole.wait_s = min(FIRST_S, self._whole.wait_s)
            return
        self._whole = _Wait(AGAIN_S, 0.0)
        for symbol in due:
            self._postpone(self._refused[symbol], now)
        self.outdated = self.outdated or not self._fits()
        for symbol, line in self._pipeline.lines.items():
            reason = self._exchange.listed.explain_refusal(symbol)
            if reason is None:
                self._feed.accept(symbol)
            elif not line.outlet.sent and (reason := self._feed.explain_refusal(symbol)) is not None:
                self._feed.refuse(symbol, reason)

    def _request_symbol(self, symbol: str, now: float) -> None:
        self._postpone(self._refused[symbol], now)
        listed, url = self._exchange.listed, self._exchange.check_url(symbol)
        if url is None:
            return
        try:
            body = self._rest.fetch(url).body
            for pair in self._exchange.parse_listing(body):
                listed.add(pair)
        except InvalidFrameError as bad:
            self._log.warning("a refused symbol can't be checked", symbol=symbol, reason=str(bad))
            return
        except HttpUnavailableError as trouble:
            if trouble.status not in NOT_THERE:
                self._log.warning("a refused symbol can't be checked", symbol=symbol, reason=str(trouble))
            return
        if listed.get(symbol) is not None and listed.explain_refusal(symbol) is None:
            self._feed.accept(symbol)

    def _postpone(self, wait: _Wait, now: float, told_s: float | None = None) -> None:
        wait.until = now + max(wait.wait_s, told_s or 0.0)
        wait.wait_s = min(CAP_S, wait.wait_s * 2)


def read_symbol_list(exchange: Exchange, rest: RestClient, home: Path) -> None:
    """Read the exchange's whole list into its catalogue and keep a copy.

    Raises HttpUnavailableError, and OSError where the copy can't be written.

    An exchange that shows no list has none to read. An empty list, as the simulator has of an exchange of which nothing
    is wanted, never replaces one that is known.
    """
    url = exchange.listing_url()
    if url is None:
        return
    body = rest.fetch(url).body
    try:
        pairs = exchange.parse_listing(body)
    except InvalidFrameError as bad:
        raise HttpUnavailableError(f"{exchange.name}'s list of symbols can't be read: {bad}") from None
    if not pairs and len(exchange.listed):
        raise HttpUnavailableError(f"{exchange.name}'s list of symbols is empty")
    exchange.listed.replace_all(pairs, time.time())
    write_json(catalogue.catalogue_path(home, exchange.name), exchange.listed.to_json())
