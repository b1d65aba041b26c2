"""What the hub remembers of windows, and whom it tells what, without a server."""

import json
from typing import cast

import pytest

from whale_platform.api.push.fanout import recent_windows
from whale_platform.api.push.fanout.client_limits import StreamFilter
from whale_platform.api.push.fanout.client_queue import MAX_TICKS, ClientQueue
from whale_platform.api.push.fanout.hub import NOT_AUTHORISED, PushHub
from whale_platform_tests.api.push.test_hub import box_of, said, window


def missed(hub: PushHub, seq: int) -> tuple[bool, list[tuple[str, int]]]:
    """Whether a client that had all up to `seq` is told of a gap, and the windows it gets."""
    found = [json.loads(text) for text in hub.render_missed("windows", StreamFilter(), (hub.epoch, seq))]
    windows = [one for message in found if message["type"] == "windows" for one in message["windows"]]
    return found[:1] != [] and found[0]["type"] == "gap", [(one["symbol"], one["trade_count"]) for one in windows]


def test_only_so_many_windows_are_remembered_and_who_was_away_longer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_windows, "KEPT_WINDOWS", 2)
    hub = PushHub()
    for count, symbol in ((1, "A"), (1, "B"), (2, "A"), (1, "C")):  # numbers 1 to 4; B is the one forgotten
        hub.publish_tick([window(count, symbol)], {})
    assert missed(hub, 4) == (False, [])
    assert missed(hub, 3) == (False, [("C", 1)])
    assert missed(hub, 2) == (False, [("A", 2), ("C", 1)])
    assert missed(hub, 1) == (True, [("A", 2), ("C", 1)]), "B changed after 1"
    assert missed(hub, 5)[0], "a number that this server has not reached"


def test_who_is_slow_still_gets_a_window_that_changed_once() -> None:
    hub = PushHub()
    slow = box_of(hub, "windows")
    hub.publish_tick([window(1, "A")], {})
    for count in range(1, 10 * MAX_TICKS):
        hub.publish_tick([window(count, "B")], {})
    got = [(one["symbol"], one["trade_count"]) for message in said(slow) for one in message["windows"]]
    assert ("A", 1) in got and got[-1] == ("B", 10 * MAX_TICKS - 1) and len(got) <= MAX_TICKS + 1


def test_a_gap_forgets_the_windows_and_is_told_to_those_it_concerns() -> None:
    hub = PushHub()
    hub.publish_tick([window(1)], {})
    windows, whales = box_of(hub, "windows"), box_of(hub, "whales")
    hub.publish_gap("windows", "Kafka was away")
    assert [(one["type"], one["topic"], one["fetch"]) for one in said(windows)] == [("gap", "windows", "/windows")]
    assert said(whales) == []
    assert missed(hub, 1) == (True, [])
    assert missed(hub, hub.seq) == (False, [])


def test_only_followers_of_whales_are_woken() -> None:
    hub = PushHub()
    whales, windows = box_of(hub, "whales"), box_of(hub, "windows")
    hub.wake_subscriptions()
    assert (whales.has_items.is_set(), windows.has_items.is_set()) == (True, False)


def test_who_is_not_welcome_any_more_is_sent_away_and_at_the_end_everybody() -> None:
    hub = PushHub()
    removed, known = box_of(hub, "windows"), box_of(hub, "windows")
    removed.key, known.key = "removed", "known"
    hub.drop_stale_clients(10.0, lambda key: key == "known")
    assert [box.close_reason and box.close_reason[0] for box in (removed, known)] == [NOT_AUTHORISED, None]
    hub.leave(removed)
    assert hub.dropped == 0, "it was not slow"
    hub.disconnect_all()
    assert [box.close_reason and box.close_reason[0] for box in (removed, known)] == [NOT_AUTHORISED, 1012]


def test_who_comes_while_it_is_counted_disturbs_nobody() -> None:
    """/metrics asks in a thread while the loop lets clients in and out."""
    hub = PushHub()

    class Slow:
        @property
        def thinned(self) -> int:
            box_of(hub, "windows")
            return 1

    hub.join(cast("ClientQueue", Slow()))
    assert (hub.thinned, hub.clients) == (1, 2)
