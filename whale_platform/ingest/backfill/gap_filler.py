"""Fills gaps from the exchange's history, and looks after symbols that show nothing. One thread an exchange.

It requests, in this order: what a new connection may have missed of symbols without contiguous ids
(connection_joiner.py); what a gap holds back; the newest trade of a symbol that holds trades without a proven position;
background gaps, symbol by symbol in turn; the newest trade of symbols that show nothing, as those that are quiet after
a connection began, or for much longer than they used to be: else the next live trade of such a symbol, hours later
perhaps, would be the first to show the gap. One that has never shown anything may not exist (unseen_symbols.py).

It never gives up: a failed request is tried again after a growing wait, per symbol where the symbol is the trouble,
for all where the exchange is. Which ids a response proves to be absent: request_trials.py. What lies below all that
history has or shows, or above, is beyond it. Of a long gap only the last day is fetched: older trades come quicker from
the exchange's dumps.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from whale_platform.broker.errors import ProducerStoppedError
from whale_platform.domain.trade import Trade
from whale_platform.ingest.backfill.connection_joiner import ConnectionJoiner, build_request_key
from whale_platform.ingest.backfill.history_client import HistoryClient
from whale_platform.ingest.backfill.request_trials import (
    NOT_FOUND_STATUSES,
    AbsenceTrials,
    RequestKey,
    RequestTrials,
    compute_backoff_s,
)
from whale_platform.ingest.backfill.unseen_symbols import UnseenSymbols
from whale_platform.ingest.background_thread import BackgroundThread
from whale_platform.ingest.connections.connection_manager import ConnectionManager
from whale_platform.ingest.errors import HistoryTooShortError, HttpUnavailableError
from whale_platform.ingest.publishing.pipeline import Pipeline
from whale_platform.ingest.sequencing.backfill_range import ALL_IDS, BackfillRange
from whale_platform.ingest.sequencing.unconfirmed_trades import DISORDER_US

IDLE_S = 0.5
PROBE_AFTER_S = 5.0
PROBE_S, PROBE_CAP_S = 300.0, 3600.0
IDS_BELOW = (
    999  # ids below a gap among which history has one, unless it begins later; with the one beyond a single page
)
LONG_GAP_IDS = 100_000  # ids: what is shorter takes a minute or less
DAY_US = 86_400_000_000
TOO_OLD_NOTE = "older than a day when it was found: import the exchange's dump"


@dataclass(slots=True)
class QuietProbe:
    """`life`: of the connection on which a symbol was asked for; not again before `again_at`, monotonic seconds."""

    life: int
    again_at: float
    wait_s: float


class GapFiller(BackgroundThread):
    """`start`; ends when `stop` is set. `status` is the trouble with the exchange's REST side, or empty."""

    def __init__(
        self, pipeline: Pipeline, feed: ConnectionManager, history: HistoryClient, stop: threading.Event, log: Any
    ) -> None:
        self.status = ""
        self._pipeline = pipeline
        self._intake = pipeline.history
        self._feed = feed
        self._history = history
        self._stop = stop
        self._log = log.bind(exchange=pipeline.exchange.name)
        self._trials = AbsenceTrials()
        self._failures = 0
        self._probed: dict[str, QuietProbe] = {}
        self._position_trials: RequestTrials[str] = RequestTrials()
        self._unseen = UnseenSymbols(pipeline, feed, history, self._log)
        self._joiner = ConnectionJoiner(pipeline.exchange, pipeline.history, feed, history)
        super().__init__(f"repair-{pipeline.exchange.name}")

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                if not self.step(time.monotonic()):
                    self._pipeline.wanting.wait(IDLE_S)
        except ProducerStoppedError:
            return

    def step(self, now: float) -> bool:
        """Do one thing if there is one to do; returns whether there was."""
        waiting = self._trials.list_waiting(now)
        # 0. The newest trades are all that is shown without contiguous ids, and soon they are others.
        unjoined = self._joiner.find_symbol(waiting, now)
        if unjoined is not None:
            return self._run_request(build_request_key(unjoined), lambda: self._joiner.join(unjoined))
        # 1. What a gap holds back comes before all else.
        wanted = self._intake.find_wanted(waiting)
        if wanted is None or wanted[1].mode != "inline":
            # 2. The newest trade of a symbol that holds trades without a position.
            unconfirmed = self._intake.find_unconfirmed_symbol(self._position_trials.list_waiting(now))
            if unconfirmed is not None:
                return self._run_request((unconfirmed, "position"), lambda: self._judge_held_trades(unconfirmed, now))
        # 3. The range of that gap, or else of a background gap.
        if wanted is not None:
            return self._run_request((wanted[0], wanted[1].mode), lambda: self._fill_range(*wanted, now))
        # 4. Symbols that show nothing.
        silent = self._find_silent_symbol(now, waiting)
        if silent is not None:
            return self._run_request((silent, "probe"), lambda: self._probe_symbol(silent, now))
        unseen = self._unseen.find_symbol()
        return unseen is not None and self._run_request((unseen, "probe"), lambda: self._unseen.check(unseen))

    def _run_request(self, asked: RequestKey, request: Callable[[], None]) -> bool:
        """Run `request`, or wait as its failure demands."""
        try:
            request()
        except HttpUnavailableError as trouble:
            self._log.warning("history not available", symbol=asked[0], reason=str(trouble))
            if trouble.status in NOT_FOUND_STATUSES:
                if asked[1] == "position":
                    self._position_trials.postpone(asked[0], time.monotonic())
                else:
                    self._trials.postpone(asked, time.monotonic())
                return True
            self._failures += 1
            self.status = str(trouble)
            self._stop.wait(trouble.wait_s or compute_backoff_s(self._failures))
        else:
            self._failures = 0
            self.status = ""
        return True

    def _fill_range(self, symbol: str, id_range: BackfillRange, now: float) -> None:
        now_us = time.time_ns() // 1000
        # 1. The page of a blocking gap has the trade below it too: where that is the one published last, the page is
        #    known to be of the same ids.
        below = BackfillRange(max(0, id_range.first_id - 1), id_range.last_id, id_range.mode)
        page, short = self._fetch_shown(symbol, below if id_range.mode == "inline" else id_range)
        surely = id_range.mode == "inline" and self._intake.is_continued_by(symbol, id_range, page)
        # 2. Else trades later than those behind the gap are of ids that began again.
        if id_range.until and not surely:
            page = {one: trade for one, trade in page.items() if trade.event_time <= id_range.until + DISORDER_US}
        # 3. Where history shows nothing so old, no other request will.
        if short:
            self._fill_shown(symbol, id_range, page, now, now_us)
            return
        # 4. What a long gap has of more than a day ago is left to the exchange's dumps.
        long = id_range.mode == "background" and id_range.end - id_range.first_id > LONG_GAP_IDS
        if long and self._give_up_old_ids(symbol, id_range, page, now_us):
            return
        # 5. What the page has, or proves to be absent, is filled in; the rest is requested again.
        sure = self._trials.find_proven_end(symbol, id_range, page, now, now_us)
        proven = BackfillRange(id_range.first_id, sure, id_range.mode, id_range.end)
        if sure < id_range.first_id:  # its trades may still confirm or refute what waits behind the gap
            self._intake.fill(symbol, proven, page, now_us, ALL_IDS, surely)
        elif not self._intake.fill(symbol, proven, page, now_us, self._find_reach(symbol, proven, page), surely):
            # 6. It ends below the range; history's newest trade shows whether the ids began again.
            self._trials.postpone((symbol, id_range.mode), now)
            self._judge_held_trades(symbol, now)

    def _fetch_shown(self, symbol: str, id_range: BackfillRange) -> tuple[Mapping[int, Trade], bool]:
        """What history has around `id_range`, and whether it shows nothing as old as the start of that."""
        try:
            return self._history.fetch_trades(symbol, id_range), False
        except HistoryTooShortError as short:
            return short.page, True

    def _fill_shown(
        self, symbol: str, id_range: BackfillRange, page: Mapping[int, Trade], now: float, now_us: int
    ) -> None:
        """Fill in what a history shows that does not reach back to `id_range`; what lies below is beyond it for good.

        Such a page is the newest one, so a later request shows less of the range.
        """
        first, begin = id_range.first_id, max(id_range.first_id, min(page, default=id_range.end + 2))
        # 1. What waits behind a gap above which the page begins is not vouched for; others may do that (`HOLD_S`).
        if id_range.mode == "inline" and begin > id_range.end + 1:
            nothing = BackfillRange(first, first - 1, id_range.mode, id_range.end)
            self._intake.fill(symbol, nothing, page, now_us)
            self._trials.postpone((symbol, id_range.mode), now)
            return
        # 2. From its first trade on the page is believed like any other.
        shown = BackfillRange(begin, id_range.last_id, id_range.mode, id_range.end)
        proven = BackfillRange(
            first, self._trials.find_proven_end(symbol, shown, page, now, now_us), id_range.mode, id_range.end
        )
        if begin > first:
            lost = min(begin, id_range.last_id + 1) - first
            self._log.warning("a gap is older than what history shows", symbol=symbol, ids=lost)
        self._intake.fill(symbol, proven, page, now_us, (begin, _find_top(page, proven)))

    def _give_up_old_ids(self, symbol: str, id_range: BackfillRange, page: Mapping[int, Trade], now_us: int) -> bool:
        """Give up what is older than a day; whether there was any."""
        if not page or page[min(page)].event_time >= now_us - DAY_US:
            return False
        first = self._history.find_first_since(symbol, id_range.first_id, id_range.end, now_us - DAY_US)
        if first <= id_range.first_id:
            return False
        self._log.warning("a gap is too old to be filled from history", symbol=symbol, ids=first - id_range.first_id)
        self._intake.give_up(symbol, id_range, first - 1, TOO_OLD_NOTE)
        return True

    def _find_reach(self, symbol: str, id_range: BackfillRange, page: Mapping[int, Trade]) -> tuple[int, int]:
        """The first and last id that history can tell of, as far as `id_range` needs it."""
        first, last = ALL_IDS[0], _find_top(page, id_range)
        # 1. Where it has nothing from the range on, it has nothing of the range yet either.
        if not page:
            return first, id_range.first_id - 1
        # 2. Where it has nothing below the range, it begins within the range, or above.
        if id_range.first_id not in page and id_range.first_id > 1 and not any(one < id_range.first_id for one in page):
            below = BackfillRange(max(0, id_range.first_id - IDS_BELOW), id_range.first_id - 1, id_range.mode)
            if not any(one < id_range.first_id for one in self._history.fetch_trades(symbol, below)):
                first = min((one for one in page if one > id_range.first_id), default=id_range.last_id + 1)
        return first, last

    def _judge_held_trades(self, symbol: str, now: float) -> None:
        """Query history for the position of the trades that the symbol holds."""
        newest = self._history.fetch_newest(symbol, self._intake.find_known_id(symbol))
        if newest is not None:
            # 1. Where several happened later than the trade published last, history's trade of that id tells why.
            behind, same_id = self._intake.find_newest_published_id(symbol), None
            if behind is not None and newest.trade_id >= behind:
                same_id = self._history.fetch_trades(symbol, BackfillRange(behind, behind, "inline")).get(behind)
            # 2. A new symbol begins with trades that history has too.
            ids = self._intake.find_first_ids(newest)
            first = {} if ids is None else self._history.fetch_trades(symbol, BackfillRange(*ids, "inline"))
            # 3. The newest trade gives the others a position, or shows that the ids may have begun again.
            since = self._intake.judge(newest, same_id, first)
            if since is not None:
                self._decide_epoch(symbol, newest, since)
        # 4. What is still without one waits for another request.
        if self._intake.find_unconfirmed_symbol(frozenset(self._pipeline.lines) - {symbol}) is None:
            self._position_trials.complete(symbol)
        else:
            self._position_trials.postpone(symbol, now)

    def _decide_epoch(self, symbol: str, newest: Trade, since: int) -> None:
        """Where history has nothing of before `since` its ids began again; else they go on."""
        low = self._history.find_first_since(symbol, 0, newest.trade_id, since + 1)
        around = self._history.fetch_trades(symbol, BackfillRange(max(0, low - IDS_BELOW + 1), low, "inline"))
        first = around.get(low)
        if first is None:
            return
        if any(one < low for one in around):
            self._intake.continue_epoch(symbol)
            return
        self._log.warning("the exchange's ids began again; continuing in a new epoch", symbol=symbol, first_id=low)
        self._intake.start_epoch(symbol, first, newest.trade_id)

    def _find_silent_symbol(self, now: float, postponed: frozenset[RequestKey]) -> str | None:
        """A symbol whose newest trade is to be asked for."""
        quiet = self._pipeline.find_quiet_symbols(now)
        self._probed = {symbol: probe for symbol, probe in self._probed.items() if symbol in quiet}
        for symbol, overdue in quiet.items():
            probe = self._probed.get(symbol)
            life = self._feed.count_reconnects(symbol)
            again = probe is None or probe.life != life or (overdue and now >= probe.again_at)
            not_now = (
                (symbol, "probe") in postponed
                or symbol in self._feed.refused
                or self._feed.measure_uptime_s(symbol) <= PROBE_AFTER_S
            )
            if again and not not_now:
                return symbol
        return None

    def _probe_symbol(self, symbol: str, now: float) -> None:
        """Look whether `symbol` traded while nobody listened."""
        life, before = self._feed.count_reconnects(symbol), self._probed.get(symbol)
        newest = self._history.fetch_newest(symbol, self._intake.find_known_id(symbol))
        wait_s = min(PROBE_CAP_S, before.wait_s * 2) if before is not None and before.life == life else PROBE_S
        self._probed[symbol] = QuietProbe(life, now + wait_s, wait_s)
        if newest is not None:
            self._pipeline.process_newest_trade(newest)


def _find_top(page: Mapping[int, Trade], id_range: BackfillRange) -> int:
    """The highest id that history can tell of: above its newest trade it has nothing yet."""
    newest = max(page, default=ALL_IDS[1])
    return newest if newest < id_range.last_id else ALL_IDS[1]
