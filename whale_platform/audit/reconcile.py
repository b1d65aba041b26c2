"""Kafka, Postgres and the lake reconciled by symbol and hour: what is missing, doubled, or explained by the ledger.

Kafka and the lake tell their ids, so what one lacks is found by comparing with what both have; Postgres tells sums, so
it is compared by number. An id that is nowhere shows as a gap where the symbol's ids are dense. What a system must have
follows from the home's birth, from retention and from what the other systems have, never from what it holds itself: an
emptied system lacks everything. An hour that a system need not have and lacks is left out there (None). Pure: no system
is read here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import Literal

from whale_platform.domain.epochs import epoch_of
from whale_platform.domain.id_ranges import HeldIds, IdRanges
from whale_platform.domain.market import MarketHour
from whale_platform.stores.quality.audit_counts import HourlyTradeCount, LedgerGap

Verdict = Literal["ok", "explained", "not yet", "wrong"]
VERDICTS: tuple[Verdict, ...] = ("ok", "explained", "not yet", "wrong")
KAFKA, POSTGRES, LAKE, EXCHANGE_GAP = "Kafka", "Postgres", "lake", "exchange_gap"
WHALES = "whale_alerts"


@dataclass(frozen=True, slots=True)
class ValueDifference:
    """Values that differ between places. kind: what; count: how often in the hour; what: where, and both values."""

    kind: str
    count: int
    what: str


@dataclass(frozen=True, slots=True)
class SystemCounts:
    """What was counted of the hours [start, end), by (exchange, symbol, hour).

    A `…_since` is the first hour that retention leaves to the place, by its settings; None: Kafka may have let any go.
    From there on a place owes every hour since `home_start`, the home's first, and earlier ones that Kafka or, not by
    import, the lake has. Before it, Kafka is still compared for a symbol whose ids there begin no later than the
    lake's.
    `ids_in_transit`: ids in Kafka that a place has not got to yet; `not_yet`: what else has not arrived, as a number.
    `ids_outside_range`: by (exchange, symbol), ids of trades that are outside of [start, end) by their times.
    """

    start: datetime
    end: datetime
    home_start: datetime
    kafka: Mapping[MarketHour, HeldIds]
    kafka_since: datetime | None
    postgres: Mapping[MarketHour, HourlyTradeCount]
    postgres_since: datetime
    lake: Mapping[MarketHour, HeldIds]
    lake_since: datetime
    gaps: Sequence[LedgerGap] = ()
    differences: Mapping[MarketHour, tuple[ValueDifference, ...]] = field(default_factory=dict)
    ids_in_transit: Mapping[MarketHour, Mapping[str, IdRanges]] = field(default_factory=dict)
    not_yet: Mapping[MarketHour, Mapping[str, int]] = field(default_factory=dict)
    ids_outside_range: Mapping[tuple[str, str], IdRanges] = field(default_factory=dict)


@dataclass(slots=True)
class AuditLine:
    """One symbol and hour. Trades as each place counts them, None where it does not reach back so far.

    missing, doubled: trades by place; not_yet: trades that a place lacks since it has not got so far. Of ids that are
    nowhere: `exchange_gap` (the exchange has none), `open` and `unrepaired` by the ledger, `beside_import` (between an
    import and the rest), `unexplained`. repaired: ids that were once a gap and are there. reasons: why ids are
    `unrepaired`, as the ledger has it; accepted: somebody has read these reasons.
    """

    exchange: str
    symbol: str
    hour: datetime
    kafka: int | None = None
    postgres: int | None = None
    lake: int | None = None
    origin: str = "none"
    missing: dict[str, int] = field(default_factory=dict)
    not_yet: dict[str, int] = field(default_factory=dict)
    doubled: dict[str, int] = field(default_factory=dict)
    repaired: int = 0
    exchange_gap: int = 0
    beside_import: int = 0
    open: int = 0
    unrepaired: int = 0
    unexplained: int = 0
    differences: tuple[ValueDifference, ...] = ()
    reasons: list[str] = field(default_factory=list)
    accepted: bool = False

    @property
    def verdict(self) -> Verdict:
        """wrong: somebody has to look; not yet: ask again when all has arrived.

        explained: gaps that are the exchange's own, were repaired, or were given up and accepted.
        """
        given_up = 0 if self.accepted else self.unrepaired
        if self.missing or self.doubled or self.open or given_up or self.unexplained or self.differences:
            return "wrong"
        if self.not_yet:
            return "not yet"
        explained = self.exchange_gap or self.repaired or self.beside_import or self.unrepaired
        return "explained" if explained else "ok"

    @property
    def trades(self) -> int:
        """The most that any place has."""
        return max(self.kafka or 0, self.postgres or 0, self.lake or 0)


@dataclass(frozen=True, slots=True)
class AuditResult:
    """Every line by exchange, symbol and hour; notes: what limits the answer, for people.

    behind: messages that windows, whales, sink and lake have not read yet; None: nobody knows.
    """

    start: datetime
    end: datetime
    lines: tuple[AuditLine, ...]
    notes: tuple[str, ...] = ()
    behind: Mapping[str, int | None] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """The worst of all lines."""
        return find_worst_verdict(self.lines)

    @property
    def passed(self) -> bool:
        """Whether something was compared and all has arrived and is right."""
        return bool(self.lines) and self.verdict in ("ok", "explained")

    def accept_given_up(self) -> "AuditResult":
        """Return the result for whom the ledger's reasons explain what it has given up."""
        return replace(self, lines=tuple(replace(line, accepted=line.unrepaired > 0) for line in self.lines))


def find_worst_verdict(lines: Iterable[AuditLine]) -> Verdict:
    """The worst verdict of these."""
    return max((line.verdict for line in lines), key=VERDICTS.index, default="ok")


def reconcile_hours(
    counts: SystemCounts, notes: Sequence[str] = (), lag: Mapping[str, int | None] | None = None
) -> AuditResult:
    """Compare; a line for every symbol and hour that any place has."""
    keys = sorted({*counts.kafka, *counts.postgres, *counts.lake, *counts.differences})
    lines = [line for _, some in groupby(keys, lambda key: key[:2]) for line in _reconcile_market(counts, list(some))]
    return AuditResult(counts.start, counts.end, tuple(lines), tuple(notes), lag or {})


def list_id_spans(counts: SystemCounts) -> dict[tuple[str, str], tuple[int, int]]:
    """{(exchange, symbol): (first id, last id)} of all places: what to ask the ledger about."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    held = [
        (key, one.ids.first, one.ids.last) for held_ids in (counts.kafka, counts.lake) for key, one in held_ids.items()
    ]
    for key, first, last in [*held, *((key, one.first_id, one.last_id) for key, one in counts.postgres.items())]:
        before = found.get(key[:2], (first, last))
        found[key[:2]] = min(first, before[0]), max(last, before[1])
    return found


def _reconcile_market(counts: SystemCounts, keys: list[MarketHour]) -> Iterator[AuditLine]:
    # 1. The ids of each hour, from Kafka and the lake; Postgres has but counts.
    hours = [_Hour(counts, key) for key in keys]
    kafka, lake = IdRanges(), IdRanges()
    for hour in hours:
        # 2. What a place has twice, in this hour or from an earlier one.
        for system, known, held in ((KAFKA, kafka, hour.kafka), (LAKE, lake, hour.lake)):
            _add_count(hour.line.doubled, system, held.doubled + sum(known.add(*run) for run in held.ids))
        # 3. What a place that owes the hour lacks of what any has.
        hour.compare(counts, bool(kafka.count and hour.ids.count and kafka.first <= hour.ids.first))
    # 4. The ids that are nowhere, each by the hour that holds the id after it.
    ledger = [gap for gap in counts.gaps if (gap.exchange, gap.symbol) == keys[0][:2]]
    unused = {gap.first_id: gap.last_id - gap.first_id + 1 - gap.filled for gap in ledger}
    anywhere = kafka.union(lake)
    outside = counts.ids_outside_range.get(keys[0][:2], IdRanges())
    gaps = IdRanges(*((gap.first_id, gap.last_id) for gap in ledger if gap.state == EXCHANGE_GAP))
    known = anywhere.union(gaps, outside)
    holes = _group_gaps_by_hour(anywhere, hours, outside) if all(hour.dense for hour in hours) else {}
    elsewhere = 0
    for number, hour in enumerate(hours):
        # 5. What only Postgres has counted: trades counted twice, or ids that the other places lack.
        elsewhere += hour.count_only_in_postgres(known)
        # 6. The ledger explains the ids that are nowhere; an import's edge does, too.
        for first, last in holes.get(number, ()):
            _add_gap(hour.line, ledger, unused, first, last, hours)
        # 7. Ids that Postgres has counted are missing in the others (5) and no gaps.
        credit = min(elsewhere, hour.line.unexplained)
        hour.line.unexplained, elsewhere = hour.line.unexplained - credit, elsewhere - credit
        hour.line.repaired = sum(hour.ids.count_within(gap.first_id, gap.last_id) for gap in ledger)
        yield hour.line


class _Hour:
    """One line in the making, with the ids that it was made from."""

    def __init__(self, counts: SystemCounts, key: MarketHour) -> None:
        not_yet = dict(counts.not_yet.get(key, {}))
        self.line = AuditLine(*key, not_yet=not_yet, differences=counts.differences.get(key, ()))
        self.waiting = counts.ids_in_transit.get(key, {})
        self.kafka, self.lake = counts.kafka.get(key, HeldIds()), counts.lake.get(key, HeldIds())
        self.counted = counts.postgres.get(key)
        self.ids = self.kafka.ids.union(self.lake.ids)
        self.dense = self.kafka.dense and self.lake.dense

    def compare(self, counts: SystemCounts, kafka_begun: bool) -> None:
        """Set what each place has and lacks of what any has."""
        line, every = self.line, self.ids.count
        lived = line.hour >= counts.home_start
        required = lived or any(held.ids.count > held.alone.count for held in (self.kafka, self.lake))
        kafka_owes = lived and counts.kafka_since is not None and line.hour >= counts.kafka_since
        if kafka_begun or kafka_owes:
            line.kafka = self.kafka.trades
            _add_count(line.missing, KAFKA, every - self.kafka.ids.union(self.lake.alone).count)
        if self.lake.trades or (required and line.hour >= counts.lake_since):
            line.lake = self.lake.trades
            there = self.lake.ids.union(self.kafka.alone)
            self._add_missing(LAKE, every - there.count, there.union(self._find_waiting_ids(LAKE)).count - there.count)
        if self.counted is not None or (required and line.hour >= counts.postgres_since):
            line.postgres = self.counted.trades if self.counted else 0
            line.origin = self.counted.origin if self.counted else line.origin
            lacking = every - self.kafka.alone.union(self.lake.alone).count - line.postgres
            self._add_missing(POSTGRES, lacking, self._find_waiting_ids(POSTGRES).count)

    def _find_waiting_ids(self, system: str) -> IdRanges:
        """Those of all ids that the place has not got to yet."""
        found = IdRanges()
        for first, last in self.waiting.get(system, ()):
            for run in self.ids.find_ranges(first, last):
                found.add(*run)
        return found

    def _add_missing(self, system: str, count: int, waiting: int) -> None:
        _add_count(self.line.not_yet, system, min(count, waiting))
        _add_count(self.line.missing, system, count - max(0, min(count, waiting)))

    def count_only_in_postgres(self, known: IdRanges) -> int:
        """What Postgres has beyond all ids: trades counted twice, or ids the others lack, where these have gaps."""
        line = self.line
        over = (line.postgres or 0) - self.ids.count
        if self.counted is None or over <= 0 or (line.kafka is None and line.lake is None):
            return 0
        room = over if line.kafka is None else 0
        if self.dense:
            ends = self.ids.union(IdRanges((self.counted.first_id, self.counted.last_id)))
            room = ends.last - ends.first + 1 - known.count_within(ends.first, ends.last)
        only = min(over, room)
        _add_count(line.doubled, POSTGRES, over - only)
        for system, count in ((KAFKA, line.kafka), (LAKE, line.lake)):
            if count is not None:
                _add_count(line.missing, system, only)
        return only


def _group_gaps_by_hour(ids: IdRanges, hours: list[_Hour], outside: IdRanges) -> dict[int, list[tuple[int, int]]]:
    """Every gap between the ids, but for ids `outside`, by the number of the hour that holds the id after it."""
    found: dict[int, list[tuple[int, int]]] = {}
    number = 0
    for first, last in ids.find_gaps(ids.first, ids.last) if ids.count else ():
        while not hours[number].ids.count_within(last + 1, last + 1):
            number = (number + 1) % len(hours)
        found.setdefault(number, []).extend(outside.find_gaps(first, last))
    return found


def _add_gap(
    line: AuditLine, ledger: list[LedgerGap], unused: dict[int, int], first: int, last: int, hours: list[_Hour]
) -> None:
    size = last - first + 1
    for gap in ledger:
        both = min(last, gap.last_id) - max(first, gap.first_id) + 1
        explained = min(both, unused[gap.first_id])
        if explained > 0 and epoch_of(gap.first_id) != epoch_of(gap.last_id):
            unused[gap.first_id] -= explained  # no ids lack where the exchange's began again
            size -= explained
        elif explained > 0 and gap.state in (EXCHANGE_GAP, "open", "unrepaired"):
            setattr(line, gap.state, getattr(line, gap.state) + explained)
            if gap.state == "unrepaired" and gap.detail not in line.reasons:
                line.reasons.append(gap.detail)
            unused[gap.first_id] -= explained
            size -= explained
    if any(hour.lake.alone.count_within(end, end) for hour in hours for end in (first - 1, last + 1)):
        line.beside_import += size
    else:
        line.unexplained += size


def _add_count(by_system: dict[str, int], system: str, count: int) -> None:
    if count > 0:
        by_system[system] = by_system.get(system, 0) + count
