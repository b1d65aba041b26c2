"""`python -m whale_platform.bench.streaming.frame_flood TRADES RATE`: the simulator, for a measured number of trades.

It serves as the simulator does, but begins with the first line on stdin, once every market is subscribed, and ends
with stdin. RATE 0 sends as fast as the ingester reads: where a megabyte is unread it waits, so no connection is ended
for being slow. Prints JSON once all are sent. Settings come from the environment, as for any service.
"""

import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable

from whale_platform.exchanges.registry import EXCHANGES, load_simulated
from whale_platform.exchanges.simulation.play import FillPublisher
from whale_platform.settings import Settings
from whale_platform.simulator.play.generated_play import GeneratedPlay
from whale_platform.simulator.service import build_play
from whale_platform.simulator.serving.faults import NoFaults
from whale_platform.simulator.serving.server import serve_exchanges
from whale_platform.simulator.serving.subscription_hub import SubscriptionHub

BATCH = 200  # trades between two looks at what is unread
WAIT_S = 0.002


class FloodPlay(GeneratedPlay):
    """Generated trades, all due at once; `most`: how many."""

    most = 0

    async def run(self, audience: FillPublisher, stop: threading.Event, save: Callable[[], None]) -> None:
        """Publish `most` trades as fast as they are read."""
        feeds = list(self._feeds.values())
        order, sent = 0, 0
        while sent < self.most and not stop.is_set():
            batch_end = min(self.most, sent + BATCH)
            while sent < batch_end:
                for fill in feeds[order % len(feeds)].order(time.time_ns() // 1000):
                    audience.publish(fill)
                    sent += 1
                order += 1
            audience.flush()
            await asyncio.sleep(0)
            while audience.congested():
                await asyncio.sleep(WAIT_S)


async def serve_flood(settings: Settings, trades: int, rate: float) -> None:
    """Serve until stdin ends."""
    loop, stop = asyncio.get_running_loop(), threading.Event()
    generated = build_play(settings)
    play = generated if rate else FloodPlay(generated.pairs, 1.0, settings.simulator_seed, None)
    if isinstance(play, FloodPlay):
        play.most = trades
    hub = SubscriptionHub(NoFaults())
    sides = {name: load_simulated(name).serve(name, play, hub) for name in EXCHANGES}
    async with serve_exchanges(settings.simulator_port, sides, hub):
        await loop.run_in_executor(None, sys.stdin.readline)
        while len(hub.listening()) < len(play.pairs):
            await asyncio.sleep(WAIT_S)
        begun = time.time()
        playing = asyncio.create_task(play.run(hub, stop, lambda: None))
        while play.played < trades and not playing.done():
            await asyncio.sleep(WAIT_S)
        stop.set()
        await playing
        print(json.dumps({"sent": play.played, "begun": begun, "ended": time.time()}), flush=True)
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve_flood(Settings(), int(sys.argv[1]), float(sys.argv[2])))
