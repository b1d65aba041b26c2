"""Everything is up: Dagster, broker, database, API, simulator, and the stream with its shuffle."""

import psutil
import pytest

from whale_platform.bench.harness.platform import Platform, wait_for
from whale_platform_tests.support.processes import find_listening_ports, find_open_ports

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
SERVED = ("KAFKA", "KAFKA_CONTROLLER", "POSTGRES", "SIMULATOR", "DAGSTER", "API")


def test_no_socket_of_the_platform_can_be_reached_from_another_machine(platform: Platform) -> None:
    wait_for("a window", lambda: platform.sql("select 1 from trade_windows where exchange like 'sim_%' limit 1"))
    processes = platform.processes()
    assert {int(platform.env[f"WHALE_{name}_PORT"]) for name in SERVED} <= find_listening_ports(processes)
    stream = psutil.Process(platform.status()["services"]["stream"]["pid"])
    assert len(find_listening_ports(stream.children(recursive=True))) >= 5, (
        "driver, blocks, gateway, a shuffle server a partition"
    )
    assert find_open_ports(processes) == []
