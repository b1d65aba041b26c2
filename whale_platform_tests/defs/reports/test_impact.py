"""The fits of market impact through Dagster itself, on a real database, against a plain computation."""

import math
import random
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from whale_platform.contracts.trade_window import WindowRow
from whale_platform.contracts.whale_alert import WhaleRow
from whale_platform.defs.reports.impact import impact_fits
from whale_platform.defs.resources import build_resources
from whale_platform.settings import Settings
from whale_platform.stores.asset_tables import rollups, whale_prices
from whale_platform.stores.asset_tables.materialisation import HOUR, HourRange
from whale_platform.stores.asset_tables.whale_prices import WhalePriceRow
from whale_platform_tests.stores.asset_tables.test_materialisation import MAKER, flat, store
from whale_platform_tests.stores.builders import START as NOON
from whale_platform_tests.stores.builders import SWEEP
from whale_platform_tests.support.postgres_server import query

DAY = NOON.replace(hour=0)
HOURS = 30  # from 18:00 of the day before on


@pytest.fixture
def platform(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a home of its own."""
    monkeypatch.setenv("WHALE_POSTGRES_DSN", database)
    monkeypatch.setenv("WHALE_HOME", str(tmp_path))
    return Settings()


def materialise(settings: Settings) -> dict[str, dg.MetadataValue[Any]]:
    done = dg.materialize(
        [impact_fits], partition_key=f"{DAY:%Y-%m-%d}", resources=build_resources(home=str(settings.home))
    )
    return dict(done.asset_materializations_for_node(impact_fits.key.to_python_identifier())[0].metadata)


def lay_week(dsn: str) -> list[tuple[WhaleRow, WhalePriceRow]]:
    """Thirty hours of BTCUSDT and ten of ETHUSDT, each half hour with a window and a sweep."""
    chance = random.Random(4)
    first = DAY - 6 * HOUR
    windows, sweeps, prices = list[WindowRow](), list[WhaleRow](), list[WhalePriceRow]()
    for symbol, from_hour in (("BTCUSDT", 0), ("ETHUSDT", 20)):
        for half in range(2 * from_hour, 2 * HOURS):
            at = first + half * HOUR / 2
            windows.append(flat(0, str(chance.randint(990, 1010)), symbol)._replace(window_start=at, notional="1000"))
            usd, side = chance.choice((60_000, 90_000, 400_000)), chance.choice(("buy", "sell"))
            moved = Decimal(chance.randint(90, 110)) / 100_000 * Decimal(math.sqrt(usd) / 300)
            row = SWEEP._replace(symbol=symbol, trade_id=1000 + len(sweeps), side=side, event_time=at)
            sweeps.append(row._replace(last_trade_id=2000, notional=str(usd), notional_usd=str(usd)))
            after = round(Decimal(100) * (1 + (moved if side == "buy" else -moved)), 8)
            prices.append(WhalePriceRow(*row.key, Decimal(100), after, None, None, None, None))
    store(dsn, windows, sweeps)
    rollups.materialise_rollups(dsn, HourRange(first, first + HOURS * HOUR), MAKER)
    whale_prices.store_prices(dsn, lambda: prices, MAKER)
    return list(zip(sweeps, prices, strict=True))


def test_each_market_has_the_fit_of_its_week_and_a_short_one_has_a_reason(platform: Settings) -> None:
    dsn = platform.dsn()
    laid = lay_week(dsn)
    shown = materialise(platform)
    rows = query(
        dsn, "SELECT symbol, until, hours, volatility, volume, sweeps, factor, factor_error, note FROM impact_fits"
    )
    bitcoin, ether = sorted(rows)
    assert bitcoin[:3] == ("BTCUSDT", DAY + timedelta(days=1), HOURS)
    closes = query(dsn, "SELECT open::float8, close::float8, window_start FROM trade_windows WHERE symbol = 'BTCUSDT'")
    variance = 0.0
    for _, close, at in closes:
        if at.minute == 30:
            before = next(one[1] for one in closes if one[2] == at - HOUR / 2)
            variance += math.log(close / before) ** 2
    assert bitcoin[3] == pytest.approx(math.sqrt(variance / HOURS * 24))
    assert bitcoin[4] == pytest.approx(2000 * 24)
    sizes, moves = [], []
    for sweep, price in laid:
        if sweep.symbol == "BTCUSDT" and price.before is not None and price.after_1s is not None:
            sizes.append(bitcoin[3] * math.sqrt(float(sweep.notional or 0) / bitcoin[4]))
            moves.append((1 if sweep.side == "buy" else -1) * float(price.after_1s / price.before - 1))
    factor = sum(size * move for size, move in zip(sizes, moves, strict=True)) / sum(size * size for size in sizes)
    assert bitcoin[6] == pytest.approx(factor) and 0 < bitcoin[7] < factor / 10
    assert (bitcoin[5], bitcoin[8]) == (60, None)
    assert ether[2] == 10 and ether[6:] == (None, None, "too little: 10 hours of 24")
    assert (shown["sweeps"].value, shown["factors"].value, shown["dagster/row_count"].value) == (80, 1, 2)
    assert "binance BTCUSDT" in str(shown["report"].value) and "too little" in str(shown["report"].value)


def test_a_fit_that_is_made_again_replaces_itself_and_no_other(platform: Settings) -> None:
    dsn = platform.dsn()
    lay_week(dsn)
    query(
        dsn,
        "INSERT INTO impact_fits (exchange, symbol, until, hours, volatility, volume, sweeps, time_blocks, note,"
        " run_id, code_version) VALUES ('binance', 'BTCUSDT', %s, 1, 0, 1, 0, 0, 'of another night', 'run', 'code')",
        DAY,
    )
    wanted = "SELECT exchange, symbol, until, factor, note FROM impact_fits ORDER BY 1, 2, 3"
    materialise(platform)
    first = query(dsn, wanted)
    materialise(platform)
    assert query(dsn, wanted) == first and len(first) == 3
    query(dsn, "DELETE FROM hourly_rollups")
    assert materialise(platform)["dagster/row_count"].value == 0
    assert query(dsn, wanted) == [("binance", "BTCUSDT", DAY, None, "of another night")]
