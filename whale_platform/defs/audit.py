"""The audit as an hourly check: the last full hour of every symbol in Kafka, Postgres and the lake."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from whale_platform.broker.reader import OffsetExpired
from whale_platform.broker.topics import BrokerError
from whale_platform.defs.external import LAKE
from whale_platform.defs.store import Store
from whale_platform.homes import read_home
from whale_platform.reports import audit_tables
from whale_platform.reports.audit import Audit
from whale_platform.settings import Settings


@dg.asset_check(asset=LAKE, description="Each trade of the last full hour is in Kafka, Postgres and the lake, once.")
def every_trade_everywhere(store: Store) -> dg.AssetCheckResult:
    """What `whale audit` says of that hour."""
    # DuckDB and delta-rs take 90 MB, and every process of Dagster loads this file.
    from whale_platform.lake.errors import LakeError
    from whale_platform.reports import gather

    store.dsn()  # fails with words where there is no database yet
    settings, now = Settings(), datetime.now(UTC)
    end = gather.settled(settings, now).replace(minute=0)
    try:
        home = read_home(settings.home)
        born = datetime.fromtimestamp(home.created, UTC) if home else None
        found = gather.audit(settings, end - timedelta(hours=1), end, now, born)
    except (BrokerError, OffsetExpired, LakeError) as error:
        raise dg.Failure(f"the trades can't be audited: {error}", allow_retries=False) from None
    return audit_result(found)


def audit_result(found: Audit) -> dg.AssetCheckResult:
    """What the answer means."""
    sums = audit_tables.totals(found.lines)
    return dg.AssetCheckResult(
        passed=found.passed,
        metadata={
            "trades": sums.trades,
            "missing": sums.missing + sums.unexplained,
            "doubled": sums.doubled,
            "repaired": sums.repaired,
            "exchange_gap": sums.exchange_gap,
            "table": dg.MetadataValue.md(audit_tables.markdown(found)),
        },
    )


CHECKS = (every_trade_everywhere,)
