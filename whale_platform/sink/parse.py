"""One Kafka message -> one row, or `MessageFormatError` with one of few reasons. Pure functions.

Everything is checked that would otherwise end inside Postgres or its client in an error about the whole batch: types,
decimals as plain digits (no float, NaN or exponent), printable names, times within reason. Reasons name the field,
never the value, so that rejects can be counted by reason.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from whale_platform.domain.plausibility import EARLIEST_US
from whale_platform.stores.stream_tables.rows import DeadLetterRow, GapRow, LossRow, WhaleRow, WindowRow

VERSION = 1
MAX_NAME = 200
MAX_PROSE = 500
AHEAD_US = 86_400_000_000  # later than a day after its own Kafka timestamp, a time is an error
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_digits = re.compile(r"[0-9]{1,60}(?:\.[0-9]{1,60})?").fullmatch


class MessageFormatError(Exception):
    """The message can't become a row; the text is the reason."""


class MessageFields:
    """The fields of one version-1 JSON object, each read with its check. `stamp_ms`: the Kafka timestamp."""

    __slots__ = ("_latest_us", "_row", "stamp")

    def __init__(self, value: bytes | None, stamp_ms: int) -> None:
        try:
            row = json.loads(value or b"")
        except (ValueError, RecursionError):
            raise MessageFormatError("not JSON") from None
        if type(row) is not dict:
            raise MessageFormatError("not a JSON object")
        if row.get("v") != VERSION:
            raise MessageFormatError(f"not schema version {VERSION}")
        self._row: dict[str, Any] = row
        self._latest_us = stamp_ms * 1000 + AHEAD_US
        self.stamp = _EPOCH + timedelta(milliseconds=max(stamp_ms, 0))

    def name(self, field: str) -> str:
        """A short printable text."""
        value = self._row.get(field)
        if type(value) is not str or not 0 < len(value) <= MAX_NAME or not value.isprintable():
            raise MessageFormatError(f"{field} is not a name")
        return value

    def prose(self, field: str) -> str:
        """Any text, shortened, with what can't be stored or printed replaced."""
        value = self._row.get(field)
        if type(value) is not str:
            raise MessageFormatError(f"{field} is not a text")
        value = value[:MAX_PROSE]
        return value if value.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in value)

    def decimal(self, field: str) -> str:
        """A non-negative decimal string, without trailing zeros."""
        value = self._row.get(field)
        if type(value) is not str or not _digits(value):
            raise MessageFormatError(f"{field} is not a decimal string")
        return value.rstrip("0").rstrip(".") if "." in value else value

    def integer(self, field: str) -> int:
        """A whole number; not a bool."""
        value = self._row.get(field)
        if type(value) is not int:
            raise MessageFormatError(f"{field} is not an integer")
        return value

    def time(self, field: str) -> datetime:
        """Microseconds since the epoch as UTC datetime, between 2009 and a day after the Kafka timestamp."""
        value = self.integer(field)
        if not EARLIEST_US <= value <= self._latest_us:
            raise MessageFormatError(f"{field} is not a time of our days")
        return _EPOCH + timedelta(microseconds=value)

    def name_or_none(self, field: str) -> str | None:
        """A short printable text; None where it is null, or the message is older than the field."""
        return self.name(field) if self.maybe(field) else None

    def maybe(self, field: str) -> bool:
        """Whether `field` holds something other than null."""
        return self._row.get(field) is not None


def parse_window(value: bytes | None, stamp_ms: int) -> WindowRow:
    """A message of `trade_windows`. Raises MessageFormatError."""
    m = MessageFields(value, stamp_ms)
    return WindowRow(
        exchange=m.name("exchange"),
        symbol=m.name("symbol"),
        window_start=m.time("window_start"),
        open=m.decimal("open"),
        high=m.decimal("high"),
        low=m.decimal("low"),
        close=m.decimal("close"),
        price_sum=m.decimal("price_sum"),
        volume=m.decimal("volume"),
        notional=m.decimal("notional"),
        buy_volume=m.decimal("buy_volume"),
        trade_count=m.integer("trade_count"),
        first_trade_id=m.integer("first_trade_id"),
        last_trade_id=m.integer("last_trade_id"),
        last_event_time=m.time("last_event_time"),
        source=m.name("source"),
        run_id=m.name("run_id"),
        updated_at=m.stamp,
        topic_partition=m.integer("partition") if m.maybe("partition") else None,
        topic_offset=m.integer("offset") if m.maybe("offset") else None,
        base=m.name_or_none("base"),
        quote=m.name_or_none("quote"),
        usd_via=m.name_or_none("usd_via"),
    )


def parse_whale(value: bytes | None, stamp_ms: int) -> WhaleRow:
    """A message of `whale_alerts`. Raises MessageFormatError."""
    m = MessageFields(value, stamp_ms)
    return WhaleRow(
        exchange=m.name("exchange"),
        symbol=m.name("symbol"),
        kind=m.name("kind"),
        trade_id=m.integer("trade_id"),
        side=m.name("side"),
        price=m.decimal("price"),
        quantity=m.decimal("quantity"),
        notional_usd=m.decimal("notional_usd"),
        threshold_usd=m.decimal("threshold_usd"),
        event_time=m.time("event_time"),
        received_time=m.time("received_time"),
        detected_time=m.stamp,
        source=m.name("source"),
        run_id=m.name("run_id"),
        topic_partition=m.integer("partition") if m.maybe("partition") else None,
        topic_offset=m.integer("offset") if m.maybe("offset") else None,
        base=m.name_or_none("base"),
        quote=m.name_or_none("quote"),
        usd_via=m.name_or_none("usd_via"),
    )


def parse_gap(value: bytes | None, stamp_ms: int) -> GapRow:
    """A message of `ingest_gaps`. Raises MessageFormatError."""
    m = MessageFields(value, stamp_ms)
    return GapRow(
        exchange=m.name("exchange"),
        symbol=m.name("symbol"),
        first_id=m.integer("first_id"),
        last_id=m.integer("last_id"),
        cause=m.name("cause"),
        mode=m.name("mode"),
        state=m.name("state"),
        found_time=m.time("found_time"),
        closed_time=m.time("closed_time") if m.maybe("closed_time") else None,
        filled=m.integer("filled"),
        progress_id=m.integer("progress_id") if m.maybe("progress_id") else None,
        detail=m.prose("detail"),
        updated_at=m.stamp,
    )


def parse_loss(value: bytes | None, stamp_ms: int) -> LossRow:
    """A message of `stream_losses`. Raises MessageFormatError."""
    m = MessageFields(value, stamp_ms)
    return LossRow(
        reader=m.name("reader"),
        topic=m.name("topic"),
        partition=m.integer("partition"),
        topic_id=m.name("topic_id"),
        first_offset=m.integer("first_offset"),
        last_offset=m.integer("last_offset") if m.maybe("last_offset") else None,
        cause=m.name("cause"),
        detail=m.prose("detail"),
        found_at=m.time("found_at"),
    )


def parse_dead_letter(value: bytes | None, stamp_ms: int, offset: int) -> DeadLetterRow:
    """A message of `trade_dead_letters`, as a count of one. Raises MessageFormatError."""
    m = MessageFields(value, stamp_ms)
    received = m.time("received_time") if m.integer("received_time") else m.stamp  # 0: the stream's, which has none
    return DeadLetterRow(
        exchange=m.name("exchange"),
        kind=m.name("kind"),
        day=received.date(),
        letters=1,
        first_time=received,
        last_time=received,
        last_reason=m.prose("reason"),
        last_offset=offset,
    )
