"""For exchanges whose ids are not dense: nothing can be missing by id, so copies are all that is looked for.

Only the newest `KEPT` ids are remembered: a copy that comes later than that many trades is published twice, and after
a restart the ids come from the scanned tail of the topic.
"""

from collections.abc import Iterable, Sequence

from whale_platform.domain.trade import Trade
from whale_platform.ingest.sequencer import Sequencer

KEPT = 50_000


class LooseSequencer(Sequencer):
    """Publishes each id at once, the first time it is seen."""

    def __init__(self, known: Iterable[int] = ()) -> None:
        super().__init__()
        self._known: dict[int, None] = dict.fromkeys(known)

    def live(self, trade: Trade) -> Sequence[Trade]:
        """Take one live trade."""
        if trade.trade_id in self._known:
            self.duplicates += 1
            return ()
        self._known[trade.trade_id] = None
        if len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
        return (trade,)

    def last_trade(self, trade: Trade) -> Sequence[Trade]:
        """Nothing can be told from it."""
        return ()

    def skip(self, trade_id: int, now_us: int) -> Sequence[Trade]:
        """Nothing waits for an id."""
        return ()
