"""Quix Streams as a peer. Its program stands in `programs/`."""

from whale_platform.bench.peers.peer import PROGRAMS, ProgramPeer


class QuixWindows(ProgramPeer):
    """Tumbling windows in Quix Streams, written by its own sink."""

    name = "quix"
    table = "windows_of_quix"
    requirements = ("quixstreams[postgresql]==3.28.1",)
    configuration = (
        "Python, Quix Streams 3.28.1: exactly-once, a commit every 100 ms, sessions of 6 s, a reducer "
        "per trade, state in RocksDB with a changelog topic, its PostgreSQLSink with upserts"
    )

    def build_command(self, topic: str) -> tuple[list[str], dict[str, str]]:
        """The program, with its settings in the environment; a consumer group and a state for each topic."""
        variables = {"PEER_KAFKA": self.place.kafka, "PEER_DSN": self.place.dsn, "PEER_TABLE": self.table}
        own = {"PEER_TOPIC": topic, "PEER_GROUP": f"quix-{topic}", "PEER_STATE": str(self.folder / f"state-{topic}")}
        return [str(self.venv / "bin" / "python"), str(PROGRAMS / "quix_windows.py")], {**variables, **own}
