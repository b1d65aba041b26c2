"""Bounded send queue of one client; merges ticks when the client is slow.

A tick of windows and trades is shared by all clients and written out once per filter. A client that falls `MAX_TICKS`
behind gets them merged to the newest state of each window and one sample per symbol (`thinned` counts). A client that
reads no notices is disconnected. Whales do not wait here: see `whale_subscription`.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

from whale_platform.api.push.fanout import message_text
from whale_platform.api.push.fanout.client_limits import StreamFilter
from whale_platform.api.push.fanout.trade_samples import TradeSample

MAX_TICKS = 8
MAX_NOTICES = 100
TOO_SLOW = 4008
WindowKey = tuple[str, str, str]


@dataclass(slots=True)
class PushTick:
    """What changed in a moment. windows: the text by (exchange, symbol, window start)."""

    seq: int
    windows: dict[WindowKey, str] = field(default_factory=dict)
    trades: dict[tuple[str, str], TradeSample] = field(default_factory=dict)
    _sample_texts: dict[tuple[str, str], str] = field(default_factory=dict)
    _messages: dict[tuple[str, StreamFilter], str] = field(default_factory=dict)

    def render_message(self, topic: str, stream_filter: StreamFilter) -> str:
        """The message for all clients with this filter; empty where nothing fits it."""
        text = self._messages.get((topic, stream_filter))
        if text is None:
            texts = self._select_windows(stream_filter) if topic == "windows" else self._render_trades(stream_filter)
            text = self._messages[topic, stream_filter] = (
                message_text.render_batch(topic, self.seq, texts) if texts else ""
            )
        return text

    def _select_windows(self, stream_filter: StreamFilter) -> list[str]:
        return [text for key, text in self.windows.items() if stream_filter.matches_market(key[0], key[1])]

    def _render_trades(self, stream_filter: StreamFilter) -> list[str]:
        out = []
        for key, sample in self.trades.items():
            if stream_filter.matches_market(*key) and sample.largest_usd >= stream_filter.min_notional_usd:
                if key not in self._sample_texts:
                    self._sample_texts[key] = sample.render_text()
                out.append(self._sample_texts[key])
        return out


def merge_ticks(ticks: deque[PushTick]) -> PushTick:
    """All as one, with the last one's number."""
    out = PushTick(ticks[-1].seq)
    for tick in ticks:
        out.windows |= tick.windows
        for key, sample in tick.trades.items():
            held = out.trades.get(key)
            out.trades[key] = held.merge(sample) if held else sample
    return out


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
        """Windows and trades, where it has asked for them."""
        if "windows" not in self.topics and "trades" not in self.topics:
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
            for topic in ("windows", "trades"):
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
