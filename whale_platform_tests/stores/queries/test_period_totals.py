"""What the last day added up to, against a plain sum, whichever hours of whichever symbols are rolled up."""

from contextlib import closing
from datetime import timedelta
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whale_platform.domain.market import Market
from whale_platform.stores.asset_tables import rollups
from whale_platform.stores.asset_tables.materialisation import HOUR, HourRange
from whale_platform.stores.postgres.pool import ConnectionPool
from whale_platform.stores.queries import period_totals
from whale_platform_tests.stores.asset_tables.test_materialisation import MAKER, MINUTE, some_windows, store
from whale_platform_tests.stores.builders import START
from whale_platform_tests.support.postgres_server import query

SYMBOLS = ("BTCUSDT", "ETHUSDT")
MADE = st.sets(st.tuples(st.sampled_from(SYMBOLS), st.integers(0, 27)))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lacking=MADE)
def test_a_day_lacks_no_hour_of_any_symbol(database: str, lacking: set[tuple[str, int]]) -> None:
    query(database, "DELETE FROM hourly_rollups")
    windows = some_windows(28)
    store(database, windows)
    rollups.materialise_rollups(database, HourRange(START, START + 28 * HOUR), MAKER)
    for symbol, hour in lacking:
        query(database, "DELETE FROM hourly_rollups WHERE (symbol, hour) = (%s, %s)", symbol, START + hour * HOUR)
    edge = START + timedelta(hours=27, minutes=41)
    with closing(ConnectionPool(lambda: database, "test", 1)) as pool:
        _, day = period_totals.read_period_totals(pool, edge)
    for symbol in SYMBOLS:
        mine = [one for one in windows if one.symbol == symbol and edge - 24 * HOUR < one.window_start <= edge]
        found = day[Market("binance", symbol)]
        assert found.trades == sum(one.trade_count for one in mine)
        assert found.volume == sum(Decimal(one.volume) for one in mine)
        assert found.open == Decimal(mine[0].open)
        assert found.since <= mine[0].window_start < found.since + 60 * MINUTE
