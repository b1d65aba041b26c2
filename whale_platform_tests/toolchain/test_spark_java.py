"""Spark's session as the container image starts it: JAVA_HOME names the shim, and no other Java is here."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from whale_platform.settings import ROOT
from whale_platform.toolchain import java
from whale_platform_tests.support import newcomer_machine
from whale_platform_tests.support.processes import find_listening_ports, find_open_ports

PROGRAM = """
import sys
from whale_platform.settings import Settings
from whale_platform.stream.spark import session
spark = session.build_session(Settings(spark_master="local[1]", spark_driver_memory="512m"))
network = spark._jvm.org.apache.spark.network
options = network.util.TransportConf("shuffle", network.util.MapConfigProvider.EMPTY)
server = network.TransportContext(options, network.server.NoOpRpcHandler()).createServer()
rows = spark.range(1000).selectExpr("sum(id) AS s").first().s
print(rows, spark._jvm.System.getProperty("java.version"), server.getPort(), flush=True)
sys.stdin.readline()
spark.stop()
"""


@pytest.mark.server
def test_spark_runs_on_the_bundled_java_and_its_shuffle_listens_on_loopback(
    tmp_path: Path, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = newcomer_machine.newcomer_environment(tmp_path / "bin")
    for name in ("JAVA_HOME", "WHALE_JAVA_HOME", "WHALE_JAVA"):
        monkeypatch.delenv(name, raising=False)
    with monkeypatch.context() as bare:
        bare.setenv("PATH", environment["PATH"])
        environment["JAVA_HOME"] = str(java.find_java_home(tmp_path / "tools"))
    environment |= {"PYTHONPATH": str(ROOT), "WHALE_TOOLS": str(tools), "WHALE_HOME": str(tmp_path / "a home")}
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(
        command, env=environment, cwd=tmp_path, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as driver:
        assert driver.stdin is not None and driver.stdout is not None
        rows, version, port = driver.stdout.readline().split()
        processes = [psutil.Process(driver.pid), *psutil.Process(driver.pid).children(recursive=True)]
        assert (rows, version.partition(".")[0]) == ("499500", "21")
        assert int(port) in find_listening_ports(processes)
        assert find_open_ports(processes) == []
        driver.stdin.close()
    assert driver.returncode == 0
