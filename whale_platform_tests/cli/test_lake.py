"""`whale lake` and `whale import` as a person runs them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from whale_platform.bench.storage.dump_import import generate_dump
from whale_platform.homes import open_home
from whale_platform_tests.cli.audited_home import Place
from whale_platform_tests.cli.test_audit import place as place
from whale_platform_tests.cli.test_query import Run, home, lake, run
from whale_platform_tests.lake.builders import ids, lay, trade
from whale_platform_tests.support.postgres_server import database, empty_database, postgres_server

__all__ = ["database", "empty_database", "home", "postgres_server", "run"]


def test_days_and_versions_are_shown_and_an_hour_is_compacted(home: Path, run: Run) -> None:
    code, _, err = run("lake", "show")
    assert (code, err.startswith("whale: there is no lake")) == (2, True), err
    for part in range(3):
        lay(lake(home), [trade(part * 10 + number) for number in range(10)], first_offset=part * 10)
    code, out, _ = run("lake", "show")
    assert code == 0
    assert out.splitlines()[-1].split()[:3] == ["2026-01-02", "3", "30"]
    code, _, err = run("lake", "compact", "2026-01-02T10:00")
    assert (code, "3 files, 30 trades" in err, "1 file, 30 trades" in err) == (0, True, True), err
    assert run("lake", "compact", "2026-01-02T10:00")[2].startswith("whale: nothing to do: that hour")
    code, out, _ = run("lake", "versions", "-n", "2")
    assert (code, len(out.splitlines()), "compaction" in out) == (0, 2, True), out
    assert run("lake", "compact", "yesterday")[0] == 2


def test_an_hour_that_is_not_over_is_not_made_again(home: Path, run: Run) -> None:
    lay(lake(home), [trade(0)])
    code, _, err = run("lake", "recompute", "2026-01-02T10:00", f"{datetime.now(UTC):%Y-%m-%dT%H:00}")
    assert (code, "is not over" in err) == (2, True), err


def test_restoring_without_a_broker_says_what_to_do(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHALE_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    lay(lake(home), [trade(0)])
    code, _, err = run("lake", "restore", "2026-01-02T10:00")
    assert (code, "whale up" in err) == (2, True), err
    assert ids(lake(home)) == [("BTCUSDT", 0)]


def test_a_dump_is_imported_once_and_names_what_comes_next(home: Path, run: Run, tmp_path: Path) -> None:
    path = generate_dump(tmp_path, 2_400, hours=2)
    code, _, err = run("import", "binance", str(path))
    assert (code, "simulated" in err) == (2, True), err
    real = open_home(home.parent, "live").path
    code, out, err = run("import", "binance", str(path))
    assert code == 0, err
    assert "2,400 rows, 2,400 new; 2 hours" in out
    assert "./whale lake recompute 2024-08-08T00:00 2024-08-08T01:00, or" in out
    assert "--partition-range '2024-08-08-00:00...2024-08-08-01:00'" in out
    assert len(ids(real / "lake" / "trades")) == 2_400
    assert "0 new" in run("import", "binance", str(path))[1]
    assert run("import", "nosuch", str(path))[0] == 2


def test_what_the_lake_lacks_is_restored_from_kafka(place: Place, run: Run) -> None:
    place.fill()
    place.without(1030, 1031)
    assert place.audit().exit_code == 1
    code, _, err = run("lake", "restore", f"{place.start:%Y-%m-%dT%H:%M}", "--home", str(place.base))
    assert (code, "118 trades" in err, "120 trades" in err) == (0, True, True), err
    assert place.audit().exit_code == 0


def test_what_the_stream_has_yet_to_bring_is_left_to_it(place: Place, run: Run) -> None:
    place.fill(lacking=(1118, 1119))
    place.send(1118, 1119)
    place.without(1030)
    hour = f"{place.start:%Y-%m-%dT%H:%M}"
    code, _, err = run("lake", "restore", hour, "--home", str(place.base))
    assert (code, "118 trades" in err) == (0, True), err
    assert "the stream has yet to bring" in run("lake", "restore", hour, "--home", str(place.base))[2]
    lay(place.lake, [place.whole[n] for n in (1118, 1119)], 118)  # the stream's next batch
    listed = ids(place.lake)
    assert len(listed) == len(set(listed)) == 120
