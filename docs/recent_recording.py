"""Writes recordings of real trades that fill the dashboard's hour when they are replayed, for the README's pictures.

Prices, sizes, sides and the time between trades stay as they were recorded. Played at their own pace with times of
now, Binance's trades are live from the start; Coinbase's last hour comes within two minutes, and is live from then on.
"""

import csv
import gzip
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from whale_platform.exchanges.binance import wire_format as binance
from whale_platform.exchanges.coinbase import wire_format as coinbase
from whale_platform.exchanges.simulation.play import Fill
from whale_platform.simulator.play.capture_files import read_captures

SECOND_US = 1_000_000
PAST_US, CATCH_UP_US, LIVE_US = 3_300 * SECOND_US, 120 * SECOND_US, 270 * SECOND_US


def write_recordings(trades: Path, captures: Sequence[Path], folder: Path) -> list[Path]:
    """Write Binance's trades of `captures`, and those of the last hour of `trades` (CSV of Coinbase, plain or gzip),
    moved so that they end `LIVE_US` after Binance's first. Returns the two paths."""
    live = [one.fill for one in read_captures(captures) if one.new and one.fill.market[0] == "binance"]
    start, hour = live[0].time, list(_read_trades(trades))
    shift = start + LIVE_US - hour[-1].time
    moved = [replace(fill, time=fill.time + shift, sent_time=fill.time + shift) for fill in hour]
    past = [fill for fill in moved if fill.time >= start - PAST_US]
    times = [(start + _find_receive_time(fill.time - start)) / SECOND_US for fill in past]
    return [
        _write(folder / "binance.gz", [f"{fill.time * 1000} {binance.encode_combined(fill, True)}" for fill in live]),
        _write(
            folder / "coinbase.gz",
            [f"{time:.6f}: {coinbase.encode_event(fill, 'match')}" for time, fill in zip(times, past, strict=True)],
        ),
    ]


def _read_trades(path: Path) -> Iterator[Fill]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as rows:
        for number, row in enumerate(csv.DictReader(rows), 1):  # the file has no trade ids
            time = int(datetime.fromisoformat(row["timestamp"]).timestamp() * 1_000_000)
            size, market = f"{Decimal(row['amount']):f}", ("coinbase", row["symbol"])
            yield coinbase.build_fill(market, number, row["price"], size, row["side"], time, number)


def _find_receive_time(time: int) -> int:
    """When a trade of `time` is received, both in microseconds after the start; none at the start itself."""
    if time > CATCH_UP_US:
        return time
    return SECOND_US + (time + PAST_US) * (CATCH_UP_US - SECOND_US) // (PAST_US + CATCH_UP_US)


def _write(path: Path, lines: Iterable[str]) -> Path:
    with gzip.open(path, "wt") as file:
        file.writelines(f"{line}\n" for line in lines)
    return path
