"""Rows as they come from the sink, at times near now."""

from datetime import UTC, datetime, timedelta
from typing import Any

from whale_platform.contracts.ingest_gap import GapRow
from whale_platform.contracts.trade_window import WindowRow
from whale_platform.contracts.whale_alert import WhaleRow
from whale_platform.domain.names import INGEST_GAPS, TRADE_WINDOWS, WHALE_ALERTS
from whale_platform.stores.asset_tables import rollups, whale_reports
from whale_platform.stores.asset_tables.materialisation import HourRange, Provenance
from whale_platform.stores.stream_tables.rows import MessageRef, SinkBatch
from whale_platform.stores.stream_tables.sink_store import SinkStore, StoredOffset
from whale_platform_tests.stores.builders import GAP, WHALE, WINDOW

MINUTE = timedelta(minutes=1)


def this_minute() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)


def window(start: datetime, **more: Any) -> WindowRow:
    row = WINDOW._replace(window_start=start, last_event_time=start + timedelta(seconds=5), updated_at=start)
    return row._replace(**more)


def whale(number: int, at: datetime, **more: Any) -> WhaleRow:
    row = WHALE._replace(trade_id=number, event_time=at, received_time=at, detected_time=at)
    return row._replace(**more)


class Sink:
    """A sink without Kafka: each `write` is one transaction."""

    def __init__(self, dsn: str) -> None:
        self.dsn, self._store, self._offset = dsn, SinkStore(dsn), 0
        self._store.store_offsets({(TRADE_WINDOWS, 0): StoredOffset(0, "t", "c")}, [])

    def close(self) -> None:
        self._store.close()

    def write(self, *rows: WindowRow | WhaleRow | GapRow) -> None:
        batch = SinkBatch(offset_moves={(TRADE_WINDOWS, 0): (self._offset, self._offset + 1)})
        for row in rows:
            match row:
                case WindowRow():
                    batch.windows[row.key] = (row, MessageRef(TRADE_WINDOWS, 0, self._offset))
                case WhaleRow():
                    batch.whales[row.key] = (row, MessageRef(WHALE_ALERTS, 0, self._offset))
                case GapRow():
                    batch.gaps[row.key] = (row, MessageRef(INGEST_GAPS, 0, self._offset))
        self._store.write(batch)
        self._offset += 1

    def fill(self) -> None:
        """Two symbols: 90 minutes of BTCUSDT up to now, one of ETH-USD; three whales, two gaps, an hour made."""
        now = this_minute()
        rows = [window(now - n * MINUTE, first_trade_id=1000 - 2 * n, last_trade_id=1001 - 2 * n) for n in range(90)]
        eth = window(now, exchange="coinbase", symbol="ETH-USD", updated_at=datetime.now(UTC))
        self.write(*rows, window(now, trade_count=3, updated_at=datetime.now(UTC)), eth)
        self.write(
            whale(1, now - 3 * MINUTE, notional_usd="60000"),
            whale(2, now - 2 * MINUTE, side="sell", notional_usd="300000.5"),
            whale(3, now - MINUTE, exchange="coinbase", symbol="ETH-USD"),
        )
        self.write(GAP, GAP._replace(first_id=40, last_id=41, state="repaired", filled=2, closed_time=now))
        hour = now.replace(minute=0)
        hours = HourRange(hour - timedelta(hours=2), hour)
        rollups.materialise_rollups(self.dsn, hours, Provenance("run", "code"))
        whale_reports.materialise_reports(self.dsn, hours, Provenance("run", "code"))
