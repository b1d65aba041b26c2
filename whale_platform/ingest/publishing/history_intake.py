"""Where an exchange's history meets its pipeline: what is wanted from it, and what becomes of its trades.

The gap filler calls this from its own thread; the lock is the pipeline's, and the trades go out by the same publishers
as the live ones. Ids are the exchange's here, and the platform's behind it: each call adds or takes off what the
symbol's epoch adds. Nothing here fetches anything, so nothing waits with the lock held but for a full producer.
"""

import time
from collections.abc import Mapping, Sequence

from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import Exchange
from whale_platform.ingest.publishing.pipeline_lock import PipelineLock
from whale_platform.ingest.publishing.plausibility_filter import PlausibilityFilter
from whale_platform.ingest.publishing.symbol_publisher import ExchangeRecords, SymbolPublisher
from whale_platform.ingest.recovery.positions_file import CLOCK_TOLERANCE_US
from whale_platform.ingest.sequencing.backfill_range import ALL_IDS, NO_TRADES, BackfillRange
from whale_platform.ingest.sequencing.gap import IdRange
from whale_platform.ingest.sequencing.sparse_sequencer import SparseSequencer
from whale_platform.ingest.sequencing.unconfirmed_trades import LOW_TRADES

LATER_S = 10.0  # before history is asked again for what can't be judged before our clock is known


class HistoryIntake:
    """Every method takes `lock` itself; `lines`: the publishers of the exchange's symbols."""

    def __init__(
        self,
        exchange: Exchange,
        lines: Mapping[str, SymbolPublisher],
        books: ExchangeRecords,
        guard: PlausibilityFilter,
        lock: PipelineLock,
    ) -> None:
        self._exchange = exchange
        self._lines = lines
        self._books = books
        self._guard = guard
        self._work = lock
        self._served = ""
        self._later: dict[str, float] = {}

    def find_wanted(self, not_now: frozenset[tuple[str, str]]) -> tuple[str, BackfillRange] | None:
        """The most urgent ids to fetch, leaving out (symbol, mode) in `not_now`: what holds trades back comes first."""
        self._books.wanting.clear()
        best: tuple[SymbolPublisher, BackfillRange] | None = None
        now = time.monotonic()
        with self._work:
            self._later = {symbol: at for symbol, at in self._later.items() if at > now}
            for line in self._list_in_turn():
                id_range = None if line.symbol in self._later else line.sequencer.find_wanted()
                if (
                    id_range is None
                    or (line.symbol, id_range.mode) in not_now
                    or self._exchange.unreadable(line.symbol)
                ):
                    continue
                if best is None or id_range.mode == "inline":
                    best = line, id_range
                    if id_range.mode == "inline":
                        break
            if best is None:
                return None
            self._served = best[0].symbol
            return best[0].symbol, best[1].move_by(-best[0].sequencer.base)

    def find_unconfirmed_symbol(self, not_now: frozenset[str]) -> str | None:
        """A symbol that holds trades without a proven position, which history's newest trade may prove."""
        with self._work:
            lines = (
                line for line in self._list_in_turn() if line.sequencer.needs_history() and line.symbol not in not_now
            )
            return next((line.symbol for line in lines), None)

    def list_unjoined_symbols(self) -> dict[str, bool]:
        """Symbols without contiguous ids of which trades may be missing since the present connection began.

        The value: whether that has brought a trade already.
        """
        with self._work:
            lines = [(line, line.sequencer) for line in self._list_in_turn()]
            return {
                line.symbol: not line.is_silent()
                for line, sequencer in lines
                if isinstance(sequencer, SparseSequencer) and sequencer.unjoined
            }

    def list_overdue_symbols(self, now_s: float) -> list[str]:
        """Symbols without contiguous ids that have shown nothing for too long by the monotonic `now_s`."""
        with self._work:
            lines = [line for line in self._list_in_turn() if isinstance(line.sequencer, SparseSequencer)]
            return [line.symbol for line in lines if line.sequencer.has_begun and line.is_overdue(now_s)]

    def join(self, symbol: str, page: Sequence[Trade], whole: bool) -> None:
        """Take the newest trades of history for a symbol without contiguous ids; see `SparseSequencer.add_history`."""
        now_us, monotonic_us = time.time_ns() // 1000, time.monotonic_ns() // 1000
        with self._work:
            line = self._lines[symbol]
            self._served = symbol
            assert isinstance(line.sequencer, SparseSequencer)
            believed = [trade for trade in page if self._guard.check_historical(trade, monotonic_us) is None]
            line.publish(line.sequencer.add_history(believed, whole, now_us))

    def find_known_id(self, symbol: str) -> int:
        """The exchange's id of the newest trade published; of a symbol that is new, the lowest one that is held."""
        with self._work:
            sequencer = self._lines[symbol].sequencer
            if sequencer.next_id is not None:
                return sequencer.next_id - 1 - sequencer.base
            return min((trade.trade_id for trade in sequencer.unconfirmed), default=0)

    def find_newest_published_id(self, symbol: str) -> int | None:
        """The exchange's id of the newest trade published, where several that are held happened later; else None."""
        with self._work:
            sequencer = self._lines[symbol].sequencer
            if sequencer.next_id is None or sequencer.unconfirmed.count_low(sequencer.next_id) < LOW_TRADES:
                return None
            return sequencer.next_id - 1 - sequencer.base

    def find_first_ids(self, newest: Trade) -> IdRange | None:
        """What history must have for a new symbol to begin with; see `Sequencer.find_first_ids`."""
        with self._work:
            return self._lines[newest.symbol].sequencer.find_first_ids(newest)

    def judge(self, newest: Trade, same_id: Trade | None, first: Mapping[int, Trade] = NO_TRADES) -> int | None:
        """Give a position to what is held of the symbol of `newest`; `same_id` and `first`: see `Sequencer.judge`.

        Where the ids may have begun again nothing is done: then a time up to which history has nothing if they have.
        """
        now_us = time.time_ns() // 1000
        with self._work:
            line = self._lines[newest.symbol]
            sequencer = line.sequencer
            newest = move_trade(newest, sequencer.base)
            same_id = None if same_id is None else move_trade(same_id, sequencer.base)
            if sequencer.may_have_restarted(newest, same_id):
                return sequencer.newest_time or sequencer.latest - 2 * CLOCK_TOLERANCE_US
            line.publish(sequencer.judge(newest, same_id, now_us, first))
            return None

    def start_epoch(self, symbol: str, first: Trade, newest_id: int) -> None:
        """The ids of `symbol` began again; see `Sequencer.start_epoch`."""
        with self._work:
            line = self._lines[symbol]
            line.publish(line.sequencer.start_epoch(first, newest_id, time.time_ns() // 1000))

    def continue_epoch(self, symbol: str) -> None:
        """The ids of `symbol` did not begin again; see `Sequencer.continue_epoch`."""
        with self._work:
            line = self._lines[symbol]
            line.publish(line.sequencer.continue_epoch(time.time_ns() // 1000))

    def is_continued_by(self, symbol: str, id_range: BackfillRange, page: Mapping[int, Trade]) -> bool:
        """Whether history's answer for `id_range` goes on from the trade of the symbol that was published last."""
        with self._work:
            sequencer = self._lines[symbol].sequencer
            below = page.get(id_range.first_id - 1)
            return (
                sequencer.next_id == id_range.first_id + sequencer.base and sequencer.check_continuation(below) is True
            )

    def give_up(self, symbol: str, id_range: BackfillRange, last_id: int, note: str) -> None:
        """Leave what a background gap lacks from the start of `id_range` to the exchange's `last_id`."""
        with self._work:
            line = self._lines[symbol]
            base = line.sequencer.base
            line.sequencer.background.give_up(id_range.move_by(base), last_id + base, note, time.time_ns() // 1000)
            line.publish(())

    def fill(
        self,
        symbol: str,
        id_range: BackfillRange,
        trades: Mapping[int, Trade],
        now_us: int,
        reach: tuple[int, int] = ALL_IDS,
        surely: bool = False,
    ) -> bool:
        """History's answer for `id_range`: its ids that are not in `trades` are proven absent, or outside `reach`.

        `surely`: see `PendingTrades.refute_by_history`. Returns False where it proves nothing and the range is wanted.
        """
        monotonic_us = time.monotonic_ns() // 1000
        with self._work:
            page: dict[int, Trade | None] = {}
            line = self._lines[symbol]
            base = line.sequencer.base
            for number, trade in sorted(trades.items()):
                if id_range.first_id <= number <= id_range.last_id:
                    absurd = self._guard.check_historical(trade, monotonic_us)
                    if absurd is not None and absurd.future and not self._guard.is_clock_known:
                        self._later[symbol] = time.monotonic() + LATER_S
                        if number == id_range.first_id:
                            return True
                        id_range = BackfillRange(
                            id_range.first_id, number - 1, id_range.mode, id_range.end, id_range.until
                        )
                        break
                    page[number + base] = None if absurd else move_trade(trade, base)
                    if absurd:
                        self._books.write_quarantined(trade, absurd.reason)
            reach = reach[0] + base, reach[1] + base
            around = {number + base: move_trade(trade, base) for number, trade in trades.items()}
            line.publish(line.sequencer.fill(id_range.move_by(base), page, now_us, reach, around, surely))
            wanted = line.sequencer.find_wanted()
            return wanted is None or (wanted.first_id, wanted.mode) != (id_range.first_id + base, id_range.mode)

    def _list_in_turn(self) -> list[SymbolPublisher]:
        """Every line, beginning after the one that was served last."""
        lines = list(self._lines.values())
        at = next((index for index, line in enumerate(lines, 1) if line.symbol == self._served), 0)
        return lines[at:] + lines[:at]


def move_trade(trade: Trade, base: int) -> Trade:
    """Return `trade` with the id that it has in the epoch of `base`."""
    return trade._replace(trade_id=trade.trade_id + base) if base else trade
