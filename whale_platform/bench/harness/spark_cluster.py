"""A standalone Spark cluster of processes: a master and workers on 127.0.0.1, each ended by its own pid.

For tests and measurements. They are started as the containers start them, by `spark-class` of the pyspark wheel, on
free ports and in a temporary folder.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

from whale_platform.bench.harness.platform import find_free_ports, wait_for
from whale_platform.settings import Settings
from whale_platform.stream.spark import cluster
from whale_platform.toolchain import java

HOST = "127.0.0.1"
MASTER, WORKER = "org.apache.spark.deploy.master.Master", "org.apache.spark.deploy.worker.Worker"


class SparkCluster:
    """A master and as many workers as `add_worker` has started; `cores` task slots and `memory` each."""

    def __init__(self, cores: int, memory: str = "1g") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="whale-spark-"))
        self.cores, self._memory = cores, memory
        self.workers: list[subprocess.Popen[bytes]] = []
        self.port = find_free_ports(1)[0]
        self.master = f"spark://{HOST}:{self.port}"
        self._master: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the master, and wait until it takes connections."""
        self._master = self._run("master", MASTER, "--host", HOST, "--port", str(self.port), "--webui-port", "0")
        wait_for("the Spark master", lambda: cluster.is_master_reachable(self.master), 300)

    def add_worker(self) -> None:
        """Start one more worker."""
        cores = ("--cores", str(self.cores), "--memory", self._memory)
        place = ("--host", HOST, "--port", "0", "--webui-port", "0")
        self.workers.append(self._run(f"worker{len(self.workers)}", WORKER, *place, *cores, self.master))

    def kill_worker(self, number: int) -> None:
        """kill -9 of a worker and its executor, as when its machine is gone."""
        victims = psutil.Process(self.workers[number].pid).children(recursive=True)
        for victim in victims:
            victim.kill()
        self.workers[number].kill()
        self.workers[number].wait()

    def processes(self) -> list[psutil.Process]:
        """Master, workers and executors."""
        tops = [one for one in (self._master, *self.workers) if one is not None and one.poll() is None]
        found = [psutil.Process(one.pid) for one in tops]
        return [*found, *(child for one in found for child in one.children(recursive=True))]

    def close(self) -> None:
        """End everything and remove its files."""
        for process in self.processes():
            process.kill()
        for top in (self._master, *self.workers):
            if top is not None:
                top.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self, name: str) -> str:
        """What `master`, `worker0`, … have written."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def _run(self, name: str, *words: str) -> "subprocess.Popen[bytes]":
        env = {
            **os.environ,
            **java.build_java_environment(Settings().tools),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "SPARK_LOCAL_IP": HOST,
            "SPARK_DAEMON_MEMORY": "128m",
            "SPARK_DAEMON_JAVA_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData",
            "SPARK_WORKER_DIR": str(self.folder / name),
            "SPARK_LOCAL_DIRS": str(self.folder / "local"),
        }
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                ["spark-class", *words], env=env, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
