"""What the running queries tell of themselves, as numbers for the heartbeat.

Spark reports once a batch, which in real-time mode is once a checkpoint interval; between batches only the lag, read
from the Kafka consumers inside the driver's JVM, is live. With executors elsewhere that lag is unknown (None).
"""

import json
from typing import Any

from py4j.java_gateway import JavaObject
from py4j.protocol import Py4JError
from pyspark.sql import SparkSession
from pyspark.sql.streaming import StreamingQuery

from whale_platform.stream.checkpoints import LAKE

KEPT = 10  # batches whose reports may come again; more than Spark keeps, by session.py
_LAG_BEANS = "kafka.consumer:type=consumer-fetch-manager-metrics,topic=*,partition=*,*"


def numbers(queries: dict[str, StreamingQuery]) -> dict[str, Any]:
    """{`<query>_rows`, `<query>_batch`, `<query>_batch_ms`, …} of the last batch; empty before the first."""
    out: dict[str, Any] = {}
    for name, query in queries.items():
        last = query.lastProgress
        if last is None:
            continue
        body = json.loads(last.json)
        out[f"{name}_rows"] = body.get("numInputRows", 0)
        out[f"{name}_batch"] = body.get("batchId")
        out[f"{name}_batch_ms"] = body.get("durationMs", {})
        out[f"{name}_latencies"] = body.get("latencies") or body.get("rtmMetrics")
    return out


class LateRows:
    """Counts the rows of a query that came after the watermark: each batch once, however often it is reported.

    Spark keeps the last few reports, and reports an idle trigger as the next batch, without rows.
    """

    def __init__(self) -> None:
        self._counted = 0
        self._recent: dict[int, int] = {}

    def look(self, query: StreamingQuery) -> int:
        """All of them so far."""
        for one in query.recentProgress:
            body = json.loads(one.json)
            late = sum(state.get("numRowsDroppedByWatermark", 0) for state in body.get("stateOperators", []))
            self._recent[body["batchId"]] = max(late, self._recent.get(body["batchId"], 0))
        for batch in sorted(self._recent)[:-KEPT]:
            self._counted += self._recent.pop(batch)
        return self._counted + sum(self._recent.values())


def lag(session: SparkSession) -> int | None:
    """Messages of the raw topic that the slower real-time query in this JVM has not fetched yet; None where unknown."""
    jvm = session._jvm
    if jvm is None:
        return None
    try:
        server: JavaObject = jvm.java.lang.management.ManagementFactory.getPlatformMBeanServer()
        pattern = jvm.javax.management.ObjectName(_LAG_BEANS)
        lags: dict[str, float] = {}
        for name in server.queryNames(pattern, None):
            value = float(server.getAttribute(name, "records-lag"))
            client = str(name.getKeyProperty("client-id"))
            if value == value and f"-{LAKE}-" not in client:  # it is behind by its trigger, on purpose
                lags[client] = lags.get(client, 0.0) + value
    except (Py4JError, ValueError):
        return None
    return int(max(lags.values())) if lags else None
