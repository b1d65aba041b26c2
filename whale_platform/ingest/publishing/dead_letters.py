"""Frames and trades that can't be used, kept with the reason in topic `trade_dead_letters`.

Every one is kept: a flood is not dropped but cut to its first `SHORT_BYTES` each once it exceeds `BYTES_PER_S`, so that
a format change at full rate can't fill the broker with megabyte frames.
"""

import base64
import json
import time
from collections.abc import Callable
from typing import Literal

from whale_platform.domain.trade import Trade

LONG_BYTES = 256_000
SHORT_BYTES = 1_000
BYTES_PER_S = 2_000_000
BURST_BYTES = 32_000_000
DeadLetterKind = Literal["unparseable", "quarantined"]


def encode_dead_letter(
    exchange: str, kind: DeadLetterKind, reason: str, frame: bytes, received_time: int, most: int = LONG_BYTES
) -> bytes:
    """One message; at most about 350 kB. The frame is text where it is UTF-8 (and not mostly escapes), else base64."""
    kept = frame[:most]
    text = _text(kept, len(frame) > most)
    row: dict[str, object] = {
        "v": 1,
        "exchange": exchange,
        "reason": reason[:1_000],
        "kind": kind,
        "received_time": received_time,
    }
    if text is not None:
        row["frame"] = text
    else:
        row["frame_base64"] = base64.b64encode(kept).decode()
    row["truncated"] = len(frame) > most
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def describe_trade(trade: Trade) -> bytes:
    """A trade as JSON with its numbers as they are, however absurd."""
    names = ("exchange", "symbol", "trade_id", "price", "quantity", "side", "event_time", "received_time", "source")
    return json.dumps({name: getattr(trade, name) for name in names}, default=str).encode()


class DeadLetterSender:
    """One exchange's sender. Not thread-safe."""

    def __init__(
        self, exchange: str, send: Callable[[bytes], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._exchange = exchange
        self._send, self._clock = send, clock
        self._budget = float(BURST_BYTES)
        self._at = clock()

    def put(self, kind: DeadLetterKind, reason: str, frame: bytes, received_time: int) -> None:
        """Send one dead letter."""
        now = self._clock()
        self._budget = min(BURST_BYTES, self._budget + (now - self._at) * BYTES_PER_S)
        self._at = now
        most = LONG_BYTES if self._budget > 0 else SHORT_BYTES
        self._budget -= min(len(frame), most)
        self._send(encode_dead_letter(self._exchange, kind, reason, frame, received_time, most))


def _text(kept: bytes, cut: bool) -> str | None:
    for spare in range(4 if cut else 1):
        try:
            text = kept[: len(kept) - spare].decode()
        except UnicodeDecodeError:
            continue
        return text if sum(character < " " for character in text) * 5 < LONG_BYTES else None
    return None
