"""A client's position among the whales, as one opaque text that outlives the server.

It holds the next offset of each partition, so it means the same to every server whatever order it reads partitions
in; the topic's id, because offsets of a recreated topic mean nothing; and the Kafka time of the last whale, for when
the offsets are beyond Kafka's reach and the tables have to answer. Anything else raises InvalidCursorError.
"""

import base64
import binascii
import re
from dataclasses import dataclass, field

from whale_platform.api.errors import InvalidCursorError

MAX_TEXT = 8_000
MAX_MS = 253_402_300_799_999  # the end of the year 9999, beyond which there is no time to ask the tables for
_form = re.compile(r"1\.([A-Za-z0-9+/=_-]{0,64})\.([0-9]{1,15})\.((?:[0-9]{1,5}:[0-9]{1,18}(?:,|$)){0,256})").fullmatch


@dataclass(frozen=True, slots=True)
class WhaleCursor:
    """topic: the Kafka id of topic `whale_alerts`; time_ms: Kafka time of the last whale; offsets: the next ones.

    A partition without a place is read from its first offset: it was added after the cursor was made.
    """

    topic: str
    time_ms: int
    offsets: dict[int, int] = field(default_factory=dict)

    def format_text(self) -> str:
        """Return the cursor as URL-safe text."""
        pairs = ",".join(f"{partition}:{offset}" for partition, offset in sorted(self.offsets.items()))
        return base64.urlsafe_b64encode(f"1.{self.topic}.{self.time_ms}.{pairs}".encode()).rstrip(b"=").decode()


def parse_cursor(text: str) -> WhaleCursor:
    """The inverse of `WhaleCursor.format_text`. Raises InvalidCursorError."""
    if len(text) > MAX_TEXT:
        raise InvalidCursorError("the cursor is too long")
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise InvalidCursorError("the cursor is not one of this server's") from None
    found = _form(plain)
    if found is None or int(found[2]) > MAX_MS:
        raise InvalidCursorError("the cursor is not one of this server's")
    pairs = [pair.split(":") for pair in found[3].split(",") if pair]
    return WhaleCursor(found[1], int(found[2]), {int(partition): int(offset) for partition, offset in pairs})
