"""Two editors of one threshold: what the second one has not seen is not replaced (If-Match, If-None-Match)."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from starlette.testclient import TestClient

from whale_platform.stores.asset_tables import thresholds as stored_thresholds
from whale_platform.stores.asset_tables.thresholds import set_threshold, suggest_thresholds
from whale_platform.stores.postgres.connection import open_transaction
from whale_platform_tests.api.test_setting_thresholds import BTC, SEEDED, client, detail
from whale_platform_tests.stores.builders import read_thresholds
from whale_platform_tests.support.fake_services import wait_for_result
from whale_platform_tests.support.postgres_server import query

__all__ = ["client"]


def test_what_another_editor_has_changed_meanwhile_is_not_replaced(client: TestClient, database: str) -> None:
    first = client.put(BTC, json={"threshold_usd": "70000"})
    shown = client.get("/thresholds").json()["items"][1]
    tag = f'"{shown["version"]}"'
    assert first.headers["etag"] == tag and first.json() == shown
    theirs = client.put(BTC, json={"threshold_usd": "80000"}, headers={"If-Match": tag})
    assert theirs.status_code == 200 and theirs.headers["etag"] != tag
    for refused in (
        client.put(BTC, json={"threshold_usd": "90000"}, headers={"If-Match": tag}),
        client.delete(BTC, headers={"If-Match": tag}),
        client.put(BTC, json={"threshold_usd": "90000"}, headers={"If-None-Match": "*"}),
        client.put(BTC, json={"threshold_usd": "90000"}, headers={"If-Match": ""}),
    ):
        assert (refused.status_code, refused.headers["content-type"]) == (412, "application/problem+json")
        assert detail(refused).startswith("somebody else has changed this threshold meanwhile (threshold 80000, large ")
        assert (refused.json()["current"], refused.headers["etag"]) == (theirs.json(), theirs.headers["etag"])
        assert read_thresholds(database) == [*SEEDED, ("binance", "BTCUSDT", Decimal(80_000))]
    both = {"If-Match": f"{tag}, {theirs.headers['etag']}"}
    assert client.put(BTC, json={"threshold_usd": "90000"}, headers=both).status_code == 200
    assert client.delete(BTC, headers={"If-Match": "*"}).status_code == 204
    gone = client.delete(BTC, headers={"If-Match": "*"})
    assert (gone.status_code, gone.json()["current"]) == (412, None)
    assert detail(gone).startswith("somebody else has removed this threshold")
    assert client.put(BTC, json={"threshold_usd": "7"}, headers={"If-None-Match": "*"}).status_code == 200
    assert client.put(BTC, json={"threshold_usd": "8"}).status_code == 200, "without a condition the last one wins"


def test_a_change_by_the_command_and_a_suggestion_that_moves_are_changes_too(client: TestClient, database: str) -> None:
    suggest_thresholds(database, {("binance", "BTCUSDT"): Decimal(5)})
    seen = client.get("/thresholds").json()["items"][1]["version"]
    suggest_thresholds(database, {("binance", "BTCUSDT"): Decimal(6)})
    assert client.put(BTC, json={"threshold_usd": "9"}, headers={"If-Match": f'"{seen}"'}).status_code == 412
    seen = client.get("/thresholds").json()["items"][1]["version"]
    suggest_thresholds(database, {("binance", "BTCUSDT"): Decimal(6)})
    assert client.get("/thresholds").json()["items"][1]["version"] == seen, "an equal one stays as it is"
    set_threshold(database, "binance", "BTCUSDT", Decimal(6))
    assert client.delete(BTC, headers={"If-Match": f'"{seen}"'}).status_code == 412


def test_what_changes_while_a_change_waits_for_its_turn_is_not_replaced(
    client: TestClient, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_thresholds, "CHANGE_S", 300)
    tag = client.put(BTC, json={"threshold_usd": "70000"}).headers["etag"]
    waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'whale_thresholds'::regclass AND NOT granted"
    with ThreadPoolExecutor(1) as threads:
        with open_transaction(database, "test") as held, held.cursor() as cursor:
            cursor.execute("UPDATE whale_thresholds SET threshold_usd = 80000, updated_at = now() WHERE symbol <> '*'")
            sent = threads.submit(client.put, BTC, json={"threshold_usd": "90000"}, headers={"If-Match": tag})
            wait_for_result(lambda: query(database, waiting) == [(1,)] or sent.done())
        assert sent.result().status_code == 412
    assert read_thresholds(database) == [*SEEDED, ("binance", "BTCUSDT", Decimal(80_000))]
