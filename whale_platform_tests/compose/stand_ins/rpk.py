#!/usr/local/bin/python
"""`rpk` of the stand-in: `redpanda start …` becomes Kafka, listening so; `cluster health` asks the broker."""

import os
import socket
import struct
import subprocess
import sys
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

DATA = Path("/var/lib/redpanda/data")
CONFIG = DATA / "server.properties"
JAVA = ["/opt/java/bin/java", "-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", f"-Djava.io.tmpdir={DATA}/tmp",
        "-cp", "/opt/kafka/*"]  # fmt: skip
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:9093
controller.listener.names=CONTROLLER
log.dirs={data}/kafka
auto.create.topics.enable={create}
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=2
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=2
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
listeners={listeners},CONTROLLER://127.0.0.1:9093
advertised.listeners={advertised}
listener.security.protocol.map={protocols},CONTROLLER:PLAINTEXT
inter.broker.listener.name={inter}
"""


def start(words: list[str]) -> None:
    """Become the broker; its data is formatted once."""
    given = dict(word.removeprefix("--").partition("=")[::2] for word in words)
    names = [one.partition("://")[0] for one in given["kafka-addr"].split(",")]
    CONFIG.write_text(
        PROPERTIES.format(
            data=DATA,
            create="false" if given.get("set") == "redpanda.auto_create_topics_enabled=false" else "true",
            listeners=given["kafka-addr"],
            advertised=given["advertise-kafka-addr"],
            protocols=",".join(f"{name}:PLAINTEXT" for name in names),
            inter=names[0],
        )
    )
    (DATA / "tmp").mkdir(exist_ok=True)
    if not (DATA / "kafka" / "meta.properties").exists():
        name = "A" + urlsafe_b64encode(uuid.uuid4().bytes).decode()[:21]
        subprocess.run([*JAVA, "kafka.tools.StorageTool", "format", "-t", name, "-c", str(CONFIG)], check=True)
    os.execv(JAVA[0], [*JAVA, "kafka.Kafka", str(CONFIG)])


def healthy() -> bool:
    """Whether the broker on this machine answers a metadata request and names a controller."""
    text = b"\x00\x03rpk"
    body = struct.pack(">hhi", 3, 1, 7) + text + struct.pack(">i", 0)
    with socket.create_connection(("127.0.0.1", 9092), 5) as sock:
        sock.settimeout(5)
        sock.sendall(struct.pack(">i", len(body)) + body)
        size = struct.unpack(">i", _read(sock, 4))[0]
        answer = _read(sock, size)
    correlation, brokers = struct.unpack(">ii", answer[:8])
    at = 8
    for _ in range(brokers):
        at += 4
        at += 2 + struct.unpack(">h", answer[at : at + 2])[0] + 4
        rack = struct.unpack(">h", answer[at : at + 2])[0]
        at += 2 + max(rack, 0)
    return bool(correlation == 7 and brokers > 0 and struct.unpack(">i", answer[at : at + 4])[0] >= 0)


def _read(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise ConnectionError("the broker has hung up")
        data += more
    return data


if sys.argv[1:3] == ["cluster", "health"]:
    try:
        sys.exit(0 if healthy() else 1)
    except OSError as error:
        sys.exit(str(error))
if sys.argv[1:3] == ["redpanda", "start"]:
    start(sys.argv[3:])
sys.exit(f"the stand-in knows no `rpk {' '.join(sys.argv[1:])}`")
