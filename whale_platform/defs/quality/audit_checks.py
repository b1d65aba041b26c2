"""The audit as checks: every hour since the last audited one, in Kafka, Postgres and the lake.

Hours in which Dagster was down are audited when it is back, and so are hours whose turn comes while the stream is
behind, or of which not all has arrived everywhere. An hour that was wrong is audited again for six hours, so that a
repair is noticed; after that its check stays red until `whale audit` has found it right.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg

from whale_platform.audit import render
from whale_platform.audit.reconcile import AuditLine, AuditResult
from whale_platform.broker.errors import BrokerError, OffsetExpiredError
from whale_platform.defs.lineage.assets import ALERTS_KEY, LAKE_KEY, SIZE_BANDS_KEY, WINDOWS_KEY
from whale_platform.defs.shared.store_resource import StoreResource
from whale_platform.homes import read_home
from whale_platform.reports.tables import render_table
from whale_platform.stores.quality import audited_hours
from whale_platform.supervision.control import overload

IDS_SPEC = dg.AssetCheckSpec(
    "every_trade_everywhere",
    asset=LAKE_KEY,
    description="Since the last audited hour each trade is in Kafka, Postgres and the lake, once.",
)
VALUES_SPEC = dg.AssetCheckSpec(
    "windows_are_the_lakes",
    asset=WINDOWS_KEY,
    description="Since the last audited hour each window, and each rollup, has the values of the lake's trades.",
)
WHALES_SPEC = dg.AssetCheckSpec(
    "whales_are_the_lakes",
    asset=ALERTS_KEY,
    description="Since the last audited hour the whales are the lake's trades and sweeps over their time's threshold.",
)
BANDS_SPEC = dg.AssetCheckSpec(
    "bands_are_the_lakes",
    asset=SIZE_BANDS_KEY,
    description="Since the last audited hour the bands of each minute are those of the lake's trades.",
)
# How the kinds of their differences begin; (): all others.
KINDS: tuple[tuple[dg.AssetCheckSpec, tuple[str, ...]], ...] = (
    (VALUES_SPEC, ()),
    (WHALES_SPEC, ("whale",)),
    (BANDS_SPEC, ("bands",)),
)


@dg.multi_asset_check(name="audit", specs=[IDS_SPEC, *(spec for spec, _ in KINDS)])
def audit_checks(store: StoreResource) -> Iterator[dg.AssetCheckResult]:
    """What `whale audit` says of those hours."""
    # DuckDB and delta-rs take 90 MB, and every process of Dagster loads this file.
    from whale_platform.audit import audit_progress, collect
    from whale_platform.lake.errors import LakeError

    dsn = store.dsn()  # fails with words where there is no database yet
    settings, now = store.read(), datetime.now(UTC)
    home = read_home(settings.home)
    born = datetime.fromtimestamp(home.created, UTC) if home else None
    end = collect.find_settled_end(settings, now).replace(minute=0)
    left = overload.explain_stream_lag(settings.home)
    start = audit_progress.find_due_hour(settings, born, end) if left is None else None
    found = AuditResult(end, end, (), (f"No hour was audited: {left}",) if left else ())
    if start is not None:
        try:
            found = collect.run_audit(settings, start, end, now, born)
        except (BrokerError, OffsetExpiredError, LakeError) as error:
            raise dg.Failure(f"the trades can't be audited: {error}", allow_retries=False) from None
        audit_progress.record_audit(settings, found)
    unresolved = audited_hours.read_failed_hours(dsn, end - audited_hours.WEEK)
    replayed = settings.source == "replay"
    yield from build_results(found, [row for row in unresolved if row[0] < found.start], replayed)


def build_results(
    result: AuditResult, unresolved: list[tuple[datetime, str]], replayed: bool
) -> Iterator[dg.AssetCheckResult]:
    """What the answer means.

    unresolved: earlier hours that were wrong and have not been found right since; replayed: trades are of other days.
    """
    sums = render.sum_lines(result.lines)
    hours = (result.end - result.start) // timedelta(hours=1)
    nothing = hours > 0 and not result.lines and not replayed
    ids = [line for line in result.lines if replace(line, differences=()).verdict == "wrong"]
    yield dg.AssetCheckResult(
        check_name=IDS_SPEC.name,
        asset_key=IDS_SPEC.asset_key,
        passed=not (ids or unresolved or nothing or _select_different(result, ("damaged",))),
        severity=dg.AssetCheckSeverity.WARN if nothing and not unresolved else dg.AssetCheckSeverity.ERROR,
        metadata={
            "hours": hours,
            "trades": sums.trades,
            "missing": sums.missing + sums.unexplained,
            "not_yet": sums.not_yet,
            "doubled": sums.doubled,
            "repaired": sums.repaired,
            "exchange_gap": sums.exchange_gap,
            "unresolved": dg.MetadataValue.md(_render_unresolved(unresolved)),
            "table": dg.MetadataValue.md("No place has a trade." if nothing else render.render_markdown(result)),
        },
    )
    for spec, kinds in KINDS:
        lines = _select_different(result, kinds)
        rows = [render.render_cells(line) for line in lines[: render.MAX_LINES]]
        yield dg.AssetCheckResult(
            check_name=spec.name,
            asset_key=spec.asset_key,
            passed=not lines,
            metadata={
                "hours": hours,
                "different": sum(one.count for line in lines for one in line.differences),
                "table": dg.MetadataValue.md(render_table(render.LINE_HEAD, rows)),
            },
        )


def _select_different(result: AuditResult, kinds: tuple[str, ...]) -> list[AuditLine]:
    """The lines with differences of these kinds, and with those alone; without kinds: of all the others."""
    lines = []
    for line in result.lines:
        some = tuple(
            one
            for one in line.differences
            if (one.kind.startswith(kinds) if kinds else not one.kind.startswith(("whale", "bands", "damaged")))
        )
        if some:
            lines.append(replace(line, differences=some))
    return lines


def _render_unresolved(hours: list[tuple[datetime, str]]) -> str:
    if not hours:
        return "none"
    first, last = (f"{hour:%Y-%m-%dT%H:%M}" for hour in (hours[0][0], hours[-1][0] + timedelta(hours=1)))
    rows = render_table(("hour", "what was wrong"), [(f"{hour:%Y-%m-%d %H:%M}", detail) for hour, detail in hours])
    return f"{rows}\n\nAfter their repair: `whale audit --from {first} --to {last}`."


CHECKS = (audit_checks,)
