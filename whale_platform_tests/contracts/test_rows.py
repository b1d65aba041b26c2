import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale_platform.contracts import dead_letter, ingest_gap, stream_loss, trade_window, whale_alert
from whale_platform.contracts.errors import MessageFormatError
from whale_platform.domain.names import DEAD_LETTERS, INGEST_GAPS, STREAM_LOSSES, TRADE_WINDOWS, WHALE_ALERTS
from whale_platform_tests.sink.messages import MESSAGES, STAMP_MS, START_US, message

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)
PARSERS: dict[str, Callable[[bytes | None], object]] = {
    TRADE_WINDOWS: lambda value: trade_window.decode_window(value, STAMP_MS),
    WHALE_ALERTS: lambda value: whale_alert.decode_whale(value, STAMP_MS),
    INGEST_GAPS: lambda value: ingest_gap.decode_gap_row(value, STAMP_MS),
    STREAM_LOSSES: lambda value: stream_loss.decode_loss(value, STAMP_MS),
    DEAD_LETTERS: lambda value: dead_letter.decode_dead_letter(value, STAMP_MS, 7),
}


def test_a_window() -> None:
    row = trade_window.decode_window(message(TRADE_WINDOWS), STAMP_MS)
    assert row.window_start == NOON
    assert row.last_event_time == NOON.replace(second=30)
    assert (row.open, row.high, row.buy_volume, row.notional) == ("61837.63", "61840", "2.25", "200999.123456789")
    assert row.updated_at == datetime.fromtimestamp(STAMP_MS / 1000, UTC)


def test_a_loss_of_a_known_and_of_an_unknown_size() -> None:
    loss = stream_loss.decode_loss(message(STREAM_LOSSES), STAMP_MS)
    assert (loss.key, loss.last_offset) == (("windows", "raw_crypto_trades", 1, "topic-1", NOON), 9)
    assert stream_loss.decode_loss(message(STREAM_LOSSES, last_offset=None), STAMP_MS).last_offset is None


def test_a_window_of_an_earlier_version_does_not_say_where_its_trades_lie() -> None:
    earlier = {name: value for name, value in MESSAGES[TRADE_WINDOWS].items() if name not in ("partition", "offset")}
    found = trade_window.decode_window(message(TRADE_WINDOWS), STAMP_MS)
    assert trade_window.decode_window(json.dumps(earlier).encode(), STAMP_MS) == found._replace(
        topic_partition=None, topic_offset=None
    )
    assert (found.topic_partition, found.topic_offset) == (1, 4711)


def test_a_whale_a_gap_and_a_dead_letter() -> None:
    whale = whale_alert.decode_whale(message(WHALE_ALERTS), STAMP_MS)
    assert (whale.trade_id, whale.quantity, whale.received_time) == (10, "2", NOON.replace(microsecond=5000))
    untold = {name: value for name, value in MESSAGES[WHALE_ALERTS].items() if name != "tier"}
    for usd, tier in (("249999.99", "whale"), ("250000", "large"), ("1000000", "giant")):
        value = json.dumps(untold | {"threshold_usd": "50000", "notional_usd": usd}).encode()
        assert whale_alert.decode_whale(value, STAMP_MS).tier == tier, "of a time before messages had one"
    assert whale_alert.decode_whale(message(WHALE_ALERTS, tier="giant"), STAMP_MS).tier == "giant"
    gap = ingest_gap.decode_gap_row(message(INGEST_GAPS, closed_time=START_US, progress_id=15), STAMP_MS)
    assert (gap.closed_time, gap.progress_id) == (NOON, 15)
    assert ingest_gap.decode_gap_row(message(INGEST_GAPS), STAMP_MS).closed_time is None
    letter = dead_letter.decode_dead_letter(message(DEAD_LETTERS, reason="bad\x00byte\ud800" + "x" * 999), STAMP_MS, 7)
    assert letter.last_reason.startswith("bad\ufffdbyte\ufffdx")
    assert len(letter.last_reason) == 500
    assert (letter.day, letter.letters, letter.last_offset) == (NOON.date(), 1, 7)
    streams = dead_letter.decode_dead_letter(message(DEAD_LETTERS, exchange="unknown", received_time=0), STAMP_MS, 8)
    assert streams.first_time == datetime.fromtimestamp(STAMP_MS / 1000, UTC), "what no one has received has its own"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "not JSON"),
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"v":1', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"v":2}', "not schema version 1"),
        (b'{"v":1}', "exchange is not a name"),
    ],
)
def test_what_is_not_a_message(value: bytes | None, reason: str) -> None:
    with pytest.raises(MessageFormatError, match=f"^{reason}$"):
        trade_window.decode_window(value, STAMP_MS)


@pytest.mark.parametrize(
    "wrong", ["NaN", "1e400", "-1", "", " 1", "1.", "Infinity", "٣", 1.5, 7, None, True, [], "9" * 99]
)
def test_a_decimal_is_plain_digits_in_a_string(wrong: object) -> None:
    with pytest.raises(MessageFormatError, match=r"^close is not a decimal string$"):
        trade_window.decode_window(message(TRADE_WINDOWS, close=wrong), STAMP_MS)


@pytest.mark.parametrize("wrong", [True, 1.0, "1", None])
def test_an_integer_is_an_integer(wrong: object) -> None:
    with pytest.raises(MessageFormatError, match=r"^trade_count is not an integer$"):
        trade_window.decode_window(message(TRADE_WINDOWS, trade_count=wrong), STAMP_MS)


@pytest.mark.parametrize("wrong", [0, -1, 10**30, START_US * 1000, STAMP_MS * 1000 + 2 * 86_400_000_000])
def test_a_time_is_of_our_days(wrong: int) -> None:
    with pytest.raises(MessageFormatError, match=r"^window_start is not a time of our days$"):
        trade_window.decode_window(message(TRADE_WINDOWS, window_start=wrong), STAMP_MS)


@pytest.mark.parametrize("wrong", ["", "a\x00b", "\ud800", "x" * 201, "two\nlines", None, 5])
def test_a_name_is_short_and_printable(wrong: object) -> None:
    with pytest.raises(MessageFormatError, match=r"^symbol is not a name$"):
        whale_alert.decode_whale(message(WHALE_ALERTS, symbol=wrong), STAMP_MS)


def test_a_message_from_before_currencies_were_told_is_read_and_one_with_them_too() -> None:
    for parser, topic in ((trade_window.decode_window, TRADE_WINDOWS), (whale_alert.decode_whale, WHALE_ALERTS)):
        before = {name: one for name, one in MESSAGES[topic].items() if name not in ("base", "quote", "usd_via")}
        old = parser(json.dumps(before).encode(), STAMP_MS)
        assert (old.base, old.quote, old.usd_via) == (None, None, None)
        row = parser(message(topic, base="BTC", quote="U", usd_via="peg:U"), STAMP_MS)
        assert (row.base, row.quote, row.usd_via) == ("BTC", "U", "peg:U")
        assert parser(message(topic, base="BTC", quote="EUR", usd_via=None), STAMP_MS).usd_via is None
        with pytest.raises(MessageFormatError, match=r"^quote is not a name$"):
            parser(message(topic, quote=5), STAMP_MS)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)


@given(st.sampled_from(sorted(MESSAGES)), st.data())
def test_a_spoilt_field_gives_a_row_or_a_reason_never_another_error(topic: str, data: st.DataObject) -> None:
    changed: dict[str, Any] = dict(MESSAGES[topic])
    field = data.draw(st.sampled_from(sorted(changed)))
    changed[field] = data.draw(_JSON)
    try:
        row = PARSERS[topic](json.dumps(changed).encode())
    except MessageFormatError as reason:
        assert str(reason).split()[0] in {field, "not"}
    else:
        assert row is not None


@given(st.binary(max_size=200))
def test_any_bytes_are_unreadable(value: bytes) -> None:
    for parser in PARSERS.values():
        with pytest.raises(MessageFormatError):
            parser(value)
