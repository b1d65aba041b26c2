"""A real Kafka for tests: the embedded one on free ports, in a temporary folder, ended by its own pid.

The jars come from `WHALE_TOOLS`, else from the project's `.whale/tools`; without them the tests are skipped.
"""

import base64
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import OffsetSpec

from whale_platform.broker import topics
from whale_platform.broker.errors import BrokerError
from whale_platform.embedded import broker_archive, kafka
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.settings import Settings
from whale_platform.toolchain import jars

CLUSTER = """
node.id={node}
controller.quorum.voters={voters}
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
"""


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_ports(count: int) -> list[int]:
    """As many, no two of them the same."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


class KafkaServer:
    """One broker. `kill` ends it as a crash would, `start` brings it back on the same data and port."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="whale-kafka-"))
        ports = dict(zip(("kafka_port", "kafka_controller_port"), free_ports(2), strict=True))
        self._settings = Settings.model_validate({"home": self.folder, **ports})
        self._process: subprocess.Popen[bytes] | None = None
        self.bootstrap = self._settings.bootstrap
        self.more = ""  # properties that follow those of the embedded broker, and so override them

    def start(self) -> None:
        """Start, and wait until it answers for each partition that it has."""
        broker_archive.ensure_archive(self._settings.tools)
        kafka.prepare_broker(self._settings)
        with (self.folder / "kafka" / "server.properties").open("a") as file:
            file.write(self.more)
        log = self.folder / "broker.log"
        with log.open("ab") as out:
            self._process = subprocess.Popen(kafka.broker_command(self._settings), stdout=out, stderr=out)
        deadline = time.monotonic() + 600
        while not topics.is_reachable(self.bootstrap) or not self._leads_all():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Kafka did not start:\n{log.read_text()[-2000:]}")

    def _leads_all(self) -> bool:
        """Whether each partition says where it ends; a broker that starts is reachable before it leads any."""
        client = topics.create_admin(self.bootstrap)
        try:
            asked = {
                TopicPartition(name, part): OffsetSpec.latest()
                for name, topic in client.list_topics(timeout=120).topics.items()
                for part in topic.partitions
            }
            for found in client.list_offsets(asked, request_timeout=120).values() if asked else ():
                found.result(120)
        except BrokerError:
            return False
        return True

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send `number` and wait for the end."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(300)

    def pause(self) -> None:
        """SIGSTOP: what clients send lies in its sockets until `go_on`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it and remove its data."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def fresh_topics(self) -> None:
        """Delete and make again all topics, so that each test begins with empty ones."""
        self.delete_topics()
        topics.create_topics(self.bootstrap, partitions=2)
        deadline = time.monotonic() + 300
        while len(topics.describe_topics(self.bootstrap, list(topics.BYTE_SHARES))) < len(topics.BYTE_SHARES):
            assert time.monotonic() < deadline, "the broker does not know the topics that it has made"
            time.sleep(0.05)

    def delete_topics(self) -> None:
        """Delete all topics, and wait until the broker knows none."""
        client = topics.create_admin(self.bootstrap)
        present = [name for name in client.list_topics(timeout=120).topics if not name.startswith("__")]
        for future in client.delete_topics(present).values() if present else ():
            future.result(120)
        deadline = time.monotonic() + 300
        while present and topics.describe_topics(self.bootstrap, present) and time.monotonic() < deadline:
            time.sleep(0.05)


class ThreeBrokers:
    """Three brokers, each a controller too; `nodes` may be started and killed one by one. `close` ends them all."""

    def __init__(self) -> None:
        skip_without_jars()
        self.folder = Path(tempfile.mkdtemp(prefix="whale-cluster-"))
        ports = free_ports(6)
        self._settings = [
            Settings.model_validate(
                {"home": self.folder / str(node), "kafka_port": ports[node - 1], "kafka_controller_port": ports[-node]}
            )
            for node in range(1, 4)
        ]
        self.bootstrap = KafkaCluster(",".join(one.bootstrap.servers for one in self._settings))
        self.nodes: dict[int, subprocess.Popen[bytes]] = {}
        kafka.prepare_broker(self._settings[0])
        voters = ",".join(f"{n}@127.0.0.1:{one.kafka_controller_port}" for n, one in enumerate(self._settings, 1))
        for node, one in enumerate(self._settings, 1):
            folder = one.home / "kafka"
            if node > 1:
                shutil.copytree(self._settings[0].home / "kafka" / "data", folder / "data")
                kafka.prepare_broker(one)
            marks = folder / "data" / "meta.properties"
            kept = [line for line in marks.read_text().splitlines() if not line.startswith(("node.id", "directory.id"))]
            marks.write_text("\n".join([*kept, f"node.id={node}", f"directory.id={_uuid()}", ""]))
            with (folder / "server.properties").open("a") as file:  # of two lines for one setting the later counts
                file.write(CLUSTER.format(node=node, voters=voters))

    def start(self, *nodes: int) -> None:
        """Start these and wait until as many brokers as run are known. Raises RuntimeError where one has ended."""
        for node in nodes:
            with self._log_path(node).open("ab") as out:
                self.nodes[node] = subprocess.Popen(
                    kafka.broker_command(self._settings[node - 1]), stdout=out, stderr=out
                )
        deadline = time.monotonic() + 300
        while not self._all_known():
            for node, process in self.nodes.items():
                if process.poll() is not None:
                    raise RuntimeError(f"broker {node} has ended:\n{self._log_path(node).read_text()[-2000:]}")
            assert time.monotonic() < deadline, "the brokers did not find each other"
            time.sleep(0.2)

    def kill(self, node: int) -> None:
        """kill -9 of one broker."""
        process = self.nodes.pop(node)
        process.kill()
        process.wait(30)

    def close(self) -> None:
        """End them and remove their data."""
        for node in list(self.nodes):
            self.kill(node)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _log_path(self, node: int) -> Path:
        return self.folder / f"{node}.log"

    def _all_known(self) -> bool:
        try:
            return len(topics.create_admin(self.bootstrap).list_topics(timeout=5).brokers) == len(self.nodes)
        except BrokerError:
            return False


def _uuid() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def skip_without_jars() -> None:
    """Skip the test where the broker's jars are missing."""
    tools = Settings().tools
    if not all(jar.path(tools).exists() for jar in jars.read_jar_list() if jar.section == "broker"):
        pytest.skip(f"no Kafka jars in {tools}: run ./whale up once, or set WHALE_TOOLS")


def start_kafka() -> KafkaServer:
    """A running broker; skips the test where the jars are missing."""
    skip_without_jars()
    server = KafkaServer()
    server.start()
    return server


def environment(settings: Settings) -> dict[str, str]:
    """For a service in a child process."""
    return {**os.environ, **settings.environment(), "PYTHONPATH": os.pathsep.join(sys.path)}
