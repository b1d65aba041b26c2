"""Which markets an ingester takes where several share them: `WHALE_INGEST_SHARE=2/3` is the second of three.

A market belongs to share 1 + crc32("exchange:symbol") mod count: every process knows it without asking anybody, and a
symbol that is added moves no other. Each share has a home of its own, and so its own lease and positions file. Where
the count changes, all of the old shares end before one of the new begins; each market's next writer then learns from
the topic where to go on, as after a kill.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32


@dataclass(frozen=True, slots=True)
class Share:
    """Share `index` (from 1) of `count`."""

    index: int
    count: int

    @classmethod
    def read(cls, text: str) -> "Share":
        """From `index/count`, as the settings have checked it."""
        index, _, count = text.partition("/")
        return cls(int(index), int(count))

    def __str__(self) -> str:
        """As in the settings."""
        return f"{self.index}/{self.count}"

    def owns(self, market: str) -> bool:
        """Whether `exchange:symbol` is of this share."""
        return crc32(market.encode()) % self.count == self.index - 1

    def of(self, symbols: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """What is of this share of `symbols`, by exchange."""
        return {
            exchange: [name for name in names if self.owns(f"{exchange}:{name}")] for exchange, names in symbols.items()
        }


WHOLE = Share(1, 1)
