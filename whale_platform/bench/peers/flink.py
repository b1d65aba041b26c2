"""Flink SQL as a peer: the SQL client with a cluster in its own JVM, from the wheel of Flink's libraries.

After a kill it is started from its newest checkpoint, as one starts a job by hand where no high availability is set
up. Its statements stand in `programs/`.
"""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from whale_platform.bench.peers.peer import PROGRAMS, ProgramPeer
from whale_platform.settings import Settings
from whale_platform.toolchain import jars, java

JARS = Path(__file__).with_name("flink_jars.toml")
HEAP = "1g"
CONFIG = "execution.target: local\ntaskmanager.numberOfTaskSlots: 2\nrest.port: 0\n"
_OPENED = ("util", "lang", "net", "time", "nio", "io", "text", "util.concurrent", "lang.reflect")


class FlinkSql(ProgramPeer):
    """A group by minute in Flink SQL, upserted by the JDBC connector."""

    name = "flink"
    table = "windows_of_flink"
    requirements = ("--no-deps", "apache-flink-libraries==2.2.1")
    configuration = (
        f"Flink SQL 2.2.1, Kafka connector 5.0.0, JDBC connector 4.0.0, one JVM with {HEAP} of heap, parallelism 2: "
        "mini-batches of up to 20 ms or 50,000 trades, exactly-once checkpoints every 10 s, upserts by JDBC every "
        "20 ms; open and close by arrival"
    )

    def install(self) -> None:
        """Install the wheel, and fetch the connectors. Raises PlatformError, ToolchainError."""
        super().install()
        jars.ensure_pinned_jars(self.folder, lambda _: None, jars.read_jar_list(JARS))
        (self.folder / "config.yaml").write_text(CONFIG)

    def build_command(self, topic: str) -> tuple[list[str], dict[str, str]]:
        """The SQL client with statements that name the topic, and its newest checkpoint where it has one."""
        statements = self.folder / f"{topic}.sql"
        statements.touch(mode=0o600)
        statements.write_text(self.fill_statements(topic, self.folder / f"checkpoints-{topic}"))
        flink = next(self.venv.glob("lib/python*/site-packages/pyflink"))
        found = [*flink.glob("lib/*.jar"), *flink.glob("opt/*.jar"), *self.folder.glob("jars/flink/*.jar")]
        opened = [f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in _OPENED]
        command = [
            *(str(java.find_java(Settings().tools)), f"-Xmx{HEAP}", "-Duser.timezone=UTC", *opened),
            *("-cp", ":".join(map(str, found)), "org.apache.flink.table.client.SqlClient"),
            *("-hist", str(self.folder / "history"), "-f", str(statements)),
        ]
        return command, {"FLINK_CONF_DIR": str(self.folder)}

    def fill_statements(self, topic: str, checkpoints: Path) -> str:
        """The statements for a topic, which continue from the newest complete checkpoint where there is one."""
        address = urlsplit(self.place.dsn)
        newest = max(checkpoints.glob("*/chk-*/_metadata"), key=lambda path: path.stat().st_mtime, default=None)
        recovery = "" if newest is None else f"SET 'execution.state-recovery.path' = 'file://{newest.parent}';"
        return (
            (PROGRAMS / "flink_windows.sql")
            .read_text()
            .format(
                checkpoints=checkpoints,
                recovery=recovery,
                topic=topic,
                kafka=self.place.kafka,
                jdbc=f"jdbc:postgresql://{address.hostname}:{address.port}{address.path}?reWriteBatchedInserts=true",
                user=address.username,
                password=unquote(address.password or ""),
                table=self.table,
            )
        )
