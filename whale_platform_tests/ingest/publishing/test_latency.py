"""Percentiles of sampled latencies, of one exchange and of all."""

import pytest

from whale_platform.ingest.publishing.latency import KEPT_SAMPLES, SPAN_S, LatencySamples, compute_percentiles


def of(values: list[float], per_second: float = 0.0) -> LatencySamples:
    latency = LatencySamples()
    latency.tune(per_second)
    for value in values:
        if latency.is_due():
            latency.add(value)
    return latency


@pytest.mark.parametrize("count", [1, 2, 3, 99, 100, 101, 200])
def test_one_latency_is_ranked_as_it_is(count: int) -> None:
    values = [float(value) for value in range(count)]
    assert compute_percentiles(of(values[::-1])) == (values[count // 2], values[int(count * 0.99)])


def test_without_a_sample_there_is_none() -> None:
    assert compute_percentiles() is None and compute_percentiles(LatencySamples(), LatencySamples()) is None


def test_a_busy_exchange_outweighs_a_quiet_one_though_both_are_sampled_alike() -> None:
    busy = of([5.0] * 20_000, per_second=20 * KEPT_SAMPLES / SPAN_S)
    quiet = of([80.0] * 1_000)
    assert (len(busy.recent()), len(quiet.recent())) == (1_000, 1_000)
    assert compute_percentiles(busy, quiet) == (5.0, 80.0)
    assert compute_percentiles(quiet) == (80.0, 80.0)


def test_old_samples_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 100.0)
    latency = of([1.0])
    monkeypatch.setattr("time.monotonic", lambda: 100.0 + SPAN_S + 1)
    latency.add(3.0)
    assert compute_percentiles(latency) == (3.0, 3.0)
