"""Fan-out: routes windows, trades, tickers, whales and status to the clients' queues. Runs in the event loop, without
locks and without waiting for a client.

Every message has a number (`seq`) that grows as long as this server runs (`epoch`). The newest states of recent windows
and of all closes are kept with their numbers: a client that comes back within the same epoch gets exactly those that
changed meanwhile, others get a `gap` that says what to fetch, and the newest states that are here.
"""

import secrets
import time
from collections.abc import Callable, Iterable

from whale_platform.api.push.fanout import message_text
from whale_platform.api.push.fanout.client_limits import STATE_TOPICS, StreamFilter
from whale_platform.api.push.fanout.client_queue import TOO_SLOW, ClientQueue
from whale_platform.api.push.fanout.newest_closes import NewestCloses
from whale_platform.api.push.fanout.push_tick import PushTick
from whale_platform.api.push.fanout.recent_windows import RecentWindows
from whale_platform.api.push.fanout.trade_samples import TradeSample
from whale_platform.api.push.fanout.whale_log import AlertRecord, WhaleLog
from whale_platform.contracts.trade_window import WindowRow

NOT_AUTHORISED = 1008
STATE = ("feed", "detail", "stale", "reason")
FETCH = {"windows": "/windows", "whales": "/whales", "trades": "/latest", "tickers": "/latest"}


class PushHub:
    """`join` and `leave` mailboxes; the feed calls the rest."""

    def __init__(self) -> None:
        self.epoch = secrets.token_hex(6)
        self.seq = 0
        self.whale_log = WhaleLog()
        self.dropped = 0
        self._thinned = 0
        self._queues: set[ClientQueue] = set()
        self._windows = RecentWindows()
        self._closes = NewestCloses()
        self._states = dict[str, RecentWindows | NewestCloses](windows=self._windows, tickers=self._closes)
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
            if grown := self._windows.add(tick.seq, row):
                key, tick.windows[key] = grown
                self._closes.add(row)
        self._send_tick(tick)

    def publish_tickers(self) -> None:
        """The closes that have changed since the last call, which is due once a second."""
        if self._closes.changed:
            seq = self._advance_seq()
            self._send_tick(PushTick(seq, closes=self._closes.take_changed(seq)))

    def _send_tick(self, tick: PushTick) -> None:
        if tick.topics:
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
        for name in STATE_TOPICS if topic == "windows" else (topic,):  # both come from the topic of windows
            if name in self._states:
                self._states[name].forget(self.seq)
            for queue in list(self._queues):
                if name in queue.topics:
                    queue.add_notice(self.render_gap(name, reason))

    def render_gap(self, topic: str, reason: str, since_ms: int = 0) -> str:
        """A `gap` message. since_ms: 0 where it is not known since when."""
        since = message_text.format_iso_ms(since_ms) if since_ms else None
        return message_text.dump_json(
            {"type": "gap", "seq": self.seq, "topic": topic, "reason": reason, "since": since, "fetch": FETCH[topic]}
        )

    def render_missed(self, topic: str, stream_filter: StreamFilter, since: tuple[str, int] | None) -> list[str]:
        """Messages that bring a new subscription of one of `STATE_TOPICS` up to date.

        since: (epoch, seq) up to which the client had everything; None where it had nothing, and is sent the newest of
        each market.
        """
        states, out = self._states[topic], list[str]()
        if since is None:
            texts = states.render_newest(stream_filter)
        else:
            epoch, seq = since
            if epoch != self.epoch or not states.floor <= seq <= self.seq:
                out.append(self.render_gap(topic, "too long ago, or another run of the server"))
                seq = 0
            texts = states.render_since(seq, stream_filter)
        return [*out, message_text.render_batch(topic, self.seq, texts)] if texts else out

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
