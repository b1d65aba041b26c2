"""What changed in a moment, and its messages, which are written once per filter and shared by all clients."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from whale_platform.api.push.fanout import message_text
from whale_platform.api.push.fanout.client_limits import StreamFilter
from whale_platform.api.push.fanout.newest_closes import MinuteClose, render_closes
from whale_platform.api.push.fanout.recent_windows import PushedWindow, WindowKey
from whale_platform.api.push.fanout.trade_samples import TradeSample
from whale_platform.domain.market import Market


@dataclass(slots=True)
class PushTick:
    """windows: by (exchange, symbol, window start). trades, closes: by market."""

    seq: int
    windows: dict[WindowKey, PushedWindow] = field(default_factory=dict)
    trades: dict[tuple[str, str], TradeSample] = field(default_factory=dict)
    closes: dict[Market, MinuteClose] = field(default_factory=dict)
    _sample_texts: dict[tuple[str, str], str] = field(default_factory=dict)
    _messages: dict[tuple[str, StreamFilter], str] = field(default_factory=dict)

    @property
    def topics(self) -> list[str]:
        """The topics of which it holds something."""
        held = {"windows": self.windows, "trades": self.trades, "tickers": self.closes}
        return [topic for topic, states in held.items() if states]

    def render_message(self, topic: str, stream_filter: StreamFilter) -> str:
        """The message for all clients with this filter; empty where nothing fits it."""
        text = self._messages.get((topic, stream_filter))
        if text is None:
            texts = self._render_texts(topic, stream_filter)
            text = self._messages[topic, stream_filter] = (
                message_text.render_batch(topic, self.seq, texts) if texts else ""
            )
        return text

    def _render_texts(self, topic: str, stream_filter: StreamFilter) -> list[str]:
        if topic == "windows":
            windows = self.windows.items()
            return [one.render_text() for key, one in windows if stream_filter.matches_market(key[0], key[1])]
        if topic == "tickers":
            return render_closes(self.closes, stream_filter)
        return self._render_trades(stream_filter)

    def _render_trades(self, stream_filter: StreamFilter) -> list[str]:
        out = []
        for key, sample in self.trades.items():
            if stream_filter.matches_market(*key) and sample.largest_usd >= stream_filter.min_notional_usd:
                if key not in self._sample_texts:
                    self._sample_texts[key] = sample.render_text()
                out.append(self._sample_texts[key])
        return out


def merge_ticks(ticks: Iterable[PushTick]) -> PushTick:
    """Return all as one, with the last one's number; `ticks`: at least one, in order."""
    out = PushTick(0)
    for tick in ticks:
        out.seq = tick.seq
        out.windows |= tick.windows
        out.closes |= tick.closes
        for key, sample in tick.trades.items():
            held = out.trades.get(key)
            out.trades[key] = held.merge(sample) if held else sample
    return out
