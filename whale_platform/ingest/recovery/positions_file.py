"""The positions file: how far each symbol was published, so that a start reads seconds of the topic and not all of it.

Its offsets are only a shortcut: it names the cluster and the topic it speaks of, everything in it was delivered before
it was written, and whatever came after it is read from the topic. Its ids are the exchange's, so they outlive a topic
that was recreated, or whose messages have expired. A missing or torn file costs time while the topic, or the ledger,
still speaks of the symbol. It knows the markets of one share: of another share's markets it says nothing, so a share
that it does not cover reads the whole topic.
"""

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from whale_platform.contracts.ingest_gap import parse_ranges
from whale_platform.files.atomic_files import write_text
from whale_platform.ingest.recovery.share import WHOLE_SHARE
from whale_platform.ingest.sequencing.gap import SequenceGap
from whale_platform.ingest.sequencing.sparse_sequencer import SavedTrades

# An exchange's clock is not so far ahead of ours: its trades would be quarantined (plausibility_filter.py).
CLOCK_TOLERANCE_US = 600_000_000

SavedTexts = dict[str, tuple[SavedTrades, str]]  # by `exchange:symbol`, what was encoded and the JSON of it


@dataclass(slots=True)
class SymbolPosition:
    """One symbol: the highest id published, the background gaps below it and the gap that begins there or before.

    last_time: event time of that id; latest: where that is not known (0), a time after it. Microseconds UTC.
    newest: its message, by which the taker's order that it belongs to goes on; empty in files of before.
    recent: of a symbol whose ids are not contiguous, id and event time of the trades published last; None of others.
    """

    last_id: int
    gaps: list[SequenceGap] = field(default_factory=list)
    last_time: int = 0
    latest: int = 0
    recent: SavedTrades | None = None
    newest: str = ""


@dataclass(slots=True)
class Positions:
    """`offsets`: per partition of the trades' topic, where to read on; `places` by `exchange:symbol`.

    `share`: the one whose markets it knows, as in the settings. `held`: trades, as in the topic, of symbols that have
    no position yet.
    """

    cluster_id: str
    topic_id: str
    offsets: dict[int, int]
    places: dict[str, SymbolPosition]
    share: str = "1/1"
    held: dict[str, list[str]] = field(default_factory=dict)


def positions_path(home: Path) -> Path:
    """Where the file lies."""
    return home / "ingest" / "positions.json"


def save_positions(path: Path, positions: Positions, texts: SavedTexts | None = None) -> None:
    """Replace the file atomically.

    `texts`: what earlier calls have encoded, for who saves often: of hundreds of symbols, `recent` is nearly all of the
    file, and it is encoded again only where it is another object than before.
    """
    texts = {} if texts is None else texts
    places = (f"{json.dumps(name)}: {_encode_place(name, one, texts)}" for name, one in positions.places.items())
    row = asdict(replace(positions, places={}))
    del row["places"]
    write_text(path, f'{json.dumps(row)[:-1]}, "places": {{{", ".join(places)}}}}}')


def load_positions(path: Path) -> Positions | None:
    """The file, or None where there is none that can be read.

    One of before, without times, says that nothing of it happened `CLOCK_TOLERANCE_US` after it was written.
    """
    try:
        with path.open() as file:
            row = json.load(file)
            written_us = os.fstat(file.fileno()).st_mtime_ns // 1000
        return Positions(
            row["cluster_id"],
            row["topic_id"],
            {int(partition): int(offset) for partition, offset in row["offsets"].items()},
            {
                name: SymbolPosition(
                    int(position["last_id"]),
                    [_parse_gap(gap) for gap in position["gaps"]],
                    int(position.get("last_time", 0)),
                    int(
                        position.get("latest", 0)
                        or (0 if position.get("last_time") else written_us + CLOCK_TOLERANCE_US)
                    ),
                    _parse_recent(position.get("recent")),
                    str(position.get("newest", "")),
                )
                for name, position in row["places"].items()
            },
            str(row.get("share", WHOLE_SHARE)),
            {name: [str(one) for one in trades] for name, trades in row.get("held", {}).items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _encode_place(name: str, position: SymbolPosition, texts: SavedTexts) -> str:
    recent = position.recent
    row = asdict(replace(position, recent=None))
    if recent is None:
        return json.dumps(row)
    if name not in texts or texts[name][0] is not recent:
        texts[name] = recent, json.dumps(recent)
    del row["recent"]
    return f'{json.dumps(row)[:-1]}, "recent": {texts[name][1]}}}'


def _parse_recent(rows: list[list[int]] | None) -> SavedTrades | None:
    return None if rows is None else tuple((int(trade_id), int(event_time)) for trade_id, event_time in rows)


def _parse_gap(row: dict[str, Any]) -> SequenceGap:
    row |= {name: parse_ranges(row.get(name, ())) for name in ("absent", "kept", "beyond")}
    row.pop("quarantined", None)  # a count, in files of before
    return SequenceGap(**row)
