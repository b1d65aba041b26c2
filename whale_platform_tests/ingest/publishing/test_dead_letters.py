"""Every bad frame is kept, none larger than the broker takes."""

import base64
import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from whale_platform.contracts.dead_letter import LONG_BYTES, encode_dead_letter
from whale_platform.ingest.publishing.dead_letters import BURST_BYTES, SHORT_BYTES, DeadLetterSender, describe_trade
from whale_platform_tests.ingest.builders import trade

MOST = 1_000_000  # the producer's and the broker's limit


@given(st.binary(max_size=2_000), st.text(max_size=50))
def test_a_frame_can_be_had_back_from_its_letter(frame: bytes, reason: str) -> None:
    row = json.loads(encode_dead_letter("fake", "unparseable", reason, frame, 5))
    kept = row["frame"].encode() if "frame" in row else base64.b64decode(row["frame_base64"])
    assert kept == frame and row["truncated"] is False
    assert set(row) - {"frame", "frame_base64"} == {"v", "exchange", "reason", "kind", "received_time", "truncated"}


def test_huge_frames_are_cut_and_say_so_whatever_is_in_them() -> None:
    for one in (b"x", b"\x00", b"\xff", "é".encode(), "🐋".encode(), b'"'):
        frame = one * (3_000_000 // len(one))
        value = encode_dead_letter("fake", "unparseable", "too long", frame, 5)
        row = json.loads(value)
        assert len(value) < MOST and row["truncated"] is True
        kept = row["frame"].encode() if "frame" in row else base64.b64decode(row["frame_base64"])
        assert LONG_BYTES - 4 < len(kept) <= LONG_BYTES and frame.startswith(kept)


def test_text_cut_within_a_character_is_still_text() -> None:
    assert "frame" in json.loads(encode_dead_letter("fake", "unparseable", "r", b"x" + "🐋".encode() * LONG_BYTES, 5))


def test_a_reason_that_no_encoding_carries_is_still_told() -> None:
    assert json.loads(encode_dead_letter("fake", "unparseable", "odd \ud800", b"f", 5))["reason"] == "odd \ud800"


def test_a_flood_is_cut_short_but_none_is_dropped() -> None:
    sent: list[bytes] = []
    letters = DeadLetterSender("fake", sent.append, lambda: 0.0)
    count = BURST_BYTES // LONG_BYTES + 200
    for _ in range(count):
        letters.send("unparseable", "r", b"x" * LONG_BYTES, 5)
    assert len(sent) == count
    assert len(json.loads(sent[0])["frame"]) == LONG_BYTES
    assert len(json.loads(sent[-1])["frame"]) == SHORT_BYTES


def test_an_absurd_trade_is_described_as_it_is() -> None:
    row = json.loads(describe_trade(trade(7)._replace(price=Decimal("1e999999"), quantity=Decimal("NaN"))))
    assert (row["trade_id"], row["price"], row["quantity"]) == (7, "1E+999999", "NaN")
