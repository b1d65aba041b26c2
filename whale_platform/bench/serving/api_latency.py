"""The API while trades flow: a second process requests `/latest`, before and after the tables hold many days.

Raises CalledProcessError where that process fails: a request was refused or the connection broke.
"""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from whale_platform.bench.harness import table_history
from whale_platform.bench.harness.platform import Platform
from whale_platform.settings import ROOT
from whale_platform.supervision.runtime import heartbeat

API_PAGES = (
    "/windows?limit=1000",
    "/whales?limit=1000",
    "/rollups",
    "/sparklines",
    "/whales/summary",
    "/health",
    "/metrics",
)
TRIES = 5
SETTLE_S = 10.0  # Postgres writes out what was filled in


def measure_api(
    platform: Platform, dsn: str, rate: float, seconds: float, days: int, tell: Callable[[str], None]
) -> Any:
    """Latencies in ms: of `/latest` at `rate` requests/s, plain, as gzip and with `days` days of 20 symbols; of other
    pages.

    cache_reads_per_s: how often changed rows were read from Postgres for it meanwhile, two statements each.
    """
    port = int(platform.env["WHALE_API_PORT"])
    tell(f"asking /latest at {rate:g}/s for {seconds:g} s")
    before = _read_cache_reads(platform)
    latest = _measure_requests(port, rate, seconds)
    found = {"latest": latest | {"cache_reads_per_s": round((_read_cache_reads(platform) - before) / seconds, 1)}}
    tell("the same, compressed")
    found["latest_gzip"] = _measure_requests(port, rate, seconds, "gzip")
    if days:
        tell(f"filling the tables with {days} days")
        now = datetime.now(UTC).replace(second=0, microsecond=0)
        rows = table_history.fill_tables(dsn, now - timedelta(days=days), days * 1440, whales=True)
        time.sleep(SETTLE_S)
        tell(f"asking /latest again, over {rows:,} rows")
        found[f"latest_with_{days}_days"] = _measure_requests(port, rate, seconds) | {"rows": rows}
    return found | {
        "pages_ms": {path: _measure_page_ms(port, path) for path in API_PAGES},
        "process_mb": measure_api_memory(platform),
    }


def _measure_requests(port: int, rate: float, seconds: float, encoding: str = "identity") -> dict[str, Any]:
    program = "whale_platform.bench.serving.steady_requests"
    words = ["-m", program, str(port), "/latest", str(rate), str(seconds), encoding]
    done = subprocess.run([sys.executable, "-P", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _read_cache_reads(platform: Platform) -> int:
    beat = heartbeat.read_heartbeat(Path(platform.status()["home"]), "api")
    return 0 if beat is None else int(beat.numbers["reads"])


def _measure_page_ms(port: int, path: str) -> float:
    took = []
    for _ in range(TRIES):
        begin = time.perf_counter()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=300) as answer:
            answer.read()
        took.append(time.perf_counter() - begin)
    return round(sorted(took)[TRIES // 2] * 1000, 1)


def measure_api_memory(platform: Platform) -> dict[str, float]:
    """The API's own process: proportional and resident set size, MB."""
    api = next(one for one in platform.processes() if "whale_platform.api" in " ".join(one.cmdline()))
    whole = psutil.Process(api.pid).memory_full_info()
    return {"pss": round(whole.pss / 1e6, 1), "rss": round(whole.rss / 1e6, 1)}
