"""Checks that look past the tables: at the raw trades in Kafka, at the services' heartbeats, at Dagster's own runs."""

import time
from datetime import UTC, datetime, timedelta

import dagster as dg

from whale_platform.audit import recount
from whale_platform.audit.recount import MinuteDifference, MinuteTotal
from whale_platform.broker import recent_messages
from whale_platform.broker.errors import BrokerError
from whale_platform.defs.lineage.assets import RAW_KEY, WINDOWS_KEY
from whale_platform.defs.quality.table_checks import LOOK_BACK
from whale_platform.defs.shared.platform_settings import PlatformSettings
from whale_platform.defs.shared.store_resource import StoreResource
from whale_platform.domain.names import RAW_TRADES
from whale_platform.reports.tables import format_percent, render_table
from whale_platform.settings import WORKERS
from whale_platform.stores.quality import stream_quality as questions
from whale_platform.supervision.control import desired_state, state_files
from whale_platform.supervision.runtime import heartbeat

SETTLED_AFTER = timedelta(minutes=2)
RECOUNTED_SPAN = timedelta(minutes=5)
MAX_MESSAGES = 5_000_000
LAG, LAG_S, SILENT_S, CATCHES_UP_S = 10_000, 60.0, 30.0, 300.0
LATE_SHARE = 0.001
STORM_RESTARTS, STORM_WITHIN_S = 10, 3600.0


@dg.asset_check(asset=WINDOWS_KEY, description="Five settled minutes hold exactly the trades that are in Kafka.")
def windows_hold_the_raw_trades(store: StoreResource) -> dg.AssetCheckResult:
    """Counts and volumes of each minute and symbol, made again from the raw topic."""
    end = (datetime.now(UTC) - SETTLED_AFTER).replace(second=0, microsecond=0)
    start = end - RECOUNTED_SPAN
    since_ms = int((start - SETTLED_AFTER).timestamp() * 1000)
    bootstrap = store.read().bootstrap
    try:
        messages = recent_messages.read_recent_values(bootstrap, RAW_TRADES, since_ms, MAX_MESSAGES)
        raw = recount.count_minutes(messages, int(start.timestamp()) * 1_000_000, int(end.timestamp()) * 1_000_000)
    except BrokerError as error:
        raise dg.Failure(f"the trades can't be read: {error}", allow_retries=False) from None
    rows = questions.read_minutes(store.dsn(), start, end)
    found = recount.find_differences(raw, {row[:3]: MinuteTotal(row[3], row[4]) for row in rows})
    return judge_recount(found, sum(total.trades for total in raw.values()), len(raw))


def judge_recount(differences: list[MinuteDifference], trades: int, minutes: int) -> dg.AssetCheckResult:
    """What the answer means."""
    rows = [
        (
            f"{one.exchange} {one.symbol}",
            f"{datetime.fromtimestamp(one.minute / 1e6, UTC):%H:%M}",
            one.raw.trades if one.raw else "none",
            one.table.trades if one.table else "none",
        )
        for one in differences[:50]
    ]
    return dg.AssetCheckResult(
        passed=not differences,
        metadata={
            "trades": trades,
            "minutes": minutes,
            "different": len(differences),
            "by_minute": dg.MetadataValue.md(render_table(("symbol", "minute", "in Kafka", "in the table"), rows)),
        },
    )


@dg.asset_check(asset=WINDOWS_KEY, description="No window of the last 24 hours holds a price or volume that can't be.")
def no_absurd_window(store: StoreResource) -> dg.AssetCheckResult:
    """Prices out of order or not positive, a negative volume, a price that doubled within a minute."""
    now = datetime.now(UTC)
    found = questions.find_implausible_windows(store.dsn(), now - LOOK_BACK, now)
    return dg.AssetCheckResult(
        passed=not found,
        metadata={
            "windows": len(found),
            "which": dg.MetadataValue.md(
                render_table(("exchange", "symbol", "minute", "low", "high", "vwap", "volume"), found)
            ),
        },
    )


@dg.asset_check(
    asset=WINDOWS_KEY, description="Fewer than one trade in a thousand came later than the watermark allows."
)
def few_late_trades(store: StoreResource) -> dg.AssetCheckResult:
    """Late trades since the stream's start, as its heartbeat counts them, against the trades in the windows since."""
    told = heartbeat.read_heartbeat(store.folder, "stream")
    late = int(told.numbers.get("late_dropped", 0)) if told is not None else 0
    since = datetime.fromtimestamp(told.started, UTC) if told is not None else datetime.now(UTC)
    counted = questions.count_trades_since(store.dsn(), since)
    share = late / (late + counted) if late else 0.0
    return dg.AssetCheckResult(
        passed=share < LATE_SHARE,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"late": late, "counted": counted, "share": format_percent(share, 3)},
    )


@dg.asset_check(asset=RAW_KEY, description="Every service that is wanted beats, and none is far behind.")
def nobody_lags(platform: PlatformSettings) -> dg.AssetCheckResult:
    """Messages and seconds each service is behind, by its own heartbeat; one that has just started may be.

    A lag that a service does not know is wrong too: nobody can say that it keeps up.
    """
    home, now = platform.folder, time.time()
    lags: dict[str, float] = {}
    wrong: list[str] = []
    for service in WORKERS:
        if not desired_state.read_desired_state(home, service).running:
            continue
        told = heartbeat.read_heartbeat(home, service)
        if told is None or now - told.at > SILENT_S:
            wrong.append(f"{service}: no heartbeat")
            continue
        known = {name: told.numbers[name] for name in ("lag", "lag_s") if told.numbers.get(name) is not None}
        lags |= {f"{name}_{service}": float(value) for name, value in known.items()}
        if now - told.started <= CATCHES_UP_S:
            continue
        if now - (told.numbers.get("behind_since") or now) > LAG_S:
            wrong.append(f"{service}: {told.detail}")
        elif known.get("lag", 0) > LAG or known.get("lag_s", 0) > LAG_S:
            wrong.append(f"{service}: {known.get('lag', 0):,.0f} messages behind")
        elif "lag" in told.numbers and "lag" not in known:
            wrong.append(f"{service}: it is unknown how far behind it is")
    return dg.AssetCheckResult(passed=not wrong, metadata={**lags, "wrong": "; ".join(wrong) or "nothing"})


@dg.asset_check(asset=RAW_KEY, description="No service fails again and again.")
def no_restart_storm(platform: PlatformSettings) -> dg.AssetCheckResult:
    """How often each service was started within the last hour, as its supervisor tells."""
    home, now = platform.folder, time.time()
    starts = dict.fromkeys(WORKERS, 0)
    for name in WORKERS:
        changes = (state_files.read_changes(home, name) or {}) if state_files.read_working_state(home, name) else {}
        for one in changes.get("services", {}).get(name, ()):
            starts[name] += one["state"] == "starting" and now - one["at"] < STORM_WITHIN_S
    storms = [f"{name}: see job `{name}` and `whale logs {name}`" for name in WORKERS if starts[name] >= STORM_RESTARTS]
    figures = {f"starts_{name}": count for name, count in starts.items()}
    return dg.AssetCheckResult(passed=not storms, metadata={**figures, "storms": "; ".join(storms) or "none"})


@dg.asset_check(asset=RAW_KEY, description="No stream of trades whose ids contradict what is known.")
def every_id_has_its_place(platform: PlatformSettings) -> dg.AssetCheckResult:
    """What the ingester tells of trades that it could neither publish nor prove to be duplicates."""
    told = heartbeat.read_heartbeat(platform.folder, "ingester")
    numbers = told.numbers if told is not None else {}
    return dg.AssetCheckResult(
        passed=not numbers.get("unplaced"),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "refused": int(numbers.get("unproven", 0)),
            "held": int(numbers.get("held", 0)),
            "wrong": numbers.get("unplaced") or "nothing",
        },
    )


CHECKS = (
    windows_hold_the_raw_trades,
    no_absurd_window,
    few_late_trades,
    nobody_lags,
    no_restart_storm,
    every_id_has_its_place,
)
