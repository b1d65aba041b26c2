"""One running platform for the whole folder, with some hours of windows from before it was started."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from whale_platform.bench.harness.platform import Platform
from whale_platform.settings import Settings
from whale_platform_tests.stores.asset_tables.test_materialisation import store
from whale_platform_tests.stores.builders import WINDOW
from whale_platform_tests.support.proxies import PROXIES

HOURS = 6
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


def settings_of(platform: Platform) -> Settings:
    """Those of the running home, as far as its database goes."""
    home = Path(platform.status()["home"])
    return Settings.model_validate({"home": home, "postgres_port": platform.env["WHALE_POSTGRES_PORT"]})


@pytest.fixture(scope="package")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    made = Platform(tmp_path_factory.mktemp("platform"), PROXIES)
    try:
        made.up("--source", "simulator", "--rate", "50")
        yield made
    finally:
        made.down()


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
    return str(platform.status()["urls"]["dagster"])
