"""Dumps exactly as an exchange publishes them, made up: for tests, and to measure what an import takes."""

import hashlib
import random
import time
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from whale_platform.domain.catalogue import SymbolCatalogue
from whale_platform.exchanges import symbols
from whale_platform.exchanges.dump_format import DumpedTrade
from whale_platform.exchanges.registry import DUMPS
from whale_platform.lake.imports import dump_file, importer

EXCHANGE = next(iter(DUMPS))
HOUR_US = 3_600_000_000
FIRST_ID, FIRST_PRICE = 3_707_000_000, 6_183_763  # of a day in 2024; the price in ticks of 0.01


def generate_dump(
    folder: Path,
    rows: int,
    symbol: str = "BTCUSDT",
    day: date = date(2024, 8, 8),
    kind: str = "trades",
    micros: bool = False,
    header: bool = False,
    hours: int = 24,
    seed: int = 1,
) -> Path:
    """A day's zip and its CHECKSUM in `folder`, always the same for the same arguments; returns the zip's path.

    `rows`: how many trades; those of one taker at one price and time are one line where `kind` is `aggTrades`. micros:
    times in microseconds, as from 2025 on, instead of milliseconds. hours: how many have trades, from midnight on.
    """
    lines = DUMPS[EXCHANGE].encode(kind, _generate_trades(rows, day, micros, hours, seed))
    path = folder / f"{symbol}-{kind}-{day}.zip"
    pack_dump(path, [str(DUMPS[EXCHANGE].kinds[kind]), *lines] if header else lines)
    return path


def pack_dump(path: Path, lines: Iterable[str]) -> None:
    """Make the zip `path` of these lines, the same bytes each time, with the CHECKSUM file beside it."""
    member = zipfile.ZipInfo(f"{path.stem}.csv")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, "".join(f"{line}\n" for line in lines), zipfile.ZIP_DEFLATED)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(f"{path.name}.CHECKSUM").write_text(f"{digest}  {path.name}\n")


def measure_import(folder: Path, rows: int) -> dict[str, Any]:
    """Import a day of so many trades into a fresh lake in `folder`, and once more: seconds, rows a second, bytes."""
    dump = dump_file.parse_dump_name(
        EXCHANGE, generate_dump(folder, rows), symbols.build_splitter(SymbolCatalogue(), ())
    )
    root = folder / "lake" / "trades"
    took = []
    for _ in range(2):
        begin = time.monotonic()
        done = importer.import_dump(root, dump, {"run": "bench"}, lambda what, part, of: None)
        took.append(time.monotonic() - begin)
    with zipfile.ZipFile(dump.path) as archive:
        csv = archive.infolist()[0].file_size
    return {
        "rows": done.rows,
        "hours": len(done.hours),
        "seconds": round(took[0], 2),
        "rows_per_s": round(done.rows / took[0]),
        "again_s": round(took[1], 2),
        "csv_bytes": csv,
        "zip_bytes": dump.path.stat().st_size,
        "lake_bytes": sum(file.stat().st_size for file in root.rglob("*.parquet")),
    }


def _generate_trades(rows: int, day: date, micros: bool, hours: int, seed: int) -> Iterator[DumpedTrade]:
    """Each taker takes one to four fills at one moment; the price walks by single ticks."""
    chance = random.Random(seed)
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000
    price, number, unit = FIRST_PRICE, 0, 1 if micros else 1000
    while number < rows:
        at, maker = (start + hours * HOUR_US * number // rows) // unit, chance.random() < 0.5
        for _ in range(min(chance.choice((1, 1, 1, 2, 4)), rows - number)):
            price += chance.choice((0, 0, 0, -1 if maker else 1))
            quantity = (int(chance.lognormvariate(6, 2.5)) % 5_000_000 + 1) * 10**3
            yield DumpedTrade(FIRST_ID + number, price * 10**6, quantity, at, maker)
            number += 1
        price += chance.choice((-1, 0, 1))
