"""The mode of the windows' query under loads that come and go, and that it never flutters."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale_platform.settings import Settings, StreamMode
from whale_platform.stream.query import mode_policy, queries
from whale_platform.stream.query.mode_policy import Mode, ModePolicy, ModeSample


class Machine:
    """Second by second: what the policy sees goes in, the mode it wants is taken up at once."""

    def __init__(self, mode: Mode = "realtime") -> None:
        self.now = 0.0
        self.policy = ModePolicy(mode, self.now)
        self.switches: list[tuple[float, Mode]] = []

    def run(
        self,
        seconds: int,
        trades: int | None,
        behind_s: float | None,
        busy: float | None = None,
        out: int | None = None,
    ) -> Mode:
        for _ in range(seconds):
            self.now += 1
            mode = self.policy.update(ModeSample(self.now, trades, behind_s, busy, out))
            if mode != self.policy.mode:
                self.switches.append((self.now, mode))
                self.policy.confirm_switch(mode, self.now)
        return self.policy.mode


def test_a_backlog_begins_in_micro_batches_and_a_caught_up_stream_in_real_time() -> None:
    assert [
        mode_policy.choose_start_mode(trades) for trades in (None, 0, mode_policy.BACKLOG, mode_policy.BACKLOG + 1)
    ] == [
        "realtime",
        "realtime",
        "realtime",
        "microbatch",
    ]


@pytest.mark.parametrize(
    ("wanted", "here", "on_a_cluster", "gathers"),
    [
        ("auto", "auto", "microbatch", True),
        ("realtime", "realtime", "realtime", False),
        ("microbatch", "microbatch", "microbatch", True),
    ],
)
def test_real_time_windows_are_gathered_unless_asked_for_and_are_none_on_a_cluster(
    wanted: StreamMode, here: StreamMode, on_a_cluster: StreamMode, gathers: bool
) -> None:
    for master, modes in (("local[8]", here), ("spark://master:7077", on_a_cluster)):
        settings = Settings(stream_mode=wanted, spark_master=master)
        assert queries.choose_windows_modes(settings) == modes
        assert queries.gathers_windows(settings) == gathers


def test_a_pause_at_a_checkpoint_changes_nothing() -> None:
    machine = Machine()
    for _ in range(50):
        machine.run(100, 20, 0.1)
        machine.run(18, 9_000, 18.0)
    assert machine.switches == []


def test_who_is_behind_for_long_switches_and_comes_back_when_it_is_calm() -> None:
    machine = Machine()
    assert machine.run(15, 5_000, 15.0) == "realtime"
    assert machine.run(10, 9_000, 20.0) == "microbatch"
    assert machine.run(300, 9_000, 20.0) == "microbatch"
    assert machine.run(100, 800, 1.0, busy=0.9) == "microbatch", "there is no room"
    assert machine.run(4, 800, 1.0, busy=0.3) == "microbatch", "it is calm for a moment only"
    assert machine.run(4, 800, 1.0, busy=0.3) == "realtime"


def test_a_backlog_that_nothing_follows_leaves_room_however_long_its_batch_took() -> None:
    machine = Machine("microbatch")
    assert machine.run(30, 30_000, 30.0) == "microbatch"
    assert machine.run(4, 0, 0.0, busy=35.0) == "microbatch"
    assert machine.run(3, 0, 0.0, busy=35.0) == "realtime"


def test_who_catches_up_is_left_alone_and_who_is_far_behind_is_not() -> None:
    machine = Machine()
    for trades in range(100_000, 1_000, -1_000):
        machine.run(1, trades, 60.0)
    machine = Machine()
    for trades in range(mode_policy.BACKLOG, 10, -500):
        machine.run(1, trades, 3_600.0)
    assert machine.switches == [], "a start with a few old trades"
    assert machine.run(1, mode_policy.BACKLOG + 1, mode_policy.FAR_S) == "microbatch", "a suspend"


def test_a_slow_start_is_no_failed_try() -> None:
    machine = Machine()
    assert machine.run(int(mode_policy.START_S) - 1, 2_000, 400.0, out=30_000) == "realtime", "nothing has come out yet"
    assert machine.run(int(mode_policy.LONG_S) - 1, 2_000, 400.0, out=30_001) == "realtime"
    assert machine.run(2, 2_000, 400.0, out=30_001) == "microbatch"
    assert Machine().run(int(mode_policy.START_S + mode_policy.LONG_S) + 1, 2_000, 400.0, out=30_000) == "microbatch", (
        "not for ever"
    )


def test_nothing_known_changes_nothing() -> None:
    for mode in ("realtime", "microbatch"):
        machine = Machine(mode)
        assert machine.run(500, None, None) == mode
        assert machine.run(500, 500_000, None) == mode


def test_where_real_time_never_pays_it_is_tried_ever_more_seldom() -> None:
    machine = Machine()
    for _ in range(24 * 3600):
        if machine.policy.mode == "realtime":
            machine.run(1, 9_000, 15.0)
        else:
            machine.run(1, 500, 1.0, busy=0.2)
    tries = [at for at, mode in machine.switches if mode == "realtime"]
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert pauses == sorted(pauses) and pauses[0] < 200 < 3_600 <= pauses[-1] < 3_700
    assert len(tries) < 32


def test_a_try_that_has_lasted_is_forgiven() -> None:
    machine = Machine()
    for _ in range(6):
        machine.run(25, 9_000, 15.0)
        machine.run(4_000, 500, 1.0, busy=0.2)
    assert machine.policy.mode == "realtime" and machine.policy.hold_off_s == mode_policy.FIRST_HOLD_OFF_S


_looks = st.lists(
    st.tuples(st.integers(1, 60), st.none() | st.integers(0, 10**6), st.none() | st.floats(0, 300), st.floats(0, 3)),
    max_size=80,
)


@given(_looks)
def test_it_never_flutters(looks: list[tuple[int, int | None, float | None, float]]) -> None:
    """After a switch to micro-batches the hold-off passes before the next try, whatever is seen."""
    machine = Machine()
    for seconds, trades, behind_s, busy in looks:
        machine.run(seconds, trades, behind_s, busy)
    for (earlier, mode), (later, _) in pairwise(machine.switches):
        assert later - earlier >= (mode_policy.FIRST_HOLD_OFF_S if mode == "microbatch" else 1)
    failures = [at for at, mode in machine.switches if mode == "microbatch"]
    assert len(failures) <= 1 + machine.now / mode_policy.FIRST_HOLD_OFF_S
