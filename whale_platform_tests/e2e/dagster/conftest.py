"""One running platform for the whole folder, with every registered exchange and some hours of older windows."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from whale_platform.bench.harness.platform import Platform
from whale_platform.exchanges.registry import EXCHANGES
from whale_platform.settings import Settings
from whale_platform_tests.stores.asset_tables.test_materialisation import store
from whale_platform_tests.stores.builders import WINDOW
from whale_platform_tests.support.proxies import PROXIES

HOURS = 6
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


def past(hours: int) -> datetime:
    """The first instant of an hour that is over."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours)


def settings_of(platform: Platform) -> Settings:
    """Those of the running home, as far as its database goes."""
    home = Path(platform.status()["home"])
    return Settings.model_validate({"home": home, "postgres_port": platform.env["WHALE_POSTGRES_PORT"]})


@pytest.fixture(scope="package")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    made = Platform(tmp_path_factory.mktemp("platform"), {**PROXIES, "WHALE_EXCHANGES": ",".join(EXCHANGES)})
    try:
        made.start("--source", "simulator", "--rate", "50")
        minutes = [past(HOURS) + timedelta(minutes=minute) for minute in range(HOURS * 60)]
        ids = {minute: 2 * number for number, minute in enumerate(minutes)}
        store(
            settings_of(made).dsn(),
            [
                WINDOW._replace(
                    symbol=symbol, window_start=minute, first_trade_id=ids[minute], last_trade_id=ids[minute] + 1
                )
                for symbol in SYMBOLS
                for minute in minutes
            ],
        )
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="package")
def url(platform: Platform) -> str:
    return str(platform.status()["urls"]["dagster"])
