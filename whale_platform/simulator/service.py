"""The simulator as a service: builds the play from settings, serves it, and keeps its position in the home.

`home/simulator.json` holds the position in the play, replaced each second and at the end; `home/planted-orders.jsonl`
what was planted. Whatever a person must change (files, port, symbols, another play's home) blocks with one line.
"""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from whale_platform import host_headers
from whale_platform.exchanges.registry import EXCHANGES, assign_symbols, build_adapters, load_simulated
from whale_platform.exchanges.simulation.play import Play
from whale_platform.files.atomic_files import write_json
from whale_platform.settings import Settings
from whale_platform.simulator.errors import PlaySetupError
from whale_platform.simulator.play import symbol_listing
from whale_platform.simulator.play.generated_play import GeneratedPlay
from whale_platform.simulator.play.planted_orders import Planting, planted_path
from whale_platform.simulator.play.recorded_play import RecordedPlay
from whale_platform.simulator.serving.faults import Faults, NoFaults
from whale_platform.simulator.serving.server import serve_exchanges
from whale_platform.simulator.serving.subscription_hub import SubscriptionHub
from whale_platform.supervision.runtime import exit_codes
from whale_platform.supervision.runtime.heartbeat import ServiceState
from whale_platform.supervision.runtime.runner import ServiceContext

_LATE_S = 1.0


def main(context: ServiceContext) -> int:
    """Play until `context.stop` is set; returns the exit code."""
    try:
        return asyncio.run(serve_play(context, build_play(context.settings), NoFaults()))
    except PlaySetupError as wrong:
        return context.report_blocked(str(wrong))


def build_play(settings: Settings) -> Play:
    """The play that the settings ask for, taken up where this home's last one stopped. Raises PlaySetupError."""
    saved = _saved(state_path(settings.home))
    if settings.source == "replay":
        if not settings.replay_files:
            raise PlaySetupError("nothing to replay: give captured files with --file")
        return RecordedPlay(
            settings.replay_files, settings.replay_speed, settings.replay_times, settings.exchanges, saved
        )
    try:
        adapters = build_adapters(settings, lambda name: symbol_listing.list_simulated(_real(name), settings.symbols))
        symbols = assign_symbols(adapters, settings.symbols)
    except ValueError as wrong:
        raise PlaySetupError(str(wrong)) from None
    lists = {_real(exchange.name): exchange.listed for exchange in adapters}
    pairs = symbol_listing.find_pairs({_real(name): found for name, found in symbols.items()}, lists)
    seed, noises = settings.simulator_seed, settings.simulator_planted_noise
    known = planted_path(settings.home).exists()  # history has what was planted before
    planting = Planting(seed, noises, planted_path(settings.home)) if noises or known else None
    return GeneratedPlay(pairs, settings.simulator_rate, seed, saved, planting)


def _real(name: str) -> str:
    return name.removeprefix("sim_")


def state_path(home: Path) -> Path:
    """Where the position in the play is kept."""
    return home / "simulator.json"


async def serve_play(context: ServiceContext, play: Play, faults: Faults) -> int:
    """Serve `play` on the configured port until `context.stop`; exit code."""
    hub = SubscriptionHub(faults)
    sides = {name: load_simulated(name).serve(name, play, hub) for name in EXCHANGES}
    port = context.settings.simulator_port

    def save() -> None:
        write_json(state_path(context.settings.home), play.to_save())

    async def each_second() -> None:
        before, at = play.played, time.monotonic()
        while True:
            await asyncio.sleep(1)
            context.record_progress()
            now = time.monotonic()
            rate, before, at = (play.played - before) / (now - at), play.played, now
            for side in sides.values():
                side.beat()
            save()
            _tell(context, play, hub, rate)

    async with AsyncExitStack() as stack:
        try:
            bind = "127.0.0.1" if host_headers.is_loopback(context.settings.simulator_host) else context.settings.bind
            await stack.enter_async_context(serve_exchanges(port, sides, hub, bind))
        except OSError as wrong:
            context.report_state(
                "degraded", f"port {port} can't be used ({wrong}): set WHALE_SIMULATOR_PORT to a free one"
            )
            return exit_codes.RETRY
        _tell(context, play, hub, 0.0)
        seconds = asyncio.create_task(each_second())
        playing = asyncio.create_task(play.run(hub, context.stop, save))
        try:
            ended, _ = await asyncio.wait((seconds, playing), return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            seconds.cancel()
            playing.cancel()
            save()
    context.report_state("stopping")
    return exit_codes.CLEAN


def _tell(context: ServiceContext, play: Play, hub: SubscriptionHub, rate: float) -> None:
    late = play.behind_s()
    context.heartbeat.numbers = {
        "state": play.state,
        "kind": play.kind,
        "trades_sent": play.played,
        "rate": round(rate, 1),
        "behind_s": round(late, 3),
        "subscribers": hub.subscribers,
        "dropped_clients": hub.dropped,
        "connections": hub.joined,
        "messages": hub.asked,
    }
    state: ServiceState = "degraded" if late > _LATE_S else "ready"
    detail = f"{late:.0f} s behind: {rate:,.0f} trades/s is all it can send" if late > _LATE_S else ""
    if (state, detail) != (context.heartbeat.state, context.heartbeat.detail):
        context.report_state(state, detail)


def _saved(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as wrong:
        raise PlaySetupError(f"{path} can't be read ({wrong}): take a fresh --home") from None
    return found
