"""Frames and trades that can't be used, kept with the reason in topic `trade_dead_letters`.

Every one is kept: a flood is not dropped but cut to its first `SHORT` bytes each once it exceeds `BYTES_PER_S`, so
that a format change at full rate can't fill the broker with megabyte frames.
"""

import base64
import json
import time
from collections.abc import Callable
from typing import Literal

from whale_platform.domain.trade import Trade

LONG = 256_000
SHORT = 1_000
BYTES_PER_S = 2_000_000
BURST = 32_000_000
Kind = Literal["unparseable", "quarantined"]


def letter(exchange: str, kind: Kind, reason: str, frame: bytes, received_time: int, most: int = LONG) -> bytes:
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


def described(trade: Trade) -> bytes:
    """A trade as JSON with its numbers as they are, however absurd."""
    names = ("exchange", "symbol", "trade_id", "price", "quantity", "side", "event_time", "received_time", "source")
    return json.dumps({name: getattr(trade, name) for name in names}, default=str).encode()


class DeadLetters:
    """One exchange's sender. Not thread-safe."""

    def __init__(
        self, exchange: str, send: Callable[[bytes], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._exchange = exchange
        self._send, self._clock = send, clock
        self._budget = float(BURST)
        self._at = clock()

    def put(self, kind: Kind, reason: str, frame: bytes, received_time: int) -> None:
        """Send one letter."""
        now = self._clock()
        self._budget = min(BURST, self._budget + (now - self._at) * BYTES_PER_S)
        self._at = now
        most = LONG if self._budget > 0 else SHORT
        self._budget -= min(len(frame), most)
        self._send(letter(self._exchange, kind, reason, frame, received_time, most))


def _text(kept: bytes, cut: bool) -> str | None:
    for spare in range(4 if cut else 1):
        try:
            text = kept[: len(kept) - spare].decode()
        except UnicodeDecodeError:
            continue
        return text if sum(character < " " for character in text) * 5 < LONG else None
    return None
