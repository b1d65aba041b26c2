"""What `whale threshold set --hours` names: amounts for the hours of the week, of a file or as they were suggested.

Whatever is wrong with a file or missing of a suggestion is an operator's error, told before anything is set.
"""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from whale_platform.cli.common.errors import UserError
from whale_platform.domain.hours_of_week import HOURS_OF_WEEK, name_hour_of_week
from whale_platform.domain.suggestion import explain_missing_hours
from whale_platform.domain.whale import HourlyUsd
from whale_platform.stores.postgres.pool import ConnectionPool
from whale_platform.stores.queries import suggestions

SUGGESTED = "suggested"
NONE = "-"  # in a file: no amount of its own


def read_hours(path: Path, parse_amount: Callable[[str], Decimal]) -> HourlyUsd:
    """Return the amounts of a file: 168 words, Monday 00:00 UTC first. Raises UserError."""
    try:
        words = path.read_text().split()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"--hours {path}: it can't be read ({error}); give a file of 168 amounts, or {SUGGESTED}"
        ) from None
    if len(words) != HOURS_OF_WEEK:
        raise UserError(
            f"--hours {path}: it has {len(words)} amounts, not {HOURS_OF_WEEK}: one for each hour of the week, from "
            f"Monday 00:00 UTC on, {NONE} for the amount of all others"
        )
    hours = list[Decimal | None]()
    for hour, word in enumerate(words):
        try:
            hours.append(None if word == NONE else parse_amount(word))
        except UserError as error:
            raise UserError(f"--hours {path}, {name_hour_of_week(hour)}: {error}") from None
    return hours


def read_suggested_hours(pool: ConnectionPool, exchange: str, symbol: str) -> tuple[Decimal, HourlyUsd]:
    """Return what was suggested last: the amount of all hours, and those of hours of the week. Raises UserError."""
    rows = [dict(zip(suggestions.NAMES, row, strict=True)) for row in suggestions.read_suggestions(pool)]
    found = next((one for one in rows if (one["exchange"], one["symbol"]) == (exchange, symbol)), None)
    command = "`whale threshold suggest --hours` computes it"
    if found is None:
        raise UserError(f"nothing is suggested for {exchange} {symbol}: {command} for each market with enough trades")
    if not found["hours_of_week"]:
        why = explain_missing_hours(found["hours"], found["days"])
        raise UserError(f"{exchange} {symbol} has no suggestion by hour of the week: {command}. {why}")
    hours: list[Decimal | None] = [None] * HOURS_OF_WEEK
    for one in found["hours_of_week"]:
        hours[one["hour_of_week"]] = Decimal(one["usd"])
    return Decimal(found["usd"]), hours


def describe_hours(hours: HourlyUsd) -> str:
    """Return the least and the highest amount, and when they hold."""
    known = [(usd, hour) for hour, usd in enumerate(hours) if usd is not None]
    if not known:
        return "no other amounts by hour of the week"
    least, most = (f"{usd:,f} ({name_hour_of_week(hour)})" for usd, hour in (min(known), max(known)))
    return f"by hour of the week from {least} to {most} UTC"
