"""One symbol's pipeline after parsing: sequencer, gap ledger, producer; and what an exchange writes beside trades.

Nothing here is locked: the pipeline calls, one thread at a time. The ledger goes before the trades: a gap is on
record before what comes after it can be seen.
"""

import threading
import time
from collections.abc import Sequence

from whale_platform.broker.producer import TradeProducer
from whale_platform.contracts.ingest_gap import encode_gap_key
from whale_platform.contracts.raw_trade import encode_trade
from whale_platform.domain.epochs import exchange_id
from whale_platform.domain.names import DEAD_LETTERS, INGEST_GAPS
from whale_platform.domain.rates import RateBook, UsdRate, convert_to_usd, invert
from whale_platform.domain.sweep import SweepTracker
from whale_platform.domain.trade import DOLLARS, Trade
from whale_platform.ingest.publishing.dead_letters import DeadLetterSender, describe_trade
from whale_platform.ingest.publishing.delivery import CountedSender, TradeSender
from whale_platform.ingest.publishing.latency import PipelineCounts
from whale_platform.ingest.recovery.positions_file import SymbolPosition
from whale_platform.ingest.sequencing.gap import SequenceGap, encode_gap
from whale_platform.ingest.sequencing.sequence_record import TradeConflict
from whale_platform.ingest.sequencing.sequencer import Sequencer
from whale_platform.ingest.sequencing.sparse_sequencer import SparseSequencer

HOLD_S = 30.0  # how long a gap may hold trades back; the whale behind it is late by as much
SILENT_S, SILENT_TIMES = 300.0, 20  # a symbol that trades on the average once a minute is overdue after 20 minutes


class ExchangeRecords:
    """One exchange's books: its ledger of gaps, its dead letters, its counts. `wanting` is set where a gap opens."""

    def __init__(self, exchange: str, producer: TradeProducer) -> None:
        self.counts = PipelineCounts()
        self.ledger = CountedSender(producer, INGEST_GAPS)
        self.wanting = threading.Event()
        self._exchange = exchange
        key = exchange.encode()
        self._letters = DeadLetterSender(exchange, lambda letter: producer.send(DEAD_LETTERS, key, letter))

    def write_gap(self, symbol: str, gap: SequenceGap) -> None:
        """Write the gap as it is now. Raises ProducerStoppedError, as all here do."""
        self.ledger.send(encode_gap_key(self._exchange, symbol, gap.first_id), encode_gap(self._exchange, symbol, gap))

    def write_unparseable(self, reason: str, frame: bytes, received_us: int) -> None:
        """Keep a frame that can't be used."""
        self.counts.dead_letters += 1
        self._letters.send("unparseable", reason, frame, received_us)

    def write_quarantined(self, trade: Trade, reason: str) -> None:
        """Keep a trade that can't be believed."""
        self.counts.quarantined += 1
        self._letters.send("quarantined", reason, describe_trade(trade), trade.received_time)


class SymbolPublisher:
    """One symbol: what its `sequencer` lets go is published, what it found is recorded."""

    def __init__(
        self,
        symbol: str,
        sequencer: Sequencer,
        outlet: TradeSender,
        books: ExchangeRecords,
        rates: RateBook,
        newest: Trade | None = None,
    ) -> None:
        """`newest`: the trade of the highest id that was published before, where it is known."""
        self.symbol, self.sequencer, self.outlet, self._books = symbol, sequencer, outlet, books
        self._rates, self._newest = rates, newest
        self._sweeps, self._filled_sweeps = SweepTracker(newest), SweepTracker()
        self._sent_before = self._sent_heard = 0
        self._began = self._heard = time.monotonic()
        self._holding: tuple[int, float] | None = None
        self._sparse = sequencer if isinstance(sequencer, SparseSequencer) else None

    def publish(self, trades: Sequence[Trade]) -> None:
        """What the sequencer has just answered. Raises ProducerStoppedError."""
        if self.sequencer.record.events:
            self._write_events()
        if self._sparse is not None and self._sparse.unjoined:
            self._books.wanting.set()
        for trade in trades:
            self._send(trade)
        self._books.counts.trades += len(trades)
        if self.sequencer.record.corrections:
            for gap in self.sequencer.record.take_corrections():
                self._write_gap(gap)

    def record_connection(self) -> None:
        """A connection begins that no other one overlaps."""
        self.sequencer.record_connection()
        self._sent_before = self.outlet.sent

    def is_silent(self) -> bool:
        """Whether nothing was sent since the present connection began."""
        return self.outlet.sent == self._sent_before

    def is_overdue(self, now_s: float) -> bool:
        """Whether it has shown nothing for so long, by the monotonic `now_s`, that history should be asked."""
        mean_s = (self._heard - self._began) / max(1, self._sent_heard)
        return now_s - self._heard > max(SILENT_S, SILENT_TIMES * mean_s)

    def tick(self, now_s: float, now_us: int) -> None:
        """Let go of what a gap has held back for `HOLD_S`, by the monotonic `now_s`; write what has gathered."""
        if self.outlet.sent != self._sent_heard:
            self._heard, self._sent_heard = now_s, self.outlet.sent
        blocking_gap = self.sequencer.blocking_gap
        if blocking_gap is None:
            self._holding = None
        elif self._holding is None or self._holding[0] != blocking_gap.first_id:
            self._holding = blocking_gap.first_id, now_s
        elif now_s - self._holding[1] > HOLD_S:
            self.publish(self.sequencer.move_to_background(now_us))
        self.write_quarantine()

    def write_quarantine(self) -> None:
        """Record the runs of quarantined ids that have gathered: one row a run, not one an id."""
        for gap in self.sequencer.quarantined.take_rows():
            self._books.write_gap(self.symbol, gap)

    def build_position(self) -> SymbolPosition | None:
        """Where the symbol is, as a copy; None before its first trade."""
        newest = "" if self._newest is None else encode_trade(self._newest).decode()
        if self._sparse is not None:
            recent = self._sparse.list_recent()
            return SymbolPosition(recent[-1][0], [], self._sparse.newest_time, 0, recent, newest) if recent else None
        if self.sequencer.next_id is None:
            return None
        blocking_gap = self.sequencer.blocking_gap
        gaps = [
            gap.copy()
            for gap in (*self.sequencer.background.gaps, *((blocking_gap,) if blocking_gap is not None else ()))
        ]
        newest_time = self.sequencer.newest_time
        return SymbolPosition(
            self.sequencer.next_id - 1,
            gaps,
            newest_time,
            0 if newest_time else self.sequencer.latest,
            newest=newest,
        )

    def encode_held_trades(self) -> list[str]:
        """The trades that it holds before it has a position, as the topic would have them."""
        return (
            []
            if self.sequencer.next_id is not None
            else [encode_trade(one).decode() for one in self.sequencer.unconfirmed]
        )

    def _send(self, trade: Trade) -> None:
        """Publish it with its dollars and its taker's order so far. What is filled in below has orders of its own."""
        newest = self._newest
        ahead = newest is None or trade.trade_id > newest.trade_id or not trade.dense
        if trade.quote not in DOLLARS:
            trade = self._convert(trade)
        elif trade.base in self._rates.wanted and ahead and not trade.block:
            self._rates.record(trade.base, UsdRate(trade.price, f"{trade.exchange}:{trade.symbol}", trade.event_time))
        sweep = (self._sweeps if ahead else self._filled_sweeps).add(trade)
        if sweep is not None:
            trade = trade._replace(sweep=sweep)
        if ahead:
            self._newest = trade
        self.outlet.send(trade)

    def _convert(self, trade: Trade) -> Trade:
        """The trade with its dollars, where a rate is known. A dollar coin's price in its currency is one itself."""
        if trade.base in DOLLARS:
            pair = f"{trade.exchange}:{trade.symbol}"
            self._rates.record(trade.quote, UsdRate(invert(trade.price), pair, trade.event_time))
        rate = self._rates.find(trade.quote, trade.event_time)
        if rate is None or convert_to_usd(trade.notional, rate.usd) is None:
            return trade
        return trade._replace(usd_rate=rate.usd, usd_pair=rate.via)

    def _write_events(self) -> None:
        for event in self.sequencer.record.take_events():
            if isinstance(event, TradeConflict):
                number = exchange_id(event.trade.trade_id) if event.trade.dense else event.trade.trade_id
                said = event.trade._replace(trade_id=number)
                self._books.write_quarantined(said, event.reason)
                continue
            self._write_gap(event)

    def _write_gap(self, gap: SequenceGap) -> None:
        if gap.state == "open":
            self._books.wanting.set()
        elif gap.filled:
            self._books.counts.gaps_repaired += 1
        self._books.write_gap(self.symbol, gap)
