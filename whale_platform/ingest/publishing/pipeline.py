"""One exchange's way from a frame to the broker: parse, guard, then its symbol's line, all on the caller's thread.

Several threads call (two sockets during a renewal, the repairer, the service's clock), one at a time behind a lock.
A full producer blocks the caller inside: then nothing is read from the socket, the exchange closes it, and the hole
is repaired by id later. When the producer stops while trades are on their way, what the sequencers say was published
is no longer true: `places` then answers None and the process must end.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from whale_platform.broker.producer import TradeProducer
from whale_platform.domain.names import RAW_TRADES
from whale_platform.domain.raw_trade import encode_key
from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import Event, Exchange, IgnoredMessage, InvalidFrameError, LastTrade
from whale_platform.ingest.publishing.dead_letters import describe_trade
from whale_platform.ingest.publishing.delivery import NextOffsets, TradeSender
from whale_platform.ingest.publishing.latency import LatencySamples
from whale_platform.ingest.publishing.pipeline_lock import PipelineLock
from whale_platform.ingest.publishing.plausibility_filter import Implausibility, PlausibilityFilter
from whale_platform.ingest.publishing.symbol_publisher import ExchangeRecords, SymbolPublisher
from whale_platform.ingest.recovery.positions_file import CLOCK_TOLERANCE_US, SymbolPosition
from whale_platform.ingest.recovery.resume_points import ResumePoint
from whale_platform.ingest.sequencing.backfill_range import ALL_IDS, BackfillRange
from whale_platform.ingest.sequencing.unconfirmed_trades import LOW_TRADES
from whale_platform.ingest.transport.exchange_clock import NO_LEAD, ClockLead

LATER_S = 10.0  # before history is asked again for what can't be judged before our clock is known


class Pipeline:
    """`frame` is the hot path. Every public method takes the lock itself. `delay`: from the exchange to here."""

    def __init__(
        self,
        exchange: Exchange,
        symbols: Sequence[str],
        producer: TradeProducer,
        ledger: TradeProducer,
        ends: NextOffsets,
        starts: Mapping[str, ResumePoint],
        receive_to_produced: LatencySamples,
        lead: Callable[[], ClockLead | None] = lambda: NO_LEAD,
    ) -> None:
        """Trades go by `producer`; gaps and dead letters by `ledger`. `lead`: see `PlausibilityFilter`."""
        name = exchange.name
        self.exchange = exchange
        self.delay = LatencySamples()
        self._work = PipelineLock()
        self._guard = PlausibilityFilter(lead)
        self._books = ExchangeRecords(name, ledger)
        self.counts, self.wanting = self._books.counts, self._books.wanting
        self.lines: dict[str, SymbolPublisher] = {}
        self._served = ""
        self._later: dict[str, float] = {}
        for symbol in symbols:
            begin = starts.get(f"{name}:{symbol}", ResumePoint())
            sequencer = begin.sequencer()
            outlet = TradeSender(producer, RAW_TRADES, encode_key(name, symbol), ends, receive_to_produced)
            self.lines[symbol] = SymbolPublisher(symbol, sequencer, outlet, self._books)
            for gap in begin.changed:
                self._books.gap(symbol, gap)

    def frame(self, frame: bytes, received_us: int) -> tuple[int, Sequence[Event]]:
        """Take one frame; returns how many trades it held and the events that are the connection's business."""
        try:
            events = self.exchange.parse(frame, received_us)
        except InvalidFrameError as bad:
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
                elif type(event) is not IgnoredMessage:
                    others.append(event)
        return trades, others

    def bad_frame(self, reason: str, frame: bytes, received_us: int) -> None:
        """Keep a frame that can't be used, with the reason."""
        with self._work:
            self._books.unparseable(reason, frame, received_us)

    def connected(self, symbols: Sequence[str]) -> None:
        """A connection for these symbols begins that no other one overlaps."""
        with self._work:
            for symbol in symbols:
                self.lines[symbol].connected()

    def wanted(self, not_now: frozenset[tuple[str, str]]) -> tuple[str, BackfillRange] | None:
        """The most urgent ids to fetch, leaving out (symbol, mode) in `not_now`: what holds trades back comes first."""
        self.wanting.clear()
        best: tuple[SymbolPublisher, BackfillRange] | None = None
        now = time.monotonic()
        with self._work:
            self._later = {symbol: at for symbol, at in self._later.items() if at > now}
            for line in self._in_turn():
                chunk = None if line.symbol in self._later else line.sequencer.wanted()
                if chunk is None or (line.symbol, chunk.mode) in not_now or self.exchange.unreadable(line.symbol):
                    continue
                if best is None or chunk.mode == "inline":
                    best = line, chunk
                    if chunk.mode == "inline":
                        break
            if best is None:
                return None
            self._served = best[0].symbol
            return best[0].symbol, best[1].moved(-best[0].sequencer.base)

    def doubtful(self, not_now: frozenset[str]) -> str | None:
        """A symbol that holds trades without a place, which history's newest trade may give them."""
        with self._work:
            found = (line for line in self._in_turn() if line.sequencer.asks() and line.symbol not in not_now)
            return next((line.symbol for line in found), None)

    def behind(self, symbol: str) -> int | None:
        """The exchange's id of the newest trade published, where several that are held happened later; else None."""
        with self._work:
            sequencer = self.lines[symbol].sequencer
            if sequencer.next_id is None or sequencer.doubts.lows(sequencer.next_id) < LOW_TRADES:
                return None
            return sequencer.next_id - 1 - sequencer.base

    def judge(self, newest: Trade, same_id: Trade | None) -> int | None:
        """Give a place to what is held of the symbol of `newest`; `same_id`: see `Sequencer.may_begin_anew`.

        Where the ids may have begun anew nothing is done: then a time up to which history has nothing if they have.
        """
        now_us = time.time_ns() // 1000
        with self._work:
            line = self.lines[newest.symbol]
            sequencer = line.sequencer
            newest = _moved(newest, sequencer.base)
            same_id = None if same_id is None else _moved(same_id, sequencer.base)
            if sequencer.may_begin_anew(newest, same_id):
                return sequencer.newest_time or sequencer.latest - 2 * CLOCK_TOLERANCE_US
            line.publish(sequencer.judge(newest, same_id, now_us))
            return None

    def begin_epoch(self, symbol: str, first: Trade, newest_id: int) -> None:
        """The ids of `symbol` began anew; see `Sequencer.begin_epoch`."""
        with self._work:
            line = self.lines[symbol]
            line.publish(line.sequencer.begin_epoch(first, newest_id, time.time_ns() // 1000))

    def goes_on(self, symbol: str) -> None:
        """The ids of `symbol` did not begin anew; see `Sequencer.goes_on`."""
        with self._work:
            line = self.lines[symbol]
            line.publish(line.sequencer.goes_on(time.time_ns() // 1000))

    def continues(self, symbol: str, chunk: BackfillRange, found: Mapping[int, Trade]) -> bool:
        """Whether history's answer for `chunk` goes on from the trade of the symbol that was published last."""
        with self._work:
            sequencer = self.lines[symbol].sequencer
            below = found.get(chunk.first_id - 1)
            return sequencer.next_id == chunk.first_id + sequencer.base and sequencer.continues(below) is True

    def give_up(self, symbol: str, chunk: BackfillRange, last_id: int, note: str) -> None:
        """Leave what a background gap lacks from the start of `chunk` to the exchange's `last_id`."""
        with self._work:
            line = self.lines[symbol]
            base = line.sequencer.base
            line.sequencer.background.give_up(chunk.moved(base), last_id + base, note, time.time_ns() // 1000)
            line.publish(())

    def quiet(self, now_s: float) -> dict[str, bool]:
        """Each known symbol that has shown nothing on the present connection, or (True) is overdue by `now_s`."""
        with self._work:
            known = [line for line in self.lines.values() if line.sequencer.next_id is not None]
            return {one.symbol: one.overdue(now_s) for one in known if one.silent() or one.overdue(now_s)}

    def newest(self, trade: Trade) -> None:
        """The newest trade that history has of a symbol: like an exchange's last trade, it shows what was missed."""
        with self._work:
            self._trade(trade, True, True)

    def fill(
        self,
        symbol: str,
        chunk: BackfillRange,
        trades: Mapping[int, Trade],
        now_us: int,
        reach: tuple[int, int] = ALL_IDS,
        surely: bool = False,
    ) -> None:
        """History's answer for `chunk`: its ids that are not in `trades` are proven absent, or outside `reach`.

        `surely`: see `PendingTrades.refuted_by`.
        """
        monotonic_us = time.monotonic_ns() // 1000
        with self._work:
            found: dict[int, Trade | None] = {}
            line = self.lines[symbol]
            base = line.sequencer.base
            for number, trade in sorted(trades.items()):
                if chunk.first_id <= number <= chunk.last_id:
                    absurd = self._guard.old(trade, monotonic_us)
                    if absurd is not None and absurd.future and not self._guard.sure:
                        self._later[symbol] = time.monotonic() + LATER_S
                        if number == chunk.first_id:
                            return
                        chunk = BackfillRange(chunk.first_id, number - 1, chunk.mode, chunk.end, chunk.until)
                        break
                    found[number + base] = None if absurd else _moved(trade, base)
                    if absurd:
                        self._books.quarantined(trade, absurd.reason)
            reach = reach[0] + base, reach[1] + base
            around = {number + base: _moved(trade, base) for number, trade in trades.items()}
            line.publish(line.sequencer.fill(chunk.moved(base), found, now_us, reach, around, surely))

    def tick(self, now_us: int) -> None:
        """Every quarter of a second or so: let go of what a hole has held back too long; write what has gathered."""
        now = time.monotonic()
        with self._work:
            self._release()
            for line in self.lines.values():
                line.tick(now, now_us)

    def places(self) -> dict[str, SymbolPosition] | None:
        """For the positions file: where each symbol is. What this says holds once `delivered` has caught up."""
        with self._work:
            if self._work.broken:
                return None
            for line in self.lines.values():
                line.write_quarantine()
            return {
                f"{self.exchange.name}:{line.symbol}": place
                for line in self.lines.values()
                if (place := line.place()) is not None
            }

    def held(self) -> dict[str, list[str]]:
        """For the positions file: the trades held of each symbol without a place, as the topic would have them."""
        with self._work:
            lines = [(f"{self.exchange.name}:{line.symbol}", line.held()) for line in self.lines.values()]
            return {name: trades for name, trades in lines if trades}

    def sent(self) -> list[int]:
        """Messages sent so far, per door."""
        with self._work:
            return [self._books.ledger.sent, *(line.outlet.sent for line in self.lines.values())]

    def delivered(self) -> list[int]:
        """Messages delivered so far, in the order of `sent`."""
        return [self._books.ledger.delivered, *(line.outlet.delivered for line in self.lines.values())]

    def from_future(self) -> tuple[int, int]:
        """Trades that lie in the future by our clock, which may be slow: (held, too many to be held)."""
        return len(self._guard.held), self._guard.overflown

    def open_gaps(self) -> int:
        """Holes that are being looked for."""
        lines = list(self.lines.values())
        return sum(len(line.sequencer.background.gaps) + (line.sequencer.hole is not None) for line in lines)

    def _in_turn(self) -> list[SymbolPublisher]:
        """Every line, beginning after the one that was served last."""
        lines = list(self.lines.values())
        at = next((place for place, line in enumerate(lines, 1) if line.symbol == self._served), 0)
        return lines[at:] + lines[:at]

    def _trade(self, trade: Trade, last: bool, surely: bool = False) -> None:
        line = self.lines.get(trade.symbol)
        if line is None:
            unasked = f"symbol {trade.symbol} was not asked for"
            self._books.unparseable(unasked, describe_trade(trade), trade.received_time)
            return
        monotonic_us = time.monotonic_ns() // 1000
        absurd = self._guard.old(trade, monotonic_us) if last else self._guard.live(trade, monotonic_us)
        if self._guard.held:
            self._release()
        if absurd is None:
            self._take(line, trade, last, surely)
        else:
            self._refuse(line, trade, last, absurd)

    def _refuse(self, line: SymbolPublisher, trade: Trade, last: bool, absurd: Implausibility) -> None:
        """Hold or quarantine it. The id of one from the future stays missing, so that history is asked for it."""
        if absurd.future and not self._guard.sure:
            self._guard.hold(trade, last)
            return
        self._books.quarantined(trade, absurd.reason)
        if absurd.future:
            self.counts.future += 1
        else:
            line.publish(line.sequencer.skip(trade.trade_id + line.sequencer.base, trade.received_time))

    def _release(self) -> None:
        """Judge what was held because the exchange's clock was not known, in the order in which it came."""
        for trade, last in self._guard.release():
            line, absurd = self.lines[trade.symbol], self._guard.old(trade, time.monotonic_ns() // 1000)
            if absurd is None:
                self._take(line, trade, last)
            else:
                self._refuse(line, trade, last, absurd)

    def _take(self, line: SymbolPublisher, trade: Trade, last: bool, surely: bool = False) -> None:
        sequencer = line.sequencer
        if sequencer.base:
            trade = _moved(trade, sequencer.base)
        if last:
            line.publish(sequencer.last_trade(trade, surely))
            return
        if self.delay.due():
            self.delay.add((trade.received_time - trade.event_time) / 1000)
        line.publish(sequencer.live(trade))


def _moved(trade: Trade, base: int) -> Trade:
    return replace(trade, trade_id=trade.trade_id + base) if base else trade
