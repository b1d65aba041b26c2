"""When another start is worth it, from what was lived so far."""

import pytest

from whale_platform.supervision.errors import ServiceBlockedError
from whale_platform.supervision.policy.backoff import RestartBackoff, ServiceLifetime
from whale_platform.supervision.policy.run_history import RunHistory, describe_exit
from whale_platform.supervision.runtime import exit_codes


def test_short_lives_wait_ever_longer_and_forgiven_they_do_not() -> None:
    past, waits = RunHistory(RestartBackoff(first_s=1, cap_s=100, healthy_after_s=5)), []
    for at in (10.0, 20.0, 30.0):
        past.record_exit(ServiceLifetime(at, at + 1, 1), "no broker")
        waits.append(past.retry_at - (at + 1))
    assert (waits, past.short_lives) == ([1, 2, 4], 3)
    assert past.reason == "ended with code 1: no broker"
    past.reset()
    assert (past.retry_at, past.short_lives) == (0, 0)


@pytest.mark.parametrize("error", [ServiceBlockedError("free port 9092"), OSError("no such file")])
def test_only_what_needs_a_person_waits_for_one(error: Exception) -> None:
    past = RunHistory(RestartBackoff())
    past.record_failed_start(ServiceLifetime(1, 1, None), error)
    assert past.reason == str(error)
    assert past.blocked == (str(error) if isinstance(error, ServiceBlockedError) else None)
    past.reset()
    assert past.blocked is None


def test_a_process_that_says_it_is_blocked_is_believed_in_its_own_words() -> None:
    past = RunHistory(RestartBackoff())
    past.record_exit(ServiceLifetime(1, 9, exit_codes.BLOCKED), "the checkpoint is of another topic")
    assert past.blocked == "the checkpoint is of another topic"


def test_exit_codes_in_words() -> None:
    assert describe_exit(-9) == "ended by SIGKILL"
    assert describe_exit(3) == "ended with code 3"
    assert describe_exit(76) == "another process already is this service"
