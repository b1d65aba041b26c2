"""How young what is deleted may be: younger than this only goes where somebody confirms it by the name of the home.

A mistyped number, or a job launched by somebody else, must not empty a store. Both the jobs and the functions that
delete ask here.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

LEAST_DAYS = 7
LEAST_HOURS = 24


class UnconfirmedDeletionError(Exception):
    """Something young would be deleted; the message says what, and that it has to be confirmed."""


def check_days(days: int) -> None:
    """Raise UnconfirmedDeletionError where fewer than `LEAST_DAYS` would be kept."""
    if days < LEAST_DAYS:
        raise UnconfirmedDeletionError(f"days is {days}: keeping fewer than {LEAST_DAYS} has to be confirmed")


def check_hours(hours: int) -> None:
    """Raise UnconfirmedDeletionError where fewer than `LEAST_HOURS` would be kept."""
    if hours < LEAST_HOURS:
        raise UnconfirmedDeletionError(f"hours is {hours}: keeping fewer than {LEAST_HOURS} has to be confirmed")


def check_old(days: Iterable[date]) -> None:
    """Raise UnconfirmedDeletionError where a day (UTC) to delete is one of the last `LEAST_DAYS` or in the future."""
    young = sorted(day for day in days if day >= datetime.now(UTC).date() - timedelta(days=LEAST_DAYS))
    if young:
        raise UnconfirmedDeletionError(
            f"{young[0]} is one of the last {LEAST_DAYS} days: deleting it has to be confirmed"
        )
