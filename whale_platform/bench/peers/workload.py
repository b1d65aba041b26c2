"""The raw trades that all peers get: a backlog as fast as it can be written, then a steady rate.

Prices and quantities vary, so that a sum tells a trade that was left out from one that was counted twice. Raises as
TradeProducer does.
"""

import threading
import time
from decimal import Decimal
from typing import Any

from whale_platform.broker.producer import TradeProducer
from whale_platform.contracts import raw_trade
from whale_platform.domain.trade import Trade
from whale_platform.kafka_cluster import KafkaCluster

SPACING_US = 1_000  # between two trades of a backlog, as at 1,000/s
STEP_S = 0.005
_PRICES = [Decimal(6_183_763 + number * 7 % 101).scaleb(-2) for number in range(101)]
_QUANTITIES = [Decimal(number * 13 % 97 + 1).scaleb(-5) for number in range(97)]


def generate_trade(exchange: str, number: int, symbols: int, moment: int) -> Trade:
    """The trade of that number, counted from 0 over all `symbols`; moment: event time, microseconds UTC."""
    symbol, side = f"S{number % symbols}-USD", "buy" if number // symbols % 2 else "sell"
    price, quantity, identity = _PRICES[number % 101], _QUANTITIES[number % 97], number // symbols
    taken: Any = side
    return Trade(exchange, symbol, "S", "USD", identity, price, quantity, taken, moment, moment, "simulated")


def produce_backlog(bootstrap: KafkaCluster, topic: str, exchange: str, trades: int, symbols: int) -> None:
    """Write so many trades, the last one with the present time, and wait until Kafka has them."""
    producer = TradeProducer(bootstrap, "bench", linger_ms=20)
    first = int(time.time() * 1e6) - trades * SPACING_US
    for number in range(trades):
        one = generate_trade(exchange, number, symbols, first + number * SPACING_US)
        producer.send(topic, raw_trade.encode_key(exchange, one.symbol), raw_trade.encode_trade(one))
    producer.close(60)


class SteadyFeed(threading.Thread):
    """Trades at a rate, from `start` to `stop`; `times`: when each was sent, microseconds UTC, by its number."""

    def __init__(self, bootstrap: KafkaCluster, topic: str, exchange: str, rate: float, symbols: int) -> None:
        super().__init__(name="feed", daemon=True)
        self.times: list[int] = []
        self._producer = TradeProducer(bootstrap, "feed")
        self._to, self._rate, self._symbols = (topic, exchange), rate, symbols
        self._stopped = threading.Event()

    def run(self) -> None:
        """Send trades at the rate until `stop`, in this thread."""
        topic, exchange = self._to
        begun = time.time()
        while not self._stopped.wait(STEP_S):
            while len(self.times) < (time.time() - begun) * self._rate and not self._stopped.is_set():
                moment = int(time.time() * 1e6)
                one = generate_trade(exchange, len(self.times), self._symbols, moment)
                self._producer.send(topic, raw_trade.encode_key(exchange, one.symbol), raw_trade.encode_trade(one))
                self.times.append(moment)

    def stop(self) -> int:
        """End it once all has arrived; how many were sent."""
        self._stopped.set()
        self.join()
        self._producer.close(60)
        return len(self.times)
