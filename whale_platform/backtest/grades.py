"""Grades of a day: sweeps, robots and clusters of the lake against what is known to be true, as Markdown and a file.

Sweeps are graded where the exchange names orders or parties, robots where it names parties and where the simulator has
planted some, clusters where it has planted some. The file is `HOME/reports/grades-DAY.json`, the Markdown lies beside
it. Raises LakeError's subclasses, PlaySetupError, and OSError for a folder that can't be written.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path

from whale_platform.backtest.cluster_search import ClusterRequest, find_lake_clusters
from whale_platform.backtest.grade_counts import GradeCounts, GradeLine, estimate_interval, sum_lines
from whale_platform.backtest.robot_grades import build_truth, grade_clusters, grade_robots
from whale_platform.backtest.robot_search import RobotRequest, read_stretches
from whale_platform.domain.whale import ThresholdPeriod
from whale_platform.files.atomic_files import write_text
from whale_platform.lake.analysis.sweep_truth import SearchWay, count_sweeps
from whale_platform.lake.analysis.taker_orders import MarketChoice, read_named_markets
from whale_platform.lake.delta import table
from whale_platform.lake.duckdb import engine
from whale_platform.reports import charts
from whale_platform.reports.tables import render_table
from whale_platform.simulator.play.planted_orders import PlantedTrade
from whale_platform.storage.folders import Folder

SWEEPS = "sweeps"
HEAD = ("subject", "truth", "band", "true", "found of them", "recall", "95 %", "found", "right", "precision", "95 % ")
NOTHING = (
    "Nothing to grade: no exchange of this day names orders or parties (docs/guides/exchanges.md has such) and "
    "nothing was planted: `WHALE_SIMULATOR_PLANTED_NOISE` plants robots and clusters in the simulator."
)


@dataclass(frozen=True, slots=True)
class GradeRequest:
    """Grades of [start, end), aware UTC. thresholds: what held when, oldest first; planted: by the simulator."""

    start: datetime
    end: datetime
    thresholds: Sequence[ThresholdPeriod]
    planted: Sequence[PlantedTrade] = ()
    least_robot_usd: float = 1_000.0


def grade_day(
    root: Folder, day: date, thresholds: Sequence[ThresholdPeriod], planted: Sequence[PlantedTrade]
) -> list[GradeLine]:
    """Return the lines of one day (UTC); none where there is nothing to grade."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return grade_range(root, GradeRequest(start, start + timedelta(days=1), thresholds, planted))


def grade_range(root: Folder, request: GradeRequest) -> list[GradeLine]:
    """Return the lines of a range of whole hours, by subject and truth."""
    first, last = (time.timestamp() * 1e6 for time in (request.start, request.end))
    inside = [one for one in request.planted if first <= one.time < last]
    robots, lines = build_truth(inside, cluster=False), list(_grade_sweeps(root, request))
    known = robots.markets | read_named_markets(root, request.start, request.end)
    if known:
        asked = RobotRequest(request.start, request.end, request.least_robot_usd, MarketChoice(markets=known))
        for periods_s, orders in read_stretches(root, asked, lambda *_: None):
            lines += grade_robots(orders, periods_s, robots)
    clusters = build_truth(inside, cluster=True)
    if clusters.groups:
        found = find_lake_clusters(root, ClusterRequest(request.start, request.end, request.thresholds))
        lines += grade_clusters(found.clusters, clusters)
    return sorted(sum_lines(lines), key=lambda line: (line.subject, line.truth))


def _grade_sweeps(root: Folder, request: GradeRequest) -> Iterator[GradeLine]:
    files = table.list_files(table.open_table(root), request.start, request.end)
    ways: tuple[SearchWay, ...] = ("hidden", "as alerted")
    with engine.connect(root) as connection:
        for _, some in groupby(files, lambda file: file.start):
            paths = [file.path for file in some]
            for way in ways:
                for one in count_sweeps(connection, root, paths, way):
                    counts = GradeCounts(one.actual, one.correct, one.found, one.correct)
                    yield GradeLine(SWEEPS, f"{one.exchange}, {way}", f"${one.least_usd:,} and more", counts)


def render_grades(lines: Sequence[GradeLine]) -> str:
    """Return the lines as a table of Markdown, or why there are none."""
    if not lines:
        return NOTHING
    return render_table(HEAD, [_build_cells(line) for line in lines])


def _build_cells(line: GradeLine) -> tuple[str, ...]:
    counts = line.counts
    return (
        *(line.subject, line.truth, line.band, f"{counts.actual:,}", f"{counts.recalled:,}"),
        *_describe_share(counts.recalled, counts.actual),
        *(f"{counts.found:,}", f"{counts.correct:,}"),
        *_describe_share(counts.correct, counts.found),
    )


def _describe_share(hits: int, count: int) -> tuple[str, str]:
    if not count:
        return "–", ""
    low, high = estimate_interval(hits, count)
    return f"{hits / count:.3f}", f"{low:.3f} to {high:.3f}"


def draw_grades(lines: Sequence[GradeLine]) -> bytes | None:
    """Draw recall and precision with their intervals by band, of each subject and truth, as PNG; None without any."""
    points: dict[str, list[tuple[str, float, float, float]]] = {}
    for line in lines:
        counts = line.counts
        for name, hits, count in (
            ("recall", counts.recalled, counts.actual),
            ("precision", counts.correct, counts.found),
        ):
            if count:
                low, high = estimate_interval(hits, count)
                point = (line.band, low, hits / count, high)
                points.setdefault(f"{line.subject}, {line.truth}: {name}", []).append(point)
    return charts.draw_intervals("Grades against truth", "share", points) if points else None


def write_grades(folder: Path, day: date, lines: Sequence[GradeLine]) -> Path:
    """Write the grades of a day below `folder`; return the path of the JSON."""
    path = folder / "reports" / f"grades-{day.isoformat()}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps([build_object(line) for line in lines], indent=1) + "\n")
    write_text(path.with_suffix(".md"), f"# Grades of {day}\n\n{render_grades(lines)}\n")
    return path


def build_object(line: GradeLine) -> dict[str, object]:
    """Return a line as JSON has it."""
    counts = line.counts
    named = {"subject": line.subject, "truth": line.truth, "band": line.band}
    return {**named, **counts._asdict(), "recall": counts.recall, "precision": counts.precision}
