import gzip
import json
from pathlib import Path

import pytest

from whale_platform.exchanges.binance import wire_format as binance_wire_format
from whale_platform.exchanges.coinbase import wire_format as coinbase_wire_format
from whale_platform.simulator.errors import PlaySetupError
from whale_platform.simulator.play.capture_files import list_recorded_symbols, read_captures, survey_captures
from whale_platform_tests.support.captures import (
    binance_files,
    binance_frames,
    coinbase_file,
    coinbase_frames,
)


def line(trade_id: int, received_ns: int, symbol: str = "BTCUSDT") -> str:
    data = {
        "e": "trade",
        "E": 1723161255343,
        "s": symbol,
        "t": trade_id,
        "p": "1.5",
        "q": "2",
        "T": 1723161255342,
        "m": True,
    }
    return f"{received_ns} {json.dumps({'stream': symbol.lower() + '@trade', 'data': data})}\n"


def test_binance_trades_leave_byte_for_byte_as_captured() -> None:
    real = {frame for frame in binance_frames() if '@trade"' in frame}
    sent = [binance_wire_format.encode_combined(one.fill, micro=False) for one in read_captures(binance_files())]
    assert len(sent) == 34_419
    assert set(sent) == real


def test_coinbase_trades_leave_byte_for_byte_as_captured() -> None:
    real = [frame for frame in coinbase_frames() if frame.startswith('{"type":"match"')]
    sent = [coinbase_wire_format.encode_event(one.fill, "match") for one in read_captures([coinbase_file()]) if one.new]
    assert sent == real
    assert len(sent) == 97


def test_files_merge_by_receive_time_in_any_order() -> None:
    files = binance_files()
    there = [(one.received_ns, one.fill.market, one.fill.trade_id) for one in read_captures(files)]
    assert there == sorted(there, key=lambda entry: entry[0])
    assert sorted(there) == sorted(
        (one.received_ns, one.fill.market, one.fill.trade_id) for one in read_captures(files[::-1])
    )


def test_symbols_of_both_exchanges() -> None:
    found = list_recorded_symbols([*binance_files(), coinbase_file()])
    assert {name: len(symbols) for name, symbols in found.items()} == {"binance": 2, "coinbase": 8}
    assert set(found["binance"]) == {"BTCUSDT", "ETHUSDT"}


def test_overlapping_captures_give_each_trade_once(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two.gz"
    one.write_text(line(1, 10**18) + line(2, 10**18 + 5) + line(1, 10**18 + 6, "ETHUSDT"))
    two.write_bytes(gzip.compress((line(2, 10**18 + 3) + line(3, 10**18 + 9)).encode()))
    ids = [(entry.fill.market[1], entry.fill.trade_id) for entry in read_captures([two, one, one])]
    assert ids == [("BTCUSDT", 1), ("BTCUSDT", 2), ("ETHUSDT", 1), ("BTCUSDT", 3)]
    assert survey_captures([one]).trades == 3


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(PlaySetupError, match=r"absent can't be read: .*No such file"):
        list_recorded_symbols([tmp_path / "absent"])


def test_files_without_trades(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("hello\n\n1 {}\n")
    with pytest.raises(PlaySetupError, match="no trades in empty: give"):
        list_recorded_symbols([tmp_path / "empty"])
    with pytest.raises(PlaySetupError, match="no trades in nothing"):
        list_recorded_symbols([])


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(line(1, 10**18).encode() * 100, mtime=0)[:-20],
        gzip.compress(line(1, 10**18).encode(), mtime=0)[:12] + b"\x00" * 40,
        b"\xff\xfe\n",
    ],
)
def test_a_damaged_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "damaged").write_bytes(content)
    with pytest.raises(PlaySetupError, match="damaged can't be read"):
        list_recorded_symbols([tmp_path / "damaged"])


@pytest.mark.parametrize(
    "damage", [('"1.5"', '"NaN"'), ('"t": 2', '"u": 2'), ("1723161255342", "null"), ("}}\n", "}\n  }x}\n")]
)
def test_a_damaged_trade_is_named_by_line(tmp_path: Path, damage: tuple[str, str]) -> None:
    (tmp_path / "some").write_text(line(1, 10**18) + line(2, 10**18).replace(*damage))
    with pytest.raises(PlaySetupError, match="some line 2 holds no readable trade"):
        list_recorded_symbols([tmp_path / "some"])
