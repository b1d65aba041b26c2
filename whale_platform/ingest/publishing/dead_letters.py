"""Frames and trades that can't be used, kept with the reason in topic `trade_dead_letters`.

Every one is kept: a flood is not dropped but cut to its first `SHORT_BYTES` each once it exceeds `BYTES_PER_S`, so that
a format change at full rate can't fill the broker with megabyte frames.
"""

import json
import time
from collections.abc import Callable

from whale_platform.contracts.dead_letter import LONG_BYTES, DeadLetterKind, encode_dead_letter
from whale_platform.domain.trade import Trade

SHORT_BYTES = 1_000
BYTES_PER_S = 2_000_000
BURST_BYTES = 32_000_000


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

    def send(self, kind: DeadLetterKind, reason: str, frame: bytes, received_time: int) -> None:
        """Send one dead letter."""
        now = self._clock()
        self._budget = min(BURST_BYTES, self._budget + (now - self._at) * BYTES_PER_S)
        self._at = now
        most = LONG_BYTES if self._budget > 0 else SHORT_BYTES
        self._budget -= min(len(frame), most)
        self._send(encode_dead_letter(self._exchange, kind, reason, frame, received_time, most))
