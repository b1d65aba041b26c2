"""How long a day's rollup takes in a table of a million windows: seeded by SQL, made as the asset makes it."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from whale_platform.bench.harness.table_history import SYMBOLS, fill_tables
from whale_platform.stores.asset_tables import rollups
from whale_platform.stores.asset_tables.materialisation import HOUR, HourRange, Provenance

ROUNDS = 5
START = datetime(2025, 1, 1, tzinfo=UTC)


def measure_rollup(dsn: str, rows: int) -> dict[str, Any]:
    """Seconds to make 24 hours x SYMBOLS from the middle of `rows` windows, read back included."""
    minutes = rows // SYMBOLS
    fill_tables(dsn, START, minutes)
    middle = (START + timedelta(minutes=minutes // 2)).replace(hour=0, minute=0)
    hours = HourRange(middle, middle + 24 * HOUR)
    took = []
    for _ in range(ROUNDS):
        begin = time.monotonic()
        written = rollups.materialise_rollups(dsn, hours, Provenance("bench", "bench"))
        rollups.read_rollups(dsn, hours)
        took.append(round(time.monotonic() - begin, 3))
    return {"windows": minutes * SYMBOLS, "hours": hours.count, "rows": written, "seconds": took}
