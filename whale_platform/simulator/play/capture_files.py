"""Captured feeds as trades: `<ns> <frame>` lines (Binance) and `<seconds>: <frame>` lines (Coinbase), plain or gzip.

Several files become one sequence by receive time, whatever order they are given in. Other channels are skipped, and a
trade that is not newer than its symbol's last one (overlapping captures) is dropped. A line that holds a trade which
can't be read ends the reading with the file and line: a gap in a recording is worse than none.
"""

import gzip
import heapq
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from whale_platform.domain.trade import Side
from whale_platform.exchanges.simulation.play import Fill, MarketKey
from whale_platform.simulator.errors import PlaySetupError

_BINANCE_LINE = re.compile(r"([0-9]{16,19}) (\{.*\})\s*").fullmatch
_COINBASE_LINE = re.compile(r"([0-9]{9,11}(?:\.[0-9]+)?): (\{.*\})\s*").fullmatch
_MICROSECONDS_FROM = 10**14


@dataclass(frozen=True, slots=True)
class CapturedTrade:
    """One trade and when the capture received it, ns UTC. `new`: False for Coinbase's `last_match`."""

    received_ns: int
    fill: Fill
    new: bool = True


@dataclass(frozen=True, slots=True)
class CaptureContents:
    """Of some files: symbols per exchange, count of trades, each exchange's first, each place's `last_match`."""

    symbols: dict[str, list[str]]
    trades: int
    first: dict[str, CapturedTrade]
    before: dict[MarketKey, Fill]


def list_recorded_symbols(files: Sequence[Path]) -> dict[str, list[str]]:
    """Symbols with trades in `files`, per exchange. Reads them whole. Raises PlaySetupError."""
    return survey_captures(files).symbols


def survey_captures(files: Sequence[Path]) -> CaptureContents:
    """Read `files` once, whole. Raises PlaySetupError for a file that can't be read and where there are no trades."""
    count = 0
    first: dict[str, CapturedTrade] = {}
    before: dict[MarketKey, Fill] = {}
    found: dict[MarketKey, None] = {}
    for one in read_captures(files):
        if not one.new:
            before.setdefault(one.fill.place, one.fill)
            continue
        first.setdefault(one.fill.place[0], one)
        found[one.fill.place] = None
        count += 1
    if not first:
        names = ", ".join(path.name for path in files) or "nothing"
        raise PlaySetupError(f"no trades in {names}: give captured feeds of Binance or Coinbase with --file")
    symbols: dict[str, list[str]] = {}
    for exchange, symbol in found:
        symbols.setdefault(exchange, []).append(symbol)
    return CaptureContents(symbols, count, first, before)


def read_captures(files: Sequence[Path]) -> Iterator[CapturedTrade]:
    """Trades of `files` by receive time, each id once and ascending per symbol. Raises PlaySetupError."""
    newest: dict[MarketKey, int] = {}
    paths = dict.fromkeys(path.resolve() for path in files)
    for one in heapq.merge(*map(_lines, paths), key=lambda entry: entry.received_ns):
        if one.new:
            if one.fill.trade_id <= newest.get(one.fill.place, -1):
                continue
            newest[one.fill.place] = one.fill.trade_id
        yield one


def _lines(path: Path) -> Iterator[CapturedTrade]:
    try:
        with _opened(path) as file:
            for number, line in enumerate(file, 1):
                if ('"trade"' in line or 'match"' in line) and (one := _entry(path, number, line)) is not None:
                    yield one
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as wrong:
        raise PlaySetupError(f"{path} can't be read: {wrong}") from None


def _opened(path: Path) -> IO[str]:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rt", encoding="utf-8") if packed else path.open(encoding="utf-8")


def _entry(path: Path, number: int, line: str) -> CapturedTrade | None:
    try:
        return _read(line)
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise PlaySetupError(f"{path} line {number} holds no readable trade: {type(wrong).__name__} {wrong}") from None


def _read(line: str) -> CapturedTrade | None:
    if parts := _BINANCE_LINE(line):
        frame = json.loads(parts[2])
        data = frame.get("data", frame)
        return CapturedTrade(int(parts[1]), _binance(data)) if data.get("e") == "trade" else None
    if parts := _COINBASE_LINE(line):
        frame = json.loads(parts[2])
        if frame.get("type") in ("match", "last_match"):
            return CapturedTrade(int(Decimal(parts[1]) * 10**9), _coinbase(frame), frame["type"] == "match")
    return None


def _binance(data: dict[str, Any]) -> Fill:
    side: Side = "sell" if data["m"] else "buy"
    place = ("binance", str(data["s"]))
    return Fill(
        place, int(data["t"]), _number(data["p"]), _number(data["q"]), side, _micros(data["T"]), _micros(data["E"])
    )


def _coinbase(frame: dict[str, Any]) -> Fill:
    moment = datetime.fromisoformat(frame["time"])
    time = int(moment.replace(microsecond=0, tzinfo=UTC).timestamp()) * 1_000_000 + moment.microsecond
    return Fill(
        ("coinbase", str(frame["product_id"])),
        int(frame["trade_id"]),
        _number(frame["price"]),
        _number(frame["size"]),
        "buy" if frame["side"] == "sell" else "sell",
        time,
        time,
        str(frame["taker_order_id"]),
        str(frame["maker_order_id"]),
        int(frame["sequence"]),
    )


def _number(text: object) -> str:
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        raise ValueError(f"{text!r} is not a decimal string")
    return text


def _micros(time: int) -> int:
    return time if time >= _MICROSECONDS_FROM else time * 1000
