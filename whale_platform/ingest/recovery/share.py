"""Which markets an ingester takes where several share them: `WHALE_INGEST_SHARE=2/3` is the second of three.

A market belongs to share 1 + crc32("exchange:symbol") mod count: every process knows it without asking anybody, and a
symbol that is added moves no other. Each share has a home of its own, and so its own lease and positions file. Each
writes under a name of its own, which one process has at a time. Where the count changes, a new share fences the old
ones that overlap it, and learns from the topic where to go on, as after a kill.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from zlib import crc32

_writer = re.compile(r"ingester-([0-9]{1,2})-of-([0-9]{1,2})").fullmatch


@dataclass(frozen=True, slots=True)
class Share:
    """Share `index` (from 1) of `count`."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Share":
        """From `index/count`, as the settings have checked it."""
        index, _, count = text.partition("/")
        return cls(int(index), int(count))

    def __str__(self) -> str:
        """As in the settings."""
        return f"{self.index}/{self.count}"

    @property
    def writer(self) -> str:
        """The name under which the share's one process writes."""
        return f"ingester-{self.index}-of-{self.count}"

    def find_overlapping(self, writers: Iterable[str]) -> list[str]:
        """Those of `writers` that are of shares of another count and may write markets of this one."""
        found = []
        for name in writers:
            if (read := _writer(name)) is not None:
                other = Share(int(read[1]), int(read[2]))
                if other.count not in (0, self.count) and not (other.index - self.index) % gcd(other.count, self.count):
                    found.append(name)
        return found

    def owns(self, market: str) -> bool:
        """Whether `exchange:symbol` is of this share."""
        return crc32(market.encode()) % self.count == self.index - 1

    def select_symbols(self, symbols: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """What is of this share of `symbols`, by exchange."""
        return {
            exchange: [name for name in names if self.owns(f"{exchange}:{name}")] for exchange, names in symbols.items()
        }


WHOLE_SHARE = Share(1, 1)
