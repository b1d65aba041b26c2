"""The listings: shapes, filters, pages, CSV, and every way to ask wrongly."""

import csv
import io
import json
from datetime import datetime, timedelta
from typing import Any, get_args
from unicodedata import category
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from starlette.testclient import TestClient

from whale_platform.api.models import latest as latest_models
from whale_platform.api.models import rows
from whale_platform.domain.names import is_symbol
from whale_platform.stores.errors import StoreUnavailableError
from whale_platform.stores.postgres.pool import ConnectionPool
from whale_platform_tests.api.builders import MINUTE, Sink, this_minute, whale, window
from whale_platform_tests.api.conftest import Make, client_of

LISTINGS: dict[str, type[BaseModel]] = {
    "/windows": rows.Page[rows.Window],
    "/rollups": rows.Page[rows.Rollup],
    "/whales": rows.Page[rows.Whale],
    "/reports": rows.Page[rows.Report],
    "/gaps": rows.Page[rows.Gap],
}


def ids(client: TestClient, **asked: object) -> list[int]:
    answer = client.get("/whales", params={name.rstrip("_"): str(value) for name, value in asked.items()})
    assert answer.status_code == 200, answer.text
    return [row["trade_id"] for row in answer.json()["items"]]


@pytest.mark.parametrize("path", LISTINGS)
def test_rows_are_as_described_and_csv_equals_json(client: TestClient, path: str) -> None:
    answer = client.get(path, params={"limit": 1000})
    items = answer.json()["items"]
    assert items and answer.json()["next"] is None
    LISTINGS[path].model_validate(answer.json())
    assert items[0].keys() == get_args(LISTINGS[path].model_fields["items"].annotation)[0].model_fields.keys()
    for how in ({"params": {"format": "csv", "limit": 1000}}, {"headers": {"Accept": "text/csv"}}):
        table = client.get(path, **how)
        assert table.headers["content-type"] == "text/csv; charset=utf-8"
        rows = list(csv.DictReader(io.StringIO(table.text)))
        assert rows == [{name: cell(value) for name, value in item.items()} for item in items][: len(rows)]
    again = client.get(path, params={"limit": 1000}, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304 and not again.content


def cell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return json.dumps(value, separators=(",", ":"))
    return "" if value is None else str(value)


def test_whales_by_everything(client: TestClient) -> None:
    sold = datetime.fromisoformat(client.get("/whales", params={"side": "sell"}).json()["items"][0]["event_time"])
    assert ids(client) == [3, 2, 1]
    assert ids(client, symbol="BTCUSDT") == [2, 1]
    assert ids(client, exchange="coinbase") == [3]
    assert ids(client, side="sell") == [2]
    assert ids(client, kind="single_trade", min_notional="300000.5") == [2]
    assert ids(client, min_notional="300000.50000001") == []
    assert ids(client, from_=sold.isoformat(), to=(sold + MINUTE).isoformat()) == [2]
    gaps = client.get("/gaps", params={"state": "repaired"}).json()["items"]
    assert [gap["first_id"] for gap in gaps] == [40]


def test_symbols_tell_their_thresholds(client: TestClient) -> None:
    items = client.get("/symbols").json()["items"]
    latest_models.Symbols.model_validate({"items": items})
    names = ("symbol", "threshold_usd", "large_usd", "giant_usd")
    assert [[one[name] for name in names] for one in items] == [
        ["BTCUSDT", "50000", "250000", "1000000"],
        ["ETH-USD", "50000", "250000", "1000000"],
    ]


def test_symbols_tell_their_market_kind(sink: Sink, make: Make) -> None:
    sink.write(window(this_minute()), window(this_minute(), exchange="sim_hyperliquid", symbol="BTC"))
    items = client_of(make()).get("/symbols").json()["items"]
    latest_models.Symbols.model_validate({"items": items})
    assert [(one["symbol"], one["market_kind"]) for one in items] == [("BTCUSDT", "spot"), ("BTC", "perpetual")]


def test_pages_have_no_holes_and_no_doubles_while_rows_come_in(sink: Sink, make: Make) -> None:
    now = this_minute()
    sink.write(*(whale(n, now + timedelta(seconds=n // 3)) for n in range(100)))  # three of each time
    client, found, asked, number = client_of(make()), [], "/whales?limit=7", 1000
    while True:
        answer = client.get(asked)
        found += [row["trade_id"] for row in answer.json()["items"]]
        sink.write(whale(number, now + timedelta(hours=1)))
        number += 1
        if answer.json()["next"] is None:
            assert "link" not in answer.headers
            break
        asked = answer.headers["link"].removeprefix("<").partition(">")[0]
    assert found == sorted(range(100), reverse=True)


def test_pages_of_windows_cross_days(sink: Sink, make: Make) -> None:
    start = this_minute().replace(hour=0, minute=0) - timedelta(minutes=5)
    sink.write(*(window(start + n * MINUTE, symbol=symbol) for n in range(10) for symbol in ("A", "B")))
    client, found = client_of(make()), []
    page: dict[str, Any] = {"next": ""}
    while page["next"] is not None:
        asked = {"limit": "3", "cursor": page["next"]} if page["next"] else {"limit": "3"}
        page = client.get("/windows", params=asked).json()
        found += [(row["window_start"], row["symbol"]) for row in page["items"]]
    assert len(found) == len(set(found)) == 20 and found == sorted(found, reverse=True)


WRONG = [
    "limit=0", "limit=1001", "limit=99999999999999999999999", "limit=x", "from=yesterday", "from=2026-01-01",
    "from=1500-01-01T00:00:00Z", "to=9999-12-31T23:59:59Z", "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
    "symbol=%00", "symbol=' OR 1=1--", "symbol=" + "A" * 50, "exchange=BINANCE;DROP", "symbl=BTC", "format=xml",
    "limit=5_0", "limit=%D9%A5", "limit=%205", "limit=5.0", "from=1700000000", "from=2026-01-01T00:00:00%EF%BC%90Z",
    "min_notional=1_0", "min_notional=1e3", "min_notional=%EF%BC%91", "min_notional=%20", "symbol=A%E2%80%A8B",
    "limit=1&limit=2", "from=2026-01-01T00:00:00Z&from=2026-01-01T00:00:00Z", "cursor=&cursor=", "side=buy&side=sell",
    "symbol=btcusdt", "symbol=BTCUSDT&symbol=NOPE", "exchange=binanse", "&".join(["symbol=BTCUSDT"] * 101),
    "cursor=x", "cursor=" + "A" * 400, "cursor=W10", "cursor=%F0%9F%90%8B", "cursor=" + "W1tb" * 90,
]  # fmt: skip


@pytest.mark.parametrize("asked", [*WRONG, "min_notional=-1", "min_notional=NaN", "min_notional=1e999999", "side=both"])
def test_what_is_wrong_is_a_problem_that_says_what_to_do(client: TestClient, asked: str) -> None:
    answer = client.get(f"/whales?{asked}")
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == 422 and problem["title"] and problem["detail"]
    assert "DROP" not in answer.text and "psycopg" not in answer.text


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("/whales?from=2026-11-28T11:00:00+00:00", "from: a plus sign in an address means a space: write %2B"),
        ("/whales?limit=1&limit=2", "'limit': it is given 2 times: give it once"),
        ("/whales/summary?side=buy&side=buy", "'side': it is given 2 times"),
        ("/sparklines?minutes=1&minutes=2", "'minutes': it is given 2 times"),
        ("/whales/stream?cursor=a&cursor=b", "'cursor': it is given 2 times"),
        ("/latest?symbol=btc-usdt", "symbol: there is none of this name, but BTCUSDT; /symbols lists"),
        ("/symbols?exchange=Coinbase", "exchange"),
        ("/rollups?symbol=NOPE", "symbol: nothing of this name has come here"),
        ("/gaps?exchange=nosuch", "exchange: nothing of this name has come here"),
        *(
            (f"{path}{'&' if '?' in path else '?'}symbl=BTC", "'symbl': there is no such parameter")
            for path in ("/health", "/metrics", "/sparklines", "/whales/stream", "/whales/binance/BTCUSDT/2", "/latest")
        ),
    ],
)
def test_what_would_be_ignored_is_named(client: TestClient, asked: str, told: str) -> None:
    answer = client.get(asked)
    assert answer.status_code == 422 and answer.json()["detail"].startswith(told), answer.text


LISTED = ("/latest", "/symbols", "/windows", "/rollups", "/whales", "/reports", "/gaps", "/whales/summary")


def test_a_repeated_symbol_or_exchange_means_any_of_them(sink: Sink, make: Make) -> None:
    sink.fill()
    now = this_minute()
    sink.write(*(window(now - n * MINUTE, symbol=symbol) for n in range(3) for symbol in ("SOLUSDT", "ADAUSDT")))
    client = client_of(make())
    both = "symbol=BTCUSDT&symbol=ETH-USD&exchange=binance&exchange=coinbase"

    def seen(path: str, asked: str) -> set[tuple[str, str]]:
        whole = client.get(f"{path}?{asked}").json()
        rows = whole.get("items", whole.get("symbols", whole.get("top")))
        return {(row["exchange"], row["symbol"]) for row in rows}

    for path in LISTED:
        described = client.get("/openapi.json").json()["paths"][path]["get"]["parameters"]
        assert [one["schema"]["type"] for one in described if one["name"] in ("exchange", "symbol")] == ["array"] * 2
        found = {("binance", "BTCUSDT"), ("coinbase", "ETH-USD")} if path != "/gaps" else {("binance", "BTCUSDT")}
        whole = seen(path, "limit=1000" if path not in ("/latest", "/symbols", "/whales/summary") else "")
        assert seen(path, both) == whole & found, path
        assert seen(path, "symbol=BTCUSDT&symbol=BTCUSDT") == {("binance", "BTCUSDT")} & whole
    table = client.get(f"/windows?{both}&format=csv&limit=1000").text.splitlines()
    assert len(table) == 92 and not any("SOLUSDT" in line for line in table)
    paged, asked = list[tuple[str, str]](), "/windows?limit=2&symbol=SOLUSDT&symbol=ADAUSDT"
    while asked:
        answer = client.get(asked)
        paged += [(row["window_start"], row["symbol"]) for row in answer.json()["items"]]
        asked = answer.headers.get("link", "").removeprefix("<").partition(">")[0]
    assert paged == sorted(paged, reverse=True) and len(set(paged)) == len(paged) == 6


CHINESE = "币安人生USDT"


def test_symbols_of_any_script_are_listed_found_and_shown(sink: Sink, make: Make) -> None:
    sink.fill()
    now = this_minute()
    sink.write(window(now, symbol=CHINESE), window(now, symbol="कखUSDT"), whale(9, now, symbol=CHINESE))
    client = client_of(make())
    for path in ("/latest", "/symbols", "/windows", "/whales"):
        whole = client.get(path, params={"symbol": CHINESE}).json()
        assert [row["symbol"] for row in whole.get("items", whole.get("symbols"))] == [CHINESE]
    assert client.get("/whales/summary", params={"symbol": CHINESE}).json()["whales"] == 1
    assert [row["symbol"] for row in client.get("/windows?symbol=कखUSDT").json()["items"]] == ["कखUSDT"]
    assert client.get(f"/whales/binance/{quote(CHINESE)}/9").json()["whale"]["symbol"] == CHINESE
    assert CHINESE in client.get("/windows?format=csv&limit=2").text
    page = client.get("/windows", params={"symbol": [CHINESE, "BTCUSDT"], "limit": "1"})
    assert client.get(page.headers["link"].removeprefix("<").partition(">")[0]).json()["items"]


def test_currencies_are_told_and_so_is_where_no_whale_can_be_found(sink: Sink, make: Make) -> None:
    now, told = this_minute(), ("base", "quote", "usd_via")
    sink.write(
        window(now, symbol="BTCUSD1", base="BTC", quote="USD1", usd_via="peg:USD1"),
        window(now, symbol="ETHBTC", base="ETH", quote="BTC"),
        window(now, symbol="OLD"),
        whale(9, now, symbol="BTCUSD1", base="BTC", quote="USD1", usd_via="peg:USD1"),
    )
    client = client_of(make())
    wanted = {"BTCUSD1": ["BTC", "USD1", "peg:USD1"], "ETHBTC": ["ETH", "BTC", None], "OLD": [None, None, None]}
    for path in ("/latest", "/symbols", "/windows", "/whales"):
        whole = client.get(path).json()
        rows = whole.get("items", whole.get("symbols"))
        assert {row["symbol"]: [row[name] for name in told] for row in rows} == (
            wanted if path != "/whales" else {"BTCUSD1": wanted["BTCUSD1"]}
        )
    notes = {row["symbol"]: row["note"] for row in client.get("/symbols").json()["items"]}
    assert notes == {
        "BTCUSD1": None,
        "ETHBTC": "amounts in BTC have a dollar value only while a pair of BTC and a dollar coin is ingested too; "
        "without one no whale can be found",
        "OLD": None,
    }


@given(st.text(min_size=1, max_size=40))
def test_any_text_is_a_symbol_or_is_refused_and_never_breaks_the_check(text: str) -> None:
    odd = any(category(one)[0] in "CZ" or (one.isascii() and not one.isalnum() and one not in "._:/-") for one in text)
    assert is_symbol(text) == (not odd)


def test_a_cursor_of_another_listing_is_refused(client: TestClient) -> None:
    cursor = client.get("/whales?limit=1").json()["next"]
    assert client.get("/whales", params={"cursor": cursor}).status_code == 200
    answer = client.get("/windows", params={"cursor": cursor})
    assert answer.status_code == 422 and answer.json()["detail"].startswith("cursor: take the value of `next`")


def test_other_addresses_and_methods_are_problems(client: TestClient) -> None:
    assert client.get("/nothing").json()["status"] == 404
    answer = client.post("/whales")
    assert answer.status_code == 405 and "this method is not served here" in answer.json()["detail"]
    assert client.get("/docs").status_code == 404


def test_large_answers_are_compressed(client: TestClient) -> None:
    packed = client.get("/windows", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip" and len(packed.json()["items"]) == 91
    assert "content-encoding" not in client.get("/windows", headers={"Accept-Encoding": "gzip;q=0"}).headers


def test_a_question_that_takes_too_long_is_given_up(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = make()
    slow = ConnectionPool(parts.settings.dsn, "whale-api", 1, statement_timeout_s=0.1)
    with pytest.raises(StoreUnavailableError, match="statement timeout"):
        slow.fetch_rows("SELECT pg_sleep(5)")
    assert slow.fetch_rows("SELECT 1") == [(1,)], "the connection is still good"
    slow.close()

    def timed_out(*_: object) -> Any:
        raise StoreUnavailableError("canceling statement due to statement timeout")

    monkeypatch.setattr(parts.pool, "fetch_rows", timed_out)
    answer = client_of(parts).get("/windows")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert "ask for less" in answer.json()["detail"]


def test_the_pool_says_when_it_is_full_and_survives_its_connections(make: Make, database: str) -> None:
    from whale_platform_tests.support.postgres_server import query

    pool = ConnectionPool(lambda: database, "whale-api-full", 1, wait_s=0.1)

    def nested(_: object) -> None:
        with pytest.raises(StoreUnavailableError, match="all 1 connections"):
            pool.fetch_rows("SELECT 1")

    pool.read(nested)
    query(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'whale-api-full'")
    assert pool.fetch_rows("SELECT 2") == [(2,)]
    with pytest.raises(StoreUnavailableError, match="cannot execute"):
        pool.fetch_rows("DELETE FROM whale_alerts RETURNING 1")
    pool.close()
