"""Who may set thresholds through the API: foreign pages, forms, other methods, other machines, and who has no right."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from whale_platform.api import app as apps
from whale_platform.api.server import api_keys, write_access
from whale_platform.domain.whale import ALWAYS
from whale_platform.settings import Settings
from whale_platform.stores.asset_tables.thresholds import set_threshold
from whale_platform_tests.api.builders import Sink
from whale_platform_tests.api.conftest import Make
from whale_platform_tests.api.test_setting_thresholds import BTC, HERE, SEEDED, client, client_of, detail
from whale_platform_tests.stores.builders import read_thresholds
from whale_platform_tests.support.postgres_server import query

__all__ = ["client"]

FOREIGN = [
    ("another site's page", {"Origin": "https://evil.example"}),
    ("a page without an origin", {"Origin": "null"}),
    ("another port's page", {"Origin": "http://127.0.0.1:18001"}),
    ("a page that may read", {"Origin": "https://desk.example"}),
    ("what a browser marks as another site's", {"Sec-Fetch-Site": "cross-site"}),
    ("the same, as a browser marks it", {"Sec-Fetch-Site": "same-site"}),
    ("what the reader typed", {"Sec-Fetch-Site": "none"}),
    ("two origins", [("Origin", HERE), ("Origin", "https://evil.example")]),
    ("two marks", [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")]),
]


@pytest.mark.parametrize(("who", "headers"), FOREIGN)
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_foreign_page_sets_nothing(
    sink: Sink, make: Make, database: str, who: str, headers: Any, method: str
) -> None:
    sink.fill()
    set_threshold(database, "binance", "BTCUSDT", Decimal(20_000), ALWAYS)
    before = read_thresholds(database)
    client = client_of(make, api_cors="https://desk.example")
    sent = [*(headers.items() if isinstance(headers, dict) else headers), ("Content-Type", "application/json")]
    answer = client.request(method, BTC, content=b'{"threshold_usd": "7"}', headers=sent)
    assert answer.status_code == 403 and read_thresholds(database) == before


def test_the_page_itself_and_programs_may(client: TestClient) -> None:
    own = {"Origin": HERE, "Sec-Fetch-Site": "same-origin"}
    assert client.put(BTC, json={"threshold_usd": "7"}, headers=own).status_code == 200
    named = {"Host": "localhost:18000", "Origin": "http://localhost:18000"}
    assert client.put(BTC, json={"threshold_usd": "8"}, headers=named).status_code == 200
    assert client.put(BTC, json={"threshold_usd": "9"}).status_code == 200


@pytest.mark.parametrize(
    "media", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json"]
)
def test_what_a_form_could_send_sets_nothing(client: TestClient, database: str, media: str | None) -> None:
    headers = {} if media is None else {"Content-Type": media}
    answer = client.put(BTC, content=b'{"threshold_usd": "7"}', headers=headers)
    assert answer.status_code == 415 and "Content-Type: application/json" in detail(answer)
    assert read_thresholds(database) == SEEDED


def test_no_other_method_sets_anything(client: TestClient, database: str) -> None:
    for method in ("GET", "HEAD", "POST", "PATCH", "OPTIONS"):
        answer = client.request(
            method,
            f"{BTC}?threshold_usd=7",
            headers={"X-HTTP-Method-Override": "PUT", "Content-Type": "application/json"},
        )
        assert answer.status_code == 405, method
    assert read_thresholds(database) == SEEDED


def test_a_flight_before_a_write_is_not_allowed_for_pages_that_may_read(make: Make) -> None:
    client = client_of(make, api_cors="https://desk.example")
    asked = {"Origin": "https://desk.example", "Access-Control-Request-Method": "PUT"}
    assert client.options(BTC, headers=asked).status_code == 400


def test_a_body_that_is_too_large_is_refused(client: TestClient, database: str) -> None:
    body = json.dumps({"threshold_usd": "7", "more": "x" * write_access.MAX_BODY_BYTES})
    answer = client.put(BTC, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413 and detail(answer) == "send 8,192 bytes at most"
    assert read_thresholds(database) == SEEDED


def test_the_threshold_of_everything_stays(client: TestClient, database: str) -> None:
    answer = client.delete("/thresholds/*/*")
    assert answer.status_code == 422 and "set another one" in detail(answer)
    assert read_thresholds(database) == SEEDED


@pytest.mark.parametrize(
    ("local", "settings", "host", "written"),
    [
        (True, {}, "127.0.0.1:18000", True),
        (True, {}, "[::1]:18000", True),
        (True, {"api_hosts": "desk.example"}, "desk.example", False),
        (True, {"api_proxies": "127.0.0.1"}, "127.0.0.1:18000", False),
        (True, {"api_proxies": "127.0.0.1", "api_write": "true"}, "127.0.0.1:18000", True),
        (True, {"api_write": "false"}, "127.0.0.1:18000", False),
        (False, {}, "127.0.0.1:18000", False),
        (False, {"api_write": "true"}, "whales.example", False),
        (False, {"api_write": "true"}, "127.0.0.1:18000", True),
        (False, {"api_write": "true", "api_hosts": "whales.example"}, "whales.example", True),
        (True, {"api_postgres_dsn": "postgresql://reader@replica/whale"}, "127.0.0.1:18000", False),
    ],
)
def test_where_it_may_be_set(
    sink: Sink, make: Make, database: str, local: bool, settings: dict[str, str], host: str, written: bool
) -> None:
    """By this machine alone; everywhere where that is said; nowhere where it is not wanted or there is no log-in."""
    sink.fill()
    parts = make(**settings)
    parts.local_only = local
    client = TestClient(apps.build_app(parts)[0], base_url=f"http://{host}")
    answers = [client.put(BTC, json={"threshold_usd": "7"}), client.delete(BTC)]
    assert [one.status_code for one in answers] == ([200, 204] if written else [403, 403])
    reason = client.get("/thresholds").json()["read_only"]
    assert reason is None if written else reason == detail(answers[0]) and "whale threshold set" in reason
    assert read_thresholds(database) == SEEDED


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "x-forwarded-proto", "X-Real-IP", "Via"])
def test_through_a_proxy_that_no_setting_names_nothing_is_set(sink: Sink, make: Make, database: str, name: str) -> None:
    """It may send its own Host header, 127.0.0.1, so what else it sends is what shows it."""
    sink.fill()
    set_threshold(database, "binance", "BTCUSDT", Decimal(20_000), ALWAYS)
    before, client = read_thresholds(database), client_of(make)
    answers = [
        client.put(BTC, json={"threshold_usd": "7"}, headers={name: "x"}),
        client.delete(BTC, headers={name: ""}),
    ]
    assert [one.status_code for one in answers] == [403, 403] and "WHALE_API_WRITE=true" in detail(answers[0])
    assert client.get("/thresholds", headers={name: "x"}).json()["read_only"] == detail(answers[0])
    assert read_thresholds(database) == before
    wanted = client_of(make, api_write="true")
    assert wanted.put(BTC, json={"threshold_usd": "7"}, headers={name: "x"}).status_code == 200


def test_by_a_foreign_name_nothing_is_set(client: TestClient, database: str) -> None:
    rebound = {"Host": "evil.example:18000", "Origin": "http://evil.example:18000"}
    assert client.put(BTC, json={"threshold_usd": "7"}, headers=rebound).status_code == 421
    assert read_thresholds(database) == SEEDED


def test_a_page_that_gives_its_own_name_this_address_sets_nothing_where_everybody_may_write(
    sink: Sink, make: Make, database: str, tmp_path: Path
) -> None:
    """Its requests have its own name as Host and Origin, and a browser marks them as those of the same origin."""
    sink.fill()
    parts = make(api_open="true", api_write="true", api_host="0.0.0.0")
    client = TestClient(apps.build_app(parts)[0], base_url="http://evil.example:18000")
    rebound = {"Origin": "http://evil.example:18000", "Sec-Fetch-Site": "same-origin"}
    answer = client.put(BTC, json={"threshold_usd": "7"}, headers=rebound)
    assert answer.status_code == 403 and "WHALE_API_HOSTS" in detail(answer)
    assert client.get("/thresholds").json()["read_only"] == detail(answer)
    assert read_thresholds(database) == SEEDED
    key = api_keys.add_key(tmp_path, "desk")
    keyed = TestClient(apps.build_app(make(api_write="true"))[0], base_url="http://evil.example:18000")
    headers = {"X-API-Key": key, "Origin": "http://evil.example:18000"}
    assert keyed.get("/thresholds", headers=headers).json()["read_only"] is None
    assert keyed.put(BTC, json={"threshold_usd": "7"}, headers=headers).status_code == 200, "no such page has the key"


def test_where_there_is_a_key_it_is_needed(
    client: TestClient, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "RECHECK_S", 0.0)
    key = api_keys.add_key(tmp_path, "desk")
    assert client.put(BTC, json={"threshold_usd": "7"}).status_code == 401
    assert read_thresholds(database) == SEEDED
    assert client.put(BTC, json={"threshold_usd": "7"}, headers={"X-API-Key": key}).status_code == 200


def test_behind_tls_a_page_that_came_unencrypted_is_foreign(sink: Sink, make: Make) -> None:
    sink.fill()
    parts = make(api_write="true", api_hosts="whales.example")
    client = TestClient(apps.build_app(parts)[0], base_url="https://whales.example")
    for scheme, status in (("http", 403), ("https", 200)):
        origin = {"Origin": f"{scheme}://whales.example"}
        assert client.put(BTC, json={"threshold_usd": "7"}, headers=origin).status_code == status


def test_a_database_that_is_away_and_a_log_in_without_rights_are_told_apart(
    sink: Sink, make: Make, database: str, tmp_path: Path
) -> None:
    sink.fill()
    away = client_of(make, editor_postgres_dsn="postgresql://nobody@127.0.0.1:1/none")
    answer = away.put(BTC, json={"threshold_usd": "7"})
    assert answer.status_code == 503 and "database is unavailable" in detail(answer)
    query(database, "CREATE ROLE whale_stranger LOGIN PASSWORD 'stranger'")
    try:
        stranger = urlsplit(database)
        netloc = f"whale_stranger:stranger@{stranger.netloc.rpartition('@')[2]}"
        refused = client_of(make, editor_postgres_dsn=stranger._replace(netloc=netloc).geturl())
        answer = refused.put(BTC, json={"threshold_usd": "7"})
    finally:
        query(database, "DROP ROLE whale_stranger")
    assert answer.status_code == 503 and detail(answer).startswith("this log-in may not set thresholds")
    parts = make()
    parts.local_only, parts.settings = True, Settings.model_validate({"home": tmp_path / "new"})
    missing = TestClient(apps.build_app(parts)[0], base_url=HERE)
    answer = missing.put(BTC, json={"threshold_usd": "7"})
    assert answer.status_code == 503 and "`whale restart --all` makes it" in detail(answer)


def test_a_server_that_takes_reads_alone_is_named_before_and_at_a_change(sink: Sink, make: Make, database: str) -> None:
    """And a retry is not what helps."""
    sink.fill()
    query(database, f"ALTER DATABASE {urlsplit(database).path[1:]} SET default_transaction_read_only = on")
    client = client_of(make)
    answers = [client.put(BTC, json={"threshold_usd": "7"}), client.delete(BTC)]
    reason = client.get("/thresholds").json()["read_only"]
    assert [(one.status_code, detail(one)) for one in answers] == [(503, reason)] * 2
    assert "takes reads alone" in reason and "retry" not in reason
    assert "Retry-After" not in answers[0].headers
    elsewhere = client_of(make, editor_postgres_dsn=database).get("/thresholds").json()
    assert elsewhere["read_only"] is None, "where thresholds are set in another server the change tells"


def test_every_endpoint_that_writes_is_checked(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    writing = [(method, path) for path, operations in paths.items() for method in operations if method != "get"]
    assert {method for method, _ in writing} == {"put", "delete"}
    for method, path in writing:
        answer = client.request(
            method, path.replace("{", "").replace("}", ""), headers={"Origin": "https://evil.example"}
        )
        assert answer.status_code == 403, (method, path)
