"""What `/latest` costs does not grow with the symbols but with what has changed: counted, not timed."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from whale_platform.api.latest_cache.cache import LatestCache
from whale_platform.api.latest_cache.entries import build_entry
from whale_platform.api.latest_cache.updater import CacheUpdater, ChangeSet
from whale_platform.contracts.trade_window import WindowRow
from whale_platform.domain.names import TRADE_WINDOWS, WHALE_ALERTS
from whale_platform.stores.queries.latest_states import WindowState
from whale_platform.stores.stream_tables.change_notice import build_batch_notice
from whale_platform.stores.stream_tables.rows import MessageRef, SinkBatch
from whale_platform_tests.api.builders import Sink, this_minute, whale, window
from whale_platform_tests.api.conftest import Make

SYMBOLS = 500
WRITTEN = datetime.now(UTC)


def name(number: int) -> str:
    return f"X{number:04d}USDT"


@pytest.mark.parametrize("symbols", [2, SYMBOLS])
def test_reading_all_takes_as_many_statements_for_two_symbols_as_for_hundreds(
    sink: Sink, make: Make, symbols: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = this_minute()
    sink.write(*(window(now, symbol=name(number)) for number in range(symbols)))
    sink.write(*(whale(number, now, symbol=name(number)) for number in range(symbols)))
    parts = make(fed=False)
    statements: list[object] = []
    read = parts.pool.read

    def count(work: Callable[[Any], Any]) -> Any:
        statements.append(work)
        return read(work)

    monkeypatch.setattr(parts.pool, "read", count)
    updater = CacheUpdater(parts.latest, parts.pool, parts.settings.dsn, lambda _: None)
    updater._read_all()
    assert len(statements) == 3, "the markets, their windows, their whales"
    updater._read_totals()
    assert len(statements) == 8, "the hour and the day of all"
    parts.latest.render()
    assert parts.latest.response is not None
    found = json.loads(parts.latest.response.body)["symbols"]
    assert [one["symbol"] for one in found] == [name(number) for number in range(symbols)]
    assert all(one["last_whale"]["trade_id"] == number for number, one in enumerate(found))


def test_a_hundred_changed_windows_are_named_and_read_by_one_statement(sink: Sink, make: Make) -> None:
    parts = make(fed=False)
    rows = [window(this_minute(), exchange="sim_binance", symbol=name(number)) for number in range(100)]
    sink.write(*rows)
    changes = ChangeSet()
    changes.merge(build_batch_notice(batch_of(rows), {TRADE_WINDOWS: len(rows)}))
    assert not changes.everything
    updater = CacheUpdater(parts.latest, parts.pool, parts.settings.dsn, lambda _: None)
    updater._read_all()
    updater._read(changes)
    assert updater.reads == 1 and len(parts.latest.list_newest_windows()) == len(rows)


def test_batches_that_name_nothing_do_not_read_all_each(sink: Sink, make: Make) -> None:
    parts = make(fed=False)
    sink.write(window(this_minute()))
    updater = CacheUpdater(parts.latest, parts.pool, parts.settings.dsn, lambda _: None)
    updater._read_all()
    updater.read_all_s = 1000.0
    everything = ChangeSet()
    everything.everything = True
    sink.write(window(this_minute(), symbol="NEWUSDT"))
    updater._read(everything)
    assert len(parts.latest.list_newest_windows()) == 1, "it is read when its share of the time allows"
    updater.read_all_s = 0.0
    updater._read(ChangeSet())
    assert len(parts.latest.list_newest_windows()) == 2, "and not forgotten until then"


def test_a_body_is_compressed_by_the_updater_once_clients_take_it_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bytes:
        raise AssertionError("in the event loop")

    monkeypatch.setattr("whale_platform.api.latest_cache.entries.format_number", str)
    cache = LatestCache()
    cache.replace([state(number, 1) for number in range(3)], ())
    cache.render()
    assert cache.response is not None
    cache.response.compress()
    cache.render()
    with monkeypatch.context() as patched:
        patched.setattr(gzip, "compress", refuse)
        assert gzip.decompress(cache.response.compress()) == cache.response.body
    cache.render()
    cache.render()
    monkeypatch.setattr(gzip, "compress", refuse)
    cache.render()
    with pytest.raises(AssertionError):
        cache.response.compress()


def batch_of(rows: list[WindowRow]) -> SinkBatch:
    batch = SinkBatch()
    for offset, row in enumerate(rows):
        batch.windows[row.key] = (row, MessageRef(TRADE_WINDOWS, 0, offset))
    for number in range(2):
        found = whale(number, this_minute())
        batch.whales[found.key] = (found, MessageRef(WHALE_ALERTS, 0, number))
    return batch


def state(number: int, trades: int) -> WindowState:
    row = window(this_minute(), symbol=name(number), trade_count=trades, updated_at=WRITTEN)
    values: dict[str, Any] = {field: getattr(row, field, None) for field in WindowState.__slots__}
    return WindowState(**values | {"vwap": row.close, "sell_volume": row.volume})


def test_a_rendering_builds_what_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []

    def count(found: WindowState, *more: Any) -> Any:
        built.append(found.symbol)
        return build_entry(found, *more)

    monkeypatch.setattr("whale_platform.api.latest_cache.cache.build_entry", count)
    monkeypatch.setattr("whale_platform.api.latest_cache.entries.format_number", str)
    cache = LatestCache()
    cache.replace([state(number, 1) for number in range(SYMBOLS)], ())
    cache.render()
    assert len(built) == SYMBOLS
    cache.update([state(7, 2)])
    cache.update([state(8, 1)])
    cache.render()
    cache.render()
    assert built[SYMBOLS:] == [name(7)]
    assert cache.response is not None
    rows = json.loads(cache.response.body)["symbols"]
    assert [row["window"]["trades"] for row in rows] == [1] * 7 + [2] + [1] * (SYMBOLS - 8)
