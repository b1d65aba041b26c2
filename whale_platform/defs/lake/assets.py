"""The lake's compaction: each closed hour becomes one sorted file.

It is safe while the stream writes: a rewrite replaces just the files it has read, in one commit, and what it
replaces stays on disk for a day. Where the lake says no (full, damaged), the run fails with its sentence and nothing
has changed. The lake's libraries are loaded inside the runs: 90 MB in processes that never need them.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from whale_platform.defs.lineage.assets import LAKE_KEY, OWNERS
from whale_platform.defs.shared.code_versions import hash_modules
from whale_platform.defs.shared.platform_settings import PlatformSettings
from whale_platform.lake.delta.schema import table_exists
from whale_platform.reports.tables import format_percent, render_table
from whale_platform.version import code_version

if TYPE_CHECKING:
    from whale_platform.lake.maintenance.rewrite import RewriteResult

CLOSED_AFTER = timedelta(minutes=5)
MAX_SHOWN_HOURS = 48


class CompactionConfig(dg.Config):
    """What the launchpad asks for."""

    open_hour: bool = Field(False, description="Also the hour that the stream is still writing.")


@dg.asset(
    key=["lake", "compacted_trades"],
    deps=[LAKE_KEY],
    group_name="lake",
    kinds={"deltalake", "duckdb"},
    owners=OWNERS,
    code_version=hash_modules("whale_platform.lake.maintenance.rewrite"),
)
def compacted_trades(
    context: dg.AssetExecutionContext, config: CompactionConfig, platform: PlatformSettings
) -> dg.MaterializeResult[None]:
    """Every closed hour that is not one sorted file becomes one; trades that came twice become one."""
    from whale_platform.lake.errors import LakeError
    from whale_platform.lake.maintenance import rewrite

    root = platform.read().trades_lake
    done: list[RewriteResult] = []
    wrong: list[str] = []
    if table_exists(root):
        now = datetime.now(UTC)
        end = now if config.open_hour else (now - CLOSED_AFTER).replace(minute=0, second=0, microsecond=0)
        for hour in rewrite.find_hours_to_compact(root, None, end):
            try:
                found = rewrite.rewrite_hour(
                    root, hour, {"run": context.run.run_id, "code": code_version(), "why": "compaction"}
                )
            except LakeError as error:
                wrong.append(f"{hour:%Y-%m-%d %H:00}: {error}")
                continue
            if found is not None:
                done.append(found)
                context.log.info(f"{hour:%Y-%m-%d %H:00}: {found.files_before} files to 1, {found.rows_after:,} trades")
    if wrong:
        raise dg.Failure("; ".join(wrong), allow_retries=False)
    before, after = sum(one.bytes_before for one in done), sum(one.bytes_after for one in done)
    csv = sum(one.csv_bytes for one in done)
    return dg.MaterializeResult(
        metadata={
            "hours": len(done),
            "trades": sum(one.rows_after for one in done),
            "doubled": sum(one.rows_before - one.rows_after for one in done),
            "files_before": sum(one.files_before for one in done),
            "files_after": sum(one.files_after for one in done),
            "bytes_before": before,
            "bytes_after": after,
            "csv_bytes": csv,
            "saved_as_written": 1 - before / csv if csv else 0.0,
            "saved_after": 1 - after / csv if csv else 0.0,
            "bytes_a_trade": after / max(1, sum(one.rows_after for one in done)),
            "by_hour": dg.MetadataValue.md(_render_by_hour(done)),
        }
    )


def _render_by_hour(results: "Sequence[RewriteResult]") -> str:
    rows = [
        (
            f"{one.start:%Y-%m-%d %H:%M}",
            one.files_before,
            f"{one.rows_after:,}",
            f"{one.bytes_before:,}",
            f"{one.bytes_after:,}",
            format_percent(one.saved),
        )
        for one in results[-MAX_SHOWN_HOURS:]
    ]
    return render_table(("hour", "files", "trades", "bytes before", "after", "less than CSV"), rows)
