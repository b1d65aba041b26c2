"""Asking for symbols in messages, and finding the one that is refused."""

from collections.abc import Collection

from hypothesis import given
from hypothesis import strategies as st

from whale_platform.ingest.subscriptions import ANSWER_S, Subscriptions

NAMES = [f"S{number}" for number in range(40)]


def talk(asking: Subscriptions, bad: Collection[str], named: bool) -> tuple[set[str], list[str], int]:
    """An exchange that refuses a message as a whole: (taken, refused, messages)."""
    taken: set[str] = set()
    refused: list[str] = []
    now, messages = 0.0, 0
    while symbols := asking.due(now):
        messages += 1
        wrong = [symbol for symbol in symbols if symbol in bad]
        if wrong:
            found = asking.refused(wrong[0] if named else "")
            refused += [found] if found is not None else []
        else:
            taken.update(symbols)
            asking.answered()
        now += 1.0
    return taken, refused, messages


@given(st.sets(st.sampled_from(NAMES)), st.integers(1, 40), st.booleans())
def test_every_good_symbol_is_taken_and_every_bad_one_is_found(bad: set[str], per_message: int, named: bool) -> None:
    taken, refused, messages = talk(Subscriptions(NAMES, per_message, 2.0), bad, named)
    assert taken == set(NAMES) - bad and sorted(refused) == sorted(bad)
    assert messages <= 40 / per_message + 1 + (len(bad) if named else 2 * 6 * len(bad))


def test_messages_keep_the_pace_and_wait_for_answers() -> None:
    asking = Subscriptions(["A", "B", "C"], 1, 2.0)
    assert asking.due(0.0) == ["A"] and asking.due(0.6) == []
    asking.answered()
    assert asking.due(0.4) == [] and asking.due(0.5) == ["B"]
    assert asking.due(0.5 + ANSWER_S) == ["C"], "no answer is waited for for ever"
    asking.add(["D"])
    asking.answered()
    assert asking.due(100.0) == ["D"] and asking.due(200.0) == []


def test_a_refusal_that_nobody_asked_for_changes_nothing() -> None:
    asking = Subscriptions(["A"], 1, 2.0)
    assert asking.due(0.0) == ["A"]
    asking.answered()
    assert asking.refused("") is None and asking.due(99.0) == []
