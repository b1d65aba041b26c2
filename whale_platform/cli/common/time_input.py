"""Times as an operator writes them, in UTC."""

from datetime import UTC, datetime

from whale_platform.cli.common.errors import UserError


def parse_time(text: str) -> datetime:
    """`2026-11-21T13:00` or `2026-11-21` as aware UTC; an offset is honoured. Raises UserError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"{text!r} is not a time: write 2026-11-21T13:00 or 2026-11-21, in UTC") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def parse_range(start: str, end: str) -> tuple[datetime, datetime]:
    """What `--from` and `--to` name. Raises UserError, also where they are the wrong way round."""
    first, last = parse_time(start), parse_time(end)
    if first >= last:
        raise UserError(f"--from {start} is not before --to {end}")
    return first, last
