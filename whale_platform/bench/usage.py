"""What each program in a home takes: memory as proportional set size (shared pages count once in all), CPU seconds."""

from pathlib import Path
from typing import Any

import psutil

from whale_platform.bench.platform import Platform


def memory(platform: Platform) -> dict[str, Any]:
    """{total_mb, by program}; programs are told apart by their command lines."""
    parts: dict[str, float] = {}
    for process in platform.processes():
        try:
            rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
            name = _name(process.cmdline())
        except (OSError, psutil.Error):
            continue
        pss = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        parts[name] = parts.get(name, 0.0) + pss / 1000
    return {
        "total_mb": round(sum(parts.values())),
        "parts_mb": {name: round(size) for name, size in sorted(parts.items())},
    }


def cpu_seconds(platform: Platform) -> dict[str, float]:
    """CPU seconds so far, user and system, by program."""
    parts: dict[str, float] = {}
    for process in platform.processes():
        try:
            name, times = _name(process.cmdline()), process.cpu_times()
        except psutil.Error:
            continue
        parts[name] = parts.get(name, 0.0) + times.user + times.system
    return parts


def _name(words: list[str]) -> str:
    text = " ".join(words)
    for sign, name in (
        ("SparkSubmit", "stream (JVM)"),
        ("kafka.Kafka", "kafka"),
        ("multiprocessing.spawn", "dagster jobs"),
        ("dagster", "dagster"),
        ("whale_platform.", text.partition("whale_platform.")[2].split()[0] if "whale_platform." in text else ""),
        ("postgres", "postgres"),
    ):
        if sign in text:
            return name
    return Path(words[0]).name if words else "unknown"
