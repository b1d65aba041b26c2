"""One pass over the lake's hours that finds whales, ordinary trades beside them, and the prices after both.

What is kept of an hour is its whales from the floor of their market on, a bar of each minute and one ordinary trade of
each market and side in two minutes; so memory grows with those, not with the trades. A price k microseconds after a
trade is that of its market's last trade at or before that moment, and is unknown before the lake has a later one
(trade_prices.py defines it so too). Blocks and their prices are left out of all but the whales.

Raises LakeError's subclasses.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby

import duckdb

from whale_platform.lake.analysis import alert_tables
from whale_platform.lake.analysis.sweeps import HIGHEST_FLOOR
from whale_platform.lake.delta import table
from whale_platform.lake.delta.table import HOUR, LakeFile
from whale_platform.lake.duckdb import engine
from whale_platform.lake.maintenance import rewrite
from whale_platform.storage.folders import Folder

MICROSECOND = timedelta(microseconds=1)
ThresholdSince = tuple[int, Decimal | None]  # microseconds UTC, US dollars; None: none from then on
ScanProgress = Callable[[int, int, int], None]  # hours read, of how many, trades so far


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """Whales of [start, end), aware UTC, and the price after each of `horizons` (microseconds).

    find_floor: US dollars from which a trade of (exchange, symbol) is wanted, None where none is; find_thresholds: what
    held when in (exchange, symbol), oldest first. shares: whether the share of the last minute's volume is wanted.
    """

    start: datetime
    end: datetime
    horizons: Sequence[int]
    find_floor: Callable[[str, str], Decimal | None]
    find_thresholds: Callable[[str, str], Sequence[ThresholdSince]]
    shares: bool = False
    seed: int = 0


class AlertScan:
    """The tables of alert_tables.py, filled hour by hour.

    trades: rows of the hours read; covered_hours: how much of the range lies in hours that the lake has.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, root: Folder, request: ScanRequest) -> None:
        self.connection, self.request = connection, request
        self.trades, self.covered_hours = 0, 0.0
        self._root = root
        self._horizons = {"horizons": list(request.horizons)}
        self._known: set[tuple[str, str]] = set()
        connection.execute(alert_tables.CREATE)

    def read_hours(self, files: Iterable[LakeFile], progress: ScanProgress) -> None:
        """Read all of `files`: the hour before the range, its hours, and those after it as far as prices need them."""
        hours = [(start, list(some)) for start, some in groupby(files, lambda file: file.start)]
        within = sum(start < self.request.end for start, _ in hours)
        for number, (start, some) in enumerate(hours):
            if start < self.request.end:
                self._read_hour(start, some)
            elif not self._read_later_hour(start, some):
                break
            progress(min(number + 1, within), within, self.trades)
        self._finish()

    def _read_hour(self, start: datetime, files: list[LakeFile]) -> None:
        rows = rewrite.select_once(self.connection, self._root, files)
        self._add_markets(rows)
        values = {"start": max(_to_us(start), _to_us(self.request.start)), "end": _to_us(start + HOUR)}
        self._run(alert_tables.TRADES.format(rows=rows, markets=alert_tables.ALL_MARKETS))
        self.trades += sum(file.rows for file in files)
        self._run(alert_tables.MINUTES)
        if start + HOUR > self.request.start:
            covered = min(start + HOUR, self.request.end) - max(start, self.request.start)
            self.covered_hours += covered / HOUR
            self._find_alerts(values | {"end": min(values["end"], _to_us(self.request.end))})
        self._run(alert_tables.REMEMBER, {"end": values["end"]})
        self._note_prices(start)

    def _read_later_hour(self, start: datetime, files: list[LakeFile]) -> bool:
        """Read an hour after the range, as far as prices are still awaited; returns whether any were."""
        self._run(alert_tables.SILENT, self._horizons)
        awaited, silent = (self._count(name) for name in ("due", "silent"))
        if not awaited and not silent:
            return False
        markets = alert_tables.ALL_MARKETS if awaited else alert_tables.SILENT_MARKETS
        rows = rewrite.select_once(self.connection, self._root, files)
        self._run(alert_tables.TRADES.format(rows=rows, markets=markets))
        self._note_prices(start)
        return True

    def _note_prices(self, start: datetime) -> None:
        end = {"end": _to_us(start + HOUR)}
        self._run(alert_tables.PRICES, end)
        self._run(alert_tables.DONE, end)
        self._run(alert_tables.REACHED)

    def _find_alerts(self, values: Mapping[str, object]) -> None:
        self._run(alert_tables.MOMENTS)
        self._run(alert_tables.NEAR)
        self._run(alert_tables.ALERTS, values)
        self._run(alert_tables.SHARES if self.request.shares else alert_tables.NO_SHARES)
        self._run(alert_tables.KEEP_ALERTS)
        self._run(alert_tables.CONTROLS, {**values, "seed": self.request.seed})
        self._run("INSERT INTO controls FROM new_controls")
        for name, control in (("new_alerts", "false"), ("new_controls", "true")):
            self._run(alert_tables.DUE.format(table=name, control=control), self._horizons)

    def _add_markets(self, rows: str) -> None:
        found = self._run(alert_tables.MARKETS_OF_HOUR.format(rows=rows)).fetchall()
        for exchange, symbol, base, quote in sorted(found):
            if (exchange, symbol) in self._known:
                continue
            floor = self.request.find_floor(exchange, symbol)
            if floor is None:
                continue
            self._known.add((exchange, symbol))
            number = len(self._known)
            self._run(
                "INSERT INTO markets VALUES (?, ?, ?, ?, ?, ?)",
                [number, exchange, symbol, base, quote, min(floor, HIGHEST_FLOOR)],
            )
            held = self.request.find_thresholds(exchange, symbol)
            amounts = [None if usd is None else f"{min(usd, HIGHEST_FLOOR):f}" for _, usd in held]
            self._run(alert_tables.THRESHOLDS, [number, [since for since, _ in held], amounts])

    def _count(self, name: str) -> int:
        found = self._run(f"SELECT count(*) FROM {name}").fetchone()
        return int(found[0]) if found else 0

    def _finish(self) -> None:
        for control, name, source in (("false", "alert_moves", "alerts"), ("true", "control_moves", "controls")):
            self._run(alert_tables.MOVES.format(name=name, table=source, control=control), self._horizons)
        self._run(alert_tables.VOLATILITY)

    def _run(
        self, statement: str, values: Mapping[str, object] | Sequence[object] | None = None
    ) -> duckdb.DuckDBPyConnection:
        with engine.translate_duckdb_errors():
            return self.connection.execute(statement, values)


@contextmanager
def scan_alerts(root: Folder, request: ScanRequest, progress: ScanProgress) -> Iterator[AlertScan]:
    """Scan what `request` names; the result is there inside the context. Raises LakeNotFoundError."""
    files = table.list_files(table.open_table(root), request.start - HOUR)
    with engine.connect(root) as connection:
        scan = AlertScan(connection, root, request)
        scan.read_hours(files, progress)
        yield scan


def _to_us(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=time.tzinfo)) // MICROSECOND
