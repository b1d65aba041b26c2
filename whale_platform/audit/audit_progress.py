"""Whose turn it is to be audited, and what is remembered of an audit: by full hours, in table `audited_hours`.

Raises PostgresUnusableError.
"""

from datetime import UTC, datetime, timedelta

from whale_platform.audit import render
from whale_platform.audit.reconcile import AuditResult, find_worst_verdict
from whale_platform.settings import Settings
from whale_platform.stores.quality import audited_hours
from whale_platform.stores.quality.audited_hours import AuditedHour
from whale_platform.version import code_version

HOUR = timedelta(hours=1)
MAX_TOLD = 500  # characters


def find_due_hour(settings: Settings, created: datetime | None, end: datetime) -> datetime | None:
    """The earliest hour before `end`, a full hour, that has to be audited; None where there is none."""
    first = datetime.min.replace(tzinfo=UTC) + timedelta(days=1) if created is None else created
    return audited_hours.find_due_hour(settings.dsn("dagster"), first.replace(minute=0, second=0, microsecond=0), end)


def record_audit(settings: Settings, result: AuditResult) -> None:
    """Remember each full hour of this audit; one without trades is nothing that can be wrong.

    An hour that has not arrived everywhere yet keeps its turn.
    """
    hours, hour = [], result.start
    while hour + HOUR <= result.end:
        lines = [line for line in result.lines if line.hour == hour]
        wrong = [line for line in lines if line.verdict == "wrong"]
        detail = "; ".join(f"{line.exchange} {line.symbol}: {render.describe_line(line)}" for line in wrong)[:MAX_TOLD]
        trades = sum(line.trades for line in lines)
        if find_worst_verdict(lines) != "not yet":
            hours.append(AuditedHour(hour, not wrong, trades, detail, code_version()))
        hour += HOUR
    audited_hours.record_audited_hours(settings.dsn("dagster"), hours)
