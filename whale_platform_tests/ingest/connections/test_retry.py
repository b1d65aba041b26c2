"""Back-off, silence and what an HTTP status means."""

from email.utils import formatdate
from time import time

import pytest

from whale_platform.ingest.connections.retry import (
    ATTEMPTS_SPAN_S,
    CAP_S,
    HEALTHY_S,
    MAX_ATTEMPTS,
    SILENCE_CAP_S,
    ReconnectBackoff,
    SilenceTimeout,
)
from whale_platform.ingest.transport.http_status import LONGEST_S, compute_retry_after_s, describe_http_error


def test_waits_grow_to_the_cap_and_are_forgotten_after_a_healthy_life() -> None:
    backoff = ReconnectBackoff(lambda: 1.0)
    waits = []
    for _ in range(12):
        backoff.record_end(lived_s=1, served=True)
        waits.append(backoff.wait_s(0))
    assert waits == sorted(waits) and waits[0] < 1 and waits[-1] == CAP_S
    backoff.record_end(lived_s=HEALTHY_S, served=True)
    assert backoff.wait_s(0) == waits[0]


def test_a_long_life_that_served_nothing_is_not_healthy() -> None:
    backoff = ReconnectBackoff(lambda: 1.0)
    for _ in range(12):
        backoff.record_end(lived_s=10_000, served=False)
    assert backoff.wait_s(0) == CAP_S


def test_waits_are_spread_over_the_upper_half_of_the_step() -> None:
    low, high = ReconnectBackoff(lambda: 0.0), ReconnectBackoff(lambda: 0.999)
    assert 0 < low.wait_s(0) < high.wait_s(0) <= 2 * low.wait_s(0)


def test_never_more_attempts_than_the_exchange_allows() -> None:
    backoff = ReconnectBackoff(lambda: 0.0)
    now, attempts = 0.0, []
    while now < 1000:
        backoff.record_attempt(now)
        attempts.append(now)
        backoff.record_end(lived_s=HEALTHY_S, served=True)
        now += backoff.wait_s(now)
    assert max(sum(start <= at < start + ATTEMPTS_SPAN_S for at in attempts) for start in attempts) <= MAX_ATTEMPTS


def test_a_quiet_market_is_asked_ever_more_rarely_and_a_busy_one_is_not() -> None:
    silence = SilenceTimeout(60)
    for _ in range(10):
        silence.record_end(silent=True, trades=3, longest_pause_s=50)
    assert silence.allowed_s == SILENCE_CAP_S
    silence.record_end(silent=True, trades=5_000, longest_pause_s=2)
    assert silence.allowed_s == 60
    silence.record_end(silent=True, trades=0, longest_pause_s=0)
    assert silence.allowed_s == 120
    silence.record_end(silent=False, trades=9, longest_pause_s=50)
    assert silence.allowed_s == 60


@pytest.mark.parametrize(
    ("status", "retry_after", "low", "high"),
    [
        (429, "7", 7, 7),
        (429, None, 1, 600),
        (418, "259200", LONGEST_S, LONGEST_S),
        (418, "99999999", LONGEST_S, LONGEST_S),
        (429, "-5", 1, 600),
        (429, "soon", 1, 600),
        (503, "12", 12, 12),
        (451, None, 60, 3600),
    ],
)
def test_waits_as_long_as_the_exchange_says(status: int, retry_after: str | None, low: float, high: float) -> None:
    told = compute_retry_after_s(status, retry_after)
    assert told is not None and low <= told <= high


def test_waits_until_the_date_the_exchange_names() -> None:
    told = compute_retry_after_s(429, formatdate(time() + 3000, usegmt=True))
    assert told is not None and 2900 <= told <= 3000


def test_a_plain_error_leaves_it_to_the_back_off() -> None:
    assert compute_retry_after_s(500, None) is None
    assert compute_retry_after_s(500, "9") is None


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (451, "WHALE_BINANCE_WS_URL"),
        (403, "firewall"),
        (429, "too many"),
        (418, "banned"),
        (503, "maintenance"),
        (404, "404"),
    ],
)
def test_every_status_has_plain_words(status: int, says: str) -> None:
    assert says in describe_http_error("sim_binance", status)
