"""The copy of the thresholds that Spark reads: what it outlives."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from whale_platform.domain.whale import ALWAYS, ThresholdChange, ThresholdPeriod
from whale_platform.settings import Settings
from whale_platform.stores.errors import SchemaMismatchError, StoreUnavailableError
from whale_platform.stream.query import threshold_file
from whale_platform.stream.query.threshold_file import ThresholdFile

Rows = list[ThresholdChange]
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Rows | Exception]:
    """What the table answers, one after the other; the last one stays."""
    found: list[Rows | Exception] = []

    def read(_: str) -> Rows:
        answer = found.pop(0) if len(found) > 1 else found[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(threshold_file, "read_threshold_history", read)
    return found


@pytest.fixture
def file(tmp_path: Path) -> ThresholdFile:
    dsn = "postgresql://nobody@127.0.0.1:1/none"
    made = Settings.model_validate({"home": tmp_path, "postgres_dsn": dsn, "threshold_usd": "50000"})
    return ThresholdFile(made, structlog.get_logger())


def test_a_table_that_can_not_be_read_changes_nothing_and_is_logged_once(
    file: ThresholdFile, answers: list[Rows | Exception]
) -> None:
    """A database that is being restored answers, and has no tables."""
    bitcoin: Rows = [ThresholdChange("*", "BTC", NOON, Decimal(9), Decimal(10))]
    answers += [
        SchemaMismatchError("no table"),
        SchemaMismatchError("no table"),
        StoreUnavailableError("away"),
        bitcoin,
    ]
    with capture_logs() as said:
        for _ in range(3):
            file.refresh()
        first = {"since": 0, "limits": {"*:*": ["50000", "250000", "1000000"]}}
        assert json.loads(file.path.read_text()) == [first]
        file.refresh()
    limits = {"*:*": ["50000", "250000", "1000000"], "*:BTC": ["9", "10", "180"]}
    later = {"since": NOON.timestamp() * 1e6, "limits": limits}
    assert json.loads(file.path.read_text()) == [first, later]
    assert [line.get("error") for line in said] == ["no table", "away", None]


def test_a_copy_that_could_not_be_written_is_written_later(
    file: ThresholdFile, answers: list[Rows | Exception]
) -> None:
    answers.append([ThresholdChange("*", "*", ALWAYS, Decimal(7))])
    folder = Path(str(file.path.parent))
    kept = folder.rename(folder.with_name("away"))
    folder.write_text("in the way")
    file.refresh()
    folder.unlink()
    kept.rename(folder)
    file.refresh()
    assert json.loads(file.path.read_text()) == [{"since": 0, "limits": {"*:*": ["7", "35", "140"]}}]


@pytest.mark.parametrize(
    "copy", ['{"*:*": "50000", "*:BTC": "9"}', '[{"since": 0, "limits": {"*:*": "50000", "*:BTC": "9"}}]']
)
def test_the_copy_of_an_earlier_version_is_taken_over(file: ThresholdFile, copy: str) -> None:
    file.path.write_text(copy)
    ThresholdFile(file._settings, structlog.get_logger())
    limits = {"*:*": ["50000", "250000", "1000000"], "*:BTC": ["9", "45", "180"]}
    assert json.loads(file.path.read_text()) == [{"since": 0, "limits": limits}]


def test_a_threshold_that_spark_can_not_hold_is_written_as_its_highest() -> None:
    """One like that made the limits of its whole period unreadable, and nothing of it was a whale."""
    period = ThresholdPeriod(ALWAYS, {("kraken", "X"): Decimal("1e30"), ("*", "*"): Decimal("0.5")})
    assert threshold_file.encode_history([period]) == [
        {"since": 0, "limits": {"kraken:X": ["99999999999999999999"] * 3, "*:*": ["0.5", "2.5", "10"]}}
    ]


def test_the_copy_keeps_the_newest_periods_that_have_room_in_it(
    file: ThresholdFile, answers: list[Rows | Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With amounts by hour of the week a period is large, and Spark reads all of them at each batch."""
    hours = [Decimal(hour + 1) for hour in range(168)]
    times = [NOON + timedelta(days=number) for number in range(5)]
    answers.append([ThresholdChange("*", "BTC", time, Decimal(9), hours_usd=hours) for time in times])
    monkeypatch.setattr(threshold_file, "MAX_AMOUNTS", 3 * (504 + 3) + 1)
    file.refresh()
    copy = json.loads(file.path.read_text())
    assert [one["since"] for one in copy] == [0, *(time.timestamp() * 1e6 for time in times[3:])]
    assert copy[0]["limits"]["*:BTC"][-3:] == ["168", "840", "3360"]
    monkeypatch.setattr(threshold_file, "MAX_AMOUNTS", 1)
    later = [datetime.now(UTC) + timedelta(days=number) for number in (1, 2)]
    answers[:] = [[ThresholdChange("*", "BTC", time, Decimal(9), hours_usd=hours) for time in (*times, *later)]]
    file.refresh()
    kept = [one["since"] for one in json.loads(file.path.read_text())]
    assert kept == [0, *((time - EPOCH) // timedelta(microseconds=1) for time in later)], "what holds now, and later on"
