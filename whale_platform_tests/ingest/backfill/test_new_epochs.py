"""Ids that begin again, as history shows them."""

import json

from whale_platform.domain.epochs import EPOCH
from whale_platform.domain.names import INGEST_GAPS
from whale_platform.ingest.sequencing.gap import decode_gap
from whale_platform_tests.ingest.backfill.bench import A, Bench, history
from whale_platform_tests.ingest.fake_binance import frame


def test_ids_that_begin_anew_go_on_with_all_that_history_has_of_them() -> None:
    bench = Bench(history(6), A)
    bench.repairer.step(0.0)
    for number in (1000, 1001):  # far enough above, as an exchange's ids are
        bench.pipeline.process_frame(frame(A, number).encode(), 10**15 * 2)
    bench.answer = history(1001)
    while bench.pipeline.count_open_gaps():
        bench.repairer.step(0.0)
    later = json.loads(frame(A, 2000))["data"]["T"]

    def anew(url: str) -> bytes:
        rows = json.loads(history(5)(url))
        return json.dumps([row | {"time": later + row["id"], "price": "9.25"} for row in rows]).encode()

    bench.answer = anew
    for number in (3, 4, 5):
        new = json.loads(frame(A, number))
        new["data"] |= {"T": later + number, "p": "9.25"}
        bench.pipeline.process_frame(json.dumps(new).encode(), 10**15 * 2)
    while bench.pipeline.count_open_gaps() or bench.pipeline.history.find_unconfirmed_symbol(frozenset()):
        assert bench.repairer.step(0.0)
    assert bench.producer.ids(A)[-7:] == [1001, *(EPOCH + number for number in range(6))]
    rows = [decode_gap(value)[1] for value in bench.producer.sent[INGEST_GAPS]]
    assert [(row.first_id, row.last_id, row.state) for row in rows if row.cause == "epoch"] == [
        (1002, EPOCH - 1, "exchange_gap"),
        (EPOCH, EPOCH + 5, "open"),
        (EPOCH, EPOCH + 5, "repaired"),
    ]


def test_a_trade_published_under_a_wrong_id_is_no_new_epoch() -> None:
    """History's newest id is lower, and its trades later: but it has what was before, so that one's id was wrong."""
    bench = Bench(history(6), A)
    bench.repairer.step(0.0)
    line = bench.pipeline.lines[A]
    for number in (5007, 5008, 5009):  # three garbled alike, while history was unavailable
        row = json.loads(frame(A, number))
        row["data"] |= {"T": json.loads(frame(A, number - 5000))["data"]["T"]}
        bench.pipeline.process_frame(json.dumps(row).encode(), 10**15 * 2)
    line.publish(line.sequencer.move_to_background(1))
    assert bench.producer.ids(A)[-2:] == [5008, 5009]
    bench.answer = history(13)
    for number in (10, 11, 12, 13):
        bench.pipeline.process_frame(frame(A, number).encode(), 10**15 * 2)
    assert bench.pipeline.history.find_unconfirmed_symbol(frozenset()) == A
    bench.repairer.step(0.0)
    assert bench.pipeline.history.find_unconfirmed_symbol(frozenset()) is None
    assert line.sequencer.base == 0 and not any(b'"epoch"' in row for row in bench.producer.sent[INGEST_GAPS])
