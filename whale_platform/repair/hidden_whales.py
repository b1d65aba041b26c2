"""Whales that the lake has smaller than they were, because an imported aggregate took the place of their fills.

Some fill of such an aggregate was never seen alone, so none of them is a trade of a known size any more: the stream saw
more than the lake has, and its whale stays. What is left of a sweep in the lake, behind an aggregate, is no sweep of
its own. Pure.
"""

from collections.abc import Callable, Collection, Mapping

from whale_platform.domain.names import SWEEP
from whale_platform.lake.analysis.aggregate_fills import IdSpan
from whale_platform.stores.asset_tables.recomputed_hours import RecomputedWhale, WhaleKey

Whales = Mapping[WhaleKey, RecomputedWhale]


def find_lowered(stored: Whales, lake: Whales) -> dict[WhaleKey, RecomputedWhale]:
    """Those of `stored` that the lake does not have, or has with fewer fills."""
    return {
        key: state for key, state in stored.items() if key not in lake or (state.fills or 0) > (lake[key].fills or 0)
    }


def find_hidden(
    lowered: Whales, find_within_aggregates: Callable[[Collection[IdSpan]], Collection[IdSpan]]
) -> dict[WhaleKey, RecomputedWhale]:
    """Those of `lowered` with an id that the lake has only within an aggregate; asks for all spans of ids at once."""
    spans = {key: (key[0], key[1], key[3], state.last_id) for key, state in lowered.items()}
    covered = find_within_aggregates({*spans.values()})
    return {key: state for key, state in lowered.items() if spans[key] in covered}


def find_remnants(lake: Whales, hidden: Whales) -> set[WhaleKey]:
    """The sweeps of the lake that are the last fills of a hidden one."""
    moments: dict[tuple[object, ...], list[tuple[int, int]]] = {}
    for key, state in hidden.items():
        moments.setdefault((*key[:2], state.event_time), []).append((key[3], state.last_id))
    return {
        key
        for key, state in lake.items()
        if key[2] == SWEEP
        and any(first < key[3] <= last for first, last in moments.get((*key[:2], state.event_time), ()))
    }
