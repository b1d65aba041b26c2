"""Captured feeds as trades: lines of frames as each exchange's module reads them, plain or gzip.

Several files become one sequence by receive time, whatever order they are given in. Other channels are skipped, and a
trade that is not newer than its symbol's last one (overlapping captures) is dropped. A line that holds a trade which
can't be read ends the reading with the file and line: a gap in a recording is worse than none.
"""

import gzip
import heapq
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from whale_platform.exchanges.registry import EXCHANGES, SPECS, join_names, load_simulated
from whale_platform.exchanges.simulation.play import Fill, MarketKey
from whale_platform.exchanges.simulation.simulated_exchange import CapturedTrade
from whale_platform.simulator.errors import PlaySetupError


@dataclass(frozen=True, slots=True)
class CaptureContents:
    """Of some files: symbols per exchange, count of trades, each exchange's first, each market's last before it."""

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
            before.setdefault(one.fill.market, one.fill)
            continue
        first.setdefault(one.fill.market[0], one)
        found[one.fill.market] = None
        count += 1
    if not first:
        names = ", ".join(path.name for path in files) or "nothing"
        titles = join_names([SPECS[name].title for name in _readers()], "or")
        raise PlaySetupError(f"no trades in {names}: give captured feeds of {titles} with --file")
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
            if one.fill.trade_id <= newest.get(one.fill.market, -1):
                continue
            newest[one.fill.market] = one.fill.trade_id
        yield one


def _lines(path: Path) -> Iterator[CapturedTrade]:
    try:
        with _opened(path) as file:
            for number, line in enumerate(file, 1):
                if (one := _entry(path, number, line)) is not None:
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
    for exchange, read in _readers().items():
        if (one := read(exchange, line)) is not None:
            return one
    return None


@cache
def _readers() -> dict[str, Callable[[str, str], CapturedTrade | None]]:
    """What reads the lines of each exchange's recordings."""
    found = {name: load_simulated(name).read_capture for name in EXCHANGES}
    return {name: read for name, read in found.items() if read is not None}
