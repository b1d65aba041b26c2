"""The hand-written consumer as a peer. Its program stands in `programs/`."""

from whale_platform.bench.peers.peer import PROGRAMS, ProgramPeer


class HandwrittenConsumer(ProgramPeer):
    """A loop around librdkafka, with offsets in the transaction of the rows."""

    name = "handwritten"
    table = "windows_of_handwritten"
    requirements = ("confluent-kafka==2.12.2", "msgspec==0.23.0", "psycopg[binary]==3.3.9")
    configuration = (
        "Python, confluent-kafka 2.12.2, msgspec 0.23.0, psycopg 3.3.9; sums of up to 10 ms or 50,000 trades by COPY "
        "into a staging table, added to the rows, offsets in the same transaction"
    )

    def build_command(self, topic: str) -> tuple[list[str], dict[str, str]]:
        """The program, with its settings in the environment: the address of Postgres holds a password."""
        variables = {"PEER_KAFKA": self.place.kafka, "PEER_DSN": self.place.dsn, "PEER_TABLE": self.table}
        program = PROGRAMS / "handwritten_consumer.py"
        return [str(self.venv / "bin" / "python"), str(program)], {**variables, "PEER_TOPIC": topic}
