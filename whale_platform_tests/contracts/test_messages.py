"""Every message but the raw trade: one corpus of whole and spoilt ones, and all readers agree on what they say."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from whale_platform.api.push.sources.whale_history import parse_alert
from whale_platform.audit.arrivals import list_message_ids
from whale_platform.broker.reader import KafkaRecord
from whale_platform.contracts import dead_letter, ingest_gap, stream_loss, stream_position, trade_window, whale_alert
from whale_platform.contracts.catalogue import CONTRACTS
from whale_platform.contracts.errors import MessageFormatError
from whale_platform.domain.names import (
    DEAD_LETTERS,
    INGEST_GAPS,
    RAW_TRADES,
    STREAM_LOSSES,
    STREAM_POSITIONS,
    TRADE_WINDOWS,
    WHALE_ALERTS,
)
from whale_platform.ingest.sequencing.gap import SequenceGap, decode_gap, encode_gap
from whale_platform.sink.fold import fold_records

STAMP_MS = 1_784_000_000_000
DECODERS: dict[str, Callable[[bytes], object]] = {
    TRADE_WINDOWS: lambda value: trade_window.decode_window(value, STAMP_MS),
    WHALE_ALERTS: lambda value: whale_alert.decode_whale(value, STAMP_MS),
    DEAD_LETTERS: lambda value: dead_letter.decode_dead_letter(value, STAMP_MS, 0),
    INGEST_GAPS: lambda value: ingest_gap.decode_gap_row(value, STAMP_MS),
    STREAM_LOSSES: lambda value: stream_loss.decode_loss(value, STAMP_MS),
}
SPOILT: list[dict[str, Any]] = [
    *({"v": version} for version in (None, 0, 99, "1")),
    *({"exchange": name} for name in (None, 5, "", "a\x00b", "x" * 201)),
    *({field: 1.5} for field in ("price", "open", "first_trade_id", "trade_id", "first_id", "first_offset")),
    *({field: "soon"} for field in ("window_start", "event_time", "found_time", "found_at", "received_time")),
    {"reader": ""},
]


def dump(row: object) -> bytes:
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode()


def spoilt(topic: str) -> list[bytes]:
    """Messages that no reader may take for one of `topic`."""
    example = dict(CONTRACTS[topic].example)
    changed = [dump(example | change) for change in SPOILT if change.keys() <= example.keys()]
    required = [field.name for field in CONTRACTS[topic].fields if not field.optional and not field.nullable]
    lacking = [dump({name: example[name] for name in example if name != left_out}) for left_out in required]
    return [b"", b"{", b"[]", b"null", *changed, *lacking[:1]]


def fold(topic: str, value: bytes) -> bool:
    """Whether the sink stores the message."""
    batch = fold_records([KafkaRecord(topic, 0, 0, STAMP_MS, b"", value)], {(topic, 0): 0})
    rows = (batch.windows, batch.whales, batch.gaps, batch.losses, batch.dead_letters)
    stored = sum(len(some) for some in rows)
    assert stored + len(batch.rejects) == 1
    return bool(stored)


@pytest.mark.parametrize("topic", DECODERS)
def test_what_the_decoder_takes_the_sink_stores_and_nothing_else(topic: str) -> None:
    example = dict(CONTRACTS[topic].example)
    more = example | {"a_later_field": {"nested": [1]}}
    for value in (dump(example), json.dumps(example).encode(), dump(more), dump(dict(reversed(list(example.items()))))):
        DECODERS[topic](value)
        assert fold(topic, value)
    for value in spoilt(topic):
        with pytest.raises(MessageFormatError):
            DECODERS[topic](value)
        assert not fold(topic, value), value


def test_a_windows_peeks_say_what_decoding_says() -> None:
    example = dict(CONTRACTS[TRADE_WINDOWS].example)
    row, value = trade_window.decode_window(dump(example), STAMP_MS), dump(example)
    state = trade_window.peek_state(value)
    assert state is not None and state[1] == row.trade_count
    assert trade_window.peek_state(dump({**example, "trade_count": 3, "close": "1"})) == (state[0], 3)
    others: list[dict[str, Any]] = [
        {"exchange": "coinbase"},
        {"symbol": "ETHUSDT"},
        {"window_start": 1_723_118_460_000_000},
    ]
    for other in others:
        found = trade_window.peek_state(dump(example | other))
        assert found is not None and found[0] != state[0], "another window"
    assert trade_window.peek_state(dump(example | {"v": 2})) is None
    assert stream_position.peek_position(value) == (row.topic_partition, row.topic_offset, row.run_id.encode())
    assert stream_position.peek_position(dump(example | {"partition": None, "offset": None})) is None
    assert [field.name for field in CONTRACTS[TRADE_WINDOWS].fields][:4] == list(example)[1:5]


def test_a_position_is_read_as_it_is_described() -> None:
    example = CONTRACTS[STREAM_POSITIONS].example
    assert stream_position.peek_position(dump(example)) == (1, 4_720, b"run-1")
    assert stream_position.peek_position(b"{}") is None


def test_the_audit_and_the_push_server_take_the_whales_and_windows_that_the_sink_takes() -> None:
    for topic in (TRADE_WINDOWS, WHALE_ALERTS):
        assert len(list(list_message_ids(topic, dump(CONTRACTS[topic].example), STAMP_MS))) == 1
        for value in spoilt(topic):
            assert list(list_message_ids(topic, value, STAMP_MS)) == []
    record = KafkaRecord(WHALE_ALERTS, 0, 0, STAMP_MS, b"", dump(CONTRACTS[WHALE_ALERTS].example))
    assert parse_alert(record).whale is not None
    for value in spoilt(WHALE_ALERTS):
        assert parse_alert(replace(record, value=value)).whale is None


def test_the_ingester_and_the_sink_read_the_same_gap() -> None:
    gap = SequenceGap(12, 20, "reconnect", 1_723_118_400_000_000, absent=[(15, 15)], filled=8, until=5)
    gap.close(1_723_118_400_000_001)
    value = encode_gap("binance", "BTCUSDT", gap)
    market, back = decode_gap(value)
    row = ingest_gap.decode_gap_row(value, STAMP_MS)
    assert (market, back.absent, back.until) == ("binance:BTCUSDT", [(15, 15)], 5)
    assert (row.exchange, row.symbol, row.first_id, row.state, row.detail) == (
        *("binance", "BTCUSDT", back.first_id, back.state, gap.describe()),
    )
    for spoiled in (b"", b"{", b"[]", b"null", dump({**CONTRACTS[INGEST_GAPS].example, "v": 2})):
        with pytest.raises(MessageFormatError):
            ingest_gap.decode_gap_message(spoiled)


@pytest.mark.parametrize("topic", CONTRACTS)
def test_the_published_schema_takes_the_example_and_no_other_version(topic: str) -> None:
    contract = CONTRACTS[topic]
    validator = jsonschema.Draft202012Validator(contract.json_schema())
    validator.validate(dict(contract.example))
    assert set(contract.example) - {"v"} <= {field.name for field in contract.fields}
    if contract.version is not None:
        assert not validator.is_valid({**contract.example, "v": contract.version + 1})


def test_what_is_encoded_has_the_published_schema() -> None:
    loss = stream_loss.build_loss("windows", "id", 1, 7, None, "recreated", "gone", 1_723_118_400_000_000)
    written = {
        DEAD_LETTERS: [
            dead_letter.encode_dead_letter("binance", "unparseable", "not JSON", frame, 1_723_118_400_000_000)
            for frame in (b"{", b"\xff")
        ],
        INGEST_GAPS: [encode_gap("binance", "BTCUSDT", SequenceGap(1, 2, "stream", 1_723_118_400_000_000))],
        STREAM_LOSSES: [stream_loss.encode_loss(loss)],
    }
    for topic, values in written.items():
        for value in values:
            jsonschema.validate(json.loads(value), CONTRACTS[topic].json_schema())
            DECODERS[topic](value)
    assert stream_loss.encode_loss_key(loss) == b"windows:id:1:1723118400000000"
    assert RAW_TRADES in CONTRACTS, "test_raw_trade_readers.py"
