"""Ingest from frames to topic in simulated histories, each from its seed: what may happen to one symbol happens.

Frames are lost, late, doubled, swapped and garbled; connections end and overlap; the exchange leaves ids out and begins
its ids again; its history lags, lies once and is away; the ingester is killed, also between a row of the ledger and its
trades, and goes on with or without its positions, or with what an earlier version saved. In the end every true trade is
in the topic once, and every id that is not is explained by the ledger. Many of them:
`python -m whale_platform_tests.ingest.simulation 100000 [first seed]`.
"""

import json
import random
import sys
import time as real_time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, cast
from urllib.parse import parse_qs, urlparse

from whale_platform.broker.errors import ProducerStoppedError
from whale_platform.broker.producer import TradeProducer
from whale_platform.contracts.raw_trade import decode_trade
from whale_platform.contracts.raw_trade_looks import peek_trade_id
from whale_platform.domain.epochs import exchange_id
from whale_platform.domain.names import INGEST_GAPS, RAW_TRADES
from whale_platform.exchanges.binance.adapter import Binance
from whale_platform.ingest.backfill import gap_filler, history_client
from whale_platform.ingest.connections.connection_manager import ConnectionManager
from whale_platform.ingest.errors import HttpUnavailableError
from whale_platform.ingest.publishing import history_intake, pipeline, symbol_publisher
from whale_platform.ingest.publishing.delivery import NextOffsets
from whale_platform.ingest.publishing.latency import LatencySamples
from whale_platform.ingest.recovery import startup_scan
from whale_platform.ingest.recovery.positions_file import CLOCK_TOLERANCE_US, SymbolPosition
from whale_platform.ingest.recovery.resume_points import find_resume_point
from whale_platform.ingest.recovery.topic_tail import SymbolTail
from whale_platform.ingest.sequencing.gap import SequenceGap, decode_gap
from whale_platform.ingest.transport.rest_client import RestClient, TimedResponse
from whale_platform_tests.ingest.backfill.bench import Clock as Unwaited
from whale_platform_tests.ingest.backfill.bench import Feedless
from whale_platform_tests.ingest.fakes import Log
from whale_platform_tests.ingest.simulated_fills import NAME, SYMBOL, Fill, Mortal, Time
from whale_platform_tests.ingest.simulation_check import check


@dataclass
class World:
    """One history."""

    seed: int
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = chance = random.Random(self.seed)
        self.time = Time()
        for module in (history_client, symbol_publisher, pipeline, history_intake, gap_filler):
            cast(Any, module).time = self.time
        self.fills: list[Fill] = []
        self.space, self.next = 0, chance.choice([1, 1000, 3_000_000_000])
        self.lines: list[deque[Fill]] = [deque()]
        self.reconnects = 0
        self.lag_us = chance.choice([0, 0, 500_000, 20_000_000])
        self.lies = chance.choice([0.0, 0.0, 0.1])
        self.lied: set[Fill] = set()
        self.away = False
        self.faults = True
        self.producer = Mortal()
        self.saved: tuple[int, dict[str, SymbolPosition], dict[str, list[str]], int] | None = None
        self.upgraded = False
        self.begin({}, 0, {})

    # --- the ingester

    def begin(self, positions: dict[str, SymbolPosition], offset: int, held: dict[str, list[str]]) -> None:
        """As `startup_scan` does, from the topic, the positions and the ledger."""
        ledger: dict[int, SequenceGap] = {}
        for value in self.producer.sent[INGEST_GAPS]:
            gap = decode_gap(value)[1]
            ledger[gap.first_id] = gap
        position = positions.get(NAME)
        tail = SymbolTail() if position is None else startup_scan.build_tail(position)
        for value in self.producer.sent[RAW_TRADES][offset:]:
            tail.add(peek_trade_id(value) or 0, value)
        begun = find_resume_point(tail, position.gaps if position is not None else (), ledger, self.time.us)
        begun.held = [decode_trade(one.encode()) for one in held.get(NAME, ())]
        self.producer.die_in = -1
        sender, exchange = cast(TradeProducer, self.producer), Binance()
        ends, starts = NextOffsets({0: 0}), {NAME: begun}
        self.pipeline = pipeline.Pipeline(exchange, [SYMBOL], sender, sender, ends, starts, LatencySamples())
        feed = Feedless()
        feed.reconnects = self.reconnects
        rest = RestClient("binance", self.rest, self.time.monotonic)
        past = history_client.HistoryClient(exchange, Unwaited(), rest)
        self.repairer = gap_filler.GapFiller(self.pipeline, cast(ConnectionManager, feed), past, Unwaited(), Log())
        self.feed = feed
        self.lines = [deque()]
        self.pipeline.record_connection([SYMBOL])

    def restart(self) -> None:
        if self.saved is not None and self.chance.random() < 0.6:
            offset, positions, held, saved_us = self.saved
            if positions and self.chance.random() < 0.3:  # what the version before saved, which knew no times
                self.upgraded = True
                positions = {NAME: replace(positions[NAME], last_time=0, latest=saved_us + CLOCK_TOLERANCE_US)}
        else:
            offset, positions, held, self.saved = 0, {}, {}, None
        self.time.us += self.chance.choice([10_000, 2_000_000])
        self.begin(positions, offset, held)

    def save(self) -> None:
        positions = self.pipeline.build_positions()
        if positions is not None:
            self.saved = (
                len(self.producer.sent[RAW_TRADES]),
                positions,
                self.pipeline.encode_held_trades(),
                self.time.us,
            )

    # --- the exchange

    def trade(self, count: int) -> None:
        for _ in range(count):
            self.time.us += self.chance.randint(1_000, 300_000)
            if self.faults and self.chance.random() < 0.03:
                self.next += self.chance.randint(1, 3)
            fill = Fill(len(self.fills), self.space, self.next, self.time.us)
            self.fills.append(fill)
            self.next += 1
            for one in self.lines:
                one.append(fill)

    def anew(self) -> None:
        """The ids begin again, far below the present ones, once these have been seen."""
        first_id = self.chance.choice([0, 1, 1, 50, 100_000])
        if any(self.fills[serial].space == self.space for serial in self.published()) and first_id < self.next - 500:
            self.space, self.next = self.space + 1, first_id
            self.time.us += 2_000_000

    def rest(self, url: str, _timeout_s: float) -> TimedResponse:
        if self.away or (self.faults and self.chance.random() < 0.05):
            raise HttpUnavailableError("HTTP 500", 500)
        if "exchangeInfo" in url:
            return TimedResponse(b"{}", 0, 0)
        query = parse_qs(urlparse(url).query)
        limit, first = int(query["limit"][0]), query.get("fromId", [None])[0]
        seen = [one for one in self.fills if one.space == self.space and one.time <= self.time.us - self.lag_us]
        if self.faults and self.chance.random() < self.lies and seen:
            one = self.chance.choice(seen[-20:])
            if one not in self.lied and one.time > self.time.us - 300_000_000:
                self.lied.add(one)
                seen.remove(one)
        page = seen[-limit:] if first is None else [one for one in seen if one.number >= int(first)][:limit]
        return TimedResponse(json.dumps([one.row() for one in page]).encode(), 0, 0)

    # --- the way between

    def deliver(self, count: int) -> None:
        one = self.chance.choice(self.lines)
        for _ in range(min(count, len(one))):
            fill, number, price = one.popleft(), None, None
            if self.faults:
                fate = self.chance.random()
                if fate < 0.03:
                    continue
                if fate < 0.05:
                    number = self.garbled(fill)
                elif fate < 0.06:
                    price = "0"
                elif fate < 0.08 and one:
                    one[0], fill = fill, one[0]
                elif fate < 0.09:
                    self.see(fill.frame())
            self.see(fill.frame(number, price))

    def garbled(self, fill: Fill) -> int:
        alone = len(self.lines) == 1 and fill.number > 20
        next_id = self.pipeline.lines[SYMBOL].sequencer.next_id
        below = fill.number - 300 if next_id is None else min(fill.number, exchange_id(next_id))
        if alone and self.chance.random() < 0.3 and below > 0:
            return self.chance.randint(0, below - 1)
        if alone and self.chance.random() < 0.5:
            return fill.number + self.chance.choice([self.chance.randint(1, 10_000), self.chance.randint(1, 100)])
        far = fill.number + 10**6, fill.number + 10**9, 2**63 - 1, self.chance.randint(10**10, 10**11)
        return self.chance.choice(far)

    def see(self, frame: bytes) -> None:
        self.pipeline.process_frame(frame, self.time.us)

    def step(self) -> None:
        """One thing happens."""
        what = self.chance.random()
        if what < 0.35:
            self.trade(self.chance.randint(1, 6))
        elif what < 0.65:
            self.deliver(self.chance.randint(1, 12))
        elif what < 0.85:
            self.repair()
        elif what < 0.88:
            self.lines = [deque()]
            self.feed.reconnects = self.reconnects = self.reconnects + 1
            self.pipeline.record_connection([SYMBOL])
        elif what < 0.91:
            self.lines = [*self.lines[-1:], deque()]
        elif what < 0.92:
            self.anew()
        elif what < 0.94:
            self.save()
        elif what < 0.955:
            self.restart()
        elif what < 0.97:
            self.producer.die_in = self.chance.randint(0, 5)
        elif what < 0.98:
            self.away = not self.away
        else:
            self.time.us += self.chance.choice([1_000_000, 40_000_000, 120_000_000])

    def repair(self) -> None:
        self.time.us += self.chance.randint(1_000, 2_000_000)
        self.pipeline.tick(self.time.us)
        self.repairer.step(self.time.monotonic())

    def run(self) -> None:
        """All of it, then calm: everything must come right by itself."""
        for _ in range(self.chance.randint(10, 70)):
            self.alive(self.step)
        self.faults = self.away = False
        self.lines = self.lines[-1:]
        left = 6
        while left > 0:
            left, self.upgraded = (10 if self.upgraded else left - 1), False  # without times it takes minutes more
            self.trade(1)
            for _ in range(len(self.lines)):
                self.alive(lambda: self.deliver(10**6))
            self.alive(self.calm)
        self.alive(self.calm)
        check(self)

    def calm(self) -> None:
        """Time passes: minutes, and more while a hole is open.

        Where the version before saved no time of the newest trade, a hole may stay open until a trade comes that is
        later than that file: until then no answer of history tells ids that began again from a history that lags.
        """
        sequencer = self.pipeline.lines[SYMBOL].sequencer
        for step in range(2_000):
            untimed = sequencer.next_id is not None and not sequencer.newest_time
            if step >= 40 and (untimed or not self.pipeline.count_open_gaps()):
                return
            self.pipeline.tick(self.time.us)
            self.time.us += 5_000_000
            self.repairer.step(self.time.monotonic())
        raise AssertionError("it never comes to rest")

    def alive(self, act: Any) -> None:
        try:
            act()
        except ProducerStoppedError:
            self.restart()

    def published(self) -> list[int]:
        """Serials in the order of the topic."""
        return [int(json.loads(value)["price"].partition(".")[0]) - 1 for value in self.producer.sent[RAW_TRADES]]


def simulate(seeds: Iterable[int]) -> None:
    """Run them; AssertionError with the seed where one goes wrong."""
    for seed in seeds:
        try:
            World(seed).run()
        except AssertionError as wrong:
            raise AssertionError(f"seed {seed}: {wrong!r}") from wrong


if __name__ == "__main__":
    many, begin = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    began, failed = real_time.monotonic(), []
    for seed in range(begin, begin + many):
        try:
            World(seed).run()
        except (AssertionError, ValueError, KeyError, IndexError, TypeError) as wrong:
            failed.append(seed)
            print(f"seed {seed}: {type(wrong).__name__} {str(wrong)[:300]}", flush=True)
    print(f"{many} histories from seed {begin}: {len(failed)} wrong, {real_time.monotonic() - began:.0f} s")
    sys.exit(bool(failed))
