"""A container's main process, run natively: it makes what it needs, serves, drains and ends when told to."""

import os
import subprocess
import sys
import time
from pathlib import Path

from whale_platform.embedded import java
from whale_platform.settings import ROOT
from whale_platform.supervision.lease import Lease
from whale_platform.supervision.shift import asked_to_end
from whale_platform_tests.compose.test_files import SERVICES
from whale_platform_tests.embedded.conftest import answers, free_port
from whale_platform_tests.supervision.fakes import until

CONTAINER = (sys.executable, "-m", "whale_platform.services.container")


def test_the_code_server_drains_before_it_ends(database: str, tmp_path: Path) -> None:
    port = free_port()
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "WHALE_HOME": str(tmp_path),
        "WHALE_POSTGRES_DSN": database,
        "WHALE_DAGSTER_CODE_PORT": str(port),
        "WHALE_DAGSTER_CODE_HOST": "dagster-code",
        "WHALE_DAGSTER_KEEPS": "sink,ingester",
    }
    with subprocess.Popen([*CONTAINER, "dagster-code"], env=env, cwd=tmp_path) as container:
        try:
            until(lambda: answers(port), 60)
            workspace = (tmp_path / "dagster" / "workspace.yaml").read_text()
            assert '"host": "dagster-code"' in workspace
            shift = Lease(tmp_path, "sink.shift")
            shift.acquire()
            container.terminate()
            until(lambda: asked_to_end(tmp_path), 10)
            time.sleep(0.5)
            assert answers(port), "it stays while a shift is at work"
            shift.release()
            assert container.wait(20) == 0
        finally:
            container.kill()
    assert not answers(port)


def test_spark_starts_with_what_the_image_has(tools: Path, tmp_path: Path) -> None:
    port = free_port()
    command = [port if word == "7077" else word for word in SERVICES["spark-master"]["command"]]
    argv = ["127.0.0.1" if word == "spark-master" else str(word) for word in command]
    path = os.pathsep.join((str(Path(sys.executable).parent), "/usr/bin", "/bin"))
    env = {**java.java_environment(tools), "PATH": path, "SPARK_MASTER_WEBUI_PORT": "0", "SPARK_LOCAL_IP": "127.0.0.1"}
    with subprocess.Popen(argv, env=env, cwd=tmp_path, stderr=subprocess.DEVNULL) as master:
        try:
            until(lambda: answers(port), 60)
        finally:
            master.kill()
    assert "JAVA_HOME=/app/.whale/tools/java" in (ROOT / "Dockerfile").read_text()


def test_an_unknown_part_is_refused_with_what_there_is(tmp_path: Path) -> None:
    done = subprocess.run(
        [*CONTAINER, "dagster-cod"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "one of dagster-code, dagster-daemon, dagster-web" in done.stderr
