"""The one NOTIFY of a batch: what has changed, so that a listener need not poll. Postgres allows 8,000 bytes.

Payload: {"trade_windows": {"rows": 12, "keys": [["binance", "BTCUSDT", "2024-08-08T12:00:00+00:00"], …]}, …}; only
topics with changes; keys are all of the batch, or none where they do not fit. Delivered at commit.
"""

import json
from collections.abc import Sequence

from whale_platform.domain.names import INGEST_GAPS, TRADE_WINDOWS, WHALE_ALERTS
from whale_platform.stores.stream_tables.rows import SinkBatch

CHANNEL = "whale_stream"
TAKEN_BACK = "whales_taken_back"
MAX_BYTES = 7_999


def build_batch_notice(batch: SinkBatch, changed: dict[str, int]) -> str:
    """The payload for `changed`: rows by topic. Which of the keys have changed is not known, so some would mislead."""
    keys: dict[str, Sequence[tuple[object, ...]]] = {
        TRADE_WINDOWS: [(key[0], key[1], key[2].isoformat()) for key in batch.windows],
        WHALE_ALERTS: list(batch.whales),
        INGEST_GAPS: list(batch.gaps),
    }
    for named in ((TRADE_WINDOWS, WHALE_ALERTS, INGEST_GAPS), (TRADE_WINDOWS, WHALE_ALERTS), (WHALE_ALERTS,)):
        text = _encode_payload(changed, {topic: keys[topic] for topic in named})
        if len(text) <= MAX_BYTES:
            return text
    return _encode_payload(changed, {})


def _encode_payload(changed: dict[str, int], keys: dict[str, Sequence[tuple[object, ...]]]) -> str:
    said = {topic: {"rows": rows, "keys": keys.get(topic, [])} for topic, rows in changed.items() if rows}
    return json.dumps(said, separators=(",", ":"))


def build_recompute_notice(windows: int, whales: int, taken_back: int) -> str:
    """The payload for rows that a recomputation changed, of any time: no keys, so a listener looks at all again."""
    return _encode_payload({TRADE_WINDOWS: windows, WHALE_ALERTS: whales, TAKEN_BACK: taken_back}, {})
