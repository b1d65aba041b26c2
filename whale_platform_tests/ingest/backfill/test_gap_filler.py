"""Filling holes from history that lags, lacks ids, refuses or fails."""

import json
import threading
import time
from collections.abc import Callable
from typing import cast
from urllib.parse import parse_qs, urlparse

import pytest

from whale_platform.domain.epochs import EPOCH
from whale_platform.domain.names import INGEST_GAPS
from whale_platform.exchanges.binance import Binance
from whale_platform.ingest.backfill import request_trials
from whale_platform.ingest.backfill.gap_filler import GapFiller
from whale_platform.ingest.backfill.history_client import HistoryClient
from whale_platform.ingest.backfill.request_trials import BELIEVE_S
from whale_platform.ingest.connections.connection_manager import ConnectionManager
from whale_platform.ingest.publishing.pipeline import Pipeline
from whale_platform.ingest.publishing.symbol_publisher import SILENT_S
from whale_platform.ingest.sequencing.gap import decode_gap
from whale_platform.ingest.transport.rest_client import HttpUnavailableError, RestClient
from whale_platform.ingest.transport.rest_client import TimedResponse as Page
from whale_platform_tests.ingest.fake_binance import frame, past
from whale_platform_tests.ingest.fakes import Log, RecordingProducer, pipeline

A, B = "AAAUSDT", "BBBUSDT"
Answer = Callable[[str], bytes]


class Feedless:
    """A feed that has been up for long."""

    def __init__(self) -> None:
        self.reconnects = 0
        self.refused: dict[str, str] = {}

    def up_for_s(self, _symbol: str) -> float:
        return 1e9

    def reconnects_of(self, _symbol: str) -> int:
        return self.reconnects

    def refuse(self, symbol: str, reason: str) -> None:
        self.refused[symbol] = reason


class Clock(threading.Event):
    """Never set; waits are remembered, not waited."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return False


class Bench:
    """A pipeline with a hole in each of `symbols`, nothing of `silent`, and a repairer whose history is `answer`."""

    def __init__(self, answer: Answer, *symbols: str, silent: tuple[str, ...] = ()) -> None:
        exchange = Binance()
        clock = Clock()
        self.waits = clock.waits
        self.requests: list[str] = []
        self.answer = answer
        self.producer = RecordingProducer()
        self.feed = Feedless()
        self.pipeline: Pipeline = pipeline(exchange, (*symbols, *silent), self.producer)
        self.now = 0.0
        self.rest = RestClient(exchange.name, self.get, lambda: self.now)
        history = HistoryClient(exchange, Clock(), self.rest)
        self.repairer = GapFiller(self.pipeline, cast(ConnectionManager, self.feed), history, clock, Log())
        for symbol in symbols:
            for number in (1, 6):
                self.pipeline.frame(frame(symbol, number).encode(), 10**15 * 2)

    def get(self, url: str, _timeout_s: float) -> Page:
        self.requests.append(url)
        return Page(self.answer(url), 0, 0)

    def state(self) -> list[str]:
        """State of each gap row, the last of each key."""
        rows = [json.loads(value) for value in self.producer.sent[INGEST_GAPS]]
        return list({(row["symbol"], row["first_id"]): row["state"] for row in rows}.values())


def history(last: int, *absent: int) -> Answer:
    """A history that reaches to `last`."""

    def answer(url: str) -> bytes:
        query = parse_qs(urlparse(url).query)
        limit = int(query["limit"][0])
        first = int(query.get("fromId", [str(last - limit + 1)])[0])
        found = [number for number in range(max(1, first), last + 1) if number not in absent]
        return json.dumps([past(number) for number in found[:limit]]).encode()

    return answer


def refusing(status: int, wait_s: float | None = None) -> Answer:
    def answer(url: str) -> bytes:
        raise HttpUnavailableError(f"HTTP {status}", status, wait_s)

    return answer


def test_a_hole_is_filled_with_one_request() -> None:
    bench = Bench(history(6), A)
    assert bench.repairer.step(0.0)
    assert bench.producer.ids(A) == [1, 2, 3, 4, 5, 6]
    assert [trade.source for trade in bench.producer.trades()] == ["live", *["repair"] * 4, "live"]
    assert len(bench.requests) == 1
    assert not bench.repairer.step(0.0)


def test_ids_below_one_that_history_has_are_proven_absent() -> None:
    bench = Bench(history(6, 3, 5), A)
    bench.repairer.step(0.0)
    assert bench.producer.ids(A) == [1, 2, 4, 6]
    assert bench.state() == ["exchange_gap"]


def test_a_history_that_lags_behind_is_asked_again_and_not_believed() -> None:
    bench = Bench(history(3), A)
    bench.repairer.step(0.0)
    assert bench.producer.ids(A) == [1, 2, 3]
    assert not bench.repairer.step(0.1)
    bench.answer = history(6)
    bench.repairer.step(10.0)
    assert bench.producer.ids(A) == [1, 2, 3, 4, 5, 6]
    assert bench.state() == ["repaired"]


def test_a_hole_that_history_never_reaches_is_given_up_and_not_called_the_exchanges_own() -> None:
    bench = Bench(history(0), A)
    now = 0.0
    while bench.pipeline.open_gaps():
        assert now <= 3 * BELIEVE_S
        bench.repairer.step(now)
        now += 5.0
    assert now > BELIEVE_S
    assert bench.producer.ids(A) == [1, 6]
    assert bench.state() == ["unrepaired"]


def test_a_symbol_whose_history_is_gone_does_not_hold_up_the_others() -> None:
    good = history(6)
    bench = Bench(lambda url: refusing(400)(url) if A in url else good(url), A, B)
    bench.repairer.step(0.0)
    bench.repairer.step(0.0)
    assert bench.producer.ids(B) == [1, 2, 3, 4, 5, 6]
    assert bench.producer.ids(A) == [1]
    assert bench.repairer.status == "" and bench.waits == []


@pytest.mark.parametrize("status", [429, 418, 451])
def test_the_exchanges_own_waiting_time_is_kept_and_told(status: int) -> None:
    bench = Bench(refusing(status, 123.0), A)
    bench.repairer.step(0.0)
    assert bench.waits == [123.0]
    assert bench.repairer.status == f"HTTP {status}"
    bench.answer = history(6)
    bench.now = 1000.0
    bench.repairer.step(1000.0)
    assert bench.repairer.status == "" and bench.producer.ids(A) == [1, 2, 3, 4, 5, 6]


def test_a_wait_that_another_thread_was_told_is_kept_too() -> None:
    bench = Bench(refusing(429, 123.0), A)
    with pytest.raises(HttpUnavailableError):
        bench.rest.ask(Binance().time_url())
    bench.answer = history(6)
    bench.now = 23.0
    bench.repairer.step(0.0)
    assert (bench.waits, bench.repairer.status, len(bench.requests)) == ([100.0], "HTTP 429", 1)
    bench.now = 123.0
    bench.repairer.step(100.0)
    assert bench.repairer.status == "" and bench.producer.ids(A) == [1, 2, 3, 4, 5, 6]


def test_trouble_without_a_told_time_is_waited_out_ever_longer_up_to_the_cap() -> None:
    bench = Bench(refusing(500), A)
    for _ in range(10):
        bench.repairer.step(0.0)
    assert bench.waits == sorted(bench.waits) and bench.waits[-1] == request_trials.CAP_S


def test_a_page_that_is_not_a_page_is_trouble_and_fills_nothing() -> None:
    bench = Bench(lambda url: b'{"code":-1,"msg":"no"}', A)
    bench.repairer.step(0.0)
    assert "can't be read" in bench.repairer.status
    assert bench.producer.ids(A) == [1]


def test_an_absurd_trade_of_history_is_quarantined_and_passed() -> None:
    def answer(url: str) -> bytes:
        rows = [past(number) for number in range(2, 7)]
        rows[1]["price"] = "1000000000000"
        return json.dumps(rows).encode()

    bench = Bench(answer, A)
    bench.repairer.step(0.0)
    assert bench.producer.ids(A) == [1, 2, 4, 5, 6]
    assert bench.state() == ["unrepaired"] and bench.pipeline.counts.quarantined == 1


def test_a_symbol_that_shows_nothing_is_asked_about_once() -> None:
    bench = Bench(history(6), A, silent=(B,))
    bench.repairer.step(0.0)
    bench.answer = refusing(400)
    assert bench.repairer.step(0.0)
    assert list(bench.feed.refused) == [B]
    assert not bench.repairer.step(0.0)


def test_a_silent_symbol_that_the_exchange_knows_is_left_alone() -> None:
    bench = Bench(lambda url: b"{}", silent=(B,))
    assert bench.repairer.step(0.0)
    assert not bench.repairer.step(0.0)
    assert bench.feed.refused == {} and len(bench.requests) == 1


def test_a_symbol_that_is_quiet_after_a_reconnect_is_asked_what_it_traded_meanwhile() -> None:
    bench = Bench(history(6), A)
    bench.repairer.step(0.0)
    assert not bench.repairer.step(0.0)
    bench.feed.reconnects += 1
    bench.pipeline.connected((A,))
    bench.answer = history(9)
    while bench.repairer.step(0.0):
        pass
    assert bench.producer.ids(A) == list(range(1, 10))
    assert bench.state() == ["repaired", "repaired"]
    asked = len(bench.requests)
    assert not bench.repairer.step(0.0) and len(bench.requests) == asked


def test_a_symbol_without_news_is_asked_once_a_connection() -> None:
    bench = Bench(history(6), A)
    bench.repairer.step(0.0)
    bench.pipeline.connected((A,))
    asked = len(bench.requests)
    while bench.repairer.step(0.0):
        pass
    assert len(bench.requests) == asked + 1


def test_an_id_that_a_young_history_lacks_once_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_trials, "SETTLED_US", 10**18)
    bench = Bench(history(6, 3), A)
    bench.repairer.step(0.0)
    assert bench.producer.ids(A) == [1, 2], "what lies below is sure"
    bench.answer = history(6)
    bench.repairer.step(2.0)
    assert bench.producer.ids(A) == [1, 2, 3, 4, 5, 6] and bench.state() == ["repaired"]


def test_an_id_that_a_young_history_lacks_twice_is_the_exchanges_own_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_trials, "SETTLED_US", 10**18)
    bench = Bench(history(6, 3), A)
    bench.repairer.step(0.0)
    bench.repairer.step(BELIEVE_S)
    assert bench.producer.ids(A) == [1, 2, 4, 5, 6] and bench.state() == ["exchange_gap"]


def test_a_history_that_begins_later_than_the_hole_leaves_it_unrepaired() -> None:
    bench = Bench(lambda url: json.dumps([row for row in json.loads(history(6)(url)) if row["id"] >= 4]).encode(), A)
    bench.repairer.step(0.0)
    assert bench.producer.ids(A) == [1, 4, 5, 6] and bench.state() == ["unrepaired"]


def test_ids_that_begin_anew_go_on_with_all_that_history_has_of_them() -> None:
    bench = Bench(history(6), A)
    bench.repairer.step(0.0)
    for number in (1000, 1001):  # far enough above, as an exchange's ids are
        bench.pipeline.frame(frame(A, number).encode(), 10**15 * 2)
    bench.answer = history(1001)
    while bench.pipeline.open_gaps():
        bench.repairer.step(0.0)
    later = json.loads(frame(A, 2000))["data"]["T"]

    def anew(url: str) -> bytes:
        rows = json.loads(history(5)(url))
        return json.dumps([row | {"time": later + row["id"], "price": "9.25"} for row in rows]).encode()

    bench.answer = anew
    for number in (3, 4, 5):
        new = json.loads(frame(A, number))
        new["data"] |= {"T": later + number, "p": "9.25"}
        bench.pipeline.frame(json.dumps(new).encode(), 10**15 * 2)
    while bench.pipeline.open_gaps() or bench.pipeline.history.doubtful(frozenset()):
        assert bench.repairer.step(0.0)
    assert bench.producer.ids(A)[-6:] == [1001, *(EPOCH + number for number in range(1, 6))]
    rows = [decode_gap(value)[1] for value in bench.producer.sent[INGEST_GAPS]]
    assert [(row.first_id, row.last_id, row.state) for row in rows if row.cause == "epoch"] == [
        (1002, EPOCH, "exchange_gap"),
        (EPOCH + 1, EPOCH + 5, "open"),
        (EPOCH + 1, EPOCH + 5, "repaired"),
    ]


def test_a_trade_published_under_a_wrong_id_is_no_new_epoch() -> None:
    """History's newest id is lower, and its trades later: but it has what was before, so that one's id was wrong."""
    bench = Bench(history(6), A)
    bench.repairer.step(0.0)
    line = bench.pipeline.lines[A]
    for number in (5007, 5008):  # two garbled alike, while history was away
        row = json.loads(frame(A, number))
        row["data"] |= {"T": json.loads(frame(A, number - 5000))["data"]["T"]}
        bench.pipeline.frame(json.dumps(row).encode(), 10**15 * 2)
    line.publish(line.sequencer.to_background(1))
    assert bench.producer.ids(A)[-2:] == [5007, 5008]
    bench.answer = history(12)
    for number in (9, 10, 11, 12):
        bench.pipeline.frame(frame(A, number).encode(), 10**15 * 2)
    assert bench.pipeline.history.doubtful(frozenset()) == A
    bench.repairer.step(0.0)
    assert bench.pipeline.history.doubtful(frozenset()) is None
    assert line.sequencer.base == 0 and not any(b'"epoch"' in row for row in bench.producer.sent[INGEST_GAPS])


def test_of_a_long_hole_only_the_last_day_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    now, last = 1_900_000_000_000_000, 1_000_000
    monkeypatch.setattr(time, "time_ns", lambda: now * 1000)

    def row(number: int) -> dict[str, object]:  # ten a second
        return past(number) | {"time": now - (last - number) * 100_000}

    def answer(url: str) -> bytes:
        query = parse_qs(urlparse(url).query)
        first, limit = int(query["fromId"][0]), int(query["limit"][0])
        return json.dumps([row(number) for number in range(first, min(last, first + limit - 1) + 1)]).encode()

    bench = Bench(history(6), A)
    bench.repairer.step(0.0)
    bench.answer = answer
    for number in (last - 1, last):
        live = json.loads(frame(A, number))
        live["data"]["T"] = row(number)["time"]
        bench.pipeline.frame(json.dumps(live).encode(), now)
    asked = len(bench.requests)
    bench.repairer.step(0.0)
    assert len(bench.requests) - asked < 40, "what is a day old is found by halving"
    rows = {gap.first_id: gap for gap in (decode_gap(value)[1] for value in bench.producer.sent[INGEST_GAPS])}
    old, rest = rows[7], rows[last - 864_000]
    assert (old.last_id, old.state, old.filled) == (last - 864_001, "unrepaired", 0)
    assert "import the exchange's dump" in old.note
    assert (rest.state, rest.last_id) == ("open", last - 2)


def test_what_holds_trades_back_does_not_wait_for_a_background_gap_of_its_symbol() -> None:
    bench = Bench(history(3), A)
    line = bench.pipeline.lines[A]
    bench.pipeline.frame(frame(A, 7).encode(), 10**15 * 2)
    line.publish(line.sequencer.to_background(1))
    while bench.repairer.step(0.0):
        pass
    assert bench.producer.ids(A) == [1, 6, 7, 2, 3], "the others may yet come"
    bench.answer = history(10)
    bench.pipeline.frame(frame(A, 10).encode(), 10**15 * 2)
    assert bench.repairer.step(0.0) and bench.producer.ids(A)[5:] == [8, 9, 10]


def test_symbols_with_long_holes_are_served_in_turn() -> None:
    bench = Bench(history(0), A, B)
    for symbol in (A, B):
        line = bench.pipeline.lines[symbol]
        bench.pipeline.frame(frame(symbol, 7).encode(), 10**15 * 2)
        line.publish(line.sequencer.to_background(1))
    found = [wanted[0] for _ in range(4) if (wanted := bench.pipeline.history.wanted(frozenset())) is not None]
    assert found in ([A, B, A, B], [B, A, B, A])


def test_a_symbol_that_is_silent_inside_a_live_connection_is_asked_for_now_and_then() -> None:
    bench = Bench(history(6), A)
    now = time.monotonic()
    while bench.repairer.step(now):
        pass
    bench.pipeline.tick(1)
    asked = len(bench.requests)
    assert not bench.repairer.step(now + SILENT_S - 1) and len(bench.requests) == asked
    bench.answer = history(9)
    later = now + SILENT_S + 60
    while bench.repairer.step(later):
        pass
    assert bench.producer.ids(A) == list(range(1, 10))
    bench.pipeline.tick(1)
    asked = len(bench.requests)
    for minute in range(1, 60):
        bench.repairer.step(later + SILENT_S + 60 * minute)
    assert 2 <= len(bench.requests) - asked <= 5, "rarer and rarer"
