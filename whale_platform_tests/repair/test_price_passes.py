"""When prices around whales are to be looked for, and that the process really stores them."""

import json
import subprocess
import threading
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from whale_platform.repair.price_passes import PriceWork
from whale_platform.settings import Settings
from whale_platform.supervision.runtime.heartbeat import Heartbeat
from whale_platform.supervision.runtime.runner import ServiceContext
from whale_platform_tests.lake.builders import START, lay, trade
from whale_platform_tests.stores.asset_tables.test_materialisation import store
from whale_platform_tests.stores.builders import WHALE, WINDOW
from whale_platform_tests.support.postgres_server import database, empty_database, postgres_server, query

__all__ = ["database", "empty_database", "postgres_server"]


def test_the_process_stores_what_the_lake_has_while_a_whale_is_due(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lake and a database with a whale, and a minute of trades after it."""
    settings = Settings.model_validate({"home": tmp_path, "postgres_dsn": database})
    context = ServiceContext(settings, Heartbeat("repair"), structlog.get_logger(), threading.Event())
    work = PriceWork(context)
    assert work.find_command() is None, "there is no lake"
    lay(settings.trades_lake, [trade(0, quantity="1000"), trade(90, price="101")])
    assert work.find_command() is None, "there is no whale"
    newest = START + timedelta(seconds=90)
    window = WINDOW._replace(window_start=newest.replace(second=0), last_event_time=newest)
    store(database, [window], [WHALE._replace(trade_id=0, event_time=START)])
    monkeypatch.setenv("WHALE_HOME", str(settings.home))
    monkeypatch.setenv("WHALE_POSTGRES_DSN", database)
    command = work.find_command()
    assert command is not None
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    for _ in range(2):
        work.take_answer(json.loads(done.stdout))
    assert context.heartbeat.numbers["whales_priced"] == 2, "the sum of both answers"
    columns = "trim_scale(after_1s)::text, trim_scale(after_1)::text, after_5, settled, starts_with(run_id, 'prices')"
    found = query(database, f"SELECT {columns} FROM whale_prices")
    assert found == [("100.5", "100.5", None, False, True)]
