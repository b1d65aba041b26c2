"""The feed's pace: samples give way while the stream is behind, whales never."""

import asyncio
from collections.abc import Callable
from typing import Any

from whale_platform.api.push import app
from whale_platform.api.push.app import PushApp
from whale_platform.api.push.sources.kafka_source import SLOW_TICK_S, TICK_S
from whale_platform.kafka_cluster import KafkaCluster

NOBODY = KafkaCluster("127.0.0.1:1")


def sweeps_until(done: Callable[[PushApp], bool], states: dict[str, str]) -> PushApp:
    """A push whose `status` names services in these states, after the first of its sweeps that satisfies `done`."""

    def look() -> dict[str, Any]:
        return {"services": [{"name": name, "state": state} for name, state in states.items()]}

    async def run() -> PushApp:
        made = PushApp(NOBODY, read_status=look)
        task = asyncio.create_task(made._sweep())
        while not done(made):
            assert not task.done()
            await asyncio.sleep(0.01)
        task.cancel()
        return made

    return asyncio.run(asyncio.wait_for(run(), 300))


def test_samples_come_less_often_while_the_stream_is_degraded_and_whales_do_not() -> None:
    made = sweeps_until(
        lambda made: made.source.tails[1].tick_s == SLOW_TICK_S, {"stream": "degraded", "sink": "ready"}
    )
    assert made.source.tails[0].tick_s == 0.0
    made.source.set_slow(False)
    assert made.source.tails[1].tick_s == TICK_S


def test_who_else_is_degraded_changes_nothing() -> None:
    assert not app._is_stream_behind({"name": "sink", "state": "degraded"})
    assert not app._is_stream_behind({"name": "stream", "state": "ready"})
