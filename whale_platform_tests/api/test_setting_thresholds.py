"""Thresholds set through the API: what is stored, what is refused and why, and what the stream then reads."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import structlog
from starlette.testclient import TestClient

from whale_platform.api import app as apps
from whale_platform.api.latest_cache.exchange_feeds import ExchangeFeed
from whale_platform.api.models.thresholds import Thresholds
from whale_platform.domain.hours_of_week import get_hour_of_week
from whale_platform.domain.whale import ALWAYS, build_threshold_periods
from whale_platform.stores.asset_tables import thresholds as stored_thresholds
from whale_platform.stores.asset_tables.thresholds import read_threshold_history, set_threshold, suggest_thresholds
from whale_platform.stores.postgres.connection import open_transaction
from whale_platform.stream.query.threshold_file import ThresholdFile
from whale_platform_tests.api.builders import Sink, this_minute, whale
from whale_platform_tests.api.conftest import Make
from whale_platform_tests.stores.builders import read_thresholds

HERE = "http://127.0.0.1:18000"
BTC = "/thresholds/binance/BTCUSDT"
SEEDED = [("*", "*", Decimal(50_000))]


def client_of(make: Make, **more: Any) -> TestClient:
    """Of an API that serves this machine alone, as it does unless it is told otherwise."""
    parts = make(**more)
    parts.local_only = True
    return TestClient(apps.build_app(parts)[0], base_url=HERE)


@pytest.fixture
def client(sink: Sink, make: Make) -> TestClient:
    sink.fill()
    return client_of(make)


def detail(answer: Any) -> str:
    return str(answer.json()["detail"])


def test_what_is_set_is_answered_listed_and_applied_and_removed_again(client: TestClient, database: str) -> None:
    began = datetime.now(UTC)
    answer = client.put(BTC, json={"threshold_usd": "99999.50", "giant_usd": 3_000_000})
    stored = answer.json()
    assert answer.status_code == 200
    assert {name: stored[name] for name in ("exchange", "symbol", "origin", "set_tiers")} == {
        "exchange": "binance",
        "symbol": "BTCUSDT",
        "origin": "set",
        "set_tiers": ["giant"],
    }
    amounts = [stored[name] for name in ("threshold_usd", "large_usd", "giant_usd")]
    assert amounts == ["99999.5", "499997.5", "3000000"]
    assert began <= datetime.fromisoformat(stored["valid_from"]) <= datetime.now(UTC)
    listed = client.get("/thresholds").json()
    Thresholds.model_validate(listed)
    assert listed["read_only"] is None and listed["items"][1] == stored
    (btc,) = client.get("/symbols?symbol=BTCUSDT").json()["items"]
    assert [btc[name] for name in ("threshold_usd", "large_usd", "giant_usd")] == amounts
    assert client.delete(BTC).status_code == 204
    assert read_thresholds(database) == SEEDED
    (btc,) = client.get("/symbols?symbol=BTCUSDT").json()["items"]
    assert btc["threshold_usd"] == "50000"
    gone = client.delete(BTC)
    assert gone.status_code == 404 and "/thresholds lists them" in detail(gone)


def test_it_is_stored_as_the_command_stores_it_with_what_held_before(
    client: TestClient, database: str, tmp_path: Path, make: Make
) -> None:
    """So hours that are over keep their threshold, and the stream's copy has both."""
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    set_threshold(database, "binance", "BTCUSDT", Decimal(20_000), noon, large=Decimal(90_000))
    by_command = read_threshold_history(database)
    assert client.delete(BTC).status_code == 204
    client.put(BTC, json={"threshold_usd": "20000", "large_usd": "90000", "valid_from": "2026-01-02T13:00:00+01:00"})
    assert read_threshold_history(database) == by_command
    client.put(BTC, json={"threshold_usd": "7"})
    periods = build_threshold_periods(read_threshold_history(database), Decimal(1))
    held = [[*(one.find_limits("binance", "BTCUSDT", noon) or ())] for one in periods]
    assert held == [[50_000, 250_000, 1_000_000], [20_000, 90_000, 400_000], [7, 35, 140]]
    file = ThresholdFile(make(fed=False).settings, structlog.get_logger())
    file.refresh()
    copy = json.loads(file.path.read_text())
    assert [one["limits"].get("binance:BTCUSDT", [])[:1] for one in copy] == [[], ["20000"], ["7"]]
    assert copy[1]["since"] == noon.timestamp() * 1e6


def test_amounts_of_hours_of_the_week_are_stored_listed_applied_and_dropped_by_what_is_set_without(
    client: TestClient, database: str, tmp_path: Path, make: Make
) -> None:
    hours: list[str | None] = [f"{2**53 + hour}.00000001" for hour in range(168)]
    assert client.put(BTC, json={"threshold_usd": "7", "hours_usd": hours}).status_code == 200, "with all digits"
    hours = [None if hour == 3 else str(1000 + hour) for hour in range(168)]
    answer = client.put(BTC, json={"threshold_usd": "7", "hours_usd": hours})
    stored = answer.json()
    assert (answer.status_code, stored["threshold_usd"], stored["hours_usd"]) == (200, "7", hours)
    listed = client.get("/thresholds").json()
    Thresholds.model_validate(listed)
    assert listed["items"] == [listed["items"][0] | {"hours_usd": None}, stored]
    before = get_hour_of_week(datetime.now(UTC))
    (btc,) = client.get("/symbols?symbol=BTCUSDT").json()["items"]
    now = {get_hour_of_week(datetime.now(UTC)), before}
    assert btc["threshold_usd"] in {hours[hour] or "7" for hour in now}, "that of this hour"
    file = ThresholdFile(make(fed=False).settings, structlog.get_logger())
    file.refresh()
    limits = json.loads(file.path.read_text())[-1]["limits"]["binance:BTCUSDT"]
    assert len(limits) == 504 and limits[6:12] == ["1002", "5010", "20040", "7", "35", "140"]
    assert client.put(BTC, json={"threshold_usd": "7"}).json()["hours_usd"] is None
    assert [one.hours_usd is None for one in read_threshold_history(database)[1:]] == [False, False, True]


def test_while_recorded_trades_are_replayed_it_holds_for_all_of_them(sink: Sink, make: Make, database: str) -> None:
    sink.fill()
    client = client_of(make, source="replay")
    assert client.put(BTC, json={"threshold_usd": "7"}).json()["valid_from"] == "1970-01-01T00:00:00Z"
    assert [one.valid_from for one in read_threshold_history(database)] == [ALWAYS, ALWAYS]


def test_while_recorded_trades_are_replayed_removing_one_removes_its_history_and_says_so(
    sink: Sink, make: Make, database: str
) -> None:
    sink.fill()
    set_threshold(database, "binance", "BTCUSDT", Decimal(20_000), datetime(2026, 1, 2, tzinfo=UTC))
    client = client_of(make, source="replay")
    said = client.get("/openapi.json").json()["paths"]["/thresholds/{exchange}/{symbol}"]["delete"]["description"]
    assert "nothing of the place stays in the history" in said
    assert client.delete(BTC).status_code == 204
    history = [(one.exchange, one.valid_from, one.usd) for one in read_threshold_history(database)]
    assert history == [("*", ALWAYS, 50_000), ("binance", ALWAYS, None)]


def test_what_a_person_sets_takes_the_place_of_suggestions(client: TestClient, database: str) -> None:
    suggest_thresholds(database, {("binance", "BTCUSDT"): Decimal(5), ("coinbase", "ETH-USD"): Decimal(6)})
    assert [one["origin"] for one in client.get("/thresholds").json()["items"]] == ["set", "suggested", "suggested"]
    assert client.put("/thresholds/*/BTCUSDT", json={"threshold_usd": "9"}).status_code == 200
    assert read_thresholds(database) == [*SEEDED, ("*", "BTCUSDT", Decimal(9)), ("coinbase", "ETH-USD", Decimal(6))]
    assert client.put("/thresholds/*/*", json={"threshold_usd": "8"}).status_code == 200
    assert read_thresholds(database) == [("*", "*", Decimal(8)), ("*", "BTCUSDT", Decimal(9))]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"threshold_usd": "NaN"}, "threshold_usd: give US dollars in digits"),
        ({"threshold_usd": "Infinity"}, "threshold_usd: give US dollars in digits"),
        ({"threshold_usd": "-5"}, "threshold_usd: give US dollars in digits"),
        ({"threshold_usd": "1e5"}, "threshold_usd: give US dollars in digits"),
        ({"threshold_usd": "１２"}, "threshold_usd: give US dollars in digits"),
        ({"threshold_usd": "5_0"}, "threshold_usd: give US dollars in digits"),
        ({"threshold_usd": 99999.5}, "threshold_usd: give US dollars in digits"),
        ({"threshold_usd": True}, "threshold_usd: give US dollars in digits"),
        ({"threshold_usd": ["5"]}, "threshold_usd: give US dollars in digits"),
        ({"threshold_usd": "9" * 25}, "threshold_usd: give US dollars in digits"),
        ({"threshold_usd": "0.00"}, "threshold_usd: give more than 0"),
        ({"threshold_usd": 0}, "threshold_usd: give more than 0"),
        ({"threshold_usd": "7\n"}, "threshold_usd: give US dollars in digits"),
        ({"threshold_usd": "1.123456789"}, "threshold_usd: give US dollars in digits"),
        ({}, "threshold_usd: Field required"),
        ({"threshold_usd": "7", "large_usd": "6"}, "large_usd: 7 <= 6 <= 140 does not hold"),
        ({"threshold_usd": "7", "large_usd": "30", "giant_usd": "29"}, "giant_usd: 7 <= 30 <= 29 does not hold"),
        ({"threshold_usd": "7", "giant_usd": "6"}, "giant_usd: 7 <= 6 <= 6 does not hold"),
        ({"threshold_usd": "7", "hours_usd": ["7"] * 167}, "hours_usd: List should have at least 168 items"),
        ({"threshold_usd": "7", "hours_usd": ["7"] * 169}, "hours_usd: List should have at most 168 items"),
        ({"threshold_usd": "7", "hours_usd": "suggested"}, "hours_usd: Input should be a valid array"),
        ({"threshold_usd": "7", "hours_usd": [None] * 167 + [1.5]}, "hours_usd.167: give US dollars in digits"),
        (
            {"threshold_usd": "7", "giant_usd": "30", "hours_usd": [None] * 167 + ["31"]},
            "hours_usd: Sun 23:00: 31 <= 30 <= 30 does not hold",
        ),
        ({"threshold_usd": "7", "valid_from": "yesterday"}, "valid_from: give a time of RFC 3339"),
        ({"threshold_usd": "7", "valid_from": "2026-01-02T12:00:00"}, "valid_from: give a time of RFC 3339"),
        ({"threshold_usd": "7", "valid_from": "1826-01-02T12:00:00Z"}, "valid_from: give a time from 2009 to 2100"),
        ({"threshold_usd": "7", "origin": "suggested"}, "'origin': there is no such parameter"),
        ("7", "Input should be an object"),
        (b'{"threshold_usd": NaN}', "threshold_usd: give US dollars in digits"),
        (b'{"threshold_usd": "7"', "Invalid JSON"),
        (b"\xff", "Invalid JSON"),
        (b"", "Invalid JSON"),
    ],
)
def test_a_value_that_can_not_be_set_is_named(client: TestClient, database: str, body: object, complaint: str) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body)
    answer = client.put(BTC, content=content, headers={"Content-Type": "application/json; charset=utf-8"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert detail(answer).startswith(complaint)
    assert read_thresholds(database) == SEEDED


@pytest.mark.parametrize(
    ("place", "complaint"),
    [
        ("binance/BTC-USD", "symbol: no trade of it has come yet"),
        ("binance/btcusdt", "symbol: no trade"),
        ("*/NOSUCH", "symbol: no trade"),
        ("kraken/*", "exchange: no trade"),
        ("suggestions/x", "symbol: no trade"),
        ("Binance/BTCUSDT", "exchange: "),
        ("binance/BTC USDT", "symbol: give a symbol as the exchange spells it"),
        ("binance/%00", "symbol: give a symbol"),
        ("binance/" + "X" * 41, "symbol: "),
        ("binance/BTCUSDT?usd=7", "'usd': there is no such parameter"),
    ],
)
def test_a_market_that_nothing_has_come_of_is_refused(
    client: TestClient, database: str, place: str, complaint: str
) -> None:
    answer = client.put(f"/thresholds/{place}", json={"threshold_usd": "7"})
    assert answer.status_code == 422 and detail(answer).startswith(complaint)
    assert read_thresholds(database) == SEEDED


def test_an_exchange_of_blocks_and_one_that_has_just_been_switched_on_can_be_set(
    sink: Sink, make: Make, database: str
) -> None:
    sink.fill()
    sink.write(whale(9, this_minute(), exchange="binance_block", kind="block"))
    parts = make()
    parts.local_only = True
    parts.latest.update_feeds({"kraken": ExchangeFeed("connected")})
    client = TestClient(apps.build_app(parts)[0], base_url=HERE)
    for place in ("binance_block/BTCUSDT", "binance_block/*", "kraken/*"):
        assert client.put(f"/thresholds/{place}", json={"threshold_usd": "7"}).status_code == 200
    assert client.get("/whales?exchange=kraken").json()["items"] == [], "it can be waited for"
    assert len(read_thresholds(database)) == 4


def test_a_change_that_waits_too_long_for_another_one_changes_nothing_and_says_so(
    client: TestClient, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_thresholds, "CHANGE_S", 1)
    with open_transaction(database, "whale-test") as conn, conn.cursor() as cursor:
        cursor.execute("LOCK TABLE whale_thresholds IN SHARE ROW EXCLUSIVE MODE")
        answer = client.put(BTC, json={"threshold_usd": "7"})
    assert answer.status_code == 503 and detail(answer).startswith("changes before this one take too long")
    assert read_thresholds(database) == SEEDED
    assert client.put(BTC, json={"threshold_usd": "7"}).status_code == 200


def test_the_moment_is_that_of_the_change(client: TestClient, database: str) -> None:
    later = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    client.put(BTC, json={"threshold_usd": "7", "valid_from": later.isoformat()})
    assert [one.valid_from for one in read_threshold_history(database)] == [ALWAYS, later]
