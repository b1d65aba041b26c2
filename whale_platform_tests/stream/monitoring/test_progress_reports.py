"""Late rows, as Spark reports them batch by batch."""

import json
from types import SimpleNamespace
from typing import Any, cast

from pyspark.sql.streaming import StreamingQuery

from whale_platform.stream.monitoring import progress_reports


def reported(*batches: tuple[int, int]) -> StreamingQuery:
    """A query with the reports of (batch, rows that came too late)."""
    bodies = [{"batchId": batch, "stateOperators": [{"numRowsDroppedByWatermark": late}]} for batch, late in batches]
    found: Any = SimpleNamespace(recentProgress=[SimpleNamespace(json=json.dumps(body)) for body in bodies])
    return cast("StreamingQuery", found)


def test_rows_of_every_batch_count_once_however_often_it_is_reported() -> None:
    late = progress_reports.LateRowCounter()
    assert late.count(reported()) == 0
    assert late.count(reported((0, 7), (1, 2))) == 9
    assert late.count(reported((0, 7), (1, 2), (2, 0))) == 9, "2 is an idle trigger yet"
    assert late.count(reported((2, 0), (2, 4), (3, 1), (4, 0))) == 14
    for batch in range(4, 40):
        assert late.count(reported((batch, batch % 2), (batch + 1, 0))) == 14 + (batch - 3) // 2


def test_spark_is_asked_when_a_batch_is_over_and_seldom() -> None:
    reports, asked = progress_reports.ProgressReports(), list[float]()
    query: Any = SimpleNamespace(recentProgress=[], lastProgress=SimpleNamespace(json='{"numInputRows": 7}'))
    for second in range(100):
        batch = 1 if second >= 50 else 0  # one checkpoint
        if reports.poll(float(second), "windows", query, batch):
            asked.append(second)
    assert asked == [0, 3, 50, 53]
    assert reports.numbers["windows_rows"] == 7 and reports.measure_busy_share("windows", 1.0) is None
    asked = [second for second in range(100, 160) if reports.poll(float(second), "windows", query, second)]
    assert asked == list(range(100, 160, 3)), "micro-batches of a second"


def test_how_busy_it_is_is_of_the_last_batch_since_it_began_anew() -> None:
    reports = progress_reports.ProgressReports()
    body = json.dumps({"durationMs": {"triggerExecution": 450}})
    query: Any = SimpleNamespace(recentProgress=[], lastProgress=SimpleNamespace(json=body))
    reports.poll(0.0, "windows", query, 0)
    assert reports.measure_busy_share("windows", 1.0) == 0.45
    reports.drop_batch_time("windows")
    assert reports.measure_busy_share("windows", 1.0) is None
