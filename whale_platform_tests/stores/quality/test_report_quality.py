"""The questions of reports' checks on real tables."""

from datetime import timedelta

import pytest

from whale_platform.stores.asset_tables.materialisation import HOUR, fetch_rows
from whale_platform.stores.quality import report_quality
from whale_platform_tests.stores.asset_tables.test_materialisation import store
from whale_platform_tests.stores.builders import START, WINDOW

pytestmark = pytest.mark.server


def test_size_bands_of_an_hour_are_compared_with_the_windows_of_its_day_alone(database: str) -> None:
    store(database, [WINDOW._replace(window_start=START + number * timedelta(days=1)) for number in range(3)])
    plan = fetch_rows(database, f"EXPLAIN {report_quality._BANDS}", {"start": START, "end": START + HOUR})
    partitions = {word for (line,) in plan for word in line.split() if word.startswith("trade_windows_")}
    assert {name[:22] for name in partitions} == {"trade_windows_20240808"}
