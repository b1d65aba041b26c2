"""One symbol's way behind the parser: sequencer, ledger, outlet; and what an exchange's lines write beside trades.

Nothing here is locked: the pipeline calls, one thread at a time. The ledger goes before the trades: a hole is on
record before what comes after it can be seen.
"""

import threading
from collections.abc import Sequence

from whale_platform.broker.producer import TradeProducer
from whale_platform.domain.names import DEAD_LETTERS, INGEST_GAPS
from whale_platform.domain.trade import Trade
from whale_platform.ingest.deadletters import DeadLetters, described
from whale_platform.ingest.gaps import Gap, gap_key, gap_row
from whale_platform.ingest.meter import Counts
from whale_platform.ingest.outlet import Counted, Outlet
from whale_platform.ingest.positions import Place
from whale_platform.ingest.sequencer import Conflict, Sequencer

HOLD_S = 30.0  # how long a hole may hold trades back; the whale behind it is late by as much


class Books:
    """One exchange's books: its ledger of gaps, its dead letters, its counts. `wanting` is set where a gap opens."""

    def __init__(self, exchange: str, producer: TradeProducer) -> None:
        self.counts = Counts()
        self.ledger = Counted(producer, INGEST_GAPS)
        self.wanting = threading.Event()
        self._exchange = exchange
        key = exchange.encode()
        self._letters = DeadLetters(exchange, lambda letter: producer.send(DEAD_LETTERS, key, letter))

    def gap(self, symbol: str, gap: Gap) -> None:
        """Write the gap as it is now. Raises ProducerStopped, as all here do."""
        self.ledger.send(gap_key(self._exchange, symbol, gap.first_id), gap_row(self._exchange, symbol, gap))

    def unparseable(self, reason: str, frame: bytes, received_us: int) -> None:
        """Keep a frame that can't be used."""
        self.counts.dead_letters += 1
        self._letters.put("unparseable", reason, frame, received_us)

    def quarantined(self, trade: Trade, reason: str) -> None:
        """Keep a trade that can't be believed."""
        self.counts.quarantined += 1
        self._letters.put("quarantined", reason, described(trade), trade.received_time)


class Line:
    """One symbol: what its `sequencer` lets go is published, what it found is recorded."""

    def __init__(self, symbol: str, sequencer: Sequencer, outlet: Outlet, books: Books) -> None:
        self.symbol, self.sequencer, self.outlet, self._books = symbol, sequencer, outlet, books
        self._sent_before = 0
        self._holding: tuple[int, float] | None = None

    def publish(self, trades: Sequence[Trade]) -> None:
        """What the sequencer has just answered. Raises ProducerStopped."""
        if self.sequencer.events:
            self._take_events()
        for trade in trades:
            self.outlet.send(trade)
        self._books.counts.trades += len(trades)

    def connected(self) -> None:
        """A connection begins that no other one overlaps."""
        self.sequencer.connected()
        self._sent_before = self.outlet.sent

    def silent(self) -> bool:
        """Whether nothing was sent since the present connection began."""
        return self.outlet.sent == self._sent_before

    def tick(self, now_s: float, now_us: int) -> None:
        """Let go of what a hole has held back for `HOLD_S`, by the monotonic `now_s`; write what has gathered."""
        hole = self.sequencer.hole
        if hole is None:
            self._holding = None
        elif self._holding is None or self._holding[0] != hole.first_id:
            self._holding = hole.first_id, now_s
        elif now_s - self._holding[1] > HOLD_S:
            self.publish(self.sequencer.to_background(now_us))
        self.write_quarantine()

    def write_quarantine(self) -> None:
        """Record the runs of quarantined ids that have gathered: one row a run, not one an id."""
        runs, self.sequencer.quarantine = self.sequencer.quarantine, []
        for gap in runs:
            self._books.gap(self.symbol, gap)

    def place(self) -> Place | None:
        """Where the symbol is, as a copy; None before its first trade."""
        if self.sequencer.next_id is None:
            return None
        return Place(self.sequencer.next_id - 1, [_copy(gap) for gap in self.sequencer.background])

    def _take_events(self) -> None:
        events, self.sequencer.events = self.sequencer.events, []
        for event in events:
            if isinstance(event, Conflict):
                self._books.quarantined(event.trade, event.reason)
                continue
            if event.state == "open":
                self._books.wanting.set()
            elif event.filled:
                self._books.counts.gaps_repaired += 1
            self._books.gap(self.symbol, event)


def _copy(gap: Gap) -> Gap:
    copied = Gap(**{name: getattr(gap, name) for name in Gap.__slots__})
    copied.absent = list(gap.absent)
    return copied
