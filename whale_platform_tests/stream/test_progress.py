"""Late rows, as Spark reports them batch by batch."""

import json
from types import SimpleNamespace
from typing import Any, cast

from pyspark.sql.streaming import StreamingQuery

from whale_platform.stream import progress


def reported(*batches: tuple[int, int]) -> StreamingQuery:
    """A query with the reports of (batch, rows that came too late)."""
    bodies = [{"batchId": batch, "stateOperators": [{"numRowsDroppedByWatermark": late}]} for batch, late in batches]
    found: Any = SimpleNamespace(recentProgress=[SimpleNamespace(json=json.dumps(body)) for body in bodies])
    return cast("StreamingQuery", found)


def test_rows_of_every_batch_since_the_last_look_count_once() -> None:
    assert progress.late_since(reported((4, 7), (5, 2), (6, 1)), 4) == 3
    assert progress.late_since(reported((4, 7)), 4) == 0
    assert progress.late_since(reported(), -1) == 0
