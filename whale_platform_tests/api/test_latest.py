"""/latest: what it says, how fresh it is, and that it says so when it is not."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from whale_platform.api.endpoints.dependencies import AppDependencies
from whale_platform.api.latest_cache.cache import LatestCache
from whale_platform.api.latest_cache.exchange_feeds import UNREACHED_S, ExchangeFeed
from whale_platform.api.latest_cache.updater import CacheUpdater, ChangeSet
from whale_platform.api.models import latest as latest_models
from whale_platform.api.monitoring.feed_report import read_exchange_feeds
from whale_platform.api.monitoring.health import HealthMonitor
from whale_platform.settings import Settings
from whale_platform.stores.migrate import migrate
from whale_platform.stores.postgres.pool import ConnectionPool
from whale_platform.supervision.runtime import heartbeat
from whale_platform_tests.api.builders import MINUTE, Sink, this_minute, whale, window
from whale_platform_tests.api.conftest import Make, client_of
from whale_platform_tests.support.fake_services import wait_for_result
from whale_platform_tests.support.postgres_server import PostgresServer, settings_for


@contextmanager
def feeding(parts: AppDependencies) -> Iterator[CacheUpdater]:
    stop = threading.Event()
    feeder = CacheUpdater(parts.latest, parts.pool, parts.settings.dsn, lambda _: None)
    thread = threading.Thread(target=feeder.run, args=(stop,))
    thread.start()
    try:
        yield feeder
    finally:
        stop.set()
        thread.join(300)


def entry(cache: LatestCache, symbol: str) -> dict[str, Any]:
    assert cache.response is not None
    found = [one for one in json.loads(cache.response.body)["symbols"] if one["symbol"] == symbol]
    return dict(found[0]) if found else {}


def test_it_tells_the_newest_state_of_each_symbol(client: TestClient) -> None:
    answer = client.get("/latest")
    whole = latest_models.Board.model_validate(answer.json())
    assert [(one.exchange, one.symbol) for one in whole.symbols] == [("binance", "BTCUSDT"), ("coinbase", "ETH-USD")]
    btc = answer.json()["symbols"][0]
    assert (btc["price"], btc["window"]["trades"], btc["window"]["volume"]) == ("61835", 3, "3.25")
    assert btc["last_whale"]["trade_id"] == 2 and btc["last_whale"]["notional_usd"] == "300000.5"
    assert (btc["hour"]["volume"], btc["day"]["volume"]) == ("195.00", "292.50")
    assert Decimal(btc["hour"]["change"]) == round((Decimal("61835") - Decimal("61837.63")) / Decimal("61837.63"), 6)
    assert not whole.stale and not btc["stale"] and btc["age_s"] < 60
    one = client.get("/latest", params={"symbol": "ETH-USD"}).json()
    assert [row["symbol"] for row in one["symbols"]] == ["ETH-USD"]
    assert client.get("/latest?symbol=NONE").status_code == 422


def test_a_state_that_is_known_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/latest")
    again = client.get("/latest", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    packed = client.get("/latest", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip" and packed.json() == first.json()
    head = client.head("/latest")
    assert head.status_code == 200 and head.headers["etag"] == first.headers["etag"]


def test_before_the_first_reading_it_asks_for_patience(make: Make) -> None:
    client = client_of(make(fed=False))
    for path in ("/latest", "/symbols", "/latest?symbol=X"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_commit_is_told_to_the_board_and_only_its_rows_are_read(sink: Sink, make: Make) -> None:
    sink.fill()
    parts = make(fed=False)
    with feeding(parts) as feeder:
        wait_for_result(lambda: parts.latest.response is not None, 5)
        now, etag = this_minute(), parts.latest.response and parts.latest.response.etag
        sink.write(window(now + MINUTE, close="61839"), whale(9, now, notional_usd="99000"))
        # It is read without news, once in 60 s.
        wait_for_result(lambda: entry(parts.latest, "BTCUSDT")["price"] == "61839", 5)
        assert entry(parts.latest, "BTCUSDT")["last_whale"]["trade_id"] == 9
        assert feeder.reads >= 1 and parts.latest.response is not None and parts.latest.response.etag != etag
        sink.write(window(now - 30 * MINUTE, close="61831", trade_count=7))
        sink.write(window(now, exchange="binance", symbol="NEWUSDT"))
        wait_for_result(lambda: entry(parts.latest, "NEWUSDT") != {}, 5)
        assert entry(parts.latest, "BTCUSDT")["price"] == "61839", "an older window moves nothing"


@pytest.mark.parametrize(
    ("everything", "payload"),
    [
        (False, '{"trade_windows":{"rows":1,"keys":[["binance","BTCUSDT","2024-08-08T12:00:00+00:00"]]}}'),
        (False, '{"ingest_gaps":{"rows":5,"keys":[]}}'),
        (True, '{"whale_alerts":{"rows":2,"keys":[["binance","BTCUSDT","single_trade",1]]}}'),
        (True, '{"trade_windows":{"rows":1,"keys":[["a","b","c"]]}}'),
        *((True, text) for text in ("", "[]", '{"trade_windows":{"rows":1}}')),
    ],
)
def test_more_changes_than_are_named_mean_everything(everything: bool, payload: str) -> None:
    news = ChangeSet()
    news.merge(payload)
    assert news.everything == everything


def test_what_is_old_says_so(sink: Sink, make: Make) -> None:
    old = this_minute() - timedelta(hours=3)
    sink.write(window(old), window(this_minute(), symbol="ETHUSDT", updated_at=datetime.now(UTC)))
    parts = make()
    btc = entry(parts.latest, "BTCUSDT")
    assert btc["quiet"] and not btc["stale"] and btc["reason"] is None, "another market of its exchange trades"
    assert not entry(parts.latest, "ETHUSDT")["quiet"]
    assert parts.latest.response is not None
    assert not json.loads(parts.latest.response.body)["stale"]
    etag = parts.latest.response.etag
    parts.latest.render(time.time() + 5)
    assert parts.latest.response.etag == etag, "age alone is no news"
    parts.latest.render(time.time() + 600)
    later = parts.latest.response
    assert later.etag != etag
    assert json.loads(parts.latest.response.body)["reason"] == "no trade of any symbol has reached Postgres for 10 min"
    btc = entry(parts.latest, "BTCUSDT")
    assert btc["stale"] and not btc["quiet"]
    assert btc["reason"] == "no trade of it has reached Postgres for 3 h: none of binance has for 10 min"
    assert HealthMonitor(parts.settings, parts.pool, parts.latest, lambda: time.time() + 600).check()["latest"][
        "state"
    ] == ("silent")
    parts.latest.set_trouble("services", "sink is silent")
    parts.latest.render()
    assert json.loads(parts.latest.response.body)["reason"].startswith("sink is silent (since ")


def test_a_market_without_trades_is_quiet_while_its_exchange_is_connected(sink: Sink, make: Make) -> None:
    sink.write(window(this_minute() - timedelta(hours=3)), window(this_minute() - timedelta(hours=2), symbol="ETHUSDT"))
    parts = make()
    latest, now = parts.latest, time.time()

    def judge(later_s: float, **feed: Any) -> dict[str, Any]:
        latest.update_feeds({"binance": ExchangeFeed(**feed)}, now + later_s)
        latest.render(now + later_s)
        assert latest.response is not None
        found = entry(latest, "BTCUSDT")
        assert (found["reason"] is not None) == found["stale"] != found["quiet"]
        return found | {"whole": latest.response.reason, "etag": latest.response.etag}

    quiet = judge(0, state="connected")
    assert quiet["quiet"] and quiet["whole"] is None, "nobody trades, and the feed works"
    assert HealthMonitor(parts.settings, parts.pool, latest).check()["latest"]["state"] == "ready"
    away = judge(1, state="unavailable", detail="connection refused")
    assert away["reason"].endswith("3 h: binance is unavailable: connection refused") and away["whole"]
    assert away["etag"] != quiet["etag"]
    refused = judge(3, state="connected", refused={"BTCUSDT": "it is delisted"})
    assert refused["reason"].endswith("binance refuses it: it is delisted") and refused["whole"] is None
    assert judge(4, state="connected", trades_per_s=0.5)["quiet"], "they may reach Postgres in a moment"
    stuck = judge(4 + UNREACHED_S + 1, state="connected", trades_per_s=0.5)
    assert stuck["reason"].endswith("trades of binance arrive, but do not reach Postgres")
    assert judge(5 + UNREACHED_S + 1, state="connected")["quiet"]
    unknown = judge(6 + UNREACHED_S + 1, state="connecting")
    assert unknown["reason"].endswith("none of binance has for 2 h")


def test_the_feeds_are_those_of_the_ingesters_heartbeat(tmp_path: Path) -> None:
    settings = Settings.model_validate({"home": tmp_path})
    assert read_exchange_feeds(settings) == {}
    beat = heartbeat.Heartbeat("ingester", state="ready")
    exchange = {"exchange": "binance", "state": "connected", "detail": "", "trades_per_s": 7.5, "symbols": 2}
    beat.numbers = {"exchanges": [exchange], "refused": {"binance:A": "unknown", "coinbase:B": "unknown"}}
    heartbeat.write_heartbeat(tmp_path, beat)
    assert read_exchange_feeds(settings) == {"binance": ExchangeFeed("connected", "", 7.5, {"A": "unknown"})}
    path = heartbeat.heartbeat_path(tmp_path, "ingester")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"at": time.time() - 60}))
    assert read_exchange_feeds(settings) == {}, "a silent ingester knows nothing"


def test_postgres_away_and_back(own_postgres: PostgresServer, tmp_path: Path) -> None:
    dsn = own_postgres.create_database()
    migrate(settings_for(dsn, tmp_path), wait_s=300)
    Sink(dsn).fill()
    settings = Settings.model_validate({"home": tmp_path, "postgres_dsn": dsn, "kafka_bootstrap": "127.0.0.1:1"})
    parts = AppDependencies(settings, ConnectionPool(settings.dsn, "whale-api", 4))
    client = client_of(parts)
    with feeding(parts):
        wait_for_result(lambda: parts.latest.response is not None, 60)
        assert client.get("/windows").status_code == 200
        own_postgres.kill()
        wait_for_result(lambda: client.get("/latest").json()["stale"], 60)
        assert "Postgres can't be read" in client.get("/latest").json()["reason"]
        assert len(client.get("/latest").json()["symbols"]) == 2, "the last state stays"
        away = client.get("/windows")
        assert (away.status_code, away.headers["retry-after"]) == (503, "5")
        wait_for_result(lambda: client.get("/health").status_code == 503, 60)
        own_postgres.start()
        wait_for_result(lambda: not client.get("/latest").json()["stale"], 60)
        wait_for_result(lambda: client.get("/health").status_code == 200, 60)
        assert client.get("/windows").status_code == 200
    parts.pool.close()
