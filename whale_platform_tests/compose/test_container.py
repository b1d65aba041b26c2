"""A container's main process, run natively: it makes what it needs, serves, and ends when told to."""

import json
import os
import subprocess
import sys
from pathlib import Path

from dagster._core.launcher.base import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._core.test_utils import instance_for_test

from whale_platform.defs import controls
from whale_platform.embedded import java
from whale_platform.settings import ROOT
from whale_platform_tests.compose.test_files import SERVICES
from whale_platform_tests.defs.test_shifts import LAUNCHER
from whale_platform_tests.embedded.conftest import answers, free_port
from whale_platform_tests.supervision.fakes import until

CONTAINER = (sys.executable, "-m", "whale_platform.services.container")


def test_the_code_server_serves_until_it_is_told_to_end(database: str, tmp_path: Path) -> None:
    port = free_port()
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "WHALE_HOME": str(tmp_path),
        "WHALE_POSTGRES_DSN": database,
        "WHALE_DAGSTER_CODE_PORT": str(port),
        "WHALE_DAGSTER_CODE_HOST": "dagster-code",
    }
    with subprocess.Popen([*CONTAINER, "dagster-code"], env=env, cwd=tmp_path) as container:
        try:
            until(lambda: answers(port), 300)
            workspace = (tmp_path / "dagster" / "workspace.yaml").read_text()
            assert '"host": "dagster-code"' in workspace
            with instance_for_test(overrides={"run_launcher": LAUNCHER}) as instance:
                told = {GRPC_INFO_TAG: json.dumps({"host": "127.0.0.1", "port": port})}
                run = instance.create_run_for_job(controls.JOBS[0], tags=told)
                found = instance.run_launcher.check_run_worker_health(run)
                assert found.status is WorkerStatus.FAILED, "a run of an earlier code server has no process"
            container.terminate()
            assert container.wait(300) == 0
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
