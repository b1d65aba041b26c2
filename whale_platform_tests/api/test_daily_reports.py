"""The daily pages by the API: which there are, each as it lies in the home, and nothing else of the home."""

import os
from datetime import date
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from whale_platform.api.endpoints.dependencies import AppDependencies
from whale_platform.api.server import api_keys
from whale_platform.reports import daily, daily_files
from whale_platform.settings import Settings
from whale_platform.stores.postgres.pool import ConnectionPool
from whale_platform_tests.api.conftest import client_of

NEWEST, OLDER = date(2026, 11, 21), date(2026, 11, 3)


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """The folder, with two pages and what else may lie there."""
    folder = daily_files.page_path(tmp_path, NEWEST).parent
    folder.mkdir()
    for day in (OLDER, NEWEST):
        text = daily.render_html(f"Market report {day}", daily.render_daily(day, [], []))
        daily_files.page_path(tmp_path, day).write_text(text)
        os.utime(daily_files.page_path(tmp_path, day), (1795255200.25, 1795255200.25))
    for name in ("market-2026-11-21.md", "market-2026-11-40.html", "market-.html", "notes.html"):
        (folder / name).write_text("none of the public's business")
    return folder


def make_client(home: Path, **headers: str) -> TestClient:
    """An API whose database is unavailable, which pages do not need."""
    settings = Settings.model_validate({"home": home, "postgres_dsn": "postgresql://nobody@127.0.0.1:1/none"})
    return client_of(AppDependencies(settings, ConnectionPool(settings.dsn, "test", 4)), **headers)


def test_the_days_that_have_a_page_are_listed_with_the_newest_first(pages: Path) -> None:
    client = make_client(pages.parent)
    items = client.get("/reports/daily").json()["items"]
    assert [item["day"] for item in items] == ["2026-11-21", "2026-11-03"]
    size = daily_files.page_path(pages.parent, NEWEST).stat().st_size
    assert items[0]["updated_at"] == "2026-11-21T10:00:00.250000Z" and items[0]["bytes"] == size
    assert client.get(items[0]["path"]).status_code == 200


def test_a_home_without_reports_has_none_and_says_where_they_come_from(tmp_path: Path) -> None:
    client = make_client(tmp_path)
    assert client.get("/reports/daily").json() == {"items": []}
    answer = client.get("/reports/daily/2026-11-21")
    assert answer.status_code == 404
    assert "asset `daily_market_report`" in answer.json()["detail"]


def test_a_page_is_html_that_may_run_and_load_nothing(pages: Path) -> None:
    client = make_client(pages.parent)
    answer = client.get("/reports/daily/2026-11-21")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text == daily_files.page_path(pages.parent, NEWEST).read_text()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none';") and "script-src" not in policy
    assert {"sandbox", "frame-ancestors 'none'"} <= {part.strip() for part in policy.split(";")}
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_page_that_is_known_is_not_sent_again_until_it_changes(pages: Path) -> None:
    client = make_client(pages.parent)
    etag = client.get("/reports/daily/2026-11-21").headers["etag"]
    again = client.get("/reports/daily/2026-11-21", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    daily_files.page_path(pages.parent, NEWEST).write_text("<p>materialised again")
    changed = client.get("/reports/daily/2026-11-21", headers={"If-None-Match": etag})
    assert (changed.status_code, changed.text) == (200, "<p>materialised again")


@pytest.mark.parametrize(
    "day",
    [
        "..%2f..%2fhome.json",
        "%2e%2e",
        "2026-11-21.html",
        "2026-11-40",
        "2026-02-30",
        "20261121",
        "２026-11-21",
        "2026-W47",
    ],
)
def test_what_is_no_day_reaches_no_file(pages: Path, day: str) -> None:
    answer = make_client(pages.parent).get(f"/reports/daily/{day}")
    assert answer.status_code in (404, 422)
    assert "business" not in answer.text
    if answer.status_code == 422:
        assert answer.json()["detail"] == "day: give a day of the calendar, such as 2026-11-21"


def test_pages_want_a_key_where_there_is_one(pages: Path) -> None:
    key = api_keys.add_key(pages.parent, "desk")
    for path in ("/reports/daily", "/reports/daily/2026-11-21"):
        assert make_client(pages.parent).get(path).status_code == 401
        assert make_client(pages.parent, **{"X-API-Key": key}).get(path).status_code == 200
