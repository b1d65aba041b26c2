"""`whale audit` on a real broker, database and lake, with faults planted in each: exit codes and words."""

import json
import shutil
import time
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner

from whale_platform.audit import collect
from whale_platform.broker import topics
from whale_platform.cli.app import app
from whale_platform.cli.common.errors import UserError
from whale_platform.defs.quality import audit_checks as checks
from whale_platform.defs.resources import build_resources
from whale_platform.domain.names import RAW_TRADES, TRADE_WINDOWS
from whale_platform.files.atomic_files import write_json
from whale_platform.home_mark import HOME_MARK
from whale_platform.homes import open_home
from whale_platform.lake.delta.table import HOUR
from whale_platform.settings import Settings
from whale_platform.stores.asset_tables import rollups
from whale_platform.stores.asset_tables.materialisation import HourRange
from whale_platform.stores.quality import audited_hours
from whale_platform.supervision.runtime import heartbeat
from whale_platform_tests.cli.audited_home import IDS, MINUTE, Place
from whale_platform_tests.lake.builders import lay
from whale_platform_tests.sink.messages import message
from whale_platform_tests.stores.asset_tables.test_materialisation import MAKER, store
from whale_platform_tests.stores.builders import GAP, WHALE
from whale_platform_tests.stores.quality.test_stream_quality import note
from whale_platform_tests.stream.query.test_checkpoints import stand_at
from whale_platform_tests.support.kafka_server import KafkaServer, free_port
from whale_platform_tests.support.postgres_server import database, empty_database, postgres_server, query

__all__ = ["database", "empty_database", "postgres_server"]


@pytest.fixture
def place(kafka: KafkaServer, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("WHALE_POSTGRES_DSN", database)
    monkeypatch.setenv("WHALE_KAFKA_BOOTSTRAP", str(kafka.bootstrap))
    return Place(tmp_path / "base", kafka.bootstrap, database)


def test_all_is_there_once(place: Place) -> None:
    place.fill()
    done = place.audit()
    assert (done.exit_code, "120 trades, nothing is wrong" in done.stdout) == (0, True), done.output
    assert "verdict  what" not in done.stdout, "no line of a single hour"
    value = json.loads(place.audit("--json").stdout)
    assert (value["passed"], value["notes"]) == (True, [])
    assert [(line["kafka"], line["postgres"], line["lake"]) for line in value["lines"]] == [(120, 120, 120)]


def test_hours_without_a_trade_are_not_called_right(place: Place) -> None:
    lay(place.lake, [place.whole[1000]._replace(event_time=place.whole[1000].event_time - 7_200_000_000)])
    with pytest.raises(UserError, match="so nothing was compared: ask for hours with trades"):
        raise place.audit().exception or AssertionError


def test_a_place_that_lost_everything_is_wrong(place: Place) -> None:
    place.fill()
    query(place.dsn, "TRUNCATE trade_windows")
    assert "missing in Postgres: 120" in place.audit().stdout
    shutil.rmtree(place.lake)
    done = place.audit()
    assert (done.exit_code, "missing in lake: 120; missing in Postgres: 120" in done.stdout) == (1, True), done.output


def test_no_rollup_hides_minutes_that_are_lost(place: Place) -> None:
    place.fill()
    rollups.materialise_rollups(place.dsn, HourRange(place.start, place.start + HOUR), MAKER)
    query(place.dsn, "DELETE FROM trade_windows WHERE window_start = %s", place.start + MINUTE)
    assert "missing in Postgres: 30" in place.audit().stdout
    query(place.dsn, "TRUNCATE trade_windows")
    done = place.audit()
    assert (done.exit_code, "missing in Postgres: 120" in done.stdout) == (1, True), done.output


def test_faults_in_each_place_are_named(place: Place) -> None:
    place.fill()
    place.without(1005, 1006, 1119)
    place.send(1050)
    lay(place.lake, [place.whole[1060]], 200)
    place.count(3, 31)
    done = place.audit()
    assert done.exit_code == 1
    said = ("missing in lake: 3; not yet in", "; doubled in Kafka: 1; doubled in lake: 1; doubled in Postgres: 1")
    assert all(words in done.stdout for words in (*said, "something is wrong")), done.stdout
    value = json.loads(place.audit("--json").stdout)
    assert (value["totals"]["missing"], value["totals"]["doubled"]) == (3, 3)


def test_holes_are_wrong_until_the_ledger_explains_them(place: Place) -> None:
    place.fill(lacking=range(1040, 1045))
    done = place.audit()
    assert (done.exit_code, "missing everywhere, unexplained: 5" in done.stdout) == (1, True)
    note(place.dsn, GAP._replace(first_id=1040, last_id=1044, filled=0, state="exchange_gap"))
    note(place.dsn, GAP._replace(first_id=1100, last_id=1101, filled=2, state="repaired"))
    done = place.audit()
    assert (done.exit_code, "the exchange's own gap: 5; repaired: 2" in done.stdout) == (0, True)


def test_what_was_given_up_for_a_reason_can_be_accepted(place: Place) -> None:
    place.fill(lacking=range(1040, 1045))
    reason = "beyond the exchange's history: 1040-1044"
    note(place.dsn, GAP._replace(first_id=1040, last_id=1044, filled=0, state="unrepaired", detail=reason))
    done = place.audit()
    assert (done.exit_code, f"given up by the ledger: 5; reason: {reason}" in done.stdout) == (1, True), done.output
    assert audited_hours.find_due_hour(place.dsn, place.start, place.start + HOUR) == place.start
    done = place.audit("--accept-given-up")
    assert (done.exit_code, f"given up by the ledger: 5; reason: {reason}" in done.stdout) == (0, True), done.output
    assert audited_hours.find_due_hour(place.dsn, place.start, place.start + HOUR) is None, "nobody asks again"


def test_what_was_sent_just_now_is_waited_for(place: Place) -> None:
    place.fill(lacking=[1040])
    note(place.dsn, GAP._replace(first_id=1040, last_id=1040, state="open"))
    place.send(1040, late=True)
    done = place.audit()
    assert (done.exit_code, "repaired: 1" in done.stdout) == (0, True), done.output


def test_what_has_not_arrived_yet_is_not_missing_and_nothing_is_proven(place: Place) -> None:
    place.send(*IDS)
    topic_id = topics.describe_topics(place.bootstrap, [RAW_TRADES])[RAW_TRADES].topic_id
    home = place.lake.parent.parent
    # 1. the lake has read 115 of 120 messages, the windows 110; a whale is ahead of the lake
    lay(place.lake, [place.whole[n] for n in IDS[:115]], topic_id=topic_id)
    stand_at(home, "windows", topic_id, {0: 110})
    for minute, count in enumerate((30, 30, 30, 20)):
        place.count(minute, count)
    ahead = place.whole[1117]._replace(quantity=Decimal(600))
    alert = WHALE._replace(trade_id=1117, price="100.5", quantity="600", notional_usd=f"{ahead.notional:f}")
    store(place.dsn, [], [alert._replace(event_time=place.start + 234 * MINUTE / 60)])
    done = place.audit()
    assert (done.exit_code, "not yet in lake: 5; not yet in Postgres: 10" in done.stdout) == (75, True), done.output
    assert "Messages not read yet: windows 10, whales unknown, lake 5, sink 0" in done.stdout
    assert "missing in" not in done.stdout and "too many" not in done.stdout and "ask again later" in done.stdout
    assert audited_hours.find_due_hour(place.dsn, place.start, place.start + HOUR) == place.start, "it keeps its turn"
    # 2. what a place should have by now is missing all the same
    query(place.dsn, "UPDATE trade_windows SET trade_count = 29 WHERE window_start = %s", place.start + MINUTE)
    done = place.audit()
    said = " ".join(done.stdout.split())
    assert (done.exit_code, "01: 29 in Postgres, 30 in the lake" in said) == (1, True), done.output
    place.count(1, 30)
    # 3. the windows have been put out, and the sink has not stored the last
    query(place.dsn, "TRUNCATE whale_alerts")
    stand_at(home, "windows", topic_id, {0: 120})
    lay(place.lake, [place.whole[n] for n in IDS[115:]], 115, topic_id)
    assert "missing in Postgres: 10" in place.audit().stdout
    start_us = int((place.start + 3 * MINUTE).timestamp() * 1_000_000)
    window = {"window_start": start_us, "last_event_time": start_us, "first_trade_id": 1090, "last_trade_id": 1119}
    producer = Producer({"bootstrap.servers": str(place.bootstrap)})
    producer.produce(TRADE_WINDOWS, message(TRADE_WINDOWS, **window), b"binance:BTCUSDT", 0)
    assert producer.flush(300) == 0
    done = place.audit()
    assert (done.exit_code, "not yet in Postgres: 10" in done.stdout, "sink 1" in done.stdout) == (75, True, True)
    # 4. it has; the size bands are not computed yet
    place.count(3, 30)
    done = place.audit()
    assert (done.exit_code, "not yet in size_bands: 4" in done.stdout) == (75, True), done.output
    place.band()
    value = json.loads(place.audit("--json").stdout)
    assert (value["passed"], value["verdict"], value["behind"]["windows"]) == (True, "ok", 0)


def ask(place: Place) -> dict[str, dg.AssetCheckEvaluation]:
    """Each check's answer by its name."""
    resources = build_resources(home=str(place.lake.parent.parent))
    selected = dg.AssetSelection.checks(checks.audit_checks)
    done = dg.materialize([checks.audit_checks], resources=resources, selection=selected)
    return {one.check_name: one for one in done.get_asset_check_evaluations()}


def test_the_check_audits_every_hour_since_the_last_and_one_that_was_wrong_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.fill()
    end = place.start + HOUR
    monkeypatch.setattr(collect, "find_settled_end", lambda *_: end + MINUTE)  # also where an hour ends meanwhile
    place.without(1005)
    found = ask(place)
    ids, values, whales, bands = (found[spec.name] for spec in (checks.IDS_SPEC, *(spec for spec, _ in checks.KINDS)))
    assert (ids.passed, ids.metadata["hours"].value, ids.metadata["missing"].value) == (False, 2, 1)
    assert "missing in lake: 1" in str(ids.metadata["table"].value)
    assert (values.passed, values.metadata["different"].value) == (False, 1)
    assert (whales.passed, bands.passed) == (True, True), "bands are late, not wrong"
    with monkeypatch.context() as later:
        later.setattr(collect, "find_settled_end", lambda *_: end + 7 * HOUR)
        ids = ask(place)[checks.IDS_SPEC.name]
        assert (ids.passed, ids.metadata["hours"].value) == (False, 7), "Dagster was down for seven hours"
        assert f"whale audit --from {place.start:%Y-%m-%dT%H:%M}" in str(ids.metadata["unresolved"].value)
    lay(place.lake, [place.whole[1005]], 10_000)
    place.band()
    query(place.dsn, "UPDATE size_bands SET buy_usd[1] = 7 WHERE window_start = %s", place.start + MINUTE)
    found = ask(place)
    assert [name for name, one in found.items() if not one.passed] == [checks.BANDS_SPEC.name]
    assert "bands buy_usd: 1 (" in str(found[checks.BANDS_SPEC.name].metadata["table"].value)
    place.band()
    assert all(one.passed for one in ask(place).values())
    assert ask(place)[checks.IDS_SPEC.name].metadata["hours"].value == 0, "all of them have been audited"


def test_the_check_leaves_its_turn_while_the_stream_is_behind(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.fill()
    place.without(1005)
    monkeypatch.setattr(collect, "find_settled_end", lambda *_: place.start + HOUR + MINUTE)
    told = heartbeat.Heartbeat(
        "stream", detail="windows lag", at=time.time() + 600, numbers={"behind_since": time.time() - 60}
    )
    write_json(heartbeat.heartbeat_path(place.lake.parent.parent, "stream"), asdict(told))
    found = ask(place)
    assert [one.passed for one in found.values()] == [True] * 4
    table = str(found[checks.IDS_SPEC.name].metadata["table"].value)
    assert "No hour was audited: the stream has been behind for" in table and "windows lag" in table, table
    assert audited_hours.find_due_hour(place.dsn, place.start, place.start + HOUR) == place.start


def test_the_command_begins_with_the_first_hour_that_nobody_audited(place: Place) -> None:
    place.fill()
    query(place.dsn, "INSERT INTO audited_hours VALUES (%s, true, 1, '', '')", place.start - 40 * HOUR)
    home = place.lake.parent.parent / HOME_MARK
    home.write_text(json.dumps({**json.loads(home.read_text()), "created": (place.start - 30 * HOUR).timestamp()}))
    value = json.loads(CliRunner().invoke(app, ["audit", "--home", str(place.base), "--json"]).stdout)
    assert (value["passed"], value["start"]) == (True, (place.start - 30 * HOUR).isoformat())
    assert audited_hours.find_due_hour(place.dsn, place.start - 30 * HOUR, place.start + HOUR) is None


def test_a_place_that_is_away_is_one_line(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.fill()
    bootstrap = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("WHALE_KAFKA_BOOTSTRAP", str(bootstrap))
    with pytest.raises(UserError, match=r"Kafka can't be read .*start it with"):
        raise place.audit().exception or AssertionError
    monkeypatch.setenv("WHALE_POSTGRES_DSN", f"postgresql://me:secret@127.0.0.1:{free_port()}/whale")
    with pytest.raises(UserError, match="Postgres can't be read") as told:
        raise place.audit().exception or AssertionError
    assert "secret" not in str(told.value)


def test_times_that_can_not_be(tmp_path: Path) -> None:
    open_home(tmp_path, "simulator")
    for times, says in ((["--from", "noon"], "'noon' is not a time"), (["--from", "2999-01-01"], "no settled hours")):
        done = CliRunner().invoke(app, ["audit", "--home", str(tmp_path), *times])
        assert isinstance(done.exception, UserError) and says in str(done.exception)


def test_a_slow_lake_is_waited_for() -> None:
    now = datetime(2026, 11, 21, 13, 30, 40, tzinfo=UTC)
    for trigger, minute in ((20, 27), (300, 18), (3600, 28 - 60 - 60)):
        settings = Settings.model_validate({"lake_trigger_s": trigger})
        assert collect.find_settled_end(settings, now) == now.replace(minute=0, second=0) + minute * MINUTE
