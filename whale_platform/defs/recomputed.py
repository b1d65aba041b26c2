"""Past hours made again from the lake: after late trades, repaired holes and imports, or whenever someone asks.

The asset makes the hours it is asked for, up to their rollups and reports. The job `late_trades` asks by itself: it
compares how many trades the lake and the windows have in each closed hour, and makes the hours again where the lake
has more.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from whale_platform.defs.assets import hourly_rollups, whale_reports
from whale_platform.defs.external import FROM_LAKE, LAKE, OWNERS
from whale_platform.defs.own import schedule_status
from whale_platform.defs.partitions import HOURS, hours_of
from whale_platform.defs.spark import Spark
from whale_platform.defs.store import Store
from whale_platform.defs.upkeep import unless_behind
from whale_platform.lake.schema import exists
from whale_platform.reports.tables import table
from whale_platform.settings import Settings
from whale_platform.sink import parse
from whale_platform.stores import checks, recomputed, rollups, thresholds
from whale_platform.stores import whale_reports as reports
from whale_platform.stores.assets import HOUR, Hours, Maker
from whale_platform.version import code_version

if TYPE_CHECKING:
    from whale_platform.stream.recompute import Session

Context = dg.AssetExecutionContext | dg.OpExecutionContext
LOOK_BACK_DAYS = 7
CLOSED = timedelta(minutes=2)
AT_ONCE = 24  # hours a batch, so that their windows fit in memory


@dg.asset(
    key=FROM_LAKE,
    partitions_def=HOURS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[LAKE],
    group_name="lake",
    kinds={"pyspark", "postgres"},
    owners=OWNERS,
)
def windows_from_lake(context: dg.AssetExecutionContext, store: Store, spark: Spark) -> dg.MaterializeResult[None]:
    """Windows and whales of these hours from the raw trades in the lake, by the stream's own definition.

    Tables `trade_windows` and `whale_alerts`; then `hourly_rollups` and `whale_reports` of the same hours from them.
    What the stream has right already stays as it wrote it.
    """
    hours = hours_of(context)
    with spark.session() as session:
        found = make(context, store.dsn(), session, hours)
    return dg.MaterializeResult(metadata={"hours": hours.count, **found})


def make(context: Context, dsn: str, session: "Session", hours: Hours) -> dict[str, int]:
    """Make these hours again; what was read and changed. Raises Failure where the lake says no.

    An hour is compacted first, so that a trade that came twice (live and imported) is counted once.
    """
    # Loaded here: the lake's and Spark's libraries cost 100 MB in processes that never need them.
    from whale_platform.lake import rewrite
    from whale_platform.lake import table as lake
    from whale_platform.lake.errors import LakeError
    from whale_platform.stream import recompute

    root, run_id = Settings().trades_lake, context.run.run_id
    known = {(exchange, symbol): usd for exchange, symbol, usd in thresholds.read_thresholds(dsn)}
    out = {"trades": 0, "windows": 0, "windows_changed": 0, "whales": 0, "whales_new": 0}
    start, whole = hours.start, set[datetime]()
    try:
        for hour in rewrite.crowded(root, hours.start, hours.end):
            rewrite.hour(root, hour, {"run": run_id, "why": "recompute"})
        opened = lake.opened(root)
        while start < hours.end:
            end = min(start + AT_ONCE * HOUR, hours.end)
            files = lake.files(opened, start, end)
            if files:
                whole |= {file.start for file in files}
                paths, now = [file.path for file in files], int(datetime.now(UTC).timestamp() * 1000)
                windows = [parse.window(value, now) for value in recompute.windows(session, root, paths, run_id)]
                whales = [parse.whale(value, now) for value in recompute.whales(session, root, paths, known, run_id)]
                changed, new = recomputed.store(dsn, windows, whales)
                for name, more in (("windows", len(windows)), ("windows_changed", changed), ("whales_new", new)):
                    out[name] += more
                out["whales"] += len(whales)
                out["trades"] += sum(window.trade_count for window in windows)
            start = end
    except LakeError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    maker = Maker(run_id, code_version())
    for asset, written in (
        (hourly_rollups, rollups.make(dsn, hours, maker, sorted(whole))),
        (whale_reports, reports.make(dsn, hours, maker, sorted(whole))),
    ):
        for hour in sorted(whole) if written else ():
            told = {"made_by": FROM_LAKE.to_user_string()}
            context.log_event(dg.AssetMaterialization(asset.key, partition=_key(hour), metadata=told))
    return out


def _key(hour: datetime) -> str:
    return HOURS.get_partition_key_for_timestamp(hour.timestamp())


@dg.op
def remake_late_hours(context: dg.OpExecutionContext, store: Store, spark: Spark) -> None:
    """Finds closed hours of the last seven days in which the lake has more trades than the windows; makes them."""
    from whale_platform.lake import table as lake

    settings = Settings()
    root = settings.trades_lake
    if not exists(root):
        context.log.info("there is no lake yet")
        return
    end = (datetime.now(UTC) - CLOSED).replace(minute=0, second=0, microsecond=0)
    days = min(LOOK_BACK_DAYS, settings.retention_days)  # older windows are gone on purpose
    past = Hours(end.replace(hour=0) - timedelta(days=days), end)
    in_lake: dict[datetime, int] = {}
    for file in lake.files(lake.opened(root), past.start, past.end):
        in_lake[file.start] = in_lake.get(file.start, 0) + file.rows
    in_windows = checks.trades_by_hour(store.dsn(), past)
    late = [hour for hour, rows in sorted(in_lake.items()) if rows > in_windows.get(hour, 0)]
    context.add_output_metadata({"hours": len(late), "which": dg.MetadataValue.md(_listed(late, in_lake, in_windows))})
    if not late:
        return
    with spark.session() as session:
        for hour in late:
            found = make(context, store.dsn(), session, Hours(hour, hour + HOUR))
            context.log_event(dg.AssetMaterialization(FROM_LAKE, partition=_key(hour), metadata={"hours": 1, **found}))


def _listed(late: Sequence[datetime], in_lake: dict[datetime, int], in_windows: dict[datetime, int]) -> str:
    rows = [(f"{hour:%Y-%m-%d %H:%M}", in_lake[hour], in_windows.get(hour, 0)) for hour in late]
    return table(("hour", "in the lake", "in the windows"), rows) if rows else "No hour has late trades."


@dg.job(description="Makes the windows of closed hours again that hold fewer trades than the lake.")
def late_trades() -> None:
    """One op."""
    remake_late_hours()


every_hour = dg.ScheduleDefinition(
    name="late_trades_every_hour",
    job=late_trades,
    cron_schedule="17 * * * *",
    execution_fn=unless_behind(),
    execution_timezone="UTC",
    default_status=schedule_status(),
    description="Looks for closed hours with late trades and makes them again.",
)
