"""How many record batches a broker has written of a topic: a producer sends at least one request for each of them.

Read from the segments on its disk, whose batches begin with a header of fixed form (record format 2).
"""

import struct
from pathlib import Path
from typing import NamedTuple

_HEADER = struct.Struct(">qiibIhiqqqhii")  # first offset, length after this field, …, attributes, …, records
_LENGTH_AFTER, _CONTROL = 12, 0x20


class BatchCounts(NamedTuple):
    """Of all partitions of a topic; what ends a transaction is no batch here."""

    batches: int
    records: int


def count_batches(data: Path, topic: str) -> BatchCounts:
    """Count those of `topic` in the broker's data folder."""
    batches = records = 0
    for segment in data.glob(f"{topic}-*/*.log"):
        body, position = segment.read_bytes(), 0
        while position + _HEADER.size <= len(body):
            _, length, *_, attributes, _, _, _, _, _, _, count = _HEADER.unpack_from(body, position)
            if not attributes & _CONTROL:
                batches, records = batches + 1, records + count
            position += _LENGTH_AFTER + length
    return BatchCounts(batches, records)
