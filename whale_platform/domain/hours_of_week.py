"""The hours of the week in UTC, 0 (Monday 00:00 to 01:00) to 167: by them thresholds and suggestions may differ."""

from datetime import UTC, datetime

HOURS_OF_WEEK = 168
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def get_hour_of_week(time: datetime) -> int:
    """Return the hour of the week that an aware time is in."""
    utc = time.astimezone(UTC)
    return utc.weekday() * 24 + utc.hour


def name_hour_of_week(hour: int) -> str:
    """Return the hour for a person: `Sun 23:00`."""
    return f"{_DAYS[hour // 24]} {hour % 24:02}:00"
