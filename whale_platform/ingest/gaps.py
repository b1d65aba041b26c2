"""A hole in one symbol's trade ids, from its finding to its closing, and its row in topic `ingest_gaps`.

A row is written again, under the same key, whenever it changes; the topic is compacted, so the last one counts. Every
id that was ever missing lies in exactly one row.
"""

import json
from dataclasses import dataclass, field
from typing import Literal

Cause = Literal["restart", "reconnect", "stream"]
Mode = Literal["inline", "background"]
State = Literal["open", "repaired", "exchange_gap", "unrepaired"]
RUNS_TOLD = 20


@dataclass(slots=True)
class Gap:
    """Ids first_id to last_id, all of them missing when it was found. Times: microseconds UTC.

    filled: how many were published after all; progress_id: the next id to look for, where mode is background.
    absent: ids that the exchange's own history lacks; quarantined: how many were seen but are absurd and kept back.
    """

    first_id: int
    last_id: int
    cause: Cause
    found_time: int
    mode: Mode = "inline"
    state: State = "open"
    closed_time: int | None = None
    filled: int = 0
    progress_id: int = 0
    absent: list[tuple[int, int]] = field(default_factory=list)
    quarantined: int = 0
    note: str = ""

    def miss(self, trade_id: int) -> None:
        """The exchange's history has no `trade_id`."""
        if self.absent and self.absent[-1][1] == trade_id - 1:
            self.absent[-1] = (self.absent[-1][0], trade_id)
        else:
            self.absent.append((trade_id, trade_id))

    def close(self, now_us: int) -> None:
        """Settle the state from what was found."""
        whole = self.filled >= self.last_id - self.first_id + 1
        self.state = "repaired" if whole else "unrepaired" if self.quarantined else "exchange_gap"
        self.closed_time = now_us
        self.progress_id = self.last_id + 1

    def detail(self) -> str:
        """For a person: what is still missing and why."""
        parts = [self.note] if self.note else []
        if self.absent:
            runs = [str(a) if a == b else f"{a}-{b}" for a, b in self.absent[:RUNS_TOLD]]
            more = len(self.absent) - len(runs)
            parts.append(f"not in the exchange's history: {', '.join(runs)}{f' and {more} more runs' if more else ''}")
        if self.quarantined:
            parts.append(f"{self.quarantined} quarantined")
        return "; ".join(parts)


def gap_key(exchange: str, symbol: str, first_id: int) -> bytes:
    """Key of the row."""
    return f"{exchange}:{symbol}:{first_id}".encode()


def gap_row(exchange: str, symbol: str, gap: Gap) -> bytes:
    """The row as JSON, schema version 1."""
    return json.dumps(
        {
            "v": 1,
            "exchange": exchange,
            "symbol": symbol,
            "first_id": gap.first_id,
            "last_id": gap.last_id,
            "cause": gap.cause,
            "mode": gap.mode,
            "state": gap.state,
            "found_time": gap.found_time,
            "closed_time": gap.closed_time,
            "filled": gap.filled,
            "progress_id": gap.progress_id or gap.first_id,
            "detail": gap.detail(),
        },
        separators=(",", ":"),
    ).encode()


def read_gap(value: bytes) -> tuple[str, Gap]:
    """(`exchange:symbol`, gap) of one row. Raises ValueError on what is not a row of version 1."""
    row = json.loads(value)
    try:
        if row["v"] != 1:
            raise ValueError(f"gap row of version {row['v']}")
        gap = Gap(
            row["first_id"],
            row["last_id"],
            row["cause"],
            row["found_time"],
            row["mode"],
            row["state"],
            row["closed_time"],
            row["filled"],
            row["progress_id"],
            note=row["detail"],
        )
        return f"{row['exchange']}:{row['symbol']}", gap
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a gap row: {error!r}") from None
