"""The patterns of usual frames against the JSON parser: where a pattern matches, both read the same trade."""

import json
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import Event, Exchange
from whale_platform.exchanges.binance import adapter as binance
from whale_platform.exchanges.coinbase import adapter as coinbase
from whale_platform.exchanges.errors import InvalidFrameError
from whale_platform_tests.exchanges import test_binance, test_coinbase
from whale_platform_tests.support.captures import binance_frames, coinbase_frames

SIDES: tuple[tuple[ModuleType, Exchange], ...] = (
    (binance, binance.Binance()),
    (coinbase, coinbase.Coinbase()),
)
WITH_ORDERS = {
    **{name: test_binance.DATA[name] for name in ("e", "E", "s", "t", "p", "q")},
    "b": 88,
    "a": 50,
    **{name: test_binance.DATA[name] for name in ("T", "m", "M")},
}
SAMPLES = (
    {"stream": "btcusdt@trade", "data": test_binance.DATA},
    {"stream": "btcusdt@trade", "data": WITH_ORDERS},
    test_coinbase.DATA,
)
VALUES = (
    st.integers()
    | st.text()
    | st.booleans()
    | st.none()
    | st.floats()
    | st.from_regex(r"[0-9]{1,26}(\.[0-9]{1,26})?", fullmatch=True)
    | st.sampled_from(["btcusdt@trade", "BTC-USD", "-1", "1e5", "buy", "2021-02-30T16:43:37.089723Z", 2**63, 10**18])
)


def read(exchange: Exchange, frame: str | bytes) -> list[Event] | str:
    try:
        return exchange.parse(frame, 7)
    except InvalidFrameError as refused:
        return str(refused)


def read_by_parser(module: ModuleType, exchange: Exchange, frame: str | bytes) -> list[Event] | str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "match_trade_frame", lambda _: None)
        return read(exchange, frame)


def compare(frame: str | bytes) -> None:
    for module, exchange in SIDES:
        assert read(exchange, frame) == read_by_parser(module, exchange, frame)


def spell(frame: dict[str, Any]) -> str:
    return json.dumps(frame, separators=(",", ":"), ensure_ascii=False)


@given(st.sampled_from(SAMPLES), st.data())
def test_a_frame_with_a_field_replaced_is_read_as_by_the_parser(sample: dict[str, Any], data: st.DataObject) -> None:
    inner = sample.get("data", sample)
    name = data.draw(st.sampled_from(sorted(inner)))
    changed = {**inner, name: data.draw(VALUES)}
    frame = spell(changed if inner is sample else {**sample, "data": changed})
    compare(frame)
    compare(frame.encode(errors="surrogatepass"))


@given(st.sampled_from(SAMPLES), st.data())
def test_a_frame_damaged_on_the_way_is_read_as_by_the_parser(sample: dict[str, Any], data: st.DataObject) -> None:
    frame = spell(sample).encode()
    start = data.draw(st.integers(0, len(frame)))
    stop = data.draw(st.integers(start, min(len(frame), start + 3)))
    compare(frame[:start] + data.draw(st.binary(max_size=3)) + frame[stop:])


def test_what_the_exchanges_really_sent_is_read_as_by_the_parser() -> None:
    for frames, (module, exchange), least in ((binance_frames(), SIDES[0], 34_000), (coinbase_frames(), SIDES[1], 97)):
        usual = 0
        for frame in frames:
            found = read(exchange, frame)
            if isinstance(found, list) and isinstance(found[0], Trade):
                usual += module.match_trade_frame(frame) is not None
                assert found == read_by_parser(module, exchange, frame)
        assert usual >= least, "the pattern does not know the exchange's own spelling"


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_usual_frame_needs_no_parser(sample: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whale_platform.exchanges.frames.load_json", None)
    read_by_someone = [
        exchange.parse(spell(sample), 7) for module, exchange in SIDES if module.match_trade_frame(spell(sample))
    ]
    assert [type(event) for (event,) in read_by_someone] == [Trade]
