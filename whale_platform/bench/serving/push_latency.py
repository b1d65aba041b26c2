"""Whales pushed to many clients at once, timed from the moment their frames left the simulator; one clock for all.

Some clients never read: the others must not notice, and the server's memory must stay where it is.
"""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from whale_platform.bench.harness.latency_summary import summarise_latencies
from whale_platform.bench.harness.platform import Platform
from whale_platform.bench.harness.websocket_client import (
    MinimalWebSocketClient,
    connect_reader,
    connect_stalled,
)
from whale_platform.bench.serving.api_latency import measure_api_memory


def measure_push(
    platform: Platform, clients: int, asleep: int, seconds: float, tell: Callable[[str], None]
) -> dict[str, Any]:
    """{whales, each: how many of them every reading client got, ms: of all arrivals, process_mb before and after}."""
    port = int(platform.env["WHALE_API_PORT"])
    before = measure_api_memory(platform)

    async def scene() -> list[MinimalWebSocketClient]:
        tell(f"connecting {clients} clients, {asleep} of which never read")
        sleepers = [await connect_stalled(port) for _ in range(asleep)]
        readers = [await connect_reader(port) for _ in range(clients - asleep)]
        tell(f"listening for {seconds:g} s")
        await asyncio.sleep(seconds)
        dropped = sum(one.lost.is_set() for one in readers)
        tell(f"{dropped} readers were dropped")
        after.update(measure_api_memory(platform))
        for one in (*readers, *sleepers):
            one.transport.abort()
        return readers

    after: dict[str, float] = {}
    readers = asyncio.run(scene())
    counts = [len(one.whales) for one in readers]
    took = [at - _parse_event_time(frame) for one in readers for at, frame in one.whales]
    return {
        "clients": clients,
        "asleep": asleep,
        "whales_each": {"least": min(counts), "most": max(counts)},
        "ms": summarise_latencies(took),
        "frames": sum(one.frames for one in readers),
        "process_mb": {"before": before, "after": after},
    }


def _parse_event_time(frame: bytes) -> float:
    return datetime.fromisoformat(json.loads(frame)["whale"]["event_time"]).timestamp()
