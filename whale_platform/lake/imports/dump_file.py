"""An exchange's public dumps of spot trades: what a file's name says, and the one CSV out of its zip.

Checked here: the name, the CHECKSUM beside the file where there is one, the zip's own check sums, and the columns, by
the exchange's format (`exchanges/dump_format.py`). What does not fit makes the whole file an `InvalidDumpError`; the
lines are checked in dump_loader.py, and nothing goes into the lake before both are through.
"""

import calendar
import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, NoReturn

from whale_platform.exchanges.dump_format import DumpColumns
from whale_platform.exchanges.registry import DUMPS, SPECS
from whale_platform.lake.duckdb.engine import require_free_space
from whale_platform.lake.errors import InvalidDumpError

CHUNK_BYTES = 1 << 22

ImportProgress = Callable[[str, int, int], None]  # (what is being done, how much of it is done, of how much)


@dataclass(frozen=True, slots=True)
class DumpFile:
    """What a file's name says: `kind` is one of its exchange's format; all times are in [start, end), aware UTC."""

    path: Path
    exchange: str
    symbol: str
    base: str
    quote: str
    kind: str
    start: datetime
    end: datetime

    @property
    def columns(self) -> DumpColumns:
        """The columns of its lines."""
        return DUMPS[self.exchange].kinds[self.kind]


def parse_dump_name(exchange: str, path: Path, split_symbol: Callable[[str], tuple[str, str]]) -> DumpFile:
    """The dump of `exchange` (one in `DUMPS`) that `path` names; `split_symbol` cuts a symbol into base and quote, or
    raises ValueError. Raises InvalidDumpError."""
    known = DUMPS[exchange]
    found = known.file_name.fullmatch(path.name)
    if found is None:
        whose = f"{SPECS[exchange].title}'s dumps ({known.example})"
        reject_dump(path, f"is not named like {whose}: keep the name it came with")
    if not path.is_file():
        reject_dump(path, "is not there: give the path of a downloaded file")
    year, month, day = int(found["year"]), int(found["month"]), int(found["day"] or 1)
    days = calendar.monthrange(year, month)[1]
    if not 1 <= day <= days:
        reject_dump(path, "names a day that does not exist: keep the name it came with")
    try:
        base, quote = split_symbol(found["symbol"])
    except ValueError as error:
        reject_dump(path, f"can't be imported: {error}")
    start = datetime(year, month, day, tzinfo=UTC)
    end = start + timedelta(days=1 if found["day"] else days)
    return DumpFile(path, exchange, found["symbol"], base, quote, found["kind"], start, end)


def verify_checksum(path: Path, sha256: str) -> bool:
    """Whether the CHECKSUM file says so too; False where there is none. Raises InvalidDumpError where it says
    otherwise."""
    beside = path.with_name(f"{path.name}.CHECKSUM")
    if not beside.exists():
        return False
    said, _, name = beside.read_text(errors="replace").strip().partition(" ")
    if not re.fullmatch(r"[0-9a-fA-F]{64}", said) or name.strip(" *") != path.name:
        reject_dump(path, f"has a CHECKSUM file that is not '<sha256>  {path.name}': download that again, or remove it")
    if said.lower() != sha256:
        reject_dump(path, "is not what its CHECKSUM file says: download both again")
    return True


def unzip_dump(path: Path, file: IO[bytes], out: Path, on_progress: ImportProgress) -> int:
    """The zip's CSV to `out`, checked by the zip's own sum; returns how many lines.

    Raises InvalidDumpError, DiskFullError.

    Folders and copies in them are left alone: an exchange's ETHUSDT-aggTrades-2018-01.zip has a second, shorter one so.
    """
    wanted, lines, done, last = f"{path.stem}.csv", 0, 0, b""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            if names.count(wanted) != 1 or any("/" not in name for name in names if name != wanted):
                reject_dump(path, f"must hold {wanted} once, and nothing beside it but folders: download it again")
            size = archive.getinfo(wanted).file_size
            require_free_space(out.parent, 2 * size, path.name)  # the CSV, and its Parquet copy, which is smaller
            with archive.open(wanted) as source, out.open("wb") as target:
                while chunk := source.read(CHUNK_BYTES):
                    target.write(chunk)
                    lines, done, last = lines + chunk.count(b"\n"), done + len(chunk), chunk[-1:]
                    on_progress("unzipping", done, size)
    # what zipfile raises: NotImplementedError for a foreign compression, RuntimeError for one that is encrypted
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        reject_dump(path, f"is a broken zip ({error}): download it again")
    return lines + (last not in (b"", b"\n"))


def count_header_lines(dump: DumpFile, lines: Path) -> int:
    """Lines of header: 0 or 1. Raises InvalidDumpError where the columns are not those of a spot dump."""
    with lines.open("rb") as file:
        first = file.readline(CHUNK_BYTES).decode(errors="replace").strip()
    columns = dump.columns
    if len(first.split(",")) != len(columns.names):
        reject_dump(dump.path, f"has other columns than spot {dump.kind} ({columns}): {first[:120]!a}", 1)
    if first[:1].isdigit():
        return 0
    if not DUMPS[dump.exchange].header.fullmatch(re.sub(r"[_ \"]", "", first.lower())):
        reject_dump(dump.path, f"is neither a trade nor the names of the columns ({columns}): {first[:120]!a}", 1)
    return 1


def reject_dump(path: Path, reason: str, line: int | None = None) -> NoReturn:
    """Raise InvalidDumpError with the path, the line if there is one, and the reason."""
    raise InvalidDumpError(f"{path}{'' if line is None else f', line {line:,}'} {reason}; nothing of it was imported")
