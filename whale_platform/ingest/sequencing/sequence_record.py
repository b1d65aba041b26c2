"""What one symbol's sequencer has to report: changed gaps, trades that contradict what is known, and counts.

Each part of the sequencer finds some of it, and the order of the findings counts: a row of the ledger is written as it
is when the caller takes it, and after the rows before it. So all parts write into this one record. It never fails.

`events` are written before the trades that come with them: a row that counts more than the topic has shows what a kill
cut off. A closed row is corrected after its late trade, as nothing else would show that the trade is missing.
"""

from dataclasses import dataclass

from whale_platform.domain.trade import Trade
from whale_platform.ingest.sequencing.gap import SequenceGap
from whale_platform.ingest.sequencing.unconfirmed_trades import is_copy


@dataclass(frozen=True, slots=True)
class TradeConflict:
    """A trade that contradicts what is known, or has no proven position; it is kept back."""

    trade: Trade
    reason: str


class SequenceRecord:
    """`events` gather until the caller takes them; `duplicates` and `unproven` count trades that are not published."""

    def __init__(self) -> None:
        self.events: list[SequenceGap | TradeConflict] = []
        self.corrections: list[SequenceGap] = []
        self.duplicates = 0
        self.unproven = 0

    def take_events(self) -> list[SequenceGap | TradeConflict]:
        """Return what has gathered, in order, and begin with nothing."""
        events, self.events = self.events, []
        return events

    def take_corrections(self) -> list[SequenceGap]:
        """Return the rows to write after the trades, and begin with none."""
        corrections, self.corrections = self.corrections, []
        return corrections

    def add_gap(self, gap: SequenceGap) -> None:
        """Note that the row of `gap` is to be written again."""
        self.events.append(gap)

    def add_conflict(self, trade: Trade, reason: str) -> None:
        """Note that `trade` is not published, and why."""
        self.unproven += 1
        self.events.append(TradeConflict(trade, reason))

    def compare(self, known: Trade, trade: Trade) -> None:
        """Count a second trade of one id: as a duplicate where it is a copy of `known`, else as a conflict."""
        if is_copy(known, trade):
            self.duplicates += 1
        else:
            self.add_conflict(trade, f"trade {trade.trade_id} came with {known.quantity} at {known.price} before")
