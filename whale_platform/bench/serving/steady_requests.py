"""`python -m whale_platform.bench.serving.steady_requests PORT PATH RATE SECONDS ENCODING`: sends requests at a rate.

Requests are due at fixed times over kept-open connections; a latency counts from when its request was due, so a server
that pauses pays for all that would have been sent meanwhile (no coordinated omission), and so does this process where
it gets no processor; from_sent_ms counts as most tools do. Prints JSON: `bench.harness`.
"""

import asyncio
import json
import sys
import time
from typing import Any

import uvloop

from whale_platform.bench.harness.latency_summary import summarise_latencies

CONNECTIONS = 20


async def send_requests(port: int, path: str, rate: float, seconds: float, encoding: str) -> dict[str, Any]:
    """{asked_per_s, failed, bytes: of a body, ms: latencies from due, from_sent_ms: the same from sent}."""
    took: list[float] = []
    served: list[float] = []
    bodies: list[int] = []
    failed = 0
    begin = time.perf_counter() + 0.2
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: {encoding}\r\n\r\n".encode()

    async def connection(number: int) -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        due = begin + number / rate
        while due < begin + seconds:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            sent = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            await reader.readexactly(size)
            now = time.perf_counter()
            took.append(now - due)
            served.append(now - sent)
            bodies.append(size)
            failed += not head.startswith(b"HTTP/1.1 200 ")
            due += CONNECTIONS / rate
        writer.close()

    await asyncio.gather(*map(connection, range(CONNECTIONS)))
    spent = time.perf_counter() - begin
    sums = {"ms": summarise_latencies(took), "from_sent_ms": summarise_latencies(served)}
    return {"asked_per_s": round(len(took) / spent, 1), "failed": failed, "bytes": bodies[-1], **sums}


if __name__ == "__main__":
    port, path, rate, seconds, encoding = sys.argv[1:]
    print(json.dumps(uvloop.run(send_requests(int(port), path, float(rate), float(seconds), encoding))))
