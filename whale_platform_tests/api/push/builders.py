"""Whales, messages and a past, made for tests."""

import json
from decimal import Decimal

from whale_platform.api.errors import HistoryExpiredError, HistoryUnavailableError
from whale_platform.api.push.fanout.whale_log import AlertRecord, PushedWhale
from whale_platform.contracts.raw_trade import encode_trade
from whale_platform.domain.names import WHALE_ALERTS
from whale_platform.domain.trade import Trade
from whale_platform_tests.sink.messages import message


def whale(number: int, usd: int = 100_000, symbol: str = "BTCUSDT") -> PushedWhale:
    """Whale `number`, heard at that millisecond."""
    return PushedWhale(("binance", symbol, "single_trade", number), Decimal(usd), number, str(number))


def sweep(number: int, fills: int) -> PushedWhale:
    """The sweep from trade `number`, after so many fills."""
    key = ("binance", "BTCUSDT", "sweep", number)
    return PushedWhale(key, Decimal(10_000 * fills), number, f"{number}:{fills}", fills)


def alert(number: int, **changes: object) -> bytes:
    """A message of `whale_alerts`."""
    return message(WHALE_ALERTS, trade_id=number, **changes)


def trade(number: int, symbol: str = "BTCUSDT", **changes: object) -> bytes:
    """A message of `raw_crypto_trades` with some fields changed."""
    time = 1_723_118_400_000_000
    made = Trade("binance", symbol, "BTC", "USDT", number, Decimal("2.5"), Decimal(4), "buy", time, time)
    return json.dumps(json.loads(encode_trade(made)) | changes, separators=(",", ":")).encode()


class Topic:
    """A Kafka topic and tables of the same whales, in memory. low: the earliest offset by partition."""

    def __init__(self) -> None:
        self.partitions: dict[int, list[AlertRecord]] = {0: [], 1: []}
        self.low = {0: 0, 1: 0}
        self.away = 0
        self.asked = 0

    def add(self, partition: int, one: PushedWhale | None) -> AlertRecord:
        """Append a message."""
        found = AlertRecord(partition, len(self.partitions[partition]), one)
        self.partitions[partition].append(found)
        return found

    async def read_kafka(self, partition: int, start: int, end: int, most: int) -> list[AlertRecord]:
        """See `WhaleHistory`; gives three at most."""
        self.asked += 1
        self._maybe_away()
        if start < self.low[partition]:
            raise HistoryExpiredError(self.low[partition])
        return self.partitions[partition][start : min(end, start + 3)]

    async def read_tables(self, since_ms: int, most: int) -> list[PushedWhale] | None:
        """See `WhaleHistory`."""
        self._maybe_away()
        stored = {one.whale.key: one.whale for part in self.partitions.values() for one in part if one.whale}
        out = sorted((one for one in stored.values() if one.time_ms >= since_ms), key=lambda one: one.time_ms)
        return None if len(out) > most else out

    def _maybe_away(self) -> None:
        if self.away:
            self.away -= 1
            raise HistoryUnavailableError("away")
