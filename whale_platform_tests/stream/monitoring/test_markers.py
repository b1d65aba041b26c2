"""What the stream takes for the end of the raw topic, where that is a transaction's marker."""

from collections.abc import Iterator

import pytest

from whale_platform.bench.harness.platform import wait_for
from whale_platform.broker.errors import BrokerError
from whale_platform.broker.producer import TradeProducer
from whale_platform.broker.reader import KafkaRecord
from whale_platform.broker.topic_offsets import OffsetRanges, TopicOffsets
from whale_platform.contracts import raw_trade
from whale_platform.domain.names import RAW_TRADES
from whale_platform.stream.monitoring import positions
from whale_platform.stream.monitoring.positions import TopicProbe
from whale_platform_tests.ingest.builders import trade
from whale_platform_tests.support.kafka_server import KafkaServer


@pytest.fixture
def messages(kafka: KafkaServer) -> Iterator[TopicProbe]:
    """The stream's look at the topics."""
    made = TopicProbe(kafka.bootstrap, "run")
    yield made
    made.close()


def write(kafka: KafkaServer, *numbers: int) -> int:
    """Send trades of one symbol as an ingester that then ends; returns their partition, once the marker is in it."""
    places: list[int] = []
    found = wait_for("the new topics' leaders", lambda: edges(kafka), meanwhile=(BrokerError,))
    before = sum(end for _, end in found.values())
    producer = TradeProducer(kafka.bootstrap, "test", writer="ingester-1-of-1")
    producer.claim(300)
    send = producer.channel(RAW_TRADES, raw_trade.encode_key("fake", "AAA"), lambda part, _: places.append(part))
    for number in numbers:
        send(raw_trade.encode_trade(trade(number)))
    assert producer.close(60) == 0
    # The broker answers a commit before it has written the marker.
    wait_for("the marker", lambda: sum(end for _, end in edges(kafka).values()) == before + len(numbers) + 1)
    return places[0]


def edges(kafka: KafkaServer) -> OffsetRanges:
    """The raw topic's, as the broker says."""
    return TopicOffsets(kafka.bootstrap, {RAW_TRADES: [0, 1]}).read()[RAW_TRADES]


def test_a_marker_at_the_end_is_no_trade_that_waits(kafka: KafkaServer, messages: TopicProbe) -> None:
    part = write(kafka, 1, 2, 3)
    assert edges(kafka)[part] == (0, 4)
    # A look that takes too long leaves the end as it is, and the next one looks again.
    wait_for("the first look", lambda: messages.find_trade_ends(edges(kafka)) == {part: 3, 1 - part: 0})
    assert messages.find_trade_ends(edges(kafka))[part] == 3, "and then without asking"
    write(kafka, 4)
    assert messages.find_trade_ends(edges(kafka))[part] == 6, "while it grows nobody reads it for that"
    wait_for("the marker to be seen once it stands still", lambda: messages.find_trade_ends(edges(kafka))[part] == 5)


def test_how_old_and_how_far_apart_is_known_where_an_offset_is_a_markers(
    kafka: KafkaServer, messages: TopicProbe
) -> None:
    part = write(kafka, 1, 2)
    write(kafka, 3)
    assert messages.trade_age_s(part, 2) is not None, "the marker's: that of the trade after it"
    apart = (trade(3).event_time - trade(1).event_time) / 1e6
    assert messages.event_time_spread_s({part: (0, 5)}) == pytest.approx(apart)
    assert messages.event_time_spread_s({part: (2, 5)}) == 0.0
    assert messages.event_time_spread_s({part: (4, 5)}) == 0.0, "nothing but a marker"


def test_how_old_the_last_trade_is_takes_no_longer_than_its_message(
    kafka: KafkaServer, messages: TopicProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = write(kafka, 1)
    given: list[list[KafkaRecord]] = []
    poll = messages._reader.poll

    def watched(most: int, wait_s: float) -> list[KafkaRecord]:
        given.append(poll(most, wait_s))
        return given[-1]

    monkeypatch.setattr(messages._reader, "poll", watched)
    monkeypatch.setattr(positions, "READ_S", 20.0)
    assert messages.trade_age_s(part, 0) is not None
    assert given[-1], "with its message the look was over"
