"""No whale missed, none doubled, wherever a client or the server is cut off."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from whale_platform.api.errors import HistoryUnavailableError, InvalidCursorError
from whale_platform.api.push.fanout import whale_subscription
from whale_platform.api.push.fanout.client_limits import make_filter
from whale_platform.api.push.fanout.message_text import format_iso_ms
from whale_platform.api.push.fanout.whale_cursor import MAX_MS, WhaleCursor, parse_cursor
from whale_platform.api.push.fanout.whale_log import AlertRecord, PushedWhale, WhaleLog
from whale_platform.api.push.fanout.whale_subscription import WhaleDelivery, WhaleSubscription
from whale_platform.api.push.sources.whale_history import AT_ONCE, MAX_PENDING_PER_ADDRESS, WhaleHistory
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform_tests.api.push.builders import Topic, sweep, whale

RUNNER = asyncio.Runner()  # an event loop for each call would be most of the work


@pytest.fixture(autouse=True, scope="module")
def close_runner() -> Iterator[None]:
    yield
    RUNNER.close()


def all_of(one: PushedWhale) -> bool:
    return True


def take(follower: WhaleSubscription, most: int = 500) -> list[WhaleDelivery]:
    return RUNNER.run(follower.next_deliveries(most))


def log_of(topic: Topic, kept: int, back: int = 0, order: int = 0) -> WhaleLog:
    """A server that has just started: the last `back` messages, partitions in either order."""
    log = WhaleLog(kept)
    log.start_from("t", {p: max(topic.low[p], len(part) - back) for p, part in topic.partitions.items()})
    for partition in (0, 1) if order else (1, 0):
        log.add(topic.partitions[partition])
    log.ready = True
    return log


@given(st.dictionaries(st.integers(0, 99_999), st.integers(0, 10**17), max_size=20), st.integers(0, 10**14))
def test_a_cursor_survives_its_text(places: dict[int, int], time_ms: int) -> None:
    cursor = WhaleCursor("Ab-_+/9=", time_ms, places)
    assert parse_cursor(cursor.format_text()) == cursor


@given(st.integers(0, 10**15 - 1))
def test_a_time_that_the_tables_can_be_asked_for_or_no_cursor(time_ms: int) -> None:
    text = WhaleCursor("t", time_ms).format_text()
    if time_ms > MAX_MS:
        with pytest.raises(InvalidCursorError):
            parse_cursor(text)
    else:
        past = WhaleHistory(KafkaCluster("127.0.0.1:1"), None)
        with pytest.raises(HistoryUnavailableError):
            past._query_tables(lambda: "postgresql://127.0.0.1:1/none", parse_cursor(text).time_ms, 1)
        assert format_iso_ms(time_ms).endswith("Z")


@pytest.mark.parametrize("text", ["", "x", "é", "MS4", "A" * 9_000, "MS50LjEuMTox\n", "=", "MS5hLjEuMToyLDE6"])
def test_no_cursor(text: str) -> None:
    with pytest.raises(InvalidCursorError):
        parse_cursor(text)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("whale"), st.integers(0, 1)),
        st.tuples(st.just("grow"), st.integers(0, 3)),
        st.tuples(st.just("again"), st.integers(0, 3)),
        st.tuples(st.just("junk"), st.integers(0, 1)),
        st.tuples(st.just("read"), st.integers(1, 4)),
        st.tuples(st.just("cut"), st.integers(0, 0)),
        st.tuples(st.just("restart"), st.integers(0, 1)),
        st.tuples(st.just("away"), st.integers(1, 2)),
    ),
    max_size=60,
)


W0, W1, GROW, AGAIN, RESTART = ("whale", 0), ("whale", 1), ("grow", 3), ("again", 3), ("restart", 0)


@settings(max_examples=400, deadline=None)
@example(
    [W0, W0, W0, W0, AGAIN, W0, W0, W0, W0, RESTART]
)  # its first message is read from Kafka, the second in the log
@example([W1, W0, W0, W0, AGAIN, ("read", 3), W1, W0, W0, W0, RESTART])  # the second message is read from Kafka
@example([W0, GROW, GROW, AGAIN, W0, W0, W0, ("cut", 0), AGAIN, RESTART, GROW])  # earlier states after later ones
@given(steps)
def test_each_state_once_and_none_set_back_across_disconnects_and_restarts(script: list[tuple[str, int]]) -> None:
    topic, kept, got, cursor = Topic(), 6, list[str](), ""
    emitted: list[list[AlertRecord]] = []  # the messages of each whale, by its number
    log = log_of(topic, kept)
    follower = WhaleSubscription(log, topic, all_of, log.build_cursor())
    follow_again = 0.0

    def read(most: int) -> None:
        nonlocal cursor
        follower._retry_at = follow_again
        for sent in take(follower, most):
            assert not sent.gap
            got.append(sent.body)
            cursor = sent.cursor

    cursor = log.build_cursor().format_text()
    for verb, value in script:
        states = emitted[-1 - value] if verb in ("grow", "again") and value < len(emitted) else []
        if verb == "whale":
            emitted.append([topic.add(value, sweep(len(emitted), 2))])
            log.add(emitted[-1])
        elif verb == "grow" and states:
            states.append(topic.add(states[0].partition, sweep(len(emitted) - 1 - value, len(states) + 2)))
            log.add(states[-1:])
        elif verb == "again":  # the stream begins again at the first state
            log.add([topic.add(one.partition, one.whale) for one in states])
        elif verb == "junk":
            log.add([topic.add(value, None)])
        elif verb == "read":
            read(value)
        elif verb == "away":
            topic.away = value
        else:
            if verb == "restart":
                # What was first emitted before the messages that a starting server reads is not known as repeated.
                back = 12 if all(step[0] != "again" for step in script) else 10_000
                log = log_of(topic, kept, back=back, order=value)
            follower = WhaleSubscription(log, topic, all_of, parse_cursor(cursor))
    for _ in range(200):
        read(500)
    sent = [tuple(map(int, body.split(":"))) for body in got]
    for number, states in enumerate(emitted):
        fills = [count for key, count in sent if key == number]
        assert fills == sorted(set(fills)), "once, and never set back"
        assert fills[-1] == len(states) + 1, "up to its last state"


def test_of_states_that_are_read_at_once_the_last_is_sent() -> None:
    topic = Topic()
    log = log_of(topic, 10)
    follower = WhaleSubscription(log, topic, all_of, None)
    log.add([topic.add(0, sweep(1, fills)) for fills in (2, 3, 4)])
    assert [sent.body for sent in take(follower)] == ["1:4"]
    log.add([topic.add(0, sweep(1, 3))])
    assert take(follower) == []
    log.add([topic.add(0, sweep(1, 5)), topic.add(0, sweep(2, 2))])
    assert [sent.body for sent in take(follower)] == ["1:5", "2:2"]


def test_only_the_wanted_kinds_are_sent() -> None:
    topic = Topic()
    log = log_of(topic, 10)
    wanted = make_filter(None, None, None, 9, ["sweep", "block"])
    follower = WhaleSubscription(log, topic, wanted.matches_whale, None)
    log.add([topic.add(0, whale(1)), topic.add(0, sweep(1, 2)), topic.add(0, whale(2))])
    assert [sent.body for sent in take(follower)] == ["1:2"]


def test_only_the_wanted_tiers_are_sent_and_a_sweep_from_then_on_that_it_is_of_one() -> None:
    topic = Topic()
    log = log_of(topic, 10)
    wanted = make_filter(None, None, None, 9, None, ["large", "giant"])
    follower = WhaleSubscription(log, topic, wanted.matches_whale, None)
    log.add([topic.add(0, replace(sweep(1, 2), tier="whale")), topic.add(0, replace(whale(2), tier="giant"))])
    assert [sent.body for sent in take(follower)] == ["2"]
    log.add([topic.add(0, replace(sweep(1, 30), tier="large"))])
    assert [sent.body for sent in take(follower)] == ["1:30"]


def test_what_a_log_remembers_is_bounded() -> None:
    topic = Topic()
    log = log_of(topic, 5)
    for number in range(40):
        log.add([topic.add(0, sweep(number % 4, 2 + number // 4)), topic.add(1, sweep(100 + number, 2))])
    assert sum(map(len, log._states.values())) <= 10


def test_what_is_filtered_out_moves_the_place() -> None:
    topic = Topic()
    log = log_of(topic, 10)
    follower = WhaleSubscription(log, topic, lambda one: one.notional_usd > 5, None)
    assert take(follower) == []
    log.add([topic.add(0, whale(1, 3)), topic.add(1, whale(2, 9)), topic.add(0, whale(3, 3))])
    assert [sent.body for sent in take(follower)] == ["2"]
    assert parse_cursor(follower.cursor).offsets == {0: 2, 1: 1}


def test_expired_offsets_come_from_the_tables_after_a_notice() -> None:
    topic = Topic()
    begin = log_of(topic, 3).build_cursor()
    for number in range(1, 21):
        topic.add(number % 2, whale(number))
    topic.low = {0: 5, 1: 5}
    follower = WhaleSubscription(log_of(topic, 3), topic, all_of, begin)
    sent = [one for _ in range(10) for one in take(follower)]
    assert sent[0].gap == "Kafka no longer has them"
    assert sorted(int(one.body) for one in sent if one.body) == list(range(1, 21))


def test_a_recreated_topic_is_read_from_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whale_subscription, "OVERLAP_MS", 0)
    topic = Topic()
    for number in range(1, 7):
        topic.add(0, whale(number))
    follower = WhaleSubscription(log_of(topic, 3), topic, all_of, WhaleCursor("old", 4, {0: 900}))
    sent = [one for _ in range(5) for one in take(follower)]
    assert "recreated" in sent[0].gap
    assert [one.body for one in sent[1:4]] == ["4", "5", "6"]
    assert sorted(int(one.body) for one in sent[4:]) == [1, 2, 3]  # of the new topic, so not yet sent


def test_a_place_beyond_the_topics_end_is_told() -> None:
    topic = Topic()
    topic.add(0, whale(1))
    log = log_of(topic, 3)
    follower = WhaleSubscription(log, topic, all_of, WhaleCursor("t", 1, {0: 7}))
    assert "lost its newest" in take(follower)[0].gap
    log.add([topic.add(0, whale(2))])
    assert [sent.body for sent in take(follower)] == ["2"]


def test_a_forged_place_in_a_partition_that_is_not_there_is_forgotten() -> None:
    topic = Topic()
    topic.add(0, whale(1))
    log = log_of(topic, 10)
    follower = WhaleSubscription(log, topic, all_of, WhaleCursor("t", 1, {0: 0, 1: 0, 77: 10**17}))
    sent = [one for _ in range(3) for one in take(follower)]
    assert [one.body for one in sent] == ["1"] and parse_cursor(follower.cursor).offsets == {0: 1, 1: 0}
    log.add([topic.add(0, whale(number)) for number in range(2, 6)])
    assert [one.body for one in take(follower)] == ["2", "3", "4", "5"]
    assert not follower._seen, "what it was sent is not kept for ever"


def test_before_the_log_is_ready_nothing_is_sent() -> None:
    follower = WhaleSubscription(WhaleLog(), Topic(), all_of, None)
    assert take(follower) == []
    assert follower.cursor == ""


@pytest.mark.parametrize("filtered", [False, True])
def test_a_long_log_is_walked_at_once(filtered: bool) -> None:
    """Of 3,000 whales since the server's start a client missed the last five, or wants only those."""
    topic = Topic()
    for number in range(3_000):
        topic.add(0, whale(number, 5_000_000 if number >= 2_995 else 60_000))
    log = log_of(topic, 5_000, back=5_000)
    begin = WhaleCursor("t", 0, {0: 0 if filtered else 2_995, 1: 0})
    least = 1_000_000 if filtered else 0
    follower = WhaleSubscription(log, topic, lambda one: one.notional_usd >= least, begin)
    assert [sent.body for sent in take(follower)] == [str(number) for number in range(2_995, 3_000)]


def test_who_begins_now_has_a_cursor_at_once() -> None:
    topic = Topic()
    topic.add(0, whale(1))
    follower = WhaleSubscription(log_of(topic, 10, back=10), topic, all_of, None)
    assert parse_cursor(follower.cursor).offsets == {0: 1, 1: 0}


def test_who_resumes_from_the_beginning_again_and_again_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    may_answer, reading = threading.Event(), list[int]()

    def slow(past: WhaleHistory, partition: int, *_: int) -> list[AlertRecord]:
        reading.append(partition)
        may_answer.wait(30)
        return []

    async def scene() -> None:
        past = WhaleHistory(KafkaCluster("127.0.0.1:1"), None)
        greedy = [asyncio.create_task(past.for_client("10.0.0.1").read_kafka(0, 0, 9, 1)) for _ in range(50)]
        while sum(task.done() for task in greedy) < 50 - MAX_PENDING_PER_ADDRESS or len(reading) < AT_ONCE:
            await asyncio.sleep(0.01)
        other = asyncio.create_task(past.for_client("10.0.0.2").read_kafka(1, 0, 9, 1))
        await asyncio.sleep(0)
        may_answer.set()
        assert await other == [] and reading == [0] * MAX_PENDING_PER_ADDRESS + [1]
        found = await asyncio.gather(*greedy, return_exceptions=True)
        assert sum(isinstance(one, HistoryUnavailableError) for one in found) == 50 - MAX_PENDING_PER_ADDRESS
        assert await past.for_client("10.0.0.1").read_kafka(2, 0, 9, 1) == [], "its turn comes again"

    monkeypatch.setattr(WhaleHistory, "_scan_kafka", slow)
    asyncio.run(scene())
