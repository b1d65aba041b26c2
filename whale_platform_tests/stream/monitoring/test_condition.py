"""The stream's state and its words, second by second."""

from whale_platform.stream.monitoring.condition import StreamCondition
from whale_platform.stream.monitoring.lag import UNKNOWN_LAG, QueryLag

CALM = {"windows": QueryLag(12, 0.1), "whales": QueryLag(0, 0.0)}
LATE = {"windows": QueryLag(12_400, 14.2), "whales": QueryLag(300, 0.41)}


def test_it_starts_until_trades_flow_and_says_how_far_it_is() -> None:
    seen = StreamCondition()
    assert seen.update(0, {"windows": UNKNOWN_LAG, "whales": UNKNOWN_LAG}, None, reached=False) == (
        "starting",
        "the queries begin",
    )
    state, detail = seen.update(1, LATE, 900.0, reached=False)
    assert (state, detail) == (
        "starting",
        "windows are 12,400 trades (14 s) behind: 900 trades/s come out; whales are 0.4 s behind",
    )
    assert seen.update(2, CALM, 900.0, reached=True) == ("ready", "")
    assert seen.update(3, CALM, 900.0, reached=False) == ("ready", ""), "it has been, and a checkpoint is no start"


def test_who_is_behind_says_so_with_the_rate_it_holds_until_it_has_caught_up() -> None:
    seen = StreamCondition()
    seen.update(0, CALM, 1_000.0, reached=True)
    state, detail = seen.update(1, LATE, 900.4, reached=True)
    assert (state, detail) == (
        "degraded",
        "windows are 12,400 trades (14 s) behind: this machine holds about 900 trades/s; whales are 0.4 s behind",
    )
    assert seen.behind_since == 1
    still = {"windows": QueryLag(4_000, 6.0), "whales": QueryLag(0, 0.0)}
    assert seen.update(2, still, 900.0, reached=True)[0] == "degraded", "not well below it yet"
    assert seen.behind_since == 1
    assert seen.update(3, CALM, 900.0, reached=True) == ("ready", "")
    assert seen.update(4, still, 900.0, reached=True) == ("ready", "")


def test_whales_alone_may_be_behind() -> None:
    seen = StreamCondition()
    seen.update(0, CALM, 1_000.0, reached=True)
    late = {"windows": QueryLag(0, 0.0), "whales": QueryLag(9_000, 5.5)}
    assert seen.update(1, late, 900.0, reached=True) == ("degraded", "whales are 5.5 s behind")


def test_a_broker_that_does_not_answer_makes_it_unknown_not_ready() -> None:
    seen = StreamCondition()
    seen.update(0, CALM, 1_000.0, reached=True)
    silent = {"windows": UNKNOWN_LAG, "whales": UNKNOWN_LAG}
    assert seen.update(5, silent, None, reached=True)[0] == "ready"
    state, detail = seen.update(11, silent, None, reached=True)
    assert state == "degraded" and "broker does not answer" in detail
    assert seen.update(12, CALM, None, reached=True) == ("ready", "")


def test_other_trouble_is_said_beside_it() -> None:
    seen = StreamCondition()
    assert seen.update(0, CALM, 1.0, reached=True, trouble="the lake's query failed") == (
        "degraded",
        "the lake's query failed",
    )
    state, detail = seen.update(1, LATE, 900.0, reached=True, trouble="the lake's query failed")
    assert state == "degraded" and detail.endswith("whales are 0.4 s behind; the lake's query failed")
