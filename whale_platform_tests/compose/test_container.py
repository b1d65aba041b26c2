"""A container's main process, run natively: it makes what it needs, serves, and ends when told to."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from whale_platform.settings import ROOT
from whale_platform.supervision.control import service_commands
from whale_platform.supervision.runtime import exit_codes
from whale_platform_tests.compose.test_compose_file import SERVICES
from whale_platform_tests.support.embedded_servers import free_port
from whale_platform_tests.support.fake_services import wait_for_result

CONTAINER = (sys.executable, "-m", "whale_platform.topology.container")


def test_an_unknown_part_is_refused_with_what_there_is(tmp_path: Path) -> None:
    done = subprocess.run(
        [*CONTAINER, "dagster-cod"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == exit_codes.BLOCKED
    assert "one of " in done.stderr and "sink, stream, ingester, api, repair, dagster-code" in done.stderr


class Volume:
    """A home that containers share, and what may be asked in each of them."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.env = {**os.environ, "PYTHONPATH": str(ROOT), "WHALE_HOME": str(home), **settings}

    def container(self, service: str) -> subprocess.Popen[str]:
        """Start one."""
        command, pipe = [*CONTAINER, service], subprocess.PIPE
        return subprocess.Popen(command, env=self.env, cwd=self.home, text=True, stdout=pipe, stderr=subprocess.STDOUT)

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Another program in one of them."""
        command = [sys.executable, *words]
        return subprocess.run(command, env=self.env, cwd=self.home, capture_output=True, text=True, check=False)

    def whale(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """A command."""
        return self.run("-P", "-m", "whale_platform.cli", *words)

    def healthy(self, service: str) -> bool:
        """The compose file's own health check."""
        test = SERVICES[service]["healthcheck"]["test"]
        assert test[:2] == ["CMD", "python"]
        return self.run(*test[2:]).returncode == 0

    def entry(self, service: str) -> dict[str, Any]:
        """What `whale status` says of it."""
        found: dict[str, Any] = json.loads(self.whale("status", "--json").stdout)["services"]
        entry: dict[str, Any] = found.get(service, {"state": "unknown", "pid": None})
        return entry


def test_a_service_in_a_container_obeys_and_is_seen_as_anywhere(tmp_path: Path) -> None:
    port = str(free_port())
    given = {"WHALE_POSTGRES_DSN": "postgresql://nobody@127.0.0.1:1/whale", "WHALE_KAFKA_BOOTSTRAP": "127.0.0.1:1"}
    volume = Volume(tmp_path, WHALE_SOURCE="simulator", WHALE_SIMULATOR_PORT=port, **given)
    with volume.container("simulator") as container, volume.container("ingester") as other:
        try:
            wait_for_result(lambda: volume.healthy("simulator"), 300)
            assert json.loads((tmp_path / "home.json").read_text())["source"] == "simulator"
            wait_for_result(lambda: volume.entry("ingester")["state"] == "starting", 300)
            assert not volume.healthy("ingester"), "it waits for Kafka"
            first = volume.entry("simulator")
            assert first["state"] == "ready"

            os.kill(first["pid"], signal.SIGKILL)
            wait_for_result(lambda: volume.entry("simulator")["pid"] not in (None, first["pid"]), 300)
            wait_for_result(lambda: volume.healthy("simulator"), 300)
            second = volume.entry("simulator")
            done = volume.whale("restart", "simulator")
            assert done.returncode == 0, done.stderr
            assert volume.entry("simulator")["pid"] != second["pid"]
            service_commands.complete_command(service_commands.stop_service(tmp_path, "simulator", "a test"))
            assert volume.entry("simulator")["state"] == "stopped" and volume.healthy("simulator"), "as wanted"
            service_commands.complete_command(service_commands.start_service(tmp_path, "simulator", "a test"))
            assert volume.entry("simulator")["state"] == "ready"

            for words in (("down",), ("up", "--source", "simulator")):
                refused = volume.whale(*words)
                assert refused.returncode == 2 and "are containers" in refused.stderr, refused
            assert "started" in volume.whale("logs", "simulator").stdout
            wrong = Volume(tmp_path, WHALE_SOURCE="live", **given).run("-m", CONTAINER[2], "sink")
            assert wrong.returncode == exit_codes.BLOCKED and "holds simulator" in wrong.stderr
            by_hand = Volume(tmp_path, WHALE_SOURCE="live", **given).run("-m", "whale_platform.sink")
            assert by_hand.returncode == exit_codes.BLOCKED
        finally:
            container.terminate()
            other.terminate()
            said = container.communicate()[0]
            other.communicate()
        assert (container.returncode, other.returncode) == (0, 0)
    assert "service=simulator" in said, "the engine has the log too"
    assert not volume.healthy("simulator")
    assert volume.whale("status").returncode == 3
