"""The file of positions: what it brings back, and when it is not believed."""

import json
import os
import threading
from pathlib import Path

import pytest
import structlog
from confluent_kafka import TopicPartition

from whale_platform.broker import topics
from whale_platform.broker.producer import TradeProducer
from whale_platform.broker.topic_offsets import TopicOffsets
from whale_platform.contracts.raw_trade import decode_trade, encode_key, encode_trade
from whale_platform.domain.names import RAW_TRADES
from whale_platform.ingest.errors import MixedSourcesError
from whale_platform.ingest.recovery import positions_file, startup_scan
from whale_platform.ingest.recovery.positions_file import Positions, SymbolPosition
from whale_platform.ingest.recovery.resume_points import ResumePoint, find_resume_point
from whale_platform.ingest.recovery.share import WHOLE_SHARE, Share
from whale_platform.ingest.sequencing.sequencer import Sequencer
from whale_platform_tests.ingest.builders import trade
from whale_platform_tests.ingest.recovery.test_resume_points import gap, spans
from whale_platform_tests.support.kafka_server import KafkaServer


def test_positions_come_back_as_they_were_saved_and_a_torn_file_as_none(tmp_path: Path) -> None:
    path = positions_file.positions_path(tmp_path)
    assert positions_file.load_positions(path) is None
    known = Positions("c", "t", {0: 5, 1: 7}, {"fake:AAA": SymbolPosition(9, [gap(2, 4, absent=[(3, 3)])], 7)})
    positions_file.save_positions(path, known)
    assert positions_file.load_positions(path) == known
    path.write_text(path.read_text()[:-20])
    assert positions_file.load_positions(path) is None


@pytest.mark.parametrize("lost", [{}, {"last_time": 0}])
def test_a_file_without_times_bounds_them_by_when_it_was_written(tmp_path: Path, lost: dict[str, int]) -> None:
    """One of an earlier version: copies of old trades are no ids that began anew, and ids that did are seen."""
    path = positions_file.positions_path(tmp_path)
    positions_file.save_positions(path, Positions("c", "t", {0: 5}, {"fake:AAA": SymbolPosition(1000, [], 7)}))
    row = json.loads(path.read_text())
    del row["places"]["fake:AAA"]["last_time"]
    row["places"]["fake:AAA"] |= lost
    path.write_text(json.dumps(row))
    written = trade(1000).event_time + 20_000_000
    os.utime(path, ns=(written * 1000, written * 1000))
    known = positions_file.load_positions(path)
    assert known is not None
    begin = find_resume_point(startup_scan.build_tail(known.places["fake:AAA"]), (), {}, written)
    assert (begin.next_id, begin.newest_time, begin.latest) == (1001, 0, written + positions_file.CLOCK_TOLERANCE_US)
    sequencer = begin.build_sequencer()
    ours_was_slow = trade(1000)._replace(event_time=written + 5_000_000)
    assert (
        sequencer.add_last_trade(ours_was_slow) == ()
        and not sequencer.needs_history()
        and not sequencer.record.unproven
    )
    assert [out for n in range(997, 1001) for out in sequencer.add_live(trade(n))] == []
    assert not sequencer.needs_history() and not sequencer.may_have_restarted(trade(998), None), (
        "a history that lags proves nothing"
    )
    new = [trade(n)._replace(event_time=begin.latest + n) for n in range(1, 5)]
    assert [out for one in new for out in sequencer.add_live(one)] == []
    assert sequencer.needs_history() and sequencer.may_have_restarted(new[-1], None)


def test_what_a_new_symbol_held_at_a_stop_is_held_again(tmp_path: Path) -> None:
    """Its first trade waited for others, and was gone with the process: nothing spoke of it any more."""
    sequencer = Sequencer()
    assert sequencer.add_live(trade(41)) == ()
    held = {"fake:AAA": [encode_trade(one).decode() for one in sequencer.unconfirmed]}
    path = positions_file.positions_path(tmp_path)
    positions_file.save_positions(path, Positions("c", "t", {0: 5}, {}, held=held))
    known = positions_file.load_positions(path)
    assert known is not None and known.held == held
    again = ResumePoint(held=[decode_trade(one.encode()) for one in known.held["fake:AAA"]]).build_sequencer()
    assert [one.trade_id for number in (42, 43) for one in again.add_live(trade(number))] == [41, 42, 43]


@pytest.mark.parametrize(
    ("share", "fenced", "known"), [("1/1", False, True), ("1/1", True, False), ("2/3", False, False)]
)
def test_a_file_older_than_the_topic_s_beginning_is_used_where_nobody_else_writes(
    share: str, fenced: bool, known: bool
) -> None:
    """Without it a market that no message speaks of any more would begin anew, and its gap never be seen."""
    file = Positions("c", "t", {0: 400}, {"binance:BTCUSDT": SymbolPosition(1000)}, share)
    found = startup_scan._validate_positions(
        file, Share.parse(share), fenced, {0: (500, 500)}, "c", "t", structlog.get_logger()
    )
    assert found == (file if known else None)


def test_what_has_left_the_topic_since_the_file_is_no_hole(kafka: KafkaServer, tmp_path: Path) -> None:
    """It may have been published, as what a killed process had not noted yet was, and would come twice."""
    topics.create_topics(kafka.bootstrap, 1)
    producer = TradeProducer(kafka.bootstrap, "test", writer=WHOLE_SHARE.writer)
    producer.claim(300)
    for number in range(1, 11):
        producer.send(RAW_TRADES, encode_key("fake", "AAA"), encode_trade(trade(number)))
    assert producer.close(60) == 0
    found = topics.describe_topics(kafka.bootstrap, [RAW_TRADES])[RAW_TRADES]
    ends = TopicOffsets(kafka.bootstrap, {RAW_TRADES: range(found.partitions)}).read()[RAW_TRADES]
    part = max(ends, key=lambda one: ends[one][1])
    places = {"fake:AAA": SymbolPosition(3), "fake:BBB": SymbolPosition(50)}
    held = {"fake:CCC": [encode_trade(trade(7, "CCC")).decode()]}
    file = Positions(topics.fetch_cluster_id(kafka.bootstrap), found.topic_id, {part: 3}, places, held=held)
    positions_file.save_positions(positions_file.positions_path(tmp_path), file)
    admin = topics.create_admin(kafka.bootstrap)  # one that nothing holds takes its answers along
    for future in admin.delete_records([TopicPartition(RAW_TRADES, part, 5)]).values():
        future.result(300)
    claimed: list[str] = []
    claim, more = lambda: claimed.append("once"), (0.0, threading.Event(), structlog.get_logger())
    with pytest.raises(
        MixedSourcesError, match=r"raw_crypto_trades of this broker holds live trades.* WHALE_KAFKA_PREFIX"
    ):
        startup_scan.scan_topic(kafka.bootstrap, tmp_path, WHOLE_SHARE, "replay", claim, *more)
    assert not claimed, "whoever writes there goes on"
    learned = startup_scan.scan_topic(kafka.bootstrap, tmp_path, WHOLE_SHARE, "live", claim, *more)
    assert learned is not None and claimed == ["once"]
    assert {name: (one.next_id, spans(one)) for name, one in learned.starts.items()} == {
        "fake:AAA": (11, []),
        "fake:BBB": (51, []),
        "fake:CCC": (None, []),
    }
    assert learned.starts["fake:CCC"].held == [trade(7, "CCC")]
