"""When the repair service looks for prices around whales, and that its process really stores them."""

import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from whale_platform.repair import price_rounds
from whale_platform.repair.price_rounds import LONGEST_S, ROUND_S, PriceRounds
from whale_platform.repair.work_process import WorkHold
from whale_platform.settings import Settings
from whale_platform.supervision.control import overload
from whale_platform.supervision.runtime import heartbeat
from whale_platform.supervision.runtime.heartbeat import Heartbeat
from whale_platform.supervision.runtime.runner import ServiceContext
from whale_platform_tests.lake.builders import START, lay, trade
from whale_platform_tests.stores.asset_tables.test_materialisation import store
from whale_platform_tests.stores.builders import WHALE, WINDOW
from whale_platform_tests.support.postgres_server import database, empty_database, postgres_server, query

__all__ = ["database", "empty_database", "postgres_server"]

Result = dict[str, Any] | str | None


class Clock:
    """Seconds that pass only when they are added; `rounds` are the times at which a process was started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *results: Result) -> None:
        self.now, self.rounds, self._results = 0.0, list[float](), list(results)
        monkeypatch.setattr(price_rounds, "time", SimpleNamespace(monotonic=lambda: self.now))

    def run(self, context: ServiceContext, command: Sequence[str], hold: WorkHold) -> Result:
        self.rounds.append(self.now)
        return self._results.pop(0)

    def let_pass(self, rounds: PriceRounds, seconds: float) -> None:
        for _ in range(int(seconds / 20)):
            self.now += 20
            rounds.run_if_due()


@pytest.fixture
def context(database: str, tmp_path: Path) -> ServiceContext:
    """A home whose lake and database have a whale, and a minute of trades after it."""
    settings = Settings.model_validate({"home": tmp_path, "postgres_dsn": database})
    lay(settings.trades_lake, [trade(0, quantity="1000"), trade(90, price="101")])
    newest = START + timedelta(seconds=90)
    window = WINDOW._replace(window_start=newest.replace(second=0), last_event_time=newest)
    store(database, [window], [WHALE._replace(trade_id=0, event_time=START)])
    return ServiceContext(settings, Heartbeat("repair"), structlog.get_logger(), threading.Event())


def test_a_process_is_started_each_minute_while_whales_are_due(
    context: ServiceContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch, {"whales_priced": 1}, {"whales_priced": 2}, {"whales_priced": 3})
    rounds = PriceRounds(context, clock.run)
    clock.let_pass(rounds, 3 * ROUND_S)
    assert clock.rounds == [ROUND_S, 2 * ROUND_S, 3 * ROUND_S]
    assert context.heartbeat.numbers["whales_priced"] == 6
    query(context.settings.dsn(), "DELETE FROM whale_alerts")
    clock.let_pass(rounds, 5 * ROUND_S)
    assert len(clock.rounds) == 3, "nothing is due"


def test_what_fails_is_tried_again_each_time_after_twice_as_long(
    context: ServiceContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch, *[None] * 7, "the stream is behind", *[{"whales_priced": 1}] * 2)
    clock.let_pass(PriceRounds(context, clock.run), 3 * LONGEST_S + 300)
    waits = [later - before for before, later in zip(clock.rounds, clock.rounds[1:], strict=False)]
    assert waits[:7] == [120, 240, 480, 960, 1920, 3600, 3600]
    assert waits[7:] == [ROUND_S, ROUND_S], "it made way for the trades"


def test_nothing_is_begun_while_the_trades_need_the_machine(
    context: ServiceContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch, {"whales_priced": 1})
    rounds = PriceRounds(context, clock.run)
    home = context.settings.home
    heartbeat.write_heartbeat(home, Heartbeat("sink", state="ready", numbers={"lag": overload.SINK_LAG + 1}))
    clock.let_pass(rounds, 2 * ROUND_S)
    assert clock.rounds == []
    heartbeat.write_heartbeat(home, Heartbeat("sink", state="ready", numbers={"lag": 0}))
    clock.let_pass(rounds, 20)
    assert clock.rounds == [2 * ROUND_S + 20]


def test_the_process_stores_what_the_lake_has(context: ServiceContext, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, now = context.settings, [0.0]
    monkeypatch.setenv("WHALE_HOME", str(settings.home))
    monkeypatch.setenv("WHALE_POSTGRES_DSN", settings.dsn())
    monkeypatch.setattr(price_rounds, "time", SimpleNamespace(monotonic=lambda: now[0]))
    rounds = PriceRounds(context)
    now[0] = ROUND_S
    rounds.run_if_due()
    assert context.heartbeat.numbers["whales_priced"] == 1
    columns = "trim_scale(after_1s)::text, trim_scale(after_1)::text, after_5, settled, starts_with(run_id, 'prices')"
    found = query(settings.dsn(), f"SELECT {columns} FROM whale_prices")
    assert found == [("100.5", "100.5", None, False, True)]
