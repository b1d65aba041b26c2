"""Some hours of windows from before the platform was started."""

from datetime import UTC, datetime, timedelta

import pytest

from whale_platform.bench.harness.platform import Platform
from whale_platform_tests.e2e.running.conftest import settings_of
from whale_platform_tests.stores.asset_tables.test_materialisation import store
from whale_platform_tests.stores.builders import WINDOW

HOURS = 6
SYMBOLS = ("ETCUSDT", "ICPUSDT", "UNIUSDT")  # none of those that the simulator trades


@pytest.fixture(scope="package", autouse=True)
def hours(platform: Platform) -> list[datetime]:
    """The first instants of the hours that are over, in which three markets have a window a minute."""
    begun = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS)
    starts = [begun + timedelta(hours=hour) for hour in range(HOURS)]
    store(
        settings_of(platform).dsn(),
        [
            WINDOW._replace(
                symbol=symbol,
                window_start=begun + timedelta(minutes=minute),
                first_trade_id=2 * minute,
                last_trade_id=2 * minute + 1,
            )
            for symbol in SYMBOLS
            for minute in range(HOURS * 60)
        ],
    )
    return starts


def key(hour: datetime) -> str:
    """The hour's partition."""
    return f"{hour:%Y-%m-%d-%H:%M}"


@pytest.fixture(scope="package")
def url(platform: Platform) -> str:
    """The address of Dagster's UI."""
    return str(platform.status()["urls"]["dagster"])
