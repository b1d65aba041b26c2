"""The raw topic's content, what each query has emitted of it, and so how far each is behind; updated once a second.

While the broker does not answer, everything is unknown (None) and nothing is guessed.
"""

import time
from collections.abc import Callable, Mapping

from pyspark.sql import SparkSession

from whale_platform.broker import topics
from whale_platform.broker.errors import BrokerError
from whale_platform.broker.topic_offsets import TopicOffsets
from whale_platform.domain.names import RAW_TRADES, STREAM_POSITIONS, TRADE_WINDOWS
from whale_platform.setting_values import is_local_master
from whale_platform.settings import Settings
from whale_platform.storage.folders import Folder
from whale_platform.stream.monitoring.lag import (
    UNKNOWN_LAG,
    EmitRate,
    OffsetArrivals,
    PartitionOffsets,
    QueryLag,
    measure_lag,
)
from whale_platform.stream.monitoring.positions import CommittedOffsets, JmxConsumers, TopicProbe
from whale_platform.stream.query.mode_policy import Mode
from whale_platform.stream.query.transforms import POSITION_EVERY

HIDDEN_TRADES = 2 * POSITION_EVERY  # trades of a partition that may be out without the whales' query having said so
HIDDEN_S = 600.0  # no longer than that: a commit, every two minutes, says it in any case
QUIET_S = 5.0  # what was read that long ago is out, or was dropped as late or broken


class TopicFlow:
    """`update` once a second, in one thread; then `behind`, `rate` and `has_caught_up` are of that moment.

    folders: {query: its checkpoint's folder}. `rate`: trades/s of the windows' query lately, None before it is known;
    `windows_emitted`: trades that it has put out in all, as offsets count them.
    """

    def __init__(
        self, settings: Settings, session: SparkSession, parts: list[int], folders: Mapping[str, Folder], run_id: str
    ) -> None:
        """Raises BrokerError where the broker is unavailable."""
        found = topics.describe_topics(settings.bootstrap, [TRADE_WINDOWS])[TRADE_WINDOWS]
        local = is_local_master(settings.spark_master)
        positions = {} if local else {STREAM_POSITIONS: range(1)}
        edges = {RAW_TRADES: parts, TRADE_WINDOWS: range(found.partitions), **positions}
        self._edges = TopicOffsets(settings.bootstrap, edges)
        self._messages = TopicProbe(settings.bootstrap, run_id)
        self._consumers = JmxConsumers(session) if local else None
        self.committed = {query: CommittedOffsets(folder) for query, folder in folders.items()}
        self.behind: dict[str, QueryLag] = dict.fromkeys(folders, UNKNOWN_LAG)
        self.rate: float | None = None
        self.windows_emitted: int | None = None
        self._arrivals, self._rate = OffsetArrivals(), EmitRate()
        self._ends: PartitionOffsets = {}
        self._starts: PartitionOffsets = {}
        self._window_ends: PartitionOffsets = {}
        self._realtime: list[str] = []
        self._out: dict[str, PartitionOffsets] = {}
        self._targets: dict[str, tuple[PartitionOffsets, bool]] = {}
        self._quiet: dict[int, tuple[float, int]] = {}

    def update(self, modes: Mapping[str, Mode]) -> None:
        """modes: {query: its mode} of those that run. Raises Py4JError where the JVM is gone."""
        try:
            edges = self._edges.read()
        except BrokerError:
            self.behind = dict.fromkeys(self.behind, UNKNOWN_LAG)
            return
        now = time.monotonic()
        self._starts = starts = {part: start for part, (start, _) in edges[RAW_TRADES].items()}
        self._window_ends = {part: end for part, (_, end) in edges[TRADE_WINDOWS].items()}
        self._arrivals.record(now, {part: end for part, (_, end) in edges[RAW_TRADES].items()})
        self._ends = self._messages.find_trade_ends(edges[RAW_TRADES])
        emitted = self._messages.read_emitted(TRADE_WINDOWS, edges[TRADE_WINDOWS])
        self._realtime = realtime = [query for query, mode in modes.items() if mode == "realtime"]
        if self._consumers is None:
            read = {"whales": self._messages.read_emitted(STREAM_POSITIONS, edges[STREAM_POSITIONS])}
        else:
            read = self._consumers.read(realtime, starts) if realtime else {}
        for query, committed in self.committed.items():
            known: list[PartitionOffsets] = [starts, committed.read()]
            if query in realtime:
                known.append(self._find_emitted_offsets(query, emitted, read, now))
            out = {part: max(places.get(part, 0) for places in known) for part in starts}
            self.behind[query] = measure_lag(now, self._ends, out, self._arrivals, self._messages.trade_age_s)
            if query == "whales" and query in realtime and self._consumers is None:
                out = {part: end if end - out[part] < HIDDEN_TRADES else out[part] for part, end in self._ends.items()}
                if (self.behind[query].seconds or 0.0) < HIDDEN_S:
                    self.behind[query] = measure_lag(now, self._ends, out, self._arrivals, self._messages.trade_age_s)
            self._out[query] = out
        self.windows_emitted = sum(self._out["windows"].values())
        self.rate = self._rate.update(now, self.windows_emitted)

    def _find_emitted_offsets(
        self, query: str, emitted: PartitionOffsets, read: Mapping[str, dict[int, int]], now: float
    ) -> PartitionOffsets:
        """What a real-time query has put out within its batch."""
        places = read.get(query, {})
        if query == "whales":  # a filter: what has been read is out within milliseconds
            return places
        settled = {}
        for part, place in places.items():
            since, last = self._quiet.get(part, (now, -1))
            self._quiet[part] = (since if last == place else now, place)
            if emitted and place >= self._ends[part] and now - self._quiet[part][0] >= QUIET_S:
                settled[part] = place
        return {part: max(emitted.get(part, 0), settled.get(part, 0)) for part in {*emitted, *settled}}

    def mark_start(self, query: str) -> None:
        """The query starts or restarts: it is to reach the ends that were seen when it began first."""
        out = self._out.get(query) or {}
        self._targets.setdefault(query, (self._ends, any(out.get(part, 0) < end for part, end in self._ends.items())))
        if query == "windows":
            self._messages.reset_emitted(TRADE_WINDOWS, self._window_ends)
            self._quiet.clear()

    def has_caught_up(self, query: str, active: Callable[[], bool]) -> bool:
        """Whether all that was in the topic when the query began is out.

        Where nothing was behind, or a cluster hides it: whether its tasks read; `active()`: whether it works at all.
        """
        targets, was_behind = self._targets[query]
        out = self._out.get(query)
        if was_behind and out is not None:
            return all(out.get(part, 0) >= min(end, self._ends[part]) for part, end in targets.items())
        hidden = self._consumers is None or query not in self._realtime  # an idle micro-batch opens no consumer
        return active() and (hidden or (self._consumers is not None and self._consumers.has_consumers(query)))

    @property
    def raw_ends(self) -> PartitionOffsets:
        """{partition: offset after its last trade} of the raw topic."""
        return self._ends

    def emitted_offsets(self, query: str) -> PartitionOffsets:
        """{partition: offset up to which the query has emitted}; empty before it is known."""
        return self._out.get(query, {})

    def spread_s(self, query: str) -> float:
        """Seconds of event time over which lies what the query has to read yet, from its last commit on."""
        done = self.committed[query].read()
        places = {part: max(self._starts.get(part, 0), done.get(part, 0)) for part in self._ends}
        return self._messages.event_time_spread_s(
            {part: (places[part], end) for part, end in self._ends.items() if places[part] < end}
        )

    def close(self) -> None:
        """Close the connection to the broker."""
        self._messages.close()
