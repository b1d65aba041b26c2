"""Who is how far behind, on a real broker: with executors elsewhere, so that only topics and checkpoints tell."""

import json
from math import inf
from pathlib import Path
from typing import Any, cast

import pytest

from whale_platform.bench.harness.platform import wait_for
from whale_platform.broker import topic_offsets
from whale_platform.broker.producer import TradeProducer
from whale_platform.contracts import raw_trade
from whale_platform.domain.names import RAW_TRADES, STREAM_POSITIONS, TRADE_WINDOWS
from whale_platform.settings import Settings
from whale_platform.stream.monitoring import positions
from whale_platform.stream.monitoring import topic_flow as flow_module
from whale_platform.stream.monitoring.lag import UNKNOWN_LAG, QueryLag
from whale_platform.stream.monitoring.topic_flow import HIDDEN_TRADES, TopicFlow
from whale_platform_tests.stream.real_stream import trade
from whale_platform_tests.support.kafka_server import KafkaServer as Kafka

pytestmark = pytest.mark.process
BOTH: Any = {"windows": "realtime", "whales": "realtime"}


class Answered(TopicFlow):
    """Looks again until the broker has answered, which a busy machine may not do within the time of one look."""

    def update(self, modes: Any) -> None:
        def answered() -> bool:
            super(Answered, self).update(modes)
            return self.behind["windows"] != UNKNOWN_LAG

        wait_for("the broker's answer", answered)


class Topics:
    """The raw topic and what the queries would put out of it."""

    def __init__(self, kafka: Kafka, home: Path) -> None:
        self._bootstrap, self.home = kafka.bootstrap, home
        self.folders = {query: home / query for query in ("windows", "whales")}

    def flow(self, run: str = "run-1", kind: type[TopicFlow] = Answered) -> TopicFlow:
        named = {"home": self.home, "kafka_bootstrap": str(self._bootstrap), "spark_master": "spark://elsewhere:7077"}
        return kind(Settings.model_validate(named), cast("Any", None), [0, 1], self.folders, run)

    def arrive(self, part: int, *numbers: int) -> None:
        self._send([(RAW_TRADES, part, raw_trade.encode_trade(trade("A", number))) for number in numbers])

    def broken(self, part: int) -> None:
        self._send([(RAW_TRADES, part, b"{")])

    def put_out(self, part: int, offset: int, run: str = "run-1", times: int = 1) -> None:
        """A window whose newest trade lies there; as the first of `times` in its partition, so the later are broken."""
        value = f'{{"v":1,"trade_count":3,"partition":{part},"offset":{offset},"run_id":"{run}"}}'
        self._send([(TRADE_WINDOWS, part, value.encode())] + [(TRADE_WINDOWS, part, b"{")] * (times - 1))

    def read(self, part: int, offset: int, run: str = "run-1") -> None:
        """What the whales' query says of itself where nobody can ask it."""
        value = f'{{"partition":{part},"offset":{offset},"run_id":"{run}"}}'
        self._send([(STREAM_POSITIONS, 0, value.encode())])

    def commit(self, query: str, batch: int, ends: dict[int, int]) -> None:
        for log, text in (("offsets", "v1\n{}\n" + json.dumps({RAW_TRADES: ends})), ("commits", "v1\n{}")):
            (self.folders[query] / log).mkdir(parents=True, exist_ok=True)
            (self.folders[query] / log / str(batch)).write_text(text)

    def _send(self, messages: list[tuple[str, int, bytes]]) -> None:
        producer = TradeProducer(self._bootstrap, "test")
        for topic, part, value in messages:
            producer._producer.produce(topic, value, b"k", part)
        assert producer.close(30) == 0


@pytest.fixture
def there(kafka: Kafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Topics:
    monkeypatch.setattr(topic_offsets, "TIMEOUT_S", 120.0)  # each look of a test has to be answered
    monkeypatch.setattr(positions, "READ_S", 120.0)  # and to read all there is, which the service leaves to the next
    return Topics(kafka, tmp_path)


def test_lag_is_what_is_in_the_topic_and_not_out(there: Topics) -> None:
    there.arrive(0, *range(10))
    there.put_out(0, 9, run="an earlier run")
    flow = there.flow()
    flow.update(BOTH)
    assert flow.behind["windows"].trades == 10
    there.put_out(0, 3)
    there.put_out(0, 9, run="another run")
    there.arrive(1, 10, 11)
    flow.update(BOTH)
    assert flow.behind["windows"].trades == 8
    there.put_out(0, 9)
    there.put_out(1, 1, times=3_000)
    flow.update(BOTH)
    assert flow.behind["windows"] == QueryLag(2, flow.behind["windows"].seconds), "only the newest 2,000 are looked at"
    there.put_out(1, 1)
    flow.update(BOTH)
    assert flow.behind["windows"] == QueryLag(0, 0.0)


def test_whales_whose_executors_are_elsewhere_say_how_far_they_have_read(
    there: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = there.flow()
    flow.update(BOTH)
    flow.mark_start("whales")
    there.arrive(0, *range(100))
    there.arrive(1, *range(HIDDEN_TRADES - 1))
    flow.update(BOTH)
    assert flow.behind["whales"].trades == 100, "so few as in partition 1 may be out without having said so"
    there.read(0, 40)
    there.read(1, 20, run="another run")
    flow.update(BOTH)
    assert flow.behind["whales"].trades == 59
    assert (flow.behind["whales"].seconds or 0) > 0
    there.read(0, 80)
    flow.update(BOTH)
    assert flow.behind["whales"] == QueryLag(0, 0.0)
    there.arrive(1, *range(100))
    flow.update(BOTH)
    assert flow.behind["whales"].trades == 100 + HIDDEN_TRADES - 1
    there.commit("whales", 0, {0: 100, 1: 100 + HIDDEN_TRADES - 1})
    flow.update(BOTH)
    assert flow.behind["whales"] == QueryLag(0, 0.0)
    there.arrive(1, 1)
    flow.update(BOTH)
    assert flow.behind["whales"] == QueryLag(0, 0.0)
    monkeypatch.setattr(flow_module, "HIDDEN_S", 0.0)
    flow.update(BOTH)
    assert flow.behind["whales"].trades == 1, "a query that hangs is not hidden for ever"


def test_a_micro_batch_is_out_when_it_is_finished_and_a_query_that_begins_anew_has_put_out_nothing(
    there: Topics,
) -> None:
    there.arrive(0, *range(10))
    flow = there.flow()
    flow.update(BOTH)
    there.put_out(0, 7)
    flow.update({"windows": "microbatch"})
    assert flow.behind["windows"].trades == 10, "other windows of the batch may be missing"
    there.commit("windows", 0, {0: 6, 1: 0})
    flow.update({"windows": "microbatch"})
    assert flow.behind["windows"].trades == 4
    flow.update(BOTH)
    assert flow.behind["windows"].trades == 2
    flow.mark_start("windows")
    flow.update(BOTH)
    assert flow.behind["windows"].trades == 4
    there.put_out(0, 9)
    flow.update(BOTH)
    assert flow.behind["windows"].trades == 0


def test_ready_is_who_has_put_out_what_was_there_at_the_beginning(there: Topics) -> None:
    there.arrive(0, *range(10))
    flow = there.flow()
    flow.update({})
    flow.mark_start("windows")
    flow.update(BOTH)
    assert not flow.has_caught_up("windows", lambda: True)
    there.arrive(0, 10)
    there.put_out(0, 9)
    flow.update(BOTH)
    assert flow.has_caught_up("windows", lambda: False) and flow.behind["windows"].trades == 1


def test_the_spread_of_what_waits_is_between_its_first_and_last_event_in_any_partition(there: Topics) -> None:
    there.arrive(0, *range(0, 36_000, 1_000))
    there.arrive(1, 72_000, 72_001)
    flow = there.flow()
    flow.update({})
    assert flow.spread_s("windows") == pytest.approx(7_200.1)
    there.commit("windows", 0, {0: 36, 1: 1})
    flow.update({})
    assert flow.spread_s("windows") == 0
    there.broken(1)
    flow.update({})
    assert flow.spread_s("windows") == inf, "nobody knows, so nothing may be dropped"
    assert (flow.behind["windows"].trades, 0 <= (flow.behind["windows"].seconds or 0) < 60) == (2, True)


def test_while_the_broker_is_away_the_lag_is_unknown(there: Topics, kafka: Kafka) -> None:
    there.arrive(0, 1)
    flow = there.flow(kind=TopicFlow)

    def known() -> bool:
        flow.update(BOTH)
        return flow.behind["windows"].trades == 1

    wait_for("the lag to be known", known)
    kafka.kill()
    try:
        flow.update(BOTH)
        assert flow.behind == {"windows": UNKNOWN_LAG, "whales": UNKNOWN_LAG}
    finally:
        kafka.start()

    wait_for("the lag to be known again", known)
