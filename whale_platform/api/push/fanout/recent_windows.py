"""The newest state of the windows that changed last, for clients that subscribe or come back.

A window is turned into text for the first client that wants it: with hundreds of markets most windows are wanted by
nobody.
"""

from collections import Counter, OrderedDict

from whale_platform.api.push.fanout import message_text
from whale_platform.api.push.fanout.client_limits import StreamFilter
from whale_platform.contracts.trade_window import WindowRow

KEPT_WINDOWS = 2_000
SNAPSHOT_WINDOWS = 2  # of each market: the running minute, and the one before, which may not have reached Postgres yet
WindowKey = tuple[str, str, str]


class PushedWindow:
    """One state of a window, with the number of the message that brought it."""

    __slots__ = ("_text", "row", "seq")

    def __init__(self, seq: int, row: WindowRow) -> None:
        self.seq, self.row = seq, row
        self._text = ""

    def render_text(self) -> str:
        """Return it as JSON."""
        self._text = self._text or message_text.render_window(self.row)
        return self._text


class RecentWindows:
    """`floor`: up to which number what changed is not known any more."""

    def __init__(self) -> None:
        self.floor = 0
        self._held: OrderedDict[WindowKey, PushedWindow] = OrderedDict()

    def add(self, seq: int, row: WindowRow) -> tuple[WindowKey, PushedWindow] | None:
        """Hold a state; None where it has not grown."""
        key = (row.exchange, row.symbol, row.window_start.isoformat())
        held = self._held.get(key)
        if held is not None and held.row.trade_count >= row.trade_count:
            return None
        window = self._held[key] = PushedWindow(seq, row)
        self._held.move_to_end(key)
        if len(self._held) > KEPT_WINDOWS:
            self.floor = self._held.popitem(last=False)[1].seq
        return key, window

    def forget(self, seq: int) -> None:
        """Something may have been missed up to `seq`."""
        self.floor = seq
        self._held.clear()

    def render_since(self, seq: int, stream_filter: StreamFilter) -> list[str]:
        """Those that changed after `seq` and fit."""
        return [
            window.render_text()
            for key, window in self._held.items()
            if window.seq > seq and stream_filter.matches_market(key[0], key[1])
        ]

    def render_newest(self, stream_filter: StreamFilter) -> list[str]:
        """The last of each market that fits to have changed, oldest first."""
        counts: Counter[tuple[str, str]] = Counter()
        out = []
        for key, window in reversed(self._held.items()):
            if stream_filter.matches_market(key[0], key[1]) and counts[key[:2]] < SNAPSHOT_WINDOWS:
                counts[key[:2]] += 1
                out.append(window.render_text())
        return out[::-1]
