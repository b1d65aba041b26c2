"""Two tails that feed the hub: whales at once and from some time back, windows and trades once a tick.

They are apart because a whale must not wait for a tick, and a thousand trades a second must not wake anyone a
thousand times. What they say of Kafka becomes the clients' `status`; what they could not read becomes a `gap`.
"""

import asyncio
from typing import Any

from whale_platform.api.push.fanout.hub import PushHub
from whale_platform.api.push.fanout.trade_samples import sample_trades
from whale_platform.api.push.fanout.whale_log import KEPT
from whale_platform.api.push.sources.topic_tailer import TailCallbacks, TailStart, TopicTailer
from whale_platform.api.push.sources.whale_history import parse_alert
from whale_platform.broker.reader import KafkaRecord
from whale_platform.domain.names import RAW_TRADES, TRADE_WINDOWS, WHALE_ALERTS
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.sink.fold import fold_records

TICK_S = 0.1
SLOW_TICK_S = 1.0
_NAMES = {TRADE_WINDOWS: "windows", RAW_TRADES: "trades", WHALE_ALERTS: "whales"}


class KafkaSource:
    """Reads Kafka's topics and passes what they hold to `hub`."""

    def __init__(self, bootstrap: KafkaCluster, hub: PushHub, tick_s: float = TICK_S) -> None:
        self._hub, self._tick_s = hub, tick_s
        self._ends: dict[int, int] = {}
        self._states = dict.fromkeys(("whales", "bulk"), ("waiting", "starting"))
        self.unread = 0
        alerts = TailCallbacks(
            self._on_start,
            lambda records: [parse_alert(one) for one in records],
            self._on_whales,
            self._on_gap,
            self._on_whale_state,
        )
        bulk = TailCallbacks(lambda start: None, self._fold, self._on_bulk, self._on_gap, self._on_bulk_state)
        self.tails = (
            TopicTailer(bootstrap, [WHALE_ALERTS], alerts, messages_back=KEPT),
            TopicTailer(bootstrap, [TRADE_WINDOWS, RAW_TRADES], bulk, tick_s=tick_s),
        )

    def set_slow(self, slowly: bool) -> None:
        """Sample trades less often, while the stream needs the processors; whales never wait."""
        self.tails[1].tick_s = max(self._tick_s, SLOW_TICK_S) if slowly else self._tick_s

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start reading; messages are passed to the event loop `loop`."""
        for tail in self.tails:
            tail.start(loop)

    def stop(self) -> None:
        """Stop reading."""
        for tail in self.tails:
            tail.stop()

    def join(self, timeout_s: float) -> None:
        """Wait for the threads."""
        for tail in self.tails:
            tail.join(timeout_s)

    def _on_start(self, start: TailStart) -> None:
        log = self._hub.whale_log
        log.start_from(start.ids[WHALE_ALERTS], {partition: place for (_, partition), place in start.offsets.items()})
        self._ends = {partition: end for (_, partition), end in start.ends.items()}
        self._update_readiness()
        self._hub.wake_subscriptions()

    def _on_whales(self, batch: Any) -> None:
        self.unread += sum(one.whale is None for one in batch)
        self._hub.publish_whales(batch)
        self._update_readiness()

    def _update_readiness(self) -> None:
        log = self._hub.whale_log
        if not log.ready and all(log.next_offsets.get(partition, 0) >= end for partition, end in self._ends.items()):
            log.ready = True
            self._hub.wake_subscriptions()

    @staticmethod
    def _fold(records: list[KafkaRecord]) -> Any:
        windows = [record for record in records if record.topic == TRADE_WINDOWS]
        batch = fold_records(windows, {(record.topic, record.partition): record.offset for record in reversed(windows)})
        trades, unread = sample_trades(record.value for record in records if record.topic == RAW_TRADES)
        return [row for row, _ in batch.windows.values()], trades, unread + len(batch.rejects)

    def _on_bulk(self, batch: Any) -> None:
        windows, trades, unread = batch
        self.unread += unread
        self._hub.publish_tick(windows, trades)

    def _on_gap(self, topic: str, reason: str) -> None:
        self._hub.publish_gap(_NAMES[topic], reason)

    def _on_whale_state(self, state: str, detail: str) -> None:
        self._publish_state("whales", state, detail)

    def _on_bulk_state(self, state: str, detail: str) -> None:
        self._publish_state("bulk", state, detail)

    def _publish_state(self, source: str, state: str, detail: str) -> None:
        self._states[source] = (state, detail)
        troubles = [detail for state, detail in self._states.values() if state != "ready"]
        self._hub.publish_status(feed="waiting" if troubles else "ready", detail=troubles[0] if troubles else "")
