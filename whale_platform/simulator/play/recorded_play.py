"""Recorded play: captured trades at `speed` times their pace, each sent when the capture received it.

It starts when every recorded symbol is subscribed, or two seconds after each exchange has its first subscription.
times `original`: trades keep their times. times `now`: a trade of time t happens at start + (t - t0) / speed, where
t0 is the first trade's time and start the moment of the first start in this home; so the spacing shrinks with the
speed, each trade has one time for good, and a pause in between (a restart) leaves the times behind the clock.
The first run's speed goes on shaping the times if a later run in the same home plays at another one.
"""

import asyncio
import threading
import time
from array import array
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from whale_platform.domain.catalogue import ListedPair
from whale_platform.exchanges.simulation.play import Fill, FillPublisher, MarketKey, PlayState
from whale_platform.simulator.errors import PlaySetupError
from whale_platform.simulator.play import symbol_listing
from whale_platform.simulator.play.capture_files import read_captures, survey_captures

ReplayTimes = Literal["original", "now"]
_BATCH = 500
_NAP_S = 0.05
_PATIENCE_S = 2.0
_STALL_S = 10.0


class _Log:
    """The trades played of one symbol, ids ascending; one packed line of bytes each (about 150 bytes of memory)."""

    def __init__(self) -> None:
        self._ids = array("q")
        self._rows: list[bytes] = []

    def append(self, fill: Fill) -> None:
        self._ids.append(fill.trade_id)
        parts = (fill.price, fill.size, fill.side, fill.time, fill.sent_time)
        self._rows.append(
            " ".join(map(str, (*parts, fill.taker_order_id, fill.maker_order_id, fill.sequence))).encode()
        )

    def between(self, market: MarketKey, start: int, stop: int) -> list[Fill]:
        return [self._fill(market, at) for at in range(max(0, start), min(stop, len(self._ids)))]

    def at(self, trade_id: int) -> int:
        return bisect_left(self._ids, trade_id)

    def __len__(self) -> int:
        return len(self._ids)

    def _fill(self, market: MarketKey, at: int) -> Fill:
        price, size, side, moment, sent, taker, maker, sequence = self._rows[at].decode().split(" ")
        taken: Literal["buy", "sell"] = "buy" if side == "buy" else "sell"
        trade_id = self._ids[at]
        return Fill(market, trade_id, price, size, taken, int(moment), int(sent), taker, maker, int(sequence))


class RecordedPlay:
    """Implements `Play`; continues what was played before. Raises PlaySetupError for files that don't fit."""

    kind: Literal["generated", "recorded"] = "recorded"

    def __init__(
        self,
        files: Sequence[Path],
        speed: float,
        times: ReplayTimes,
        exchanges: Sequence[str],
        saved: dict[str, Any] | None,
    ) -> None:
        contents = survey_captures(files)
        self._speed, self._times = speed, times
        symbols = {name: found for name, found in contents.symbols.items() if name in exchanges}
        if not symbols:
            raise PlaySetupError(
                f"the files hold trades of {', '.join(contents.symbols)} only: set WHALE_EXCHANGES to that"
            )
        self.pairs: Mapping[MarketKey, ListedPair] = symbol_listing.find_pairs(
            symbols, {name: symbol_listing.list_recorded(name, files) for name in symbols}
        )
        self._exchanges = frozenset(symbols)
        self._identity: dict[str, object] = {
            "kind": self.kind,
            "files": sorted({f"{path.name} {path.stat().st_size}" for path in files}),
            "exchanges": sorted(symbols),
            "times": times,
        }
        if saved is not None and any(saved.get(name) != value for name, value in self._identity.items()):
            raise PlaySetupError("this home holds another replay: take a fresh --home")
        self._first = min((contents.first[name] for name in symbols), key=lambda one: one.received_ns).fill
        self._before = contents.before
        self._start: int | None = saved["start"] if saved else None
        self._time_speed: float = saved["speed"] if saved and self._start is not None else speed
        self._logs = {market: _Log() for market in self.pairs}
        self.state: PlayState = "waiting"
        self.played = 0
        self._behind = 0.0
        self._coming = (one for one in read_captures(files) if one.new and one.fill.market[0] in self._exchanges)
        for one in islice(self._coming, saved["played"] if saved else 0):
            self._log(self._shifted(one.fill))

    def behind_s(self) -> float:
        """Seconds by which the next trade is late."""
        return self._behind

    def last(self, market: MarketKey) -> Fill | None:
        """The newest trade played; before the first, what the capture itself tells was the last."""
        page = self.downward(market, None, 1)
        if page:
            return page[0]
        before = self._before.get(market)
        return self._shifted(before) if before else None

    def upward(self, market: MarketKey, first_id: int, limit: int) -> list[Fill]:
        """At most `limit` trades from `first_id` on, ascending."""
        log = self._logs[market]
        at = log.at(first_id)
        return log.between(market, at, at + limit)

    def downward(self, market: MarketKey, before_id: int | None, limit: int) -> list[Fill]:
        """At most `limit` trades below `before_id` (None: the newest), descending."""
        log = self._logs[market]
        end = len(log) if before_id is None else log.at(before_id)
        return log.between(market, end - limit, end)[::-1]

    async def run(self, publisher: FillPublisher, stop: threading.Event, save: Callable[[], None]) -> None:
        """Wait for listeners, play to the end, then wait for `stop`."""
        if (one := next(self._coming, None)) is not None:
            await self._listeners(publisher, stop)
            if self._start is None:
                self._start = time.time_ns() // 1000
                save()
            self.state = "playing"
        began, from_ns, batch = time.monotonic(), one.received_ns if one else 0, 0
        while one is not None and not stop.is_set():
            early = began + (one.received_ns - from_ns) / 1e9 / self._speed - time.monotonic()
            if early > 0 or batch >= _BATCH:
                publisher.flush()
                batch = 0
                self._behind = max(0.0, -early)
                await asyncio.sleep(min(max(early, 0.0), _NAP_S))
                await self._uncongested(publisher, stop)
                continue
            fill = self._shifted(one.fill)
            self._log(fill)
            publisher.publish(fill)
            batch += 1
            one = next(self._coming, None)
        publisher.flush()
        self._behind = 0.0
        if one is None:
            self.state = "finished"
            save()
        while not stop.is_set():
            await asyncio.sleep(_NAP_S)

    def to_save(self) -> dict[str, object]:
        """Which files, how far, and what shapes the times."""
        return {**self._identity, "speed": self._time_speed, "start": self._start, "played": self.played}

    def _log(self, fill: Fill) -> None:
        self._logs[fill.market].append(fill)
        self.played += 1

    def _shifted(self, fill: Fill) -> Fill:
        if self._times == "original":
            return fill
        start = self._start if self._start is not None else time.time_ns() // 1000
        first, speed = self._first.time, self._time_speed
        time_, sent = (start + int((at - first) / speed) for at in (fill.time, fill.sent_time))
        return replace(fill, time=time_, sent_time=sent)

    async def _listeners(self, publisher: FillPublisher, stop: threading.Event) -> None:
        heard_all = None
        while not stop.is_set():
            heard = publisher.listening() & self._logs.keys()
            if len(heard) == len(self._logs):
                return
            if {exchange for exchange, _ in heard} == self._exchanges:
                heard_all = heard_all or time.monotonic()
                if time.monotonic() - heard_all > _PATIENCE_S:
                    return
            else:
                heard_all = None
            await asyncio.sleep(_NAP_S)

    async def _uncongested(self, publisher: FillPublisher, stop: threading.Event) -> None:
        """Let slow readers catch up, within reason: a recording can wait, an exchange could not."""
        until = time.monotonic() + _STALL_S
        while publisher.congested() and time.monotonic() < until and not stop.is_set():
            await asyncio.sleep(0.001)
        if time.monotonic() >= until:
            publisher.shed()
