"""Memory of everything that runs in a home, as proportional set size: shared pages are counted once in all."""

from pathlib import Path
from typing import Any

import psutil

from whale_platform.bench.platform import Platform


def measure(platform: Platform) -> dict[str, Any]:
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


def _name(words: list[str]) -> str:
    text = " ".join(words)
    for sign, name in (
        ("SparkSubmit", "stream (JVM)"),
        ("kafka.Kafka", "kafka"),
        ("whale_platform.", text.partition("whale_platform.")[2].split()[0] if "whale_platform." in text else ""),
        ("postgres", "postgres"),
    ):
        if sign in text:
            return name
    return Path(words[0]).name if words else "unknown"
