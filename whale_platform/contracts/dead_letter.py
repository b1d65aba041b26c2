"""Topic `trade_dead_letters`: what could not be parsed or believed, by the ingester and the stream.

The stream's letters have the exchange `unknown`, and the time 0, since a message that can't be read names neither.
"""

import base64
import json
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

from whale_platform.contracts.field_reader import MessageFields
from whale_platform.contracts.message_contract import MessageContract, MessageField
from whale_platform.domain.names import DEAD_LETTERS

VERSION = 1
LONG_BYTES = 256_000
MAX_REASON = 1_000
UNKNOWN_EXCHANGE = "unknown"
MAX_STREAM_CHARACTERS = 100_000  # of a frame that the stream puts into a letter
DeadLetterKind = Literal["unparseable", "quarantined"]
CONTRACT = MessageContract(
    topic=DEAD_LETTERS,
    version=VERSION,
    about="What could not be parsed or believed, by the ingester and the stream; the stream's have the exchange "
    "`unknown` and the time 0.",
    key="binance",
    fields=(
        MessageField("exchange", "name", "the adapter's name, or unknown"),
        MessageField("reason", "text", "for a person"),
        MessageField("kind", "name", "unparseable: no trade; quarantined: a trade that can't be real"),
        MessageField("received_time", "time", "when the frame reached the ingester, or 0"),
        MessageField("frame", "text", "what was received, where it is text", optional=True),
        MessageField("frame_base64", "text", "what was received, where it is no text", optional=True),
        MessageField("truncated", "boolean", "whether the frame goes on"),
    ),
    example={
        "v": VERSION,
        "exchange": "binance",
        "reason": "not JSON",
        "kind": "unparseable",
        "received_time": 1_723_118_400_000_000,
        "frame": "{",
        "truncated": False,
    },
)


class DeadLetterRow(NamedTuple):
    """Dead letters of one exchange, kind and day (UTC): how many, and the newest one's reason and place in Kafka."""

    exchange: str
    kind: str
    day: date
    letters: int
    first_time: datetime
    last_time: datetime
    last_reason: str
    last_offset: int


def encode_dead_letter(
    exchange: str, kind: DeadLetterKind, reason: str, frame: bytes, received_time: int, max_bytes: int = LONG_BYTES
) -> bytes:
    """One message; at most about 350 kB. The frame is text where it is UTF-8 (and not mostly escapes), else base64."""
    kept = frame[:max_bytes]
    text = _decode_frame(kept, len(frame) > max_bytes)
    row: dict[str, Any] = {
        "v": VERSION,
        "exchange": exchange,
        "reason": reason[:MAX_REASON],
        "kind": kind,
        "received_time": received_time,
    }
    if text is not None:
        row["frame"] = text
    else:
        row["frame_base64"] = base64.b64encode(kept).decode()
    row["truncated"] = len(frame) > max_bytes
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def decode_dead_letter(value: bytes | None, timestamp_ms: int, offset: int) -> DeadLetterRow:
    """Decode one message as a count of one; `timestamp_ms`: its Kafka timestamp. Raises MessageFormatError."""
    m = MessageFields(value, timestamp_ms, VERSION)
    received = (
        m.read_time("received_time") if m.read_integer("received_time") else m.stamp
    )  # 0: the stream's, which has none
    return DeadLetterRow(
        exchange=m.read_name("exchange"),
        kind=m.read_name("kind"),
        day=received.date(),
        letters=1,
        first_time=received,
        last_time=received,
        last_reason=m.read_text("reason"),
        last_offset=offset,
    )


def _decode_frame(frame: bytes, truncated: bool) -> str | None:
    for spare in range(4 if truncated else 1):
        try:
            text = frame[: len(frame) - spare].decode()
        except UnicodeDecodeError:
            continue
        return text if sum(character < " " for character in text) * 5 < LONG_BYTES else None
    return None
