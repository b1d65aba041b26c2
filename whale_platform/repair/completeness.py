"""Of which symbols and hours the lake is known to hold every trade, so that its word counts against the stream's. Pure.

The lake may be behind, or may have lost a file, or may begin in the middle of an hour: then what the stream counted
must stay. So the proof is by ids: the lake's begin no later and end no earlier than what Postgres has counted, and each
gap between them is, by the ledger, one that can never be filled. Where ids have gaps by design there is no such proof,
and the lake only has the last word where it has no fewer trades. It has none about a row whose ids it does not reach: a
whale may be ahead of the windows and of the lake alike, and so may a sweep by its newest fill.
"""

from collections.abc import Iterable, Mapping

from whale_platform.domain.id_ranges import HeldIds, IdRanges
from whale_platform.domain.market import MarketHour
from whale_platform.stores.asset_tables.recomputed_hours import StreamRowSnapshot, to_market_hour
from whale_platform.stores.quality.audit_counts import HourlyTradeCount, LedgerGap

TRADES_EXIST = frozenset({"open", "repaired"})  # states of gaps whose trades are, or may yet be, somewhere


def find_complete(
    lake: Mapping[MarketHour, HeldIds], postgres: Mapping[MarketHour, HourlyTradeCount], ledger: Iterable[LedgerGap]
) -> set[MarketHour]:
    """The keys of either that the lake holds whole."""
    nowhere: dict[tuple[str, str], IdRanges] = {}
    for gap in ledger:
        if gap.state not in TRADES_EXIST:
            nowhere.setdefault((gap.exchange, gap.symbol), IdRanges()).add(gap.first_id, gap.last_id)
    return {
        key
        for key in {*lake, *postgres}
        if _is_whole(lake.get(key), postgres.get(key), nowhere.get(key[:2], IdRanges()))
    }


def select_within(rows: StreamRowSnapshot, lake: Mapping[MarketHour, HeldIds]) -> StreamRowSnapshot:
    """Those of `rows` whose ids lie between the first and the last that the lake has of their symbol and hour.

    Where ids have gaps by design their order tells nothing: there the lake has to have the row's first and last id.
    """

    def within(key: MarketHour, first: int, last: int) -> bool:
        held = lake.get(key)
        if held is None or not held.ids.count:
            return False
        if not held.dense:
            return all(held.ids.count_within(one, one) for one in (first, last))
        return held.ids.first <= first and last <= held.ids.last

    windows = {key: extent for key, extent in rows.windows.items() if within(to_market_hour(*key), *extent[1:])}
    whales = {
        key: state
        for key, state in rows.whales.items()
        if within(to_market_hour(*key[:2], state.event_time), key[3], state.last_id)
    }
    return StreamRowSnapshot(windows, whales)


def find_differing(lake: Mapping[MarketHour, int], postgres: Mapping[MarketHour, HourlyTradeCount]) -> set[MarketHour]:
    """The keys whose number of trades is not the same in both."""
    return {key for key in {*lake, *postgres} if lake.get(key, 0) != (postgres[key].trades if key in postgres else 0)}


def _is_whole(held: HeldIds | None, count: HourlyTradeCount | None, exchange_gaps: IdRanges) -> bool:
    if held is None or not held.ids.count:
        return False
    ids = held.ids
    if count is not None and (ids.first > count.first_id or ids.last < count.last_id):
        return False
    if not held.dense:
        return count is None or held.trades >= count.trades
    return all(
        exchange_gaps.count_within(first, last) == last - first + 1
        for first, last in ids.find_gaps(ids.first, ids.last)
    )
