"""Where the real captures lie; tests that need them skip where they are absent."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BINANCE = tuple(f"binance_spot_2024/{pair}_{day}.gz" for pair in ("btcusdt", "ethusdt") for day in (20240808, 20240809))
COINBASE = "coinbase_exchange_2021/coinbase_exchange_20210417.ws.txt.gz"


def captures_dir() -> Path:
    """The folder of real captures, beside the project."""
    found = Path(__file__).resolve().parents[3] / "shared" / "data"
    if not found.is_dir():
        pytest.skip("the real captures (../shared/data) are absent")
    return found


def binance_files() -> list[Path]:
    """The four captured files of Binance spot."""
    return [captures_dir() / name for name in BINANCE]


def coinbase_file() -> Path:
    """The captured feed of Coinbase Exchange."""
    return captures_dir() / COINBASE


def binance_frames() -> Iterator[str]:
    """Each captured Binance frame, file by file."""
    for path in binance_files():
        with gzip.open(path, "rt") as file:
            for line in file:
                yield line.split(" ", 1)[1].rstrip("\n")


def coinbase_frames() -> Iterator[str]:
    """Each frame received from Coinbase."""
    with gzip.open(coinbase_file(), "rt") as file:
        for line in file:
            received, _, frame = line.rstrip("\n").partition(": ")
            if received.replace(".", "").isdigit():
                yield frame


def decode_frame(frame: str) -> dict[str, Any]:
    """`frame` as an object."""
    value = json.loads(frame)
    assert isinstance(value, dict)
    return value


def received_frames(name: str) -> Iterator[str]:
    """Each frame that a capture in `more_exchanges` has received, without those that it has sent."""
    with gzip.open(captures_dir() / "more_exchanges" / name, "rt") as file:
        for line in file:
            _, direction, frame = line.rstrip("\n").split(" ", 2)
            if direction == "<":
                yield frame
