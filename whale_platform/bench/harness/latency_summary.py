"""Percentiles of latencies, in milliseconds."""

from collections.abc import Sequence


def summarise_latencies(seconds: Sequence[float]) -> dict[str, float]:
    """{count, p50, p90, p99, p999, max} in ms of latencies given in seconds; only the count where there are none."""
    ranked = sorted(seconds)
    if not ranked:
        return {"count": 0}
    out: dict[str, float] = {"count": len(ranked)}
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)):
        out[name] = round(ranked[min(len(ranked) - 1, int(len(ranked) * share))] * 1000, 1)
    out["max"] = round(ranked[-1] * 1000, 1)
    return out
