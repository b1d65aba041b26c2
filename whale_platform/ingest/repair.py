"""Fills holes from the exchange's history, and asks about symbols that show nothing. One thread an exchange.

A symbol that is quiet after a connection began is asked for what it traded meanwhile: else its next live trade, hours
later perhaps, would be the first to show the hole. One that has never shown anything may not exist.

It never gives up: a failed request is tried again after a growing wait, per symbol where the symbol is the trouble,
for all where the exchange is. An id that an answer lacks counts as absent when the answer holds a higher one;
history may lag behind the live stream, so an answer that ends too early is asked for again, and believed only
after `BELIEVE_TIMES` answers over `BELIEVE_S`.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from whale_platform.broker.producer import ProducerStopped
from whale_platform.domain.trade import Trade
from whale_platform.ingest.feed import Feed
from whale_platform.ingest.history import History
from whale_platform.ingest.pipeline import Pipeline
from whale_platform.ingest.rest import Unavailable
from whale_platform.ingest.sequencer import Chunk

FIRST_S = 1.0
CAP_S = 60.0
BELIEVE_TIMES = 3
BELIEVE_S = 60.0
IDLE_S = 0.5
PROBE_AFTER_S = 5.0
PROBE = 999  # ids; with the one beyond a single page
CHECK_AFTER_S = 30.0
NOT_THERE = (400, 404, 410)


@dataclass(slots=True)
class Trial:
    """Answers for a symbol that stopped short, or failed. `first_id`: the lowest id that was not answered."""

    first_id: int
    since: float
    times: int = 0
    not_before: float = 0.0


class Repairer:
    """`start`; ends when `stop` is set. `status` is the trouble with the exchange's REST side, or empty."""

    def __init__(self, pipeline: Pipeline, feed: Feed, history: History, stop: threading.Event, log: Any) -> None:
        self.status = ""
        self._pipeline = pipeline
        self._feed = feed
        self._history = history
        self._stop = stop
        self._log = log.bind(exchange=pipeline.exchange.name)
        self._trials: dict[str, Trial] = {}
        self._failures = 0
        self._checked: set[str] = set()
        self._probed: dict[str, int] = {}
        self._thread = threading.Thread(target=self._run, name=f"repair-{pipeline.exchange.name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait for the end."""
        self._thread.join(timeout_s)

    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                if not self.step(time.monotonic()):
                    self._pipeline.wanting.wait(IDLE_S)
        except ProducerStopped:
            return

    def step(self, now: float) -> bool:
        """Do one thing if there is one to do; returns whether there was."""
        waiting = frozenset(symbol for symbol, trial in self._trials.items() if trial.not_before > now)
        wanted = self._pipeline.wanted(waiting)
        if wanted is not None:
            return self._ask(wanted[0], lambda: self._repair(*wanted, now))
        for symbol, next_id in self._pipeline.quiet().items():
            not_now = symbol in waiting or symbol in self._feed.refused
            probed = self._probed.get(symbol) == self._feed.reconnects_of(symbol)
            if self._feed.up_for_s(symbol) > PROBE_AFTER_S and not (not_now or probed):
                return self._ask(symbol, lambda: self._probe(symbol, next_id))  # noqa: B023 run at once
        unseen = self._unseen()
        return unseen is not None and self._ask(unseen, lambda: self._check(unseen))

    def _ask(self, symbol: str, request: Callable[[], None]) -> bool:
        """Run `request`, or wait as its failure demands."""
        try:
            request()
        except Unavailable as trouble:
            self._log.warning("history not available", symbol=symbol, reason=str(trouble))
            if trouble.status in NOT_THERE:
                self._postpone(symbol, time.monotonic(), None)
                return True
            self._failures += 1
            self.status = str(trouble)
            self._stop.wait(trouble.wait_s or min(CAP_S, FIRST_S * 2.0 ** min(self._failures - 1, 16)))
        else:
            self._failures = 0
            self.status = ""
        return True

    def _repair(self, symbol: str, chunk: Chunk, now: float) -> None:
        found = self._history.trades(symbol, chunk)
        sure = self._sure_until(symbol, chunk, found, now)
        if sure >= chunk.first_id:
            self._pipeline.fill(symbol, Chunk(chunk.first_id, sure, chunk.mode), found, time.time_ns() // 1000)

    def _sure_until(self, symbol: str, chunk: Chunk, found: dict[int, Trade], now: float) -> int:
        """Up to which id of `chunk` the answer can be believed."""
        highest = max(found, default=-1)
        if highest >= chunk.last_id:
            self._trials.pop(symbol, None)
            return chunk.last_id
        trial = self._postpone(symbol, now, max(chunk.first_id, highest + 1))
        if trial.times >= BELIEVE_TIMES and now - trial.since >= BELIEVE_S:
            del self._trials[symbol]
            return chunk.last_id
        return highest

    def _postpone(self, symbol: str, now: float, first_id: int | None) -> Trial:
        trial = self._trials.get(symbol)
        if trial is None or (first_id is not None and trial.first_id != first_id):
            trial = self._trials[symbol] = Trial(first_id if first_id is not None else -1, now)
        trial.times += 1
        trial.not_before = now + min(CAP_S, FIRST_S * 2.0 ** min(trial.times - 1, 16))
        return trial

    def _probe(self, symbol: str, next_id: int) -> None:
        """Look whether `symbol` traded while nobody listened."""
        life = self._feed.reconnects_of(symbol)
        found = self._history.trades(symbol, Chunk(next_id, next_id + PROBE - 1, "inline"))
        self._probed[symbol] = life
        if found and max(found) >= next_id:
            self._pipeline.newest(found[max(found)])

    def _unseen(self) -> str | None:
        """A symbol that has shown no trade although its connection has been up for a while."""
        for symbol, line in self._pipeline.lines.items():
            unseen = not line.outlet.sent and symbol not in self._checked and symbol not in self._feed.refused
            if unseen and self._feed.up_for_s(symbol) >= CHECK_AFTER_S:
                return symbol
        return None

    def _check(self, symbol: str) -> None:
        self._checked.add(symbol)
        try:
            self._history.get(self._pipeline.exchange.check_url(symbol))
        except Unavailable as trouble:
            if trouble.status not in NOT_THERE:
                self._checked.discard(symbol)
                raise
            self._feed.refuse(symbol, f"the exchange does not know it (HTTP {trouble.status})")
