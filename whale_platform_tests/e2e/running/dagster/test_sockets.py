"""Everything is up: Dagster, broker, database, API, simulator and stream."""

import psutil
import pytest

from whale_platform.bench.harness.platform import Platform, wait_for
from whale_platform.exchanges.registry import SPECS
from whale_platform_tests.support.processes import find_listening_ports, find_open_ports

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
SIMULATED = {f"sim_{name}" for name, spec in SPECS.items() if spec.by_default}
SERVED = ("KAFKA", "KAFKA_CONTROLLER", "POSTGRES", "SIMULATOR", "DAGSTER", "API")


def test_no_socket_of_the_platform_can_be_reached_from_another_machine(platform: Platform) -> None:
    of_each = "select distinct exchange from trade_windows where exchange like 'sim_%'"
    wait_for("a window of each exchange", lambda: {row[0] for row in platform.sql(of_each)} == SIMULATED)
    processes = platform.processes()
    assert {int(platform.env[f"WHALE_{name}_PORT"]) for name in SERVED} <= find_listening_ports(processes)
    stream = psutil.Process(platform.status()["services"]["stream"]["pid"])
    assert len(find_listening_ports(stream.children(recursive=True))) >= 3, "driver, blocks, gateway"
    assert find_open_ports(processes) == []
