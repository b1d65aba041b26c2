"""Trades put straight into the raw topic, beside what an ingester sends, at a rate, with whales in them.

What comes of them is counted by their exchange, whose name no real one has. Raises as TradeProducer does.
"""

import threading
import time
from decimal import Decimal

from whale_platform.broker.producer import TradeProducer
from whale_platform.contracts import raw_trade
from whale_platform.domain.names import RAW_TRADES
from whale_platform.domain.trade import Trade
from whale_platform.kafka_cluster import KafkaCluster

FLOOD_EXCHANGE = "bench"
SYMBOLS = 20
WHALE_EVERY = 500  # trades
STEP_S = 0.02


class TradeFlood(threading.Thread):
    """From `start` to `stop`, as fast as asked or as this process can. `sent`: how many."""

    def __init__(self, bootstrap: KafkaCluster, rate: float) -> None:
        super().__init__(name="flood", daemon=True)
        self.sent = 0
        self._rate, self._stopped = rate, threading.Event()
        self._producer = TradeProducer(bootstrap, "flood", linger_ms=20)

    def run(self) -> None:
        """Send trades at the rate until `stop`, in this thread."""
        begun = time.time()
        while not self._stopped.wait(STEP_S):
            while self.sent < (time.time() - begun) * self._rate and not self._stopped.is_set():
                one = _generate_trade(self.sent)
                self._producer.send(
                    RAW_TRADES, raw_trade.encode_key(FLOOD_EXCHANGE, one.symbol), raw_trade.encode_trade(one)
                )
                self.sent += 1

    def stop(self) -> int:
        """End it once all has arrived; how many were sent."""
        self._stopped.set()
        self.join()
        self._producer.close(60)
        return self.sent


def _generate_trade(number: int) -> Trade:
    moment = int(time.time() * 1e6)
    quantity = Decimal("0.02") if number % WHALE_EVERY else Decimal(1)
    symbol, price = f"S{number % SYMBOLS}-USD", Decimal("61837.63")
    return Trade(FLOOD_EXCHANGE, symbol, "S", "USD", number // SYMBOLS, price, quantity, "buy", moment, moment)
