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


def test_rows_of_every_batch_count_once_however_often_it_is_reported() -> None:
    late = progress.LateRows()
    assert late.look(reported()) == 0
    assert late.look(reported((0, 7), (1, 2))) == 9
    assert late.look(reported((0, 7), (1, 2), (2, 0))) == 9, "2 is an idle trigger yet"
    assert late.look(reported((2, 0), (2, 4), (3, 1), (4, 0))) == 14
    for batch in range(4, 40):
        assert late.look(reported((batch, batch % 2), (batch + 1, 0))) == 14 + (batch - 3) // 2
