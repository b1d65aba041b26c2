"""`whale query`: SQL over the lake's trades and Postgres's tables side by side, read-only.

Rows on stdout, words on stderr. Postgres is asked only where the statement names a table that is not the lake's.
Decimals are exact and plain, times ISO in UTC; CSV writes NULL as nothing; in JSON lines decimals are strings, so that
no reader makes floats of them.
"""

import csv
import json
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from whale_platform.cli.common.context import load_home_settings, require_home
from whale_platform.cli.common.errors import UserError
from whale_platform.cli.common.options import HomeOption
from whale_platform.domain.decimal_text import format_decimal
from whale_platform.lake.delta import table
from whale_platform.lake.duckdb import query as lake_query
from whale_platform.lake.errors import LakeError
from whale_platform.stores.errors import DecimalOverflowError, PostgresUnusableError
from whale_platform.stores.queries import csv_export

if TYPE_CHECKING:
    from whale_platform.settings import Settings

SHOWN = 1000  # rows, in the formats for eyes
WIDE = 100_000  # columns: lines are never broken or cut
CONTROL = {number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160)) if number != ord("\n")}
UNAVAILABLE = (PostgresUnusableError, OSError)
Rows = Iterable[tuple[Any, ...]]
app = typer.Typer(add_completion=False, help="SQL over the lake and Postgres side by side.")


@app.command()
def query(
    sql: Annotated[str | None, typer.Argument(metavar="SQL", help="One SELECT; without it, the tables.")] = None,
    version: Annotated[int | None, typer.Option(min=0, help="`trades` as of this version of the lake.")] = None,
    style: Annotated[str, typer.Option("--format", metavar="table|csv|json|md")] = "table",
    limit: Annotated[
        int | None, typer.Option(min=1, help=f"Rows (default: {SHOWN:,} of a table or md, all of csv and json).")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Answer one SELECT, in DuckDB's SQL. `WHERE date = …` reads only that day of `trades`."""
    write = FORMATS.get(style)
    if write is None:
        raise UserError(f"--format {style}: one of {', '.join(FORMATS)}")
    settings = load_home_settings(require_home(home))
    if sql is None:
        _list_tables(settings)
        return
    most = limit or (SHOWN if style in FOR_EYES else None)
    try:
        with lake_query.run_query(
            settings.trades_lake, sql, version, lambda name, path: _copy(settings, name, path)
        ) as said:
            write(said.columns, islice(said.rows, most), sys.stdout)
            more = most is not None and next(said.rows, None) is not None
    except LakeError as error:
        raise UserError(str(error)) from None
    sys.stdout.flush()
    if more:
        print(f"whale: the first {most:,} rows; more with --limit, all with --format csv", file=sys.stderr)


def _copy(settings: "Settings", name: str, path: Path) -> Sequence[tuple[str, str]]:
    try:
        return csv_export.copy_table(settings.dsn(), name, path)
    except UNAVAILABLE as error:
        raise UserError(
            f"`{name}` is not in the lake, and Postgres can't be read ({error}): see `whale status`"
        ) from None
    except DecimalOverflowError as error:
        raise UserError(str(error)) from None


def _list_tables(settings: "Settings") -> None:
    try:
        print(f"trades: the lake, version {table.open_table(settings.trades_lake).version()}")
    except LakeError as error:
        print(f"trades: {error}")
    for column in lake_query.SHOWN_COLUMNS:
        print(f"  {column.name:<18} {column.duck:<15} {column.comment}")
    print("\nnewest_trades: the newest hour of them, found in the same time however large the lake is")
    try:
        print("\nPostgres:")
        for name, comment in csv_export.list_tables(settings.dsn()).items():
            print(f"  {name:<18} {comment}".rstrip())
    except UNAVAILABLE as error:
        print(f"  can't be read ({error}): see `whale status`")
    print('\nColumns of any: `whale query "DESCRIBE trade_windows"`')


def _format_value(value: object) -> str:
    """One value as people read it; NULL as nothing."""
    if value is None:
        return ""
    plainest = _to_json_value(value)
    if isinstance(plainest, str):
        return plainest
    if type(plainest) is int:  # a bool is not
        return str(plainest)
    return json.dumps(plainest, ensure_ascii=False)


def _write_table(columns: Sequence[str], rows: Rows, output: TextIO) -> None:
    """Aligned, numbers to the right."""
    found = list(rows)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, name in enumerate(columns):
        table.add_column(_build_cell(name), justify="right" if _is_numeric(found, number) else "left", no_wrap=True)
    for row in found:
        table.add_row(*(_build_cell(_format_value(value)) for value in row))
    Console(file=output, width=WIDE, highlight=False).print(table)


def _write_csv(columns: Sequence[str], rows: Rows, output: TextIO) -> None:
    """Write the rows as CSV, below a line of column names."""
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_format_value(value) for value in row] for row in rows)


def _write_json(columns: Sequence[str], rows: Rows, output: TextIO) -> None:
    """One object a line. Raises UserError for two columns of one name."""
    doubled = next((name for name in columns if columns.count(name) > 1), None)
    if doubled is not None:
        raise UserError(f"two columns are named {doubled}: name them with AS, JSON can't hold both")
    for row in rows:
        values = dict(zip(columns, (_to_json_value(value) for value in row), strict=True))
        output.write(json.dumps(values, ensure_ascii=False) + "\n")


def _write_markdown(columns: Sequence[str], rows: Rows, output: TextIO) -> None:
    """Write the rows as a Markdown table."""
    found = list(rows)
    marks = ["---:" if _is_numeric(found, number) else "---" for number in range(len(columns))]
    for line in (list(columns), marks, *([_format_value(value) for value in row] for row in found)):
        output.write("| " + " | ".join(_escape_markdown(cell) for cell in line) + " |\n")


def _build_cell(text: str) -> Text:
    return Text(text.translate(CONTROL))


def _escape_markdown(text: str) -> str:
    return text.replace("\n", " ").translate(CONTROL).replace("|", "\\|")


def _is_numeric(rows: Sequence[tuple[Any, ...]], column: int) -> bool:
    return any(isinstance(row[column], int | float | Decimal) and not isinstance(row[column], bool) for row in rows)


def _to_json_value(value: object) -> Any:
    """As JSON holds it without losing a digit."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Decimal):
        return format_decimal(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value.tzinfo else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {_format_value(key): _to_json_value(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json_value(part) for part in value]
    return str(value.total_seconds()) + " s" if isinstance(value, timedelta) else str(value)


FORMATS: dict[str, Callable[[Sequence[str], Rows, TextIO], None]] = {
    "table": _write_table,
    "csv": _write_csv,
    "json": _write_json,
    "md": _write_markdown,
}
FOR_EYES = ("table", "md")
