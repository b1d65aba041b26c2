"""Asking for symbols in messages, finding the one that is refused, and what happens without answers."""

from collections.abc import Collection

from hypothesis import given
from hypothesis import strategies as st

from whale_platform.ingest.connections.subscriptions import (
    MAX_MISSES,
    RESPONSE_S,
    MessageRateLimit,
    Subscriptions,
)

NAMES = [f"S{number}" for number in range(40)]


def asks(names: Collection[str], per_message: int = 1, per_second: float = 2.0) -> Subscriptions:
    return Subscriptions(list(names), per_message, MessageRateLimit(per_second))


def talk(asking: Subscriptions, bad: Collection[str], named: bool) -> tuple[set[str], list[str], int]:
    """An exchange that refuses a message as a whole: (taken, refused, messages)."""
    taken: set[str] = set()
    refused: list[str] = []
    now, messages = 0.0, 0
    while symbols := asking.take_due_symbols(now):
        messages += 1
        wrong = [symbol for symbol in symbols if symbol in bad]
        if wrong:
            found = asking.handle_refusal(wrong[0] if named else "", asking.number)
            refused += [found] if found is not None else []
        else:
            taken.update(symbols)
            asking.confirm(asking.number)
        now += 1.0
    return taken, refused, messages


@given(st.sets(st.sampled_from(NAMES)), st.integers(1, 40), st.booleans())
def test_every_good_symbol_is_taken_and_every_bad_one_is_found(bad: set[str], per_message: int, named: bool) -> None:
    asking = asks(NAMES, per_message)
    taken, refused, messages = talk(asking, bad, named)
    assert taken == set(NAMES) - bad and sorted(refused) == sorted(bad) and asking.left == ()
    assert messages <= 40 / per_message + 1 + (len(bad) if named else 2 * 6 * len(bad))


@given(st.sets(st.integers(1, 60)), st.integers(1, 40), st.booleans(), st.integers(0, 30))
def test_no_symbol_is_forgotten_whichever_answers_are_lost_or_late(
    lost: set[int], per_message: int, by_name: bool, late_s: int
) -> None:
    """Until it is known to be subscribed, or the connection useless, a symbol is among those `left`."""
    asking = asks(NAMES, per_message)
    subscribed: set[str] = set()
    answers: list[tuple[float, int, set[str]]] = []
    now = 0.0
    while asking.left and not asking.useless:
        if symbols := asking.take_due_symbols(now):
            subscribed |= set(symbols)
            if asking.number not in lost:
                answers.append((now + late_s, asking.number, set(subscribed)))
        assert set(NAMES) - set(asking.left) - set(asking.given_up) <= subscribed
        for due in [one for one in answers if one[0] <= now]:
            answers.remove(due)
            before = set(asking.left)
            asking.confirm(*((None, due[2]) if by_name else (due[1], None)))
            assert before - set(asking.left) <= due[2]
        now += 1.0
        assert now < 10_000, "it goes on for ever"
    assert asking.useless or subscribed == set(NAMES)


def test_messages_keep_the_pace_of_all_connections_and_wait_for_answers() -> None:
    pace = MessageRateLimit(2.0)
    one, other = Subscriptions(["A", "B"], 1, pace), Subscriptions(["C"], 1, pace)
    assert one.take_due_symbols(0.0) == ["A"] and one.take_due_symbols(0.6) == []
    one.confirm()
    assert other.take_due_symbols(0.7) == ["C"] and one.take_due_symbols(0.9) == [], "two in this second"
    assert one.take_due_symbols(1.0) == ["B"]
    one.add(["D"])
    one.confirm(2)
    assert one.take_due_symbols(100.0) == ["D"] and one.left == ("D",)


def test_what_is_not_answered_is_asked_for_again_in_halves_behind_the_others() -> None:
    asking = asks(NAMES[:6], 4)
    assert asking.take_due_symbols(0.0) == NAMES[:4] and asking.take_due_symbols(RESPONSE_S - 0.1) == []
    assert asking.take_due_symbols(RESPONSE_S) == NAMES[4:6], "no answer is waited for for ever"
    asking.confirm(2)
    assert asking.take_due_symbols(20.0) == NAMES[:2]
    asking.confirm(1)
    assert not asking.left and asking.take_due_symbols(99.0) == [], (
        "the late answer was to the first one, and is for all of it"
    )


def test_an_answer_counts_for_its_own_message_only() -> None:
    asking = asks(["A", "B"])
    assert asking.take_due_symbols(0.0) == ["A"] and asking.take_due_symbols(RESPONSE_S) == ["B"]
    asking.confirm(1)
    assert asking.left == ("B",) and asking.take_due_symbols(RESPONSE_S + 1) == [], "B's own answer is still to come"
    asking.confirm(symbols=frozenset({"A"}))
    assert asking.left == ("B",)
    asking.confirm(symbols=frozenset({"A", "B"}))
    assert not asking.left


def test_without_any_answer_the_connection_is_useless_and_with_others_one_symbol_is_given_up() -> None:
    asking = asks(["A", "B", "C"])
    for miss in range(MAX_MISSES + 1):
        asking.take_due_symbols(miss * RESPONSE_S)
        assert asking.useless == (miss >= MAX_MISSES)
    deaf = asks(["A", "B"])
    now = 0.0
    while deaf.left:
        if deaf.take_due_symbols(now) == ["B"]:
            deaf.confirm(deaf.number)
        now += 1.0
    assert deaf.given_up == ["A"] and not deaf.useless


def test_a_refusal_that_nobody_asked_for_changes_nothing() -> None:
    asking = asks(["A"])
    assert asking.take_due_symbols(0.0) == ["A"]
    asking.confirm()
    assert asking.handle_refusal("") is None and asking.take_due_symbols(99.0) == []
