"""The screen as text, from sample data."""

import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from whale_platform.cli.inspection import screen
from whale_platform.cli.inspection.recent_rows import RecentRows
from whale_platform.stores.queries.recent import RecentWhale, RecentWindow


def service(state: str, **numbers: Any) -> dict[str, Any]:
    base = {"state": state, "pid": 4711, "uptime_s": 3725.0, "last_beat_s": 0.4, "restarts": 0, "last_exit": None}
    return {**base, "detail": "", **numbers}


def sample(kind: str) -> dict[str, Any]:
    return {
        "home": "/somewhere/home",
        "running": True,
        "source": {"kind": kind, "state": "playing", "trades_sent": 34419},
        "urls": {"kafka": "127.0.0.1:1", "postgres": "postgresql://whale@127.0.0.1:2/whale"},
        "services": {
            "ingester": service("ready", trades_per_s=1234.4, gaps_open=2, exchange_to_receive_p50=12.3),
            "stream": service("blocked", lag=56, detail="checkpoint does not fit: `whale checkpoint archive`"),
        },
    }


WINDOWS = [
    RecentWindow(
        "binance",
        f"S{number}USDT",
        datetime(2024, 8, 8, 3, 4, tzinfo=UTC),
        Decimal("0.00000001"),
        Decimal(1),
        Decimal(2_500_000),
        99,
    )
    for number in range(40)
]
FEED = RecentRows(
    WINDOWS,
    [
        RecentWhale(
            datetime(2024, 8, 8, 3, 4, 5, tzinfo=UTC),
            "binance",
            "BTCUSDT",
            "buy",
            Decimal("61722.75"),
            Decimal("2.5"),
            Decimal(154306),
        )
    ],
)


def rendered(what: Any, width: int = 130) -> str:
    console = Console(width=width, record=True, file=io.StringIO(), color_system=None)
    console.print(what)
    return console.export_text()


@pytest.mark.parametrize(("kind", "word"), [("live", "LIVE"), ("simulator", "SIMULATED"), ("replay", "REPLAY")])
def test_the_source_is_marked(kind: str, word: str) -> None:
    text = rendered(screen.render_screen(sample(kind), FEED, 50))
    assert text.lstrip().startswith(word)
    assert ("34,419 sent" in text) == (kind != "live")


def test_everything_is_on_one_screen() -> None:
    text = rendered(screen.render_screen(sample("live"), FEED, 30))
    assert len(text.rstrip().splitlines()) <= 30
    for part in (
        "1,234 trades/s",
        "stream lag 56",
        "12 ms",
        "2 open gaps",
        "1h02m",
        "0.00000001",
        "2,500,000",
        "154,306",
    ):
        assert part in text
    assert "stream: checkpoint does not fit: `whale checkpoint archive`" in text
    assert "more symbols; Ctrl-C stops everything" in text


def test_a_database_that_is_away_is_said() -> None:
    assert "no rows to show: connection refused" in rendered(
        screen.render_screen(sample("live"), RecentRows(problem="connection refused"), 40)
    )


def test_details_cannot_play_with_the_terminal_or_with_markup() -> None:
    state = sample("live")
    state["services"]["stream"]["detail"] = "\x1b[2J[bold]x[/nothing]"
    text = rendered(screen.render_screen(state, FEED, 50))
    assert "?[2J[bold]x[/nothing]" in text


def test_the_plain_line() -> None:
    line = screen.render_line(sample("replay"), FEED)
    assert line.startswith("REPLAY")
    assert "1,234 trades/s" in line
    assert "newest whale BTCUSDT $154,306; stream blocked" in line
    assert "\n" not in line
