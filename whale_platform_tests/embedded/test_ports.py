import os
import socket
import threading
from collections.abc import Iterator

import pytest

from whale_platform.embedded import ports
from whale_platform.toolchain.errors import ToolchainError
from whale_platform_tests.support.embedded_servers import free_port


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_free_port_passes() -> None:
    port = free_port()
    ports.check_ports_free({"WHALE_KAFKA_PORT": port})
    assert ports.find_port_holder(port) is None


def test_a_taken_port_names_port_setting_and_holder(taken: socket.socket) -> None:
    port = taken.getsockname()[1]
    with pytest.raises(ToolchainError) as error:
        ports.check_ports_free({"WHALE_KAFKA_PORT": free_port(), "WHALE_POSTGRES_PORT": port})
    line = str(error.value)
    assert f"port {port} " in line
    assert "WHALE_POSTGRES_PORT" in line
    assert f"(pid {os.getpid()})" in line
    assert "\n" not in line


def test_a_port_given_up_meanwhile_passes(taken: socket.socket) -> None:
    threading.Timer(0.3, taken.close).start()
    ports.check_ports_free({"WHALE_KAFKA_PORT": taken.getsockname()[1]}, wait_s=300)


def test_one_port_for_two_settings_is_refused() -> None:
    port = free_port()
    with pytest.raises(ToolchainError, match=f"WHALE_KAFKA_PORT and WHALE_POSTGRES_PORT are both {port}"):
        ports.check_ports_free({"WHALE_KAFKA_PORT": port, "WHALE_POSTGRES_PORT": port})
