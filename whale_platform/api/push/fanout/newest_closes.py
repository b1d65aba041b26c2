"""The newest close of every market, of which the topic `tickers` pushes what has changed.

A list of hundreds of markets needs no more than that, in a twentieth of the bytes of a window.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from whale_platform.api.push.fanout.client_limits import StreamFilter
from whale_platform.api.push.fanout.message_text import dump_json, format_iso
from whale_platform.contracts.trade_window import WindowRow
from whale_platform.domain.market import Market


class MinuteClose(NamedTuple):
    """A market's close, and the begin of its minute."""

    minute: datetime
    close: str


class NewestCloses:
    """One close of each market that had a window since this server runs. `floor`: see `RecentWindows`."""

    def __init__(self) -> None:
        self.floor = 0
        self._pushed: dict[Market, tuple[int, MinuteClose]] = {}
        self._changed: dict[Market, MinuteClose] = {}

    def add(self, row: WindowRow) -> None:
        """Take in a state of a window that has grown; an older minute than the known one changes nothing."""
        market, close = Market(row.exchange, row.symbol), MinuteClose(row.window_start, row.close)
        known = self._changed.get(market) or self._pushed.get(market, (0, None))[1]
        if known is None or (close != known and close.minute >= known.minute):
            self._changed[market] = close

    def take_changed(self, seq: int) -> dict[Market, MinuteClose]:
        """Return what changed since the last call, to be pushed as message `seq`."""
        changed, self._changed = self._changed, {}
        self._pushed |= {market: (seq, close) for market, close in changed.items()}
        return changed

    @property
    def changed(self) -> bool:
        """Whether there is something to push."""
        return bool(self._changed)

    def forget(self, seq: int) -> None:
        """Something may have been missed up to `seq`."""
        self.floor = seq
        self._pushed.clear()
        self._changed.clear()

    def render_since(self, seq: int, stream_filter: StreamFilter) -> list[str]:
        """What was pushed after `seq`, as `render_closes` returns it."""
        return render_closes({market: close for market, (at, close) in self._pushed.items() if at > seq}, stream_filter)

    def render_newest(self, stream_filter: StreamFilter) -> list[str]:
        """All that was pushed."""
        return self.render_since(0, stream_filter)


def render_closes(closes: Mapping[Market, MinuteClose], stream_filter: StreamFilter) -> list[str]:
    """Those that fit as JSON, one object for each exchange and minute: names repeated for each would be most of it."""
    groups: dict[tuple[str, datetime], dict[str, str]] = {}
    for (exchange, symbol), (minute, close) in closes.items():
        if stream_filter.matches_market(exchange, symbol):
            groups.setdefault((exchange, minute), {})[symbol] = close
    return [
        dump_json({"exchange": exchange, "minute": format_iso(minute), "closes": found})
        for (exchange, minute), found in groups.items()
    ]
