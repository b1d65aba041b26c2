"""One exchange's way from a frame to the broker: parse, guard, sequencer, encode, produce, all on the caller's thread.

Several threads call (two sockets during a renewal, the repairer, the service's clock), one at a time behind a lock.
A full producer blocks the caller inside: then nothing is read from the socket, the exchange closes it, and the hole
is repaired by id later. When the producer stops while trades are on their way, what
the sequencers say was published is no longer true: `places` then answers None and the process must end.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from whale_platform.broker.producer import ProducerStopped, TradeProducer
from whale_platform.domain.codec import key
from whale_platform.domain.names import DEAD_LETTERS, INGEST_GAPS, RAW_TRADES
from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import BadFrame, Event, Exchange, Ignored, LastTrade
from whale_platform.ingest.deadletters import DeadLetters, described
from whale_platform.ingest.gaps import Gap, gap_key, gap_row
from whale_platform.ingest.guard import Guard
from whale_platform.ingest.loose import LooseSequencer
from whale_platform.ingest.meter import Counts, Latency
from whale_platform.ingest.outlet import Counted, Fence, Outlet
from whale_platform.ingest.positions import Place
from whale_platform.ingest.resume import Start
from whale_platform.ingest.sequencer import Chunk, Conflict, Sequencer

HOLD_S = 30.0  # how long a hole may hold trades back; the whale behind it is late by as much


@dataclass(slots=True)
class Latencies:
    """Shared by all pipelines."""

    exchange_to_receive: Latency
    receive_to_produced: Latency


@dataclass(slots=True)
class Line:
    """One symbol. `sent_before`: what its outlet had sent when the present connection began."""

    symbol: str
    sequencer: Sequencer
    outlet: Outlet
    sent_before: int = 0
    holding: tuple[int, float] | None = None


class _Work:
    """The lock, which remembers that somebody was thrown out of it by a producer that takes nothing more."""

    def __init__(self) -> None:
        self.broken = False
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is ProducerStopped:
            self.broken = True
        self._lock.release()


class Pipeline:
    """`frame` is the hot path. Every public method takes the lock itself."""

    def __init__(
        self,
        exchange: Exchange,
        symbols: Sequence[str],
        producer: TradeProducer,
        fence: Fence,
        starts: Mapping[str, Start],
        latencies: Latencies,
    ) -> None:
        name = exchange.name
        self.exchange = exchange
        self.counts = Counts()
        self._work = _Work()
        self.wanting = threading.Event()
        self._guard = Guard()
        self._received = latencies.exchange_to_receive
        self._ledger = Counted(producer, INGEST_GAPS)
        letter_key = name.encode()
        self._letters = DeadLetters(name, lambda letter: producer.send(DEAD_LETTERS, letter_key, letter))
        self.lines: dict[str, Line] = {}
        for symbol in symbols:
            begin = starts.get(f"{name}:{symbol}", Start())
            sequencer = Sequencer(begin.next_id, begin.gaps) if exchange.dense_ids else LooseSequencer()
            outlet = Outlet(producer, RAW_TRADES, key(name, symbol), fence, latencies.receive_to_produced)
            self.lines[symbol] = Line(symbol, sequencer, outlet)
            for gap in begin.changed:
                self._note(symbol, gap)

    def frame(self, frame: bytes, received_us: int) -> tuple[int, Sequence[Event]]:
        """Take one frame; returns how many trades it held and the events that are the connection's business."""
        try:
            events = self.exchange.parse(frame, received_us)
        except BadFrame as bad:
            self.bad_frame(str(bad), frame, received_us)
            return 0, ()
        trades = 0
        others: list[Event] = []
        with self._work:
            for event in events:
                if type(event) is Trade:
                    trades += 1
                    self._trade(event, False)
                elif type(event) is LastTrade:
                    self._trade(event.trade, True)
                elif type(event) is not Ignored:
                    others.append(event)
        return trades, others

    def bad_frame(self, reason: str, frame: bytes, received_us: int) -> None:
        """Keep a frame that can't be used, with the reason."""
        with self._work:
            self.counts.dead_letters += 1
            self._letters.put("unparseable", reason, frame, received_us)

    def connected(self) -> None:
        """A connection begins that no other one overlaps."""
        with self._work:
            for line in self.lines.values():
                line.sequencer.connected()
                line.sent_before = line.outlet.sent

    def wanted(self, not_now: frozenset[str]) -> tuple[str, Chunk] | None:
        """The most urgent ids to fetch, leaving out the symbols in `not_now`: what holds trades back comes first."""
        self.wanting.clear()
        best: tuple[str, Chunk] | None = None
        with self._work:
            for line in self.lines.values():
                chunk = None if line.symbol in not_now else line.sequencer.wanted()
                if chunk is not None and (best is None or chunk.mode == "inline"):
                    best = line.symbol, chunk
                    if chunk.mode == "inline":
                        break
        return best

    def quiet(self) -> dict[str, int]:
        """The next id of each known symbol that has shown nothing since the present connection began."""
        with self._work:
            return {
                line.symbol: line.sequencer.next_id
                for line in self.lines.values()
                if line.outlet.sent == line.sent_before and line.sequencer.next_id is not None
            }

    def newest(self, trade: Trade) -> None:
        """The newest trade that history has of a symbol: like an exchange's last trade, it shows what was missed."""
        with self._work:
            self._trade(trade, True)

    def fill(self, symbol: str, chunk: Chunk, trades: Mapping[int, Trade], now_us: int) -> None:
        """History's answer for `chunk`: ids of it that are not in `trades` are proven absent."""
        monotonic_us = time.monotonic_ns() // 1000
        with self._work:
            found: dict[int, Trade | None] = {}
            for number, trade in trades.items():
                if chunk.first_id <= number <= chunk.last_id:
                    reason = self._guard.old(trade, monotonic_us)
                    found[number] = None if reason else trade
                    if reason:
                        self._quarantine(trade, reason)
            line = self.lines[symbol]
            self._publish(line, line.sequencer.fill(chunk, found, now_us))

    def tick(self, now_us: int) -> None:
        """Every quarter of a second or so: let go of what a hole has held back too long; write what has gathered."""
        now = time.monotonic()
        with self._work:
            for line in self.lines.values():
                hole = line.sequencer.hole
                if hole is None:
                    line.holding = None
                elif line.holding is None or line.holding[0] != hole.first_id:
                    line.holding = hole.first_id, now
                elif now - line.holding[1] > HOLD_S:
                    self._publish(line, line.sequencer.to_background(now_us))
                self._write_quarantine(line)

    def places(self) -> dict[str, Place] | None:
        """For the positions file: where each symbol is. What this says holds once `delivered` has caught up."""
        with self._work:
            if self._work.broken:
                return None
            for line in self.lines.values():
                self._write_quarantine(line)
            return {
                f"{self.exchange.name}:{line.symbol}": Place(
                    line.sequencer.next_id - 1, [_copy(gap) for gap in line.sequencer.background]
                )
                for line in self.lines.values()
                if line.sequencer.next_id is not None
            }

    def sent(self) -> list[int]:
        """Messages sent so far, per door."""
        with self._work:
            return [self._ledger.sent, *(line.outlet.sent for line in self.lines.values())]

    def delivered(self) -> list[int]:
        """Messages delivered so far, in the order of `sent`."""
        return [self._ledger.delivered, *(line.outlet.delivered for line in self.lines.values())]

    def open_gaps(self) -> int:
        """Holes that are being looked for."""
        lines = list(self.lines.values())
        return sum(len(line.sequencer.background) + (line.sequencer.hole is not None) for line in lines)

    def _trade(self, trade: Trade, last: bool) -> None:
        line = self.lines.get(trade.symbol)
        if line is None:
            self.counts.dead_letters += 1
            unasked = f"symbol {trade.symbol} was not asked for"
            self._letters.put("unparseable", unasked, described(trade), trade.received_time)
            return
        sequencer = line.sequencer
        monotonic_us = time.monotonic_ns() // 1000
        reason = self._guard.old(trade, monotonic_us) if last else self._guard.live(trade, monotonic_us)
        if reason is not None:
            self._quarantine(trade, reason)
            self._publish(line, sequencer.skip(trade.trade_id, trade.received_time))
            return
        if last:
            self._publish(line, sequencer.last_trade(trade))
            return
        if self._received.due():
            self._received.add((trade.received_time - trade.event_time) / 1000)
        self._publish(line, sequencer.live(trade))

    def _publish(self, line: Line, trades: Sequence[Trade]) -> None:
        """The ledger first: a hole is on record before what comes after it can be seen."""
        if line.sequencer.events:
            self._take_events(line)
        for trade in trades:
            line.outlet.send(trade)
        self.counts.trades += len(trades)

    def _take_events(self, line: Line) -> None:
        events, line.sequencer.events = line.sequencer.events, []
        for event in events:
            if isinstance(event, Conflict):
                self._quarantine(event.trade, event.reason)
                continue
            if event.state == "open":
                self.wanting.set()
            elif event.filled:
                self.counts.gaps_repaired += 1
            self._note(line.symbol, event)

    def _quarantine(self, trade: Trade, reason: str) -> None:
        self.counts.quarantined += 1
        self._letters.put("quarantined", reason, described(trade), trade.received_time)

    def _write_quarantine(self, line: Line) -> None:
        runs, line.sequencer.quarantine = line.sequencer.quarantine, []
        for gap in runs:
            self._note(line.symbol, gap)

    def _note(self, symbol: str, gap: Gap) -> None:
        name = self.exchange.name
        self._ledger.send(gap_key(name, symbol, gap.first_id), gap_row(name, symbol, gap))


def _copy(gap: Gap) -> Gap:
    copied = Gap(**{name: getattr(gap, name) for name in Gap.__slots__})
    copied.absent = list(gap.absent)
    return copied
