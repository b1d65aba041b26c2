"""Fan-out: routes windows, trades, whales and status to the clients' queues. Runs in the event loop, without locks and
without waiting for a client.

Every message has a number (`seq`) that grows as long as this server runs (`epoch`). The newest state of the last
`KEPT_WINDOWS` windows is kept with its number: a client that comes back within the same epoch gets exactly those that
changed meanwhile, others get a `gap` that says what to fetch.
"""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

from whale_platform.api.push.fanout import message_text
from whale_platform.api.push.fanout.client_limits import StreamFilter
from whale_platform.api.push.fanout.client_queue import TOO_SLOW, ClientQueue, PushTick, WindowKey
from whale_platform.api.push.fanout.trade_samples import TradeSample
from whale_platform.api.push.fanout.whale_log import AlertRecord, WhaleLog
from whale_platform.contracts.trade_window import WindowRow

KEPT_WINDOWS = 2_000
NOT_AUTHORISED = 1008
STATE = ("feed", "detail", "stale", "reason")
FETCH = {"windows": "/windows", "whales": "/whales", "trades": "/latest"}


class PushHub:
    """`join` and `leave` mailboxes; the feed calls the rest."""

    def __init__(self) -> None:
        self.epoch = secrets.token_hex(6)
        self.seq = 0
        self.whale_log = WhaleLog()
        self.dropped = 0
        self._thinned = 0
        self._queues: set[ClientQueue] = set()
        self._windows: OrderedDict[WindowKey, tuple[int, int, str]] = OrderedDict()
        self._floor = 0
        self._status: dict[str, object] = {}

    def join(self, queue: ClientQueue) -> None:
        """From now on `queue` gets what it has asked for."""
        self._queues.add(queue)

    def leave(self, queue: ClientQueue) -> None:
        """Send nothing to `queue` any more, and add its counts to the totals."""
        self._queues.discard(queue)
        self._thinned += queue.thinned
        self.dropped += queue.close_reason is not None and queue.close_reason[0] == TOO_SLOW

    @property
    def clients(self) -> int:
        """How many there are."""
        return len(self._queues)

    @property
    def thinned(self) -> int:
        """Ticks that were merged into later ones for slow clients."""
        return self._thinned + sum(queue.thinned for queue in list(self._queues))  # asked by /metrics, from a thread

    def publish_tick(self, windows: Iterable[WindowRow], trades: dict[tuple[str, str], TradeSample]) -> None:
        """A tick. A window that has not grown is left out."""
        tick = PushTick(self._advance_seq(), trades=trades)
        for row in windows:
            key = (row.exchange, row.symbol, row.window_start.isoformat())
            held = self._windows.get(key)
            if held is not None and held[1] >= row.trade_count:
                continue
            text = message_text.render_window(row)
            self._windows[key] = (tick.seq, row.trade_count, text)
            self._windows.move_to_end(key)
            tick.windows[key] = text
        while len(self._windows) > KEPT_WINDOWS:
            self._floor = self._windows.popitem(last=False)[1][0]
        if tick.windows or tick.trades:
            for queue in list(self._queues):
                queue.add_tick(tick)

    def publish_whales(self, records: list[AlertRecord]) -> None:
        """Messages of the whale topic."""
        if self.whale_log.add(records):
            self.wake_subscriptions()

    def wake_subscriptions(self) -> None:
        """Let the followers look at the log."""
        self._advance_seq()
        for queue in self._queues:
            if "whales" in queue.topics:
                queue.has_items.set()

    def publish_status(self, **changes: object) -> None:
        """Tell subscribers of `status`, if anything is new, those of `state` if it is of `STATE`. Values are JSON."""
        news = {name for name, value in changes.items() if name not in self._status or self._status[name] != value}
        if not news:
            return
        self._status |= changes
        self._advance_seq()
        text = self.render_status()
        for queue in list(self._queues):
            if "status" in queue.topics or ("state" in queue.topics and not news.isdisjoint(STATE)):
                queue.add_notice(text)

    def render_status(self) -> str:
        """The `status` message of now."""
        return message_text.dump_json(
            {"type": "status", "seq": self.seq, "time": message_text.format_iso_ms(time.time() * 1000)} | self._status
        )

    def publish_gap(self, topic: str, reason: str) -> None:
        """Something of `topic` may have passed unseen."""
        self._advance_seq()
        if topic == "windows":
            self._floor = self.seq
            self._windows.clear()
        for queue in list(self._queues):
            if topic in queue.topics:
                queue.add_notice(self.render_gap(topic, reason))

    def render_gap(self, topic: str, reason: str, since_ms: int = 0) -> str:
        """A `gap` message. since_ms: 0 where it is not known since when."""
        since = message_text.format_iso_ms(since_ms) if since_ms else None
        return message_text.dump_json(
            {"type": "gap", "seq": self.seq, "topic": topic, "reason": reason, "since": since, "fetch": FETCH[topic]}
        )

    def render_missed_windows(self, stream_filter: StreamFilter, epoch: str, seq: int) -> list[str]:
        """Messages for a client that had everything up to `seq` of `epoch`."""
        out = []
        if epoch != self.epoch or not self._floor <= seq <= self.seq:
            out.append(self.render_gap("windows", "too long ago, or another run of the server"))
            seq = 0
        texts = [
            text
            for key, (at, _, text) in self._windows.items()
            if at > seq and stream_filter.matches_market(key[0], key[1])
        ]
        return [*out, message_text.render_batch("windows", self.seq, texts)] if texts else out

    def drop_stale_clients(self, send_s: float, is_authorised: Callable[[str], bool]) -> None:
        """Drop whoever has not taken a message for so long, or is not welcome any more by the name of its key."""
        for queue in list(self._queues):
            if queue.send_duration_s() > send_s:
                queue.drop(TOO_SLOW, "too slow: nothing was read")
            elif not is_authorised(queue.key):
                queue.drop(NOT_AUTHORISED, "the key is not known any more")

    def disconnect_all(self) -> None:
        """Disconnect all clients: the server stops."""
        for queue in list(self._queues):
            queue.drop(1012, "the server stops; connect again")

    def _advance_seq(self) -> int:
        self.seq += 1
        return self.seq
