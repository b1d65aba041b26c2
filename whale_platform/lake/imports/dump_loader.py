"""The lines of a dump as typed rows in a Parquet file, every one of them checked before any goes into the lake.

A field is read only where it is written as its exchange writes it, so nothing is rounded or guessed; prices, quantities
and times are held to the bounds of live trades (domain/plausibility.py) and to the day or month of the file's name. A
line that is there twice, all of it, counts once: such files have been published. An id with two contents, and the first
line that does not fit, is named, and raises `InvalidDumpError` for the whole file.
"""

import errno
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import duckdb

from whale_platform.domain import plausibility
from whale_platform.exchanges.registry import SPECS
from whale_platform.lake.delta.schema import WIDE_DECIMAL
from whale_platform.lake.duckdb import engine
from whale_platform.lake.duckdb.engine import quote_literal
from whale_platform.lake.errors import DiskFullError
from whale_platform.lake.imports import dump_file
from whale_platform.lake.imports.dump_file import DumpFile, ImportProgress, reject_dump

MICROS_FROM = 10**14  # a time of this and more counts microseconds: as milliseconds it would be the year 5138
WHOLE, NUMBER, TRUTH = "'[0-9]{1,18}'", "'[0-9]{1,20}([.][0-9]{1,18})?'", "'(?i)true|false'"
MOST_FILLS = 2**31 - 1  # what the lake's column holds
NARROW = "'0*[0-9]{1,10}([.][0-9]{1,8}0*)?'"  # what schema.fits_narrow says of the number, but ten times as fast


@dataclass(frozen=True, slots=True)
class LoadedDump:
    """A dump's rows, checked. `file` is Parquet in the dump's order: id, first, last, price, quantity, time, maker,
    and narrow, which says that decimal(18,8) holds both price and quantity. rows: each once; repeated: the others.

    hours: each hour (aware UTC) that has trades, and how many trades (fills) it has. unit: microseconds of 1 in `time`.
    sha256: of the zip; `checked`: whether a CHECKSUM file confirmed it.
    """

    file: Path
    rows: int
    repeated: int
    hours: tuple[tuple[datetime, int], ...]
    unit: int
    sha256: str
    checked: bool


def load_dump(dump: DumpFile, folder: Path, on_progress: ImportProgress) -> LoadedDump:
    """Unzip, read and check the whole dump; its files are written into `folder`.

    Raises InvalidDumpError, or DiskFullError.
    """
    lines, rows = folder / "dump.csv", folder / "rows.parquet"
    try:
        with dump.path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            checked = dump_file.verify_checksum(dump.path, sha256)
            count = dump_file.unzip_dump(dump.path, file, lines, on_progress)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFullError(
                f"no space is left beside the lake for {dump.path}: free some, nothing was changed"
            ) from None
        reject_dump(dump.path, f"can't be read ({error.strerror or error})")
    head = dump_file.count_header_lines(dump, lines) if count else 0
    if count == head:
        reject_dump(dump.path, "holds no trades: download it again")
    on_progress("checking", 0, 1)
    with engine.connect(folder) as connection:
        _read_csv(connection, dump, lines, head, rows)
        unit = _check_rows(connection, dump, lines, head, count)
        once = folder / "once.parquet"
        if kept := _check_ids(connection, dump, once):
            rows.unlink()
            rows = once
        hours = connection.execute(
            f'SELECT "time" // {3_600_000_000 // unit}, sum(last - first + 1) FROM loaded GROUP BY 1 ORDER BY 1'
        ).fetchall()
    lines.unlink()
    on_progress("checking", 1, 1)
    by_hour = tuple((datetime.fromtimestamp(int(number) * 3600, UTC), int(fills)) for number, fills in hours)
    kept = kept or count - head
    return LoadedDump(rows, kept, count - head - kept, by_hour, unit, sha256, checked)


def build_notional_wide() -> str:
    """SQL: the exact product of a row's price and quantity where it goes into `build_notional_wide`, else null."""
    digits = [f"rtrim({name}::VARCHAR, '0')" for name in ("price", "quantity")]
    whole = " * ".join(f"replace({text}, '.', '')::HUGEINT" for text in digits)
    scale = f"(10 ^ ({plausibility.MAX_DECIMALS} - {_build_decimals_count()}))::HUGEINT"
    exact = f"({whole} * {scale})::DECIMAL(31,0) * 0.000000000000000001"
    return f"CASE WHEN narrow THEN NULL ELSE ({exact})::{WIDE_DECIMAL} END"


def _build_decimals_count() -> str:
    digits = [f"rtrim({name}::VARCHAR, '0')" for name in ("price", "quantity")]
    return "(" + " + ".join(f"strlen({text}) - strpos({text}, '.')" for text in digits) + ")"


def _read_csv(connection: duckdb.DuckDBPyConnection, dump: DumpFile, lines: Path, head: int, out: Path) -> None:
    """The CSV as Parquet (`loaded`) with exact types; null where a field is not written as it should be."""
    columns = dump.columns
    fields = (
        ("id", columns.row_id, WHOLE, "BIGINT"),
        ("first", columns.first, WHOLE, "BIGINT"),
        ("last", columns.last, WHOLE, "BIGINT"),
        ("price", columns.price, NUMBER, WIDE_DECIMAL),
        ("quantity", columns.quantity, NUMBER, WIDE_DECIMAL),
        ("time", columns.time, WHOLE, "BIGINT"),
        ("maker", columns.buyer_maker, TRUTH, "BOOLEAN"),
    )
    wanted = ", ".join(
        f'CASE WHEN regexp_full_match("{source}", {form}) THEN "{source}"::{kind} END AS "{name}"'
        for name, source, form, kind in fields
    )
    narrow = " AND ".join(f'regexp_full_match("{name}", {NARROW})' for name in (columns.price, columns.quantity))
    types = ", ".join(f"'{name}': 'VARCHAR'" for name in columns.names)
    options = f"auto_detect = false, header = false, skip = {head}, delim = ',', quote = '', escape = ''"
    csv = f"read_csv({quote_literal(str(lines))}, {options}, strict_mode = true, columns = {{{types}}})"
    try:
        query = f"SELECT {wanted}, {narrow} AS narrow FROM {csv}"
        connection.execute(f"COPY ({query}) TO {quote_literal(str(out))} (FORMAT parquet)")
    except duckdb.InvalidInputException as error:
        line = re.search(r"Line: ([0-9]+)", str(error))
        why = "is not text" if "unicode" in str(error) else f"is not {columns}"
        reject_dump(dump.path, f"{why}: download it again", int(line[1]) if line else None)
    parquet = f"read_parquet({quote_literal(str(out))}, file_row_number = true)"
    connection.execute(f"CREATE VIEW loaded AS SELECT *, file_row_number + {1 + head} AS line FROM {parquet}")


def _check_rows(connection: duckdb.DuckDBPyConnection, dump: DumpFile, lines: Path, head: int, count: int) -> int:
    """Every row by itself; returns how many microseconds 1 in `time` is."""
    found = connection.execute(f'SELECT count(*), max("time") >= {MICROS_FROM} FROM loaded').fetchone()
    assert found is not None
    if found[0] != count - head:
        with lines.open("rb") as file:
            blank = next((number for number, line in enumerate(file, 1) if not line.strip()), None)
        reject_dump(dump.path, "is empty: download it again", blank)
    unit = 1 if found[1] else 1000
    worst = connection.execute(
        f"SELECT min(line), arg_min(why, line) FROM ({_build_reasons_query(dump, unit)}) WHERE why <> ''"
    )
    line, why = worst.fetchone() or (None, None)
    if line is not None:
        with lines.open("rb") as file:
            text = next(islice(file, line - 1, None)).decode(errors="replace").strip()
        reject_dump(dump.path, f"{why}: {text[:160]}", line)
    return unit


def _check_ids(connection: duckdb.DuckDBPyConnection, dump: DumpFile, out: Path) -> int | None:
    """No id has two contents. Returns how many rows are left in `out`, and in `loaded`, where lines are repeated."""
    if _find_repeated_lines(connection, "()", "id <= id_before OR first <= last_before") is None:
        return None
    # not in the order of ids, as Binance writes them, or with lines that are repeated: so look again, in that order
    kept = None
    if _find_repeated_lines(connection, "(ORDER BY id)", "id = id_before") is not None:
        content = 'id, first, last, price, quantity, "time", maker, narrow'
        connection.execute(
            f"COPY (SELECT {content}, min(line) AS line FROM loaded GROUP BY ALL ORDER BY line) "
            f"TO {quote_literal(str(out))} (FORMAT parquet)"
        )
        connection.execute(f"CREATE OR REPLACE VIEW loaded AS SELECT * FROM read_parquet({quote_literal(str(out))})")
        found = connection.execute("SELECT count(*) FROM loaded").fetchone()
        kept = int(found[0]) if found else 0
    again = _find_repeated_lines(connection, "(ORDER BY id)", "id = id_before")
    again = again or _find_repeated_lines(connection, "(ORDER BY first)", "first <= last_before")
    if again is not None:
        reject_dump(
            dump.path, f"has an id that line {again[1]:,} has too, with another content: download it again", again[0]
        )
    return kept


def _build_reasons_query(dump: DumpFile, unit: int) -> str:
    """SQL: each line with what is wrong with it; the first reason that holds, null where there is none."""
    low, high = (int(moment.timestamp()) * 1_000_000 // unit for moment in (dump.start, dump.end))
    names, title = ("id", "first", "last", "price", "quantity", '"time"', "maker"), SPECS[dump.exchange].title
    reasons = {
        " OR ".join(f"{name} IS NULL" for name in names): f"is not {dump.columns} as {title} writes them",
        f'("time" >= {MICROS_FROM}) <> {unit == 1}': "mixes milliseconds and microseconds",
        f'"time" < {low} OR "time" >= {high}': f"has a time outside {dump.start:%Y-%m-%d} to {dump.end:%Y-%m-%d}, UTC",
        f"price NOT BETWEEN {plausibility.MIN_PRICE:f} AND {plausibility.MAX_PRICE:f}": "has a price that can't be",
        f"quantity <= 0 OR quantity > {plausibility.MAX_QUANTITY:f}": "has a quantity that can't be",
        # doubles are near enough here: what the columns can hold is a hundred million times as much
        f"price::DOUBLE * quantity::DOUBLE > {plausibility.MAX_NOTIONAL:f}": "has an amount that can't be",
        f"CASE WHEN NOT narrow THEN {_build_decimals_count()} > {plausibility.MAX_DECIMALS} END": (
            "has more decimals than add up exactly"
        ),
        f"last < first OR last - first >= {MOST_FILLS}": "has trade ids that can't be",
    }
    cases = " ".join(f"WHEN {condition} THEN {quote_literal(why)}" for condition, why in reasons.items())
    return f"SELECT line, CASE {cases} END AS why FROM loaded"


def _find_repeated_lines(connection: duckdb.DuckDBPyConnection, order: str, condition: str) -> tuple[int, int] | None:
    """Lines of two rows, one after the other in this order, for which `condition` holds: (later, earlier)."""
    before = ", ".join(f"lag({name}) OVER {order} AS {name}_before" for name in ("id", "last", "line"))
    found = connection.execute(
        f"""SELECT greatest(line, line_before), least(line, line_before)
        FROM (SELECT id, first, line, {before} FROM loaded) WHERE {condition} LIMIT 1"""
    ).fetchone()
    return found and (int(found[0]), int(found[1]))
