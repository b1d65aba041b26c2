"""Topic `ingest_gaps`: one gap in a market's trade ids, written by the ingester again whenever it changes.

The topic is compacted, so the last message of a key counts. Two read it: the sink, for people, and the ingester itself,
which goes on from it after a stop.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, TypedDict

from whale_platform.contracts.errors import MessageFormatError
from whale_platform.contracts.field_reader import MessageFields
from whale_platform.contracts.message_contract import MessageContract, MessageField
from whale_platform.domain.names import INGEST_GAPS

VERSION = 1
IdRange = tuple[int, int]
CONTRACT = MessageContract(
    topic=INGEST_GAPS,
    version=VERSION,
    about="Each gap in a symbol's trade ids, by the ingester, again under its key whenever it changes.",
    key="binance:BTCUSDT:12",
    fields=(
        MessageField("exchange", "name", "the adapter's name"),
        MessageField("symbol", "name", "as the exchange spells it"),
        MessageField("first_id", "integer"),
        MessageField("last_id", "integer"),
        MessageField("cause", "name", "restart, reconnect, stream or epoch"),
        MessageField("mode", "name", "inline: later trades wait for it; background: they do not"),
        MessageField("state", "name", "open, repaired, exchange_gap or unrepaired"),
        MessageField("found_time", "time"),
        MessageField("closed_time", "time", nullable=True),
        MessageField("filled", "integer", "how many of its ids were published after all"),
        MessageField("progress_id", "integer", "the next id to look for", nullable=True),
        MessageField("detail", "text", "for a person: what is still missing and why"),
        MessageField("absent", "ranges", "ids that the exchange's history lacks", optional=True),
        MessageField("kept", "ranges", "ids that were seen but are quarantined", optional=True),
        MessageField("beyond", "ranges", "ids that the exchange's history does not reach", optional=True),
        MessageField("note", "text", "the part of `detail` that is not derived", optional=True),
        MessageField("until", "time", "event time of a trade with a higher id; 0: unknown", optional=True),
    ),
    example={
        "v": VERSION,
        "exchange": "binance",
        "symbol": "BTCUSDT",
        "first_id": 12,
        "last_id": 20,
        "cause": "reconnect",
        "mode": "inline",
        "state": "exchange_gap",
        "found_time": 1_723_118_400_000_000,
        "closed_time": 1_723_118_400_000_001,
        "filled": 8,
        "progress_id": 21,
        "detail": "not in the exchange's history: 15",
        "absent": [[15, 15]],
        "kept": [],
        "beyond": [],
        "note": "",
        "until": 1_723_118_400_000_000,
    },
)


class GapMessage(TypedDict):
    """The fields of one message but for its version; ranges are (first id, last id), times microseconds UTC."""

    exchange: str
    symbol: str
    first_id: int
    last_id: int
    cause: str
    mode: str
    state: str
    found_time: int
    closed_time: int | None
    filled: int
    progress_id: int
    detail: str
    absent: list[IdRange]
    kept: list[IdRange]
    beyond: list[IdRange]
    note: str
    until: int


class GapRow(NamedTuple):
    """One gap in a symbol's trade ids as it is stored; see the comments on table `ingest_gaps`."""

    exchange: str
    symbol: str
    first_id: int
    last_id: int
    cause: str
    mode: str
    state: str
    found_time: datetime
    closed_time: datetime | None
    filled: int
    progress_id: int | None
    detail: str
    updated_at: datetime

    @property
    def key(self) -> tuple[str, str, int]:
        """Return the primary key."""
        return self[:3]


def encode_gap_key(exchange: str, symbol: str, first_id: int) -> bytes:
    """Return the Kafka key of the gap that begins at `first_id`."""
    return f"{exchange}:{symbol}:{first_id}".encode()


def encode_gap_message(message: GapMessage) -> bytes:
    """Encode one message."""
    return json.dumps({"v": VERSION, **message}, separators=(",", ":")).encode()


def decode_gap_message(value: bytes) -> GapMessage:
    """Decode one message with all that the ingester needs to go on. Raises MessageFormatError."""
    try:
        row = json.loads(value)
        if row["v"] != VERSION:
            raise MessageFormatError(f"gap row of version {row['v']}")
        return GapMessage(
            exchange=row["exchange"],
            symbol=row["symbol"],
            first_id=row["first_id"],
            last_id=row["last_id"],
            cause=row["cause"],
            mode=row["mode"],
            state=row["state"],
            found_time=row["found_time"],
            closed_time=row["closed_time"],
            filled=row["filled"],
            progress_id=row["progress_id"],
            detail=row["detail"],
            absent=parse_ranges(row.get("absent", ())),
            kept=parse_ranges(row.get("kept", ())),
            beyond=parse_ranges(row.get("beyond", ())),
            note=row.get("note", row["detail"]),
            until=row.get("until", 0),
        )
    except MessageFormatError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MessageFormatError(f"not a gap row: {error!r}") from None


def decode_gap_row(value: bytes | None, timestamp_ms: int) -> GapRow:
    """Decode one message as the sink stores it; `timestamp_ms`: its Kafka timestamp. Raises MessageFormatError."""
    m = MessageFields(value, timestamp_ms, VERSION)
    return GapRow(
        exchange=m.read_name("exchange"),
        symbol=m.read_name("symbol"),
        first_id=m.read_integer("first_id"),
        last_id=m.read_integer("last_id"),
        cause=m.read_name("cause"),
        mode=m.read_name("mode"),
        state=m.read_name("state"),
        found_time=m.read_time("found_time"),
        closed_time=m.read_time("closed_time") if m.has_value("closed_time") else None,
        filled=m.read_integer("filled"),
        progress_id=m.read_integer_or_none("progress_id"),
        detail=m.read_text("detail"),
        updated_at=m.stamp,
    )


def parse_ranges(rows: Iterable[Iterable[int]]) -> list[IdRange]:
    """Return ranges of ids as JSON has them, as tuples."""
    return [(int(first), int(last)) for first, last in rows]
