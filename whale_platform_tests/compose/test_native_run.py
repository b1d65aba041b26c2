"""The profiles platform and simulator, run without an engine: healthy in order, every trade once, and no remains.

What Docker would do, `native` does with the kernel's own means; it needs root, and skips, saying so, where namespaces
are not permitted. The engine itself, and builds from registries, are tried by `test_docker_engine.py` alone.
"""

import json
import secrets
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from whale_platform.settings import Settings
from whale_platform.topology.specs import build_specs
from whale_platform_tests.compose import native
from whale_platform_tests.compose.native.images import COMMIT, make_images
from whale_platform_tests.compose.native.machine import start_machine
from whale_platform_tests.compose.native.services import Services, resolve
from whale_platform_tests.compose.oracle import EXACT, is_exact
from whale_platform_tests.support.postgres_server import query

pytestmark = [pytest.mark.e2e, pytest.mark.process, pytest.mark.timeout(3600)]
THRESHOLD_USD = 500
API, DAGSTER = 18000, 13000
EARLIER_RUN = Path(native.__file__).parent / "earlier_run.py"
SHIFTS = ("dagster-web", "dagster-daemon", "dagster-code", "repair")
JVMS = {"redpanda", "spark-master", "spark-worker"}
BY_SIGTERM = 128 + 15  # how a JVM ends that was told to
LAST_IDS = "SELECT exchange, symbol, max(last_trade_id) FROM trade_windows GROUP BY 1, 2"


@pytest.fixture
def services(tmp_path: Path, tools: Path) -> Iterator[Services]:
    """All of them with few simulated trades; nothing runs yet."""
    password = tmp_path / "postgres_password"
    password.write_text(secrets.token_hex(24))
    password.chmod(0o644)
    settings = {
        "WHALE_SOURCE": "simulator",
        "WHALE_SYMBOLS": "BTC,ETH",
        "WHALE_SIMULATOR_RATE": "20",
        "WHALE_THRESHOLD_USD": str(THRESHOLD_USD),
        "WHALE_POSTGRES_PASSWORD_PATH": str(password),
    }
    found = resolve(settings)
    with start_machine(tmp_path, list(found["services"])) as machine:
        made = Services(found, make_images(tmp_path / "images", tools), machine, tmp_path)
        try:
            yield made
        finally:
            made.close()


def test_all_of_the_file_comes_up_by_itself_is_exact_through_a_kill_and_ends(services: Services) -> None:
    needs = find_needs(services.place)
    services.until(lambda: began_in_order(services, needs) and services.are_up())
    for name, port in services.published().values():
        services.machine.connect(name, port).close()
    assert services.fetch_json(DAGSTER, "/server_info")["dagster_version"]
    services.exec("dagster-code", "python", "-c", EARLIER_RUN.read_text())
    services.stop(*SHIFTS)

    whale = services.until(lambda: listed(services, "/whales?limit=1", "items"), lambda: total(services))[0]
    assert Decimal(whale["notional_usd"]) >= THRESHOLD_USD
    assert services.until(lambda: listed(services, "/latest", "symbols"), lambda: total(services))
    status = json.loads(services.exec("api", "whale", "status", "--json", check=False).stdout)["services"]
    kept = {name: status[name] for name in ("simulator", "ingester", "stream", "sink", "api")}
    assert not {name: one for name, one in kept.items() if one["restarts"]}, "no supervisor had to help"
    assert COMMIT in services.exec("api", "whale", "--version").stdout

    services.kill("ingester")
    truth = json.loads((services.volume("state") / "simulator.json").read_text())["places"]
    services.until(lambda: arrived(services, truth), lambda: total(services))
    services.until(lambda: is_exact(rows(services, EXACT)), lambda: total(services))

    services.stop(*services.all)
    ends = {name: one.exits for name, one in services.all.items()}
    assert ends.pop("ingester") == [137, 0]
    assert ends == {name: [BY_SIGTERM if name in JVMS else 0] for name in ends}
    assert services.machine.processes() == []


def find_needs(home: Path) -> dict[str, list[str]]:
    """The one-shots that each service needs wherever it runs."""
    outside = {"kafka_bootstrap": "redpanda:9092", "postgres_dsn": "postgresql://whale@postgres/whale"}
    specs = build_specs(Settings.model_validate({"home": home, "source": "simulator", **outside}))
    once = {spec.name for spec in specs if spec.one_shot}
    return {spec.name: [need for need in spec.needs if need in once] for spec in specs}


def began_in_order(services: Services, needs: dict[str, list[str]]) -> bool:
    """Fails the test where one has been started before what it needs had ended."""
    for number, (what, name) in enumerate(services.events):
        if what == "started":
            missing = {("ended", need) for need in needs.get(name, [])}.difference(services.events[:number])
            assert not missing, f"{name} was started before {missing}"
    return True


def listed(services: Services, path: str, name: str) -> list[dict[str, Any]]:
    """What the API lists; nothing where it does not answer."""
    found: list[dict[str, Any]] = (services.fetch_json(API, path) or {}).get(name, [])
    return found


def rows(services: Services, sql: str) -> list[tuple[Any, ...]]:
    """Of Postgres, by its port in the machine."""
    password = (services.place / "postgres_password").read_text()
    address = services.machine.addresses["postgres"]
    return services.machine.within(lambda: query(f"postgresql://whale:{password}@{address}:5432/whale", sql))


def total(services: Services) -> int:
    """All trades in Postgres."""
    return int(rows(services, "SELECT coalesce(sum(trade_count), 0) FROM trade_windows")[0][0])


def arrived(services: Services, truth: dict[str, list[int]]) -> bool:
    """Whether Postgres has got as far as the simulator had: by market, how many trades there had been."""
    last = {f"{exchange.removeprefix('sim_')}:{symbol}": found for exchange, symbol, found in rows(services, LAST_IDS)}
    return all(last.get(place, 0) >= count for place, (count, _) in truth.items())
