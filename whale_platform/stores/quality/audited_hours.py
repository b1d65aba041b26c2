"""Table `audited_hours`: which hours were audited and how that ended, so that no hour is left out.

Raises PostgresUnusableError.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from psycopg2.extras import execute_values

from whale_platform.stores.asset_tables.materialisation import STATEMENT_TIMEOUT_S, fetch_rows
from whale_platform.stores.postgres.connection import open_transaction

REPEAT_FOR = timedelta(hours=6)  # for so long an hour that was wrong is audited again by itself
DAY, WEEK = timedelta(days=1), timedelta(days=7)

_RECORD = """
INSERT INTO audited_hours (hour, passed, trades, detail, code_version) VALUES %s
ON CONFLICT (hour) DO UPDATE SET passed = excluded.passed, trades = excluded.trades, detail = excluded.detail,
    code_version = excluded.code_version, audited_at = now()
"""

_DUE = """
WITH bounds AS (
    SELECT greatest(%(first)s, %(end)s - %(week)s, coalesce((SELECT min(hour) FROM audited_hours), %(end)s - %(day)s))
        AS start
)
SELECT min(turn) FROM bounds, generate_series(bounds.start, %(end)s - interval '1 hour', interval '1 hour') AS turn
LEFT JOIN audited_hours ON hour = turn
WHERE hour IS NULL OR (NOT passed AND turn >= %(end)s - %(again)s)
"""

_FAILED = "SELECT hour, detail FROM audited_hours WHERE NOT passed AND hour >= %s ORDER BY hour"


class AuditedHour(NamedTuple):
    """One hour (aware UTC); detail: what was wrong, empty where nothing was."""

    hour: datetime
    passed: bool
    trades: int
    detail: str
    code_version: str


def record_audited_hours(dsn: str, hours: Sequence[AuditedHour]) -> None:
    """Remember these hours, in place of what was known of them."""
    with open_transaction(dsn, "whale-audit", statement_timeout_s=STATEMENT_TIMEOUT_S) as conn, conn.cursor() as cursor:
        if hours:
            execute_values(cursor, _RECORD, hours)


def find_due_hour(dsn: str, first: datetime, end: datetime) -> datetime | None:
    """The earliest full hour of [first, end) whose turn it is; None where there is none.

    That is one since the first audited that never was, of a week at most (Kafka keeps no more), or one of the last six
    that was wrong. Where none was ever audited, the last day's.
    """
    asked = {"first": first, "end": end, "day": DAY, "week": WEEK, "again": REPEAT_FOR}
    found: datetime | None = fetch_rows(dsn, _DUE, asked)[0][0]
    return found


def read_failed_hours(dsn: str, since: datetime) -> list[tuple[datetime, str]]:
    """(hour, what was wrong) of the hours from then on that were wrong when they were last audited."""
    return [(hour, detail) for hour, detail in fetch_rows(dsn, _FAILED, (since,))]
