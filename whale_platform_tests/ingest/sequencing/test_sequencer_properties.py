"""Whatever the network, the history and the restarts do: each id once, ascending except below background holes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from whale_platform.domain.trade import Trade
from whale_platform.ingest.recovery.topic_tail import SymbolTail
from whale_platform.ingest.sequencing import backfill_range, gap_tracker
from whale_platform.ingest.sequencing.gap import SequenceGap
from whale_platform.ingest.sequencing.sequencer import Sequencer
from whale_platform_tests.ingest.builders import trade

SIZE = 60
STEP = st.one_of(
    st.tuples(st.just("live"), st.integers(1, SIZE)),
    st.tuples(st.just("stream"), st.integers(1, 12)),
    st.tuples(st.just("last"), st.integers(1, SIZE)),
    st.tuples(st.just("skip"), st.integers(1, SIZE)),
    st.tuples(st.just("arrive"), st.integers(1, SIZE)),
    st.tuples(st.sampled_from(["repair", "background", "restart", "reconnect"]), st.just(0)),
)


class World:
    """A symbol with ids 1 to SIZE of which some are absent, one sequencer after the other, one topic."""

    def __init__(self, absent: set[int], bad: set[int]) -> None:
        self.absent, self.bad = absent, bad
        self.topic: list[Trade] = []
        self.tail = SymbolTail()
        self.sequencer = Sequencer(next_id=1, newest_time=trade(0).event_time)
        self.tail.add(0)
        self.sent = 1
        self.accounted: set[int] = set()
        self.arrived: set[int] = set()
        self.late: set[int] = set()

    def publish(self, trades: object) -> None:
        assert isinstance(trades, list | tuple)
        for one in trades:
            self.topic.append(one)
            self.tail.add(one.trade_id)
        self.account()

    def account(self) -> None:
        for gap in [*self.sequencer.record.events, *self.sequencer.quarantined.rows]:
            if isinstance(gap, SequenceGap):
                self.accounted |= {n for a, b in [*gap.absent, *gap.kept] for n in range(a, b + 1)}

    def take(self, number: int) -> None:
        if number in self.absent and number not in self.arrived:
            return
        if number in self.bad:
            self.publish(self.sequencer.skip(number, 1))
            return
        if number < (self.sequencer.next_id or 0):
            self.late.add(number)  # it was passed by: in a background gap, or by a history that lacked it
        self.publish(self.sequencer.add_live(trade(number)))

    def step(self, action: str, number: int) -> None:
        if action == "live":
            self.take(number)
        elif action == "stream":
            for offset in range(number):
                self.take(min(SIZE, self.sent + offset))
            self.sent = min(SIZE, self.sent + number)
        elif action == "last" and number not in self.absent | self.bad:
            self.publish(self.sequencer.add_last_trade(trade(number)))
        elif action == "skip" and number in self.bad:
            self.publish(self.sequencer.skip(number, 1))
        elif action == "repair":
            self.repair()
        elif action == "background":
            self.publish(self.sequencer.move_to_background(1))
        elif action == "arrive" and number in self.absent and number < (self.sequencer.next_id or 0):
            self.arrived.add(number)  # history lacked it, and it exists after all
            self.take(number)
        elif action == "reconnect":
            self.sequencer.record_connection()
        elif action == "restart":
            assert self.tail.last is not None
            gaps = [SequenceGap(a, b, "restart", 1, "background", progress_id=a) for a, b in self.tail.missing]
            self.sequencer = Sequencer(self.tail.last + 1, gaps, trade(self.tail.last).event_time)

    def repair(self) -> None:
        if self.sequencer.needs_history():
            behind = (self.sequencer.next_id or 0) - 1
            same_id = None if behind in self.absent - self.arrived else trade(behind)
            self.publish(self.sequencer.judge(trade(SIZE), same_id, 1))
        id_range = self.sequencer.find_wanted()
        if id_range is None:
            return
        found = {
            n: None if n in self.bad else trade(n, source="repair")
            for n in range(id_range.first_id - 2, id_range.last_id + 3)
            if n not in self.absent - self.arrived
        }
        self.publish(self.sequencer.fill(id_range, found, 1))


@settings(max_examples=500, deadline=None)
@given(
    st.sets(st.integers(1, SIZE - 1), max_size=8),
    st.sets(st.integers(1, SIZE - 1), max_size=4),
    st.lists(STEP, max_size=60),
    st.sampled_from([3, 10, 1000]),
    st.sampled_from([2, 7, 1000]),
    st.sampled_from([1, 3, 50]),
)
def test_every_id_once_and_in_order(
    absent: set[int], bad: set[int], steps: list[tuple[str, int]], inline: int, pending: int, id_range: int
) -> None:
    before = gap_tracker.INLINE_MAX, gap_tracker.PENDING_MAX, backfill_range.BACKFILL_IDS
    gap_tracker.INLINE_MAX, gap_tracker.PENDING_MAX, backfill_range.BACKFILL_IDS = inline, pending, id_range
    try:
        world = World(absent, bad - absent)
        for action, number in steps:
            world.step(action, number)
        for number in range(1, SIZE + 1):
            world.take(number)
        while world.sequencer.find_wanted() is not None:
            world.repair()
        for number in range(1, SIZE + 1):
            world.take(number)
        while world.sequencer.find_wanted() is not None:
            world.repair()
        for _ in range(2):  # a far id is believed when it comes again
            world.take(SIZE)
        while world.sequencer.find_wanted() is not None:
            world.repair()
        check(world)
    finally:
        gap_tracker.INLINE_MAX, gap_tracker.PENDING_MAX, backfill_range.BACKFILL_IDS = before


def check(world: World) -> None:
    published = [one.trade_id for one in world.topic]
    assert len(published) == len(set(published)), "published twice"
    assert set(published) == set(range(1, SIZE + 1)) - (world.absent - world.arrived) - world.bad, "lost, or made up"
    top = 0
    for one in world.topic:
        late = one.source == "repair" or one.trade_id in world.late
        assert one.trade_id > top or late, "a live trade out of order"
        top = max(top, one.trade_id)
