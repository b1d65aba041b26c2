"""What is wanted from an exchange's history, and the form in which the sequencer takes a page of it.

The sequencer says which ids it lacks, the gap filler fetches them: this is all that the two share.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from whale_platform.domain.trade import Trade
from whale_platform.ingest.sequencing.gap import GapMode, IdRange

HistoryPage = Mapping[int, Trade | None]  # a page of history by id; None: the id is there, but quarantined
EMPTY_PAGE: HistoryPage = {}
NO_TRADES: Mapping[int, Trade] = {}
ALL_IDS: IdRange = (-1, 1 << 63)
BACKFILL_IDS = 4_998  # with one id more on either side: five full pages


@dataclass(frozen=True, slots=True)
class BackfillRange:
    """Ids wanted from the exchange's history; `end` and `until`: of the gap that they are of."""

    first_id: int
    last_id: int
    mode: GapMode
    end: int = field(default=-1, compare=False)
    until: int = field(default=0, compare=False)

    def move_by(self, by: int) -> "BackfillRange":
        """Return the same range with ids of another epoch."""
        return BackfillRange(self.first_id + by, self.last_id + by, self.mode, self.end + by, self.until)
