"""Asset checks on the stream's tables: an answer a person can act on, with the numbers beside it."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from whale_platform.defs.lineage.assets import WINDOWS_KEY
from whale_platform.defs.shared.store_resource import StoreResource
from whale_platform.exchanges.registry import has_history
from whale_platform.reports.tables import render_table
from whale_platform.stores.quality import stream_quality as questions

LOOK_BACK = timedelta(hours=24)
GAPS_KEY = dg.AssetKey(["table", "ingest_gaps"])


@dg.asset_check(asset=WINDOWS_KEY, description="The sink has stored every message it was given.")
def nothing_refused(store: StoreResource) -> dg.AssetCheckResult:
    """Rejects by topic and reason."""
    found = questions.read_reject_counts(store.dsn())
    return dg.AssetCheckResult(
        passed=not found,
        metadata={
            "messages": sum(count for *_, count in found),
            "by_reason": dg.MetadataValue.md(render_table(("topic", "reason", "messages"), found)),
        },
    )


@dg.asset_check(asset=GAPS_KEY, description="No gap that history could have filled was given up.", blocking=False)
def no_hole_given_up(store: StoreResource) -> dg.AssetCheckResult:
    """Unrepaired gaps by symbol: each can be explained by its row in the ledger."""
    return judge_gaps(questions.read_unrepaired_gaps(store.dsn()))


def judge_gaps(found: list[tuple[str, str, int]]) -> dg.AssetCheckResult:
    """What the gaps (exchange, symbol, ids) mean: where an exchange shows no history, none could have been repaired."""
    given_up = [row for row in found if has_history(row[0])]
    lasting = [row[:2] for row in found if not has_history(row[0])]
    return dg.AssetCheckResult(
        passed=not given_up,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "ids": sum(count for *_, count in given_up),
            "by_symbol": dg.MetadataValue.md(render_table(("exchange", "symbol", "ids"), given_up)),
            "without_history": dg.MetadataValue.md(render_table(("exchange", "symbol"), lasting)),
        },
    )


@dg.asset_check(
    asset=WINDOWS_KEY, description="In the last 24 hours no reader of a topic lost messages or its position."
)
def nothing_lost(store: StoreResource) -> dg.AssetCheckResult:
    """What the sink and the stream's queries lost, and which queries restarted with a fresh checkpoint."""
    return judge_losses(questions.read_losses(store.dsn(), datetime.now(UTC) - LOOK_BACK))


def judge_losses(losses: list[questions.ReaderLoss]) -> dg.AssetCheckResult:
    """What the answer means: a query that restarted and lost nothing is worth a line, but not wrong."""
    rows = [(f"{one.found_at:%Y-%m-%d %H:%M:%S}", one.reader, one.topic, one.partition, one.detail) for one in losses]
    lost = [one for one in losses if one.cause != "none"]
    return dg.AssetCheckResult(
        passed=not lost,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "lost_ranges": len(lost),
            "began_anew": len({(one.reader, one.found_at) for one in losses}),
            "ledger": dg.MetadataValue.md(render_table(("found (UTC)", "reader", "topic", "partition", "what"), rows)),
        },
    )


CHECKS = (nothing_refused, no_hole_given_up, nothing_lost)
