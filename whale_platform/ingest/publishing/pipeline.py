"""One exchange's way from a frame to the broker: parse, guard, then its symbol's line, all on the caller's thread.

What the exchange's history has goes the same way, and comes in by history_intake.py, behind the same lock.

Several threads call (two sockets during a renewal, the repairer, the service's clock), one at a time behind a lock.
A full producer blocks the caller inside: then nothing is read from the socket, the exchange closes it, and the gap
is repaired by id later. When the producer stops while trades are on their way, what the sequencers say was published
is no longer true: `build_positions` then answers None and the process must end.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from whale_platform.broker.producer import TradeProducer
from whale_platform.contracts.raw_trade import encode_key
from whale_platform.domain.names import RAW_TRADES
from whale_platform.domain.rates import RateBook
from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import EarlierTrade, Event, Exchange, IgnoredMessage, LastTrade
from whale_platform.exchanges.errors import InvalidFrameError
from whale_platform.ingest.publishing.dead_letters import describe_trade
from whale_platform.ingest.publishing.delivery import NextOffsets, TradeSender
from whale_platform.ingest.publishing.history_intake import HistoryIntake, move_trade
from whale_platform.ingest.publishing.latency import LatencySamples
from whale_platform.ingest.publishing.pipeline_lock import PipelineLock
from whale_platform.ingest.publishing.plausibility_filter import Implausibility, PlausibilityFilter
from whale_platform.ingest.publishing.symbol_publisher import ExchangeRecords, SymbolPublisher
from whale_platform.ingest.recovery.positions_file import SymbolPosition
from whale_platform.ingest.recovery.resume_points import ResumePoint
from whale_platform.ingest.transport.exchange_clock import NO_LEAD, ClockLead


class Pipeline:
    """`process_frame` is the hot path. Every public method takes the lock. `delay`: from the exchange to here."""

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
        rates: RateBook | None = None,
    ) -> None:
        """Trades go by `producer`; gaps and dead letters by `ledger`. `lead`: see `PlausibilityFilter`.

        `rates`: what all exchanges of this process know of currencies; without it this one goes by its own prices.
        """
        name = exchange.name
        self.exchange = exchange
        self.delay = LatencySamples()
        self._work = PipelineLock()
        self._guard = PlausibilityFilter(lead)
        self._books = ExchangeRecords(name, ledger)
        rates = RateBook() if rates is None else rates
        self.counts, self.wanting = self._books.counts, self._books.wanting
        self.lines: dict[str, SymbolPublisher] = {}
        for symbol in symbols:
            begin = starts.get(f"{name}:{symbol}", ResumePoint())
            sequencer = (
                begin.build_sequencer()
                if exchange.dense_ids
                else begin.build_sparse_sequencer(exchange.newest_url(symbol) is None)
            )
            outlet = TradeSender(producer, RAW_TRADES, encode_key(name, symbol), ends, receive_to_produced)
            self.lines[symbol] = SymbolPublisher(symbol, sequencer, outlet, self._books, rates, begin.newest)
            for gap in begin.changed:
                self._books.write_gap(symbol, gap)
        self.history = HistoryIntake(exchange, self.lines, self._books, self._guard, self._work)

    def process_frame(self, frame: bytes, received_us: int) -> tuple[int, Sequence[Event]]:
        """Take one frame; returns how many trades it held and the events that are the connection's business."""
        try:
            events = self.exchange.parse(frame, received_us)
        except InvalidFrameError as bad:
            self.record_bad_frame(str(bad), frame, received_us)
            return 0, ()
        trades = 0
        others: list[Event] = []
        with self._work:
            for event in events:
                if type(event) is Trade:
                    trades += 1
                    self._process_trade(event, False)
                elif type(event) is LastTrade:
                    self._process_trade(event.trade, True)
                elif type(event) is EarlierTrade:
                    self._process_earlier_trade(event.trade)
                elif type(event) is not IgnoredMessage:
                    others.append(event)
        return trades, others

    def record_bad_frame(self, reason: str, frame: bytes, received_us: int) -> None:
        """Keep a frame that can't be used, with the reason."""
        with self._work:
            self._books.write_unparseable(reason, frame, received_us)

    def record_connection(self, symbols: Sequence[str]) -> None:
        """A connection for these symbols begins that no other one overlaps."""
        with self._work:
            for symbol in symbols:
                self.lines[symbol].record_connection()

    def find_quiet_symbols(self, now_s: float) -> dict[str, bool]:
        """Each known symbol that has shown nothing on the present connection, or (True) is overdue by `now_s`."""
        with self._work:
            known = [line for line in self.lines.values() if line.sequencer.next_id is not None]
            return {one.symbol: one.is_overdue(now_s) for one in known if one.is_silent() or one.is_overdue(now_s)}

    def process_newest_trade(self, trade: Trade) -> None:
        """The newest trade that history has of a symbol: like an exchange's last trade, it shows what was missed."""
        with self._work:
            self._process_trade(trade, True, True)

    def tick(self, now_us: int) -> None:
        """Every quarter of a second or so: let go of what a gap has held back too long; write what has gathered."""
        now = time.monotonic()
        with self._work:
            self._release()
            for line in self.lines.values():
                line.tick(now, now_us)

    def build_positions(self) -> dict[str, SymbolPosition] | None:
        """For the positions file: where each symbol is. What this says holds once `count_delivered` has caught up."""
        with self._work:
            if self._work.broken:
                return None
            for line in self.lines.values():
                line.write_quarantine()
            return {
                f"{self.exchange.name}:{line.symbol}": position
                for line in self.lines.values()
                if (position := line.build_position()) is not None
            }

    def encode_held_trades(self) -> dict[str, list[str]]:
        """For the positions file: the trades held of each symbol without a position, as the topic would have them."""
        with self._work:
            lines = [(f"{self.exchange.name}:{line.symbol}", line.encode_held_trades()) for line in self.lines.values()]
            return {name: trades for name, trades in lines if trades}

    def count_sent(self) -> list[int]:
        """Messages sent so far, per door."""
        with self._work:
            return [self._books.ledger.sent, *(line.outlet.sent for line in self.lines.values())]

    def count_delivered(self) -> list[int]:
        """Messages delivered so far, in the order of `count_sent`."""
        return [self._books.ledger.delivered, *(line.outlet.delivered for line in self.lines.values())]

    def count_future_trades(self) -> tuple[int, int]:
        """Trades that lie in the future by our clock, which may be slow: (held, too many to be held)."""
        return len(self._guard.held), self._guard.overflown

    def count_open_gaps(self) -> int:
        """Gaps that are being looked for."""
        lines = list(self.lines.values())
        return sum(len(line.sequencer.background.gaps) + (line.sequencer.blocking_gap is not None) for line in lines)

    def _process_trade(self, trade: Trade, last: bool, surely: bool = False) -> None:
        line = self.lines.get(trade.symbol)
        if line is None:
            unasked = f"symbol {trade.symbol} was not asked for"
            self._books.write_unparseable(unasked, describe_trade(trade), trade.received_time)
            return
        monotonic_us = time.monotonic_ns() // 1000
        absurd = (
            self._guard.check_historical(trade, monotonic_us) if last else self._guard.check_live(trade, monotonic_us)
        )
        if self._guard.held:
            self._release()
        if absurd is None:
            self._sequence_trade(line, trade, last, surely)
        else:
            self._hold_or_quarantine(line, trade, last, absurd)

    def _process_earlier_trade(self, trade: Trade) -> None:
        line = self.lines.get(trade.symbol)
        if line is None or line.sequencer.has_begun:
            self._process_trade(trade, True)

    def _hold_or_quarantine(self, line: SymbolPublisher, trade: Trade, last: bool, absurd: Implausibility) -> None:
        """Hold or quarantine it. The id of one from the future stays missing, so that history is asked for it."""
        if absurd.future and not self._guard.is_clock_known:
            self._guard.hold(trade, last)
            return
        self._books.write_quarantined(trade, absurd.reason)
        if absurd.future:
            self.counts.future += 1
        else:
            number = trade.trade_id + line.sequencer.base
            line.publish(line.sequencer.skip(number, trade.received_time, trade.event_time))

    def _release(self) -> None:
        """Judge what was held because the exchange's clock was not known, in the order in which it came."""
        for trade, last in self._guard.release():
            line, absurd = self.lines[trade.symbol], self._guard.check_historical(trade, time.monotonic_ns() // 1000)
            if absurd is None:
                self._sequence_trade(line, trade, last)
            else:
                self._hold_or_quarantine(line, trade, last, absurd)

    def _sequence_trade(self, line: SymbolPublisher, trade: Trade, last: bool, surely: bool = False) -> None:
        sequencer = line.sequencer
        if sequencer.base:
            trade = move_trade(trade, sequencer.base)
        if last:
            line.publish(sequencer.add_last_trade(trade, surely))
            return
        if self.delay.is_due():
            self.delay.add((trade.received_time - trade.event_time) / 1000)
        line.publish(sequencer.add_live(trade))
