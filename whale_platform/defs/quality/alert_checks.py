"""The check that the lake gives the alerts that the stream gave, of every kind, over the last whole hours."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from whale_platform.defs.lineage.assets import ALERTS_KEY
from whale_platform.defs.shared.store_resource import StoreResource
from whale_platform.lake.delta.schema import table_exists
from whale_platform.lake.errors import LakeError
from whale_platform.reports.tables import render_table
from whale_platform.supervision.control import overload

HOURS = 2
SETTLED_AFTER = timedelta(minutes=5)
HEAD = ("time (UTC)", "exchange", "symbol", "kind", "trade", "what")
MOST = 50


@dg.asset_check(
    asset=ALERTS_KEY, description=f"In the last {HOURS} whole hours the alerts are those that the lake's trades give."
)
def alerts_are_the_back_tests(store: StoreResource) -> dg.AssetCheckResult:
    """`whale backtest --compare-live` over those hours; nothing is compared while the stream is behind."""
    store.dsn()  # fails with words where there is no database yet
    settings = store.read()
    lagging = overload.explain_stream_lag(settings.home)
    if lagging is not None or not table_exists(settings.trades_lake):
        return dg.AssetCheckResult(passed=True, metadata={"compared": lagging or "there is no lake yet"})
    from whale_platform.backtest import live_difference  # with numpy and DuckDB 120 MB, and every process loads this

    end = (datetime.now(UTC) - SETTLED_AFTER).replace(minute=0, second=0, microsecond=0)
    try:
        found = live_difference.compare_live_alerts(settings, end - timedelta(hours=HOURS), end)
    except LakeError as error:
        raise dg.Failure(f"the lake can't be read: {error}", allow_retries=False) from None
    rows = [(f"{one.event_time:%Y-%m-%d %H:%M:%S}", *one[:4], one.why) for one in found.different[:MOST]]
    return dg.AssetCheckResult(
        passed=not found.different,
        metadata={
            "compared": f"{found.start:%Y-%m-%d %H:%M} to {found.end:%H:%M}",
            "same": found.same,
            "excused": found.excused,
            "different": len(found.different),
            "which": dg.MetadataValue.md(render_table(HEAD, rows)),
        },
    )


CHECKS = (alerts_are_the_back_tests,)
