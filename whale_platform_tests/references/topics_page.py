"""topics.md: each topic with its key, its settings and the fields of one message.

Messages come from the code that writes them where that is a function, else from the samples that the sink's tests read.
"""

import json
from decimal import Decimal
from typing import Any, NamedTuple

from whale_platform.broker import topics
from whale_platform.domain import names, raw_trade
from whale_platform.domain.trade import Trade
from whale_platform.ingest.publishing.dead_letters import encode_dead_letter
from whale_platform.ingest.sequencing.gap import SequenceGap, encode_gap, encode_gap_key
from whale_platform_tests.references.markdown import code, page, table
from whale_platform_tests.sink.messages import MESSAGES, START_US

ABOUT = """Values are JSON objects in UTF-8. Decimals are strings with all their digits, times are integers:
microseconds since the epoch, UTC. `v` is the version of the message. `WHALE_KAFKA_PREFIX` stands before each name where
it is set; this and the other variables are in [settings](settings.md), what the sink writes into Postgres in
[tables](tables.md)."""
TRADE = Trade(
    "binance", "BTCUSDT", "BTC", "USDT", 10, Decimal("61837.63"), Decimal(2), "buy", START_US, START_US + 5_000,
    taker_order_id="4711",
)  # fmt: skip
GAP = SequenceGap(
    12, 20, "reconnect", START_US, "inline", "exchange_gap", START_US + 1, 8, 21, absent=[(15, 15)], until=START_US
)


class Topic(NamedTuple):
    """What a page says of one topic; value: one message."""

    name: str
    about: str
    key: str
    value: dict[str, Any]


MARKET = raw_trade.encode_key(TRADE.exchange, TRADE.symbol).decode()
ALL = (
    Topic(names.RAW_TRADES, "Every trade once, by the ingester.", MARKET, json.loads(raw_trade.encode_trade(TRADE))),
    Topic(
        names.TRADE_WINDOWS,
        "Each state of each one-minute window, by the stream: the newest of a window counts.",
        MARKET,
        MESSAGES[names.TRADE_WINDOWS],
    ),
    Topic(names.WHALE_ALERTS, "Each whale, by the stream.", MARKET, MESSAGES[names.WHALE_ALERTS]),
    Topic(
        names.DEAD_LETTERS,
        "What could not be parsed or believed, by the ingester and the stream; the stream's have the exchange "
        "`unknown` and the time 0. A frame that is no text is `frame_base64` instead of `frame`.",
        TRADE.exchange,
        json.loads(encode_dead_letter(TRADE.exchange, "unparseable", "not JSON", b"{", START_US)),
    ),
    Topic(
        names.INGEST_GAPS,
        "Each gap in a symbol's trade ids, by the ingester, again under its key whenever it changes.",
        encode_gap_key(TRADE.exchange, TRADE.symbol, GAP.first_id).decode(),
        json.loads(encode_gap(TRADE.exchange, TRADE.symbol, GAP)),
    ),
    Topic(
        names.STREAM_LOSSES,
        "Each stretch of offsets that a query of the stream could not read any more.",
        f"windows:topic-1:1:{START_US}",
        MESSAGES[names.STREAM_LOSSES],
    ),
    Topic(
        names.STREAM_POSITIONS,
        "How far the whales' query has read, by the stream; only where Spark runs on other machines.",
        "1",
        {"partition": 1, "offset": 4_720, "run_id": "run-1"},
    ),
)
KINDS = {bool: "boolean", int: "integer", str: "string", list: "list", type(None): "null"}


def render() -> str:
    """Return the page."""
    return page("Topics", ABOUT, *map(_section, ALL))


def _section(topic: Topic) -> str:
    fields = [(code(name), KINDS[type(value)], code(json.dumps(value))) for name, value in topic.value.items()]
    parts = (f"## {topic.name}", topic.about, _settings(topic), table(("field", "type", "example"), fields))
    return "\n\n".join(parts)


def _settings(topic: Topic) -> str:
    partitions = "1" if topic.name in topics.ONE_PARTITION else "`WHALE_TOPIC_PARTITIONS`"
    kept = _time(int(topics.CONFIG[topic.name].get("retention.ms", 0)) // 3_600_000)
    share = f"{100 * topics.BYTE_SHARES[topic.name]:.0f} % of `WHALE_KAFKA_BYTES`"
    return f"Key: such as `{topic.key}`. Partitions: {partitions}. Kept: {kept}; at most {share}."


def _time(hours: int) -> str:
    if not hours:
        return "the newest of each key"
    number, unit = (hours // 24, "day") if hours % 24 == 0 else (hours, "hour")
    return f"{number} {unit}{'' if number == 1 else 's'}"
