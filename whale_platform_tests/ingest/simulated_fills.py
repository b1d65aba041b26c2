"""What the simulated histories are made of: true trades, a clock that only they move, a producer that dies."""

from dataclasses import dataclass

from whale_platform.broker.errors import ProducerStoppedError
from whale_platform_tests.ingest.fakes import RecordingProducer

SYMBOL, NAME = "AAAUSDT", "binance:AAAUSDT"
T0 = 1_790_000_000_000_000


class Time:
    """Stands for module `time` where the ingester looks at clocks."""

    def __init__(self) -> None:
        self.us = T0

    def time_ns(self) -> int:
        return self.us * 1000

    def monotonic_ns(self) -> int:
        return (self.us - T0) * 1000

    def monotonic(self) -> float:
        return (self.us - T0) / 1e6


@dataclass(frozen=True, slots=True)
class Fill:
    """A true trade: `serial` is in its price, so that it is known whatever id it travels under."""

    serial: int
    space: int
    number: int
    time: int

    def frame(self, number: int | None = None, price: str | None = None) -> bytes:
        shown = self.number if number is None else number
        return (
            f'{{"stream":"aaausdt@trade","data":{{"e":"trade","s":"{SYMBOL}","t":{shown},'
            f'"p":"{price or self.price}","q":"1.5","T":{self.time},"m":true}}}}'
        ).encode()

    @property
    def price(self) -> str:
        return f"{1 + self.serial}.25"

    def row(self) -> dict[str, object]:
        return {"id": self.number, "price": self.price, "qty": "1.5", "time": self.time, "isBuyerMaker": True}


class Mortal(RecordingProducer):
    """Dies at the `die_in`th message from now."""

    die_in = -1

    def send(self, topic: str, key: bytes, value: bytes) -> None:
        if self.die_in == 0:
            raise ProducerStoppedError("killed")
        self.die_in -= 1
        self.sent[topic].append(value)
