"""When a request to an exchange's history is made again, and which ids its responses prove to be absent.

History may lag behind the live stream, and one of its servers behind another. So an id that a response lacks counts as
absent only where another response, `BELIEVE_S` later, lacks it too, or where history has a trade above it that is older
than `SETTLED_US`. A request that was in vain is made again after a wait that grows to `CAP_S`; it is never given up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from whale_platform.domain.trade import Trade
from whale_platform.ingest.sequencing.backfill_range import BackfillRange

FIRST_S = 1.0
CAP_S = 60.0
BELIEVE_S = 60.0
SETTLED_US = 600_000_000
NOT_FOUND_STATUSES = (400, 404, 410)
# Symbol, and for what: a mode of BackfillRange, "position" or "probe"; one does not wait for another.
RequestKey = tuple[str, str]
K = TypeVar("K")


def compute_backoff_s(times: int) -> float:
    """Return how long to wait after so many requests in a row in vain."""
    return min(CAP_S, FIRST_S * 2.0 ** min(times - 1, 16))


@dataclass(slots=True)
class BackfillTrial:
    """What a request waits for. `lacking`: ids that the answer of `since` lacked; `times`: asked in a row in vain."""

    since: float
    times: int = 0
    not_before: float = 0.0
    lacking: frozenset[int] = frozenset()


class RequestTrials(Generic[K]):
    """What each request, by its key, waits for; times are monotonic seconds."""

    def __init__(self) -> None:
        self._trials: dict[K, BackfillTrial] = {}

    def list_waiting(self, now: float) -> frozenset[K]:
        """Return the keys of requests that are not to be made yet."""
        return frozenset(asked for asked, trial in self._trials.items() if trial.not_before > now)

    def postpone(self, asked: K, now: float) -> None:
        """Note that a request was in vain."""
        trial = self._trials.setdefault(asked, BackfillTrial(now))
        trial.times += 1
        trial.not_before = now + compute_backoff_s(trial.times)

    def complete(self, asked: K) -> None:
        """Note that a request has brought what it was made for."""
        self._trials.pop(asked, None)


class AbsenceTrials(RequestTrials[RequestKey]):
    """Those of backfill ranges: each remembers the ids that a response lacked, for the next one to confirm."""

    def find_proven_end(
        self, symbol: str, id_range: BackfillRange, page: Mapping[int, Trade], now: float, now_us: int
    ) -> int:
        """Return up to which id of `id_range` the page `page` can be believed; what lies above is postponed."""
        # 1. Ids below a trade that is settled are absent where they lack; younger ones may only be late.
        settled = max((one for one, trade in page.items() if trade.event_time < now_us - SETTLED_US), default=-1)
        lacking = frozenset(one for one in range(id_range.first_id, id_range.last_id + 1) if one not in page)
        young = frozenset(one for one in lacking if one > settled)
        # 2. Those that an earlier response lacked too are absent.
        asked = symbol, id_range.mode
        trial = self._trials.get(asked)
        asked_twice = trial is not None and now - trial.since >= BELIEVE_S
        unproven = young - trial.lacking if trial is not None and asked_twice else young
        if not unproven:
            self.complete(asked)
            return id_range.last_id
        # 3. The others are requested again, and this response is what the next one is compared with.
        if trial is None or asked_twice or not trial.lacking & young:
            self._trials[asked] = BackfillTrial(now, lacking=young)
        self.postpone(asked, now)
        return min(unproven) - 1
