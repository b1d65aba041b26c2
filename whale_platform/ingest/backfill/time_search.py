"""Finds an id in a history whose pages are requested by time: a search without I/O.

It begins with the newest page, goes back until a page begins at or below the id, and narrows the time between that page
and the trades above. Each request goes to where the rate of trades suggests, and every second one to the middle, so
that a burst between quiet hours costs few requests too. Ids ascend with time, but some may not exist.
"""

from collections.abc import Callable, Generator, Sequence

from whale_platform.domain.trade import Trade

NEAR_IDS = 2_000  # below the id; from there on its page is reached page by page
FIRST_STEP_US = 1_000_000

PageRequests = Generator[str, Sequence[Trade], Sequence[Trade]]


def search_by_time(first_id: int, newest: Sequence[Trade], since_url: Callable[[int], str]) -> PageRequests:
    """Yield addresses of pages, which are sent back; return the page to go on from, upwards.

    That holds `first_id`, or ends some ids below it, or begins with the oldest trade there is. newest: the newest page,
    in any order, as all are. since_url: the address of the oldest page from a time on, µs UTC.
    """
    if not newest or min(newest, key=_get_id).trade_id <= first_id:
        return newest
    page, above_id, above_us = yield from _step_back(first_id, newest, since_url)
    if not page:
        return newest
    middle = False
    while True:
        high = max(page, key=_get_id)
        if first_id - high.trade_id <= NEAR_IDS or above_us - high.event_time <= 1:
            return page
        share = 0.5 if middle else (first_id - NEAR_IDS // 2 - high.trade_id) / (above_id - high.trade_id)
        middle = not middle
        since_us = high.event_time + max(1, int((above_us - high.event_time) * share))
        found = yield since_url(since_us)
        low_id = min((trade.trade_id for trade in found), default=above_id)
        if low_id <= first_id:
            page = found
        else:
            above_id, above_us = low_id, since_us


def _step_back(
    first_id: int, newest: Sequence[Trade], since_url: Callable[[int], str]
) -> Generator[str, Sequence[Trade], tuple[Sequence[Trade], int, int]]:
    """Go back, each time twice as far, until a page begins at or below the id, or there is nothing older.

    Returns that page; and the lowest id known above `first_id`, with a time after which there is nothing below it.
    """
    low, high = min(newest, key=_get_id), max(newest, key=_get_id)
    above_id, above_us = low.trade_id, low.event_time
    pause_us = (high.event_time - low.event_time) // max(1, high.trade_id - low.trade_id)
    step_us = max(FIRST_STEP_US, pause_us * (above_id - first_id) * 5 // 4)
    while True:
        since_us = max(0, above_us - step_us)
        page = yield since_url(since_us)
        low_id = min((trade.trade_id for trade in page), default=above_id)
        if low_id <= first_id or since_us == 0:
            return page, above_id, above_us
        above_id, above_us, step_us = low_id, since_us, step_us * 2


def _get_id(trade: Trade) -> int:
    return trade.trade_id
