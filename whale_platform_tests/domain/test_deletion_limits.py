"""What is young is not deleted on one word."""

from datetime import UTC, datetime, timedelta

import pytest

from whale_platform.domain import deletion_limits

TODAY = datetime.now(UTC).date()


def test_the_bounds_are_a_week_of_days_and_a_day_of_hours() -> None:
    deletion_limits.check_days(7)
    deletion_limits.check_hours(24)
    for few in (-1, 0, 6):
        with pytest.raises(
            deletion_limits.UnconfirmedDeletionError, match=f"days is {few}: keeping fewer than 7 has to be confirmed"
        ):
            deletion_limits.check_days(few)
    with pytest.raises(deletion_limits.UnconfirmedDeletionError, match="hours is 23: keeping fewer than 24"):
        deletion_limits.check_hours(23)


@pytest.mark.parametrize("back", [-400, -1, 0, 1, 6])
def test_a_young_day_is_named(back: int) -> None:
    day, old = TODAY - timedelta(days=back), TODAY - timedelta(days=40)
    with pytest.raises(deletion_limits.UnconfirmedDeletionError, match=f"{day} is one of the last 7 days"):
        deletion_limits.check_old([old, day])
    deletion_limits.check_old([old, TODAY - timedelta(days=8)])
