"""Topic `stream_positions`: how far the whales' query has read; and the same words at the end of each window's message.

Both are looked at without parsing, since the stream asks for its own progress several times a second.
"""

import re

from whale_platform.contracts.message_contract import MessageContract, MessageField
from whale_platform.domain.names import STREAM_POSITIONS

CONTRACT = MessageContract(
    topic=STREAM_POSITIONS,
    version=None,
    about="How far the whales' query has read, by the stream; only where Spark runs on other machines.",
    key="1",
    fields=(
        MessageField("partition", "integer", "of raw_crypto_trades"),
        MessageField("offset", "integer", "of the newest trade read, in that partition"),
        MessageField("run_id", "name", "the run of the stream that wrote it"),
    ),
    example={"partition": 1, "offset": 4_720, "run_id": "run-1"},
)
_placed = re.compile(rb'"partition":([0-9]{1,9}),"offset":([0-9]{1,18}),"run_id":"([^"]*)"\}$').search


def peek_position(value: bytes) -> tuple[int, int, bytes] | None:
    """Return (partition, offset, run id) of a message of `stream_positions` or `trade_windows`; None: it has none."""
    found = _placed(value)
    return None if found is None else (int(found[1]), int(found[2]), found[3])
