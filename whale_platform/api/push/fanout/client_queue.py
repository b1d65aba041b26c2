"""Bounded send queue of one client; merges ticks when the client is slow.

A tick of windows, trades and tickers is shared by all clients and written out once per filter. A client that falls
`MAX_TICKS` behind gets them merged to the newest state of each window and market and one sample per symbol (`thinned`
counts). A client that reads no notices is disconnected. Whales do not wait here: see `whale_subscription`.
"""

import asyncio
import time
from collections import deque

from whale_platform.api.push.fanout.client_limits import TICK_TOPICS, StreamFilter
from whale_platform.api.push.fanout.push_tick import PushTick, merge_ticks

MAX_TICKS = 8
MAX_NOTICES = 100
TOO_SLOW = 4008


class ClientQueue:
    """One client. key: the name of its API key, if any. topics: its filter by topic.

    `close_reason`: (close code, reason) once it has to go.
    """

    def __init__(self, key: str = "") -> None:
        self.key = key
        self.topics: dict[str, StreamFilter] = {}
        self.has_items = asyncio.Event()
        self.close_reason: tuple[int, str] | None = None
        self.thinned = 0
        self.sending_since = 0.0
        self.task: asyncio.Task[None] | None = None
        self._notices: deque[str] = deque()
        self._ticks: deque[PushTick] = deque()

    def add_notice(self, text: str) -> None:
        """A message that must not be lost; too many unread ones drop the client."""
        self._notices.append(text)
        if len(self._notices) > MAX_NOTICES:
            self.drop(TOO_SLOW, "too slow: notices are not read")
        self.has_items.set()

    def add_tick(self, tick: PushTick) -> None:
        """Windows, trades and tickers, where it has asked for them."""
        if self.topics.keys().isdisjoint(tick.topics):
            return
        self._ticks.append(tick)
        if len(self._ticks) > MAX_TICKS:
            self.thinned += len(self._ticks) - 1
            self._ticks = deque([merge_ticks(self._ticks)])
        self.has_items.set()

    def drain(self) -> list[str]:
        """What is to be sent now."""
        out = list(self._notices)
        self._notices.clear()
        for tick in self._ticks:
            for topic in TICK_TOPICS:
                wanted = self.topics.get(topic)
                if wanted is not None and (text := tick.render_message(topic, wanted)):
                    out.append(text)
        self._ticks.clear()
        return out

    def drop(self, code: int, reason: str) -> None:
        """Let the client go, even in the middle of a send."""
        if self.close_reason is None:
            self.close_reason = (code, reason)
        self.has_items.set()
        if self.task is not None and self.sending_since:
            self.task.cancel()

    def send_duration_s(self) -> float:
        """How long the present send has taken."""
        return time.monotonic() - self.sending_since if self.sending_since else 0.0
