"""Filling gaps from history that lags or lacks ids."""

import json
import time
from urllib.parse import parse_qs, urlparse

import pytest

from whale_platform.domain.names import INGEST_GAPS
from whale_platform.ingest.backfill import request_trials
from whale_platform.ingest.backfill.request_trials import BELIEVE_S
from whale_platform.ingest.sequencing.gap import decode_gap
from whale_platform_tests.ingest.backfill.bench import A, B, Bench, history
from whale_platform_tests.ingest.fake_binance import frame, past


def test_a_hole_is_filled_with_one_request() -> None:
    bench = Bench(history(6), A)
    assert bench.repairer.step(0.0)
    assert bench.producer.ids(A) == [0, 1, 2, 3, 4, 5, 6]
    assert [trade.source for trade in bench.producer.trades()] == ["live", "live", *["repair"] * 4, "live"]
    assert len(bench.requests) == 1
    assert not bench.repairer.step(0.0)


def test_ids_below_one_that_history_has_are_proven_absent() -> None:
    bench = Bench(history(6, 3, 5), A)
    bench.repairer.step(0.0)
    assert bench.producer.ids(A) == [0, 1, 2, 4, 6]
    assert bench.state() == ["exchange_gap"]


def test_a_history_that_lags_behind_is_asked_again_and_not_believed() -> None:
    bench = Bench(history(3), A)
    bench.repairer.step(0.0)
    assert bench.producer.ids(A) == [0, 1, 2, 3]
    assert not bench.repairer.step(0.1)
    bench.answer = history(6)
    bench.repairer.step(10.0)
    assert bench.producer.ids(A) == [0, 1, 2, 3, 4, 5, 6]
    assert bench.state() == ["repaired"]


def test_a_hole_that_history_never_reaches_is_given_up_and_not_called_the_exchanges_own() -> None:
    bench = Bench(history(1), A)
    bench.pipeline.process_frame(frame(A, 7).encode(), 10**15 * 2)
    now = 0.0
    while bench.pipeline.count_open_gaps():
        assert now <= 5 * BELIEVE_S
        bench.repairer.step(now)
        now += 5.0
    assert now > BELIEVE_S
    assert bench.producer.ids(A) == [0, 1, 7], "nothing proves that it was not one of the gap that came as 6"
    assert bench.state() == ["unrepaired"]


def test_one_trade_alone_behind_a_hole_that_history_never_reaches_waits() -> None:
    """It was published after a minute: with a wrong id where the exchange's ids had begun again meanwhile."""
    bench = Bench(history(1), A)
    for second in range(0, 600, 5):
        bench.repairer.step(float(second))
    assert bench.producer.ids(A) == [0, 1] and bench.state() == ["open"]
    assert len(bench.requests) < 100, "it is asked for more and more rarely"
    bench.answer = history(6)
    bench.repairer.step(1_000.0)
    assert bench.producer.ids(A) == [0, 1, 2, 3, 4, 5, 6] and bench.state() == ["repaired"]


def test_an_absurd_trade_of_history_is_quarantined_and_passed() -> None:
    def answer(url: str) -> bytes:
        rows = [past(number) for number in range(2, 7)]
        rows[1]["price"] = "1000000000000"
        return json.dumps(rows).encode()

    bench = Bench(answer, A)
    bench.repairer.step(0.0)
    assert bench.producer.ids(A) == [0, 1, 2, 4, 5, 6]
    assert bench.state() == ["unrepaired"] and bench.pipeline.counts.quarantined == 1


def test_an_id_that_a_young_history_lacks_once_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_trials, "SETTLED_US", 10**18)
    bench = Bench(history(6, 3), A)
    bench.repairer.step(0.0)
    assert bench.producer.ids(A) == [0, 1, 2], "what lies below is sure"
    bench.answer = history(6)
    bench.repairer.step(2.0)
    assert bench.producer.ids(A) == [0, 1, 2, 3, 4, 5, 6] and bench.state() == ["repaired"]


def test_an_id_that_a_young_history_lacks_twice_is_the_exchanges_own_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_trials, "SETTLED_US", 10**18)
    bench = Bench(history(6, 3), A)
    bench.repairer.step(0.0)
    bench.repairer.step(BELIEVE_S)
    assert bench.producer.ids(A) == [0, 1, 2, 4, 5, 6] and bench.state() == ["exchange_gap"]


def test_a_young_history_refutes_at_once_what_it_has_under_another_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was published after 30 s, as history proved none of the ids below it so soon."""
    monkeypatch.setattr(request_trials, "SETTLED_US", 10**18)

    def answer(url: str) -> bytes:
        return json.dumps([past(1), past(3), past(4), past(6) | {"id": 5}]).encode()

    bench = Bench(answer, A)
    bench.repairer.step(0.0)
    assert bench.producer.ids(A) == [0, 1] and bench.pipeline.lines[A].sequencer.record.unproven == 1


def test_a_history_that_begins_later_than_the_hole_leaves_it_unrepaired() -> None:
    bench = Bench(lambda url: json.dumps([row for row in json.loads(history(6)(url)) if row["id"] >= 4]).encode(), A)
    bench.repairer.step(0.0)
    assert bench.producer.ids(A) == [0, 1, 4, 5, 6] and bench.state() == ["unrepaired"]


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
        bench.pipeline.process_frame(json.dumps(live).encode(), now)
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
    bench.pipeline.process_frame(frame(A, 7).encode(), 10**15 * 2)
    line.publish(line.sequencer.move_to_background(1))
    while bench.repairer.step(0.0):
        pass
    assert bench.producer.ids(A) == [0, 1, 7, 2, 3], "the others may yet come"
    bench.answer = history(10)
    bench.pipeline.process_frame(frame(A, 10).encode(), 10**15 * 2)
    assert bench.repairer.step(0.0) and bench.producer.ids(A)[5:] == [8, 9, 10]


def test_symbols_with_long_holes_are_served_in_turn() -> None:
    bench = Bench(history(0), A, B)
    for symbol in (A, B):
        line = bench.pipeline.lines[symbol]
        bench.pipeline.process_frame(frame(symbol, 7).encode(), 10**15 * 2)
        line.publish(line.sequencer.move_to_background(1))
    found = [wanted[0] for _ in range(4) if (wanted := bench.pipeline.history.find_wanted(frozenset())) is not None]
    assert found in ([A, B, A, B], [B, A, B, A])
