"""The one NOTIFY of a batch: what has changed, so that a listener need not poll. Postgres allows 8,000 bytes.

Payload: {"trade_windows": {"rows": 12, "keys": [["binance", "BTCUSDT", "2024-08-08T12:00:00+00:00"], …]}, …}; only
topics with changes; keys are all of the batch, or none where there are too many. Delivered at commit.
"""

import json
from collections.abc import Sequence

from whale_platform.domain.names import INGEST_GAPS, TRADE_WINDOWS, WHALE_ALERTS
from whale_platform.stores.rows import Batch

CHANNEL = "whale_stream"
MAX_BYTES = 7_999
MAX_KEYS = 20


def news(batch: Batch, changed: dict[str, int]) -> str:
    """The payload for `changed`: rows by topic. Which of the keys have changed is not known, so some would mislead."""
    keys: dict[str, Sequence[tuple[object, ...]]] = {
        TRADE_WINDOWS: [(key[0], key[1], key[2].isoformat()) for key in batch.windows],
        WHALE_ALERTS: list(batch.whales),
        INGEST_GAPS: list(batch.gaps),
    }
    most = MAX_KEYS
    while True:
        text = json.dumps(
            {
                topic: {"rows": rows, "keys": keys.get(topic, []) if len(keys.get(topic, [])) <= most else []}
                for topic, rows in changed.items()
                if rows
            },
            separators=(",", ":"),
        )
        if len(text) <= MAX_BYTES or not most:
            return text
        most //= 2
