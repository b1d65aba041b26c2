"""The ingester's numbers and state for its heartbeat. Takes no lock: it beats while the broker is unavailable, too."""

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from whale_platform.broker.producer import TradeProducer
from whale_platform.ingest.backfill.gap_filler import GapFiller
from whale_platform.ingest.connections.connection_manager import ConnectionManager
from whale_platform.ingest.publishing.latency import EventRate, LatencySamples, compute_percentiles
from whale_platform.ingest.publishing.pipeline import Pipeline
from whale_platform.ingest.transport.exchange_clock import ExchangeClocks
from whale_platform.supervision.runtime.heartbeat import ServiceState

GRACE_S = 2.0  # a reconnect that is over so soon is no trouble
ALARM, ALARM_S = 10, 60.0  # trades that can't be placed within so many seconds: one garbled id now and then is none


class RecentGrowth:
    """By how much a count has grown in the last `ALARM_S`."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def measure(self, now: float, count: int) -> int:
        """The growth, `count` being the total now."""
        self._seen.append((now, count))
        while self._seen[0][0] < now - ALARM_S:
            self._seen.popleft()
        return count - self._seen[0][1]


class HeartbeatReport:
    """Reads everything, changes nothing but the sampling rate."""

    def __init__(
        self,
        pipelines: Sequence[Pipeline],
        feeds: Sequence[ConnectionManager],
        repairers: Sequence[GapFiller],
        producers: Sequence[TradeProducer],
        receive_to_produced: LatencySamples,
        clocks: ExchangeClocks,
    ) -> None:
        self._pipelines = pipelines
        self._feeds = feeds
        self._repairers = repairers
        self._producers = producers
        self._receive_to_produced = receive_to_produced
        self._clocks = clocks
        self._rate = EventRate()
        self._rates = [EventRate() for _ in pipelines]
        self._up_at: dict[str, float] = {}
        self._unplaced_text = ""
        self._unproven = {one.exchange.name: RecentGrowth() for one in pipelines}
        self._future = {one.exchange.name: RecentGrowth() for one in pipelines}

    def numbers(self) -> dict[str, Any]:
        """Counters since the start, rates and latencies (milliseconds, last ten seconds)."""
        counts = [pipeline.counts for pipeline in self._pipelines]
        lines = [line for pipeline in self._pipelines for line in list(pipeline.lines.values())]
        trades = sum(count.trades for count in counts)
        per_second = self._rate.read(trades)
        found: dict[str, Any] = {
            "trades": trades,
            "trades_per_s": round(per_second, 1),
            "duplicates": sum(line.sequencer.record.duplicates for line in lines),
            "unproven": sum(line.sequencer.record.unproven for line in lines),
            "unplaced": self._unplaced_text,
            "held": sum(len(line.sequencer.unconfirmed.held) for line in lines)
            + sum(pipeline.count_future_trades()[0] for pipeline in self._pipelines),
            "dead_letters": sum(count.dead_letters for count in counts),
            "quarantined": sum(count.quarantined for count in counts),
            "gaps_open": sum(pipeline.count_open_gaps() for pipeline in self._pipelines),
            "gaps_repaired": sum(count.gaps_repaired for count in counts),
            "queue": sum(producer.depth() for producer in self._producers),
            "reconnects": sum(feed.reconnects for feed in self._feeds),
            "refused": {
                f"{feed.exchange.name}:{symbol}": reason
                for feed in self._feeds
                for symbol, reason in feed.refused.items()
            },
            "exchanges": [
                self._read_exchange_numbers(*one) for one in zip(self._pipelines, self._feeds, self._rates, strict=True)
            ],
        }
        self._receive_to_produced.tune(per_second)
        for name, latencies in (
            ("exchange_to_receive", [pipeline.delay for pipeline in self._pipelines]),
            ("receive_to_produced", [self._receive_to_produced]),
        ):
            both = compute_percentiles(*latencies)
            if both is not None:
                found[f"{name}_p50"], found[f"{name}_p99"] = (round(value, 2) for value in both)
        return found

    def read_state(self) -> tuple[ServiceState, str]:
        """What to tell: ready once every exchange was tried, degraded with the reasons while one is unavailable."""
        now = time.monotonic()
        if not all(feed.attempted or not feed.list_wanted() for feed in self._feeds):
            return "starting", "connecting to the exchanges"
        troubles = []
        for feed in self._feeds:
            name, trouble = feed.exchange.name, feed.describe_trouble()
            if not trouble:
                self._up_at[name] = now
            elif self._is_unavailable(name, now):
                troubles.append(trouble if trouble.startswith(name) else f"{name}: {trouble}")
        troubles += [
            unheard for feed in self._feeds if (unheard := feed.describe_silent_symbols()) and unheard not in troubles
        ]
        if any(pipeline.count_open_gaps() for pipeline in self._pipelines):
            troubles += [repairer.status for repairer in self._repairers if repairer.status]
        troubles += [text for pipeline in self._pipelines if (text := self._describe_future_trades(pipeline, now))]
        unplaced = [text for pipeline in self._pipelines if (text := self._describe_unplaced(pipeline, now))]
        self._unplaced_text = "; ".join(unplaced)
        troubles += unplaced
        warning = self._clocks.describe_warning()
        return "degraded" if troubles else "ready", "; ".join([*troubles, warning] if warning else troubles)

    def _describe_future_trades(self, pipeline: Pipeline, now: float) -> str:
        """A stream of trades from the future, for a person; empty without one."""
        name, (held, overflown) = pipeline.exchange.name, pipeline.count_future_trades()
        if held:
            more = ", those that are too many to be fetched from its history" if overflown else ""
            return (
                f"{name}: trades lie in the future by this machine's clock; they are held until {name}'s REST side "
                f"tells the time{more}: if the clock is slow, set it by NTP (on Linux: timedatectl set-ntp true)"
            )
        refused = self._future[name].measure(now, pipeline.counts.future)
        return "" if refused < ALARM else f"{name}: trades lie in the future and are refused (see the dead letters)"

    def _describe_unplaced(self, pipeline: Pipeline, now: float) -> str:
        """A stream of trades whose position among the ids nobody can prove, for a person; empty without one."""
        lines = list(pipeline.lines.values())
        refused = self._unproven[pipeline.exchange.name].measure(
            now, sum(line.sequencer.record.unproven for line in lines)
        )
        held = {line.symbol: len(line.sequencer.unconfirmed.held) for line in lines}
        waiting = [symbol for symbol, count in held.items() if count >= ALARM]
        if refused < ALARM and not waiting:
            return ""
        parts = [f"{refused} trades of the last minute have ids that contradict what is known (see the dead letters)"]
        parts += [f"{held[symbol]} of {symbol} are held until its history tells their place" for symbol in waiting[:3]]
        return f"{pipeline.exchange.name}: {'; '.join(parts if refused >= ALARM else parts[1:])}"

    def _read_exchange_numbers(self, pipeline: Pipeline, feed: ConnectionManager, rate: EventRate) -> dict[str, Any]:
        name = pipeline.exchange.name
        per_second = rate.read(pipeline.counts.trades)
        pipeline.delay.tune(per_second)
        delay, offset_ms = compute_percentiles(pipeline.delay), self._clocks.get_offset_ms(name)
        return {
            "exchange": name,
            "state": self._describe_connection(feed),
            "detail": feed.describe_status(),
            "trades_per_s": round(per_second, 1),
            "delay_ms": round(delay[0], 2) if delay is not None else None,
            "clock_offset_ms": round(offset_ms, 1) if offset_ms is not None else None,
            "gaps_open": pipeline.count_open_gaps(),
            "gaps_repaired": pipeline.counts.gaps_repaired,
            "reconnects": feed.reconnects,
            "symbols": len(feed.list_wanted()),
        }

    def _describe_connection(self, feed: ConnectionManager) -> str:
        if feed.is_up():
            return "connected"
        tried = feed.attempted or not feed.list_wanted()
        return "unavailable" if tried and self._is_unavailable(feed.exchange.name, time.monotonic()) else "connecting"

    def _is_unavailable(self, name: str, now: float) -> bool:
        return now - self._up_at.get(name, -GRACE_S) > GRACE_S
