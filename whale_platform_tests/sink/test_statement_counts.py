"""What the sink asks of Postgres, counted by the server's own log: some statements a batch, however large it is."""

import signal
from pathlib import Path

import pytest

from whale_platform.domain.names import TRADE_WINDOWS
from whale_platform.supervision.runtime import exit_codes
from whale_platform_tests.sink.messages import growing
from whale_platform_tests.sink.real_sink import Stage, until
from whale_platform_tests.support.postgres_server import PostgresServer, query

pytestmark = pytest.mark.process
MARKETS, MINUTES, UPDATES = 20, 10, 30
MOST_STATEMENTS_A_BATCH, AT_THE_START = 12, 60
FEWEST_MESSAGES_A_BATCH = 50


def count_statements(server: PostgresServer) -> int:
    """How many the server has logged."""
    lines = (Path(server.settings.home) / "postgres.log").read_text().splitlines()
    return sum("LOG:  statement:" in line for line in lines)


def test_a_backlog_of_windows_is_stored_by_few_statements(stage: Stage, postgres_server: PostgresServer) -> None:
    stage.produce(
        [
            (TRADE_WINDOWS, f"binance:S{market}".encode(), growing(f"S{market}", trades, minute))
            for trades in range(1, UPDATES + 1)
            for minute in range(MINUTES)
            for market in range(MARKETS)
        ]
    )
    query(stage.dsn, f"ALTER DATABASE {stage.dsn.rpartition('/')[2]} SET log_statement = 'all'")
    before = count_statements(postgres_server)
    stage.start()
    messages = MARKETS * MINUTES * UPDATES
    until(lambda: stage.beat().numbers.get("messages") == messages, "a heartbeat that counts all messages")
    batches = int(stage.beat().numbers["batches"])
    assert stage.end(signal.SIGTERM) == exit_codes.CLEAN
    statements = count_statements(postgres_server) - before
    assert batches * FEWEST_MESSAGES_A_BATCH < messages
    assert batches < statements < MOST_STATEMENTS_A_BATCH * batches + AT_THE_START
