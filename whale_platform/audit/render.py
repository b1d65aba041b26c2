"""An audit as people and programs read it: a table of what is not plain, a summary by symbol, JSON."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from whale_platform.audit.reconcile import VERDICTS, AuditLine, AuditResult, find_worst_verdict
from whale_platform.reports.tables import render_table

LINE_HEAD = ("symbol", "hour (UTC)", "Kafka", "Postgres", "lake", "verdict", "what")
SUMMARY_HEAD = (
    "symbol",
    "hours",
    "trades",
    "missing",
    "not yet",
    "doubled",
    "repaired",
    "exchange gap",
    "unexplained",
    "different",
    "verdict",
)
MAX_LINES = 200


@dataclass(frozen=True, slots=True)
class AuditTotals:
    """Sums over lines. missing: trades that a place lacks, and ids that the ledger knows to be missing still.

    not_yet: trades that have not arrived in a place; different: values that differ between places.
    """

    hours: int
    trades: int
    missing: int
    not_yet: int
    doubled: int
    repaired: int
    exchange_gap: int
    unexplained: int
    different: int
    verdict: str


def sum_lines(lines: Iterable[AuditLine]) -> AuditTotals:
    """Return the totals of these lines."""
    some = list(lines)
    return AuditTotals(
        len(some),
        sum(line.trades for line in some),
        sum(sum(line.missing.values()) + line.open + line.unrepaired for line in some),
        sum(sum(line.not_yet.values()) for line in some),
        sum(sum(line.doubled.values()) for line in some),
        sum(line.repaired for line in some),
        sum(line.exchange_gap for line in some),
        sum(line.unexplained for line in some),
        sum(one.count for line in some for one in line.differences),
        find_worst_verdict(some),
    )


def sum_by_symbol(audit: AuditResult) -> list[tuple[str, AuditTotals]]:
    """(`exchange symbol`, its sums), in order."""
    found = groupby(audit.lines, lambda line: f"{line.exchange} {line.symbol}")
    return [(name, sum_lines(lines)) for name, lines in found]


def render_cells(line: AuditLine) -> tuple[str, ...]:
    """The line under LINE_HEAD; a dash where a place does not reach back so far, `r` where a rollup told."""
    counts = ["–" if count is None else f"{count:,}" for count in (line.kafka, line.postgres, line.lake)]
    counts[1] += " r" if line.origin == "rollup" else ""
    return f"{line.exchange} {line.symbol}", f"{line.hour:%Y-%m-%d %H:%M}", *counts, line.verdict, describe_line(line)


def describe_line(line: AuditLine) -> str:
    """`missing in lake: 3; repaired: 10`."""
    said = {
        **{f"missing in {place}": count for place, count in line.missing.items()},
        **{f"not yet in {place}": count for place, count in line.not_yet.items()},
        **{f"doubled in {place}": count for place, count in line.doubled.items()},
        "missing everywhere, unexplained": line.unexplained,
        "missing, given up by the ledger": line.unrepaired,
        "missing, being repaired": line.open,
        "the exchange's own gap": line.exchange_gap,
        "between an import and the rest": line.beside_import,
        "repaired": line.repaired,
    }
    counted = [f"{what}: {count:,}" for what, count in said.items() if count]
    reasons = [f"reason: {reason}" for reason in line.reasons if reason]
    return "; ".join([*counted, *reasons, *(f"{one.kind}: {one.count:,} ({one.what})" for one in line.differences)])


def select_notable(audit: AuditResult) -> list[AuditLine]:
    """The lines that are not plain ok, the worst first."""
    return sorted(
        (line for line in audit.lines if line.verdict != "ok"), key=lambda line: -VERDICTS.index(line.verdict)
    )


def describe_progress(audit: AuditResult) -> str:
    """How far the parts have come: `Messages not read yet: windows 0, whales unknown, lake 12, sink 0`."""
    counts = (f"{part} {'unknown' if count is None else f'{count:,}'}" for part, count in audit.behind.items())
    return f"Messages not read yet: {', '.join(counts)}"


def summarise(audit: AuditResult) -> list[tuple[str, ...]]:
    """Return the rows under SUMMARY_HEAD."""
    return [
        (name, *(value if isinstance(value, str) else f"{value:,}" for value in asdict(sums).values()))
        for name, sums in sum_by_symbol(audit)
    ]


def render_markdown(audit: AuditResult) -> str:
    """Both tables and the notes; of long ones the first lines."""
    lines = select_notable(audit)
    parts = [
        render_table(SUMMARY_HEAD, summarise(audit)),
        *audit.notes,
        *([describe_progress(audit)] if audit.behind else []),
    ]
    if lines:
        parts.insert(1, render_table(LINE_HEAD, [render_cells(line) for line in lines[:MAX_LINES]]))
    if len(lines) > MAX_LINES:
        parts.insert(2, f"and {len(lines) - MAX_LINES} more")
    return "\n\n".join(parts)


def render_json(audit: AuditResult) -> dict[str, Any]:
    """Every line with its figures; times ISO, UTC."""
    return {
        "start": audit.start.isoformat(),
        "end": audit.end.isoformat(),
        "passed": audit.passed,
        "verdict": audit.verdict,
        "behind": dict(audit.behind),
        "totals": asdict(sum_lines(audit.lines)),
        "notes": list(audit.notes),
        "lines": [
            {**asdict(line), "hour": line.hour.isoformat(), "verdict": line.verdict, "what": describe_line(line)}
            for line in audit.lines
        ],
    }
