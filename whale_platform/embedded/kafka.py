"""The embedded broker: Kafka in KRaft combined mode on 127.0.0.1, its data in `HOME/kafka`.

Formatting goes to a folder of another name that is renamed when done, so a kill in the middle leaves nothing that is
taken as good; a new data folder is a new cluster with a new id. Recovery after `kill -9` is the broker's own.
SIGTERM stops it cleanly in about half a second (exit code 143). On a full disk it ends by itself (exit code 1) and
keeps all that it has acknowledged.
"""

import base64
import itertools
import shutil
import signal
import sys
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path

import psutil

from whale_platform.embedded import server_orphans
from whale_platform.embedded.errors import EmbeddedServerError, explain_full_disk
from whale_platform.settings import Settings
from whale_platform.supervision.processes import setup_programs
from whale_platform.toolchain import jars, java
from whale_platform.toolchain.class_archive import ClassArchive

STOP_SIGNAL = signal.SIGTERM

# Both compilers: with the first alone it takes 36 MB less, and at 1,000 trades/s 33 % of a core instead of 18. Ready in
# 2 s. Heap in use stays under 100 MB; 256 leaves room for bursts.
_JVM = (
    *("-Xms64m", "-Xmx256m", "-Xss512k", "-XX:+UseSerialGC", "-XX:-UsePerfData"),
    *("-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"),
    *("-Dorg.slf4j.simpleLogger.showDateTime=true", "-Dorg.slf4j.simpleLogger.showShortLogName=true"),
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)
_SHORT_LIVED = ("-XX:TieredStopAtLevel=1",)  # what ends within a second is not worth the optimising compiler

# Without a record of no meaning every 500 ms in the log of the metadata, an idle broker needs less than half the CPU.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=2
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=2
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
metadata.max.idle.interval.ms=0
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
num.network.threads=2
num.io.threads=4
background.threads=2
num.recovery.threads.per.data.dir=2
log.segment.bytes=134217728
log.retention.check.interval.ms=30000
log.segment.delete.delay.ms=1000
log.cleaner.dedupe.buffer.size=16777216
"""


def prepare_broker(settings: Settings) -> None:
    """Write the configuration; end orphans; format once. Raises EmbeddedServerError with one line where that fails."""
    folder = _folder_path(settings)
    with explain_full_disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
        server_orphans.end_server_orphans(lambda process: _is_broker_of(process, folder))
        shutil.rmtree(folder / "tmp", ignore_errors=True)
        (folder / "tmp").mkdir()
        _write_properties(settings, folder / "server.properties", folder / "data")
        if not (folder / "data").exists():
            _format(settings, folder)


def broker_command(settings: Settings, options: Sequence[str] | None = None) -> list[str]:
    """What to run; the broker stays in the foreground, logs warnings to stderr and ends with its parent.

    `options`: JVM options in place of those that use the broker's class data archive.
    """
    folder = _folder_path(settings)
    parent_watch = [sys.executable, "-m", "whale_platform.supervision.processes.parent_watch", STOP_SIGNAL.name]
    more = find_archive(settings.tools).read_options() if options is None else options
    java_command = _build_java_command(settings, folder, more)
    return [*parent_watch, *java_command, "kafka.Kafka", str(folder / "server.properties")]


def find_archive(tools: Path) -> ClassArchive:
    """The broker's class data archive, whether or not it is there: `broker_archive` makes it."""
    return ClassArchive(tools, "kafka", [str(java.find_java(tools)), *_JVM], jars.build_broker_classpath(tools))


def _folder_path(settings: Settings) -> Path:
    return settings.home.resolve() / "kafka"


def _build_java_command(settings: Settings, folder: Path, options: Iterable[str]) -> list[str]:
    binary, classpath = java.find_java(settings.tools), jars.build_broker_classpath(settings.tools)
    return [str(binary), *_JVM, *options, f"-Djava.io.tmpdir={folder / 'tmp'}", "-cp", classpath]


def _write_properties(settings: Settings, path: Path, data: Path) -> None:
    fresh = path.with_suffix(".new")
    ports = {"port": settings.kafka_port, "controller_port": settings.kafka_controller_port}
    fresh.write_text(_PROPERTIES.format(data=data, **ports))
    fresh.replace(path)


def _format(settings: Settings, folder: Path) -> None:
    unfinished = folder / "data.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    _write_properties(settings, folder / "format.properties", unfinished)
    options = [*find_archive(settings.tools).read_options(), *_SHORT_LIVED]
    storage_tool = [
        *_build_java_command(settings, folder, options),
        "kafka.tools.StorageTool",
        "format",
        "--cluster-id",
        _generate_cluster_id(),
    ]
    done = setup_programs.run_program([*storage_tool, "--config", str(folder / "format.properties")])
    if done.returncode:
        said = [line for line in f"{done.stderr}\n{done.stdout}".splitlines() if line.strip()]
        reason = next(
            (line for line in said if "xception" in line), said[0] if said else f"exit code {done.returncode}"
        )
        raise EmbeddedServerError(f"Kafka's storage could not be formatted in {folder}: {reason}")
    unfinished.rename(folder / "data")


def _generate_cluster_id() -> str:
    """A random UUID in Kafka's form; never one that begins with "-", which its tools take for an option (1 in 64)."""
    made = (base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=") for _ in itertools.count())
    return next(cluster_id for cluster_id in made if not cluster_id.startswith("-"))


def _is_broker_of(process: psutil.Process, folder: Path) -> bool:
    return str(folder / "server.properties") in process.cmdline()
