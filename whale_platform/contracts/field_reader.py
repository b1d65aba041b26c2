"""One Kafka message as fields, each read with its check.

Everything is checked that would otherwise end inside Postgres or its client in an error about the whole batch: types,
decimals as plain digits (no float, NaN or exponent), printable names, times within reason. Reasons name the field,
never the value, so that rejects can be counted by reason.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from whale_platform.contracts.errors import MessageFormatError
from whale_platform.domain.plausibility import EARLIEST_US

MAX_NAME = 200
MAX_PROSE = 500
AHEAD_US = 86_400_000_000  # later than a day after its own Kafka timestamp, a time is an error
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_digits = re.compile(r"[0-9]{1,60}(?:\.[0-9]{1,60})?").fullmatch


class MessageFields:
    """The fields of one JSON object of `version`, each read with its check. `timestamp_ms`: the Kafka timestamp."""

    __slots__ = ("_latest_us", "_row", "stamp")

    def __init__(self, value: bytes | None, timestamp_ms: int, version: int) -> None:
        try:
            row = json.loads(value or b"")
        except (ValueError, RecursionError):
            raise MessageFormatError("not JSON") from None
        if type(row) is not dict:
            raise MessageFormatError("not a JSON object")
        if row.get("v") != version:
            raise MessageFormatError(f"not schema version {version}")
        self._row: dict[str, Any] = row
        self._latest_us = timestamp_ms * 1000 + AHEAD_US
        self.stamp = _EPOCH + timedelta(milliseconds=max(timestamp_ms, 0))

    def read_name(self, field: str) -> str:
        """A short printable text."""
        value = self._row.get(field)
        if type(value) is not str or not 0 < len(value) <= MAX_NAME or not value.isprintable():
            raise MessageFormatError(f"{field} is not a name")
        return value

    def read_text(self, field: str) -> str:
        """Any text, shortened, with what can't be stored or printed replaced."""
        value = self._row.get(field)
        if type(value) is not str:
            raise MessageFormatError(f"{field} is not a text")
        value = value[:MAX_PROSE]
        return value if value.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in value)

    def read_decimal(self, field: str) -> str:
        """A non-negative decimal string, without trailing zeros."""
        value = self._row.get(field)
        if type(value) is not str or not _digits(value):
            raise MessageFormatError(f"{field} is not a decimal string")
        return value.rstrip("0").rstrip(".") if "." in value else value

    def read_integer(self, field: str) -> int:
        """A whole number; not a bool."""
        value = self._row.get(field)
        if type(value) is not int:
            raise MessageFormatError(f"{field} is not an integer")
        return value

    def read_time(self, field: str) -> datetime:
        """Microseconds since the epoch as UTC datetime, between 2009 and a day after the Kafka timestamp."""
        value = self.read_integer(field)
        if not EARLIEST_US <= value <= self._latest_us:
            raise MessageFormatError(f"{field} is not a time of our days")
        return _EPOCH + timedelta(microseconds=value)

    def read_name_or_none(self, field: str) -> str | None:
        """A short printable text; None where it is null, or the message is older than the field."""
        return self.read_name(field) if self.has_value(field) else None

    def read_integer_or_none(self, field: str) -> int | None:
        """A whole number; None where it is null, or the message is older than the field."""
        return self.read_integer(field) if self.has_value(field) else None

    def read_decimal_or_none(self, field: str) -> str | None:
        """A decimal string; None where it is null, or the message is older than the field."""
        return self.read_decimal(field) if self.has_value(field) else None

    def has_value(self, field: str) -> bool:
        """Whether `field` holds something other than null."""
        return self._row.get(field) is not None
