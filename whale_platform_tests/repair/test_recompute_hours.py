"""What may be taken back when hours are made again: on a real lake and database, with the batch's answers given.

Spark is left out: what it computes is given by each test, as it is the same transforms that other tests hold.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from whale_platform.contracts.trade_window import WindowRow
from whale_platform.contracts.whale_alert import WhaleRow
from whale_platform.domain.hours_of_week import get_hour_of_week
from whale_platform.domain.trade import Trade
from whale_platform.lake.delta import table
from whale_platform.repair import recompute_hours, work
from whale_platform.settings import Settings
from whale_platform.stores.asset_tables.materialisation import HOUR, HourRange
from whale_platform.stores.errors import AdvisoryLockHeldError
from whale_platform.stream import batch_recompute
from whale_platform_tests.lake.builders import START, ids, lay, swallow, trade
from whale_platform_tests.repair.test_price_work import watch_lock
from whale_platform_tests.stores.asset_tables.test_materialisation import MAKER, store
from whale_platform_tests.stores.builders import SWEEP, WHALE, WINDOW
from whale_platform_tests.support.postgres_server import database, empty_database, postgres_server, query

__all__ = ["database", "empty_database", "postgres_server"]

ONE = HourRange(START, START + HOUR)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NO_SESSION = cast(batch_recompute.BatchSession, None)


def window(first: int, count: int, minute: int = 0, start: datetime = START) -> WindowRow:
    """A window of `count` trades with the ids from `first` on."""
    at = start + timedelta(minutes=minute)
    return WINDOW._replace(
        window_start=at,
        trade_count=count,
        first_trade_id=first,
        last_trade_id=first + count - 1,
        last_event_time=at + timedelta(seconds=1),
    )


def whale(number: int, start: datetime = START) -> WhaleRow:
    return WHALE._replace(trade_id=number, event_time=start + timedelta(seconds=number))


def fill(number: int) -> Trade:
    """A fill of 20,000 dollars, each of one buyer's order."""
    return trade(number, price="100", quantity="200")._replace(event_time=trade(0).event_time, side="buy")


def sweep(first: int, fills: int) -> WhaleRow:
    """The order of so many fills from `first` on."""
    usd = str(20_000 * fills)
    row = SWEEP._replace(trade_id=first, fills=fills, levels=1, last_trade_id=first + fills - 1, event_time=START)
    return row._replace(price="100", first_price="100", quantity=str(200 * fills), notional=usd, notional_usd=usd)


def sweeps(dsn: str) -> list[tuple[int, int]]:
    """(First id, fills) of the database."""
    return query(dsn, "SELECT trade_id, fills FROM whale_alerts WHERE kind = 'sweep' ORDER BY 1")


def whale_message(row: WhaleRow) -> bytes:
    """As the batch yields it."""
    names = ["exchange", "symbol", "kind", "trade_id", "side", "price", "quantity", "notional", "notional_usd"]
    names += ["threshold_usd", "source", "run_id", "fills", "levels", "first_price", "last_trade_id"]
    times = {name: int((getattr(row, name) - EPOCH).total_seconds() * 1e6) for name in ("event_time", "received_time")}
    return json.dumps({"v": 1, **{name: getattr(row, name) for name in names}, **times}).encode()


def message(row: WindowRow) -> bytes:
    """As the batch yields it."""
    names = ["exchange", "symbol", "open", "high", "low", "close", "price_sum", "volume", "notional", "buy_volume"]
    names += ["trade_count", "first_trade_id", "last_trade_id", "source", "run_id"]
    times = {
        name: int((getattr(row, name) - EPOCH).total_seconds() * 1e6) for name in ("window_start", "last_event_time")
    }
    return json.dumps({"v": 1, **{name: getattr(row, name) for name in names}, **times}).encode()


def whales(dsn: str) -> list[int]:
    return [number for (number,) in query(dsn, "SELECT trade_id FROM whale_alerts ORDER BY 1")]


class Place:
    """A lake and a database; `make` makes an hour again, `counts` and `orders` being what the batch finds."""

    def __init__(self, home: Path, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings, self.dsn = Settings.model_validate({"home": home}), dsn
        self.root, self._patch = self.settings.trades_lake, monkeypatch
        self.failed: dict[datetime, str] = {}

    def make(
        self,
        *counts: WindowRow,
        hours: HourRange = ONE,
        meanwhile: Callable[[], object] = lambda: None,
        lake_is_whole: bool = False,
        orders: Sequence[WhaleRow] = (),
    ) -> recompute_hours.RecomputeCounts:
        self.batch(*counts, meanwhile=meanwhile, orders=orders)
        return recompute_hours.recompute_hours(self.settings, self.dsn, NO_SESSION, hours, MAKER, lake_is_whole)

    def batch(
        self, *counts: WindowRow, meanwhile: Callable[[], object] = lambda: None, orders: Sequence[WhaleRow] = ()
    ) -> None:
        """What Spark finds from now on, of the hours whose files it is given."""

        def windows(session: Any, root: Path, paths: Sequence[str], run: str) -> Iterator[bytes]:
            meanwhile()
            folders = {Path(path).parent.as_posix() for path in paths}
            yield from (message(row) for row in counts if table.hour_folder(row.window_start) in folders)

        self._patch.setattr(batch_recompute, "recompute_windows", windows)
        self._patch.setattr(batch_recompute, "recompute_whales", lambda *_: map(whale_message, orders))

    def wrong(self, hours: Iterable[datetime] = (START,)) -> dict[datetime, Any]:
        return dict(recompute_hours.find_wrong_hours(self.settings, self.dsn, hours, self.failed))


@pytest.fixture
def place(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, database, monkeypatch)


def test_the_prices_are_read_while_nobody_else_makes_some(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(place.root, [trade(number) for number in range(5)])
    store(place.dsn, [window(0, 5)], [whale(3)])
    locked = watch_lock(place.dsn, monkeypatch)
    place.make(window(0, 5))
    assert locked == [True]


def test_what_comes_while_an_hour_is_made_again_stays(place: Place) -> None:
    lay(place.root, [trade(number) for number in range(5)])
    store(place.dsn, [window(0, 4), window(7, 1, 7)], [whale(3)])

    def sink() -> None:
        lay(place.root, [trade(5, every_s=13)], first_offset=5)
        store(place.dsn, [window(0, 7), window(5, 1, 1)], [whale(65)])

    query(place.dsn, "UPDATE trade_windows SET last_trade_id = 4, first_trade_id = 4 WHERE first_trade_id = 7")
    made = place.make(window(0, 5), meanwhile=sink)
    assert whales(place.dsn) == [65], "3 is none, by a lake that has it; of 65 the lake could know nothing"
    assert (made.whales_taken_back, made.windows_gone) == (1, 1)
    found = query(place.dsn, "SELECT trade_count, made_from FROM trade_windows ORDER BY window_start")
    assert found == [(7, "stream"), (1, "stream")], "a window that grew meanwhile is not lowered"


def test_of_an_hour_that_is_not_over_nothing_is_taken_back(place: Place) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    ahead = int((hour - START).total_seconds())
    lay(place.root, [trade(ahead), trade(ahead + 1)])
    store(place.dsn, [window(ahead, 2, 0, hour)], [whale(ahead)])
    made = place.make(window(ahead, 1, 0, hour), hours=HourRange(hour, hour + HOUR), lake_is_whole=True)
    assert (made.whales_taken_back, made.windows_changed, whales(place.dsn)) == (0, 0, [ahead])


def test_whales_ahead_of_windows_and_lake_stay(place: Place) -> None:
    lay(place.root, [trade(number) for number in range(5)])
    store(place.dsn, [window(0, 3)], [whale(2), whale(9)])
    assert place.wrong()
    place.make(window(0, 5))
    assert whales(place.dsn) == [9], "the lake has 2, and does not reach 9"
    query(place.dsn, "DELETE FROM trade_windows")
    place.make(window(0, 5))
    assert whales(place.dsn) == [9], "nor where no window is there yet"
    place.make(window(0, 5), lake_is_whole=True)
    assert whales(place.dsn) == [], "unless somebody knows that the lake has every trade"


def test_trades_that_are_doubled_in_both_are_found_and_counted_once(place: Place) -> None:
    for offset in (0, 5):
        lay(place.root, [trade(number) for number in range(5)], first_offset=offset)
    store(place.dsn, [window(0, 10)._replace(last_trade_id=4)], [])
    key = ("binance", "BTCUSDT", START)
    assert place.wrong() == {START: {key: (5, 10)}}
    place.make(window(0, 5))
    assert query(place.dsn, "SELECT trade_count FROM trade_windows") == [(5,)]
    assert place.wrong() == {}


def test_an_imported_symbol_that_the_lake_lost_stays(place: Place) -> None:
    lay(place.root, [trade(number, "ETHUSDT") for number in range(5)])
    eth = window(0, 5)._replace(symbol="ETHUSDT")
    store(place.dsn, [window(0, 5)._replace(source="import"), eth], [whale(3)])
    assert place.wrong() == {}
    place.make(eth)
    assert (query(place.dsn, "SELECT count(*) FROM trade_windows"), whales(place.dsn)) == ([(2,)], [3])


def test_a_whale_that_an_aggregate_covers_stays(place: Place) -> None:
    """Trade 2 was missed; the import's aggregate of 2 and 3 takes the place of 3, and has no fill of a size."""
    lay(place.root, [trade(number) for number in (0, 1, 3, 4)])
    swallow(place.root, START, like=3, first=2)
    assert ids(place.root) == [("BTCUSDT", number) for number in (0, 1, 2, 4)]
    store(place.dsn, [window(0, 2), window(3, 2, 1)], [whale(1), whale(3)])
    assert place.wrong()
    made = place.make(window(0, 5))
    assert (made.whales_taken_back, whales(place.dsn)) == (1, [3])


def test_a_sweep_that_an_aggregate_has_taken_fills_of_stays(place: Place) -> None:
    """15 was missed, and 9: the import's aggregates of 13..15 and of 9..10 take the places of the fills at the ends."""
    lay(place.root, [fill(number) for number in range(10, 15)])
    swallow(place.root, START, like=13, first=13, fills=3)
    store(place.dsn, [window(10, 6)], [sweep(10, 5)])
    made = place.make(window(10, 6), orders=[sweep(10, 3)])
    assert (sweeps(place.dsn), made.whales_taken_back) == ([(10, 5)], 0)
    assert place.wrong() == {}, "and nobody tries to mend it again"
    swallow(place.root, START, like=10, first=9)
    place.make(window(9, 7), orders=[sweep(11, 2)])
    assert sweeps(place.dsn) == [(10, 5)], "what is left of it is no second order"


def test_an_hour_whose_sweeps_alone_differ_is_found_and_made_again(place: Place) -> None:
    """Trade 3 was missed by the stream and came later: the windows have it, and the order was cut in two there."""
    lay(place.root, [fill(number) for number in (1, 2, 4, 5)])
    store(place.dsn, [window(1, 5)], [sweep(1, 2), sweep(4, 2)])
    lay(place.root, [fill(3)._replace(source="repair")], first_offset=4)
    assert place.wrong() == {START: {("binance", "BTCUSDT", START): (5, 5)}}
    place.make(window(1, 5), orders=[sweep(1, 3), sweep(1, 5)])
    assert sweeps(place.dsn) == [(1, 5)]
    assert place.wrong() == {}
    query(place.dsn, "UPDATE whale_alerts SET fills = 7, last_trade_id = 7")
    assert place.wrong() == {}, "the lake does not reach 7 yet"
    query(place.dsn, "UPDATE whale_alerts SET fills = 7, last_trade_id = 5")
    assert place.wrong(), "it has 5"
    query(place.dsn, "DELETE FROM whale_alerts")
    assert place.wrong(), "a sweep is missing"
    limit = (
        "INSERT INTO whale_threshold_history (exchange, symbol, valid_from, threshold_usd) VALUES ('*', '*', %s, %s)"
    )
    query(place.dsn, limit, START - HOUR, 100_001)
    query(place.dsn, limit, START + HOUR / 2, 1_000)
    assert place.wrong() == {}, "the order is below the threshold that held at its time"
    hours = [50_000 if hour == get_hour_of_week(START) else None for hour in range(168)]
    query(place.dsn, "UPDATE whale_threshold_history SET hours_usd = %s WHERE threshold_usd = 100001", hours)
    assert place.wrong(), "and at or over that of its hour of the week"


def test_a_damaged_hour_and_one_whose_rows_are_refused_keep_no_other_waiting(place: Place) -> None:
    hours = [START + number * HOUR for number in range(4)]
    lay(place.root, [trade(number, every_s=3600) for number in range(4)])
    paths = {file.start: place.root / file.path for file in table.list_files(table.open_table(place.root))}
    paths[hours[0]].write_bytes(bytes(100))
    assert set(place.wrong(hours)) == set(hours[1:]) and set(place.failed) == {hours[0]}
    right = [window(number, 1, 0, hours[number]) for number in range(1, 4)]
    place.batch(right[0]._replace(high="NaN"), *right[1:])
    done = recompute_hours.repair_hours(
        place.settings, place.dsn, hours, MAKER, lambda: nullcontext(NO_SESSION), place.failed
    )
    assert (set(done), set(place.failed)) == (set(hours[2:]), set(hours[:2]))


HOURLY = st.dictionaries(st.integers(0, 99), st.lists(st.integers(1, 90_000), min_size=1, max_size=4))


@given(HOURLY)
def test_hours_are_made_in_parts_that_fit_in_memory(hourly: dict[int, list[int]]) -> None:
    hours = HourRange(START, START + 100 * HOUR)
    files = [
        table.LakeFile(f"{hour}-{rows}", START + hour * HOUR, rows, 0)
        for hour, several in hourly.items()
        for rows in several
    ]
    found = list(recompute_hours.split_hours(hours, files))
    covered = [[hour for hour in hourly if part.start <= START + hour * HOUR < part.end] for part in found]
    assert sorted(hour for some in covered for hour in some) == sorted(hourly), "each once"
    for part, some in zip(found, covered, strict=True):
        assert (
            part.start >= hours.start and part.end <= hours.end and part.count <= recompute_hours.HOURS_AT_ONCE and some
        )
        assert len(some) == 1 or sum(sum(hourly[hour]) for hour in some) <= recompute_hours.TRADES_AT_ONCE
    joined = [sum(sum(hourly[hour]) for hour in [*one, min(two)]) for one, two in pairwise(covered)]
    near = [two.start - one.start < recompute_hours.HOURS_AT_ONCE * HOUR for one, two in pairwise(found)]
    assert all(trades > recompute_hours.TRADES_AT_ONCE for trades, close in zip(joined, near, strict=True) if close)


def test_while_another_recomputes_nothing_is_compared_and_it_is_said(place: Place) -> None:
    lay(place.root, [trade(0)])
    settings = place.settings.model_copy(update={"postgres_dsn": SecretStr(place.dsn)})
    with (
        recompute_hours.lock_batch(place.dsn, MAKER),
        pytest.raises(AdvisoryLockHeldError, match=f"under way: {MAKER.run_id}"),
    ):
        work.repair_named(settings, ["all"], structlog.get_logger())
