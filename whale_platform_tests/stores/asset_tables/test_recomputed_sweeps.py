"""Sweeps of a recomputation from the lake against those of the stream: who has the last word, and when."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whale_platform.contracts.whale_alert import WhaleRow
from whale_platform.stores.asset_tables import recomputed_hours
from whale_platform.stores.asset_tables.materialisation import HOUR, Provenance
from whale_platform_tests.stores.asset_tables.test_materialisation import MAKER, store
from whale_platform_tests.stores.asset_tables.test_recomputed_hours import BITCOIN, ONE, overrule
from whale_platform_tests.stores.builders import START, SWEEP, WHALE
from whale_platform_tests.support.postgres_server import query

STATE = "SELECT trade_id, fills, notional_usd, made_from FROM whale_alerts WHERE kind = 'sweep' ORDER BY 1"


def grown(fills: int, first_id: int = 10, run_id: str = "run-1") -> WhaleRow:
    """The sweep from `first_id` after so many fills of 20,000 dollars."""
    sums = str(20_000 * fills)
    row = SWEEP._replace(trade_id=first_id, fills=fills, last_trade_id=first_id + fills - 1, run_id=run_id)
    return row._replace(notional=sums, notional_usd=sums, detected_time=START + fills * HOUR)


def test_a_sweep_that_a_hole_had_cut_in_two_becomes_one(database: str) -> None:
    store(database, [], [grown(3), grown(4, 14), WHALE._replace(trade_id=15)])
    lake = [*(grown(fills, run_id="lake") for fills in (5, 8, 7)), WHALE._replace(trade_id=15)]  # in any order
    done = overrule(database, ONE, [], lake, [BITCOIN], Provenance("recompute-1", "abc"))
    assert (done.whales, done.whales_taken_back) == (1, 1)
    assert query(database, STATE) == [(10, 8, 160_000, "lake")]
    assert query(database, "SELECT trade_id, fills, last_trade_id, reason FROM whales_taken_back") == [
        (14, 4, 17, recomputed_hours.TAKEN_BACK_REASON.replace("whale", "sweep"))
    ]
    store(database, [], [grown(3), grown(4, 14)])
    assert query(database, STATE) == [(10, 8, 160_000, "lake")], "what the stream says again after a restart is not new"
    assert overrule(database, ONE, [], lake, [BITCOIN], MAKER).whales == 0, "repeating it changes nothing"


def test_a_sweep_that_grows_while_the_lake_is_read_is_neither_set_back_nor_taken_back(database: str) -> None:
    store(database, [], [grown(3), grown(3, 50)])
    before = recomputed_hours.read_row_snapshot(database, ONE)
    store(database, [], [grown(5), grown(5, 50)])
    recomputed_hours.store_recomputed(database, ONE, [], [grown(4, run_id="lake")], [BITCOIN], MAKER, before)
    assert query(database, STATE) == [(10, 5, 100_000, "stream"), (50, 5, 100_000, "stream")]


def test_of_an_hour_that_is_not_held_whole_only_a_longer_sweep_is_taken(database: str) -> None:
    store(database, [], [grown(5), grown(3, 50)])
    overrule(database, ONE, [], [grown(4, run_id="lake"), grown(6, 50, "lake")], [], MAKER)
    assert query(database, STATE) == [(10, 5, 100_000, "stream"), (50, 6, 120_000, "lake")]
    store(database, [], [grown(7, 50)])
    assert query(database, STATE)[1] == (50, 7, 140_000, "stream"), "the stream may know more again"


def test_what_the_lake_knows_better_of_a_sweep_is_all_taken(database: str) -> None:
    names = ("received_time", "threshold_usd", "usd_rate", "usd_via", "notional")
    later = START + timedelta(seconds=40)
    states: list[dict[str, Any]] = [
        {"received_time": later},
        {"received_time": later, "threshold_usd": "40000"},
        {"received_time": later, "threshold_usd": "40000", "usd_rate": "0.5", "usd_via": "binance:USDTTRY"},
        {"received_time": later, "threshold_usd": "40000", "usd_rate": "0.5", "usd_via": "binance:A", "notional": "1"},
    ]
    store(database, [], [grown(5), WHALE._replace(trade_id=90)])
    for changes in states:
        row = grown(5)._replace(**changes)
        assert overrule(database, ONE, [], [row, WHALE._replace(trade_id=90)], [BITCOIN], MAKER).whales == 1
        stored = query(database, f"SELECT {', '.join(names)} FROM whale_alerts WHERE kind = 'sweep'")
        numbers = (None if row.usd_rate is None else Decimal(row.usd_rate), row.usd_via, Decimal(row.notional or 0))
        assert stored == [(row.received_time, Decimal(row.threshold_usd), *numbers)]
        assert overrule(database, ONE, [], [row, WHALE._replace(trade_id=90)], [BITCOIN], MAKER).whales == 0
    assert query(database, "SELECT detected_time FROM whale_alerts WHERE kind = 'sweep'") == [(grown(5).detected_time,)]


def test_a_fill_that_the_lake_finds_to_continue_an_order_is_part_of_it(database: str) -> None:
    store(database, [], [grown(2), WHALE._replace(trade_id=13)])
    lake = [grown(4), WHALE._replace(trade_id=13, sweep_first_id=10)]
    assert overrule(database, ONE, [], lake, [BITCOIN], MAKER).whales == 2
    assert query(database, "SELECT kind, trade_id FROM whale_orders") == [("sweep", 10)]


def test_a_sweep_that_is_taken_back_again_is_recorded_as_it_was_then(database: str) -> None:
    store(database, [], [grown(3)])
    overrule(database, ONE, [], [], [BITCOIN], MAKER)
    other = "side = 'sell', first_price = 1, run_id = '', event_time = event_time - interval '1 hour'"
    query(database, f"UPDATE whales_taken_back SET {other}")
    query(database, "CREATE TABLE kept AS SELECT * FROM whales_taken_back")
    query(database, "DELETE FROM whales_taken_back")
    store(database, [], [grown(3)])
    query(database, "INSERT INTO whales_taken_back SELECT * FROM kept")
    assert overrule(database, ONE, [], [], [BITCOIN], MAKER).whales_taken_back == 1
    assert query(database, "SELECT side, first_price, run_id, event_time FROM whales_taken_back") == [
        ("buy", 100, "run-1", START)
    ]


Update = tuple[bool, int]  # (from the lake, fills)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.booleans(), st.integers(2, 6)), min_size=1, max_size=8))
def test_whatever_the_order_the_last_recomputation_stands_until_the_stream_has_more(
    database: str, updates: list[Update]
) -> None:
    query(database, "DELETE FROM whale_alerts")
    held, overruled, from_lake = 0, 0, False
    for lake, fills in updates:
        if lake:
            overrule(database, ONE, [], [grown(fills)], [BITCOIN], MAKER)
            if fills != held:
                overruled = max(overruled, held) if not from_lake else overruled
                held, from_lake = fills, True
        else:
            store(database, [], [grown(fills)])
            if fills > max(held, overruled if from_lake else 0):
                held, from_lake = fills, False
    assert query(database, STATE) == [(10, held, 20_000 * held, "lake" if from_lake else "stream")]
